"""The report page: one HTML file that a person opens, with its pictures inside."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image as Picture

from findings.files import write_text
from findings.finding import Finding, Term
from findings.grade_words import grade_chances, supposition_lines
from findings.measure import by_name
from findings.survey import Image, ImageStatus
from findings.taxonomy import damage_type, member_kind
from findings.wording import main_measures
from mizuhashi.coverage_words import DATE_COLUMNS, MEMBER_COLUMNS, CoverageWords
from mizuhashi.describe import footprint_text, measure_text, number, scale_text
from mizuhashi.figures import width_scatter
from mizuhashi.listing import Row, score_text, why
from mizuhashi.output import seconds
from mizuhashi.truth import Comparison

THUMBNAIL_PX = 760
EROSION = "R17"
CARDS = 10


@dataclass(frozen=True, slots=True)
class SurveyPart:
    """One survey on the page: what it inspects, its images as the store has them, remarks, and what it covers."""

    name: str
    asset_name: str
    images: tuple[Image, ...]
    models: tuple[str, ...]
    remarks: tuple[tuple[str, str], ...]
    coverage: tuple[CoverageWords, ...] = ()


@dataclass(frozen=True, slots=True)
class PageData:
    """Everything on the page.

    Attributes:
        rows: all findings in rank order.
        pictures: the overlay of each finding by uid, below ``folder``.
        durations: seconds by stage, in order.
        comparison: of crack widths with the generator's truth, where the imagery is generated.
        eroded_m2: ground that the generated river really took from its first scene to its last.
        files: name and what it is, beside the page.
    """

    title: str
    generated_seed: int | None
    rows: tuple[Row, ...]
    pictures: Mapping[str, Path]
    surveys: tuple[SurveyPart, ...]
    durations: Mapping[str, float]
    comparison: Comparison | None
    eroded_m2: float | None
    files: tuple[tuple[str, str], ...]


def write_report(data: PageData, path: Path) -> None:
    """Write the page; it appears only when it is complete.

    Raises:
        OutputError: it cannot be written.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mizuhashi", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "seconds": seconds}
    write_text(path, environment.get_template("report.html.j2").render(page_values(data, path.parent)))


def page_values(data: PageData, folder: Path) -> dict[str, Any]:
    """Return what the template shows, as plain values."""
    images = {image.uid: image for survey in data.surveys for image in survey.images}
    everything = list(images.values())
    comparison = data.comparison
    return {
        "title": data.title,
        "seed": data.generated_seed,
        "cards": [_card(row, images, data.pictures, folder) for row in data.rows[:CARDS]],
        "rest": [_line(row, images, data.pictures, folder) for row in data.rows[CARDS:]],
        "total": len(data.rows),
        "graded": sum(1 for row in data.rows if row.finding.grade and row.finding.grade.codes),
        "draft": any(row.finding.grade and row.finding.grade.status == "draft" for row in data.rows),
        "images": len(everything),
        "unseen": [_unseen(image) for image in everything if image.status is not ImageStatus.INSPECTED],
        "surveys": [_survey(survey) for survey in data.surveys],
        "member_columns": MEMBER_COLUMNS,
        "date_columns": DATE_COLUMNS,
        "durations": _bars(data.durations),
        "duration": sum(data.durations.values()),
        "comparison": None if comparison is None else _comparison(comparison),
        "river": None if data.eroded_m2 is None else _river(data.eroded_m2, data.rows),
        "files": data.files,
        "profile": next((row.priority.profile for row in data.rows if row.priority), ""),
    }


