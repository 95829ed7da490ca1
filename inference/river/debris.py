"""R19 流木・塵芥の集積: rafts of driftwood on drone and very fine pictures, and how much of an opening they block.

A raft is what in the channel is neither water nor green: rough all over by trunks that catch the light over dark gaps,
and brown where it is lit. Three numbers of a pixel's surroundings (busyness, warm and green tone) say so; their limits
were set on generated pictures alone, so that scores are experimental. A region must touch water and have the size and
breadth of a raft. What lies under a deck is not seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from findings.errors import InputError
from findings.measure import Measure
from inference.regions import outline
from inference.river.channel import components
from inference.river.finding import Array, Bool, RiverFinding, RiverReport, area_measure
from inference.river.greenness import reflectance_like

DEBRIS = "R19"
COARSEST_M = 0.5
"""A trunk is some decimetres thick: no coarser picture shows that a patch is one of trunks (anchors 3.2)."""
FINEST_M = 0.1
"""Finer pictures are averaged to it: 0.1 m is enough and costs a quarter of 0.05 m."""
LIMITS, SOFTNESS = (-2.15, 0.05, 0.05), (0.12, 0.015, 0.012)
"""Least busyness and warm tone, most green tone of driftwood, and how fast it becomes likely beyond them: set on
generated pictures of other seeds than those that measure (`benchmarks/river_debris.py`)."""
COARSER = (0.1, 0.2, 0.3, 0.5), (0.0, 0.08, 0.08, 0.20)
"""Coarse pixels blur the trunks: so much less busyness is asked for there; gravel has blurred away by then."""
WINDOW_M = 1.0
DARKEST_LOG = -4.6
"""Log contrast of a surface without any."""
THRESHOLD = 0.5
LEAST_M2, LEAST_PX = 1.0, 6
BREADTH_M = 1.5
"""A raft holds a disc of that diameter; the rough line of a shore does not."""
LONGEST = 7.0
"""... and its area is at most so many squares of its breadth."""
RIM_FROM, RIM_M = 0.12, 0.4
"""Around a raft what is a little like it belongs to it: its outermost branches."""
SMOOTH = 0.075
"""Contrast below which a surface is smooth enough for water."""
TOUCH_M = 0.8
LEAST_TOUCH = 0.15
"""Share of a raft's rim that lies at water; a heap on the bank or a bar has less."""
UPSTREAM_M = 10.0
AT_OPENING_M = 2.5
"""A raft blocks an opening if it comes so near to it; all of it within ``UPSTREAM_M`` counts."""
EDGE_SIGMA_M, EDGE_SIGMA_PX = 0.35, 1.5
"""1-sigma of a raft's edge: what is a raft's end and what its outermost branch, and the picture's own."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A clear opening between piers or abutments, on the upstream side of the deck.

    Attributes:
        name: e.g. ``P1-P2``.
        ends_px: its two ends, x, y in pixels.
        upstream_px: direction against the flow, x, y; any length.
    """

    name: str
    ends_px: tuple[tuple[float, float], tuple[float, float]]
    upstream_px: tuple[float, float]


@dataclass(frozen=True, slots=True)
class _View:
    """A picture at the size at which it is judged: factor from its pixels to those of the original."""

    score: Array
    water: Bool
    factor: float
    pixel_m: float


def find_debris(
    bands: Mapping[str, Array],
    pixel_m: float | None,
    *,
    channel: Bool | None = None,
    openings: Sequence[Opening] = (),
) -> RiverReport:
    """Return rafts of driftwood in one picture, the largest first.

    Args:
        bands: ``(H, W)`` each on 0 to 255: ``red``, ``green``, ``blue``, NaN where not observed; ``nir`` if there is.
        pixel_m: side of a pixel on the ground; None where unknown.
        channel: ``(H, W)`` between the banks, without deck; None: the whole picture.
        openings: of the bridge, if one is in the picture.

    Returns:
        Findings with ``area``, ``length``, and for each opening that a raft stands before ``blocked_width`` (m) and
        ``plan_blocked_ratio`` (a proxy in plan view); or the reasons why the picture cannot tell.

    Raises:
        InputError: a channel of another size, or an opening without width.
    """
    refusal = _refusal(bands, pixel_m)
    if refusal or pixel_m is None:
        return RiverReport((), (refusal,))
    shape = bands["red"].shape
    if channel is not None and channel.shape != shape:
        raise InputError(f"the channel has {channel.shape} pixels, the picture {shape}; give it in the picture's grid")
    view = _view(bands, pixel_m, channel)
    if not view.water.any():
        return RiverReport((), ("no water is seen in the channel: a raft is told by the water that it lies in",))
    found = []
    for part, mean in _rafts(view):
        found.append(_finding(part, mean, view, openings, "nir" in bands))
    return RiverReport(tuple(sorted(found, key=lambda f: -(f.measures[0].value or 0.0))))


