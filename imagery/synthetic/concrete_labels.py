"""From a painted scene to labels in the picture: projection, what people can see, how they draw it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, binary_opening, gaussian_filter1d, map_coordinates, uniform_filter1d

from imagery.synthetic.concrete_scene import CLASSES, Scene
from imagery.synthetic.cracks import STEP_PX
from imagery.synthetic.noise import Field, blur

Mask = NDArray[np.bool_]
Matrix = NDArray[np.float64]

# Darkness over the wall's unevenness. People draw a line through faint parts where enough of it is plain, and disagree
# about what is mostly faint or dim.
PLAIN, FAINT, DIM = 1.0, 0.55, 0.3
SHORTEST_PX = 30.0  # nobody labels a dash of which nothing goes on
LEAST_GREY = 3.0  # no eye tells a line that is darker by fewer grey values
SOFT = ("efflorescence", "rust", "wet_spot")  # classes that fade out: between 0.2 and 0.5 nobody can say
LEAST_SOFT = 0.2
_RUN = 24  # samples, 12 px of the canvas


def warp(values: Field, view: Matrix, size_px: int) -> Field:
    """Return canvas values ``(H, W)`` or ``(H, W, C)`` as the picture sees them; geometry counts from pixel corners."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    centred = np.linalg.inv(half) @ view @ half  # OpenCV counts from pixel centres
    flags = cv2.INTER_LINEAR
    out = cv2.warpPerspective(values, centred, (size_px, size_px), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, dtype=np.float32)


def project(points_px: Matrix, view: Matrix) -> Matrix:
    """Return points ``(N, 2)`` of the canvas in the picture."""
    moved = np.column_stack([points_px, np.ones(len(points_px))]) @ view.T
    return np.asarray(moved[:, :2] / moved[:, 2:], dtype=np.float64)


def scale_of(view: Matrix, size_px: int) -> float:
    """Return how many pixels of the picture one pixel of the canvas fills, in the middle of the picture."""
    x, y = project(np.full((1, 2), size_px / 2), np.asarray(np.linalg.inv(view), dtype=np.float64))[0]
    around = project(np.array([[x, y], [x + 1, y], [x, y + 1]]), view)
    return float(np.sqrt(abs(np.linalg.det(around[1:] - around[0]))))


