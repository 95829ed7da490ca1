"""``mizuhashi reviews``: findings out to label tools, decisions back, and what to look at first."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from findings.exports import Pictures, ReviewFormat
from findings.status import FindingStatus
from mizuhashi.cli.options import Device, DeviceOption, JsonOption, ProfileOption, new_app
from mizuhashi.cli.session import Session, session_of

if TYPE_CHECKING:
    from findings.store import Store
    from mizuhashi.reviewing import Exported, Imported
    from training.disagreement import Queued

app = new_app("Export findings for review, import the decisions, list what to review first.")
SurveyName = Annotated[str, typer.Option(help="Name of the survey.")]
AgainstOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[@VERSION]",
        help="The model whose disagreement counts; default: the challenger, else turned views of the same model.",
    ),
]


class Missing(StrEnum):
    """What it means that a mark is gone."""

    IGNORED = "ignored"
    REJECTED = "rejected"


class Pending(StrEnum):
    """What it means that a mark was left as it was."""

    IGNORED = "ignored"
    CONFIRMED = "confirmed"


@app.command("export", help="Write the open findings of a survey for a label tool, whole pictures at a time.")
def export_(
    ctx: typer.Context,
    survey: SurveyName,
    format_: Annotated[ReviewFormat, typer.Option("--format", help="coco, cvat or labelstudio.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file; pictures go into images/ beside it.")],
    images: Annotated[Pictures, typer.Option(help="Copy or link the pictures, or leave them.")] = Pictures.PATHS,
    status: Annotated[FindingStatus | None, typer.Option(help="Only pictures with such a finding.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many pictures at most.")] = None,
    queue: Annotated[bool, typer.Option("--queue", help="The most uncertain pictures first.")] = False,
    against: AgainstOption = None,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Write one file, and beside it what the tool must be set up with."""
    from mizuhashi.reviewing import export_reviews

    session = session_of(ctx)
    with session.store() as store:
        order = None
        if queue or against is not None:
            order = [row.image_uid for row in _queue(session, store, survey, against, device)]
        done = export_reviews(store, survey, format_, out, pictures=images, status=status, limit=limit, order=order)
    for line in _export_lines(done, format_, out, images):
        session.output.say(line)
    for name in done.turned:
        session.output.remark(f"note {name}: label tools show it turned; export it with --images copy")


@app.command("import", help="Take the decisions of a label tool's file into the store, all or nothing.")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What the tool exported, or its zip archive.")],
    format_: Annotated[ReviewFormat, typer.Option("--format", help="coco, cvat or labelstudio.")],
    reviewer: Annotated[str, typer.Option(metavar="NAME", help="Who decided.")],
    survey: Annotated[str | None, typer.Option(help="Survey of the pictures, if the file does not tell.")] = None,
    missing: Annotated[
        Missing, typer.Option(help="A finding that is gone from the file: nothing decided, or rejected.")
    ] = Missing.IGNORED,
    pending: Annotated[
        Pending, typer.Option(help="A finding left as it was, without decision: nothing decided, or confirmed.")
    ] = Pending.IGNORED,
    profile: ProfileOption = "",
    as_json: JsonOption = False,
) -> None:
    """Import, rank anew, and say what was decided."""
    from datetime import UTC, datetime

    from findings.profile import DEFAULT, load_profile
    from findings.store.rank import rank_all
    from mizuhashi.reviewing import import_reviews

    session = session_of(ctx)
    with session.store() as store:
        load_profile(profile or DEFAULT)  # refused before anything is imported
        done = import_reviews(
            store,
            file,
            format_,
            reviewer,
            survey=survey,
            missing_rejects=missing is Missing.REJECTED,
            pending_confirms=pending is Pending.CONFIRMED,
        )
        if done.counts.added:
            rank_all(store, profile=profile or DEFAULT, today=datetime.now(UTC).date())
    if as_json:
        session.output.json(_import_record(done))
        return
    for line in _import_lines(done, missing):
        session.output.say(line)


