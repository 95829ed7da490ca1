"""How far two sights of two surveys may show one damage: place, kind and shape in one frame.

Two sights are compared in the previous picture, into which a registration carries the present outline, or in metres on
the ground where no registration exists and the places are known well enough. With ``a`` the share of the previous
outline that lies on the present one (within the tolerance) and ``b`` the share of the present one that lies on the
previous, both of what the two pictures have in common, the score of the link is ::

    score = kind * (0.6 max(a, b) + 0.4 min(a, b))

``kind`` is 1 for one damage, `RELATED` for damages that models and inspectors take for each other, and `OTHER_CLASS`
where a model's classes of one damage differ; others never match. The larger share says that one lies on the other,
whatever has grown; the smaller one lets the best of several win. A link needs ``max(a, b) >= LEAST_SHARE``, and
between classes ``min(a, b) >= LEAST_BOTH``, where the tolerance must not count: it makes a thin bar several times as
wide, so that the smaller of the two must have that share of the larger one's area too.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from findings.finding import Finding
from findings.registration import PictureRegistration
from findings.survey import Image

LEAST_SHARE = 0.5
LEAST_BOTH = 0.3  # of either, and of the sizes, where a model's classes differ: a bar in a spall is not the spall
LEAST_COMMON = 0.15  # of an outline must lie in what both pictures show, else the pair says nothing
WHOLE = 0.98  # of an outline in common view: the same thing was measured both times
RELATED, OTHER_CLASS = 0.75, 0.9
FAMILIES = (frozenset({"6", "11"}), frozenset({"7", "9", "12", "23"}), frozenset({"8", "19", "20"}),
            frozenset({"1", "5"}), frozenset({"14", "15"}))  # fmt: skip
"""Damages that are taken for each other: our proposal, from the descriptions of the 26 types."""
TOLERANCE_PX, TOLERANCE_RMS, TOLERANCE_SHARE = 3.0, 2.0, 0.002  # outlines; registration; lens and relief, of the width
GROUND_SIGMA = 0.5  # of a damage's size: places known worse than this decide nothing
RIM_PX = 2.0  # an outline that comes so near to the picture's edge may go on beyond it
METRES_PER_DEGREE = math.radians(1) * 6_371_008.8

Defect = tuple[Finding, ...]
"""The sights of one damage in one survey, the leading one first."""
Registrations = Mapping[tuple[str, str], PictureRegistration]
"""By uid of the previous and of the present picture: previous pixels to present pixels."""


@dataclass(frozen=True, slots=True)
class GroundPlace:
    """Where an outline lies on the ground: WGS84 lon, lat, with the 1-sigma of the place along one axis."""

    geometry: BaseGeometry
    sigma_m: float


@dataclass(frozen=True, slots=True)
class Inspected:
    """One survey's side of a comparison.

    Attributes:
        survey_uid: of the survey.
        defects: outlines and kinds as people corrected them.
        images: by uid, all of the survey.
        ground: by finding uid, where the place on the ground is an outline that is known.
    """

    survey_uid: str
    defects: tuple[Defect, ...]
    images: Mapping[str, Image]
    ground: Mapping[str, GroundPlace]


@dataclass(frozen=True, slots=True)
class Link:
    """Two sights that may show one damage.

    Attributes:
        registration: previous to present picture; None: by the ground.
        share_previous: of the previous outline in common view, what lies on the present one.
        share_now: the same of the present outline.
        whole: both outlines lie in common view and inside their pictures: sizes may be compared.
        visible: share of the outlines in common view, the lesser of both.
        outline_now: the present outline in the frame of the comparison.
        score: 0 to 1; see above.
    """

    previous: Finding
    now: Finding
    registration: PictureRegistration | None
    share_previous: float
    share_now: float
    whole: bool
    visible: float
    outline_now: BaseGeometry
    score: float


Links = dict[tuple[int, int], list[Link]]


def best_links(previous: Inspected, now: Inspected, registrations: Registrations) -> Links:
    """Return for each pair of defects, by index in the order of their leaders' uids, its links, the best first."""
    sights_old, sights_new = _sights(previous), _sights(now)
    found: Links = defaultdict(list)
    for (first, second), registration in sorted(registrations.items()):
        olds, news = sights_old.get(first, []), sights_new.get(second, [])
        if olds and news:
            frame = _frame(previous.images[first], now.images[second], registration)
            for i, j, link in _in_pictures(olds, news, registration, frame):
                found[i, j].append(link)
    compared = {(link.previous.image_uid, link.now.image_uid) for links in found.values() for link in links}
    for i, j, link in _on_ground(previous, now, registrations, compared):
        if (i, j) not in found:
            found[i, j].append(link)
    for links in found.values():
        links.sort(key=lambda link: (-link.score, link.previous.uid, link.now.uid))
    return dict(found)


