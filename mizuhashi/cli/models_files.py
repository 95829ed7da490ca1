"""``mizuhashi models export``, ``import`` and ``pages``: versions as files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from findings.errors import ModelError
from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from models.registry import ModelEntry


class Form(StrEnum):
    """Forms of an exported version."""

    BUNDLE = "bundle"
    ONNX = "onnx"
    TORCH_EXPORT = "torch_export"


def export(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    form: Annotated[Form, typer.Option("--format", help="bundle: everything, for `mizuhashi models import`.")],
    out: Annotated[
        Path,
        typer.Option(metavar="PATH", help="bundle: the zip, or a folder for NAME-VERSION.zip; else: a folder."),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="YAML file of the pictures that the form is proven equal on; default: the frozen test."),
    ] = None,
) -> None:
    """Write a bundle, or another form of the weights with card and checkpoint beside it, proven equal on pictures."""
    session = session_of(ctx)
    registry = session.registry()
    entry = registry.resolve(model)
    if form is Form.BUNDLE:
        path = _write_zip(entry, out)
        session.output.result(f"wrote {path}, {path.stat().st_size / 1e6:.1f} MB")
        return
    from mizuhashi.export_tiles import tiles_for
    from models.export import FILES
    from models.export import export as write

    folder = _own_place(entry, out)
    tiles, origin = tiles_for(registry, entry, data)
    session.output.say(f"proving on {len(tiles)} tiles: {origin}")
    row = write(folder, form.value, out, tiles)
    path = out / FILES[form.value]
    session.output.result(
        f"wrote {path}, {path.stat().st_size / 1e6:.1f} MB; its probabilities differ from the checkpoint's by at most "
        f"{row.largest_difference:.1e} on {row.measured_on}"
    )


def _write_zip(entry: ModelEntry, out: Path) -> Path:
    from findings.files import whole_file
    from models.bundle import write_bundle

    path = out / f"{entry.card.name}-{entry.card.version}.zip" if out.is_dir() else out
    with whole_file(path) as partial:
        write_bundle(entry, partial)
    return path


def _own_place(entry: ModelEntry, out: Path) -> Path:
    """Return the folder of the version after ``out`` was seen to lie outside of the registry."""
    if entry.folder is None or entry.card.task != "segmentation":
        raise ModelError(f"{entry.ref} is {entry.card.task}; only segmentation networks have other forms of weights")
    if out.resolve().is_relative_to(entry.folder.resolve().parents[1]):
        raise ModelError(f"{out}: lies inside the registry, whose versions are immutable; choose another folder")
    return entry.folder


def import_(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Zip of `models export`, or a folder.")],
) -> None:
    """Take a version in after its digests, its card and its weights were checked; it does not run before `promote`."""
    from models.bundle import import_bundle

    session = session_of(ctx)
    entry, new = import_bundle(session.registry(), source)
    if new:
        session.output.result(f"took in {entry.ref}; compare and promote it: mizuhashi models promote {entry.ref}")
    else:
        session.output.result(f"{entry.ref} is there already, file for file the same")


def pages(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the pages, e.g. docs/models.")],
) -> None:
    """Write ``NAME-VERSION.md`` for every shipped version, and an index."""
    from mizuhashi.model_pages import write_pages

    session = session_of(ctx)
    for path in write_pages(session.registry(), out):
        session.output.result(f"wrote {path}")
