"""Surfaces of a scene: from a model that tells them, from one that only knows water, and which of several is asked."""

from __future__ import annotations

import numpy as np
import pytest

from findings.errors import NotAssessable
from inference.river.surfaces import best_water, centred, surfaces_of
from models.card import ModelCard, read_card
from models.registry import shipped_folder


def card(name: str, version: str = "1") -> ModelCard:
    return read_card(shipped_folder() / name / version)


def test_the_model_that_tells_the_most_surfaces_reads_the_river() -> None:
    cards = [card("crack", "2"), card("water"), card("river")]
    assert best_water(cards) == 2
    assert best_water(cards[:2]) == 1
    assert best_water(cards[:1]) is None


def test_the_threshold_of_a_card_comes_to_one_half() -> None:
    bent = centred(np.array([0.0, 0.15, 0.3, 0.65, 1.0], dtype=np.float32), 0.3)
    np.testing.assert_allclose(bent, [0, 0.25, 0.5, 0.75, 1.0], atol=1e-6)
    assert (np.diff(bent) > 0).all()


def test_a_model_of_surfaces_is_taken_at_its_word_and_cloud_hides_them() -> None:
    river = card("river")
    scores = np.zeros((4, 40, 40), dtype=np.float32)
    scores[0, :, :20] = 0.9
    scores[1, :, 20:30] = 0.9
    scores[2, :, 30:] = 0.95
    grey = np.full((40, 40), 900.0, dtype=np.float32)
    white = grey.copy()
    white[10:20, 5:15] = 8000.0
    found = surfaces_of(river, scores, {"green": white, "red": white, "nir": grey})
    assert np.isnan(found.water[14, 10])
    assert found.water[30, 5] > 0.5
    assert found.sediment is not None
    assert found.vegetation is not None
    assert np.isnan(found.sediment[14, 10])
    assert found.sediment[30, 25] > 0.5 > found.sediment[30, 35]
    assert found.vegetation[30, 35] > 0.5


def test_a_model_of_water_alone_gets_the_rest_from_the_indices_or_says_that_it_cannot() -> None:
    water = card("water")
    scores = np.zeros((1, 120, 120), dtype=np.float32)
    scores[0, 50:65] = 0.9
    found = surfaces_of(water, scores, {"green": np.full((120, 120), 900.0, dtype=np.float32)})
    assert found.sediment is None
    assert "no red and nir" in found.notes[0]
    red = np.full((120, 120), 400.0, dtype=np.float32)
    nir = np.full((120, 120), 3000.0, dtype=np.float32)
    red[65:75], nir[65:75] = 1500.0, 1700.0
    scores[0, 75:85] = 0.9
    told = surfaces_of(water, scores, {"red": red, "nir": nir})
    assert told.sediment is not None
    assert (told.sediment[66:74, 60] > 0.5).all(), "a bare bar between two waters"


def test_a_model_without_water_is_refused() -> None:
    crack = card("crack", "2")
    with pytest.raises(NotAssessable, match="crack@2 knows crack; a river needs a model that tells water"):
        surfaces_of(crack, np.zeros((1, 8, 8), dtype=np.float32), {})
