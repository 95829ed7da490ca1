"""A second opinion on clouds: s2cloudless, and how two opinions and a rim become one mask.

s2cloudless (Zupanc 2017; package ``s2cloudless``, extra ``clouds``) judges each pixel by ten bands of top-of-atmosphere
reflectance (Sentinel-2 L1C). Surface reflectance (L2A) lacks the cirrus band, and its other bands are corrected: such
scenes keep the mask they came with. It knows no shadows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from findings.errors import ConfigError, InputError, MissingBands
from imagery.cog import STRIP_ROWS
from imagery.mask_files import new_mask, open_mask
from imagery.masks import BUFFER_M, JUDGED, Classes, MaskClass, buffered, rim_px
from imagery.reader import ImageReader
from imagery.scene_product import REFLECTANCE_FACTOR
from imagery.tiles import slices
from imagery.types import FloatArray, Window

# B01, B02, B04, B05, B08, B8A, B09, B10, B11, B12: the order that the model was trained with (its MODEL_BAND_IDS)
BANDS = ("coastal", "blue", "red", "rededge1", "nir", "nir08", "nir09", "cirrus", "swir1", "swir2")
THRESHOLD = 0.4  # the package's own default
AVERAGE_M = 40.0  # the package's demo averages over 4 px of 10 m
LARGEST_RIM_M = 10_000.0
Detector = Callable[[FloatArray], FloatArray]
"""From top-of-atmosphere reflectance ``(H, W, 10)`` to the probability of cloud ``(H, W)``."""


@dataclass(frozen=True, slots=True)
class CloudOptions:
    """What is done about the clouds of scenes besides the mask that they come with.

    Attributes:
        rim_m: width of the rim around clouds and shadows that is masked too; None: the mask stays as it came, and a
            second opinion gets `BUFFER_M`.
        second_opinion: s2cloudless, for scenes with its bands; None: the mask alone.
    """

    rim_m: float | None = None
    second_opinion: Detector | None = None

    def __post_init__(self) -> None:
        """Refuse an impossible rim.

        Raises:
            InputError: negative, or more than 10 km.
        """
        if self.rim_m is not None and not 0 <= self.rim_m <= LARGEST_RIM_M:
            raise InputError(f"--cloud-rim {self.rim_m:g} m: expected 0 to {LARGEST_RIM_M:g}")


@dataclass(frozen=True, slots=True)
class Merged:
    """A mask from two opinions.

    Attributes:
        classes: ``(H, W)``, with rims.
        compared: pixels that both opinions looked at.
        differing: those of them that one calls cloud and the other does not, before any rim.
    """

    classes: Classes
    compared: int
    differing: int


def require_bands(bands: Mapping[str, FloatArray] | tuple[str, ...]) -> None:
    """Refuse a scene that s2cloudless cannot judge.

    Raises:
        MissingBands: with what it lacks.
    """
    missing = [name for name in BANDS if name not in bands]
    if missing:
        cirrus = " (surface reflectance, L2A, has no cirrus band)" if "cirrus" in missing else ""
        raise MissingBands(
            f"s2cloudless needs {','.join(BANDS)} as top-of-atmosphere reflectance (Sentinel-2 L1C); the scene lacks "
            f"{','.join(missing)}{cirrus}: fetch L1C, or keep the scene's own mask (SCL)"
        )


def s2cloudless_detector() -> Detector:
    """Return the shipped model of s2cloudless.

    Raises:
        ConfigError: the package is not installed.
    """
    try:
        from s2cloudless.cloud_detector import S2PixelCloudDetector
    except ImportError as error:
        raise ConfigError("s2cloudless is not installed; run: pip install 'mizuhashi[clouds]'") from error
    model = S2PixelCloudDetector(all_bands=False, average_over=None, dilation_size=None)

    def detect(reflectance: FloatArray) -> FloatArray:
        return np.asarray(model.get_cloud_probability_maps(reflectance[None])[0], np.float32)

    return detect


def cloud_probability(bands: Mapping[str, FloatArray], detector: Detector, pixel_size_m: float) -> FloatArray:
    """Return the probability of cloud ``(H, W)``, averaged over `AVERAGE_M`; NaN where a band was not observed.

    Args:
        bands: top-of-atmosphere reflectance 0..1 by canonical name, those of `BANDS` among them.
        detector: see :func:`s2cloudless_detector`.
        pixel_size_m: side of a pixel.

    Raises:
        MissingBands: see :func:`require_bands`.
    """
    require_bands(bands)
    stack = np.stack([bands[name] for name in BANDS], axis=-1)
    seen = np.asarray(np.isfinite(stack).all(axis=-1))
    filled = np.where(seen[..., None], stack, 0.0).astype(np.float32)
    probability = np.asarray(np.where(seen, detector(filled), 0.0), np.float32)
    disk = _disk(round(AVERAGE_M / pixel_size_m))
    total = np.asarray(cv2.filter2D(probability, -1, disk, borderType=cv2.BORDER_CONSTANT), np.float32)
    weight = np.asarray(cv2.filter2D(seen.astype(np.float32), -1, disk, borderType=cv2.BORDER_CONSTANT), np.float32)
    return np.asarray(np.where(seen, total / np.maximum(weight, 1e-6), np.nan), np.float32)


def _disk(radius: int) -> NDArray[np.float32]:
    down, right = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(np.hypot(down, right) <= radius, np.float32)


def merge(
    classes: Classes | None,
    probability: FloatArray,
    pixel_size_m: float,
    rows: slice = slice(None),
    *,
    threshold: float = THRESHOLD,
    cloud_m: float = BUFFER_M,
    shadow_m: float = BUFFER_M,
) -> Merged:
    """Return the union of a scene's own mask and the clouds of a probability, with rims around clouds and shadows.

    Only pixels that the own mask would have judged become cloud; its snow, shadows and gaps keep their reason.

    Args:
        classes: own mask ``(H, W)``, or None: then unknown where the probability is.
        probability: of cloud, NaN = nobody looked.
        pixel_size_m: side of a pixel.
        rows: those whose pixels are compared; the others stand around them.
        threshold: from which a pixel is cloud.
        cloud_m: width of the rim around clouds.
        shadow_m: width of the rim around shadows.
    """
    looked = np.isfinite(probability)
    cloud = looked & (np.where(looked, probability, 0.0) >= threshold)
    if classes is None:
        out = np.where(looked, np.uint8(MaskClass.CLEAR), np.uint8(MaskClass.UNKNOWN)).astype(np.uint8)
        both = np.zeros_like(looked)
    else:
        out = classes.copy()
        both = looked & (classes != MaskClass.NO_DATA) & (classes != MaskClass.UNKNOWN)
        out[(out == MaskClass.UNKNOWN) & looked] = MaskClass.CLEAR
    differing = 0 if classes is None else int((((classes == MaskClass.CLOUD) != cloud) & both)[rows].sum())
    out[cloud & np.isin(out, JUDGED)] = MaskClass.CLOUD
    return Merged(buffered(out, pixel_size_m, cloud_m=cloud_m, shadow_m=shadow_m), int(both[rows].sum()), differing)


def refined(
    reader: ImageReader,
    own: Path | None,
    folder: Path | None,
    sha256: str,
    options: CloudOptions,
    pixel_mm: float | None,
) -> tuple[Path | None, tuple[str, ...]]:
    """Return the mask file of a scene after rims and second opinion, and notes; ``own`` where neither was asked for.

    Args:
        reader: the open scene, without its mask.
        own: the mask that it came with.
        folder: where the new mask is written, named by ``sha256``.
        sha256: of the scene.
        options: what is asked for.
        pixel_mm: side of a pixel.

    Raises:
        OutputError: the mask could not be written.
        InputError: ``own`` is no mask of this scene.
    """
    detector, notes = options.second_opinion, []
    if detector is not None:
        try:
            require_bands(reader.bands)
        except MissingBands as error:
            detector, notes = None, [str(error)]
    if detector is None and (options.rim_m is None or own is None):
        return own, tuple(notes)
    if pixel_mm is None or folder is None:
        return own, (*notes, "no rims and no second opinion on clouds: the size of a pixel or a place is not known")
    rim = BUFFER_M if options.rim_m is None else options.rim_m
    path = folder / f"{sha256}-{'s2cloudless' if detector else 'rims'}-{rim:g}m.tif"
    compared, differing = _write(reader, own, path, detector, pixel_mm / 1000.0, rim)
    notes.append(f"rims of {rim:g} m around clouds and shadows are masked too")
    if detector is not None:
        notes.append("clouds by s2cloudless" + (" and by the scene's own mask" if own is not None else ""))
    if compared:
        notes.append(f"the two disagree about {differing / compared:.1%} of the pixels")
    return path.resolve(), tuple(notes)


def _write(
    reader: ImageReader, own: Path | None, path: Path, detector: Detector | None, pixel_m: float, rim_m: float
) -> tuple[int, int]:
    """Write the mask by strips, each read with what lies around it; return the pixels compared and differing."""
    halo = rim_px(pixel_m, rim_m, rim_m) + (round(AVERAGE_M / pixel_m) if detector is not None else 0)
    compared = differing = 0
    with ExitStack() as stack:
        mask = stack.enter_context(open_mask(own)) if own is not None else None
        if mask is not None:
            mask.require_fit(reader.path, reader.width_px, reader.height_px, reader.crs, reader.transform)
        out = stack.enter_context(new_mask(path, reader))
        for part in slices(reader.width_px, reader.height_px, STRIP_ROWS):
            top, bottom = max(0, part.row - halo), min(reader.height_px, part.bottom + halo)
            wide = Window(0, top, reader.width_px, bottom - top)
            kept = slice(part.row - top, part.bottom - top)
            classes = None if mask is None else mask.read(wide)
            if detector is None and classes is not None:
                found = Merged(buffered(classes, pixel_m, cloud_m=rim_m, shadow_m=rim_m), 0, 0)
            elif detector is not None:
                probability = cloud_probability(_reflectance(reader, wide), detector, pixel_m)
                found = merge(classes, probability, pixel_m, kept, cloud_m=rim_m, shadow_m=rim_m)
            compared, differing = compared + found.compared, differing + found.differing
            out.write_stored(part.row, found.classes[kept][None])
    return compared, differing


def _reflectance(reader: ImageReader, window: Window) -> dict[str, FloatArray]:
    """Return the bands of the model as 0..1; integers are reflectance x 10000, as everywhere here."""
    values = reader.read(window, BANDS, masked=False).values
    if np.dtype(reader.dtype).kind in "ui":
        values = values / np.float32(REFLECTANCE_FACTOR)
    return dict(zip(BANDS, values, strict=True))
