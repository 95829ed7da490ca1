"""What a water model sees on scenes: bars and trees in one scene, change over a stack of dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from findings.survey import Image
from imagery.masks import Classes
from imagery.reader import ImageReader
from imagery.types import Window
from inference.judgement import Place
from inference.overlay import display_rgb
from inference.pixel_size import pixel_size_m
from inference.river import RiverFinding, find_bars, find_changes
from inference.river.surfaces import centred, water_class
from models.base import PixelModel

RIVER_BANDS = ("green", "red", "nir", "swir1")


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene with its water scores, kept until the whole stack of its grid is there.

    Attributes:
        water: ``(H, W)`` in [0, 1], NaN where nothing was observed.
        bands: ``(H, W)`` float32 each, those of ``RIVER_BANDS`` that the file has.
        rgb: ``(H, W, 3)`` uint8, stretched, for evidence, with the picture under the mask.
        pixel_size_m: None without a georeference.
        mask: classes ``(H, W)``, or None if there is no mask.
    """

    image: Image
    model: PixelModel
    water: NDArray[np.float32]
    bands: dict[str, NDArray[np.float32]]
    rgb: NDArray[np.uint8]
    pixel_size_m: float | None
    started: datetime
    mask: Classes | None = None

    @classmethod
    def load(
        cls, image: Image, reader: ImageReader, model: PixelModel, scores: NDArray[np.float32], started: datetime
    ) -> Scene:
        """Return the scene of an open image and its scores ``(K, H, W)``, of which the class ``water`` counts."""
        window = Window(0, 0, reader.width_px, reader.height_px)
        plane = water_class(model.card.classes) or 0
        names = [band for band in RIVER_BANDS if band in reader.bands]
        bands = dict(zip(names, reader.read(window, names).values, strict=True)) if names else {}
        mask = reader.read_mask(window)
        rgb = display_rgb(reader.read(window, masked=False), mask=mask)
        return cls(image, model, scores[plane], bands, rgb, pixel_size_m(image), started, mask)

    @property
    def threshold(self) -> float:
        """Score at which the edge of the water is measured: the card's."""
        classes = self.model.card.classes
        return classes[water_class(classes) or 0].edge


def scene_places(scene: Scene) -> tuple[list[Place], list[str]]:
    """Return sediment and trees in the channel of one scene, and why nothing can be said where that is so."""
    found = find_bars(scene.bands, _centred(scene), scene.pixel_size_m)
    return [_place(finding) for finding in found.findings], list(found.refusals)


def change_places(stack: Sequence[Scene]) -> tuple[list[Place], list[str]]:
    """Return what changed between the dates of one grid, and why nothing can be said where that is so."""
    if len(stack) < 2:
        return [], []
    found = find_changes(
        [scene.image.captured_at for scene in stack],
        [_centred(scene) for scene in stack],
        [scene.bands for scene in stack],
        stack[0].pixel_size_m,
    )
    return [_place(finding) for finding in found.findings], list(found.refusals)


def stacks(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Return scenes of one model, grid and size together, oldest first; a scene without a place stands alone."""
    groups: dict[tuple[object, ...], list[Scene]] = {}
    for scene in scenes:
        image = scene.image
        key: tuple[object, ...] = (scene.model.card.name, image.crs, image.transform, image.width_px, image.height_px)
        if image.crs is None or image.transform is None or image.captured_at is None:
            key = (scene.model.card.name, image.uid)
        groups.setdefault(key, []).append(scene)
    return [sorted(group, key=lambda scene: str(scene.image.captured_at)) for group in groups.values()]


def _centred(scene: Scene) -> NDArray[np.float32]:
    return centred(scene.water, scene.threshold)


def _place(finding: RiverFinding) -> Place:
    return Place(finding.damage, finding.polygon_px, finding.score, finding.measures, finding.details)