def _line(row: Row, images: Mapping[str, Image], pictures: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    finding = row.finding
    picture = pictures.get(finding.uid)
    return {
        "rank": row.rank,
        "uid": finding.uid,
        "label": row.label,
        "english": damage_type(finding.damage).en,
        "score": score_text(row.priority),
        "asset": row.asset_name,
        "where": _where(finding, images.get(finding.image_uid)),
        "measures": "; ".join(measure_text(measure) for measure in main_measures(finding.measures)),
        "picture": picture.relative_to(folder).as_posix() if picture else None,
        "why": why(row),
    }


def _card(row: Row, images: Mapping[str, Image], pictures: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    finding, priority = row.finding, row.priority
    picture = pictures.get(finding.uid)
    grade = finding.grade
    return _line(row, images, pictures, folder) | {
        "thumbnail": data_uri(picture) if picture else None,
        "points": round(priority.score) if priority else None,
        "low": priority.low if priority else 0.0,
        "high": priority.high if priority else 0.0,
        "codes": list(grade.codes) if grade else [],
        "chances": grade_chances(grade, finding.final_grade),
        "suppositions": supposition_lines(grade) if grade else [],
        "ladder": list(damage_type(finding.damage).grades),
        "trace_ja": grade.trace_ja if grade else "",
        "trace_en": grade.trace_en if grade else "",
        "standard": f"{grade.standard} {grade.version}" if grade else "",
        "all_measures": [(measure_text(measure), measure.how) for measure in finding.measures],
        "scale": scale_text(finding.scale),
        "model": f"{finding.provenance.model}@{finding.provenance.model_version}",
        "model_score": f"{finding.score:.2f}",
        "terms": [_term(term) for term in priority.terms] if priority else [],
    }


def _term(term: Term) -> dict[str, Any]:
    return {
        "ja": term.words_ja,
        "en": term.words_en,
        "points": f"{term.contribution:+.1f}",
        "share": max(0.0, min(100.0, term.contribution)),
        "missing": term.value is None,
    }


def _where(finding: Finding, image: Image | None) -> str:
    parts = []
    if finding.span is not None:
        parts.append(f"径間 span {finding.span}")
    if finding.member:
        kind = member_kind(finding.member)
        parts.append(f"{kind.ja} {kind.en} ({kind.symbol})")
    if image is not None:
        parts.append(Path(image.path).name)
    return ", ".join(parts)


def _unseen(image: Image) -> dict[str, str]:
    return {"name": Path(image.path).name, "status": image.status.value.replace("_", " "), "reason": image.reason or ""}


def _survey(survey: SurveyPart) -> dict[str, Any]:
    rows = []
    for image in survey.images:
        rows.append(
            {
                "name": Path(image.path).name,
                "size": f"{image.width_px} x {image.height_px}",
                "when": image.captured_at.strftime("%Y-%m-%d %H:%M UTC") if image.captured_at else "unknown",
                "scale": scale_text(image.scale),
                "footprint": footprint_text(image.footprint),
                "status": image.status.value.replace("_", " "),
                "notes": "; ".join(dict.fromkeys([*image.notes, *image.quality.warnings])),
            }
        )
    return {
        "name": survey.name,
        "asset": survey.asset_name,
        "images": rows,
        "models": ", ".join(survey.models),
        "remarks": survey.remarks,
        "coverage": survey.coverage,
    }


def _bars(durations: Mapping[str, float]) -> list[dict[str, Any]]:
    longest = max(durations.values(), default=1.0) or 1.0
    return [
        {"name": name, "seconds": seconds(value), "share": 100 * value / longest} for name, value in durations.items()
    ]


def _comparison(comparison: Comparison) -> dict[str, Any]:
    classes: Sequence[tuple[float, float, float, float]] = comparison.by_width
    return {
        "found": len(comparison.pairs),
        "on_cracks": len(comparison.on_cracks),
        "compared": len(comparison.compared),
        "inside": sum(1 for pair in comparison.compared if pair.inside),
        "true_m": number(comparison.true_length_m),
        "share": _percent(comparison.found_length_m, comparison.true_length_m),
        # The drawing is made of our own numbers; nothing in it comes from a file or a user.
        "scatter": Markup(width_scatter(comparison)),  # noqa: S704
        "classes": [
            {
                "range": f"{low:g} to {high:g} px" if high < float("inf") else f"above {low:g} px",
                "true_m": number(true_m),
                "share": _percent(found_m, true_m),
            }
            for low, high, true_m, found_m in classes
        ],
    }


def _river(eroded_m2: float, rows: Sequence[Row]) -> dict[str, Any]:
    found = [row.finding for row in rows if row.finding.damage == EROSION]
    areas = [area for finding in found if (area := by_name(finding.measures, "area")) is not None]
    return {"true": number(eroded_m2), "found": [measure_text(area) for area in areas]}


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole > 0 else "none there"


def data_uri(path: Path) -> str:
    """Return a picture as a data URI, no side longer than `THUMBNAIL_PX`, so that the page can travel alone."""
    with Picture.open(path) as picture:
        small = picture.convert("RGB")
        small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        buffer = io.BytesIO()
        small.save(buffer, format="JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
