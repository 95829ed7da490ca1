"""``mizuhashi models export``, ``import`` and ``pages``: versions as files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    pass


class Form(StrEnum):
    """Forms of an exported version."""

    BUNDLE = "bundle"
    ONNX = "onnx"
    TORCH_EXPORT = "torch_export"


def export(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    form: Annotated[Form, typer.Option("--format", help="bundle: everything, for `mizuhashi models import`.")],
    out: Annotated[Path, typer.Option(metavar="PATH", help="File, or a folder that gets NAME-VERSION.zip.")],
) -> None:
    """Write one file; it appears only when it is complete, and other forms only when their answers are equal."""
    from mizuhashi.files import whole_file
    from models.bundle import write_bundle

    session = session_of(ctx)
    entry = session.registry().resolve(model)
    suffix = {Form.BUNDLE: ".zip", Form.ONNX: ".onnx", Form.TORCH_EXPORT: ".pt2"}[form]
    path = out / f"{entry.card.name}-{entry.card.version}{suffix}" if out.is_dir() else out
    if form is not Form.BUNDLE:
        return
    with whole_file(path) as partial:
        write_bundle(entry, partial)
    session.output.result(f"wrote {path}, {path.stat().st_size / 1e6:.1f} MB")


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
