"""A generated wall photographed from many places: overlapping frames, tilt, changing light; truth by defect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.camera import expose, light_field, relief_shading
from imagery.synthetic.concrete import ConcretePhoto
from imagery.synthetic.concrete_labels import project
from imagery.synthetic.confusers import shadow_field
from imagery.synthetic.flight_wall import Wall, WallDefect
from imagery.synthetic.noise import Field, blur
from imagery.synthetic.photograph import CameraModel, write_photograph
from imagery.synthetic.spec import ConcreteSpec

FOCAL_WIDTHS = 1.5  # default focal length in widths of the picture: 54 mm on a frame 36 mm wide
LABEL_PX = 3  # a narrower crack is marked this wide, as people and networks mark it
_HOME = (131.4700, 34.1600)
_METRES_A_DEGREE = 111_320.0

Mask = NDArray[np.bool_]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WallView:
    """Where a photograph is taken from.

    Attributes:
        x_mm, y_mm: the place of the wall in the middle of the picture.
        gsd_mm: millimetres for one pixel there.
        tilt_deg: between the view and the wall's normal.
        towards_deg: direction on the wall that the view leans to, 0 = right, 90 = down.
        roll_deg: turn of the camera about its view.
        light_deg: direction on the wall that the light comes from.
        shadow: depth of a shadow that lies over the view, 0 to 1.
        focal_widths: focal length in widths of the picture; with the gsd it says how far away the camera stands.
    """

    x_mm: float
    y_mm: float
    gsd_mm: float
    tilt_deg: float = 0.0
    towards_deg: float = 0.0
    roll_deg: float = 0.0
    light_deg: float = 225.0
    relief: float = 0.15
    exposure: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    light_gradient: float = 0.2
    shadow: float = 0.0
    blur_px: float = 0.6
    noise: float = 2.0
    jpeg_quality: int | None = 90
    focal_widths: float = FOCAL_WIDTHS


@dataclass(frozen=True, slots=True, eq=False)
class WallPhoto:
    """A photograph of a wall and its truth.

    Attributes:
        name: file name.
        image: ``(H, W, 3)`` uint8 RGB.
        masks: by uid of the defect, ``(H, W)`` bool; only defects of which something shows.
        labels: by uid, the class.
        matrix: ``(3, 3)`` from millimetres on the wall to pixels (edges at whole numbers).
    """

    name: str
    image: NDArray[np.uint8]
    masks: Mapping[str, Mask]
    labels: Mapping[str, str]
    matrix: Matrix
    view: WallView


def view_matrix(view: WallView, width_px: int, height_px: int) -> Matrix:
    """Return the projection ``(3, 3)`` from millimetres on the wall to pixels, of a camera without distortion.

    The wall is the plane Z = 0 (x right, y down, z into the wall); the camera stands ``gsd * focal length`` from the
    place in the middle of its picture, so that a pixel there covers ``gsd_mm`` across the tilt.
    """
    focal = view.focal_widths * width_px
    tilt, towards, roll = np.radians([view.tilt_deg, view.towards_deg, view.roll_deg])
    z = np.array([np.sin(tilt) * np.cos(towards), np.sin(tilt) * np.sin(towards), np.cos(tilt)])
    x = np.array([1.0, 0.0, 0.0]) - z[0] * z
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    x, y = np.cos(roll) * x + np.sin(roll) * y, np.cos(roll) * y - np.sin(roll) * x
    camera = np.array([view.x_mm, view.y_mm, 0.0]) - view.gsd_mm * focal * z
    rotation = np.stack([x, y, z])
    plane = np.column_stack([rotation[:, 0], rotation[:, 1], -rotation @ camera])
    inner = np.array([[focal, 0, width_px / 2], [0, focal, height_px / 2], [0, 0, 1.0]])
    matrix = inner @ plane
    return np.asarray(matrix / matrix[2, 2], dtype=np.float64)


def photograph_wall(
    rng: np.random.Generator, wall: Wall, view: WallView, width_px: int, height_px: int, name: str = ""
) -> WallPhoto:
    """Return one photograph of a wall with the mask of each defect that it shows."""
    matrix = view_matrix(view, width_px, height_px)
    gsd = wall.spec.gsd_mm
    # canvas pixels -> mm on the wall -> picture
    onto = matrix @ np.array([[gsd, 0, -wall.origin_px * gsd], [0, gsd, -wall.origin_px * gsd], [0, 0, 1]])
    rows, cols = _seen(onto, wall.surface.shape, width_px, height_px)
    radiance = _warped(_lit(wall, view, rows, cols), onto, rows, cols, (width_px, height_px))
    light = light_field(rng, (height_px, width_px), view.light_gradient, 0.12)
    if view.shadow > 0:
        light *= shadow_field(rng, (height_px, width_px), view.shadow)
    radiance *= light[..., None] * np.asarray(view.cast, np.float32)
    radiance *= np.float32(view.exposure * (0.17 / float(radiance[::8, ::8].mean())) ** 0.6)
    image = expose(
        rng,
        radiance,
        blur_px=view.blur_px,
        motion_px=0.0,
        noise=view.noise,
        sharpening=0.3,
        jpeg_quality=view.jpeg_quality,
    )
    masks: dict[str, Mask] = {}
    for defect in wall.defects:
        mask = _mask(defect, onto, (width_px, height_px))
        if mask is not None:
            masks[defect.uid] = mask
    labels = {defect.uid: defect.label for defect in wall.defects if defect.uid in masks}
    return WallPhoto(name, image, masks, labels, matrix, view)


def _lit(wall: Wall, view: WallView, rows: slice, cols: slice) -> Field:
    """Return the linear radiance of a window of the canvas under the view's light, soft enough for its pixels."""
    part = wall.surface.window(rows, cols)
    shade = relief_shading(part.height, float(np.deg2rad(view.light_deg)), view.relief)
    lit = np.clip(part.colour, 0.002, 1.0) * shade[..., None]
    coarser = view.gsd_mm / wall.spec.gsd_mm
    return blur(lit, 0.45 * float(np.sqrt(coarser**2 - 1))) if coarser > 1.05 else np.asarray(lit, np.float32)


