"""Endless samples from the seeded generators, with exact truth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from findings.errors import ConfigError
from imagery.synthetic import concrete, river
from training.datasets.sample import Sample, planes

RIVER_BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
POOL = 384  # crops drawn once and then reused with fresh augmentation: drawing costs as much as a training step


class _Pool:
    """A pool of generated crops that fills on first use and is renewed crop by crop."""

    def __init__(self) -> None:
        self._crops: list[Sample] = []

    def draw(self, rng: np.random.Generator, size_px: int) -> Sample:
        """Return a crop of ``size_px`` squared; one in four is new once the pool is full.

        Raises:
            ConfigError: another size than the pool holds.
        """
        if self._crops and self._crops[0].known.shape[1:] != (size_px, size_px):
            raise ConfigError(f"a pool of {self._crops[0].known.shape[1:]} px crops was asked for {size_px} px")
        if len(self._crops) < POOL:
            self._crops.append(self._generate(rng, size_px))
            return self._crops[-1]
        index = int(rng.integers(POOL))
        if rng.random() < 0.25:
            self._crops[index] = self._generate(rng, size_px)
        return self._crops[index]

    def _generate(self, rng: np.random.Generator, size_px: int) -> Sample:
        raise TypeError("a pool of generated crops needs a generator")  # pragma: no cover

    def whole(self) -> Iterator[Sample]:
        """Yield nothing: a generator has no fixed pictures."""
        yield from ()

    def __len__(self) -> int:
        """Return 0: a generator has no end."""
        return 0


class GeneratedConcrete(_Pool):
    """Generated concrete with cracks and their confusers."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        super().__init__()
        self._classes = classes

    def _generate(self, rng: np.random.Generator, size_px: int) -> Sample:
        image, mask = concrete.random_training_pair(rng, size_px)
        pixels = np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32)
        target, known = planes({"crack": mask}, self._classes, mask.shape)
        return Sample("generated", "generated", pixels, target, known)


class GeneratedRiver(_Pool):
    """Generated rivers and lakes seen by a multispectral sensor."""

    def __init__(self, bands: tuple[str, ...]) -> None:
        super().__init__()
        self._order = [RIVER_BANDS.index(band) for band in bands]

    def _generate(self, rng: np.random.Generator, size_px: int) -> Sample:
        values, fraction, observed = river.random_training_pair(rng, size_px)
        pixels = values[self._order].astype(np.float32)
        pixels[:, ~observed] = np.nan
        target = (fraction >= 0.5)[None].astype(np.float32)
        return Sample("generated", "generated", pixels, target, observed[None])
