"""Generated rivers: endless training pairs, and a multi-year Sentinel-2-like series with exact truth."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
from skimage.measure import find_contours

from imagery.synthetic.river_bands import add_air, paint_scene, share, store
from imagery.synthetic.river_course import Line
from imagery.synthetic.river_pairs import TrainingScene, random_training_pair, random_training_scene
from imagery.synthetic.river_scenery import Scenery, draw_scenery
from imagery.synthetic.river_shape import FINE, RiverShape, draw_shape
from imagery.synthetic.river_spec import RiverScene, RiverSeries, RiverSpec
from imagery.synthetic.stac_items import write_river_series
from imagery.synthetic.textures import Array, Bool

__all__ = [
    "RiverScene",
    "RiverSeries",
    "RiverSpec",
    "TrainingScene",
    "generate_river_series",
    "random_training_pair",
    "random_training_scene",
    "write_river_series",
]

DAYS_PER_YEAR = 365.2425


def generate_river_series(rng: np.random.Generator, spec: RiverSpec | None = None) -> RiverSeries:
    """Return a river seen over several years, with the exact truth of each date.

    One outer bank erodes, the bar opposite grows, trees encroach on the bars, the water follows the seasons; the
    land, the bridge and everything else stay where they are.

    Args:
        rng: source of randomness; the same state and specification give the same series.
        spec: what to generate.
    """
    spec = spec or RiverSpec()
    shape = draw_shape(rng, spec)
    first = shape.channel(0.0)
    scenery = draw_scenery(rng, _distance_to_bank(first), spec.pixel_m)
    scenes = tuple(_scene(rng, shape, scenery, first, moment) for moment in _moments(rng, spec))
    last_years = _years(spec, scenes[-1].captured_at)
    eroded = share(np.asarray(shape.channel(last_years) & ~first, dtype=bool))
    east, north = spec.origin_m
    transform = (spec.pixel_m, 0.0, east, 0.0, -spec.pixel_m, north)
    return RiverSeries(spec, scenes, transform, eroded, share(shape.bridge))


def _moments(rng: np.random.Generator, spec: RiverSpec) -> list[datetime]:
    """Return overpass times: near 01:50 UTC (10:50 in Japan), evenly over the year with a few days' scatter."""
    step = 365 / spec.scenes_per_year
    moments = []
    for year in range(spec.years):
        for k in range(spec.scenes_per_year):
            day = (k + 0.5) * step + float(rng.uniform(-0.15, 0.15)) * step
            start = datetime(spec.first_year + year, 1, 1, 1, 50, tzinfo=UTC)
            moments.append(start + timedelta(days=int(day), seconds=int(rng.integers(0, 900))))
    return moments


def _years(spec: RiverSpec, moment: datetime) -> float:
    """Return the years since the first of January of the first year."""
    return (moment - datetime(spec.first_year, 1, 1, tzinfo=UTC)).total_seconds() / 86400 / DAYS_PER_YEAR


def season_level(day: float) -> float:
    """Return the river's mean level, -1 in January to +1 in early July: the rainy season of western Japan."""
    return math.cos(2 * math.pi * (day - 187) / 365.25)


def _scene(rng: np.random.Generator, shape: RiverShape, scenery: Scenery, first: Bool, moment: datetime) -> RiverScene:
    spec = shape.spec
    years, day = _years(spec, moment), float(moment.timetuple().tm_yday)
    level = float(np.clip(season_level(day) + rng.normal(0, 0.2), -1.3, 1.3))
    channel, water = shape.channel(years), shape.water(years, level)
    trees = shape.trees(years, water, channel)
    masks = {"channel": channel, "water": water, "trees": trees}
    bands = paint_scene(rng, shape, scenery, masks, day, level)
    bands, clouds = add_air(rng, bands, cloudy=bool(rng.random() < spec.cloudy), day=day)
    fine_m2 = (spec.pixel_m / FINE) ** 2
    open_ground = ~shape.bridge
    return RiverScene(
        moment,
        store(rng, bands),
        share(water & open_ground),
        share(channel & ~water & ~trees & open_ground) > 0.5,
        share(trees & open_ground) > 0.5,
        clouds,
        _bank_lines(shape, channel),
        float((channel & ~first).sum()) * fine_m2,
        float((channel & ~water).sum()) * fine_m2,
    )


def _distance_to_bank(channel: Bool) -> Array:
    """Return the distance of each scene pixel to the bank in px, negative inside the channel."""
    fine = channel.astype(np.uint8)
    outside = cv2.distanceTransform(1 - fine, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inside = cv2.distanceTransform(fine, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    small = (channel.shape[1] // FINE, channel.shape[0] // FINE)
    return np.asarray(cv2.resize((outside - inside) / FINE, small, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _bank_lines(shape: RiverShape, channel: Bool) -> tuple[Line, Line]:
    """Return the longest outline of the channel on either side of the centre line, x, y in scene pixels."""
    lines: list[Line] = []
    for on_left in (True, False):
        half_plane = (shape.left > 0) if on_left else (shape.left < 0)
        beyond = np.where(half_plane & ~channel, 1.0, 0.0)
        contours = find_contours(beyond, 0.5)  # type: ignore[no-untyped-call]
        longest = max(contours, key=len) if contours else np.zeros((0, 2))
        lines.append((longest[:, ::-1] + 0.5) / FINE)
    return lines[0], lines[1]
