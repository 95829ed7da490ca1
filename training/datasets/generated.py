"""Endless samples from the seeded generators, with exact truth."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np

from findings.errors import ConfigError
from imagery.synthetic import river
from imagery.synthetic.concrete_plan import Shares
from imagery.synthetic.concrete_sample import random_sample
from training.datasets.sample import BoolArray, FloatArray, Item, Sample, planes

BARE_BELOW, GREEN_FROM = 0.25, 0.45
"""NDVI of generated ground below which it is bare and from which it is overgrown."""
RIVER_BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
PICTURES = 1500  # a picture is drawn once and reused with fresh augmentation: drawing costs as much as a training step
KEPT_BYTES = 2**30
_TRAIN, _WHOLE = 0, 1  # the two series of pictures of a seed never share one


@dataclass(frozen=True, slots=True)
class _Kept:
    """A generated picture, packed: masks as bits."""

    pixels: np.ndarray[Any, Any]
    target: np.ndarray[Any, Any]
    known: np.ndarray[Any, Any]
    shape: tuple[int, ...]


class Pool:
    """A fixed number of pictures, numbered; each is a pure function of seed, number and size.

    A draw takes a random number. What has been drawn before is kept in memory, up to ``KEPT_BYTES``, the oldest going
    first. As nothing depends on what is kept, a run that is killed and resumed draws the same pictures, and so do
    several processes. ``n`` draws from ``N`` pictures generate about ``N (1 - exp(-n / N))`` of them: 2400 draws from
    1500 pictures cost 1200 drawings.
    """

    def __init__(self, seed: int, pictures: int, whole: int) -> None:
        self._seed, self._pictures, self._whole = seed, pictures, whole
        self._kept: OrderedDict[tuple[int, int], _Kept] = OrderedDict()
        self._bytes = 0

    def draw(self, rng: np.random.Generator, size_px: int) -> Sample:
        """Return a random one of the pictures, ``size_px`` squared."""
        number = int(rng.integers(self._pictures))
        key = (number, size_px)
        if key in self._kept:
            return _unpacked(number, self._kept[key])
        sample = self._numbered(_TRAIN, number, size_px)
        self._keep(key, _packed(sample))
        return sample

    def _numbered(self, series: int, number: int, size_px: int) -> Sample:
        return self._generate(np.random.default_rng([self._seed, series, number]), size_px, number)

    def _keep(self, key: tuple[int, int], kept: _Kept) -> None:
        self._kept[key] = kept
        self._bytes += kept.pixels.nbytes + kept.target.nbytes + kept.known.nbytes
        while self._bytes > KEPT_BYTES and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._bytes -= old.pixels.nbytes + old.target.nbytes + old.known.nbytes

    def _generate(self, rng: np.random.Generator, size_px: int, number: int) -> Sample:
        raise TypeError("a pool of generated crops needs a generator")  # pragma: no cover

    def whole(self) -> Iterator[Sample]:
        """Yield the fixed pictures that the option ``whole`` asks for; none of them is ever drawn."""
        for number in range(self._whole):
            yield self._numbered(_WHOLE, number, self._whole_px())

    def _whole_px(self) -> int:
        return 256

    def items(self) -> tuple[Item, ...]:
        """Return (): no files lie behind generated pictures."""
        return ()

    def __len__(self) -> int:
        """Return the number of fixed pictures; 0 unless the option ``whole`` asks for some: a generator has no end."""
        return self._whole


def _packed(sample: Sample) -> _Kept:
    pixels = sample.pixels
    if np.isfinite(pixels).all() and (pixels == np.round(pixels)).all() and pixels.min() >= 0 and pixels.max() <= 255:
        pixels = pixels.astype(np.uint8)
    target, known = np.packbits(sample.target > 0.5), np.packbits(sample.known)
    return _Kept(pixels, target, known, sample.target.shape)


def _unpacked(number: int, kept: _Kept) -> Sample:
    count = int(np.prod(kept.shape))
    target = np.unpackbits(kept.target, count=count).reshape(kept.shape).astype(np.float32)
    known = np.unpackbits(kept.known, count=count).reshape(kept.shape).astype(bool)
    name = f"generated-{number:06d}"
    return Sample(name, name, kept.pixels.astype(np.float32), target, known)


class GeneratedConcrete(Pool):
    """Generated concrete with damage of every class and its look-alikes.

    Options of the source: ``pictures`` (how many different ones), ``whole`` (how many fixed ones for evaluation),
    ``whole_px`` (their side), ``label_width_px`` (how wide people draw a hairline), and the shares of
    ``imagery.synthetic.concrete_plan.Shares``: ``damage``, ``crack``, ``spalling``, ``efflorescence``, ``rust``,
    ``wet_spot``. Classes that the model does not tell apart are drawn at a third of their share, as look-alikes.
    """

    OPTIONS = ("pictures", "whole", "whole_px", "label_width_px", *(field.name for field in fields(Shares)))

    def __init__(self, classes: tuple[str, ...], seed: int = 0, options: Mapping[str, Any] | None = None) -> None:
        given = {} if options is None else options
        unknown = sorted(set(given) - set(self.OPTIONS))
        if unknown:
            raise ConfigError(
                f"generated_concrete: unknown option {unknown[0]!r}; expected one of {list(self.OPTIONS)}"
            )
        super().__init__(seed, number(given, "pictures", PICTURES, least=1), number(given, "whole", 0, least=0))
        self._side = number(given, "whole_px", 256, least=32)
        self._label = float(number(given, "label_width_px", 3, least=0))
        self._classes, self._shares = classes, _shares(given, classes)

    def _whole_px(self) -> int:
        return self._side

    def _generate(self, rng: np.random.Generator, size_px: int, number: int) -> Sample:
        drawn = random_sample(rng, size_px, shares=self._shares, label_width_px=self._label)
        pixels = np.ascontiguousarray(drawn.image.transpose(2, 0, 1), dtype=np.float32)
        masks: dict[str, BoolArray] = dict(drawn.masks)
        target, known = planes(masks, self._classes, (size_px, size_px))
        for plane, name in enumerate(self._classes):
            if name in drawn.unsure:
                known[plane] &= ~drawn.unsure[name]
        name = f"generated-{number:06d}"
        return Sample(name, name, pixels, target, known)


def _shares(options: Mapping[str, Any], classes: tuple[str, ...]) -> Shares:
    """Return the shares that the options ask for; classes that nobody asked for are drawn less often."""
    asked = set(classes) | ({"spalling"} if "exposed_rebar" in classes else set()) | {"damage"}
    values = {}
    for name in (field.name for field in fields(Shares)):
        usual = float(getattr(Shares(), name))
        value = options.get(name, usual if name in asked else usual / 3)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ConfigError(f"generated_concrete: option {name}: {value!r}; expected a share from 0 to 1")
        values[name] = float(value)
    return Shares(**values)


def number(options: Mapping[str, Any], name: str, usual: int, least: int, kind: str = "generated_concrete") -> int:
    """Return a whole-number option.

    Raises:
        ConfigError: another type, or below ``least``.
    """
    value = options.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{kind}: option {name}: {value!r}; expected a whole number of at least {least}")
    return value


class GeneratedRiver(Pool):
    """Generated rivers and lakes seen by a multispectral sensor.

    Options of the source: ``whole`` (how many fixed scenes for evaluation), ``whole_px`` (their side).
    """

    OPTIONS = ("whole", "whole_px")

    def __init__(
        self,
        bands: tuple[str, ...],
        seed: int = 0,
        classes: tuple[str, ...] = ("water",),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        given = {} if options is None else options
        super().__init__(seed, PICTURES, number(given, "whole", 0, least=0))
        self._side = number(given, "whole_px", 256, least=32)
        self._order = [RIVER_BANDS.index(band) for band in bands]
        self._classes = classes

    def _whole_px(self) -> int:
        return self._side

    def _generate(self, rng: np.random.Generator, size_px: int, number: int) -> Sample:
        scene = river.random_training_scene(rng, size_px)
        pixels = scene.bands[self._order].astype(np.float32)
        pixels[:, ~scene.observed] = np.nan
        target, known = ground_planes(scene, self._classes)
        name = f"generated-{number:06d}"
        return Sample(name, name, pixels, target, known)


def ground_planes(scene: river.TrainingScene, classes: tuple[str, ...]) -> tuple[FloatArray, BoolArray]:
    """Return target and known ``(K, H, W)`` of the covers of a generated scene.

    Water where it covers half the pixel. Of the dry rest: vegetation from an NDVI of the ground of 0.45; below 0.25
    sediment between the banks of a river, built or other ground elsewhere. Between the two, on mixed shores and along
    other waters' shores, the cover is unknown and trains nothing.
    """
    red, nir = scene.ground[RIVER_BANDS.index("red")], scene.ground[RIVER_BANDS.index("nir")]
    index = (nir - red) / np.maximum(nir + red, 1.0)
    dry, mixed = scene.water < 0.5, (scene.water > 0.1) & (scene.water < 0.9)
    shore = cv2.dilate((scene.water >= 0.5).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    bare, green = dry & (index < BARE_BELOW), dry & (index >= GREEN_FROM)
    inside, outside = scene.channel >= 0.7, scene.channel <= 0.1
    surfaces = {
        "water": scene.water >= 0.5, "sediment": bare & inside, "vegetation": green, "built": bare & outside,
    }  # fmt: skip
    unsure = mixed | (dry & ~bare & ~green)
    edge = (scene.channel > 0.1) & (scene.channel < 0.7)
    doubt = {
        "water": np.zeros_like(mixed), "vegetation": unsure,
        "sediment": unsure | (bare & (edge | (outside & shore))), "built": unsure | (bare & (edge | (outside & shore))),
    }  # fmt: skip
    target, known = planes(surfaces, classes, scene.water.shape, scene.observed)
    for plane, name in enumerate(classes):
        if name in doubt:
            known[plane] &= ~doubt[name]
    return target, known
