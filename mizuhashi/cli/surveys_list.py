"""``mizuhashi surveys list``: the surveys by what became of their pictures, or the pictures of one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.options import JsonOption
from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from findings.store import Store
    from findings.survey import Image, Survey
    from mizuhashi.output import Output


def list_(
    ctx: typer.Context,
    survey: Annotated[str | None, typer.Argument(help="Name of a survey; without it all surveys are listed.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print one line a survey, or one a picture."""
    session = session_of(ctx)
    with session.store() as store:
        names = {asset.uid: asset.name for asset in store.assets()}
        if survey is None:
            rows = [_survey_record(one, store, names) for one in store.surveys()]
        else:
            kept = store.survey(survey)
            rows = [_image_record(image, kept, names) for image in store.images(kept.uid)]
    if as_json:
        session.output.json({"surveys": rows} if survey is None else {"survey": survey, "pictures": rows})
    elif survey is None:
        _show_surveys(session.output, rows)
    else:
        _show_images(session.output, rows)


def _survey_record(survey: Survey, store: Store, names: dict[str, str]) -> dict[str, Any]:
    from findings.survey import ImageStatus

    images = store.images(survey.uid)
    states = Counter(image.status for image in images)
    return {
        "name": survey.name,
        "uid": survey.uid,
        "asset": survey.asset_uid,
        "asset_name": names.get(survey.asset_uid or ""),
        "created_at": survey.created_at.isoformat(),
        "pictures": len(images),
        **{status.value: states[status] for status in ImageStatus},
    }


def _show_surveys(output: Output, rows: list[dict[str, Any]]) -> None:
    if not rows:
        output.result("no survey yet: take pictures in by mizuhashi ingest")
        return
    columns = ("survey", "asset", "made", "pictures", "inspected", "pending", "not assessed", "failed")
    output.table(
        columns,
        [
            (
                row["name"],
                row["asset_name"] or "-",
                row["created_at"][:10],
                row["pictures"],
                row["inspected"],
                row["pending"],
                row["not_assessed"],
                row["failed"],
            )
            for row in rows
        ],
    )


def _image_record(image: Image, survey: Survey, names: dict[str, str]) -> dict[str, Any]:
    from mizuhashi.describe import taken_text

    own = image.assignment.asset_uid if image.assignment is not None else None
    asset = own or survey.asset_uid
    quality = image.quality
    return {
        "name": Path(image.path).name,
        "uid": image.uid,
        "kind": image.kind.value,
        "captured_at": image.captured_at.isoformat() if image.captured_at else None,
        "taken": taken_text(image),
        "gsd_mm": image.scale.gsd_mm,
        "gsd_sigma_mm": image.scale.sigma_mm,
        "scale_source": image.scale.source.value,
        "scale": _scale(image),
        "asset": asset,
        "asset_name": names.get(asset or ""),
        "span": image.span,
        "member": image.member,
        "assigned_by": image.assignment.source.value if image.assignment is not None else None,
        "confidence": image.assignment.confidence if image.assignment is not None else None,
        "blur_px": quality.blur_px,
        "noise": quality.noise,
        "motion_px": quality.motion_px,
        "haze": quality.haze,
        "masked_share": quality.masked_share,
        "masks_looked_for": _looked(image),
        "mask_path": image.mask_path,
        "status": image.status.value,
        "reason": image.reason,
        "warnings": list(quality.warnings),
        "notes": list(image.notes),
    }


def _scale(image: Image) -> str:
    from mizuhashi.describe import scale_text

    return scale_text(image.scale) if image.scale.gsd_mm is not None else "unknown"


def _looked(image: Image) -> bool:
    """Return whether anybody looked for what must not be judged: in a scene its mask says so."""
    if image.kind.value == "scene":
        return image.mask_path is not None
    return not any("too many to look" in warning for warning in image.quality.warnings)


def _show_images(output: Output, rows: list[dict[str, Any]]) -> None:
    from imagery.flight.turn import MARK
    from mizuhashi.notes import common_notes

    said = [
        [row["reason"]] if row["reason"] else [*row["warnings"], *(n for n in row["notes"] if n.startswith(MARK))]
        for row in rows
    ]
    left, common = common_notes(said)
    columns = (
        "picture", "taken", "scale", "asset, span, member", "assigned by", "blur px", "masked", "status", "notes",
    )  # fmt: skip
    output.table(
        columns,
        [
            (
                row["name"],
                row["taken"] or "-",
                row["scale"],
                " ".join(str(row[key]) for key in ("asset_name", "span", "member") if row[key] is not None) or "-",
                _assigned(row),
                None if row["blur_px"] is None else f"{row['blur_px']:.1f}",
                _percent(row["masked_share"]) if row["masks_looked_for"] else "not looked for",
                row["status"].replace("_", " "),
                "; ".join(remarks),
            )
            for row, remarks in zip(rows, left, strict=True)
        ],
    )
    for line in common:
        output.result(f"note on {line}")


def _assigned(row: dict[str, Any]) -> str:
    if row["assigned_by"] is None:
        return "survey" if row["asset"] is not None else "-"
    return f"{row['assigned_by']} {row['confidence']:.0%}"


def _percent(share: float) -> str:
    return "0 %" if share == 0 else "under 1 %" if share < 0.01 else f"{share:.0%}".replace("%", " %")