def blocked(debris: Bool, opening: Opening, pixel_m: float) -> Measure:
    """Return the width of an opening that debris covers in plan view, with its 95 % interval.

    All pieces within ``UPSTREAM_M`` of the opening that come within ``AT_OPENING_M`` of it are laid onto its line; what
    they cover counts once.

    Args:
        debris: ``(H, W)``.
        opening: in the same pixels.
        pixel_m: side of a pixel.

    Raises:
        InputError: an opening without width or direction.
    """
    along, ahead, length = _axes(opening, debris.shape, pixel_m)
    inside = (along >= 0) & (along <= length) & (ahead >= -pixel_m) & (ahead <= UPSTREAM_M)
    labels, _ = components(debris & inside)
    near = np.unique(labels[inside & (ahead <= AT_OPENING_M)])
    held = np.isin(labels, near[near > 0])
    step = pixel_m / 2
    bins = np.zeros(max(math.ceil(length / step), 1), dtype=bool)
    places = along[held]
    for shift in (-0.25 * pixel_m, 0.25 * pixel_m):  # a pixel is broader than a bin
        bins[np.clip(((places + shift) / step).astype(int), 0, len(bins) - 1)] = True
    value = min(float(bins.sum()) * step, length)
    rims = np.diff(np.concatenate([[False], bins, [False]]).astype(int)) != 0
    free = int(rims[1:-1].sum())  # rims at the opening's own ends are piers, which are where they are
    half = 1.96 * math.hypot(EDGE_SIGMA_M, EDGE_SIGMA_PX * pixel_m) * math.sqrt(max(free, 1)) if value > 0 else 0.0
    how = (
        f"debris within {UPSTREAM_M:g} m laid onto the opening {opening.name}, plan view; less than a raft is not seen"
    )
    high = min(max(value + half, BREADTH_M), length)
    return Measure("blocked_width", value, "m", max(value - half, 0.0), high, how)


def _axes(opening: Opening, shape: tuple[int, ...], pixel_m: float) -> tuple[Array, Array, float]:
    """Return metres along and upstream of an opening of every pixel's centre, and the opening's length."""
    ends = np.array(opening.ends_px, dtype=np.float32)
    line = ends[1] - ends[0]
    length = float(np.hypot(*line))
    unit = line / max(length, 1e-9)
    normal = np.array([-unit[1], unit[0]])
    against = float(normal @ np.array(opening.upstream_px))
    if length * pixel_m < pixel_m or abs(against) < 1e-6 * max(float(np.hypot(*opening.upstream_px)), 1e-9):
        raise InputError(
            f"opening {opening.name}: ends {opening.ends_px}, upstream {opening.upstream_px}; expected two places and "
            "a direction across the line between them"
        )
    normal = normal if against > 0 else -normal
    rows, cols = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    x, y = cols + 0.5 - ends[0, 0], rows + 0.5 - ends[0, 1]
    along, ahead = (x * unit[0] + y * unit[1]) * pixel_m, (x * normal[0] + y * normal[1]) * pixel_m
    return along.astype(np.float32), ahead.astype(np.float32), length * pixel_m


def _refusal(bands: Mapping[str, Array], pixel_m: float | None) -> str:
    """Return why a picture cannot tell debris, or an empty text."""
    missing = [name for name in ("red", "green", "blue") if name not in bands]
    if missing:
        return f"driftwood is told by its colour; {', '.join(missing)} missing: give a picture in red, green and blue"
    if pixel_m is None:
        return "driftwood is told by trunks of known thickness; the pixel size is unknown: give --gsd-mm"
    if not 0 < pixel_m <= COARSEST_M:
        return (
            f"driftwood does not show at {pixel_m:g} m a pixel; expected {COARSEST_M} m or finer: a drone picture, or "
            "a satellite picture of half a metre"
        )
    if reflectance_like(bands):
        return "expected a picture on 0 to 255; stretch the reflectance to one"
    return ""


