"""``mizuhashi models``: the model versions, their cards and aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.options import JsonOption, new_app
from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from models.card import ModelCard

app = new_app("List model versions or show a card.")


@app.command("list", help="List the shipped and the own model versions.")
def list_(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Print every version with its task, bands and aliases."""
    session = session_of(ctx)
    rows = [_row(entry) for entry in session.registry().list()]
    if as_json:
        session.output.json(rows)
        return
    columns = ("name", "version", "task", "image_kind", "classes", "bands", "aliases", "shipped")
    session.output.table(columns, [[_cell(row[name]) for name in columns] for row in rows])


@app.command(help="Show the card of one version.")
def show(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    as_json: JsonOption = False,
) -> None:
    """Print the card: what it reads, returns, was trained on and measured at."""
    session = session_of(ctx)
    card = session.registry().resolve(model).card
    if as_json:
        session.output.json(card.model_dump(mode="json"))
        return
    for line in card_lines(card):
        session.output.result(line)


def card_lines(card: ModelCard) -> list[str]:
    """Return a card as lines for a reader."""
    lines = [
        f"{card.name}@{card.version}  {card.task} of a {card.image_kind}, licence {card.licence}",
        f"bands       {', '.join(card.bands)} (required: {', '.join(card.required_bands)})",
        f"scale       {card.gsd_range_mm[0]:g} to {card.gsd_range_mm[1]:g} mm per pixel",
        f"weights     {card.weights_file or 'none'} {card.weights_sha256 or ''}".rstrip(),
    ]
    if card.image_kind == "scene":
        lines.append(f"values      {', '.join(what.value for what in card.radiometry)}")
    for spec in card.classes:
        lines.append(
            f"class       {spec.name}: damage {spec.damage}, threshold {spec.threshold:g}, "
            f"at least {spec.minimum_area_px} px"
        )
    for data in card.training_data:
        lines.append(f"trained on  {data.name} ({data.licence}): {data.role}, {data.items} items")
    lines += [f"measured    {name}: {text}" for name, text in flat_metrics(card.metrics)]
    lines += [f"limit       {text}" for text in card.limits]
    lines += [f"command     {text}" for text in card.commands]
    return lines


def flat_metrics(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested metrics as rows of dotted name and text."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows += flat_metrics(value, f"{prefix}{name}.")
        else:
            rows.append((prefix + name, f"{value:.4g}" if isinstance(value, float) else str(value)))
    return rows


def _row(entry: Any) -> dict[str, Any]:
    card: ModelCard = entry.card
    return {
        "name": card.name,
        "version": card.version,
        "task": card.task,
        "image_kind": card.image_kind,
        "classes": [spec.name for spec in card.classes],
        "bands": list(card.bands),
        "aliases": list(entry.aliases),
        "shipped": entry.shipped,
        "weights_sha256": card.weights_sha256,
    }


def _cell(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value
