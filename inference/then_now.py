"""Then and now: the place of a damage in both surveys' pictures, in one frame, with both outlines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from findings.errors import OutputError
from findings.finding import Finding
from findings.registration import PictureRegistration
from findings.survey import Image
from findings.tracking import Track
from imagery.decode import decode_rgb
from inference.overlay import crop_window, draw_outline, draw_scale_bar, text_banner

if TYPE_CHECKING:
    from inference.track import SurveyComparison

THEN, NOW = (0, 200, 255), (255, 214, 0)  # outlines: of last time, of this time
PANEL_PX = 640
GAP_PX = 6
OFF_PX = 8  # of the panel: outlines keep off a crack, so that it can be seen
KEPT = 4  # decoded pictures

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture pair of a track: its number among the tracks, and where it was written."""

    number: int
    path: Path


def then_now(
    previous: Picture,
    now: Picture,
    way: PictureRegistration,
    outlines: tuple[BaseGeometry | None, BaseGeometry | None],
    titles: tuple[str, str],
    mm_per_px: float | None,
) -> Picture:
    """Return both pictures side by side in the frame of the present one, ``(H, W, 3)`` uint8 RGB.

    Args:
        previous: ``(H, W, 3)`` RGB, warped into the present frame; black where it shows nothing.
        now: ``(H, W, 3)`` RGB.
        way: previous to present pixels.
        outlines: of the damage then, in previous pixels, and now, in present pixels; both are drawn on both.
        titles: over the panels, plain ASCII.
        mm_per_px: of the present picture, for the scale bar; None: unknown.
    """
    carried = None if outlines[0] is None else shapely.make_valid(way.carry(outlines[0]))
    places = [place for place in (carried, outlines[1]) if place is not None and not place.is_empty]
    window = crop_window(shapely.union_all(places), now.shape[1], now.shape[0])
    corner = (window.col, window.row)
    then = _warped(previous, way, corner, (window.width, window.height))
    here = np.ascontiguousarray(now[window.row : window.bottom, window.col : window.right])
    zoom = max(PANEL_PX / max(window.width, window.height), 1e-6)
    panels = []
    drawn = [
        (name, colour)
        for name, colour, place in (("then", THEN, carried), ("now", NOW, outlines[1]))
        if place is not None
    ]
    for part, title in zip((then, here), titles, strict=True):
        size = (max(1, round(window.width * zoom)), max(1, round(window.height * zoom)))
        large = np.ascontiguousarray(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        for place, colour in ((carried, THEN), (outlines[1], NOW)):
            if place is not None:
                at = affinity.affine_transform(
                    place.buffer(2 + OFF_PX / zoom), [zoom, 0, 0, zoom, -corner[0] * zoom, -corner[1] * zoom]
                )
                draw_outline(large, at, colour)
        if mm_per_px is not None:
            draw_scale_bar(large, mm_per_px / zoom)
        head = [text_banner(large.shape[1], title), _legend(large.shape[1], drawn)]
        panels.append(np.concatenate([*head, large], axis=0))
    gap = np.full((panels[0].shape[0], GAP_PX, 3), 255, np.uint8)
    return np.concatenate([panels[0], gap, panels[1]], axis=1)


def _legend(width: int, drawn: Sequence[tuple[str, tuple[int, int, int]]]) -> Picture:
    """Return a strip that says whose outline has which colour."""
    strip = text_banner(width, "marked:")
    for number, (name, colour) in enumerate(drawn):
        left = 84 + 110 * number
        cv2.line(strip, (left, 15), (left + 36, 15), colour, 3, cv2.LINE_AA)
        cv2.putText(strip, name, (left + 44, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, colour, 1, cv2.LINE_AA)
    return strip


def _warped(picture: Picture, way: PictureRegistration, corner: tuple[int, int], size: tuple[int, int]) -> Picture:
    shift = np.array([[1, 0, -corner[0]], [0, 1, -corner[1]], [0, 0, 1]], float)
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV counts from the middle of a pixel
    m = np.linalg.inv(half) @ shift @ np.asarray(way.matrix, float).reshape(3, 3) @ half
    return np.asarray(cv2.warpPerspective(picture, m, size, flags=cv2.INTER_LINEAR), np.uint8)


def write_pairs(found: SurveyComparison, folder: Path) -> tuple[list[Pair], list[str]]:
    """Write a picture pair of each track that a registration joins; return them, and why others have none.

    Raises:
        OutputError: the folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror}); choose another --out") from error
    load = lru_cache(maxsize=KEPT)(_decoded)
    groups = [{defect[0].uid: defect for defect in side.defects} for side in (found.before, found.after)]
    pairs, notes = [], []
    for number, track in enumerate(found.tracks, 1):
        name = f"{number:03d}-{track.state.value}-{(track.finding_uid or track.previous_uid or '')[:12]}"
        joined = _joined(found, track, groups)
        if joined is None:
            notes.append(f"{name}: no registered pictures show it both times")
            continue
        picture = _drawn(found, track, joined, load)
        if picture is None:
            notes.append(f"{name}: a picture can no longer be read")
            continue
        path = folder / f"{name}.jpg"
        if not cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90]):
            raise OutputError(f"{path}: cannot be written; is the disk full?")
        pairs.append(Pair(number, path))
    return pairs, notes


@dataclass(frozen=True, slots=True)
class _Joined:
    """The pictures that show a track's place both times, and the sights on them."""

    previous_image: str
    now_image: str
    way: PictureRegistration
    then: Finding | None
    now: Finding | None


def _joined(found: SurveyComparison, track: Track, groups: Sequence[dict[str, tuple[Finding, ...]]]) -> _Joined | None:
    olds = groups[0].get(track.previous_uid or "", ())
    news = groups[1].get(track.finding_uid or "", ())
    ways = found.registrations
    for old in olds:
        for new in news:
            if (old.image_uid, new.image_uid) in ways:
                return _Joined(old.image_uid, new.image_uid, ways[old.image_uid, new.image_uid], old, new)
    wanted = track.registration
    for (first, second), way in sorted(ways.items()):
        then = next((sight for sight in olds if sight.image_uid == first), None)
        now = next((sight for sight in news if sight.image_uid == second), None)
        same = wanted is not None and np.allclose(way.matrix, wanted.matrix)
        if (
            (same or wanted is None)
            and ((then is None) != (now is None))
            and _shows(found, first, second, way, then, now)
        ):
            return _Joined(first, second, way, then, now)
    return None


def _shows(
    found: SurveyComparison,
    first: str,
    second: str,
    way: PictureRegistration,
    then: Finding | None,
    now: Finding | None,
) -> bool:
    """Return whether the other picture shows the middle of the damage."""
    if then is not None:
        image, at = found.after.images[second], way.carry(then.geometry_px.representative_point())
    elif now is not None:
        image, at = found.before.images[first], way.inverse().carry(now.geometry_px.representative_point())
    else:
        return False
    return bool(0 <= at.x < image.width_px and 0 <= at.y < image.height_px)


def _drawn(
    found: SurveyComparison,
    track: Track,
    joined: _Joined,
    load: Callable[[str], Picture | None],
) -> Picture | None:
    images = found.before.images[joined.previous_image], found.after.images[joined.now_image]
    pictures = [load(image.path) for image in images]
    if pictures[0] is None or pictures[1] is None:
        return None
    outlines = (
        None if joined.then is None else joined.then.geometry_px,
        None if joined.now is None else joined.now.geometry_px,
    )
    titles = _title("then", images[0]), _title("now", images[1]) + f"  {track.state.value.replace('_', ' ')}"
    return then_now(pictures[0], pictures[1], joined.way, outlines, titles, images[1].scale.gsd_mm)


def _title(word: str, image: Image) -> str:
    day = "no date" if image.captured_at is None else f"{image.captured_at:%Y-%m-%d}"
    return f"{word} {day} {Path(image.path).name}".encode("ascii", "replace").decode()


def _decoded(path: str) -> Picture | None:
    return decode_rgb(Path(path))
