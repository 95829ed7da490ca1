"""A look at the place of a damage in another survey: was it photographed, clear, fine enough, and judged?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from rasterio import features
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from findings.change import pixel_ratio
from findings.comparison import Look, View
from findings.errors import InputError
from findings.finding import Finding
from findings.links import FAMILIES, Defect, common_view, half_plane
from findings.registration import PictureRegistration
from findings.survey import Image, ImageKind, ImageStatus
from imagery.mask_files import read_mask
from imagery.masks import LABELS, MaskClass, hidden
from imagery.scale import to_lonlat
from imagery.types import Window
from inference.measure.resolve import TYPICAL_CONTRAST, resolvable_width_px
from inference.picture_pairs import may_show_one

LEAST_VISIBLE = 0.6  # of an outline, for its place to count as seen
MOST_HIDDEN = 0.3  # of the place under the mask
LEAST_AREA_PX = 64.0  # an area of fewer pixels is not found by any model; cards ask for 40 to 100
LEAST_SCENE_PX = 10.0  # as for findings on scenes
BEST_FIRST = (View.CLEAR, View.COARSE, View.BLURRED, View.HIDDEN, View.NOT_JUDGED)

Between = Callable[[Image, Image], PictureRegistration | None]
"""Registers two pictures of one survey, on demand."""


@dataclass(frozen=True, slots=True)
class Side:
    """One survey as the other sees it.

    Attributes:
        images: by uid.
        looked_for: by image uid, the damages that models looked for on it; None: nobody knows, all of them.
    """

    images: Mapping[str, Image]
    looked_for: Mapping[str, frozenset[str]] | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """One picture of the other survey that shows the place."""

    view: View
    why: str
    visible: float
    image: Image
    way: PictureRegistration | None


class Looker:
    """Looks at places of one survey in the pictures of the other.

    Args:
        here: the survey of the damages.
        there: the survey that is looked at.
        ways: registrations by uid of the picture here and there, here to there.
        between: registers two pictures of ``here``: a neighbour may lead where the picture itself fits nothing.
    """

    def __init__(
        self, here: Side, there: Side, ways: Mapping[tuple[str, str], PictureRegistration], between: Between
    ) -> None:
        self._here, self._there, self._between = here, there, between
        self._from: dict[str, list[tuple[str, PictureRegistration]]] = {}
        for (first, second), way in sorted(ways.items()):
            self._from.setdefault(first, []).append((second, way))

    def look(self, defect: Defect) -> Look:
        """Return how the place of a damage shows in the other survey; ``registration`` leads from here to there."""
        scenes = [sight for sight in defect if self._here.images[sight.image_uid].kind is ImageKind.SCENE]
        if scenes:
            return self._in_scenes(scenes[0])
        found = [one for sight in defect for one in self._direct(sight)]
        if not any(one.view is View.CLEAR for one in found):
            found += [one for sight in defect for one in self._by_neighbours(sight)]
        if found:
            return _best(found)
        return self._unseen(defect)

    def _direct(self, sight: Finding) -> list[_Found]:
        image = self._here.images[sight.image_uid]
        found = []
        for uid, way in self._from.get(sight.image_uid, []):
            other = self._there.images[uid]
            share = visible_share(sight.geometry_px, image, other, way)
            if share >= LEAST_VISIBLE:
                found.append(self._judged(sight, other, way, share))
        return found

    def _by_neighbours(self, sight: Finding) -> list[_Found]:
        """Look by way of the other pictures of this survey that show the place and fit the other survey."""
        image = self._here.images[sight.image_uid]
        found = []
        for uid in self._from:
            neighbour = self._here.images[uid]
            if uid == sight.image_uid or not may_show_one(image, neighbour):
                continue
            step = self._between(image, neighbour)
            if step is None or visible_share(sight.geometry_px, image, neighbour, step) < LEAST_VISIBLE:
                continue
            carried = step.carry(sight.geometry_px)
            for other_uid, way in self._from[uid]:
                other = self._there.images[other_uid]
                share = visible_share(carried, neighbour, other, way)
                if share >= LEAST_VISIBLE:
                    found.append(self._judged(sight, other, chained(step, way), share))
        return found

    def _judged(self, sight: Finding, other: Image, way: PictureRegistration, share: float) -> _Found:
        outline = shapely.make_valid(way.carry(sight.geometry_px))
        view, why = self._verdict(sight, other, outline, pixel_ratio(sight, way))
        return _Found(view, why, share, other, way)

    def _verdict(self, sight: Finding, other: Image, outline: BaseGeometry, ratio: float) -> tuple[View, str]:
        if other.status is not ImageStatus.INSPECTED:
            unsharp = any("blur" in reason for reason in other.quality.reasons)
            name = Path(other.path).name
            return (View.BLURRED if unsharp else View.NOT_JUDGED), f"{name}: {other.reason or other.status.value}"
        if not self._was_looked_for(sight, other):
            name = Path(other.path).name
            return View.NOT_JUDGED, f"{name}: この損傷を探すモデルが未実行 / {name}: no model looked for this damage"
        covered, what = hidden_share(other, outline)
        if covered > MOST_HIDDEN:
            unsharp = what is MaskClass.BLUR
            return (
                View.BLURRED if unsharp else View.HIDDEN
            ), f"{covered:.0%} {LABELS[what][0]} / {covered:.0%} {LABELS[what][1]}"
        coarse = too_coarse(sight, other, outline, ratio)
        return (View.COARSE, coarse) if coarse else (View.CLEAR, "")

    def _was_looked_for(self, sight: Finding, other: Image) -> bool:
        if self._there.looked_for is None:
            return True
        family = next((members for members in FAMILIES if sight.damage in members), frozenset({sight.damage}))
        return bool(self._there.looked_for.get(other.uid, frozenset()) & (family | {sight.damage}))

    def _unseen(self, defect: Defect) -> Look:
        """Say why no picture shows the place: it was not photographed, or nobody can tell."""
        here = [self._here.images[sight.image_uid] for sight in defect]
        photos = [image for image in self._there.images.values() if image.kind is ImageKind.PHOTO]
        if not any(may_show_one(one, other) for one in here for other in photos):
            stated = [f"{image.span}/{image.member}" for image in here if image.span or image.member]
            words = (
                f"{stated[0]}の写真なし / no picture of {stated[0]}"
                if stated
                else "この部位の写真なし / no picture of this part"
            )
            return Look(View.NOT_PHOTOGRAPHED, why=words)
        registered = [(sight, *way) for sight in defect for way in self._from.get(sight.image_uid, [])]
        if not registered:
            return Look(View.UNREGISTERED)
        if any(_reaches(sight.geometry_px, self._there.images[uid], way) for sight, uid, way in registered):
            return Look(View.UNREGISTERED, why="両写真の確かな共通範囲の外 / beyond what both pictures surely share")
        count = len({uid for _, uid, _ in registered})
        words = f"位置の合う写真{count}枚の範囲外 / outside of {count} registered picture{'s' * (count > 1)}"
        return Look(View.NOT_PHOTOGRAPHED, why=words)

    def _in_scenes(self, sight: Finding) -> Look:
        scenes = [image for image in self._there.images.values() if image.kind is ImageKind.SCENE]
        place = sight.geometry_lonlat
        if place is None:
            return Look(View.UNREGISTERED, why="位置情報のない画像 / a scene without georeference")
        found = []
        for scene in sorted(scenes, key=lambda image: image.uid):
            outline = in_scene(scene, place)
            if outline is None or outline.is_empty:
                continue
            frame = box(0, 0, scene.width_px, scene.height_px)
            share = outline.intersection(frame).area / outline.area if outline.area else float(frame.covers(outline))
            if share >= LEAST_VISIBLE:
                view, why = self._verdict(sight, scene, outline, 1.0)
                found.append(_Found(view, why, share, scene, None))
        return _best(found) if found else Look(View.NOT_PHOTOGRAPHED, why="範囲に含む画像なし / no scene covers it")


def _best(found: Sequence[_Found]) -> Look:
    best = min(found, key=lambda one: (BEST_FIRST.index(one.view), -round(one.visible, 3), one.image.uid))
    return Look(best.view, best.image.uid, best.way, why=best.why)


def visible_share(outline: Polygon, here: Image, there: Image, way: PictureRegistration) -> float:
    """Return the share of an outline that lies in what both pictures surely show."""
    whole = shapely.make_valid(outline)
    return float(whole.intersection(common_view(here, there, way)).area / whole.area) if whole.area else 0.0


def _reaches(outline: Polygon, there: Image, way: PictureRegistration) -> bool:
    """Return whether an outline may lie in a picture, by a registration beyond where it is supported."""
    frame = box(0, 0, there.width_px, there.height_px)
    if not half_plane(way, box(*outline.bounds)).covers(outline):
        return False
    carried = shapely.make_valid(way.carry(outline))
    return bool(carried.intersection(frame).area >= LEAST_VISIBLE * carried.area)


def chained(first: PictureRegistration, second: PictureRegistration) -> PictureRegistration:
    """Return one registration after another; errors add in squares."""
    a, b = (np.asarray(way.matrix, float).reshape(3, 3) for way in (first, second))
    m = b @ a
    m /= m[2, 2]
    scale = math.sqrt(abs(float(np.linalg.det(b[:2, :2]))))
    rms = math.hypot(first.rms_px * scale, second.rms_px)
    return PictureRegistration(tuple(float(v) for v in m.ravel()), min(first.inliers, second.inliers), rms)


def hidden_share(image: Image, outline: BaseGeometry) -> tuple[float, MaskClass]:
    """Return which share of an outline a picture's mask hides, and by what most of it."""
    if image.mask_path is None or outline.is_empty:
        return 0.0, MaskClass.CLEAR
    left, top, right, bottom = outline.bounds
    col, row = max(math.floor(left), 0), max(math.floor(top), 0)
    width = min(math.ceil(right), image.width_px) - col
    height = min(math.ceil(bottom), image.height_px) - row
    if width <= 0 or height <= 0:
        return 1.0, MaskClass.NO_DATA
    try:
        classes = read_mask(Path(image.mask_path), Window(col, row, width, height))
    except InputError:
        return 1.0, MaskClass.NO_DATA  # a mask that cannot be read vouches for nothing
    inside = features.rasterize(
        [replace_empty(outline)], (height, width), transform=(1, 0, col, 0, 1, row), all_touched=True
    )
    seen = classes[inside > 0]
    dark = hidden(seen)
    if not dark.any():
        return 0.0, MaskClass.CLEAR
    codes, counts = np.unique(seen[dark], return_counts=True)
    code = int(codes[counts.argmax()])
    return float(dark.mean()), MaskClass(code) if code in MaskClass._value2member_map_ else MaskClass.NO_DATA