Numbered = tuple[int, Finding]


def _sights(side: Inspected) -> dict[str, list[Numbered]]:
    """Return the sights by picture, each with the number of its defect."""
    by_image: dict[str, list[Numbered]] = defaultdict(list)
    for number, defect in enumerate(sorted(side.defects, key=lambda defect: defect[0].uid)):
        for sight in sorted(defect, key=lambda sight: sight.uid):
            by_image[sight.image_uid].append((number, sight))
    return by_image


@dataclass(frozen=True, slots=True)
class _Frame:
    """The previous picture, what of it the present one shows too, and how far one outline may lie off the other."""

    back: PictureRegistration
    before: BaseGeometry  # of the present picture, what lies before the horizon of the way back
    common: BaseGeometry
    sizes: tuple[tuple[int, int], tuple[int, int]]  # of the previous and of the present picture
    tolerance: float


def _frame(first: Image, second: Image, registration: PictureRegistration) -> _Frame:
    back = registration.inverse()
    before = half_plane(back, box(0, 0, second.width_px, second.height_px))
    common = common_view(first, second, registration)
    tolerance = TOLERANCE_PX + TOLERANCE_RMS * back.rms_px + TOLERANCE_SHARE * max(first.width_px, first.height_px)
    sizes = (first.width_px, first.height_px), (second.width_px, second.height_px)
    return _Frame(back, before, common, sizes, tolerance)


def common_view(first: Image, second: Image, registration: PictureRegistration) -> BaseGeometry:
    """Return what both pictures show, in pixels of the first; empty where the homography folds."""
    here, there = (box(0, 0, image.width_px, image.height_px) for image in (first, second))
    back = registration.inverse()
    seen = there if registration.overlap_second is None else there.intersection(registration.overlap_second)
    seen = seen.intersection(half_plane(back, there))
    if seen.is_empty:
        return Polygon()
    return shapely.make_valid(back.carry(seen)).intersection(here)


def half_plane(registration: PictureRegistration, frame: Polygon) -> BaseGeometry:
    """Return the part of a frame before the horizon of a homography: what lies behind it has no image."""
    g, h, i = registration.matrix[6:]
    corners = np.asarray(frame.exterior.coords)[:4]
    side = corners @ np.array([g, h]) + i
    sign = 1.0 if np.median(side) > 0 else -1.0
    if (side * sign > 0).all():
        return frame
    kept: list[NDArray[np.float64]] = []
    depth = side * sign - 0.05 * float(np.abs(side).max())  # near the horizon a pixel is a mile
    for k in range(4):
        a, b = depth[k], depth[(k + 1) % 4]
        if a > 0:
            kept.append(corners[k])
        if (a > 0) != (b > 0):
            kept.append(corners[k] + (corners[(k + 1) % 4] - corners[k]) * a / (a - b))
    return Polygon(kept) if len(kept) >= 3 else Polygon()


def _in_pictures(
    olds: Sequence[Numbered], news: Sequence[Numbered], registration: PictureRegistration, frame: _Frame
) -> Iterator[tuple[int, int, Link]]:
    """Yield the links of the sights of two pictures."""
    if frame.common.is_empty:
        return
    first = [_own(n, sight, frame) for n, sight in olds]
    second = [_carried(n, sight, frame) for n, sight in news]
    tree = shapely.STRtree([shape.common for shape in second])
    for one in first:
        if one.is_out:
            continue
        for k in sorted(tree.query(one.common.buffer(frame.tolerance))):
            other = second[k]
            if not other.is_out and (kind := likeness(one.sight, other.sight)) > 0:
                link = _link(one, other, registration, kind, frame.tolerance)
                if link is not None:
                    yield one.number, other.number, link


def _own(number: int, sight: Finding, frame: _Frame) -> _Shape:
    """Return a previous sight in its own picture."""
    shape = _Shape(number, sight, shapely.make_valid(sight.geometry_px), frame)
    shape.whole = shape.whole and not _is_cut(sight, frame.sizes[0])
    return shape


def _is_cut(sight: Finding, size: tuple[int, int]) -> bool:
    """Return whether a sight reaches the edge of its picture: what lies beyond nobody measured."""
    left, top, right, bottom = sight.geometry_px.bounds
    return bool(min(left, top) < RIM_PX or right > size[0] - RIM_PX or bottom > size[1] - RIM_PX)


