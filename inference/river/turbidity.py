"""A relative turbidity index of a river's own water, scene by scene, against its season.

The index is NDTI = (red - green) / (red + green) (Lacaux et al. 2007), its median over water well inside the banks. It
rises with suspended sediment and is not NTU: between sensors and rivers it does not compare. Sentinel-2 and Landsat
reflectance only (anchors 3.2): radar sees no colour, an 8-bit picture has a stretch of its own, drones see sky and sun.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from shapely.geometry import Polygon

from findings.errors import NotAssessable, RecordError
from findings.measure import Measure
from findings.river_series import Floats
from inference.regions import outline
from inference.river.channel import components, distance_to
from inference.river.finding import Array, Bool, RiverFinding
from inference.river.greenness import hidden, reflectance_like
from inference.river.monitor import Baseline, History, fit_baseline

NAME = "turbidity_index"
FINEST_M, COARSEST_M = 5.0, 60.0
"""Pixels of the sensors on which the index means something."""
SURE = 0.9
INSIDE_PX = 1.5
"""Water nearer to a bank is mixed with it."""
BLOCK_PX = 8
"""Neighbouring pixels share their water and their haze: the scatter is taken between blocks of so many."""
LEAST_PX, LEAST_BLOCKS = 50, 4
GLINT = 1200.0
"""Near infrared x 10000 over water beyond which it is sun glint, foam or cloud, not water colour."""
AIR_SIGMA = 0.02
"""1-sigma of what haze and its correction do to a scene's index; our estimate, to be measured on a gauge."""
ALARM_SIGMAS = 3.0
"""An index so far above its season raises the alarm: one clear scene in 740 by chance."""


def turbidity_index(bands: Mapping[str, Array], water: Array, pixel_m: float) -> Measure:
    """Return the index of one scene with its 95 % interval, for ``Observation.reach["turbidity_index"]``.

    Args:
        bands: ``(H, W)`` each, reflectance x 10000; ``red`` and ``green``, ``nir`` against glint.
        water: ``(H, W)`` probability of the river's own water (other water as NaN), NaN where not observed.
        pixel_m: side of a pixel.

    Raises:
        NotAssessable: the sensor cannot tell, or too little water is seen.
    """
    if not FINEST_M <= pixel_m <= COARSEST_M:
        raise NotAssessable(
            f"turbidity from pixels of {pixel_m:g} m is not assessable; expected a satellite scene of "
            f"{FINEST_M:g} to {COARSEST_M:g} m (Sentinel-2, Landsat)"
        )
    missing = [name for name in ("green", "red") if name not in bands]
    if missing:
        raise NotAssessable(f"turbidity needs the bands green and red; {' and '.join(missing)} missing")
    if not reflectance_like(bands):
        raise NotAssessable("turbidity needs reflectance; an 8-bit picture has a stretch of its own")
    red, green = bands["red"], bands["green"]
    total = red + green
    clear = _clear(bands, water) & np.isfinite(total) & (total > 0)
    if clear.sum() < LEAST_PX:
        raise NotAssessable(
            f"{int(clear.sum())} pixels of clear water inside the banks; turbidity needs {LEAST_PX}: the river is too "
            "narrow, hidden or in glint"
        )
    index = np.where(clear, (red - green) / np.where(clear, total, 1), np.nan)
    blocks = _blocks(index, clear)
    if blocks.size < LEAST_BLOCKS:
        raise NotAssessable(f"clear water in {blocks.size} places only; turbidity needs {LEAST_BLOCKS}")
    value = float(np.median(index[clear]))
    spread = 1.4826 * float(np.median(np.abs(blocks - np.median(blocks)))) * math.sqrt(math.pi / 2 / blocks.size)
    half = 1.96 * math.hypot(spread, AIR_SIGMA)
    how = "median (red - green) / (red + green) of the river's own water; relative, not NTU"
    return Measure(NAME, value, "ratio", value - half, value + half, how)


def _clear(bands: Mapping[str, Array], water: Array) -> Bool:
    sure = np.nan_to_num(water) >= SURE
    clear = sure & (distance_to(~sure) > INSIDE_PX)
    white = hidden(bands)
    if white is not None:
        clear &= ~white
    if "nir" in bands:
        # silt brightens the near infrared too: what is brighter there than in the red is glint or foam
        near = bands["nir"]
        clear &= ~((near > GLINT) & (near > bands["red"]))
    return np.asarray(clear, dtype=bool)


