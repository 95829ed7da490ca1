"""One scene of a reach: the window that its transects need, through the model, to surfaces and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from findings.errors import NotAssessable
from findings.survey import Image
from imagery.masks import Classes
from imagery.reader import ImageReader, open_image
from imagery.types import Pixels, Window
from inference.engine import score_picture
from inference.overlay import display_rgb
from inference.pixel_size import pixel_size_m
from inference.river.finding import Array
from inference.river.grid import Grid
from inference.river.surfaces import Surfaces, surfaces_of
from models.base import PixelModel

BANDS = ("blue", "green", "red", "nir", "swir1")
MARGIN_PX = 40
"""Read around the transects, so that networks see what surrounds them."""
GEOLOCATION_95_PX = 0.5
"""95 % of where a scene lies against others, in pixels: Sentinel-2 5 m CE95 multi-temporal at 10 m."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ScenePart:
    """The part of a scene around a reach or a levee.

    Attributes:
        image: the scene.
        window: the part, in pixels of the scene.
        transform: a..f of the part's pixels in the scene's CRS.
        bands: ``(H, W)`` each of ``BANDS`` that the scene has.
        rgb: ``(H, W, 3)`` uint8, stretched.
        mask: classes, or None.
        pixel_m: side of a pixel.
    """

    image: Image
    window: Window
    transform: tuple[float, float, float, float, float, float]
    bands: dict[str, Array]
    rgb: NDArray[np.uint8]
    mask: Classes | None
    pixel_m: float

    @property
    def grid(self) -> Grid:
        """Where the pixels lie."""
        height, width = self.rgb.shape[:2]
        return Grid(str(self.image.crs), self.transform, height, width, self.pixel_m)

    @property
    def geolocation_sigma_m(self) -> float:
        """1-sigma of where the scene lies against the others of its series, metres."""
        return GEOLOCATION_95_PX * self.pixel_m / 1.96


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SceneView(ScenePart):
    """... with the ``surfaces`` that a model sees there."""

    surfaces: Surfaces


def look(
    image: Image, model: PixelModel, device: torch.device, *, around: NDArray[np.float64] | None, crs: str
) -> SceneView:
    """Return what a model sees of a scene around the given points.

    Args:
        image: a scene with a georeference.
        model: that tells water.
        device: where the network runs.
        around: ``(N, 2)`` points of ``crs`` that the part must hold; None: the whole scene.
        crs: of the points.

    Raises:
        NotAssessable: the scene has no georeference, or no point lies in it.
        UnreadableImage: the file is gone or damaged.
        MissingBands: a band that the model requires is absent.
    """
    with _opened(image) as reader:
        part = _read(reader, image, around, crs)
        scores = score_picture(model, _Part(reader, part.window), device)
    surfaces = surfaces_of(model.card, scores, part.bands)
    own = {name.name: getattr(part, name.name) for name in fields(ScenePart)}
    return SceneView(**own, surfaces=surfaces)


def look_plain(image: Image, *, around: NDArray[np.float64], crs: str) -> ScenePart:
    """Return the part of a scene around the given points as it is, for what needs no model; raises as `look`."""
    with _opened(image) as reader:
        return _read(reader, image, around, crs)


def _opened(image: Image) -> ImageReader:
    if image.crs is None or image.transform is None:
        raise NotAssessable("the scene has no georeference, so nothing on it has a place; ingest it with a CRS")
    mask_path = Path(image.mask_path) if image.mask_path is not None else None
    return open_image(Path(image.path), bands=image.band_names, mask=mask_path)


def _read(reader: ImageReader, image: Image, around: NDArray[np.float64] | None, crs: str) -> ScenePart:
    whole = Window(0, 0, image.width_px, image.height_px)
    window = whole if around is None else window_around(image, around, crs)
    names = [band for band in BANDS if band in reader.bands]
    bands = dict(zip(names, reader.read(window, names).values, strict=True)) if names else {}
    mask = reader.read_mask(window)
    return ScenePart(
        image=image,
        window=window,
        transform=moved(image.transform or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), window),
        bands=bands,
        rgb=display_rgb(reader.read(window, masked=False), mask=mask),
        mask=mask,
        pixel_m=pixel_metres(image),
    )


def moved(transform: Sequence[float], window: Window) -> tuple[float, float, float, float, float, float]:
    """Return the transform of a window of a raster."""
    a, b, c, d, e, f = transform
    return (a, b, c + a * window.col + b * window.row, d, e, f + d * window.col + e * window.row)


def to_pixels(image: Image, xy: NDArray[np.float64], crs: str) -> NDArray[np.float64]:
    """Return points ``(N, 2)`` of a CRS as x, y in pixels of a scene, pixel edges at whole numbers.

    Raises:
        NotAssessable: the scene has no georeference.
    """
    if image.crs is None or image.transform is None:
        raise NotAssessable("the scene has no georeference, so nothing on it has a place; ingest it with a CRS")
    return Grid(image.crs, image.transform, image.height_px, image.width_px, 1.0).pixels(xy, crs)


def picture_around(
    image: Image, around: NDArray[np.float64], crs: str
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float, float, float]]:
    """Return the part of a scene around points for people to look at, ``(H, W, 3)`` uint8, and its transform.

    Raises:
        NotAssessable: no georeference, or no point lies in it.
        UnreadableImage: the file is gone or damaged.
    """
    window = window_around(image, around, crs)
    with open_image(Path(image.path), bands=image.band_names) as reader:
        rgb = display_rgb(reader.read(window, masked=False))
    return rgb, moved(image.transform or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), window)


def window_around(image: Image, xy: NDArray[np.float64], crs: str) -> Window:
    """Return the window of a scene that holds the box around the points and a margin.

    Raises:
        NotAssessable: the box lies outside the scene.
    """
    px = to_pixels(image, xy, crs)
    px = px[np.isfinite(px).all(axis=1)]
    size = np.array([image.width_px, image.height_px])
    if not len(px) or (px.max(axis=0) <= 0).any() or (px.min(axis=0) >= size).any():
        raise NotAssessable("the reach lies outside this scene; give scenes that cover it")
    low = np.floor(px.min(axis=0)).astype(int) - MARGIN_PX
    high = np.ceil(px.max(axis=0)).astype(int) + MARGIN_PX
    col, row = max(int(low[0]), 0), max(int(low[1]), 0)
    right, bottom = min(int(high[0]), image.width_px), min(int(high[1]), image.height_px)
    return Window(col, row, right - col, bottom - row)


def pixel_metres(image: Image) -> float:
    """Return the side of a scene's pixel in metres (geometric mean of both sides).

    Raises:
        NotAssessable: the georeference leads to no length.
    """
    size = pixel_size_m(image)
    if size is None:
        raise NotAssessable("the scene's pixels have no size in metres; ingest it with a CRS")
    return size


class _Part:
    """A window of an open scene, with the manners of a whole one."""

    def __init__(self, reader: ImageReader, window: Window) -> None:
        self._reader, self._window = reader, window

    @property
    def width_px(self) -> int:
        return self._window.width

    @property
    def height_px(self) -> int:
        return self._window.height

    @property
    def bands(self) -> tuple[str, ...]:
        return self._reader.bands

    def read(self, window: Window, bands: Sequence[str] | None = None) -> Pixels:
        whole = Window(self._window.col + window.col, self._window.row + window.row, window.width, window.height)
        return self._reader.read(whole, bands)
