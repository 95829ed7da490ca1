"""Options that several commands share."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer


def new_app(group_help: str | None = None) -> typer.Typer:
    """Return the Typer of one module; with a help text it is a group of several commands."""
    return typer.Typer(
        help=group_help,
        no_args_is_help=group_help is not None,
        add_completion=False,
        # Boxes are for terminals; a log or a program gets plain lines.
        rich_markup_mode="rich" if sys.stdout.isatty() else None,
    )


class Device(StrEnum):
    """Where networks run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Runner(StrEnum):
    """What runs segmentation networks."""

    TORCH = "torch"
    ONNX = "onnx"
    TORCH_EXPORT = "torch_export"


BackendOption = Annotated[Runner, typer.Option("--backend", help="What runs networks; see `mizuhashi models export`.")]
DeviceOption = Annotated[Device, typer.Option(help="Where the networks run; auto: a GPU if there is one.")]
ProfileOption = Annotated[
    str,
    typer.Option(
        "--profile",
        metavar="ID|FILE",
        show_default="the one in force",
        help="Rank by this profile; see `mizuhashi profiles list`.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document for a program.")]


def parse_bands(text: str | None) -> tuple[str, ...] | None:
    """Return ``red,green,blue`` as names, or None.

    Raises:
        typer.BadParameter: an empty name, or one name twice.
    """
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(","))
    kept = [name for name in names if name != "-"]
    if not all(names) or len(set(kept)) != len(kept):
        raise typer.BadParameter(f"{text!r}: expected different band names in the file's order, e.g. green,red,nir")
    return names


def parse_time(text: str | None) -> datetime | None:
    """Return an ISO 8601 time in UTC, or None; without a zone it is read as UTC, a date as its midnight.

    Raises:
        typer.BadParameter: not a time.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{text!r}: expected a date or time like 2025-06-01 or 2025-06-01T10:00:00+09:00"
        ) from error
