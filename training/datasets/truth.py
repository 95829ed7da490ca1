"""The truth of one picture in the forms that data sets store it: masks, rasters of values, shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from findings.errors import ConfigError
from imagery.reader import open_image
from imagery.types import Window
from training.datasets.class_map import ClassMap
from training.datasets.sample import BoolArray
from training.datasets.shapes import Shape, draw_shapes

SKETCH_PX = 768  # longer side of the drawing in which places of shapes are looked up


@dataclass(frozen=True, slots=True)
class Masks:
    """Truth of a window.

    Attributes:
        marked: for each class that the set labels, where it is.
        unsure: for some of these classes, where nobody knows.
    """

    marked: Mapping[str, BoolArray]
    unsure: Mapping[str, BoolArray] = field(default_factory=dict)

    def planes(self, classes: tuple[str, ...], shape: tuple[int, int]) -> tuple[BoolArray, BoolArray]:
        """Return target and known ``(K, H, W)``; classes that the set does not label are unknown.

        Without an unsure pixel ``known`` is a view that takes no memory.
        """
        target = np.zeros((len(classes), *shape), dtype=bool)
        labelled = np.array([name in self.marked for name in classes])
        known: BoolArray = np.broadcast_to(labelled[:, None, None], target.shape)
        if any(self.unsure[name].any() for name in classes if name in self.unsure):
            known = known.copy()
        for plane, name in enumerate(classes):
            if name in self.marked:
                target[plane] = self.marked[name]
            if name in self.unsure and known.flags.writeable:
                known[plane] &= ~self.unsure[name]
                target[plane] &= known[plane]
        return target, known


class Truth(Protocol):
    """The stored truth of one picture."""

    def read(self, window: Window) -> Masks:
        """Return the truth of a window that lies inside the picture."""
        ...

    def sketch(self, rows: int, cols: int) -> tuple[Masks, float]:
        """Return the truth of the whole picture, maybe reduced, and the factor from its pixels to the sketch's."""
        ...


@dataclass(frozen=True, slots=True)
class MaskFile:
    """A mask of one class: above the threshold it is there.

    Attributes:
        path: file of one band (of several, the first is taken).
        name: class.
        threshold: values above it are marked.
    """

    path: Path
    name: str
    threshold: float

    def read(self, window: Window) -> Masks:
        """Return the mask of a window; pixels without a value are unsure."""
        with open_image(self.path) as reader:
            values = reader.read(window, reader.bands[:1]).values[0]
        hole = np.isnan(values)
        return Masks({self.name: values > self.threshold}, {self.name: hole} if hole.any() else {})

    def sketch(self, rows: int, cols: int) -> tuple[Masks, float]:
        """Return the whole mask."""
        return self.read(Window(0, 0, cols, rows)), 1.0


@dataclass(frozen=True, slots=True)
class ValueFile:
    """A raster whose values are labels of a class map: ``255: crack``, ``-1`` unsure, ``0`` nothing."""

    path: Path
    map: ClassMap

    def read(self, window: Window) -> Masks:
        """Return the masks of a window; pixels without a value are unsure for every class.

        Raises:
            ConfigError: a value that the class map does not name.
        """
        with open_image(self.path) as reader:
            values = reader.read(window, reader.bands[:1]).values[0]
        hole = np.isnan(values)
        marked = {name: np.zeros(values.shape, dtype=bool) for name in self.map.classes}
        unsure = {name: hole.copy() for name in self.map.classes}
        for value in np.unique(values[~hole]):
            label = f"{value:g}"
            place = values == value
            meant = self.map.meaning(label, self.path, "a pixel value")
            if meant is not None:
                marked[meant] |= place
            for name in self.map.unsure.get(label, ()):
                if name in unsure:
                    unsure[name] |= place
        return Masks(marked, unsure)

    def sketch(self, rows: int, cols: int) -> tuple[Masks, float]:
        """Return the masks of the whole picture."""
        return self.read(Window(0, 0, cols, rows)), 1.0


@dataclass(frozen=True, slots=True)
class Shapes:
    """Shapes of the classes that a set labels.

    Attributes:
        marked: for every class of the set its shapes, maybe none.
        unsure: shapes inside which a class is unknown.
    """

    marked: Mapping[str, tuple[Shape, ...]]
    unsure: Mapping[str, tuple[Shape, ...]] = field(default_factory=dict)

    def read(self, window: Window) -> Masks:
        """Return the shapes drawn in a window."""
        return self._drawn(window, 1.0)

    def sketch(self, rows: int, cols: int) -> tuple[Masks, float]:
        """Return the shapes drawn with at most `SKETCH_PX` a side."""
        factor = min(SKETCH_PX / max(rows, cols), 1.0)
        return self._drawn(Window(0, 0, max(int(cols * factor), 1), max(int(rows * factor), 1)), factor), factor

    def _drawn(self, window: Window, factor: float) -> Masks:
        marked = {name: draw_shapes(shapes, window, factor) for name, shapes in self.marked.items()}
        unsure = {name: draw_shapes(shapes, window, factor) for name, shapes in self.unsure.items() if shapes}
        for name, where in unsure.items():  # what is marked clearly is known, even where something unsure lies over it
            if name in marked:
                where &= ~marked[name]
        return Masks(marked, unsure)


def collect(
    entries: list[tuple[str, Shape]], class_map: ClassMap, path: Path, weak: frozenset[int] = frozenset()
) -> Shapes:
    """Return the truth that labelled shapes make under a class map.

    Args:
        entries: label and shape, in file order.
        class_map: of the set.
        path: file, for messages.
        weak: numbers of entries that say only that their class is somewhere inside.

    Raises:
        ConfigError: a label that the map does not know.
    """
    marked: dict[str, list[Shape]] = {name: [] for name in class_map.classes}
    unsure: dict[str, list[Shape]] = {}
    for number, (label, shape) in enumerate(entries):
        meant = class_map.meaning(label, path, f"shape {number + 1}")
        if meant is not None:
            (unsure.setdefault(meant, []) if number in weak else marked[meant]).append(shape)
        for name in class_map.unsure.get(label, ()):
            unsure.setdefault(name, []).append(shape)
    return Shapes({n: tuple(s) for n, s in marked.items()}, {n: tuple(s) for n, s in unsure.items()})


def check_size(image: Path, size: tuple[int, int], label: Path, stated: tuple[int, int]) -> None:
    """Raise ConfigError unless a label file states the size of its picture (rows, columns)."""
    if size != stated:
        raise ConfigError(
            f"{label}: made for a picture of {stated[1]} x {stated[0]} px, but {image} has {size[1]} x {size[0]} px; "
            "the two must be equal: take the pictures that were labelled (not resized, no EXIF turn applied)"
        )
