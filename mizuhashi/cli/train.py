"""``mizuhashi train``: a new model version from a configuration file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from findings.errors import ConfigError
from mizuhashi.cli.options import Device, DeviceOption, new_app
from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from models.registry import Registry

app = new_app()


@app.command(help="Train a model version, measure it and add it to the registry of the home.")
def train(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file, e.g. training/configs/crack.yaml.")],
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one setting.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the folder here instead of adding it to the home.")] = None,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Train; the command is recorded on the card, so that the version can be made again."""
    from inference.device import pick_device
    from training.config import read_config
    from training.train import train as train_version

    session = session_of(ctx)
    overrides = tuple(set_ or ())
    settings = read_config(config, overrides)
    words = ["mizuhashi", "train", str(config), *(word for item in overrides for word in ("--set", item))]
    registry = session.registry()
    if out is None:
        refuse_taken(registry, settings.name, settings.version)  # before hours of training, not after
    where = out if out is not None else session.settings().home / "training"
    folder = train_version(
        settings, where, command=shlex.join(words), device=pick_device(device.value), log=session.output.say
    )
    if out is None:
        registry.add(folder)
        session.output.say(f"added {settings.name}@{settings.version}; show it: mizuhashi models show {settings.name}")
    else:
        session.output.say(f"wrote {folder}")


def refuse_taken(registry: Registry, name: str, version: str) -> None:
    """Refuse a version that the registry has already.

    Raises:
        ConfigError: versions are immutable.
    """
    if any((entry.card.name, entry.card.version) == (name, version) for entry in registry.list()):
        raise ConfigError(
            f"{name}@{version} exists and versions are immutable; give another one: --set version=..., or --out DIR"
        )