def _carried(number: int, sight: Finding, frame: _Frame) -> _Shape:
    """Return a present sight in the frame; what lies behind the horizon would fold over and is left out."""
    outline = shapely.make_valid(sight.geometry_px)
    visible = outline if frame.before.covers(outline) else outline.intersection(frame.before)
    shape = _Shape(number, sight, shapely.make_valid(frame.back.carry(visible)), frame)
    shape.whole = shape.whole and visible is outline and not _is_cut(sight, frame.sizes[1])
    return shape


class _Shape:
    """A sight in the frame of a comparison: its outline, and the part of it that both sides show."""

    def __init__(self, number: int, sight: Finding, outline: BaseGeometry, frame: _Frame | None = None) -> None:
        self.number, self.sight, self.outline = number, sight, outline
        self.common = outline if frame is None else outline.intersection(frame.common)
        self.visible = self.common.area / outline.area if outline.area > 0 else 0.0
        self.whole = self.visible >= WHOLE
        self.is_out = not math.isfinite(outline.area) or self.visible < LEAST_COMMON


def _link(
    one: _Shape, other: _Shape, registration: PictureRegistration | None, kind: float, tolerance: float
) -> Link | None:
    share_old, share_new = (
        a.common.intersection(b.common.buffer(tolerance, quad_segs=2)).area / a.common.area if a.common.area else 0.0
        for a, b in ((one, other), (other, one))
    )
    if max(share_old, share_new) < LEAST_SHARE:
        return None
    areas = one.common.area, other.common.area
    if kind == OTHER_CLASS and min(share_old, share_new, min(areas) / max(areas)) < LEAST_BOTH:
        return None
    score = kind * (0.6 * max(share_old, share_new) + 0.4 * min(share_old, share_new))
    whole = one.whole and other.whole
    visible = min(one.visible, other.visible)
    return Link(
        one.sight, other.sight, registration, share_old, share_new, whole, visible, other.common, min(score, 1.0)
    )


def likeness(previous: Finding, now: Finding) -> float:
    """Return 1 for one kind of damage, less for kinds that are taken for each other, 0 for kinds that never are."""
    if previous.damage == now.damage:
        classes = {previous.details.get("class"), now.details.get("class")} - {None}
        return OTHER_CLASS if len(classes) > 1 else 1.0
    return RELATED if any({previous.damage, now.damage} <= family for family in FAMILIES) else 0.0


def _on_ground(
    previous: Inspected, now: Inspected, registrations: Registrations, compared: Iterable[tuple[str, str]]
) -> Iterator[tuple[int, int, Link]]:
    """Yield the links of leaders whose pictures no registration joins, where both places are known well enough."""
    done = set(compared) | set(registrations)
    olds, news = (
        [(n, sight) for sights in _sights(side).values() for n, sight in sights if sight.uid in side.ground]
        for side in (previous, now)
    )
    if not olds or not news:
        return
    tree = shapely.STRtree([now.ground[sight.uid].geometry for _, sight in news])
    for i, old in sorted(olds, key=lambda item: item[1].uid):
        here = previous.ground[old.uid]
        middle = here.geometry.centroid
        reach = (here.sigma_m * 3 + _size_m(here.geometry, middle.y)) / METRES_PER_DEGREE
        for k in sorted(tree.query(here.geometry.buffer(reach / max(math.cos(math.radians(middle.y)), 0.05)))):
            j, new = news[k]
            if (old.image_uid, new.image_uid) in done or (kind := likeness(old, new)) == 0:
                continue
            there = now.ground[new.uid]
            sigma = math.hypot(here.sigma_m, there.sigma_m)
            one, other = (
                _Shape(n, sight, to_metres(place.geometry, middle.x, middle.y))
                for n, sight, place in ((i, old, here), (j, new, there))
            )
            size = min(math.sqrt(one.outline.area), math.sqrt(other.outline.area))
            if size > 0 and sigma <= GROUND_SIGMA * size:
                link = _link(one, other, None, kind, sigma)
                if link is not None:
                    yield i, j, link


def _size_m(geometry: BaseGeometry, latitude: float) -> float:
    left, low, right, top = geometry.bounds
    return math.hypot((right - left) * math.cos(math.radians(latitude)), top - low) * METRES_PER_DEGREE


def to_metres(geometry: BaseGeometry, lon: float, lat: float) -> BaseGeometry:
    """Return a lon, lat geometry in metres east and north of a point; good to 0.1 % within 10 km."""
    factor = np.array([METRES_PER_DEGREE * math.cos(math.radians(lat)), METRES_PER_DEGREE])
    return shapely.make_valid(shapely.transform(geometry, lambda xy: (xy - [lon, lat]) * factor))
