"""Widths on generated photographs of concrete, whose cracks kink, taper and run through stained, pitted texture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from findings.survey import Quality, Scale, ScaleSource
from imagery.synthetic.concrete import generate_concrete
from imagery.synthetic.spec import ConcreteSpec
from inference.measure.crack import measure_crack
from inference.regions import regions
from models.card import ClassSpec

SPEC = ClassSpec(name="crack", damage="6", threshold=0.5, minimum_area_px=30)
CONCRETE = ConcreteSpec(
    width_px=600, height_px=400, gsd_mm=0.5, cracks=1, branches=0.0, crack_width_mm=(0.15, 3.0), crack_core=(0.05, 0.35)
)
NAMES = ("width_p50", "width_p95", "width_max", "length")


@pytest.mark.slow
def test_intervals_hold_the_true_widths_and_lengths_of_generated_cracks() -> None:
    hits = []
    for seed in range(14):
        photo = generate_concrete(np.random.default_rng(seed), CONCRETE)
        if len(photo.cracks) != 1:
            continue
        label = cv2.dilate(photo.masks["crack"].astype(np.uint8), np.ones((5, 5))).astype(np.float32) * 0.9
        found = regions(label, SPEC)
        if len(found) != 1:
            continue  # a spall or the frame cuts it: the truth is of the whole crack
        grey = np.asarray(cv2.cvtColor(photo.image, cv2.COLOR_RGB2GRAY), np.float32)
        scale = Scale(0.5, 0.01, ScaleSource.GIVEN_GSD)
        measures, _ = measure_crack(grey, label, found[0], scale, Quality(True, noise=2.0))
        crack = photo.cracks[0]
        middle = float(np.median(crack.width_mm[crack.visible]))
        truths = (middle, crack.width_p95_mm, crack.width_max_mm, crack.length_mm / 1000)
        for name, truth in zip(NAMES, truths, strict=True):
            measure = next(m for m in measures if m.name == name)
            hits.append((measure.low or 0) <= truth <= (measure.high or 0))
    assert len(hits) >= 32
    assert np.mean(hits) >= 0.9
