"""From a champion and the reviews of its findings to the configuration of its challenger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from findings.errors import ConfigError
from models.registry import ModelEntry, Registry
from training.config import SourceConfig, TrainConfig, read_config
from training.datasets import open_source
from training.fingerprint import Fingerprints
from training.leakage import Member
from training.reviews import Reviewed
from training.run_folder import written
from training.shipped import shipped_config

REVIEW_SHARE = 0.3  # of the crops; the original sources keep the rest, so that the champion's knowledge is not lost
STEPS_SHARE = 0.25  # of the champion's training: the network knows its trade already
RATE_SHARE = 0.25  # of the champion's learning rate
LICENCE = "own surveys"

Progress = Callable[[str, int, int], None]


def base_of(registry: Registry, pictures: list[Reviewed], wanted: str | None) -> ModelEntry:
    """Return the version to fine-tune: the named one, else the champion of the model whose findings were reviewed.

    Raises:
        ConfigError: nothing was reviewed, findings of several models were, or the version has no network.
        UnknownModel: no such version.
    """
    if wanted is None:
        names = sorted(
            {
                one.finding.provenance.model
                for picture in pictures
                for one in picture.standings
                if one.latest is not None and any(e.card.name == one.finding.provenance.model for e in registry.list())
            }
        )
        if len(names) != 1:
            told = f"findings of {', '.join(names)} were reviewed" if names else "no finding of a model was reviewed"
            raise ConfigError(f"{told}: name the model to fine-tune with --base NAME")
        wanted = names[0]
    entry = registry.resolve(wanted)
    if entry.card.task != "segmentation" or entry.folder is None or entry.card.image_kind != "photo":
        raise ConfigError(f"{entry.ref} is no segmentation network for photographs; reviews train only these")
    return entry


def base_config(entry: ModelEntry, home: Path, given: Path | None) -> Path:
    """Return the file of the configuration that a version was trained with.

    Raises:
        ConfigError: it came without one.
    """
    if given is not None:
        return given
    kept = home / "training" / "runs" / f"{entry.card.name}-{entry.card.version}" / "config.yaml"
    found = kept if kept.is_file() else shipped_config(entry.card.name, entry.card.version)
    if found is None:
        raise ConfigError(
            f"the configuration that {entry.ref} was trained with is neither in {kept.parent} nor in the package; name "
            f"one that has its classes and its test: mizuhashi train CONFIG --from-reviews --base {entry.ref}"
        )
    return found


def next_version(registry: Registry, name: str, home: Path) -> str:
    """Return the next whole number that no version and no unfinished training of that name has."""
    versions = [entry.card.version for entry in registry.list() if entry.card.name == name]
    number = max((int(version.partition(".")[0]) for version in versions), default=0) + 1
    while registry.taken(name, str(number)) or (home / "training" / name / str(number)).exists():
        number += 1
    return str(number)


def challenger_config(
    base: TrainConfig, entry: ModelEntry, root: Path, version: str, file: Path, overrides: tuple[str, ...] = ()
) -> TrainConfig:
    """Write the configuration of a challenger to ``file`` and return it with the overrides.

    The original sources keep their shares among each other; a quarter of the champion's steps at a quarter of its rate.

    Args:
        base: what the champion was trained with.
        entry: the champion.
        root: folder of the data-set version.
        version: of the challenger.
        file: YAML file, so that the training can be begun again or looked at.
        overrides: ``key=value``.

    Raises:
        ConfigError: an override that cannot be.
        OutputError: the file cannot be written.
    """
    content: dict[str, Any] = base.model_dump(mode="json")
    total = sum(source.weight for source in base.train)
    old = [{**row, "weight": row["weight"] / total * (1.0 - REVIEW_SHARE)} for row in content["train"]]
    reviews = SourceConfig(
        kind="reviews", name=f"reviews {root.parent.name}/{root.name}", licence=LICENCE, ships=False,
        root=root.absolute(), weight=REVIEW_SHARE,
    )  # fmt: skip
    steps = max(round(base.steps * STEPS_SHARE), 1)
    content |= {
        "version": version,
        "based_on": entry.ref,
        "train": [*old, reviews.model_dump(mode="json")],
        "steps": steps,
        "warmup_steps": min(base.warmup_steps, steps // 10),
        "evaluate_every": max(min(base.evaluate_every, steps // 4), 1),
        "learning_rate": base.learning_rate * RATE_SHARE,
        "pretrained": False,
    }
    with written(file) as partial:
        partial.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return read_config(file, overrides)


def measuring_members(config: TrainConfig, progress: Progress) -> list[Member]:
    """Return the pictures that choose or measure in a configuration; reviewed pictures must be none of these.

    Raises:
        ConfigError: a set is not at hand.
    """
    prints = Fingerprints()
    members = []
    for one in (config.validation, *config.development, config.test, *config.reports):
        items = open_source(one.source, config.bands, config.class_names, one.labels).items()
        for number, item in enumerate(items, start=1):
            progress(f"{one.source.name} {item.name}", number, len(items))
            members.append(Member("measures", item.name, one.source.name, item.group, prints.picture(item.image)))
    return members
