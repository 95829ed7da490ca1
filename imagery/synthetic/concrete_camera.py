"""Cameras of every kind: from linear radiance to the bytes of a telephone, a drone or a compact camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.camera import compress, encode_srgb, motion_kernel, sensor_noise
from imagery.synthetic.noise import Field, blur


@dataclass(frozen=True, slots=True)
class Shot:
    """How a picture is taken.

    Attributes:
        level: mean linear light that the meter aims at.
        metered: how far it gets there, 0..1.
        cast: colour of the light r, g, b.
        blur_px: 1-sigma of the lens blur.
        defocus_px: radius of the blur disc; 0 is in focus.
        motion_px: length of a linear motion blur.
        aberration_px: shift of red against blue, half to each side.
        noise: 1-sigma at mid grey, grey values.
        smear: strength of the edge-keeping noise filter, 0..1.
        sharpening, radius_px: gain and radius of the unsharp mask; its halos are left in.
        contrast: slope of the tone curve about mid grey; 1 is neutral.
        haze: share of veiling light.
        saturation: 0 is grey, 1 neutral.
        resample: the picture was stored at this share of its size and enlarged again; 1 for not.
        jpeg_quality: None keeps the values.
    """

    level: float
    metered: float
    cast: tuple[float, float, float]
    blur_px: float
    defocus_px: float
    motion_px: float
    aberration_px: float
    noise: float
    smear: float
    sharpening: float
    radius_px: float
    contrast: float
    haze: float
    saturation: float
    resample: float
    jpeg_quality: int | None

    @property
    def spread_px(self) -> float:
        """The 1-sigma of all blurs together; a disc of radius r and a line of length l count r/2 and l/sqrt(12)."""
        shrunk = 0.5 / self.resample if self.resample < 1 else 0.0
        return float(np.sqrt(self.blur_px**2 + (self.defocus_px / 2) ** 2 + self.motion_px**2 / 12 + shrunk**2))


def random_shot(rng: np.random.Generator) -> Shot:
    """Return a camera and its settings."""
    soft = rng.random()
    grey = rng.random() < 0.06
    return Shot(
        level=float(np.clip(np.exp(rng.normal(np.log(0.24), 0.65)), 0.04, 0.75)),
        metered=float(rng.uniform(0.6, 1.0)),
        cast=(float(rng.normal(1.0, 0.035)), 1.0, float(rng.normal(1.0, 0.045))),
        blur_px=float(rng.choice([rng.uniform(0.05, 0.4), rng.uniform(0.35, 1.1)], p=[0.2, 0.8])),
        defocus_px=float(rng.uniform(0.8, 2.6)) * (soft < 0.08),
        motion_px=float(rng.uniform(1.5, 6)) * (0.08 < soft < 0.15),
        aberration_px=float(rng.uniform(0.2, 1.4)) * (rng.random() < 0.25),
        noise=float(np.exp(rng.uniform(np.log(0.4), np.log(7.0)))),
        smear=float(rng.uniform(0.3, 1.0)) * (rng.random() < 0.45),
        sharpening=float(rng.choice([0.0, rng.uniform(0.1, 0.8), rng.uniform(0.8, 1.8)])),
        radius_px=float(rng.uniform(0.8, 2.0)),
        contrast=float(rng.choice([1.0, rng.uniform(0.7, 1.0), rng.uniform(1.0, 1.5)])),
        haze=float(rng.choice([0.0, 0.0, rng.uniform(0, 0.15)])),
        saturation=0.0 if grey else float(rng.uniform(0.6, 1.6)),
        resample=float(rng.uniform(0.5, 0.95)) if rng.random() < 0.2 else 1.0,
        jpeg_quality=None if rng.random() < 0.1 else int(rng.integers(40, 99)),
    )


def take(rng: np.random.Generator, radiance: Field, shot: Shot) -> NDArray[np.uint8]:
    """Return the photograph ``(H, W, 3)`` uint8 RGB of linear radiance ``(H, W, 3)``."""
    light = radiance * np.asarray(shot.cast, dtype=np.float32)
    light *= np.float32((shot.level / max(float(light[::4, ::4].mean()), 1e-4)) ** shot.metered)
    light = _optics(rng, light, shot)
    light = (1 - np.float32(shot.haze)) * light + np.float32(shot.haze * 0.4)
    values = encode_srgb(light) * np.float32(255)
    if shot.resample < 1:
        values = _shrunk(values, shot.resample)
    values += sensor_noise(rng, values, shot.noise)
    if shot.smear > 0:
        smooth = cv2.bilateralFilter(np.clip(values, 0, 255), 5, 4 + 3.0 * shot.noise, 1.6)
        values += np.float32(shot.smear) * (smooth - values)
    if shot.sharpening > 0:
        values += np.float32(shot.sharpening) * (values - blur(values, shot.radius_px))
    middle = float(values[::4, ::4].mean())
    values = np.float32(middle) + np.float32(shot.contrast) * (values - np.float32(middle))
    grey = values @ np.asarray([0.299, 0.587, 0.114], dtype=np.float32)
    values = grey[..., None] + np.float32(shot.saturation) * (values - grey[..., None])
    image = np.clip(values + 0.5, 0, 255).astype(np.uint8)
    return image if shot.jpeg_quality is None else compress(image, shot.jpeg_quality)


def _optics(rng: np.random.Generator, light: Field, shot: Shot) -> Field:
    """Return the light behind the lens: blur, defocus, shake, and colours that do not meet."""
    out = blur(light, shot.blur_px)
    if shot.defocus_px > 0:
        reach = int(np.ceil(shot.defocus_px)) + 1
        rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        disc = np.clip(shot.defocus_px - np.hypot(rows, cols) + 0.5, 0, 1).astype(np.float32)
        out = np.asarray(cv2.filter2D(out, -1, disc / disc.sum()), dtype=np.float32)
    if shot.motion_px > 0:
        out = np.asarray(cv2.filter2D(out, -1, motion_kernel(shot.motion_px, float(rng.uniform(0, np.pi)))), np.float32)
    if shot.aberration_px > 0:
        turn, half = rng.uniform(0, 2 * np.pi), 0.5 * shot.aberration_px
        size = (out.shape[1], out.shape[0])
        for channel, sign in ((0, 1.0), (2, -1.0)):
            dx, dy = sign * half * np.cos(turn), sign * half * np.sin(turn)
            move = np.array([[1, 0, dx], [0, 1, dy]], dtype=np.float32)
            out[..., channel] = cv2.warpAffine(
                np.ascontiguousarray(out[..., channel]), move, size, borderMode=cv2.BORDER_REFLECT
            )
    return out


def _shrunk(values: Field, share: float) -> Field:
    height, width = values.shape[:2]
    small = cv2.resize(values, (max(int(width * share), 8), max(int(height * share), 8)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
