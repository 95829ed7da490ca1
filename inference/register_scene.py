"""A photograph registered on a raster of the ground or of a face: an orthomosaic, read in windows."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pyproj
from numpy.typing import NDArray

from findings.registration import PictureRegistration
from findings.survey import Image
from imagery.flight.features import WORKING_PX, Features, FeatureStore, features_in
from imagery.reader import open_image
from imagery.types import Window
from inference.register import Frame, register_features

AROUND = 0.5  # of the photograph's size on the raster: how far its recorded place may be off
MOST_WINDOWS = 36  # looked at where the photograph has no place
LARGEST_PX = 6000  # side of a window that is read at once: 36 million values


def register_to_scene(photo: Image, scene: Image, store: FeatureStore) -> PictureRegistration | None:
    """Return how a photograph's pixels lie on a raster, or None where nothing but chance speaks for it.

    The window around the photograph's footprint is searched; without a footprint, windows of the photograph's size all
    over the raster, up to ``MOST_WINDOWS`` of them: a larger raster is not searched blindly. The window with most
    agreement wins.

    Args:
        photo: one of the store's pictures.
        scene: a raster.
        store: features of photographs.

    Raises:
        InputError: a file cannot be read.
    """
    windows = _around_footprint(photo, scene) or _all_over(photo, scene)
    one, frame = store.of(photo), Frame(photo.width_px, photo.height_px)
    best: PictureRegistration | None = None
    for window in windows:
        features = scene_features(scene, window)
        there = Frame(window.width, window.height, window.col, window.row)
        found = register_features(one, frame, features, there)
        if found is not None and (best is None or found.inliers > best.inliers):
            best = found
    return best


def scene_features(scene: Image, window: Window) -> Features:
    """Return the features of a window of a raster: its luma, or its first band, stretched to 8 bits.

    Raises:
        InputError: the file cannot be read, or its mask does not fit.
    """
    mask = Path(scene.mask_path) if scene.mask_path is not None else None
    with open_image(Path(scene.path), bands=scene.band_names, mask=mask) as reader:
        band = "grey" if reader.has("grey") else reader.bands[0]
        values = reader.read(window, [band]).values[0]
    step = max(1.0, max(window.width, window.height) / WORKING_PX)
    size = (max(1, round(window.width / step)), max(1, round(window.height / step)))
    seen = np.isfinite(values)
    grey = cv2.resize(_stretched(values, seen), size, interpolation=cv2.INTER_AREA)
    cover = cv2.resize(seen.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    observed = np.where(cover == 255, 255, 0).astype(np.uint8)
    return features_in(np.asarray(grey, np.uint8), observed, step, window.width, window.height)


def _stretched(values: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return values between their 1st and 99th percentile as 0 to 255."""
    if not seen.any():
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(values[seen], (1, 99))
    spread = np.where(seen, values, low) - low
    return np.asarray((spread * (255 / max(float(high - low), 1e-6))).clip(0, 255), np.uint8)


def _around_footprint(photo: Image, scene: Image) -> list[Window]:
    """Return the window of the raster in which a photograph's footprint lies, with a margin; none without one."""
    if photo.footprint is None or scene.crs is None or scene.transform is None:
        return []
    project = pyproj.Transformer.from_crs("EPSG:4326", scene.crs, always_xy=True)
    lonlat = np.asarray(photo.footprint.exterior.coords, float)[:, :2]
    x, y = project.transform(lonlat[:, 0], lonlat[:, 1])
    a, b, c, d, e, f = scene.transform
    at = np.linalg.solve(np.array([[a, b], [d, e]]), np.stack([np.asarray(x) - c, np.asarray(y) - f]))
    if not np.isfinite(at).all():
        return []
    (left, top), (right, bottom) = at.min(axis=1), at.max(axis=1)
    margin = AROUND * max(right - left, bottom - top)
    return _inside(scene, left - margin, top - margin, right + margin, bottom + margin)


def _inside(scene: Image, left: float, top: float, right: float, bottom: float) -> list[Window]:
    col, row = math.floor(left), math.floor(top)
    size = [min(max(1, math.ceil(extent)), LARGEST_PX) for extent in (right - col, bottom - row)]
    clipped = Window(col, row, *size).clip(scene.width_px, scene.height_px)
    return [] if clipped is None else [clipped]


def _all_over(photo: Image, scene: Image) -> list[Window]:
    """Return overlapping windows as large as the photograph is on the raster; none if they would be too many."""
    if photo.footprint is not None:  # it lies elsewhere
        return []
    known = photo.scale.gsd_mm is not None and scene.scale.gsd_mm is not None
    ratio = (photo.scale.gsd_mm or 1.0) / (scene.scale.gsd_mm or 1.0) if known else 1.0
    sides = [min(max(64, round(1.5 * side * ratio)), LARGEST_PX) for side in (photo.width_px, photo.height_px)]
    steps = [max(1, side // 2) for side in sides]
    cols, rows = (
        range(0, max(1, total - side + step), step)
        for total, side, step in zip((scene.width_px, scene.height_px), sides, steps, strict=True)
    )
    if len(cols) * len(rows) > MOST_WINDOWS:
        return []
    windows = (Window(col, row, *sides).clip(scene.width_px, scene.height_px) for row in rows for col in cols)
    return [window for window in windows if window is not None]
