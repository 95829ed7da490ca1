"""Pieces of one crack joined where the picture shows that it goes on.

A network loses the middle of a crack that is plain to see, over up to 150 px, and one crack would be listed as two or
three. Two free ends that face each other across a gap are joined if the darkest line between them is a crack in the
picture: darker than both of its flanks by a clear multiple of what the same surface beside it shows, nearly all along,
about as dark as the pieces themselves, and not without any probability. A stain's edge has one darker flank, a joint
that runs across is left by the directions of the ends, texture is told by its own noise.

The regions of :func:`inference.regions.regions`, which a card's metrics are made of, stay as they are; this comes after
them. docs/decisions/0037-crack-pieces.md
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from imagery.types import Window
from inference.measure.skeleton import trace
from inference.regions import LINEAR_DAMAGES, Region, outline
from models.card import ClassSpec

Array = NDArray[np.floating]
LONGEST_GAP_PX = 200.0
GAP_PER_PIECE = 2.5  # a gap is at most that many times as long as the longer of its pieces
FACING_COS = float(np.cos(np.radians(45)))
LOOK_BACK_PX = 24  # over which the direction of an end is taken
LEAST_PIECE_PX = 12.0
ASIDE = 0.35  # of the gap: how far to either side its route may lie
DETOUR = 1.3  # length of the route over the straight distance
LOOSE_END_PX = 3  # the mask's tip lies that far beside the crack's line
BACK = 12  # stations on the pieces, before and after the gap
BLOCK = 9  # stations averaged along the route
CLEAR = 1.5  # multiples of the noise that a station must be darker than both flanks
DARK_SHARE = 0.75  # of the stations
LEAST_PROBABILITY = 0.02  # median along the route
ALIKE = 0.3  # darkness of the route over that of the pieces beside the gap, and the other way round
LEAST_CONTRAST = 1.0  # grey values: what 8 bits and JPEG leave in any surface
PARTNERS = 3  # candidates that an end looks at
THROUGH = 0.3  # of a route may lie in regions: more, and it is another piece that is to be joined
MOST_ROUTES = 500
MOST_PIECES = 2000
ROUTE_WIDTH_PX = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class End:
    """Where a region simply ends.

    Attributes:
        owner: index of the region.
        place: row and column of the tip in the picture.
        foot: row and column of the centreline's last point, inside the region.
        direction: unit vector that points out of the region.
        half_width_px: of the mask along the end.
        length_px: of all centrelines of the region.
    """

    owner: int
    place: tuple[float, float]
    foot: tuple[float, float]
    direction: tuple[float, float]
    half_width_px: float
    length_px: float


@dataclass(frozen=True, slots=True)
class Route:
    """The darkest line across a gap, and what the picture shows along it.

    Attributes:
        points: ``(N, 2)`` row and column in the picture, about 1 px apart.
        detour: length over the straight distance.
        dark_share: of the stations that are clearly darker than both flanks.
        contrast: median darkness against the flanks, in multiples of the noise.
        probability: median along the route.
        alike: median darkness over that of the pieces beside the gap.
    """

    points: Array
    detour: float
    dark_share: float
    contrast: float
    probability: float
    alike: float

    @property
    def is_crack(self) -> bool:
        """Whether the picture shows a crack all along."""
        return (
            self.detour <= DETOUR
            and self.dark_share >= DARK_SHARE
            and self.probability >= LEAST_PROBABILITY
            and ALIKE <= self.alike <= 1 / ALIKE
        )


def link(
    regions: Sequence[Region], probability: NDArray[np.float32], grey: NDArray[np.float32], spec: ClassSpec
) -> tuple[Region, ...]:
    """Return the regions of one class with the pieces of one crack joined, the largest sum of probability first.

    A joined region holds its pieces and the route between them; its score is that of the pieces, pixel by pixel, its
    ``fragments`` are all of theirs. Regions of other than linear damages, and those without a partner, come back as
    they are.

    Args:
        regions: of one class.
        probability: ``(H, W)`` of that class, NaN where nothing was observed.
        grey: ``(H, W)`` values 0..255 of the picture, NaN where nothing was observed or nothing may be judged.
        spec: the class.
    """
    if spec.damage not in LINEAR_DAMAGES or len(regions) < 2:
        return tuple(regions)
    ends = find_ends(regions)
    pairs = facing(ends)
    if not pairs:
        return tuple(regions)
    marked = np.zeros(probability.shape, bool)
    for region in regions:
        box = region.bbox
        marked[box.row : box.bottom, box.col : box.right] |= region.mask
    routes = []
    for one, other in pairs:
        route = find_route(ends[one], ends[other], probability, grey)
        if route is None or not route.is_crack:
            continue
        rows, cols = np.rint(route.points).astype(int).T
        if marked[rows, cols].mean() <= THROUGH:
            routes.append((one, other, route))
    groups = [{number} for number in range(len(regions))]
    drawn: dict[int, list[Array]] = {}
    taken: set[int] = set()
    for one, other, route in sorted(routes, key=lambda item: (-item[2].contrast, item[0], item[1])):
        first, second = groups[ends[one].owner], groups[ends[other].owner]
        if one in taken or other in taken or first is second:
            continue
        taken |= {one, other}
        first |= second
        for number in second:
            groups[number] = first
        line = np.concatenate([[ends[one].foot], route.points, [ends[other].foot]])
        drawn.setdefault(ends[one].owner, []).append(line)
    if not drawn:
        return tuple(regions)
    return _collected(regions, groups, drawn, np.isfinite(probability) & np.isfinite(grey))


def find_ends(regions: Sequence[Region]) -> list[End]:
    """Return the free ends of the longest regions, in the order of their places, whatever the order of the regions."""
    reach = np.array([np.hypot(region.bbox.width, region.bbox.height) for region in regions])
    longest = np.argsort(-reach, kind="stable")[:MOST_PIECES]
    ends = []
    for index in longest[reach[longest] >= LEAST_PIECE_PX].tolist():
        region = regions[index]
        branches = trace(region.mask)
        length = sum(branch.length_px for branch in branches)
        for branch in branches:
            half = float(np.median(branch.half_width_px))
            for line, free in ((branch.points, branch.free_end), (branch.points[::-1], branch.free_start)):
                out = line[-1] - line[max(0, len(line) - LOOK_BACK_PX)]
                size = float(np.hypot(*out))
                if not free or size < LEAST_PIECE_PX / 2 or 2 * half >= size:
                    continue
                # the skeleton stops short of the mask's end by about half the mask's width
                foot = line[-1] + np.array([region.bbox.row, region.bbox.col])
                tip, way = (foot + out / size * min(half, 4.0)).tolist(), (out / size).tolist()
                ends.append(End(index, (tip[0], tip[1]), (foot[0], foot[1]), (way[0], way[1]), half, length))
    return sorted(ends, key=lambda end: (end.place, end.direction))


def facing(ends: Sequence[End]) -> list[tuple[int, int]]:
    """Return the pairs of ends of different regions that face each other across a gap, few for each end."""
    if len(ends) < 2:
        return []
    place, direction = np.array([end.place for end in ends]), np.array([end.direction for end in ends])
    owner, length = np.array([end.owner for end in ends]), np.array([end.length_px for end in ends])
    pairs = cKDTree(place).query_pairs(LONGEST_GAP_PX, output_type="ndarray")
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    a, b = pairs.T
    step = place[b] - place[a]
    gap = np.hypot(*step.T)
    toward = step / np.maximum(gap, 1e-9)[:, None]
    cosine = np.minimum((direction[a] * toward).sum(axis=1), -(direction[b] * toward).sum(axis=1))
    good = (owner[a] != owner[b]) & (gap >= 2) & (cosine >= FACING_COS)
    good &= gap <= GAP_PER_PIECE * np.maximum(length[a], length[b])
    order = np.flatnonzero(good)
    order = order[np.argsort(gap[order] * (2 - cosine[order]), kind="stable")]
    seen = np.zeros(len(ends), int)
    kept = []
    for k in order.tolist():
        if seen[a[k]] < PARTNERS and seen[b[k]] < PARTNERS:
            seen[[a[k], b[k]]] += 1
            kept.append((int(a[k]), int(b[k])))
    if len(kept) > MOST_ROUTES:
        _log.warning("%d gaps between pieces of cracks, the %d shortest are looked at", len(kept), MOST_ROUTES)
    return kept[:MOST_ROUTES]


def find_route(one: End, other: End, probability: NDArray[np.float32], grey: NDArray[np.float32]) -> Route | None:
    """Return the darkest line between two ends.

    None where pixels that were not observed lie in every way, and, before anything is looked for, where the network
    says nothing across most of the gap.

    The picture is read in a strip along the straight line; the route is found by dynamic programming, at most 45
    degrees off the straight line.
    """
    start, step = np.array(one.place), np.array(other.place) - np.array(one.place)
    gap = float(np.hypot(*step))
    along = np.linspace(0, 1, round(gap) + 1)
    unit = step / gap
    across = np.array([-unit[1], unit[0]])
    half = float(np.clip(max(one.half_width_px, other.half_width_px), 3, 12))
    flank = round(half) + 1
    aside = max(6, round(ASIDE * gap))
    # the route, the surface beside it whose noise is taken, and that surface's own flanks
    reach = aside + 2 * (flank + 5) + 8
    offsets = np.arange(-reach, reach + 1)
    stations = np.concatenate([np.arange(-BACK, 0) / gap, along, 1 + np.arange(1, BACK + 1) / gap])
    where = start + stations[:, None, None] * step + offsets[None, :, None] * across
    seen = _nearest(probability, where)
    inner = slice(BACK, BACK + len(along))
    way = np.abs(offsets) <= aside
    if ((seen[inner][:, way] >= LEAST_PROBABILITY).any(axis=1)).mean() < 0.5:  # then no route has such a median
        return None
    strip = np.asarray(ndimage.map_coordinates(grey, where.transpose(2, 0, 1), order=1, cval=np.nan), float)
    unseen = ~(np.isfinite(strip) & np.isfinite(seen))
    if unseen.all():
        return None
    strip, seen = np.where(unseen, np.median(strip[~unseen]), strip), np.where(unseen, 0.0, seen)
    forbidden = np.asarray(ndimage.binary_dilation(unseen, np.ones((3, 3))), np.bool_)  # the line is 3 px wide
    columns = _darkest(_gain(strip, seen, forbidden)[inner], reach, aside)
    if columns is None or forbidden[inner][np.arange(len(along)), columns].any():
        return None
    return _judged(where[inner], strip, seen, unseen, columns, flank)


def _nearest(image: NDArray[np.float32], where: Array) -> NDArray[np.float32]:
    """Return the values of the nearest pixels, NaN outside the image."""
    rows, cols = np.rint(where).astype(int).transpose(2, 0, 1)
    inside = (rows >= 0) & (rows < image.shape[0]) & (cols >= 0) & (cols < image.shape[1])
    values = image[np.clip(rows, 0, image.shape[0] - 1), np.clip(cols, 0, image.shape[1] - 1)]
    return np.where(inside, values, np.float32(np.nan))


def _gain(strip: Array, seen: Array, forbidden: NDArray[np.bool_]) -> Array:
    """Return what a route wins at each place: local darkness in multiples of its spread, and probability."""
    dark = cv2.blur(strip, (25, 15), borderType=cv2.BORDER_REPLICATE) - cv2.GaussianBlur(strip, (0, 0), 1.0)
    spread = max(1.4826 * float(np.median(np.abs(dark - np.median(dark)))), LEAST_CONTRAST / 2)
    gain = np.clip(dark / spread, -1, 5) + 4 * np.clip(seen / 0.3, 0, 1)
    return np.asarray(np.where(forbidden, -1e3, gain))


def _darkest(gain: Array, middle: int, aside: int) -> NDArray[np.int64] | None:
    """Return the columns of the smooth line with the greatest gain, at most a pixel to the side a station."""
    count = len(gain)
    lowest = np.full(gain.shape[1], -np.inf)
    total = lowest.copy()
    loose = slice(middle - LOOSE_END_PX, middle + LOOSE_END_PX + 1)
    total[loose] = gain[0, loose]
    came = np.zeros(gain.shape, np.int8)
    allowed = np.abs(np.arange(gain.shape[1]) - middle) <= aside
    for row in range(1, count):
        choices = np.stack([total, np.append(-np.inf, total[:-1]) - 1.0, np.append(total[1:], -np.inf) - 1.0])
        best = choices.argmax(axis=0)
        came[row] = np.array([0, -1, 1], np.int8)[best]
        total = np.where(allowed, choices.max(axis=0) + gain[row], -np.inf)
    final = np.where(np.abs(np.arange(gain.shape[1]) - middle) <= LOOSE_END_PX, total, -np.inf)
    at = int(final.argmax())
    if not np.isfinite(final[at]):
        return None
    path = np.empty(count, np.int64)
    for row in range(count - 1, -1, -1):
        path[row] = at
        at += int(came[row, at])
    return path


def _judged(
    where: Array, strip: Array, seen: Array, unseen: NDArray[np.bool_], columns: NDArray[np.int64], flank: int
) -> Route | None:
    """Return the route with what the picture shows along it, and beside it for comparison."""
    count = len(columns)
    held = np.pad(columns, BACK, mode="edge")[:, None]
    away = flank + 5  # from the route to where its noise is taken
    around = np.arange(-2 * away - 4, 2 * away + 5)
    aligned = ndimage.uniform_filter1d(np.take_along_axis(strip, held + around, axis=1), BLOCK, axis=0, mode="nearest")
    contrast = _contrast(aligned, flank)
    # a flank that nobody saw tells nothing: a line along the picture's edge may be that of a shadow
    hidden = np.take_along_axis(unseen, held + around, axis=1).view(np.uint8)
    contrast[ndimage.maximum_filter1d(hidden, 2 * away - 1, axis=1, mode="nearest") > 0] = np.nan
    inner, middle = slice(BACK, BACK + count), len(around) // 2
    surface = contrast[inner][:, (np.abs(around) >= away) & (np.abs(around) <= away + 5)]
    surface = surface[np.isfinite(surface)]
    beyond = np.concatenate([contrast[: BACK - 4], contrast[BACK + count + 4 :]])[:, middle - 3 : middle + 4]
    beyond = beyond[np.isfinite(beyond).all(axis=1)]
    if len(surface) < 2 * count or len(beyond) == 0:
        return None
    noise = max(1.4826 * float(np.median(np.abs(surface - np.median(surface)))), LEAST_CONTRAST)
    here = np.nan_to_num(contrast[inner, middle - 1 : middle + 2], nan=0.0).max(axis=1)
    rows = np.arange(count)
    points = where[rows, columns]
    likely = np.stack([seen[BACK + rows, columns + k] for k in (-1, 0, 1)]).max(axis=0)
    smooth = ndimage.gaussian_filter1d(points, 3.0, axis=0, mode="nearest")
    straight = max(float(np.hypot(*(smooth[-1] - smooth[0]))), 1.0)
    return Route(
        points,
        float(np.hypot(*np.diff(smooth, axis=0).T).sum()) / straight,
        float((here >= CLEAR * noise).mean()),
        float(np.median(here)) / noise,
        float(np.median(likely)),
        float(np.median(here)) / max(float(np.median(beyond.max(axis=1))), noise / 2),
    )


def _contrast(aligned: Array, flank: int) -> Array:
    """Return by how much each place is darker than the darker of its two flanks."""
    core = ndimage.uniform_filter1d(aligned, 3, axis=1, mode="nearest")
    wide = ndimage.uniform_filter1d(aligned, 5, axis=1, mode="nearest")
    shift = flank + 2
    left, right = np.roll(wide, shift, axis=1), np.roll(wide, -shift, axis=1)
    return np.asarray(np.minimum(left, right) - core)


def _collected(
    regions: Sequence[Region],
    groups: Sequence[set[int]],
    drawn: dict[int, list[Array]],
    observed: NDArray[np.bool_],
) -> tuple[Region, ...]:
    made: list[Region] = []
    for number, group in enumerate(groups):
        if number == min(group):
            pieces = [regions[k] for k in sorted(group)]
            lines = [line for k in sorted(group) for line in drawn.get(k, [])]
            whole = _joined(pieces, lines, observed) if lines else None
            made += pieces if whole is None else [whole]
    return tuple(sorted(made, key=lambda region: -region.score * region.area_px))


def _joined(pieces: Sequence[Region], lines: Sequence[Array], observed: NDArray[np.bool_]) -> Region | None:
    """Return one region of the pieces and the routes between them, None if they do not hang together."""
    boxes = np.array([[p.bbox.row, p.bbox.col, p.bbox.bottom - 1, p.bbox.right - 1] for p in pieces], float)
    corners = np.concatenate([*lines, boxes.reshape(-1, 2)])
    top, left = (max(int(v) - 2, 0) for v in corners.min(axis=0))
    bottom, right = (min(int(v) + 4, size) for v, size in zip(corners.max(axis=0), observed.shape, strict=True))
    canvas: NDArray[np.uint8] = np.zeros((bottom - top, right - left), np.uint8)
    for line in lines:
        points = np.rint((line - (top, left))[:, ::-1]).astype(np.int32)
        cv2.polylines(canvas, [points], False, 1, thickness=ROUTE_WIDTH_PX)
    canvas &= observed[top:bottom, left:right].view(np.uint8)
    for piece in pieces:
        box = piece.bbox
        canvas[box.row - top : box.bottom - top, box.col - left : box.right - left] |= piece.mask.view(np.uint8)
    if cv2.connectedComponents(canvas, connectivity=8)[0] != 2:
        return None
    rows, cols = np.flatnonzero(canvas.any(axis=1)), np.flatnonzero(canvas.any(axis=0))
    mask = canvas[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1] > 0
    top, left = top + int(rows[0]), left + int(cols[0])
    area = sum(piece.area_px for piece in pieces)
    return Region(
        Window(left, top, mask.shape[1], mask.shape[0]),
        mask,
        outline(mask, left, top),
        sum(piece.score * piece.area_px for piece in pieces) / area,
        int(mask.sum()),
        sum(piece.fragments for piece in pieces),
    )
