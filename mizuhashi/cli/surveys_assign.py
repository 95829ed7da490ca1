"""``mizuhashi surveys assign``: which asset, span and member the pictures of a survey show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.options import JsonOption
from mizuhashi.cli.session import PARTIAL, session_of

if TYPE_CHECKING:
    from findings.asset import Asset
    from findings.store import Store
    from findings.survey import Assignment, Image, Survey
    from mizuhashi.output import Output

NAMED = 5
"""Pictures that a remark names; more are counted."""
SHOWN = 40
"""Rows of the table; more are counted."""


@dataclass(slots=True)
class _Plan:
    """What is to be written, by image uid, and what is to be told: one remark a picture, and one for all alike."""

    given: dict[str, Assignment | None] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    refused: int = 0
    silent: int = 0


@dataclass(frozen=True, slots=True)
class _Hand:
    """What a person says of some pictures."""

    images: Sequence[str]
    asset: str | None
    span: int | None
    member: str | None
    clear: bool


def assign(
    ctx: typer.Context,
    survey: Annotated[str, typer.Argument(help="Name of the survey.")],
    folders: Annotated[
        bool, typer.Option("--folders", help="By folders: .../ASSET/SPAN/MEMBER/file, e.g. 水橋/径間1/主桁/a.jpg.")
    ] = False,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="By a table: file or sha256; asset, span, member.")
    ] = None,
    nearest: Annotated[bool, typer.Option("--nearest", help="By the nearest asset's geometry.")] = False,
    max_distance: Annotated[
        float | None, typer.Option(metavar="M", help="With --nearest: farthest asset in metres [100].")
    ] = None,
    image: Annotated[
        list[str] | None, typer.Option(metavar="ID|NAME", help="By hand: one picture, or a pattern; may be repeated.")
    ] = None,
    asset: Annotated[str | None, typer.Option(metavar="ID", help="With --image: bridge or river reach.")] = None,
    span: Annotated[int | None, typer.Option(metavar="N", min=1, help="With --image: number of the span.")] = None,
    member: Annotated[str | None, typer.Option(metavar="SYM", help="With --image: Mg, 主桁 ...")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="With --image: take the assignment back.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, write nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Assign by one way; person > table > folder > nearest: a weaker way never overwrites a stronger one."""
    hand = _Hand(tuple(image or ()), asset, span, member, clear)
    _check_options([folders, table is not None, nearest, bool(image)], hand, max_distance, nearest)
    session = session_of(ctx)
    with session.store() as store:
        kept = store.survey(survey)
        images, assets = store.images(kept.uid), store.assets()
        if hand.images:
            plan = _by_hand(hand, kept, images, assets, store)
        else:
            plan = _by_rule(folders, table, max_distance, kept, images, assets)
        for remark in plan.told:
            session.output.remark(remark)
        changes = _changes(images, plan.given)
        behind = 0
        if not dry_run:
            store.assign_images(plan.given)
            behind = store.findings_behind(kept.uid)
    if as_json:
        session.output.json(_document(kept, changes, plan, behind, dry_run=dry_run))
    else:
        _tell(session.output, survey, changes, plan, {a.uid: a.name for a in assets}, dry_run=dry_run)
    if behind:
        session.output.remark(
            f"{behind} findings still carry an earlier assignment; `mizuhashi inspect --survey {survey}` brings them "
            "up to date"
        )
    if plan.refused:
        raise typer.Exit(PARTIAL if plan.given else 1)


def _check_options(ways: Sequence[bool], hand: _Hand, max_distance: float | None, nearest: bool) -> None:
    if sum(ways) != 1:
        raise typer.BadParameter("give exactly one of --folders, --table FILE, --nearest and --image NAME")
    said = hand.asset is not None or hand.span is not None or hand.member is not None
    if not hand.images and (said or hand.clear):
        raise typer.BadParameter("--asset, --span, --member and --clear speak of pictures: name them by --image")
    if hand.images and said == hand.clear:
        raise typer.BadParameter("--image needs --asset, --span or --member, or --clear alone")
    if max_distance is not None and not (nearest and 0 < max_distance <= 10_000):
        raise typer.BadParameter(f"--max-distance {max_distance:g}: goes with --nearest, above 0 and at most 10000 m")


def _by_rule(
    folders: bool,
    table: Path | None,
    max_distance: float | None,
    survey: Survey,
    images: Sequence[Image],
    assets: Sequence[Asset],
) -> _Plan:
    from imagery.assign import AssetNames, from_folders
    from imagery.assign_table import from_table
    from imagery.nearest import MAX_DISTANCE_M, from_distance

    names = AssetNames(assets)
    own = names.by_uid.get(survey.asset_uid) if survey.asset_uid is not None else None
    if table is not None:
        read = from_table(table, images, names, own)
        refused = [f"refused: {error}" for error in read.errors]
        return _Plan(dict(read.given), refused, refused, refused=len(refused))
    if folders:
        found = from_folders(images, names, own)
        told = {name for name, _ in found.remarks}
        unnamed = [Path(image.path).name for image in images if image.uid not in found.given]
        why = "none of its folders names a known asset, a span or a member"
        found.remarks.extend((name, why) for name in unnamed if name not in told)
    else:
        found = from_distance(images, assets, MAX_DISTANCE_M if max_distance is None else max_distance)
    remarks = [f"{name}: {reason}" for name, reason in found.remarks]
    silent = len(images) - len(found.given)
    return _Plan(dict(found.given), remarks, _grouped(found.remarks), silent=silent)


