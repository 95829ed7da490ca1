"""A data-set version built from engineers' reviews: pictures of surveys by path and digest, masks by class.

::

    ROOT/reviews.json                 the manifest
    ROOT/masks/<picture>/<class>.png  0 nobody knows, 100 not there, 160 not there although a model said so, 255 there

What nobody reviewed is unknown: an unlabelled crack must not train as background.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from findings.errors import ConfigError
from imagery.reader import open_image
from imagery.types import Window
from training.config import SourceConfig
from training.datasets.label_files import Options, child, read_options
from training.datasets.picture_file import PictureFile, checked_size
from training.datasets.pictures import CACHE_MB, Pictures
from training.datasets.places import MOST_PLACES
from training.datasets.sample import Item, Sample
from training.datasets.truth import Masks

MANIFEST = "reviews.json"
UNKNOWN, ABSENT, REJECTED, PRESENT = 0, 100, 160, 255
HARD_SHARE = 0.5  # of the crops: around places where the model was wrong

Values = npt.NDArray[np.uint8]


class ReviewedItem(BaseModel):
    """One reviewed picture.

    Attributes:
        name: uid of the picture in the store.
        group: its structure, or the survey where no structure is known.
        image: absolute path of the picture.
        masks: for each class the PNG below the root and its digest.
        confirmed, rejected: how many findings of each.
        complete: a person marked every damage on it.
        decisions: finding uid to decision, for people who ask where a mask comes from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    group: str
    image: str
    image_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)
    masks: dict[str, tuple[str, str]] = Field(min_length=1)
    confirmed: int
    rejected: int
    complete: bool
    decisions: dict[str, str] = {}