def _seen(onto: Matrix, shape: tuple[int, int], width_px: int, height_px: int) -> tuple[slice, slice]:
    """Return the window of the canvas that a picture shows."""
    frame = np.array([[0, 0], [width_px, 0], [width_px, height_px], [0, height_px]], float)
    corners = project(frame, np.asarray(np.linalg.inv(onto), dtype=np.float64))
    (left, top), (right, bottom) = np.floor(corners.min(axis=0)) - 4, np.ceil(corners.max(axis=0)) + 4
    rows = slice(int(np.clip(top, 0, shape[0] - 2)), int(np.clip(bottom, 2, shape[0])))
    cols = slice(int(np.clip(left, 0, shape[1] - 2)), int(np.clip(right, 2, shape[1])))
    return rows, cols


def _warped(values: Field, onto: Matrix, rows: slice, cols: slice, size: tuple[int, int], *, outside: int = 2) -> Field:
    """Return a window of the canvas as the picture sees it; ``outside``: OpenCV's border mode, 2 mirrors the wall."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    shift = np.array([[1, 0, cols.start], [0, 1, rows.start], [0, 0, 1]], float)
    centred = np.linalg.inv(half) @ onto @ shift @ half  # OpenCV counts from pixel centres
    out = cv2.warpPerspective(np.ascontiguousarray(values), centred, size, flags=cv2.INTER_LINEAR, borderMode=outside)
    return np.asarray(out, dtype=np.float32)


def _mask(defect: WallDefect, onto: Matrix, size: tuple[int, int]) -> Mask | None:
    """Return where a picture shows a defect, or None; a crack at least ``LABEL_PX`` wide."""
    window = np.array([[defect.cols.start, defect.rows.start], [defect.cols.stop, defect.rows.stop]], float)
    (x0, y0), (x1, y1) = window
    box = project(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]), onto)
    if (box.max(axis=0) < 0).any() or (box.min(axis=0) > np.array(size)).any():
        return None
    mask = _warped(defect.share, onto, defect.rows, defect.cols, size, outside=cv2.BORDER_CONSTANT) >= 0.5
    if defect.lines:
        drawn = np.zeros(mask.shape, np.uint8)
        for line in defect.lines:
            at = np.round((project(line.centre_px, onto) - 0.5) * 16).astype(np.int32)
            cv2.polylines(drawn, [at[:, None, :]], False, 1, LABEL_PX, cv2.LINE_8, 4)
        mask |= drawn > 0
    return mask if mask.any() else None


def fly(
    wall: Wall,
    seed: int,
    *,
    width_px: int = 1200,
    height_px: int = 900,
    gsd_mm: float = 0.5,
    overlap: float = 0.3,
    tilt_deg: float = 15.0,
    light_change: float = 1.0,
    focal_widths: float = FOCAL_WIDTHS,
) -> list[WallPhoto]:
    """Return the photographs of a wall, row by row, whose neighbours share ``overlap`` of their width.

    Args:
        wall: what is photographed.
        seed: of the flight; another one is another day.
        width_px: of each picture.
        height_px: of each picture.
        gsd_mm: in the middle of a picture, varied by 8 %.
        overlap: 0 to 0.9, of width and height with the neighbours.
        tilt_deg: each view is tilted by up to this, any way.
        light_change: 0: one light for all; 1: light, exposure, colour and shadows differ from picture to picture.
        focal_widths: focal length in widths of the picture.
    """
    steps = [(1 - overlap) * pixels * gsd_mm for pixels in (width_px, height_px)]
    sizes = [pixels * gsd_mm for pixels in (width_px, height_px)]
    counts = [
        max(1, int(np.ceil((length - size) / step)) + 1)
        for length, size, step in zip((wall.spec.width_mm, wall.spec.height_mm), sizes, steps, strict=True)
    ]
    photos = []
    for number in range(counts[0] * counts[1]):
        row, col = divmod(number, counts[0])
        own = np.random.default_rng([seed, 12, number])
        x, y = (sizes[axis] / 2 + (col, row)[axis] * steps[axis] for axis in (0, 1))
        sway = 0.02 * np.array(sizes) * own.uniform(-1, 1, 2)
        drawn = _draw_view(own, x + float(sway[0]), y + float(sway[1]), gsd_mm, tilt_deg, light_change)
        view = replace(drawn, focal_widths=focal_widths)
        photos.append(photograph_wall(own, wall, view, width_px, height_px, f"wall_{number + 1:03d}.jpg"))
    return photos


def _draw_view(
    rng: np.random.Generator, x_mm: float, y_mm: float, gsd_mm: float, tilt_deg: float, change: float
) -> WallView:
    return WallView(
        x_mm,
        y_mm,
        gsd_mm=gsd_mm * float(np.exp(0.08 * rng.uniform(-1, 1))),
        tilt_deg=tilt_deg * float(np.sqrt(rng.uniform(0.1, 1.0))),
        towards_deg=float(rng.uniform(0, 360)),
        roll_deg=float(rng.normal(0, 2.0)),
        light_deg=225.0 + change * float(rng.normal(0, 40)),
        relief=0.12 * float(np.exp(change * rng.normal(0, 0.5))),
        exposure=float(np.exp(change * rng.normal(0, 0.3))),
        cast=(1 + change * float(rng.normal(0, 0.04)), 1.0, 1 + change * float(rng.normal(0, 0.05))),
        light_gradient=0.15 + 0.35 * change * float(rng.random()),
        shadow=float(rng.uniform(0.3, 0.6)) * (rng.random() < 0.25 * change),
        blur_px=float(rng.uniform(0.5, 0.8)),
        noise=float(rng.uniform(1.5, 3.5)),
        jpeg_quality=int(rng.integers(80, 95)),
    )


def write_flight(photos: list[WallPhoto], folder: Path, captured_at: datetime) -> list[Path]:
    """Write the photographs as JPEGs with metadata, 8 s apart, and return their paths.

    Raises:
        OutputError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    east = _METRES_A_DEGREE * float(np.cos(np.deg2rad(_HOME[1])))
    paths = []
    for number, photo in enumerate(photos):
        height, width = photo.image.shape[:2]
        spec = ConcreteSpec(width_px=width, height_px=height, gsd_mm=photo.view.gsd_mm)
        shot = ConcretePhoto(photo.image, {}, np.zeros((0, 0), np.float32), (), photo.view.gsd_mm, spec)
        lonlat = (_HOME[0] + photo.view.x_mm / 1000 / east, _HOME[1])
        path = folder / photo.name
        camera = CameraModel(focal_35mm=round(photo.view.focal_widths * 36))
        write_photograph(
            shot, path, captured_at=captured_at + timedelta(seconds=8 * number), lonlat=lonlat, camera=camera
        )
        paths.append(path)
    return paths
