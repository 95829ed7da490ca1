"""The check of a training configuration's data before the first step: nothing that measures may have trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.config import EvaluationConfig, SourceConfig, TrainConfig
from training.datasets import open_source
from training.datasets.class_map import read_class_map
from training.fingerprint import Fingerprints
from training.leakage import Member, find_leaks, refuse
from training.manifest import digest_of

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class SourceDigest:
    """One source of a configuration, as it was when the run began.

    Attributes:
        role: ``train``, ``validation``, ``development``, ``test`` or ``report``.
        name: of the source.
        kind: of the source.
        split: of the set, or None.
        licence: as stated.
        ships: whether shipped weights may be trained on it.
        pictures: files read; 0 for generators.
        groups: photos, structures or places among them.
        digest: of the pictures, the labels and how they are read (class map, scale, seed, options); not of the place.
    """

    role: str
    name: str
    kind: str
    split: str | None
    licence: str
    ships: bool
    pictures: int
    groups: int
    digest: str


@dataclass(frozen=True, slots=True)
class DataDigest:
    """What a run read: one row a source, in the order of the configuration."""

    sources: tuple[SourceDigest, ...]

    @property
    def test(self) -> str:
        """Digest of the frozen test set, as `ModelCard.test_digest` holds it."""
        return next(source.digest for source in self.sources if source.role == "test")

    def rows(self) -> list[dict[str, Any]]:
        """Return the sources as plain rows for a run folder."""
        return [asdict(source) for source in self.sources]


# Train, what step and threshold are chosen by, and what is only measured: nothing may stand on two of these sides.
_SIDES = {"train": "train", "validation": "chosen by", "development": "chosen by", "test": "test", "report": "test"}
_NOT_TRUTH = ("cache_mb", "centred")


def check_sources(config: TrainConfig, *, cache: Path | None = None, progress: Progress | None = None) -> DataDigest:
    """Return the digests of every source of a configuration, after refusing leakage.

    Compared are training against everything that chooses or measures, and what chooses (validation, development)
    against what measures (test, reports): same bytes, same group of one data set, or nearly the same picture.

    Args:
        config: the training configuration.
        cache: folder in which fingerprints of unchanged files are kept.
        progress: called for each picture.

    Raises:
        ConfigError: leakage, an empty split, or a source that cannot be read; with examples and the remedy.
    """
    prints = Fingerprints(cache)
    sources, members = [], []
    for role, source_config, labels in _sources(config):
        found, digest = _read(role, source_config, labels, config, prints, progress)
        sources.append(digest)
        members += found
    prints.save()
    refuse(
        find_leaks(members),
        config.name,
        "A picture that trains must not choose or measure, and one that chooses must not measure: give the pictures of "
        "one photo, structure or place to one of them",
    )
    return DataDigest(tuple(sources))


def source_digest(config: EvaluationConfig, bands: tuple[str, ...], classes: tuple[str, ...]) -> str:
    """Return the digest of one evaluation set: equal to `DataDigest.test` for the same pictures and labels.

    Raises:
        ConfigError: the source cannot be read.
    """
    items = open_source(config.source, bands, classes, config.labels).items()
    prints = Fingerprints()
    rows = [(i.name, prints.digest(i.image), None if i.label is None else prints.digest(i.label)) for i in items]
    return _source_digest(config.source, config.labels, rows)


def _sources(config: TrainConfig) -> Iterator[tuple[str, SourceConfig, str]]:
    for source in config.train:
        yield "train", source, "derived"
    yield "validation", config.validation.source, config.validation.labels
    for each in config.development:
        yield "development", each.source, each.labels
    yield "test", config.test.source, config.test.labels
    for each in config.reports:
        yield "report", each.source, each.labels


def _read(
    role: str,
    source: SourceConfig,
    labels: str,
    config: TrainConfig,
    prints: Fingerprints,
    progress: Progress | None,
) -> tuple[list[Member], SourceDigest]:
    items = open_source(source, config.bands, config.class_names, labels).items()  # type: ignore[arg-type]
    place = str(source.root.resolve()) if source.root is not None else ""
    members, rows = [], []
    for number, item in enumerate(items, 1):
        if progress is not None:
            progress(f"{source.name} {item.name}", number, len(items))
        found = prints.picture(item.image)
        members.append(Member(_SIDES[role], f"{source.name}: {item.name}", place, item.group, found))
        rows.append((item.name, found.sha256, None if item.label is None else prints.digest(item.label)))
    digest = _source_digest(source, labels, rows)
    groups = len({item.group for item in items})
    row = SourceDigest(
        role, source.name, source.kind, source.split, source.licence, source.ships, len(items), groups, digest
    )
    return members, row


def _source_digest(source: SourceConfig, labels: str, rows: list[tuple[str, str, str | None]]) -> str:
    words = None if source.classes is None else read_class_map(source.classes)
    meaning = None if words is None else [words.labels, words.unsure]  # a map is what it says, not where it lies
    options = {name: value for name, value in source.options.items() if name not in _NOT_TRUTH}
    how = [source.kind, meaning, source.scale, source.seed, options, labels]
    return digest_of([how, sorted(rows, key=lambda row: row[0])])
