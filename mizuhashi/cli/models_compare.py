"""``mizuhashi models compare``: two versions side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from findings.errors import ModelError
from mizuhashi.cli.options import Device, DeviceOption, JsonOption
from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from mizuhashi.output import Output
    from models.card import ModelCard
    from training.compare import Comparison


def compare(
    ctx: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="NAME or NAME@VERSION.")],
    b: Annotated[str, typer.Argument(metavar="B", help="NAME or NAME@VERSION.")],
    data: Annotated[
        Path | None, typer.Option(help="Measure both anew on this data set (YAML), picture by picture.")
    ] = None,
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Print the numbers that both cards hold of the same data, or a paired comparison on a data set."""
    session = session_of(ctx)
    registry = session.registry()
    entries = [registry.resolve(ref) for ref in (a, b)]
    if entries[0].ref == entries[1].ref:
        raise ModelError(f"{a} and {b} are both {entries[0].ref}; give two versions, see: mizuhashi models list")
    if data is None:
        _cards(session.output, [entry.card for entry in entries], as_json=as_json)
        return
    from inference.device import pick_device
    from training.compare import compare_models
    from training.config import read_evaluation
    from training.promotion import numbers_of

    where = pick_device(device.value)
    first, second = (registry.load(entry.ref, where) for entry in entries)
    comparison = compare_models(first, second, read_evaluation(data), where)
    if as_json:
        session.output.json(
            {"a": comparison.a, "b": comparison.b, "verdict": comparison.verdict, **numbers_of(comparison)}
        )
        return
    show_comparison(session.output, comparison)
    session.output.result(f"verdict: {verdict_text(comparison)}")


def show_comparison(output: Output, comparison: Comparison) -> None:
    """Print the measures of two versions on one data set with their paired difference; those that decide first."""
    from mizuhashi.evaluation_page import difference_row

    output.say(
        f"{comparison.a} against {comparison.b} on {comparison.data}; 95 % interval of the difference by paired "
        f"bootstrap over {comparison.count} {comparison.unit}s"
    )
    ordered = sorted(comparison.measures.items(), key=lambda item: not item[1].headline)
    rows = [difference_row(name, found) for name, found in ordered]
    columns = ("measure", comparison.a, comparison.b, "difference", "95 % interval", "verdict", "decides")
    keys = ("name", "a", "b", "difference", "interval", "verdict")
    output.table(columns, [[*(row[key] for key in keys), "yes" if row["headline"] else ""] for row in rows])


def verdict_text(comparison: Comparison) -> str:
    """Return the verdict over the measures that decide, in words."""
    if not comparison.headline:
        return f"no measure decides between {comparison.a} and {comparison.b} on {comparison.data}"
    said = {
        "better": "is better than",
        "worse": "is worse than",
        "no difference shown": "is neither shown to be better nor worse than",
    }[comparison.verdict]
    return f"{comparison.a} {said} {comparison.b} on {comparison.data}"


def _cards(output: Output, cards: list[ModelCard], *, as_json: bool) -> None:
    from mizuhashi.model_numbers import OF_CARDS, MeasuredSet, measured_sets

    refs = [f"{card.name}@{card.version}" for card in cards]
    sets: list[dict[tuple[object, ...], MeasuredSet]] = [{}, {}]
    for mine, card in zip(sets, cards, strict=True):
        for found in measured_sets(card.metrics):
            if not found.path[0].startswith("baselines"):  # those are numbers of other models
                mine.setdefault(_identity(found), found)
    shared = [key for key in sets[0] if key in sets[1]]
    rows = []
    for key in shared:
        one, other = sets[0][key], sets[1][key]
        values = dict(other.rows())
        title = one.title + (f", {one.class_name}" if one.class_name else "")
        rows += [(title, OF_CARDS[name][0], text, values.get(name, "-")) for name, text in one.rows()]
    if as_json:
        output.json([{"data": row[0], "measure": row[1], refs[0]: row[2], refs[1]: row[3]} for row in rows])
        return
    if not rows:
        output.result(f"no data set is on the cards of both {refs[0]} and {refs[1]}")
    else:
        output.table(("data", "measure", *refs), rows)
    for ref, mine in zip(refs, sets, strict=True):
        for key in (key for key in mine if key not in shared):
            output.say(f"on the card of {ref} alone: {mine[key].title}")
    output.say("two cards do not tell how sure a difference is; measure both on the same pictures: --data CONFIG")


def _identity(found: Any) -> tuple[object, ...]:
    about = {**found.about, **found.numbers}
    return (*(about.get(key) for key in ("data", "split", "labels", "images")), found.class_name)
