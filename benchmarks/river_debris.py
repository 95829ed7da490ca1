"""Driftwood on generated drone pictures: fit the weights of `inference.river.debris`, measure rafts and blocked widths.

Run as ``python -m benchmarks.river_debris fit`` or ``measure`` (about a minute each). The seeds of the two are apart.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from imagery.synthetic.river_debris import DebrisScene, draw_debris
from inference.river.debris import DEBRIS, FINEST_M, Opening, blocked_openings, features, find_debris
from inference.river.finding import Array, RiverReport

FIT_SEEDS, FIT_PICTURES = 10_000, 80
SIZES_M = (0.05, 0.1, 0.2, 0.3, 0.5)
PICTURES = 40
OVERLAP = 0.3
NAMES = ("red", "green", "blue", "nir")
Floats = NDArray[np.float64]


def samples(scene: DebrisScene, rng: np.random.Generator, count: int = 400) -> tuple[Floats, Floats]:
    """Return features and labels of pixels of one picture, as many of rafts as of the rest of the channel."""
    factor = max(FINEST_M / scene.pixel_m, 1.0)
    size = (round(scene.debris.shape[1] / factor), round(scene.debris.shape[0] / factor))
    rgb = (
        np.stack([cv2.resize(b.astype(np.float32), size, interpolation=cv2.INTER_AREA) for b in scene.bands[:3]]) / 255
    )
    share, channel = (cv2.resize(m.astype(np.float32), size, interpolation=cv2.INTER_AREA)
                      for m in (scene.debris, scene.channel))  # fmt: skip
    planes = features(rgb.astype(np.float32), scene.pixel_m * factor)
    inner = cv2.erode((share > 0.9).astype(np.uint8), np.ones((3, 3))) > 0
    outer = (cv2.dilate((share > 0.1).astype(np.uint8), np.ones((5, 5))) == 0) & (channel > 0.9)
    xs, ys = [], []
    for label, mask in ((1.0, inner), (0.0, outer)):
        at = np.flatnonzero(mask)
        if at.size:
            chosen = rng.choice(at, min(count, at.size), replace=False)
            xs.append(planes.reshape(5, -1)[:, chosen].T)
            ys.append(np.full(len(chosen), label))
    return np.concatenate(xs).astype(float), np.concatenate(ys)


def fit() -> Floats:
    """Return the six weights: intercept and five features, by logistic regression with a little ridge."""
    rng = np.random.default_rng(FIT_SEEDS)
    parts = []
    for k in range(FIT_PICTURES):
        pixel_m = float(np.exp(rng.uniform(np.log(0.06), np.log(0.5))))
        scene = draw_debris(np.random.default_rng(FIT_SEEDS + k), pixel_m=pixel_m, size_m=40.0)
        parts.append(samples(scene, rng))
    x = np.concatenate([part[0] for part in parts])
    y = np.concatenate([part[1] for part in parts])
    middle, scale = x.mean(axis=0), x.std(axis=0)
    matrix = np.column_stack([np.ones(len(x)), (x - middle) / scale])
    weight = np.where(y > 0, 0.5 / y.mean(), 0.5 / (1 - y.mean()))

    def loss(w: Floats) -> tuple[float, Floats]:
        z = matrix @ w
        p = 1 / (1 + np.exp(-z))
        value = float((weight * (np.logaddexp(0, z) - y * z)).mean() + 1e-3 * (w[1:] ** 2).sum())
        return value, matrix.T @ (weight * (p - y)) / len(y) + 2e-3 * np.r_[0.0, w[1:]]

    w = minimize(loss, np.zeros(6), jac=True, method="L-BFGS-B").x
    plain = w[1:] / scale
    return np.r_[w[0] - plain @ middle, plain]


def openings_of(scene: DebrisScene) -> list[Opening]:
    """Return the openings of a picture."""
    return [Opening(f"{i + 1}", ends, (0.0, -1.0)) for i, ends in enumerate(scene.openings)]


def look(scene: DebrisScene, *, nir: bool = False, channel: bool = True) -> RiverReport:
    """Return what is found on a picture."""
    names = NAMES if nir else NAMES[:3]
    bands: dict[str, Array] = {n: b.astype(np.float32) for n, b in zip(names, scene.bands, strict=False)}
    return find_debris(
        bands, scene.pixel_m, channel=scene.channel if channel else None, openings=openings_of(scene)
    )  # fmt: skip


def counts(scene: DebrisScene, report: RiverReport) -> tuple[int, int, int, int, float, float]:
    """Return right findings, findings, rafts found, rafts, pixels in common and pixels of either."""
    masks = []
    for finding in report.findings:
        mask = np.zeros(scene.debris.shape, np.uint8)
        ring = np.round(np.asarray(finding.polygon_px.exterior.coords) - 0.5).astype(np.int32)
        masks.append(cv2.fillPoly(mask, [ring], 1).astype(bool))
    every = np.any(masks, axis=0) if masks else np.zeros(scene.debris.shape, dtype=bool)
    right = sum(float(scene.debris[mask].mean()) >= OVERLAP for mask in masks)
    rafts = [scene.rafts == k for k in range(1, int(scene.rafts.max()) + 1)]
    rafts = [raft for raft in rafts if raft.sum() * scene.pixel_m**2 >= 1.0]
    found = sum(float(every[raft].mean()) >= OVERLAP for raft in rafts)
    return (
        right,
        len(masks),
        found,
        len(rafts),
        float((every & scene.debris).sum()),
        float((every | scene.debris).sum()),
    )


def widths(scene: DebrisScene, report: RiverReport) -> list[tuple[float, float, bool]]:
    """Return true and measured blocked width of each opening, and whether the interval holds it."""
    found = blocked_openings(report, openings_of(scene), scene.debris.shape, scene.pixel_m)
    out = []
    for opening, true in zip(openings_of(scene), scene.blocked_m, strict=True):
        one = found[opening.name]
        out.append((true, one.value or 0.0, (one.low or 0.0) <= true <= (one.high or 0.0)))
    return out


def measure() -> None:
    """Print precision and recall by pixel size, and the error of the blocked widths."""
    print("pixel_m bands  precision        recall           IoU    blocked: bias  MAE   held (of those blocked)")
    for pixel_m in SIZES_M:
        for nir in (False, True):
            total = np.zeros(6)
            rows: list[tuple[float, float, bool]] = []
            for seed in range(PICTURES):
                scene = draw_debris(np.random.default_rng(seed), pixel_m=pixel_m, size_m=40.0)
                report = look(scene, nir=nir)
                assert all(finding.damage == DEBRIS for finding in report.findings)
                total += counts(scene, report)
                rows += widths(scene, report)
            known = [row for row in rows if row[0] > 0]
            error = np.array([row[1] - row[0] for row in known])
            held = float(np.mean([row[2] for row in known]))
            print(
                f"{pixel_m:7.2f} {'RGBN' if nir else 'RGB ':5s} {total[0] / max(total[1], 1):.2f} ({total[0]:.0f}/{total[1]:.0f})"
                f"   {total[2] / total[3]:.2f} ({total[2]:.0f}/{total[3]:.0f})   {total[4] / total[5]:.2f}   "
                f"{error.mean():+.2f} m  {np.abs(error).mean():.2f} m  {held:.2f}"
            )


if __name__ == "__main__":
    if sys.argv[1:] == ["fit"]:
        print("COEFFICIENTS =", tuple(round(float(value), 3) for value in fit()))
    elif sys.argv[1:] == ["measure"]:
        measure()
    else:
        sys.exit("usage: python -m benchmarks.river_debris fit|measure")