def _grouped(remarks: Sequence[tuple[str, str]]) -> list[str]:
    """Return one line for each reason, with the pictures that it holds for."""
    names: dict[str, list[str]] = {}
    for name, reason in sorted(remarks):
        names.setdefault(reason, []).append(name)
    return [
        ", ".join(held[:NAMED]) + (f" and {len(held) - NAMED} more" if len(held) > NAMED else "") + f": {reason}"
        for reason, held in names.items()
    ]


def _by_hand(hand: _Hand, survey: Survey, images: Sequence[Image], assets: Sequence[Asset], store: Store) -> _Plan:
    from findings.assignment import named_member
    from imagery.assign import by_hand, find_images

    chosen = {found.uid: found for wanted in hand.images for found in find_images(images, wanted)}
    if hand.clear:
        return _Plan(dict.fromkeys(chosen))
    known = {asset.uid: asset for asset in assets}
    said = by_hand(
        list(chosen.values()),
        asset=store.asset(hand.asset) if hand.asset is not None else None,
        span=hand.span,
        member=named_member(hand.member) if hand.member is not None else None,
        assets=known,
        survey_asset=known.get(survey.asset_uid) if survey.asset_uid is not None else None,
    )
    return _Plan(dict(said.given))


@dataclass(frozen=True, slots=True)
class _Change:
    image: Image
    after: Assignment | None
    what: str


def _changes(images: Sequence[Image], given: Mapping[str, Assignment | None]) -> list[_Change]:
    """Return what each picture that something was said of will show, in the order of the survey."""
    from findings.assignment import merged

    changes = []
    for image in images:
        if image.uid not in given:
            continue
        wanted, before = given[image.uid], image.assignment
        after = merged(before, wanted) if wanted is not None else None
        if after == before:
            what = (
                "as before" if wanted is None or before is None or before.source is wanted.source else "stronger stays"
            )
        else:
            what = "cleared" if after is None else "new" if before is None else "changed"
        changes.append(_Change(image, after, what))
    return changes


def _tell(
    output: Output, survey: str, changes: Sequence[_Change], plan: _Plan, names: Mapping[str, str], *, dry_run: bool
) -> None:
    rows = [_cells(change, names) for change in changes]
    if rows:
        columns = ("file", "asset", "span", "member", "source", "confidence", "", "note")
        output.table(columns, rows[:SHOWN])
        if len(rows) > SHOWN:
            output.say(f"... and {len(rows) - SHOWN} more; --json lists all")
    counts = {what: sum(change.what == what for change in changes) for what in _WORDS}
    parts = [f"{counts[what]} {words}" for what, words in _WORDS.items() if counts[what]]
    if plan.silent:
        parts.append(f"{plan.silent} pictures about which this says nothing")
    if plan.refused:
        parts.append(f"{plan.refused} rows refused")
    output.say(f"survey {survey}: {', '.join(parts) or 'nothing to assign'}{'; nothing written' if dry_run else ''}")


_WORDS = {
    "new": "assigned",
    "changed": "changed",
    "cleared": "cleared",
    "as before": "as before",
    "stronger stays": "kept from a stronger source",
}


def _cells(change: _Change, names: Mapping[str, str]) -> tuple[object, ...]:
    after, name = change.after, Path(change.image.path).name
    if after is None:
        return (name, None, None, None, None, None, change.what, None)
    asset = names.get(after.asset_uid or "", after.asset_uid)
    return (
        name,
        asset,
        after.span,
        after.member,
        after.source.value,
        f"{after.confidence:.2f}",
        change.what,
        after.note,
    )


def _document(survey: Survey, changes: Sequence[_Change], plan: _Plan, behind: int, *, dry_run: bool) -> dict[str, Any]:
    return {
        "survey": survey.name,
        "written": not dry_run,
        "images": [
            {
                "uid": change.image.uid,
                "path": change.image.path,
                "what": change.what,
                "assignment": _plain(change.after),
            }
            for change in changes
        ],
        "remarks": plan.remarks,
        "refused": plan.refused,
        "unassigned": plan.silent,
        "findings_behind": behind,
    }


def _plain(assignment: Assignment | None) -> dict[str, Any] | None:
    return None if assignment is None else {**asdict(assignment), "source": assignment.source.value}
