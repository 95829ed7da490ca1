"""Features of the photographs of a flight: found once a picture, kept within bounds of memory.

SIFT (D. Lowe, IJCV 60, 2004) on a reduced grey picture; descriptors compared after the square root of their L1-normed
values ("RootSIFT": Arandjelovic and Zisserman, CVPR 2012).
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from findings.errors import UnreadableImage
from findings.survey import Image
from imagery.decode import decode_rgb
from imagery.mask_files import read_mask
from imagery.masks import hidden
from imagery.reader import open_image
from imagery.types import BoolArray, Window

WORKING_PX = 1200  # longer side of the reduced picture
MOST_FEATURES = 2500
SPOT_PX2 = 324  # one feature for 18 x 18 reduced pixels: small pictures have fewer places to tell apart
FEWEST_FEATURES = 300
CONTRAST = 0.02  # half of SIFT's own: grass and gravel are faint
KEPT_IN_MEMORY = 200  # pictures; 0.35 MB each
STRIP_ROWS = 512

Grey = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Features:
    """Where a picture's features lie and what they look like.

    Attributes:
        points_px: ``(N,)`` complex, right + i up from the middle of the picture, in its own pixels.
        descriptors: ``(N, 128)`` uint8.
        width_px: columns of the picture.
        step_px: pixels of the picture for one of the reduced one.
    """

    points_px: NDArray[np.complex128]
    descriptors: NDArray[np.uint8]
    width_px: int
    step_px: float

    def __len__(self) -> int:
        return len(self.points_px)


class FeatureStore:
    """Features by picture; what does not fit into memory waits in a temporary folder. Use it as a context manager.

    Args:
        images: the pictures, addressed by their index.
        kept: pictures whose features stay in memory.
    """

    def __init__(self, images: list[Image], kept: int = KEPT_IN_MEMORY) -> None:
        self._images = images
        self._index = {image.uid: index for index, image in enumerate(images)}
        self._kept = max(kept, 2)
        self._memory: OrderedDict[tuple[int, bool], Features] = OrderedDict()
        self._folder = tempfile.TemporaryDirectory(prefix="mizuhashi-flight-")
        self.computed = 0

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def of(self, image: Image) -> Features:
        """Return the features of one of the store's pictures, known by its uid.

        Raises:
            InputError: the picture cannot be read.
        """
        return self.get(self._index[image.uid])

    def get(self, index: int, *, mirrored: bool = False) -> Features:
        """Return the features of a picture; ``mirrored``: of the picture flipped left to right.

        Raises:
            InputError: the picture cannot be read.
        """
        key = (index, mirrored)
        if key not in self._memory:
            file = Path(self._folder.name) / f"{index}-{int(mirrored)}.npz"
            if not file.exists():
                found = find_features(self._images[index], mirrored=mirrored)
                self.computed += 1
                np.savez(
                    file, points=found.points_px, descriptors=found.descriptors, rest=[found.width_px, found.step_px]
                )
            self._memory[key] = _load(file)
        self._memory.move_to_end(key)
        while len(self._memory) > self._kept:
            self._memory.popitem(last=False)
        return self._memory[key]


def find_features(image: Image, *, mirrored: bool = False) -> Features:
    """Return the features of a photograph; masked pixels bear none.

    Raises:
        InputError: UnsafeImage, UnreadableImage, or a mask that does not fit.
    """
    grey, observed, step = reduced_grey(image)
    if mirrored:
        grey, observed = np.ascontiguousarray(grey[:, ::-1]), np.ascontiguousarray(observed[:, ::-1])
    return features_in(grey, observed, step, image.width_px, image.height_px)


def features_in(grey: Grey, observed: Grey, step: float, width_px: int, height_px: int) -> Features:
    """Return the features of a reduced grey picture (mask 255: observed) whose full size is given.

    Args:
        grey: ``(H, W)``.
        observed: ``(H, W)``; other pixels bear no features.
        step: full pixels for one reduced pixel.
        width_px: full columns.
        height_px: full rows.
    """
    count = min(max(grey.size // SPOT_PX2, FEWEST_FEATURES), MOST_FEATURES)
    sift = cv2.SIFT.create(count, contrastThreshold=CONTRAST)
    keypoints, descriptors = sift.detectAndCompute(grey, observed)
    if descriptors is None:
        keypoints, descriptors = (), np.zeros((0, 128), np.uint8)
    x = np.array([point.pt[0] for point in keypoints], float) + 0.5  # OpenCV counts from the middle of a pixel
    y = np.array([point.pt[1] for point in keypoints], float) + 0.5
    points = (x * step - width_px / 2) + 1j * (height_px / 2 - y * step)
    return Features(points, np.asarray(descriptors).astype(np.uint8), width_px, step)


def reduced_grey(image: Image) -> tuple[Grey, Grey, float]:
    """Return a photograph in grey with its longer side at ``WORKING_PX``, a mask (255: observed), and the step in px.

    Raises:
        InputError: the file or its mask cannot be read, or is not the one that was taken in.
    """
    path = Path(image.path)
    step = max(1.0, max(image.width_px, image.height_px) / WORKING_PX)
    size = (max(1, round(image.width_px / step)), max(1, round(image.height_px / step)))
    rgb = decode_rgb(path)
    if rgb is None:  # palette, grey, alpha, 16 bit
        values = _grey_values(image, path)
        seen = np.isfinite(values)
        grey = np.where(seen, values, np.float32(0)).clip(0, 255).astype(np.uint8)
    else:
        _require_size(image, rgb.shape[1], rgb.shape[0])
        seen = _judged(image)
        grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    reduced = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    cover = cv2.resize(seen.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.uint8), np.where(cover == 255, 255, 0).astype(np.uint8), step


def _judged(image: Image) -> BoolArray:
    """Return where the picture's mask lets it be judged, ``(H, W)``; everywhere without one."""
    shape = (image.height_px, image.width_px)
    if image.mask_path is None:
        return np.ones(shape, np.bool_)
    classes = read_mask(Path(image.mask_path))
    if classes.shape != shape:
        raise UnreadableImage(f"{image.mask_path}: a mask of {classes.shape} for a picture of {shape}; ingest it again")
    return ~hidden(classes)


def _grey_values(image: Image, path: Path) -> NDArray[np.float32]:
    with open_image(path) as reader:
        _require_size(image, reader.width_px, reader.height_px)
        if image.mask_path is not None:
            reader.put_mask(Path(image.mask_path))
        band = "grey" if reader.has("grey") else reader.bands[0]
        rows = range(0, reader.height_px, STRIP_ROWS)
        parts = [
            reader.read(Window(0, row, reader.width_px, min(STRIP_ROWS, reader.height_px - row)), [band]).values[0]
            for row in rows
        ]
        return np.concatenate(parts)


def _require_size(image: Image, width_px: int, height_px: int) -> None:
    if (width_px, height_px) != (image.width_px, image.height_px):
        raise UnreadableImage(
            f"{image.path}: {width_px} x {height_px} px, but {image.width_px} x {image.height_px} px when it was taken "
            "in: another file lies there now; put the first one back or ingest this one as a new survey"
        )


def _load(file: Path) -> Features:
    with np.load(file) as stored:
        width, step = stored["rest"]
        return Features(stored["points"], stored["descriptors"], int(width), float(step))
