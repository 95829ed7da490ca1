"""Endless radar scenes and flood pairs from the seeded generators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from findings.errors import ConfigError
from imagery.synthetic.flood_pairs import BANDS, random_flood_pair
from imagery.synthetic.radar_scenes import random_radar_scene
from imagery.synthetic.river_pairs import Ground
from training.datasets.generated import PICTURES, Pool, number
from training.datasets.sample import BoolArray, FloatArray, Item, Sample, Source, planes

POLARISATIONS = ("vv", "vh")
CLEAR = 0.8  # share of a tile whose water is known; mixed shores alone are below a tenth
TILE_M = 30.0


class GeneratedFlood(Pool):
    """Generated pictures of a place before and after a flood; class ``new_water``.

    With ``tiles`` the flood comes over real ground: tiles of ``water/tiles30m``, another date of the place for the
    picture after where there is one, permanent water from the tiles' own quality flag and indices; radar, flood, sky
    and stretch are generated. What is water at the later date alone is unknown.

    Options of the source: ``pictures`` (how many different ones), ``whole`` (how many fixed ones for evaluation),
    ``whole_px`` (their side).
    """

    OPTIONS = ("pictures", "whole", "whole_px")

    def __init__(
        self,
        bands: tuple[str, ...],
        classes: tuple[str, ...],
        seed: int,
        options: Mapping[str, Any],
        tiles: Source | None = None,
    ) -> None:
        pictures = number(options, "pictures", PICTURES, 1, "generated_flood")
        super().__init__(seed, pictures, number(options, "whole", 0, 0, "generated_flood"))
        self._side = number(options, "whole_px", 256, 32, "generated_flood")
        self._tiles = tiles
        self._order, self._classes = _order(bands, BANDS, "generated_flood"), classes

    def _whole_px(self) -> int:
        return self._side

    def _generate(self, rng: np.random.Generator, size_px: int, number: int) -> Sample:
        ground, later, sure = (None, None, True) if self._tiles is None else self._places.draw(rng, size_px)
        pair = random_flood_pair(rng, size_px, ground, later)
        known = pair.known & (sure | pair.new_water)
        target, known = planes({"new_water": pair.new_water}, self._classes, pair.new_water.shape, known)
        name = f"generated-{number:06d}"
        return Sample(name, name, pair.pixels[self._order], target, known)

    @cached_property
    def _places(self) -> Places:
        """The tiles by their places, read once, when the first pair asks for them."""
        return Places(()) if self._tiles is None else Places.read(self._tiles)

    def items(self) -> tuple[Item, ...]:
        """Return the tiles that the floods come over; () for pairs that are generated altogether."""
        return () if self._tiles is None else self._tiles.items()


@dataclass(frozen=True, eq=False)
class Places:
    """Real ground: of each place its dates, bands ``(6, H, W)`` reflectance x 10000 and water ``(H, W)``."""

    dates: tuple[tuple[tuple[FloatArray, FloatArray], ...], ...]

    @classmethod
    def read(cls, tiles: Source) -> Places:
        """Return the clear tiles of a source whose class is water alone, by place."""
        found: dict[str, list[tuple[FloatArray, FloatArray]]] = {}
        for sample in tiles.whole():
            if (sample.known[0] & np.isfinite(sample.pixels).all(axis=0)).mean() > CLEAR:
                bands = np.clip(np.nan_to_num(sample.pixels, nan=1.0), 1.0, None)
                found.setdefault(sample.group, []).append((bands, sample.target[0]))
        if not found:
            raise ConfigError("generated_flood: no tile is clear of cloud; name another split")
        return cls(tuple(tuple(dates) for dates in found.values()))

    def draw(self, rng: np.random.Generator, size_px: int) -> tuple[Ground, FloatArray | None, BoolArray]:
        """Return a part of a place before, the same part at another date if there is one, and where both agree."""
        dates = self.dates[int(rng.integers(len(self.dates)))]
        chosen = rng.permutation(len(dates))[:2]
        side = int(min(min(water.shape) for _, water in dates) * rng.uniform(0.35, 1.0))
        row, col = (int(rng.integers(0, length - side + 1)) for length in dates[0][1].shape)
        parts = [
            [_enlarged(plane[..., row : row + side, col : col + side], size_px) for plane in dates[place]]
            for place in chosen
        ]
        bands, water = parts[0][0], parts[0][1][0]
        ground = Ground(bands, np.clip(water, 0, 1), np.zeros_like(water), TILE_M * side / size_px)
        if len(parts) == 1 or rng.random() < 0.4:
            return ground, None, np.ones(water.shape, dtype=bool)
        return ground, parts[1][0], np.asarray((parts[1][1][0] < 0.5) | (water >= 0.5))


def _enlarged(planes: FloatArray, size_px: int) -> FloatArray:
    """Return bands or one plane enlarged to ``(C, size_px, size_px)``."""
    stack = planes if planes.ndim == 3 else planes[None]
    large = np.stack([cv2.resize(plane, (size_px, size_px), interpolation=cv2.INTER_CUBIC) for plane in stack])
    return np.asarray(np.maximum(large, 1.0 if planes.ndim == 3 else 0.0), dtype=np.float32)


class GeneratedRadar(Pool):
    """Generated radar scenes in dB; class ``water``. Options as of `GeneratedFlood`."""

    OPTIONS = ("pictures", "whole", "whole_px")

    def __init__(self, bands: tuple[str, ...], classes: tuple[str, ...], seed: int, options: Mapping[str, Any]) -> None:
        pictures = number(options, "pictures", PICTURES, 1, "generated_radar")
        super().__init__(seed, pictures, number(options, "whole", 0, 0, "generated_radar"))
        self._side = number(options, "whole_px", 256, 32, "generated_radar")
        self._order, self._classes = _order(bands, POLARISATIONS, "generated_radar"), classes

    def _whole_px(self) -> int:
        return self._side

    def _generate(self, rng: np.random.Generator, size_px: int, number: int) -> Sample:
        scene = random_radar_scene(rng, size_px)
        target, known = planes({"water": scene.water}, self._classes, scene.water.shape, scene.known)
        name = f"generated-{number:06d}"
        return Sample(name, name, scene.db[self._order], target, known)


def _order(bands: tuple[str, ...], there: tuple[str, ...], kind: str) -> list[int]:
    strangers = [band for band in bands if band not in there]
    if strangers:
        raise ConfigError(f"{kind}: draws no band {strangers[0]}; it draws {', '.join(there)}")
    return [there.index(band) for band in bands]
