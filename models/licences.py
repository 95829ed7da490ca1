"""The licences of a model version: of everything that it was trained on or started from, as its card states them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from models.card import CHOSE, ModelCard, TrainingData

IMAGENET = "ImageNet"


def encoder_start(encoder: str) -> TrainingData:
    """Return the row of a card that tells which ImageNet weights the encoder of a network started from.

    Args:
        encoder: name of the encoder as the card's architecture gives it, e.g. ``tu-tf_efficientnet_lite0``.
    """
    from models.backbone import LICENCE, PACKAGED

    packaged = PACKAGED.get(encoder.removeprefix("tu-"))
    if packaged is not None:
        return _start(f"{IMAGENET}-1k weights of the package {packaged.package}", LICENCE, ships=True)
    # timm's weights each have a licence of their own, which nothing here can vouch for
    return _start(f"{IMAGENET} weights of {encoder} by timm", "see timm's entry of the model", ships=False)


def _start(name: str, licence: str, *, ships: bool) -> TrainingData:
    return TrainingData(name=name, licence=licence, role="start of the encoder", items=0, ships=ships)


def licence_rows(card: ModelCard, bases: Iterable[ModelCard] = ()) -> tuple[TrainingData, ...]:
    """Return what a version rests on, each row once: its own training data, then those of the versions it started from.

    Args:
        card: the version.
        bases: cards of the version it was fine-tuned from, of that one's own start, and so on.
    """
    rows = [*card.training_data]
    for base in bases:
        rows += [
            row.model_copy(update={"role": f"{row.role} (of {base.name}@{base.version})"}) for row in base.training_data
        ]
    return tuple(dict.fromkeys(rows))


def licences_text(card: ModelCard, bases: Sequence[ModelCard] = ()) -> str:
    """Return the list of licences of a version as Markdown."""
    lines = [
        f"# Licences of {card.name}@{card.version}",
        "",
        f"The weights are given under {card.licence}. What they rest on:",
        "",
        *licence_table(licence_rows(card, bases)),
    ]
    if not card.training_data:
        lines += ["", "The card names nothing that it was trained on."]
    if card.based_on is not None:
        there = "whose rows stand above" if bases else "which was not at hand when this list was made: see its own list"
        lines += ["", f"Training started from the weights of {card.based_on}, {there}."]
    lines += ["", "Generated from card.json; the card counts."]
    return "\n".join(lines) + "\n"


def licence_table(rows: Sequence[TrainingData]) -> list[str]:
    """Return rows of training data as the lines of a Markdown table, after a line on those that chose."""
    chose = [f"Rows of the role {CHOSE!r} chose among finished weights; nothing was trained on them.", ""]
    head = ["| what | licence | role | items | weights that ship may be trained on it |", "|---|---|---|---:|---|"]
    return (
        (chose if any(not row.taught for row in rows) else [])
        + head
        + [
            f"| {cell(row.name)} | {cell(row.licence)} | {cell(row.role)} | {row.items or '-'} | "
            f"{'yes' if row.ships else 'no: evaluation and own use'} |"
            for row in rows
        ]
    )


def cell(text: str) -> str:
    """Return text as one cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")
