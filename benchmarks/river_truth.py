"""What a generated river truly is on the transects of a reach, for the benchmarks of rivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from shapely.geometry import LineString, Point

from findings.river_series import Floats, Quantity, ReachFrame
from imagery.synthetic.river import RiverScene
from imagery.synthetic.spectra import BANDS
from inference.river.surfaces import Surfaces, surfaces_of
from models.base import PixelModel

BANKS = (Quantity.LEFT_BANK, Quantity.RIGHT_BANK)


def seen_surfaces(scene: RiverScene, model: PixelModel) -> Surfaces:
    """Return what a model makes of a generated scene; clouds are hidden with a rim of three pixels."""
    bands = scene.bands.astype(np.float32)
    hidden = cv2.dilate(scene.clouds.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    bands[:, hidden] = np.nan
    order = [BANDS.index(name) for name in model.card.bands]
    scores = model.predict(torch.from_numpy(bands[order][None]))[0].numpy()
    return surfaces_of(model.card, scores, dict(zip(BANDS, bands, strict=True)))


def true_offsets(frame: ReachFrame, transform: Sequence[float], scenes: Sequence[RiverScene], bank: Quantity) -> Floats:
    """Return the true bank ``(T, N)``, metres on each transect, NaN where its line does not cross it."""
    a, _, c, _, e, f = transform
    out = np.full((len(scenes), len(frame)), np.nan)
    ends = zip(frame.points(-frame.half_length_m), frame.points(frame.half_length_m), strict=True)
    rays = [LineString(pair) for pair in ends]
    for t, scene in enumerate(scenes):
        for line in scene.bank_lines:
            if len(line) < 2:
                continue
            ground = LineString(np.stack([c + a * line[:, 0], f + e * line[:, 1]], axis=1))
            for k, ray in enumerate(rays):
                for point in _points(ray.intersection(ground)):
                    offset = float((np.array([point.x, point.y]) - frame.origin_xy[k]) @ frame.normal_xy[k])
                    right_side = (offset > 0) == (bank is Quantity.LEFT_BANK)
                    if right_side and (np.isnan(out[t, k]) or abs(offset) < abs(out[t, k])):
                        out[t, k] = offset
    return out


def _points(shape: Any) -> list[Point]:
    return [p for p in getattr(shape, "geoms", [shape]) if isinstance(p, Point)]