@app.command("queue", help="List what to review first: where two models, or turned views of one, disagree most.")
def queue(
    ctx: typer.Context,
    survey: SurveyName,
    against: AgainstOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Print the open findings, the least certain first, each with its reason."""
    session = session_of(ctx)
    with session.store() as store:
        rows = _queue(session, store, survey, against, device)
    if as_json:
        session.output.json([row.record() for row in rows[:limit]])
        return
    if not rows:
        session.output.say("nothing to review: no photograph has an open finding")
        return
    columns = ("order", "picture", "what", "disagreement", "score", "why", "finding")
    session.output.table(columns, [(n, *row.cells()) for n, row in enumerate(rows[:limit], start=1)])
    session.output.say(f"next: mizuhashi reviews export --survey {survey} --queue --format cvat --out review.xml")


@app.command("list", help="List the reviews of a survey or of one finding, oldest first.")
def list_(
    ctx: typer.Context,
    survey: Annotated[str | None, typer.Option(help="Only the reviews of this survey.")] = None,
    finding: Annotated[str | None, typer.Option(metavar="ID", help="Only the reviews of this finding.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print who decided what, when, and by which door."""
    from mizuhashi.reviewing import review_record

    session = session_of(ctx)
    with session.store() as store:
        rows = [review_record(review) for review in store.reviews(finding, survey=survey)]
    if as_json:
        session.output.json(rows)
        return
    columns = ("at", "reviewer", "decision", "corrected", "final_grade", "note", "source", "finding_uid")
    session.output.table(columns, [[row[name] for name in columns] for row in rows])


def _queue(session: Session, store: Store, survey: str, against: str | None, device: Device) -> list[Queued]:
    from inference.device import pick_device
    from training.disagreement import queue as ask

    with session.output.progress("queue") as progress:
        return ask(
            store, survey, session.registry(), against=against, device=pick_device(device.value), progress=progress
        )


def _export_lines(done: Exported, kind: ReviewFormat, out: Path, images: Pictures) -> list[str]:
    lines = [f"wrote {_count(done.findings, 'finding')} on {_count(done.pictures, 'picture')} to {done.files[0]}"]
    if images is not Pictures.PATHS:
        lines.append(f"pictures: {out.parent / 'images'}")
    if kind is ReviewFormat.CVAT:
        lines.append(f"CVAT: make a task with the labels of {done.files[1]} (Raw) and the pictures, then upload "
                     f"annotations, format 'CVAT 1.1'")  # fmt: skip
    if kind is ReviewFormat.LABELSTUDIO:
        lines.append(f"Label Studio: paste {done.files[1]} as the labelling interface (Code), then import the file")
    if done.scenes:
        lines.append(f"left out {_count(done.scenes, 'scene')}: label tools show photographs")
    lines.append(f"then: mizuhashi reviews import FILE --format {kind.value} --reviewer NAME")
    return lines


def _import_record(done: Imported) -> dict[str, object]:
    found = done.found
    decisions = [review.decision.value for review in found.reviews]
    return {
        "survey": done.survey,
        "decided": {status.value: decisions.count(status.value) for status in FindingStatus},
        "corrected": found.corrected,
        "drawn": len(found.drawn),
        "pending": found.pending,
        "missing": found.missing,
        "unclear_pictures": found.unclear,
        "superseded": found.superseded,
        "added": done.counts.added,
        "unchanged": done.counts.unchanged,
    }


def _import_lines(done: Imported, missing: Missing) -> list[str]:
    found = done.found
    counts = [(status, sum(r.decision is status for r in found.reviews)) for status in FindingStatus]
    words = [f"{number} {_word(status)}" for status, number in counts if number]
    lines = [f"survey {done.survey}: {', '.join(words) or 'nothing decided'}; {found.corrected} corrected, "
             f"{len(found.drawn)} drawn anew, {found.pending} pending"]  # fmt: skip
    lines.append(f"{_count(done.counts.added, 'row')} added, {done.counts.unchanged} known already")
    if found.missing and missing is Missing.IGNORED:
        lines.append(f"{_count(found.missing, 'finding')} of those that went out not in the file, left as they are; "
                     "--missing rejected takes them for rejected")  # fmt: skip
    if found.unclear:
        lines.append(f"{_count(found.unclear, 'picture')} with other findings than went out: what is missing there "
                     "was left as it is; export again")  # fmt: skip
    if found.superseded:
        lines.append(f"{_count(found.superseded, 'decision')} overruled by somebody else since; not repeated")
    return lines


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _word(status: FindingStatus) -> str:
    return "left open" if status is FindingStatus.CANDIDATE else status.value.replace("_", " ")
