"""``mizuhashi findings compare`` and ``curve``: what changed between inspections, and how a damage grew over them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mizuhashi.cli.options import JsonOption
from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from inference.track import SurveyComparison
    from mizuhashi.output import Output


def compare(
    ctx: typer.Context,
    survey_a: Annotated[str, typer.Argument(metavar="SURVEY_A", help="The earlier survey.")],
    survey_b: Annotated[str, typer.Argument(metavar="SURVEY_B", help="The later one, of the same asset.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write a picture pair, then and now, of each damage.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Match the damages of two surveys, say what became of each, keep it and rank all findings anew."""
    from findings.store.rank import rank_all
    from inference.then_now import write_pairs
    from inference.track import compare_surveys
    from mizuhashi.comparing import record

    session = session_of(ctx)
    output = session.output
    with session.store() as store:
        with output.progress("compare") as progress:
            found = compare_surveys(store, survey_a, survey_b, registry=session.registry(), progress=progress)
        store.put_tracks(found.now.uid, found.previous.uid, found.tracks)
        rank_all(store)
    pairs, missing = ([], []) if out is None else write_pairs(found, out)
    if as_json:
        by_track = {pair.number: pair.path for pair in pairs}
        output.json(record(found, by_track))
        return
    _show(output, found)
    if out is not None:
        output.say(f"wrote {len(pairs)} picture pairs to {out}")
        for line in missing:
            output.remark(f"no picture pair {line}")


def _show(output: Output, found: SurveyComparison) -> None:
    from findings.comparison_words import STATES
    from mizuhashi.comparing import COLUMNS, cells, in_order, leading

    for remark in found.remarks:
        output.remark(remark)
    output.say(
        f"{found.previous.name} -> {found.now.name}: {len(found.registrations)} of {found.pairs} pairs of photographs "
        "show one place"
    )
    output.result(", ".join(f"{STATES[state].ja} {STATES[state].en} {count}" for state, count in found.counts.items()))
    if found.gone:
        output.say(f"{found.gone} rejected last time are not found any more; nothing to explain")
    leaders = leading(found)
    if found.tracks:
        output.table(COLUMNS, [cells(track, leaders) for _, track in in_order(found)])


def curve(
    ctx: typer.Context,
    uid: Annotated[str, typer.Argument(metavar="ID", help="Identifier of the finding, or its first letters.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Write the curve as a picture.")] = None,
    measure: Annotated[
        str | None, typer.Option(help="e.g. width_p95, length, area; default: the first there is.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print a measure of one damage over its inspections, the fitted rate, and limits of the grades ahead."""
    from findings.asset import Structure
    from findings.growth import growth_curve
    from mizuhashi.curve_words import curve_lines
    from mizuhashi.listing import find

    session = session_of(ctx)
    with session.store() as store:
        row = find(store, uid)
        history = store.history(row.finding.uid)
    found = growth_curve(history, measure, row.asset.structure if row.asset is not None else Structure.UNKNOWN)
    if out is not None:
        from mizuhashi.growth_picture import write_curve

        write_curve(found, out, f"{row.label} {row.asset_name} {row.finding.uid[:12]}")
    if as_json:
        session.output.json(found.to_json())
        return
    for line in curve_lines(found):
        session.output.result(line)
    if out is not None:
        session.output.say(f"wrote {out}")
