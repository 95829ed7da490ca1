"""Whether a part of a damage that one picture shows is in another picture too, where nobody had marked it.

A model that marks more of a crack than last time has not seen it grow: the picture of last time tells. The part's
darkness (or lightness) against a band beside it, in logarithms so that another light counts for nothing, is measured in
both pictures; in the other one at the best of the places a registration may be off by.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from shapely import make_valid
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from findings.finding import Finding
from findings.registration import PictureRegistration
from inference.surface_change import BAND_PX, LEAST_PIXELS, Grey, drawn, warped

OFF_PX = 2  # by which a registration may be off
LEAST_CONTRAST = 0.03  # of the part against its band, to be told at all
SHOWN = 0.6  # of the contrast found in the other picture: it shows there too (true growth has up to 0.4, rarely 0.6)
APPEARED = 0.4  # up to that share it does not; in between nobody can tell
LEAST_PART = 0.1  # of the present outline, for what was not marked last time to be looked at


def grown_part_shown(
    then: Finding, now: Finding, way: PictureRegistration, greys: Callable[[str], Grey]
) -> float | None:
    """Return how much of what lies beyond last time's outline the picture of last time shows; None: too little does.

    Args:
        then: the sight of last time.
        now: the present one.
        way: previous to present pixels.
        greys: by uid of a picture.
    """
    outline = make_valid(now.geometry_px)
    # The band beside the part must not lie on what was marked, which shows both times.
    part = outline.difference(make_valid(way.carry(then.geometry_px)).buffer(BAND_PX[1]))
    if part.area < LEAST_PART * outline.area:
        return None
    return shown_share(greys(now.image_uid), greys(then.image_uid), part, way)


def shown_share(own: Grey, other: Grey, part: BaseGeometry, way: PictureRegistration) -> float | None:
    """Return how much of a part's contrast in its own picture the other one shows; None where that cannot be told.

    Args:
        own: grey ``(H, W)`` of the picture that shows the part, 0 to 255.
        other: the same of the other picture.
        part: in pixels of the own picture.
        way: other to own pixels.
    """
    frame = box(0, 0, own.shape[1], own.shape[0])
    reach = make_valid(part).buffer(BAND_PX[1] + OFF_PX).intersection(frame)
    if reach.is_empty:
        return None
    left, top = (math.floor(value) for value in reach.bounds[:2])
    right, bottom = (math.ceil(value) for value in reach.bounds[2:])
    here = np.log(np.maximum(own[top:bottom, left:right], 1.0))
    values, seen = warped(other, way, (left, top, right, bottom))
    there = np.log(np.maximum(values, 1.0))
    place, near, far = (
        drawn(zone, here.shape, (left, top)) for zone in (part, part.buffer(BAND_PX[0]), part.buffer(BAND_PX[1]))
    )
    band = far & ~near
    if (
        min(int((place & seen).sum()), int((band & seen).sum())) < LEAST_PIXELS // 2
        or (place & ~seen).sum() > (place & seen).sum()
    ):
        return None
    contrast = float(here[place & seen].mean() - np.median(here[band & seen]))
    if abs(contrast) < LEAST_CONTRAST:
        return None
    middle = np.median(there[band & seen])
    steps = range(-OFF_PX, OFF_PX + 1)
    moved = (np.roll(there, (row, col), (0, 1)) for row in steps for col in steps)
    return max(float(values[place & seen].mean() - middle) / contrast for values in moved)