def truth_of(
    scene: Scene, view: Matrix, image: NDArray[np.uint8], label_width_px: float
) -> tuple[dict[str, Mask], dict[str, Mask], Field]:
    """Return the masks, the doubtful pixels and the coverage of a scene seen through ``view`` in the picture ``image``.

    Where things are comes from the scene alone; the picture only decides which parts of a crack can be seen in it.
    """
    size_px = image.shape[0]
    coverage = np.clip(warp(scene.coverage, view, size_px), 0, 1)
    thick = max(round(label_width_px), 1)
    plain, faint, around = _drawn(scene, view, image, coverage, thick)
    masks: dict[str, Mask] = {"crack": plain | ((coverage >= 0.5) & around)}
    near = cv2.dilate(masks["crack"].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    unsure: dict[str, Mask] = {"crack": (faint | (coverage >= 0.5)) & ~near}
    for name in CLASSES[1:]:
        plane = warp(scene.truth[name], view, size_px)
        masks[name] = plane >= 0.5
        unsure[name] = (plane >= LEAST_SOFT) & ~masks[name] if name in SOFT else np.zeros_like(masks[name])
    # Corroded steel is no rust stain to one labeller and rust to the next.
    unsure["rust"] = unsure["rust"] | masks["exposed_rebar"]
    masks["rust"] = masks["rust"] & ~masks["exposed_rebar"]
    return masks, unsure, coverage


def _drawn(
    scene: Scene, view: Matrix, image: NDArray[np.uint8], coverage: Field, thick: int
) -> tuple[Mask, Mask, Mask]:
    """Return plain lines as people draw them, faint ones, and the surroundings of plain ones as wide as their gap."""
    grey = image.astype(np.float32) @ np.asarray([0.299, 0.587, 0.114], dtype=np.float32)
    grain = _unevenness(grey, coverage)
    plain, faint, around = (np.zeros(grey.shape, dtype=np.uint8) for _ in range(3))
    for line in scene.lines:
        points = project(line.centre_px, view)
        col, row = np.floor(line.centre_px).astype(np.int64).T
        height, width = scene.shape
        shown = scene.hidden[np.clip(row, 0, height - 1), np.clip(col, 0, width - 1)] < 0.5
        contrast = line_contrast(grey, grain, points, line.width_px)
        xy = np.floor(points).astype(np.int32)
        pieces = runs(contrast >= FAINT, shown)
        clear = [float(np.mean(contrast[begin:end] >= PLAIN)) for begin, end in pieces]
        whole = sum((end - begin) * STEP_PX for (begin, end), part in zip(pieces, clear, strict=True) if part >= 0.4)
        for (begin, end), part in zip(pieces, clear, strict=True):
            if part < 0.4 or whole < min(SHORTEST_PX, len(grey) / 8):  # in the main it cannot be told from the texture
                cv2.polylines(faint, [xy[begin:end, None, :]], False, 1, thick + 2)
                continue
            cv2.polylines(plain, [xy[begin:end, None, :]], False, 1, thick)
            reach = int(2 * np.ceil(0.6 * line.width_px[begin:end].max())) + 3
            cv2.polylines(around, [xy[begin:end, None, :]], False, 1, reach)
        for begin, end in runs(contrast >= DIM, shown):
            cv2.polylines(faint, [xy[begin:end, None, :]], False, 1, thick + 2)
    return plain > 0, faint > 0, around > 0


def _unevenness(grey: Field, coverage: Field) -> Field:
    """Return the local standard deviation of the wall beside cracks, at the scale of cracks, in grey values."""
    crack = cv2.dilate((coverage > 0.02).astype(np.float32), np.ones((5, 5), np.uint8))
    wall = np.asarray(1 - crack, dtype=np.float32)
    rough = np.square(blur(grey, 0.5) - blur(grey, 2.5))
    return np.asarray(np.sqrt(blur(rough * wall, 8.0) / np.maximum(blur(wall, 8.0), 1e-3) + 1.0), dtype=np.float32)


def line_contrast(grey: Field, grain: Field, points_px: Matrix, width_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much darker a line is than the wall on both of its sides, over 12 px of it, in units of ``grain``.

    A pixel's noise of 1 leaves about 0.3 in such a mean, so that 1 is beyond chance. 0 where the line is darker by
    less than ``LEAST_GREY``.
    """
    run = np.gradient(gaussian_filter1d(points_px, 3.0, axis=0, mode="nearest"), axis=0)
    run /= np.maximum(np.linalg.norm(run, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-run[:, 1], run[:, 0]], axis=1)
    soft = blur(grey, 0.5)

    def level(offset: NDArray[np.float64]) -> NDArray[np.float64]:
        at = points_px + offset[:, None] * normal - 0.5
        values = map_coordinates(soft, at.T[::-1], order=1, mode="nearest", output=np.float64)  # of any length
        return np.asarray(uniform_filter1d(values, 24, mode="nearest"))

    half = 0.5 * width_px
    middle = level(np.zeros(len(half)))
    left, right = (0.5 * (level(sign * (half + 2.5)) + level(sign * (half + 4.5))) for sign in (1.0, -1.0))
    darker = np.minimum(left, right) - middle
    at = np.clip(np.floor(points_px).astype(np.int64), 0, np.asarray(grain.shape)[::-1] - 1)
    return np.asarray(darker / grain[at[:, 1], at[:, 0]] * (darker >= LEAST_GREY), dtype=np.float64)


def runs(plain: NDArray[np.bool_], shown: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the half-open index ranges of a line that people would draw.

    They draw through a gap of a few pixels and leave out a dot: runs closer than 12 px are joined, shorter dropped.
    """
    wide = np.pad(plain, _RUN)
    kept = binary_opening(binary_closing(wide, np.ones(_RUN)), np.ones(_RUN))[_RUN:-_RUN] & shown
    borders = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in borders.reshape(-1, 2)]
