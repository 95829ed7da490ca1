"""Driftwood on generated drone pictures: what the limits were set on, how well rafts and blocked widths are measured.

Run as ``python -m benchmarks.river_debris spread`` or ``measure`` (about a minute each); the seeds differ.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.river_debris import DebrisScene, draw_debris
from inference.river.debris import DEBRIS, Opening, blocked_openings, features, find_debris
from inference.river.finding import Array, RiverReport

SIZES_M = (0.05, 0.1, 0.2, 0.3, 0.5)
PICTURES, MEASURE_SEEDS = 40, 500
OVERLAP = 0.3
NAMES = ("red", "green", "blue", "nir")
Floats = NDArray[np.float64]


SETTING_SEEDS = 20_000
SHARES = (1, 5, 25, 50, 75, 95, 99)


def spread() -> None:
    """Print how busyness, warm and green tone are spread over rafts and over what is mistaken for them."""
    for pixel_m in SIZES_M[1:]:
        found: dict[tuple[str, str], list[Floats]] = {}
        for seed in range(SETTING_SEEDS, SETTING_SEEDS + 25):
            scene = draw_debris(np.random.default_rng(seed), pixel_m=pixel_m, size_m=40.0)
            planes = features((scene.bands[:3] / 255).astype(np.float32), pixel_m, scene.channel)
            inner = cv2.erode(scene.debris.astype(np.uint8), np.ones((3, 3))) > 0
            land = scene.channel & ~scene.water & ~scene.debris
            for what, mask in {"raft": inner, "bar or plants": land, "water, foam, shadow": scene.water}.items():
                for name, plane in zip(("busy", "warm", "green"), planes, strict=True):
                    found.setdefault((name, what), []).append(plane[mask].astype(float))
        print(f"{pixel_m} m, percentiles {SHARES}")
        for (name, what), values in sorted(found.items()):
            print(f"  {name:6s}{what:20s}", np.round(np.percentile(np.concatenate(values), SHARES), 3))


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
    print("pixel_m bands  precision        recall           IoU    blocked: bias  MAE   held (where any)")
    for pixel_m in SIZES_M:
        for nir in (False, True):
            total = np.zeros(6)
            rows: list[tuple[float, float, bool]] = []
            for seed in range(MEASURE_SEEDS, MEASURE_SEEDS + PICTURES):
                scene = draw_debris(np.random.default_rng(seed), pixel_m=pixel_m, size_m=40.0)
                report = look(scene, nir=nir)
                assert all(finding.damage == DEBRIS for finding in report.findings)
                total += counts(scene, report)
                rows += widths(scene, report)
            known = [row for row in rows if row[0] > 0 or row[1] > 0]
            error = np.array([row[1] - row[0] for row in known])
            held = float(np.mean([row[2] for row in known]))
            precision, recall = total[0] / max(total[1], 1), total[2] / max(total[3], 1)
            print(
                f"{pixel_m:7.2f} {'RGBN' if nir else 'RGB ':5s} {precision:.2f} ({total[0]:.0f}/{total[1]:.0f})"
                f"   {recall:.2f} ({total[2]:.0f}/{total[3]:.0f})   {total[4] / total[5]:.2f}   "
                f"{error.mean():+.2f} m  {np.abs(error).mean():.2f} m  {held:.2f}"
            )


if __name__ == "__main__":
    if sys.argv[1:] == ["spread"]:
        spread()
    elif sys.argv[1:] == ["measure"]:
        measure()
    else:
        sys.exit("usage: python -m benchmarks.river_debris spread|measure")
