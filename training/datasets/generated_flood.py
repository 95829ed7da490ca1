"""Endless radar scenes and flood pairs from the seeded generators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from findings.errors import ConfigError
from imagery.synthetic.flood_pairs import BANDS, random_flood_pair
from imagery.synthetic.radar_scenes import random_radar_scene
from training.datasets.generated import PICTURES, Pool, number
from training.datasets.sample import Sample, planes

POLARISATIONS = ("vv", "vh")


class GeneratedFlood(Pool):
    """Generated pictures of a place before and after a flood; class ``new_water``.

    Options of the source: ``pictures`` (how many different ones), ``whole`` (how many fixed ones for evaluation),
    ``whole_px`` (their side).
    """

    OPTIONS = ("pictures", "whole", "whole_px")

    def __init__(self, bands: tuple[str, ...], classes: tuple[str, ...], seed: int, options: Mapping[str, Any]) -> None:
        pictures = number(options, "pictures", PICTURES, 1, "generated_flood")
        super().__init__(seed, pictures, number(options, "whole", 0, 0, "generated_flood"))
        self._side = number(options, "whole_px", 256, 32, "generated_flood")
        self._order, self._classes = _order(bands, BANDS, "generated_flood"), classes

    def _whole_px(self) -> int:
        return self._side

    def _generate(self, rng: np.random.Generator, size_px: int, number: int) -> Sample:
        pair = random_flood_pair(rng, size_px)
        target, known = planes({"new_water": pair.new_water}, self._classes, pair.new_water.shape, pair.known)
        name = f"generated-{number:06d}"
        return Sample(name, name, pair.pixels[self._order], target, known)


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
