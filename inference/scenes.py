"""What a water model sees on scenes: bars and trees in one scene, change over a stack of dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Geod

from findings.survey import Image
from imagery.masks import Classes
from imagery.reader import ImageReader
from imagery.types import Window
from inference.judgement import Place
from inference.overlay import display_rgb
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
        """Score from which a pixel is water: the card's."""
        classes = self.model.card.classes
        return classes[water_class(classes) or 0].threshold


def pixel_size_m(image: Image) -> float | None:
    """Return the side of a pixel in metres (geometric mean of both sides), or None without a georeference."""
    if image.crs is None or image.transform is None:
        return image.scale.gsd_mm / 1000.0 if image.scale.gsd_mm is not None else None
    a, b, c, d, e, f = image.transform
    crs = CRS.from_user_input(image.crs)
    if not crs.is_geographic:
        unit = crs.axis_info[0].unit_conversion_factor if crs.axis_info else 1.0
        return _size(float(np.sqrt(abs(a * e - b * d)) * unit))
    lon, lat = c + a * image.width_px / 2, f + e * image.height_px / 2
    geod = Geod(ellps="WGS84")
    across = geod.inv(lon, lat, lon + a, lat + d)[2]
    down = geod.inv(lon, lat, lon + b, lat + e)[2]
    return _size(float(np.sqrt(across * down)))


def _size(metres: float) -> float | None:
    """Return a length, or None for what a transform that leads nowhere on Earth gives."""
    return metres if 0 < metres < 1e6 else None


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