class ReviewedManifest(BaseModel):
    """A data-set version on one page.

    Attributes:
        name: of the data set.
        version: counts from 1.
        parent: digest of the version before, or None.
        based_on: NAME@VERSION whose findings were reviewed for the most part and which it is made to train.
        surveys: whose pictures these are.
        left_out: why pictures or findings were left out, and how many.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    name: str
    version: int = Field(ge=1)
    parent: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    based_on: str
    surveys: tuple[str, ...]
    left_out: dict[str, int] = {}
    items: tuple[ReviewedItem, ...] = Field(min_length=1)

    @property
    def digest(self) -> str:
        """Digest of what the set holds: pictures, groups and masks; not of where the pictures lie."""
        from training.manifest import digest_of

        rows = [(i.name, i.group, i.image_sha256, sorted(i.masks.items())) for i in self.items]
        return digest_of([self.name, self.parent, sorted(rows)])

    @property
    def content_digest(self) -> str:
        """The same without the parent: equal for two versions that hold the same."""
        return self.model_copy(update={"parent": None}).digest


class ReviewedOptions(Options):
    """Attributes: ``cache_mb``: memory for decoded pictures."""

    cache_mb: float = Field(default=CACHE_MB, gt=0)


@dataclass(frozen=True, slots=True)
class ReviewTruth:
    """The masks of one picture."""

    masks: Mapping[str, Path]

    def values(self, name: str, window: Window) -> Values:
        """Return the coded mask of a class in a window."""
        with open_image(self.masks[name]) as reader:
            return np.asarray(reader.read(window, reader.bands[:1]).values[0], np.uint8)

    def read(self, window: Window) -> Masks:
        """Return where each class is, and where nobody knows."""
        coded = {name: self.values(name, window) for name in self.masks}
        return Masks(
            {name: values == PRESENT for name, values in coded.items()},
            {name: values == UNKNOWN for name, values in coded.items()},
        )

    def sketch(self, rows: int, cols: int) -> tuple[Masks, float]:
        """Return the whole masks."""
        return self.read(Window(0, 0, cols, rows)), 1.0


@dataclass(frozen=True, slots=True)
class _Spot:
    picture: int
    row: int
    col: int


class Reviewed(Pictures):
    """Crops around reviewed places: half of them where people rejected what the model said."""

    def __init__(self, pictures: Iterable[PictureFile], classes: tuple[str, ...], cache_mb: float) -> None:
        self._files = tuple(pictures)
        super().__init__(self._files, classes, cache_mb=cache_mb)

    def draw(self, rng: np.random.Generator, size_px: int) -> Sample:
        """Return a crop around a rejected place half the time, else a confirmed one, as far as there are both."""
        hard, there = self.spots
        chosen = hard if hard and (not there or rng.random() < HARD_SHARE) else there
        if not chosen:  # only looked-over pictures without any damage
            return super().draw(rng, size_px)
        findings = chosen[int(rng.integers(len(chosen)))]
        spot = findings[int(rng.integers(len(findings)))]
        rows, cols = self._files[spot.picture].size()
        shift = rng.integers(-(size_px // 4), size_px // 4, 2) - size_px // 2
        row = int(np.clip(spot.row + shift[0], 0, max(rows - size_px, 0)))
        col = int(np.clip(spot.col + shift[1], 0, max(cols - size_px, 0)))
        return self._crop(spot.picture, Window(col, row, size_px, size_px))

    @cached_property
    def spots(self) -> tuple[list[list[_Spot]], list[list[_Spot]]]:
        """Positions in rejected and in confirmed places, for each picture and class that has some."""
        hard: list[list[_Spot]] = []
        there: list[list[_Spot]] = []
        for number, file in enumerate(self._files):
            truth = file.truth
            if not isinstance(truth, ReviewTruth):  # pragma: no cover
                continue
            rows, cols = file.stored
            for name in truth.masks:
                values = truth.values(name, Window(0, 0, cols, rows))
                for code, spots in ((REJECTED, hard), (PRESENT, there)):
                    found = np.flatnonzero(values == code)
                    if len(found) > MOST_PLACES:
                        found = np.random.default_rng([number, code]).choice(found, MOST_PLACES, replace=False)
                    if len(found):
                        spots.append([_Spot(number, int(at // cols), int(at % cols)) for at in found])
        return hard, there


def open_reviewed(config: SourceConfig, bands: tuple[str, ...], classes: tuple[str, ...]) -> Reviewed:
    """Return the pictures of a data-set version that was built from reviews.

    Raises:
        ConfigError: no such version, a picture or mask that is gone or was changed, or none of the model's classes.
    """
    options = read_options(config, ReviewedOptions)
    for name in ("classes", "match", "split"):
        if getattr(config, name) is not None:
            raise ConfigError(f"{config.name}: a source of kind reviews has no use for {name}; remove it")
    if config.scale != 1.0:
        raise ConfigError(f"{config.name}: a source of kind reviews has no use for scale; remove it")
    if config.root is None:
        raise ConfigError(f"{config.name}: a source of kind reviews needs root: the folder of the version")
    manifest = read_reviewed(config.root)
    labelled = {name for item in manifest.items for name in item.masks}
    if not labelled & set(classes):
        raise ConfigError(
            f"{config.root}: its masks are of {', '.join(sorted(labelled))}, the model tells {', '.join(classes)}"
        )
    return Reviewed([_file(item, config.root, bands, classes) for item in manifest.items], classes, options.cache_mb)


def read_reviewed(root: Path) -> ReviewedManifest:
    """Return the manifest of a version.

    Raises:
        ConfigError: it is not there or broken.
    """
    path = root / MANIFEST
    try:
        return ReviewedManifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror or error}); build it: train --from-reviews"
        ) from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise ConfigError(f"{path}: no data set of reviews: {where}: {first['msg']}; build it anew") from error


def _file(item: ReviewedItem, root: Path, bands: tuple[str, ...], classes: tuple[str, ...]) -> PictureFile:
    image = Path(item.image)
    masks = {name: child(root, mask, root / MANIFEST) for name, (mask, _) in item.masks.items()}
    _check_digests(item, image, masks)
    size = (item.height_px, item.width_px)
    for path in (image, *masks.values()):
        if checked_size(path) != size:
            raise ConfigError(f"{path}: expected {item.width_px} x {item.height_px} px; build the version anew")
    label = next(iter(masks.values()))
    return PictureFile(Item(item.name, item.group, image, label), size, ReviewTruth(masks), bands, classes)


def _check_digests(item: ReviewedItem, image: Path, masks: Mapping[str, Path]) -> None:
    from training.fingerprint import Fingerprints

    prints = Fingerprints()
    wanted = [(image, item.image_sha256), *((masks[name], digest) for name, (_, digest) in item.masks.items())]
    for path, digest in wanted:
        if not path.is_file():
            raise ConfigError(f"{path}: gone since it was reviewed; put it back, or build the data set anew")
        if prints.digest(path) != digest:
            raise ConfigError(f"{path}: changed since it was reviewed; put the old file back, or build the set anew")