def _view(bands: Mapping[str, Array], pixel_m: float, channel: Bool | None) -> _View:
    factor = max(FINEST_M / pixel_m, 1.0)
    height, width = bands["red"].shape
    size = (max(round(width / factor), 1), max(round(height / factor), 1))
    rgb = np.stack([_sized(bands[name], size) for name in ("red", "green", "blue")]) / 255
    seen = np.asarray(np.isfinite(rgb).all(axis=0), dtype=bool)
    if channel is not None:
        seen = seen & (cv2.resize(channel.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)
    own_m = pixel_m * width / size[0]
    planes = features(np.nan_to_num(rgb, nan=0.3).astype(np.float32), own_m, seen)
    score = np.where(seen, likeness(planes, own_m), 0.0).astype(np.float32)
    smooth = seen & (planes[0] < math.log(SMOOTH)) & (score < THRESHOLD)
    if "nir" in bands:
        near = _sized(bands["nir"], size) / 255
        smooth &= np.nan_to_num(near, nan=1.0) < rgb[1] + 0.05  # gravel and grass are bright there, water is not
        score[np.nan_to_num((near - rgb[0]) / (near + rgb[0] + 1e-3)) > 0.45] = 0.0  # green leaves
    kernel = np.ones((3, 3), np.uint8)
    water = cv2.morphologyEx(smooth.astype(np.uint8), cv2.MORPH_OPEN, kernel, iterations=2).astype(bool)
    labels, stats = components(water)
    large = stats[:, cv2.CC_STAT_AREA] * own_m**2 >= 4.0
    large[0] = False
    return _View(score, np.asarray(large[labels], dtype=bool), width / size[0], own_m)


def _sized(band: Array, size: tuple[int, int]) -> Array:
    plain = band.astype(np.float32)
    if (band.shape[1], band.shape[0]) == size:
        return plain
    return np.asarray(cv2.resize(plain, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def features(rgb: Array, pixel_m: float, seen: Bool) -> Array:
    """Return ``(3, H, W)`` what is weighed: busyness, warm and green tone of the lit parts.

    Busyness is the median log contrast over a metre: a raft is rough everywhere, while a shore or the edge of a shadow
    is rough on a line only. Tones are weighted by the fourth power of brightness: the lit parts of a raft are brown,
    those of white water are white. Nothing outside ``seen`` takes part.

    Args:
        rgb: ``(3, H, W)`` on 0 to 1.
        pixel_m: side of a pixel.
        seen: ``(H, W)``.
    """
    luma = (0.30 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2]).astype(np.float32)
    total = rgb.sum(axis=0) + np.float32(0.02)
    fine, wide = max(0.12 / pixel_m, 0.8), max(0.40 / pixel_m, 1.0)
    # pixels at the rim of what is seen are mixed with deck and piers
    known = cv2.erode(seen.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    local = _mean(luma, fine, known)
    spread = np.sqrt(np.maximum(_mean(luma**2, fine, known) - local**2, 0))
    contrast = np.log(spread / (_mean(luma, wide, known) + 0.05) + 0.01)
    window = max(int(WINDOW_M / 2 / pixel_m), 1) * 2 + 1
    grey = np.clip((contrast - DARKEST_LOG) / -DARKEST_LOG * 255, 0, 255).astype(np.uint8)
    busy = cv2.medianBlur(grey, window).astype(np.float32) / 255 * -DARKEST_LOG + DARKEST_LOG
    lit = np.asarray(known * (luma**4 + 1e-6), dtype=np.float32)
    warm, green = (_mean(plane / total, wide, lit) for plane in (rgb[0] - rgb[2], 2 * rgb[1] - rgb[0] - rgb[2]))
    return np.stack([busy, warm, green]).astype(np.float32)


def _mean(plane: Array, sigma: float, weight: Array) -> Array:
    above, below = (cv2.GaussianBlur(np.asarray(p, np.float32), (0, 0), sigma) for p in (plane * weight, weight))
    return np.asarray(above / np.maximum(below, 1e-6), dtype=np.float32)


def likeness(planes: Array, pixel_m: float) -> Array:
    """Return how much each pixel is like driftwood, ``(H, W)`` 0 to 1: the weakest of the three decides."""
    signs = np.array([1.0, 1.0, -1.0], dtype=np.float32)[:, None, None]
    limits, softness = (np.array(v, dtype=np.float32)[:, None, None] for v in (LIMITS, SOFTNESS))
    limits[0] -= np.interp(pixel_m, *COARSER)
    z = (signs * (planes - limits) / softness).min(axis=0)
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))), dtype=np.float32)


