"""From a lit wall to the bytes a camera delivers: light, lens, sensor, tone curve, compression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.noise import Field, blur, smooth_noise

_ENCODE_STEPS = 4096
_LINEAR = np.linspace(0, 1, _ENCODE_STEPS, dtype=np.float64)
# IEC 61966-2-1 (sRGB) transfer function, tabulated over linear light 0..1.
_SRGB = np.where(_LINEAR <= 0.0031308, 12.92 * _LINEAR, 1.055 * np.power(_LINEAR, 1 / 2.4) - 0.055).astype(np.float32)


def relief_shading(height: Field, light_rad: float, strength: float) -> Field:
    """Return the factor ``(H, W)`` by which relief changes the light from ``light_rad``, in the image plane."""
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    slope = np.float32(np.cos(light_rad)) * dx + np.float32(np.sin(light_rad)) * dy
    return np.asarray(np.clip(1 - np.float32(strength) * slope, 0.3, 1.9), dtype=np.float32)


def light_field(rng: np.random.Generator, shape: tuple[int, int], gradient: float, vignetting: float) -> Field:
    """Return slow changes of light ``(H, W)`` around 1: a slope, a broad unevenness and the lens's fall-off."""
    height, width = shape
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :]
    turn = rng.uniform(0, 2 * np.pi)
    field = 1 + np.float32(gradient) * (np.float32(np.cos(turn)) * x + np.float32(np.sin(turn)) * y)
    field += np.float32(0.25 * gradient) * smooth_noise(rng, shape, 0.5 * max(shape))
    ox, oy = rng.uniform(-0.1, 0.1, 2)
    radius2 = 2 * ((x - np.float32(ox)) ** 2 + (y - np.float32(oy)) ** 2)
    return np.asarray(np.clip(field, 0.3, 2.0) * (1 - np.float32(vignetting) * radius2), dtype=np.float32)


def encode_srgb(linear: Field) -> NDArray[np.float32]:
    """Return sRGB-encoded values 0..1 of linear light 0..1."""
    index = np.clip(linear * (_ENCODE_STEPS - 1), 0, _ENCODE_STEPS - 1.001)
    low = index.astype(np.int32)
    values = _SRGB[low]
    values += (index - low) * (_SRGB[low + 1] - values)
    return np.asarray(values, dtype=np.float32)


def expose(
    rng: np.random.Generator,
    radiance: Field,
    *,
    blur_px: float,
    motion_px: float,
    noise: float,
    sharpening: float,
    jpeg_quality: int | None,
) -> NDArray[np.uint8]:
    """Return the photograph ``(H, W, 3)`` uint8 RGB of linear radiance ``(H, W, 3)``.

    Args:
        rng: source of the draws.
        radiance: linear light, 1 = white.
        blur_px: 1-sigma of the lens blur.
        motion_px: length of a linear motion blur; 0 for none.
        noise: 1-sigma of the noise at mid grey, in grey values 0..255.
        sharpening: gain of the unsharp mask that cameras apply; 0 for none.
        jpeg_quality: quality of one JPEG round trip; None keeps the values.
    """
    light = blur(radiance, blur_px) if blur_px > 0.05 else radiance
    if motion_px > 0.5:
        light = np.asarray(cv2.filter2D(light, -1, motion_kernel(motion_px, float(rng.uniform(0, np.pi)))), np.float32)
    values = encode_srgb(light) * np.float32(255)
    if noise > 0:
        values += sensor_noise(rng, values, noise)
    if sharpening > 0:
        values += np.float32(sharpening) * (values - cv2.GaussianBlur(values, (0, 0), 1.2))
    image = np.clip(values + 0.5, 0, 255).astype(np.uint8)
    return image if jpeg_quality is None else compress(image, jpeg_quality)


def sensor_noise(rng: np.random.Generator, values: Field, noise: float) -> Field:
    """Return noise of grey values: mostly luminance, a little colour, stronger in the dark, slightly smoothed."""
    shape = values.shape[:2]
    luminance = rng.standard_normal(shape, dtype=np.float32)
    luminance = 0.75 * luminance + 0.6 * cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), 0.8)
    chroma = cv2.resize(
        rng.standard_normal((shape[0] // 2 + 1, shape[1] // 2 + 1, 3), dtype=np.float32), (shape[1], shape[0])
    )
    gain = np.float32(noise) * (1.3 - 0.6 * values[..., 1] / 255)
    return np.asarray(gain[..., None] * (luminance[..., None] + 0.4 * chroma), dtype=np.float32)


def motion_kernel(length_px: float, angle: float) -> Field:
    """Return the kernel of a straight shake of ``length_px``; its sum is 1."""
    size = 2 * int(np.ceil(length_px / 2)) + 3
    kernel = np.zeros((size, size), dtype=np.float32)
    middle = size / 2 - 0.5
    for t in np.linspace(-0.5, 0.5, 8 * size):
        x, y = middle + t * length_px * np.cos(angle), middle + t * length_px * np.sin(angle)
        kernel[round(y), round(x)] += 1
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def compress(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return the image after one JPEG round trip."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
