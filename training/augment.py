"""Random changes to a crop that keep its truth: geometry for every kind of image, colour by kind."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torchvision.transforms import v2

from training.datasets.sample import BoolArray, FloatArray, Sample, Source, cut

SCALE_RANGE = (0.5, 2.2)  # gaps of 10 to 40 px are rare in the real pictures; enlarged ones show how they look inside
REFLECTANCE_RANGE = 10_000.0

_PHOTOMETRIC = v2.Compose(
    [
        v2.RandomApply([v2.ColorJitter(brightness=0.35, contrast=0.35, saturation=0.4, hue=0.04)], p=0.9),
        v2.RandomGrayscale(p=0.15),
        v2.RandomApply([v2.GaussianBlur(5, sigma=(0.3, 1.4))], p=0.3),
        v2.RandomAdjustSharpness(2.0, p=0.2),
    ]
)


def draw_crop(
    source: Source,
    rng: np.random.Generator,
    size_px: int,
    *,
    photo: bool,
    zoom_chance: float = 0.35,
    stored_range: float = REFLECTANCE_RANGE,
) -> Sample:
    """Return a crop at a random scale, flipped and turned; photographs also change in light, blur and JPEG.

    Args:
        source: of the crops.
        rng: source of randomness.
        size_px: side of the crop.
        photo: a photograph, else a scene.
        zoom_chance: of a scene crop to be a part enlarged: patches of one cover alone (open sea, forest) must not
            surprise the network.
        stored_range: of a scene's values; noise, haze and offsets scale with it.
    """
    drawn = size_px
    if photo and len(source):  # generators draw their own scales
        drawn = int(np.clip(round(size_px / np.exp(rng.uniform(*np.log(SCALE_RANGE)))), 32, None))
    sample = source.draw(rng, drawn)
    if not photo and rng.random() < zoom_chance:
        sample = _zoom(sample, rng, size_px)
    if drawn != size_px:
        sample = _resize(sample, size_px)
    sample = _turn(sample, rng)
    pixels = (
        _photometric(sample.pixels, rng)
        if photo
        else _radiometric(sample.pixels, rng, stored_range / REFLECTANCE_RANGE)
    )
    return Sample(sample.name, sample.group, pixels, sample.target, sample.known)


def drop_bands(pixels: FloatArray, optional: list[int], rng: np.random.Generator, chance: float) -> FloatArray:
    """Return the pixels with each optional band missing (NaN) at the given chance."""
    gone = [band for band in optional if rng.random() < chance]
    if not gone:
        return pixels
    pixels = pixels.copy()
    pixels[gone] = np.nan
    return pixels


def keep_bands(
    pixels: FloatArray, sets: Sequence[Sequence[int]], chance: Sequence[float], rng: np.random.Generator
) -> FloatArray:
    """Return the pixels with one of several sets of bands left, drawn by its chance, and NaN in all other bands."""
    kept = sets[int(rng.choice(len(sets), p=chance))]
    left = np.full_like(pixels, np.nan)
    left[list(kept)] = pixels[list(kept)]
    return left


def _resize(sample: Sample, size_px: int) -> Sample:
    shape = (size_px, size_px)
    mode = cv2.INTER_AREA if sample.known.shape[1] > size_px else cv2.INTER_LINEAR
    pixels = np.stack([cv2.resize(band, shape, interpolation=mode) for band in sample.pixels])
    # a hairline must survive shrinking: half coverage of a pixel still counts as defect
    target = np.stack([cv2.resize(plane, shape, interpolation=mode) for plane in sample.target])
    known = _nearest(sample.known, size_px)
    return Sample(sample.name, sample.group, pixels, (target >= 0.5).astype(np.float32), known)


def _nearest(known: BoolArray, size_px: int) -> BoolArray:
    shape = (size_px, size_px)
    layers = [cv2.resize(plane.astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST) > 0 for plane in known]
    return np.stack(layers)


def _zoom(sample: Sample, rng: np.random.Generator, size_px: int) -> Sample:
    """Return a window of a quarter to two thirds of the crop's side, enlarged to the crop's size."""
    side = int(rng.integers(size_px // 4, 2 * size_px // 3))
    row, col = rng.integers(0, size_px - side + 1, 2)
    part = cut(sample, int(row), int(col), side, side)
    shape = (size_px, size_px)
    # nearest: holes stay holes, and a mixture of water and land is not invented
    planes = [
        [cv2.resize(p, shape, interpolation=cv2.INTER_NEAREST) for p in group] for group in (part.pixels, part.target)
    ]
    known = _nearest(part.known, size_px)
    return Sample(sample.name, sample.group, np.stack(planes[0]), np.stack(planes[1]), known)


def _turn(sample: Sample, rng: np.random.Generator) -> Sample:
    quarter, flip = int(rng.integers(4)), bool(rng.integers(2))

    def turned(array: np.ndarray) -> np.ndarray:
        array = np.rot90(array, quarter, axes=(-2, -1))
        return np.ascontiguousarray(array[..., ::-1] if flip else array)

    return Sample(sample.name, sample.group, turned(sample.pixels), turned(sample.target), turned(sample.known))


def _photometric(pixels: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Change light, colour, blur, compression and noise of an RGB crop of values 0..255."""
    hidden = np.isnan(pixels)
    image = torch.from_numpy(np.nan_to_num(pixels, nan=127.0).clip(0, 255).astype(np.uint8))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        image = _PHOTOMETRIC(image)
    changed = _recompressed(image.numpy(), rng) if rng.random() < 0.4 else image.numpy()
    noisy = changed.astype(np.float32) + rng.normal(0.0, rng.uniform(0.0, 5.0), pixels.shape).astype(np.float32)
    out: FloatArray = np.where(hidden, np.nan, noisy.clip(0, 255)).astype(np.float32)
    return out


def _recompressed(image: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return an image ``(3, H, W)`` after a JPEG of random quality; the band order does not matter to it."""
    _, data = cv2.imencode(".jpg", image.transpose(1, 2, 0), [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 96))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8).transpose(2, 0, 1)


def _radiometric(pixels: FloatArray, rng: np.random.Generator, unit: float) -> FloatArray:
    """Change gain, haze, offset and noise band by band: sensors, sun glint and processing levels differ."""
    bands = pixels.shape[0]
    gain = rng.lognormal(0.0, 0.12, (bands, 1, 1))
    haze = np.sort(rng.exponential(120.0, bands))[::-1].reshape(bands, 1, 1) * (rng.random() < 0.5)
    offset = rng.normal(0.0, 100.0, (bands, 1, 1)) * (rng.random() < 0.5)
    noise = rng.normal(0.0, rng.uniform(0.0, 60.0), pixels.shape)
    changed: FloatArray = (pixels * gain + unit * (haze + offset + noise)).astype(np.float32)
    return changed
