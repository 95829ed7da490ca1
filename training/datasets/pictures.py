"""Pictures read when they are needed: a bounded memory of decoded ones, windows of big ones, balanced crops."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from findings.errors import ConfigError
from imagery.types import Window
from training.datasets.places import Places, find_places
from training.datasets.sample import BoolArray, Item, Sample

CENTRED = 0.6  # share of crops with a defect pixel near their middle; the rest falls anywhere, mostly defect-free
CACHE_MB = 1024  # of decoded pictures that one source keeps
_LARGEST_SHARE = 8  # a picture above this part of the memory is read by windows


@dataclass(frozen=True, slots=True)
class Layers:
    """What a picture or a window of it holds, in the smallest types that lose nothing.

    Attributes:
        pixels: ``(C, H, W)`` uint8, or float32 with NaN for no observation.
        target: ``(K, H, W)`` bool.
        known: ``(K, H, W)`` bool; may be a broadcast view.
    """

    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.float32]
    target: BoolArray
    known: BoolArray

    @property
    def size_bytes(self) -> int:
        """Memory that the arrays hold."""
        return sum(0 if 0 in a.strides else a.nbytes for a in (self.pixels, self.target, self.known))


class Picture(Protocol):
    """One picture of a source: where it stands, and how it is read."""

    @property
    def item(self) -> Item:
        """Name, group and files."""
        ...

    def size(self) -> tuple[int, int]:
        """Return rows and columns as `read` gives them."""
        ...

    def read(self, window: Window | None) -> Layers:
        """Return the whole picture, or a window that lies inside it."""
        ...

    def sketch(self) -> tuple[BoolArray, BoolArray, float]:
        """Return target and known ``(K, h, w)``, maybe reduced, and how many pixels of it make one of `read`."""
        ...


class Pictures:
    """A source over pictures.

    Args:
        pictures: in name order.
        classes: of the model, in the order of the planes.
        centred: share of crops with a labelled pixel near their middle; 0 draws anywhere.
        cache_mb: memory for decoded pictures; the least recently used one goes first. Each process has its own.
        notes: what the reader of results should know about the labels.

    Raises:
        ConfigError: no picture.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        classes: tuple[str, ...],
        *,
        centred: float = CENTRED,
        cache_mb: float = CACHE_MB,
        notes: tuple[str, ...] = (),
    ) -> None:
        if not pictures:
            raise ConfigError("a source without pictures; check root, split and match")
        self._pictures = tuple(pictures)
        self._classes = classes
        self._centred = centred
        self._budget = cache_mb * 2**20
        self._cache: OrderedDict[int, Layers] = OrderedDict()
        self._held = 0
        self.notes = notes

    def draw(self, rng: np.random.Generator, size_px: int) -> Sample:
        """Return a crop; more often than not around a labelled pixel, and around those of rare classes more often.

        With the chance ``centred`` a class is chosen with weights of 1 / sqrt(its share of the known pixels), then a
        picture that has it, then a place of it; the crop is shifted by up to a quarter of its side, so that a network
        cannot learn that damage is in the middle. Otherwise any picture, anywhere. The square root lies between taking
        pictures as they come and giving every class the same share (Mahajan et al. 2018, Exploring the Limits of
        Weakly Supervised Pretraining, section 2.2).
        """
        centre = None
        if self._centred and rng.random() < self._centred:
            centre = self.places.draw(rng)
        if centre is None:
            index = int(rng.integers(len(self._pictures)))
            rows, cols = self._pictures[index].size()
            row, col = (
                int(rng.integers(0, max(rows - size_px, 0) + 1)),
                int(rng.integers(0, max(cols - size_px, 0) + 1)),
            )
        else:
            index = centre.picture
            rows, cols = self._pictures[index].size()
            shift = rng.integers(-(size_px // 4), size_px // 4, 2) - size_px // 2
            row = int(np.clip(centre.row + shift[0], 0, max(rows - size_px, 0)))
            col = int(np.clip(centre.col + shift[1], 0, max(cols - size_px, 0)))
        return self._crop(index, Window(col, row, size_px, size_px))

    def whole(self) -> Iterator[Sample]:
        """Yield every picture, whole, in name order; nothing of it is kept in memory that was not there before."""
        for index, picture in enumerate(self._pictures):
            layers = self._cache.get(index) or picture.read(None)
            target, known = layers.target.astype(np.float32), np.ascontiguousarray(layers.known)
            yield Sample(picture.item.name, picture.item.group, layers.pixels.astype(np.float32), target, known)

    def items(self) -> tuple[Item, ...]:
        """Return the files behind the pictures, in name order."""
        return tuple(picture.item for picture in self._pictures)

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self._pictures)

    @cached_property
    def places(self) -> Places:
        """Where the classes are: found once, when the first crop asks for it."""
        return find_places((picture.sketch() for picture in self._pictures), len(self._classes))

    def _crop(self, index: int, window: Window) -> Sample:
        picture = self._pictures[index]
        rows, cols = picture.size()
        inside = window.clip(cols, rows)
        if inside is None:
            raise ConfigError(
                f"{picture.item.image}: window {window} outside of {cols} x {rows} px"
            )  # pragma: no cover
        layers = self._cached(index)
        if layers is None:
            layers, taken = picture.read(inside), (slice(None), slice(None))
        else:
            taken = (slice(inside.row, inside.bottom), slice(inside.col, inside.right))
        channels, planes, side = layers.pixels.shape[0], layers.target.shape[0], (window.height, window.width)
        if inside == window:
            pixels = layers.pixels[:, *taken].astype(np.float32)
            target = layers.target[:, *taken].astype(np.float32)
            known = layers.known[:, *taken].copy()
        else:
            put = (slice(inside.row - window.row, inside.bottom - window.row), slice(0, inside.width))
            pixels = np.full((channels, *side), np.nan, np.float32)
            target, known = np.zeros((planes, *side), np.float32), np.zeros((planes, *side), dtype=bool)
            pixels[:, *put] = layers.pixels[:, *taken]
            target[:, *put] = layers.target[:, *taken]
            known[:, *put] = layers.known[:, *taken]
        return Sample(picture.item.name, picture.item.group, pixels, target, known)

    def _cached(self, index: int) -> Layers | None:
        """Return a whole picture from memory, read now if it fits, or None for a big one."""
        found = self._cache.get(index)
        if found is not None:
            self._cache.move_to_end(index)
            return found
        rows, cols = self._pictures[index].size()
        if rows * cols * (3 + len(self._classes)) > self._budget / _LARGEST_SHARE:
            return None
        layers = self._pictures[index].read(None)
        self._cache[index] = layers
        self._held += layers.size_bytes
        while self._held > self._budget and len(self._cache) > 1:
            _, gone = self._cache.popitem(last=False)
            self._held -= gone.size_bytes
        return layers


def group_of(path: Path, name: str, pattern: str | None) -> str:
    """Return the group that a regular expression finds in a name: its first bracket, else all that it matches.

    Raises:
        ConfigError: the pattern is broken or does not fit the name.
    """
    if pattern is None:
        return name
    try:
        found = re.search(pattern, name)
    except re.error as error:
        raise ConfigError(f"group_pattern {pattern!r}: not a regular expression ({error})") from error
    if found is None:
        raise ConfigError(f"{path}: group_pattern {pattern!r} does not fit the name {name!r}; every name must fit")
    return str(found.group(1) if found.re.groups else found.group(0))
