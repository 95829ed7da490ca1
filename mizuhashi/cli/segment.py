"""``mizuhashi segment``: probability maps only, without findings and without a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from findings.errors import ConfigError, MizuhashiError
from mizuhashi.cli.options import BackendOption, Device, DeviceOption, Runner, new_app, parse_bands
from mizuhashi.cli.session import PARTIAL, session_of
from mizuhashi.files import refusal

app = new_app()


@app.command(help="Write a model's probability maps: 8-bit PNG for photographs, COG for GeoTIFFs.")
def segment(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...")],
    model: Annotated[str, typer.Option(metavar="NAME[@VERSION]")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the maps; it is made.")],
    bands: Annotated[str | None, typer.Option(help="Names of the file's bands in their order; - skips one.")] = None,
    mask: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Mask of the one file given [the one its STAC item names].")
    ] = None,
    device: DeviceOption = Device.AUTO,
    backend: BackendOption = Runner.TORCH,
) -> None:
    """Segment each file; a file that cannot be taken is told and the others go on."""
    if mask is not None and len(files) != 1:
        raise typer.BadParameter(f"--mask is of one file, and {len(files)} were given: segment them one by one")
    from imagery.dates import find_item, mask_of_item
    from inference.device import pick_device
    from inference.segment import map_paths, segment_file

    session = session_of(ctx)
    names = parse_bands(bands)
    where = pick_device(device.value)
    network = session.registry(backend.value).load(model, where)
    refuse_collisions({file: map_paths(network, file, out) for file in files})
    failed = 0
    with session.output.progress("segment") as progress:
        for done, file in enumerate(files):
            progress(file.name, done, len(files))
            try:
                hidden = mask if mask is not None else mask_of_item(file, find_item(file))
                paths, _ = segment_file(network, file, out, names, where, mask=hidden)
            except MizuhashiError as error:
                failed += 1
                session.output.remark(f"failed {refusal(file, error)}")
                continue
            for path in paths:
                session.output.say(f"wrote {path}")
        progress("", len(files), len(files))
    if failed:
        raise typer.Exit(1 if failed == len(files) else PARTIAL)


def refuse_collisions(maps: dict[Path, tuple[Path, ...]]) -> None:
    """Refuse files of one stem in one call: the second map would replace the first.

    Raises:
        ConfigError: with the two files.
    """
    writers: dict[Path, Path] = {}
    for file, paths in maps.items():
        for path in paths:
            other = writers.setdefault(path, file)
            if other != file:
                raise ConfigError(f"{other} and {file} would both be written to {path}; segment them in two calls")
