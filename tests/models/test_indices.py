"""The index baselines against the published formulas."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from findings.errors import CardError
from models.indices import WaterIndex, index_card, index_cards

reflectance = st.floats(1, 10_000)


def pixel(green: float, other: float) -> torch.Tensor:
    return torch.tensor([green, other], dtype=torch.float32).view(1, 2, 1, 1)


@pytest.mark.parametrize("name", ["ndwi", "mndwi"])
@given(green=reflectance, other=reflectance)
def test_the_score_is_the_index_moved_into_zero_to_one(name: str, green: float, other: float) -> None:
    score = WaterIndex(index_card(name)).predict(pixel(green, other)).item()
    index = (green - other) / (green + other)
    assert score == pytest.approx((index + 1) / 2, abs=1e-6)


def test_water_is_above_the_threshold_and_land_below() -> None:
    model = WaterIndex(index_card("mndwi"))
    threshold = model.card.classes[0].threshold
    assert model.predict(pixel(600, 100)).item() > threshold > model.predict(pixel(800, 2500)).item()
    assert model.predict(pixel(500, 500)).item() == threshold


def test_a_missing_band_or_an_empty_pixel_gives_no_score() -> None:
    model = WaterIndex(index_card("ndwi"))
    for green, other in ((math.nan, 5.0), (5.0, math.nan), (0.0, 0.0), (-3.0, -8.0)):
        assert model.predict(pixel(green, other)).isnan().all()


def test_a_slightly_negative_reflectance_counts_as_nought() -> None:
    assert WaterIndex(index_card("mndwi")).predict(pixel(300, -20)).item() == 1.0


def test_each_index_reads_the_band_of_its_paper_and_has_a_digest() -> None:
    cards = index_cards()
    assert cards["ndwi"].bands == ("green", "nir")
    assert cards["mndwi"].bands == ("green", "swir1")
    digests = {WaterIndex(card).weights_sha256 for card in cards.values()}
    assert len(digests) == 2
    assert all(len(digest) == 64 for digest in digests)


def test_an_index_with_the_bands_of_another_is_refused() -> None:
    with pytest.raises(CardError, match="expected"):
        WaterIndex(index_card("ndwi").model_copy(update={"bands": ("green", "swir1")}))
    with pytest.raises(CardError, match="mndwi"):
        index_card("ndvi")
