"""Generated drone pictures of a river at a bridge: piers, rafts of driftwood, and all that is mistaken for them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.noise import blur, fractal_noise, ramp, smooth_noise
from imagery.synthetic.textures import Array, Bool

COLOURS = {
    "water": ((0.20, 0.27, 0.25), (0.30, 0.34, 0.27), (0.38, 0.34, 0.25), (0.13, 0.18, 0.20)),
    "gravel": ((0.52, 0.50, 0.45), (0.58, 0.54, 0.46), (0.46, 0.45, 0.43)),
    "green": ((0.20, 0.34, 0.13), (0.28, 0.40, 0.17), (0.16, 0.27, 0.12)),
    "concrete": ((0.62, 0.61, 0.58), (0.52, 0.52, 0.51)),
    "wood": ((0.42, 0.33, 0.24), (0.55, 0.47, 0.38), (0.34, 0.26, 0.19), (0.48, 0.44, 0.39)),
}
"""Colours (red, green, blue), 0 to 1 as a camera shows them, of covers in summer light: our own, from looking."""
NIR = {"water": 0.06, "gravel": 0.50, "green": 0.85, "concrete": 0.55, "wood": 0.45, "foam": 0.5}


@dataclass(frozen=True, slots=True, eq=False)
class DebrisScene:
    """One picture with its truth; the river flows down the picture (y grows downstream).

    Attributes:
        bands: ``(4, H, W)`` uint8 red, green, blue, nir.
        pixel_m: side of a pixel.
        debris: ``(H, W)`` bool, rafts in the water; what lies under the deck is not seen.
        rafts: labels ``(H, W)`` from 1.
        water: ``(H, W)`` bool, open water.
        channel: ``(H, W)`` bool, between the banks, without deck and piers.
        openings: for each opening its two ends on the upstream side of the deck, x, y in pixels.
        blocked_m: of each opening.
    """

    bands: NDArray[np.uint8]
    pixel_m: float
    debris: Bool
    rafts: NDArray[np.int32]
    water: Bool
    channel: Bool
    openings: tuple[tuple[tuple[float, float], tuple[float, float]], ...]
    blocked_m: tuple[float, ...]


def draw_debris(
    rng: np.random.Generator, *, pixel_m: float = 0.1, size_m: float = 48.0, rafts: int | None = None
) -> DebrisScene:
    """Return a picture straight down on a river at a bridge.

    Args:
        rng: source of randomness; the same state gives the same picture.
        pixel_m: side of a pixel, 0.05 to 0.5.
        size_m: side of the picture.
        rafts: of driftwood at the piers, each 2 to 7 m wide; drawn (0 to 3) if None.
    """
    n = round(size_m / pixel_m)
    y, x = np.mgrid[0:n, 0:n].astype(np.float32) * np.float32(pixel_m)
    left = 0.14 * size_m + 1.2 * _wave(rng, y[:, :1], size_m)
    right = 0.86 * size_m + 1.2 * _wave(rng, y[:, :1], size_m)
    rough = 0.6 * fractal_noise(rng, (n, n), 4.0 / pixel_m, max(0.3 / pixel_m, 1.0))
    channel = (x + rough > left) & (x + rough < right)
    top = float(rng.uniform(0.55, 0.70)) * size_m
    deck = (y >= top) & (y <= top + float(rng.uniform(5, 9)))
    count = int(rng.integers(1, 4))
    edges = np.linspace(0.14 * size_m, 0.86 * size_m, count + 2)
    middles = edges[1:-1] + rng.uniform(-1, 1, count)
    broad = float(rng.uniform(1.2, 2.2))
    piers = np.zeros((n, n), dtype=bool)
    for middle in middles:
        nose = (np.abs(x - middle) <= broad / 2) & (y >= top - 0.8) & (y <= top)
        piers |= nose | (((x - middle) ** 2 + (y - top + 0.8) ** 2) <= (broad / 2) ** 2)
    spans = [0.14 * size_m + 1.0, *(v for m in middles for v in (m - broad / 2, m + broad / 2)), 0.86 * size_m - 1.0]
    bar, trees, foam = _bar(rng, x, y, size_m, left, top), _island(rng, x, y, size_m, top), _foam(rng, x, y, size_m)
    solid = deck | piers
    bar, trees = bar & channel & ~solid, trees & channel & ~solid & ~bar
    wanted = int(rng.integers(0, 4)) if rafts is None else rafts
    labels = _rafts(rng, x, y, middles, broad, top, wanted, channel & ~solid & ~bar & ~trees)
    debris = labels > 0
    shares = {"bar": bar, "trees": trees, "debris": debris, "deck": deck, "piers": piers, "channel": channel}
    picture = _painted(rng, shares, foam & channel & ~bar & ~trees & ~debris & ~solid, pixel_m)
    ends = zip(spans[::2], spans[1::2], strict=True)
    openings = tuple(((a / pixel_m, top / pixel_m), (b / pixel_m, top / pixel_m)) for a, b in ends)
    near = debris & (y >= top - 10)
    blocked = tuple(float(near[:, round(p[0]) : round(q[0])].any(axis=0).sum()) * pixel_m for p, q in openings)
    water = channel & ~bar & ~trees & ~debris & ~solid
    return DebrisScene(picture, pixel_m, debris, labels, water, channel & ~solid, openings, blocked)


def _wave(rng: np.random.Generator, y: Array, size_m: float) -> Array:
    phase, waves = float(rng.uniform(0, 6.3)), float(rng.uniform(0.5, 1.5))
    return np.asarray(np.sin(2 * np.pi * waves * y / size_m + phase), dtype=np.float32)


def _bar(rng: np.random.Generator, x: Array, y: Array, size_m: float, left: Array, top: float) -> Bool:
    """Return a gravel bar along one bank, or nothing."""
    if rng.random() < 0.3:
        return np.zeros(x.shape, dtype=bool)
    broad, long = float(rng.uniform(3, 9)), float(rng.uniform(0.2, 0.5)) * size_m
    middle = float(rng.uniform(0.1, 0.9)) * top
    grown = broad * np.exp(-(((y - middle) / long) ** 2)) + 0.5 * fractal_noise(rng, x.shape, 40, 4)
    from_bank = x - left if rng.random() < 0.5 else (size_m - x) - left
    return np.asarray(from_bank < grown, dtype=bool)


def _island(rng: np.random.Generator, x: Array, y: Array, size_m: float, top: float) -> Bool:
    """Return a bush or water plants in the stream, or nothing."""
    if rng.random() < 0.5:
        return np.zeros(x.shape, dtype=bool)
    cx, cy = float(rng.uniform(0.3, 0.7)) * size_m, float(rng.uniform(0.1, 0.9)) * top
    radius = float(rng.uniform(1.0, 3.0))
    rough = 0.5 * fractal_noise(rng, x.shape, 20, 3)
    return np.asarray(np.hypot(x - cx, y - cy) + rough < radius, dtype=bool)


def _foam(rng: np.random.Generator, x: Array, y: Array, size_m: float) -> Bool:
    """Return white water, or nothing."""
    if rng.random() < 0.6:
        return np.zeros(x.shape, dtype=bool)
    cy, broad = float(rng.uniform(0.1, 0.9)) * size_m, float(rng.uniform(1.0, 3.0))
    streaks = smooth_noise(rng, (x.shape[0], x.shape[1]), 6, stretch=4.0, angle=np.pi / 2)
    return np.asarray((np.abs(y - cy) < broad) & (streaks > 0.5), dtype=bool)


def _rafts(
    rng: np.random.Generator,
    x: Array,
    y: Array,
    middles: NDArray[np.float64],
    broad: float,
    top: float,
    count: int,
    room: Bool,
) -> NDArray[np.int32]:
    """Return rafts that lean upstream on piers, and between them."""
    labels = np.zeros(x.shape, dtype=np.int32)
    places = rng.permutation(len(middles))[:count]
    for number, place in enumerate(places, start=1):
        wide, long = float(rng.uniform(1.5, 3.5)), float(rng.uniform(1.2, 4.0))
        cx = float(middles[place]) + float(rng.uniform(-0.5, 0.5)) * (wide + broad / 2)
        rough = 0.22 * fractal_noise(rng, (x.shape[0], x.shape[1]), 14, 2)
        ahead = top - 0.2 - y
        shape = ((x - cx) / (wide + 0.5)) ** 2 + (np.maximum(ahead, 0) / (long + 0.8)) ** 2 + rough < 1
        labels[shape & (ahead > -0.2) & room & (labels == 0)] = number
    return labels


def _painted(rng: np.random.Generator, masks: dict[str, Bool], foam: Bool, pixel_m: float) -> NDArray[np.uint8]:
    shape = foam.shape
    light = float(rng.uniform(0.8, 1.15))
    out = np.empty((4, *shape), dtype=np.float32)
    tone = _tone(rng, "water")
    ripple = 0.015 * fractal_noise(rng, shape, 1.5 / pixel_m, max(0.2 / pixel_m, 1.0))
    ripple += 0.02 * fractal_noise(rng, shape, 20 / pixel_m, 3 / pixel_m)
    out[:] = tone[:, None, None] * (1 + 3 * ripple)
    land = ~masks["channel"]
    layers: list[tuple[Array, str, Array]] = [
        (_soft(land | masks["trees"]), "green", 0.30 * fractal_noise(rng, shape, 1.2 / pixel_m, 1.0)),
        (_soft(masks["bar"]), "gravel", 0.14 * fractal_noise(rng, shape, 0.35 / pixel_m, 1.0, 0.3)),
    ]
    for share, name, grain in layers:
        out += (_tone(rng, name)[:, None, None] * np.exp(grain) - out) * share
    white = _soft(foam) * ramp(smooth_noise(rng, shape, max(0.3 / pixel_m, 1.0)), -0.5, 1.0)
    out += (np.float32(0.85) - out) * white * np.array([1, 1, 1, NIR["foam"]], dtype=np.float32)[:, None, None]
    _wood(rng, out, masks["debris"], pixel_m)
    solid = masks["deck"] | masks["piers"]
    concrete = _tone(rng, "concrete")[:, None, None] * np.exp(0.04 * fractal_noise(rng, shape, 3 / pixel_m, 1.0))
    out += (concrete - out) * _soft(solid)
    dark = np.roll(_soft(solid), (-round(1.2 / pixel_m), round(0.8 / pixel_m)), (0, 1)) * (1 - _soft(solid))
    out *= 1 - 0.45 * dark
    out = np.stack([blur(band, 0.6) for band in out]) * light
    out += rng.normal(0, 0.012, out.shape).astype(np.float32)
    return np.clip(np.round(out * 255), 1, 255).astype(np.uint8)


def _tone(rng: np.random.Generator, name: str) -> Array:
    options = np.array(COLOURS[name])
    mean = options[int(rng.integers(len(options)))] * np.exp(rng.normal(0, 0.08) + rng.normal(0, 0.025, 3))
    return np.asarray([*mean, NIR[name] * np.exp(rng.normal(0, 0.1))], dtype=np.float32)


def _soft(mask: Bool) -> Array:
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7), dtype=np.float32)


def _wood(rng: np.random.Generator, out: Array, debris: Bool, pixel_m: float) -> None:
    """Paint trunks and branches over dark gaps where the raft lies."""
    if not debris.any():
        return
    share = _soft(debris)
    gap = _tone(rng, "wood") * np.float32(0.35)
    layer = np.repeat(np.repeat(gap[:, None, None], debris.shape[0], 1), debris.shape[1], 2)
    canvas = np.ascontiguousarray(np.moveaxis(layer, 0, -1))
    rows, cols = np.nonzero(debris)
    for _ in range(int(debris.sum() * pixel_m**2 * 9) + 4):
        k = int(rng.integers(len(rows)))
        long, thick = float(rng.gamma(2.0, 0.7)) + 0.4, float(rng.gamma(2.0, 0.05)) + 0.04
        turn = float(rng.normal(0, 0.7))
        half = np.array([np.cos(turn), np.sin(turn)]) * long / 2 / pixel_m
        ends = [tuple(int(v) for v in np.round(np.array([cols[k], rows[k]]) + s * half)) for s in (-1, 1)]
        tone = _tone(rng, "wood") * np.float32(np.exp(rng.normal(0, 0.2)))
        width = max(round(thick / pixel_m), 1)
        cv2.line(canvas, ends[0], ends[1], tuple(float(v) for v in tone * 0.6), width + 1, cv2.LINE_AA)
        cv2.line(canvas, ends[0], ends[1], tuple(float(v) for v in tone), width, cv2.LINE_AA)
    out += (np.moveaxis(canvas, -1, 0) - out) * share
