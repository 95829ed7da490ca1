"""``mizuhashi train --from-reviews``: the next data-set version, a challenger, and the verdict against the champion."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mizuhashi.cli.session import Session

if TYPE_CHECKING:
    import torch

    from models.registry import ModelEntry, Registry
    from training.config import TrainConfig
    from training.promotion import Trial
    from training.reviews import Built, Reviewed
    from training.run_folder import Existing


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for.

    Attributes:
        config: configuration to start from in place of the champion's own.
        surveys: only their reviews; () takes all.
        base: NAME[@VERSION] to fine-tune, or None for the champion of what was reviewed.
        overrides: ``key=value``.
    """

    config: Path | None
    surveys: tuple[str, ...]
    base: str | None
    overrides: tuple[str, ...]
    existing: Existing


def train_from_reviews(session: Session, wanted: Wanted, device: torch.device) -> None:
    """Build the data set, fine-tune, add the version, nominate it, compare, and say what to type next.

    Raises:
        ConfigError: nothing to train on, or no configuration or test is known.
        UnknownModel: no such version.
    """
    from mizuhashi.cli.models_compare import show_comparison
    from training.promotion import try_version
    from training.reviews import reviewed_pictures

    say = session.output.say
    home, registry = session.settings().home, session.registry()
    with session.store() as store:
        pictures = reviewed_pictures(store, wanted.surveys)
    base, config = _base(registry, home, pictures, wanted)
    built = _built(session, home, pictures, base, config)
    for line in _built_lines(built):
        say(line)
    entry, file = _trained(session, registry, home, base, built, config, wanted, device)
    data = _test_to_name(registry, entry, file)
    trial = try_version(registry, entry.ref, device, data=data)
    if trial.comparison is not None:
        show_comparison(session.output, trial.comparison)
    for line in verdict_lines(trial, base, data):
        say(line)


def _base(registry: Registry, home: Path, pictures: list[Reviewed], wanted: Wanted) -> tuple[ModelEntry, TrainConfig]:
    from training.config import read_config
    from training.retraining import base_config, base_of

    base = base_of(registry, pictures, wanted.base)
    file = base_config(base, home, wanted.config)
    return base, read_config(file)


def _built(session: Session, home: Path, pictures: list[Reviewed], base: ModelEntry, config: TrainConfig) -> Built:
    from training.retraining import measuring_members
    from training.reviews import build

    with session.output.progress("compare with the test pictures") as progress:
        measured = measuring_members(config, progress)
    return build(
        pictures,
        home / "datasets" / f"{base.card.name}-reviews",
        based_on=base.ref,
        classes=base.card.classes,
        measured=measured,
    )


def _built_lines(built: Built) -> list[str]:
    manifest = built.manifest
    what = "data set" if built.new else "no review since the last data set"
    lines = [
        f"{what} {manifest.name}/{manifest.version}: {len(manifest.items)} pictures, {built.confirmed} findings "
        f"confirmed, {built.rejected} rejected, {sum(item.complete for item in manifest.items)} pictures complete"
    ]
    return lines + [f"left out: {reason}: {count}" for reason, count in built.left_out.items()]


def _trained(
    session: Session,
    registry: Registry,
    home: Path,
    base: ModelEntry,
    built: Built,
    config: TrainConfig,
    wanted: Wanted,
    device: torch.device,
) -> tuple[ModelEntry, Path]:
    """Train the challenger, add and nominate it; return it and the file of its configuration."""
    from mizuhashi.account import account_name
    from mizuhashi.cli.train import based_on
    from models.promotion import nominate
    from training.retraining import challenger_config, next_version
    from training.train import train

    name = base.card.name
    version = next_version(registry, name, home)
    file = home / "training" / "configs" / f"{name}-{version}.yaml"
    challenger = challenger_config(config, base, built.root, version, file, wanted.overrides)
    challenger, start = based_on(registry, challenger)
    words = ["mizuhashi", "train", *([str(wanted.config)] if wanted.config else []), "--from-reviews"]
    words += [word for survey in wanted.surveys for word in ("--survey", survey)]
    words += ["--base", base.ref, *(word for item in wanted.overrides for word in ("--set", item))]
    folder = train(
        challenger,
        home / "training",
        command=shlex.join(words),
        device=device,
        log=session.output.say,
        existing=wanted.existing,
        start=start,
    )
    entry = registry.add(folder)
    nominate(registry, entry, actor=account_name())
    session.output.say(f"added {entry.ref}, challenger of {base.ref}")
    return entry, file


def _test_to_name(registry: Registry, entry: ModelEntry, file: Path) -> Path | None:
    """Return the file that says what the versions are compared on, or None where that is kept or came along."""
    from training.promotion import frozen_at_home
    from training.shipped import shipped_config

    seat = registry.seat(entry.card.name)
    known = frozen_at_home(registry, seat.name) is not None or shipped_config(seat.name, seat.version) is not None
    return None if known else file


def verdict_lines(trial: Trial, base: ModelEntry, data: Path | None = None) -> list[str]:
    """Return the outcome in words and the command that comes next."""
    ref = trial.challenger.ref
    lines = [f"verdict: {trial.verdict.words}"]
    if trial.verdict.passed:
        told = "" if data is None else f" --data {data}"
        return [*lines, f"next: mizuhashi models promote {ref}{told}"]
    return [*lines, f"{base.ref} stays; review more findings, or look at {ref}: mizuhashi models show {ref}"]
