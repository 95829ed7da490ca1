"""``mizuhashi train``: a new model version from a configuration file."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from findings.errors import ConfigError
from mizuhashi.cli.options import Device, DeviceOption, new_app
from mizuhashi.cli.session import Session, session_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from models.registry import Registry
    from training.config import TrainConfig
    from training.run_folder import Existing

app = new_app()


@app.command(
    help="Train a model version, measure it and add it to the registry of the home. "
    "Several GPUs: torchrun --standalone --nproc-per-node N -m mizuhashi train CONFIG. "
    "With --from-reviews the champion is fine-tuned on what people decided, and compared with its challenger."
)
def train(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG]", help="YAML file, e.g. training/configs/crack-1.yaml.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one setting.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the folder here instead of adding it to the home.")] = None,
    device: DeviceOption = Device.AUTO,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Throw an unfinished run away and begin anew.")] = False,
    mlflow: Annotated[
        str | None, typer.Option(metavar="URI", help="Copy the run to MLflow, e.g. sqlite:///mlflow.db.")
    ] = None,
    mlflow_alias: Annotated[
        str | None, typer.Option(metavar="ALIAS", help="Alias of the version there, e.g. challenger.")
    ] = None,
    from_reviews: Annotated[
        bool,
        typer.Option("--from-reviews", help="Fine-tune the champion on reviews; CONFIG: its own by default."),
    ] = False,
    survey: Annotated[list[str] | None, typer.Option(help="Only the reviews of this survey; may be repeated.")] = None,
    base: Annotated[
        str | None, typer.Option(metavar="NAME[@VERSION]", help="What to fine-tune, with --from-reviews.")
    ] = None,
) -> None:
    """Train; the command is recorded on the card, so that the version can be made again."""
    from inference.device import pick_device

    session = session_of(ctx)
    existing = _existing(resume, restart)
    overrides = tuple(set_ or ())
    if from_reviews:
        from mizuhashi.cli.train_reviews import Wanted, train_from_reviews

        if out is not None or mlflow is not None or mlflow_alias is not None:
            raise typer.BadParameter("--from-reviews adds its version to the home; it takes no --out and no --mlflow")
        wanted = Wanted(config, tuple(survey or ()), base, overrides, existing)
        train_from_reviews(session, wanted, pick_device(device.value))
        return
    if config is None or survey or base:
        raise typer.BadParameter("give CONFIG to train by, or --from-reviews with --survey and --base")
    if mlflow_alias is not None and mlflow is None:
        raise ConfigError(f"--mlflow-alias {mlflow_alias}: say where, too: --mlflow URI")
    _train_by(session, config, overrides, out, pick_device(device.value), existing, mlflow, mlflow_alias)


def _train_by(
    session: Session,
    config: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    device: torch.device,
    existing: Existing,
    mlflow: str | None,
    mlflow_alias: str | None,
) -> None:
    from training.config import read_config
    from training.mirror import Mirror
    from training.parallel import joined, read_group
    from training.train import train as train_version

    settings = read_config(config, overrides)
    words = ["mizuhashi", "train", str(config), *(word for item in overrides for word in ("--set", item))]
    registry = session.registry()
    if out is None:
        refuse_taken(registry, settings.name, settings.version)  # before hours of training, not after
    settings, start = based_on(registry, settings)
    where = out if out is not None else session.settings().home / "training"
    group = read_group(os.environ)
    mirror = Mirror(mlflow, session.output.say) if mlflow is not None and group.leads else None
    with joined(group, device) as own_device:
        folder = train_version(
            settings,
            where,
            command=shlex.join(words),
            device=own_device,
            log=session.output.say,
            existing=existing,
            start=start,
            group=group,
            mirror=mirror,
            mirror_alias=mlflow_alias,
        )
    if not group.leads:
        return
    if out is None:
        registry.add(folder)
        session.output.say(f"added {settings.name}@{settings.version}; show it: mizuhashi models show {settings.name}")
    else:
        session.output.say(f"wrote {folder}")


def _existing(resume: bool, restart: bool) -> Existing:
    if resume and restart:
        raise ConfigError("--resume and --restart contradict each other; give one")
    return "resume" if resume else "restart" if restart else "refuse"


def based_on(registry: Registry, settings: TrainConfig) -> tuple[TrainConfig, Mapping[str, torch.Tensor] | None]:
    """Return the settings with the exact version to fine-tune, and its weights; None where none is named.

    Raises:
        UnknownModel: no such version.
        ConfigError: the version has no weights of a segmentation network.
        DigestMismatch: its weights are not those that its card names.
    """
    if settings.based_on is None:
        return settings, None
    from models.checkpoint import load_state

    entry = registry.resolve(settings.based_on)
    if entry.folder is None or entry.card.task != "segmentation":
        raise ConfigError(f"based_on {entry.ref}: an {entry.card.task} model has no network to fine-tune")
    if entry.card.bands != settings.bands or tuple(c.name for c in entry.card.classes) != settings.class_names:
        raise ConfigError(
            f"based_on {entry.ref}: it reads {', '.join(entry.card.bands)} and tells "
            f"{', '.join(c.name for c in entry.card.classes)}; the configuration must name the same in that order"
        )
    return settings.model_copy(update={"based_on": entry.ref}), load_state(entry.folder, entry.card)


def refuse_taken(registry: Registry, name: str, version: str) -> None:
    """Refuse a version that the registry has already.

    Raises:
        ConfigError: versions are immutable.
    """
    if any((entry.card.name, entry.card.version) == (name, version) for entry in registry.list()):
        raise ConfigError(
            f"{name}@{version} exists and versions are immutable; give another one: --set version=..., or --out DIR"
        )