def _blocks(index: Array, clear: Bool) -> Floats:
    """Return the medians of blocks with at least a quarter of their pixels clear."""
    rows, cols = np.nonzero(clear)
    number = (rows // BLOCK_PX) * (index.shape[1] // BLOCK_PX + 1) + cols // BLOCK_PX
    names, place, count = np.unique(number, return_inverse=True, return_counts=True)
    values = index[rows, cols]
    kept = [k for k in range(len(names)) if count[k] >= BLOCK_PX**2 / 8]
    return np.array([np.median(values[place == k]) for k in kept])


@dataclass(frozen=True, slots=True)
class SeasonCheck:
    """A scene's index against the season.

    Attributes:
        index: of the scene.
        expected: with its 95 % interval for one scene.
        z: departure over the 1-sigma of one scene.
        alarm: more turbid than the season by ``ALARM_SIGMAS``.
        scenes: behind the expectation.
        season: whether the seasons are told; else only the level.
    """

    index: Measure
    expected: Measure
    z: float
    alarm: bool
    scenes: int
    season: bool


def season_of(times: Sequence[datetime], indices: Sequence[Measure]) -> Baseline:
    """Return what is expected of a reach's index, level and yearly wave; small, and kept with the reach.

    Args:
        times: of the scenes, aware, rising.
        indices: of the scenes.

    Raises:
        RecordError: numbers of times and indices differ, or a time has no zone.
        NotAssessable: fewer than five scenes.
        InputError: scenes twice or out of order.
    """
    if len(times) != len(indices):
        raise RecordError(f"{len(times)} times and {len(indices)} indices; give one for each scene")
    values = np.array([[np.nan if m.value is None else m.value] for m in indices], dtype=float).reshape(-1, 1)
    sigmas = np.array([[_sigma(m)] for m in indices], dtype=float).reshape(-1, 1)
    return fit_baseline(History(np.array([_moment(t) for t in times], dtype="datetime64[s]"), values, sigmas))


def against_season(season: Baseline, time: datetime, index: Measure) -> SeasonCheck:
    """Return whether a scene is more turbid than its season; its cost does not grow with the history.

    Raises:
        RecordError: a time without zone, or an index without value.
    """
    if index.value is None:
        raise RecordError("the index has no value; a scene that is not assessable is not compared")
    expected, spread = (float(v[0]) for v in season.expected(_moment(time), None))
    sigma = math.sqrt(max(float(season.scale[0]), _sigma(index)) ** 2 + spread**2)
    z = (index.value - expected) / sigma
    how = f"robust seasonal mean of {int(season.scenes[0])} scenes, interval of one scene"
    told = Measure(NAME, expected, "ratio", expected - 1.96 * sigma, expected + 1.96 * sigma, how)
    season_known = bool(np.any(season.beta[0, 1:3] != 0))
    return SeasonCheck(index, told, z, z >= ALARM_SIGMAS, int(season.scenes[0]), season_known)


def turbidity_finding(check: SeasonCheck, water: Array, pixel_m: float) -> RiverFinding | None:
    """Return the finding of an alarm, None without one; no code of the river list says turbidity, so it is unnamed.

    Args:
        check: of the scene.
        water: ``(H, W)`` probability of the river's own water: its largest part is the outline.
        pixel_m: side of a pixel.
    """
    if not check.alarm:
        return None
    wet = np.asarray(np.nan_to_num(water) >= 0.5, dtype=bool)
    details = {
        "kind": "turbidity",
        "z": round(check.z, 1),
        "expected": check.expected.to_json(),
        "scenes": check.scenes,
        "season": "yearly wave" if check.season else "level only: too few scenes over the year",
        "gsd_m": pixel_m,
        "caveat": "relative index against the reach's own season, not NTU; rain upstream raises it every time",
    }
    score = 0.5 * (1 + math.erf(check.z / math.sqrt(2)))
    return RiverFinding("anomaly", _largest(wet), round(score, 4), (check.index,), details)


def _largest(wet: Bool) -> Polygon:
    labels, stats = components(wet)
    if len(stats) < 2:
        raise RecordError("an alarm without water; give the water that the index was read from")
    best = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, width, height = stats[best, :4]
    return outline(labels[top : top + height, left : left + width] == best, int(left), int(top))


def _sigma(measure: Measure) -> float:
    if measure.low is None or measure.high is None:
        return math.nan
    return (measure.high - measure.low) / 2 / 1.96


def _moment(time: datetime) -> np.datetime64:
    if time.tzinfo is None:
        raise RecordError(f"{time.isoformat()} has no time zone; give the time with its offset")
    return np.datetime64(int(time.timestamp()), "s")
