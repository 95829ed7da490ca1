"""``mizuhashi anomaly``: banks of normal pictures."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from findings.errors import InputError, ModelError
from mizuhashi.cli.options import Device, DeviceOption, new_app
from mizuhashi.cli.session import make_home, session_of

if TYPE_CHECKING:
    from mizuhashi.output import Progress
    from models.patchcore import Picture
    from models.registry import Registry

app = new_app("Fit a bank of normal pictures.")


@app.callback()
def _group() -> None:
    """Keep ``fit`` a command of its own: Typer folds a group of one command into its name."""


@app.command(help="Fit a bank of normal pictures; `inspect` then runs it beside segmentation.")
def fit(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Pictures without any damage, at the usual scale.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the bank.")],
    grey: Annotated[bool, typer.Option(help="Look at grey values only, where colours are not to be trusted.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the sample and the coreset.")] = 0,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Fit on four fifths of the pictures, set the threshold on the rest, and make it the champion of its name.

    A bank knows what one structure usually looks like. There is no truth to compare it on, so it takes the place of the
    bank before it without a comparison; the output and the history say so, and `mizuhashi models rollback` undoes it.
    """
    from imagery.ingest import collect_files
    from inference.device import pick_device
    from mizuhashi.account import account_name
    from models.patchcore import fit_bank, split_normals

    session = session_of(ctx)
    fitting, held_out = split_normals(collect_files([folder]).files)
    registry = session.registry()
    refuse_other_task(registry, name)
    version = next_version(registry, name)
    home = make_home(session.settings().home)
    command = shlex.join(["mizuhashi", "anomaly", "fit", "--folder", str(folder), "--name", name, "--seed", str(seed)])
    total = len(fitting) + len(held_out)
    with (
        tempfile.TemporaryDirectory(dir=home, prefix=".fitting-") as partial,
        session.output.progress("fit") as progress,
    ):
        bundle = fit_bank(
            _pictures(fitting, progress, 0, total),
            _pictures(held_out, progress, len(fitting), total),
            name,
            Path(partial),
            seed=seed,
            version=version,
            grey=grey,
            command=command + (" --grey" if grey else ""),
            device=pick_device(device.value),
        )
        entry = registry.add(bundle)
    before = registry.seat(name).version
    against = "" if before is None else f" with {name}@{before}"
    registry.set_alias(
        entry.ref, actor=account_name(), verdict=f"not compared{against}: a bank has no test with known damage"
    )
    session.output.say(f"fitted {entry.ref} on {len(fitting)} pictures, threshold from {len(held_out)} others")
    instead = "" if before is None else f" in place of {name}@{before}"
    session.output.say(
        f"{entry.ref} is champion{instead}, not compared: a bank has no test with known damage; look at its first "
        "findings" + ("" if before is None else f", or take it back: mizuhashi models rollback {name}")
    )


def refuse_other_task(registry: Registry, name: str) -> None:
    """Refuse the name of a model of another task: the bank would run in its place.

    Raises:
        ModelError: with a remedy.
    """
    for entry in registry.list():
        if entry.card.name == name and entry.card.task != "anomaly":
            raise ModelError(
                f"--name {name}: {entry.ref} is a model for {entry.card.task}, and a bank of that name would run in "
                f"its place; choose another name, e.g. --name {name}-normals"
            )


def next_version(registry: Registry, name: str) -> str:
    """Return the whole number after the highest version of that name, ``1`` for a new name."""
    numbers = [entry.card.version.split(".")[0] for entry in registry.list() if entry.card.name == name]
    return str(1 + max((int(text) for text in numbers if text.isdigit()), default=0))


def _pictures(paths: Sequence[Path], progress: Progress, done: int, total: int) -> Iterator[Picture]:
    """Yield the pictures as uint8 ``(H, W, 3)``, one in memory at a time."""
    import numpy as np

    from imagery.reader import open_image
    from imagery.types import Window

    for number, path in enumerate(paths, done):
        progress(path.name, number, total)
        with open_image(path) as reader:
            values = reader.read(Window(0, 0, reader.width_px, reader.height_px), ("red", "green", "blue")).values
        if np.isnan(values).any():
            raise InputError(f"{path}: has pixels without observation; a normal picture must be whole: leave it out")
        yield np.clip(np.rint(values), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    progress("", done + len(paths), total)
