"""Pictures of cracks of known width, by a camera of its own: nothing here is shared with generator or measurement.

The crack is a band along a wandering line, its width changing along it. It is drawn in linear light on a fine grid,
spread by optics (disk of defocus, Gaussian, long-tailed Moffat or a smear), averaged over the pixel's aperture, given
stains, shot noise and read noise, perhaps demosaicked and sharpened, encoded and stored as JPEG.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FINE = 8  # samples a pixel and axis
MARGIN_PX = 26
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """How one picture is taken.

    Attributes:
        optics: ``gauss``, ``disk``, ``moffat`` or ``smear``.
        spread_px: scale of the point spread.
        shot: electrons at full light; fewer are noisier.
        read: read noise in units of full light.
        demosaic: whether the picture passes a Bayer pattern.
        sharpen: strength of an unsharp mask in the camera, 0 for none.
        quality: of the JPEG, 1 to 100.
        encoded: mix, blur and noise in encoded values instead of linear light, as naive renderers do.
    """

    optics: str = "gauss"
    spread_px: float = 0.6
    shot: float = 4000.0
    read: float = 0.002
    demosaic: bool = False
    sharpen: float = 0.0
    quality: int = 92
    encoded: bool = False


@dataclass(frozen=True, slots=True)
class Wall:
    """What is photographed: light of the surface, of the crack's core relative to it, texture and stains."""

    surface: float = 0.35
    core: float = 0.2
    grain: float = 0.03
    stains: int = 2
    slope: float = 0.1


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture with its truth.

    Attributes:
        grey: ``(H, W)`` uint8, decoded from the JPEG.
        label: ``(H, W)`` bool, where a person or a network would mark the crack: too wide.
        covered: ``(H, W)`` share of each pixel that the crack covers, before optics.
        width_px: true widths at equal steps along the crack.
        length_px: true length of its middle line.
    """

    grey: NDArray[np.uint8]
    label: NDArray[np.bool_]
    covered: Array
    width_px: Array
    length_px: float


def draw_camera(rng: np.random.Generator) -> Camera:
    """Return a camera as drones and compact cameras are."""
    return Camera(
        optics=str(rng.choice(["gauss", "disk", "moffat", "smear"], p=[0.4, 0.25, 0.25, 0.1])),
        spread_px=float(rng.uniform(0.35, 1.0)),
        shot=float(np.exp(rng.uniform(np.log(1500), np.log(20000)))),
        read=float(rng.uniform(0.001, 0.004)),
        demosaic=bool(rng.random() < 0.5),
        sharpen=float(rng.choice([0.0, 0.0, 0.3])),
        quality=int(rng.integers(80, 98)),
    )


def draw_wall(rng: np.random.Generator) -> Wall:
    """Return a concrete surface; cores from open and black to half filled with dirt."""
    return Wall(
        surface=float(rng.uniform(0.15, 0.6)),
        core=float(rng.uniform(0.03, 0.45)),
        grain=float(rng.uniform(0.0, 0.06)),
        stains=int(rng.integers(0, 5)),
        slope=float(rng.uniform(0, 0.2)),
    )


def render(rng: np.random.Generator, width_px: float, camera: Camera, wall: Wall, length_px: float = 110.0) -> Picture:
    """Return a picture of one crack of about ``width_px``; its label is 1 to 5 px wider than the crack."""
    size = int(length_px + 2 * MARGIN_PX)
    n = size * FINE
    angle = rng.uniform(0, np.pi)
    y, x = (np.mgrid[0:n, 0:n].astype(np.float32) + 0.5) / FINE - size / 2
    along = x * np.cos(angle) + y * np.sin(angle) + rng.uniform(-0.5, 0.5)
    across = -x * np.sin(angle) + y * np.cos(angle) + rng.uniform(-0.5, 0.5)
    at = np.linspace(-length_px / 2, length_px / 2, 441)
    middle, width = _middle(rng, at, length_px), _widths(rng, at, width_px)
    slope = np.gradient(middle, at)
    off = np.abs(across - np.interp(along, at, middle)) * np.interp(along, at, 1 / np.hypot(1, slope))
    inside = np.abs(along) <= length_px / 2
    half = np.interp(along, at, width) / 2
    covered = _pixels(((off <= half) & inside).astype(np.float32))
    wide = half + rng.uniform(0.5, 2.5) + 0.6 * np.interp(along, at, _wander(rng, at, 12.0))
    label = _pixels(((off <= np.maximum(wide, 0.8)) & (np.abs(along) <= length_px / 2 + 1)).astype(np.float32)) > 0.5
    grey = _photograph(rng, ((off <= half) & inside).astype(np.float32), camera, wall, size)
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(at), np.diff(middle)))])
    steps = np.linspace(0, arc[-1], 400)
    return Picture(grey, label, covered, np.interp(np.interp(steps, arc, at), at, width), float(arc[-1]))


def _wander(rng: np.random.Generator, at: Array, scale_px: float) -> Array:
    """Return a smooth random line of deviation 1 that wanders over ``scale_px``."""
    knots = np.arange(at[0] - 2 * scale_px, at[-1] + 3 * scale_px, scale_px)
    line = np.interp(at, knots, rng.normal(size=len(knots)))
    return np.asarray(line, float)


def _middle(rng: np.random.Generator, at: Array, length_px: float) -> Array:
    kinks = _wander(rng, at, 22.0) * rng.uniform(0, 3.5)
    bend = rng.uniform(-0.12, 0.12) * length_px * (at / length_px) ** 2 * 4
    return np.asarray(kinks + 0.4 * _wander(rng, at, 6.0) * rng.uniform(0, 1) + bend)


def _widths(rng: np.random.Generator, at: Array, width_px: float) -> Array:
    vary = rng.uniform(0.0, 0.2)
    return np.asarray(width_px * np.clip(1 + vary * _wander(rng, at, 25.0), 0.4, 1.8))


def _pixels(fine: NDArray[np.float32]) -> Array:
    size = len(fine) // FINE
    return np.asarray(fine.reshape(size, FINE, size, FINE).mean((1, 3)), float)


def _photograph(
    rng: np.random.Generator, crack: NDArray[np.float32], camera: Camera, wall: Wall, size: int
) -> NDArray[np.uint8]:
    surface, core = wall.surface, wall.surface * wall.core
    if camera.encoded:
        surface, core = _encode(surface), _encode(core)
    light = _pixels(_spread(rng, surface + (core - surface) * crack, camera))
    light = light * _surface(rng, wall, size)
    if not camera.encoded:
        light = rng.poisson(np.clip(light, 0, 4) * camera.shot) / camera.shot
    light = light + rng.normal(0, camera.read, light.shape)
    value = light if camera.encoded else _encode(np.clip(light, 0, 1))
    rgb = np.repeat(np.clip(value, 0, 1)[..., None], 3, axis=2).astype(np.float32)
    if camera.demosaic:
        rgb = _demosaic(rng, rgb, camera)
    if camera.sharpen:
        rgb = rgb + camera.sharpen * (rgb - cv2.GaussianBlur(rgb, (0, 0), 1.0))
    done, data = cv2.imencode(
        ".jpg", np.clip(rgb * 255 + 0.5, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, camera.quality]
    )
    if not done:
        raise RuntimeError("the JPEG encoder refused a picture")
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2GRAY), np.uint8)


def _encode(light: Array | float) -> Array:
    """Return sRGB values 0..1 of linear light 0..1 (IEC 61966-2-1)."""
    linear = np.asarray(light, float)
    return np.asarray(
        np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
    )


def _spread(rng: np.random.Generator, fine: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Return the light after the optics; every kernel is normalised."""
    reach = int(np.ceil(4 * camera.spread_px * FINE)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1] / FINE
    r2, s = x**2 + y**2, camera.spread_px
    if camera.optics == "disk":
        kernel = (r2 <= (1.6 * s) ** 2).astype(float)
    elif camera.optics == "moffat":
        kernel = (1 + r2 / (1.4 * s) ** 2) ** -2.5
    elif camera.optics == "smear":
        turn = rng.uniform(0, np.pi)
        u, v = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
        kernel = (np.abs(u) <= 1.3 * s) * np.exp(-(v**2) / (2 * (0.6 * s) ** 2))
    else:
        kernel = np.exp(-r2 / (2 * s**2))
    kernel = kernel / kernel.sum()
    spread = cv2.filter2D(fine, cv2.CV_32F, kernel.astype(np.float32), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(spread, np.float32)


def _surface(rng: np.random.Generator, wall: Wall, size: int) -> Array:
    """Return the factor of grain, stains and lighting."""
    grain = cv2.GaussianBlur(rng.normal(size=(size, size)), (0, 0), rng.uniform(0.6, 2.5))
    factor = 1 + wall.grain * grain / max(float(grain.std()), 1e-9)
    y, x = np.mgrid[0:size, 0:size]
    for _ in range(wall.stains):
        cx, cy = rng.uniform(0, size, 2)
        long, wide = rng.uniform(8, 60), rng.uniform(5, 30)
        edge = np.exp(-((((x - cx) / wide) ** 2 + ((y - cy) / long) ** 2) ** rng.uniform(0.7, 2.0)))
        factor = factor * (1 + rng.uniform(-0.25, 0.1) * edge)
    turn = rng.uniform(0, 2 * np.pi)
    factor = factor * (1 + wall.slope * ((x - size / 2) * np.cos(turn) + (y - size / 2) * np.sin(turn)) / size)
    return np.asarray(np.clip(factor, 0.2, 2.0))


def _demosaic(rng: np.random.Generator, rgb: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Return the picture after a Bayer pattern (bilinear), whose colours carry noise of their own."""
    raw = rgb[..., 1] + rng.normal(0, camera.read, rgb.shape[:2])
    bayer = np.clip(raw * 65535, 0, 65535).astype(np.uint16)
    return np.asarray(cv2.cvtColor(bayer, cv2.COLOR_BayerBG2BGR) / 65535, np.float32)