def _rafts(view: _View) -> list[tuple[Bool, float]]:
    """Return masks and mean scores of regions that have a raft's size and lie in water."""
    kernel = np.ones((3, 3), np.uint8)
    rough = cv2.morphologyEx((view.score >= THRESHOLD).astype(np.uint8), cv2.MORPH_OPEN, kernel)
    reach = max(round(0.3 / view.pixel_m), 1)
    joined = cv2.morphologyEx(rough, cv2.MORPH_CLOSE, np.ones((2 * reach + 1,) * 2, np.uint8)).astype(bool)
    labels, stats = components(joined)
    around = max(round(TOUCH_M / view.pixel_m), 2)
    near_water = cv2.dilate(view.water.astype(np.uint8), np.ones((2 * around + 1,) * 2, np.uint8)).astype(bool)
    found = []
    for label in range(1, len(stats)):
        area = int(stats[label, cv2.CC_STAT_AREA])
        if area < max(LEAST_PX, LEAST_M2 / view.pixel_m**2):
            continue
        part = labels == label
        depth = cv2.distanceTransform(np.pad(part, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        breadth_px = 2 * float(depth.max())
        if breadth_px * view.pixel_m < BREADTH_M or area > LONGEST * breadth_px**2:
            continue
        part = _with_rim(part, view)
        rim = part & ~cv2.erode(part.astype(np.uint8), kernel).astype(bool)
        if float(near_water[rim].mean()) >= LEAST_TOUCH:
            found.append((np.asarray(part, dtype=bool), float(view.score[part].mean())))
    return found


def _with_rim(part: Bool, view: _View) -> Bool:
    reach = max(round(RIM_M / view.pixel_m), 1)
    near = cv2.dilate(part.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)).astype(bool)
    labels, _ = components(np.asarray(part | (near & (view.score >= RIM_FROM)), dtype=bool))
    return np.asarray(labels == labels[part][0], dtype=bool)


def _finding(part: Bool, mean: float, view: _View, openings: Sequence[Opening], has_nir: bool) -> RiverFinding:
    rows, cols = np.nonzero(part)
    top, left = int(rows.min()), int(cols.min())
    shape = outline(part[top : rows.max() + 1, left : cols.max() + 1], left, top)
    polygon: Polygon = shapely.transform(shape, lambda xy: xy * view.factor)
    area = area_measure(part, view.pixel_m, "brown, rough surface in the water, edge known to half a pixel")
    corners = np.asarray(shape.minimum_rotated_rectangle.exterior.coords)
    longest = float(np.hypot(*np.diff(corners[:3], axis=0).T).max()) * view.pixel_m
    slack = 1.96 * math.hypot(EDGE_SIGMA_M, EDGE_SIGMA_PX * view.pixel_m) * math.sqrt(2)
    how = "long side of the smallest rectangle around it"
    measures = [area, Measure("length", longest, "m", max(longest - slack, 0.0), longest + slack, how)]
    details: dict[str, Any] = {
        "kind": "driftwood or debris",
        "gsd_m": round(view.pixel_m, 3),
        "bands": "red, green, blue, nir" if has_nir else "red, green, blue",
        "experimental": True,
        "caveat": "plan view of what shows above the water and beside the deck; not the blocked share of the section",
    }
    for opening in openings:
        scaled = _scaled(opening, view.factor)
        width = blocked(part, scaled, view.pixel_m)
        if not width.value:
            continue
        length = float(np.hypot(*np.subtract(*scaled.ends_px))) * view.pixel_m
        ratio = [None if v is None else v / length for v in (width.value, width.low, width.high)]
        measures += [width, Measure("plan_blocked_ratio", ratio[0], "ratio", ratio[1], ratio[2], "proxy: plan view")]
        details.setdefault("openings", []).append({"name": opening.name, "width_m": round(length, 2)})
    return RiverFinding(DEBRIS, polygon, round(mean, 4), tuple(measures), details)


def _scaled(opening: Opening, factor: float) -> Opening:
    one, other = ((x / factor, y / factor) for x, y in opening.ends_px)
    return Opening(opening.name, (one, other), opening.upstream_px)


def blocked_openings(
    report: RiverReport, openings: Sequence[Opening], shape: tuple[int, int], pixel_m: float
) -> dict[str, Measure]:
    """Return the blocked width of each opening by all rafts of a picture together.

    Args:
        report: of `find_debris`.
        openings: in the picture's pixels.
        shape: H, W of the picture.
        pixel_m: side of its pixels.
    """
    mask: NDArray[np.uint8] = np.zeros(shape, np.uint8)
    for finding in report.findings:
        if finding.damage == DEBRIS:
            ring = np.round(np.asarray(finding.polygon_px.exterior.coords) - 0.5).astype(np.int32)
            cv2.fillPoly(mask, [ring], 1)
    return {opening.name: blocked(mask.astype(bool), opening, pixel_m) for opening in openings}