def replace_empty(outline: BaseGeometry) -> BaseGeometry:
    """Return an outline that has an area: a line or point gets a pixel's width."""
    return outline if outline.area > 0 else outline.buffer(0.5)


def too_coarse(sight: Finding, other: Image, outline: BaseGeometry, ratio: float) -> str:
    """Return why a picture is too coarse for a damage, or nothing; ``ratio``: its pixels for one of the sight's."""
    width_px = _width_px(sight)
    if width_px is None:
        least = LEAST_SCENE_PX if other.kind is ImageKind.SCENE else LEAST_AREA_PX
        if outline.area >= least:
            return ""
        return f"{outline.area:.0f} px(必要 {least:g} px) / {outline.area:.0f} px of {least:g}"
    quality, gsd = other.quality, other.scale.gsd_mm
    limit = resolvable_width_px(quality.noise, quality.blur_px, 255 * TYPICAL_CONTRAST)
    if width_px * ratio >= limit:
        return ""
    have, need = (f"{width:.2f} px" if gsd is None else f"{width * gsd:.2g} mm" for width in (width_px * ratio, limit))
    return f"幅 {have}、最小判別幅 {need} / {have}, resolvable {need}"


def _width_px(sight: Finding) -> float | None:
    """Return the width of a crack in pixels of its picture, its upper bound where no more is known; None: no crack."""
    for unit, factor in (("px", 1.0), ("mm", sight.scale.gsd_mm)):
        for name in ("width_p95", "width_max", "width_p50"):
            found = next((m for m in sight.measures if (m.name, m.unit) == (name, unit)), None)
            known = None if found is None else found.value if found.value is not None else found.high
            if known is not None and factor:
                return known / factor
    return None


def in_scene(scene: Image, place: BaseGeometry) -> BaseGeometry | None:
    """Return a lon, lat geometry in pixels of a scene, or None where the scene has no place."""
    if scene.crs is None or scene.transform is None:
        return None
    a, b, c, d, e, f = scene.transform
    back = np.linalg.inv(np.array([[a, b, c], [d, e, f], [0, 0, 1]]))
    way = to_lonlat(scene.crs)

    def project(xy: np.ndarray) -> np.ndarray:
        x, y = way.transform(xy[:, 0], xy[:, 1], direction="INVERSE")
        return np.asarray((np.column_stack([x, y, np.ones(len(xy))]) @ back.T)[:, :2])

    return shapely.make_valid(shapely.transform(place, project))


def turned(look: Look) -> Look:
    """Return a look with its registration the other way round."""
    return look if look.registration is None else replace(look, registration=look.registration.inverse())
