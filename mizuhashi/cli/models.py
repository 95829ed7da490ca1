"""``mizuhashi models``: the model versions, their cards, who is champion and how that came about."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.models_compare import compare
from mizuhashi.cli.models_files import export, import_, pages
from mizuhashi.cli.models_promote import freeze, history, promote, rollback
from mizuhashi.cli.options import JsonOption, new_app
from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from models.card import ClassSpec, ModelCard
    from models.registry import ModelEntry

INDENT = " " * 12

app = new_app("List, show, compare, promote, roll back, export or import model versions.")


@app.command("list", help="List the shipped and the own model versions.")
def list_(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Print every version with its task, bands, aliases and the first numbers of its test."""
    session = session_of(ctx)
    registry = session.registry()
    entries = registry.list()
    seats = [registry.seat(name) for name in sorted({entry.card.name for entry in entries})]
    running = {seat.entry.ref for seat in seats if seat.entry is not None}
    rows = [_row(entry) | {"runs_by_default": entry.ref in running} for entry in entries]
    gone = [f"{seat.name}@{seat.alias}, the champion, is gone" for seat in seats if seat.entry is None and seat.alias]
    for line in (*registry.problems(), *gone):
        session.output.remark(line)
    if as_json:
        session.output.json(rows)
        return
    columns = (
        "name",
        "version",
        "task",
        "image_kind",
        "classes",
        "bands",
        "aliases",
        "runs_by_default",
        "shipped",
        "test",
    )
    session.output.table(columns, [[_cell(row[name]) for name in columns] for row in rows])


@app.command(help="Show the card of one version, its aliases and whether its files are as they were stored.")
def show(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    as_json: JsonOption = False,
) -> None:
    """Print the card: what it reads, returns, was trained on and measured at."""
    session = session_of(ctx)
    entry = session.registry().resolve(model)
    if as_json:
        session.output.json(entry.card.model_dump(mode="json"))
        return
    for line in [*card_lines(entry.card), *_entry_lines(entry)]:
        session.output.result(line)


app.command(help="Compare two versions: the numbers of both cards, or with --data both measured anew.")(compare)
app.command(help="Make a version champion, unless it is worse on the frozen test than the champion.")(promote)
app.command(help="Make the version champion again that was it before the last promotion.")(rollback)
app.command(help="Keep a data set as the frozen test that versions of a name are compared on.")(freeze)
app.command(help="Show who was champion when, who moved it and why.")(history)
app.command(help="Write a version as one file: a bundle for another installation, ONNX or torch.export.")(export)
app.command("import", help="Take a version into the home: a bundle, or a folder with card and weights.")(import_)
app.command(help="Write a page about each shipped version, from its card.")(pages)


def card_lines(card: ModelCard) -> list[str]:
    """Return a card as lines for a reader."""
    lines = [
        f"{card.name}@{card.version}  {card.task} of a {card.image_kind}, licence {card.licence}",
        f"bands       {', '.join(card.bands)} (required: {', '.join(card.required_bands)})",
        f"scale       {card.gsd_range_mm[0]:g} to {card.gsd_range_mm[1]:g} mm per pixel",
        f"weights     {card.weights_file or 'none'} {card.weights_sha256 or ''}".rstrip(),
    ]
    if card.based_on is not None:
        lines.append(f"based on    {card.based_on}")
    if card.image_kind == "scene":
        lines.append(f"values      {', '.join(what.value for what in card.radiometry)}")
    lines += [f"class       {_class_text(spec)}" for spec in card.classes]
    for data in card.training_data:
        front = "trained on" if data.taught else "chosen by"
        items = f", {data.items} items" if data.items else ""
        ships = "" if data.ships else "; may not train weights that ship"
        lines.append(f"{front:<12}{data.name} ({data.licence}): {data.role}{items}{ships}")
    lines += measured_lines(card.metrics)
    if card.test_digest is not None:
        lines.append(f"test set    {card.test_digest}")
    lines += [
        f"export      {export.file} ({export.format}), differs by at most {export.largest_difference:.2g} "
        f"on {export.measured_on}"
        for export in card.exports
    ]
    lines += [f"limit       {text}" for text in card.limits]
    lines += [f"command     {text}" for text in card.commands]
    return lines


def measured_lines(metrics: dict[str, Any]) -> list[str]:
    """Return what a card was measured at: each set, with the measures that a reader looks for first."""
    from mizuhashi.model_numbers import OF_CARDS, measured_sets

    lines, space = [], "\N{NO-BREAK SPACE}"  # a number stays with its name and its interval
    for measured in measured_sets(metrics):
        lines.append(f"measured    {measured.title}" + (f", {measured.class_name}" if measured.class_name else ""))
        said = "; ".join(f"{OF_CARDS[key][0]}: {text}".replace(" ", space) for key, text in measured.rows())
        wrapped = wrap(said, 118, initial_indent=INDENT, subsequent_indent=INDENT, break_on_hyphens=False)
        lines += [line.replace(space, " ") for line in wrapped]
    return lines


def _class_text(spec: ClassSpec) -> str:
    return (
        f"{spec.name}: damage {spec.damage}, threshold {spec.threshold:g}, {spec.extent}, "
        f"tested on {spec.tested_on}{'' if spec.tested_on == 'nothing' else ' pixels'}"
    )


def _entry_lines(entry: ModelEntry) -> list[str]:
    from models.version_files import changed_files, read_manifest

    lines = [f"aliases     {', '.join(entry.aliases) or 'none'}"]
    if entry.folder is None:
        return lines
    changed = changed_files(entry.folder)
    if not changed:
        lines.append(f"files       {', '.join(read_manifest(entry.folder))}: as they were stored")
    return lines + [f"CHANGED     {line}" for line in changed]


def _row(entry: ModelEntry) -> dict[str, Any]:
    from mizuhashi.model_numbers import headline

    card = entry.card
    return {
        "name": card.name,
        "version": card.version,
        "task": card.task,
        "image_kind": card.image_kind,
        "classes": [spec.name for spec in card.classes],
        "bands": list(card.bands),
        "aliases": list(entry.aliases),
        "shipped": entry.shipped,
        "test": headline(card),
        "weights_sha256": card.weights_sha256,
    }


def _cell(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value
