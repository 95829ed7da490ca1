from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.optimize import minimize
from scipy.special import expit

from findings.errors import ConfigError, OutputError
from models.card import Calibration
from training.calibrate import Pair, count_logits, fit_calibration, negative_log_likelihood, reliability_png


def overconfident(temperature: float, seed: int = 0, side: int = 300) -> Pair:
    """Scores whose logits are ``temperature`` times too large for how often they are right."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(-1.5, 2.0, (1, side, side))
    target = (rng.random(honest.shape) < expit(honest)).astype(np.float32)
    return expit(honest * temperature).astype(np.float32), target, np.ones(honest.shape, bool)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_spoilt_the_scores_is_found_and_the_error_shrinks(temperature: float) -> None:
    found = fit_calibration([overconfident(temperature)], ("crack",), "made up")
    assert found.temperatures[0] == pytest.approx(temperature, rel=0.03)
    before, after = found.ece_before[0], found.ece_after[0]
    assert before is not None
    assert after is not None
    assert after < 0.006
    assert temperature == 1.0 or before > 5 * after


def test_temperature_and_loss_are_those_of_an_independent_minimiser_on_the_single_pixels() -> None:
    scores, target, known = overconfident(1.7, seed=3, side=80)
    logits = np.log(scores.astype(float)) - np.log1p(-scores.astype(float))
    true = target >= 0.5

    def loss(log_temperature: np.ndarray) -> float:
        probability = expit(logits / np.exp(log_temperature[0])).clip(1e-12, 1 - 1e-12)
        return float(-np.where(true, np.log(probability), np.log1p(-probability)).mean())

    best = minimize(loss, [0.0], method="Nelder-Mead")
    found = fit_calibration([(scores, target, known)], ("crack",), "made up")
    assert found.temperatures[0] == pytest.approx(float(np.exp(best.x[0])), rel=1e-3)
    counts = count_logits([(scores, target, known)], 1)[0]
    assert negative_log_likelihood(counts, found.temperatures[0]) == pytest.approx(float(best.fun), rel=1e-5)


def test_the_calibration_error_is_that_of_a_hand_made_case() -> None:
    # 10 pixels at 0.9 of which 6 are true, 30 at 0.02 of which none is: both bins by hand
    scores = np.concatenate([np.full(10, 0.9), np.full(30, 0.02)]).reshape(1, 4, 10)
    target = np.concatenate([np.ones(6), np.zeros(34)]).reshape(1, 4, 10)
    found = fit_calibration([(scores, target, np.ones(scores.shape, bool))], ("crack",), "by hand")
    assert found.ece_before[0] == pytest.approx((10 * 0.3 + 30 * 0.02) / 40, abs=1e-9)
    assert found.ece_likely_before[0] == pytest.approx(0.3, abs=1e-9)
    assert [pixels for _, _, pixels in found.reliability[0]] == [30, 10]
    assert [share for _, share, _ in found.reliability[0]] == [0.0, 0.6]


def test_unknown_and_unobserved_pixels_do_not_count() -> None:
    scores, target, known = overconfident(2.0, side=60)
    alone = fit_calibration([(scores, target, known)], ("crack",), "d")
    wide = np.concatenate([scores, np.full_like(scores, 0.999), np.full_like(scores, np.nan)], axis=2)
    truth = np.concatenate([target, np.zeros_like(target), np.zeros_like(target)], axis=2)
    seen = np.concatenate([known, np.zeros_like(known), np.ones_like(known)], axis=2)
    assert fit_calibration([(wide, truth, seen)], ("crack",), "d") == alone


def test_pictures_one_by_one_give_what_one_big_picture_gives() -> None:
    parts = [overconfident(1.4, seed=seed, side=40) for seed in range(4)]
    scores, target, known = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
    one = fit_calibration([(scores, target, known)], ("c",), "d")
    many = fit_calibration(iter(parts), ("c",), "d")
    assert one.temperatures == pytest.approx(many.temperatures, rel=1e-9)
    assert one.ece_after == pytest.approx(many.ece_after, rel=1e-9)


def test_a_class_without_truth_keeps_its_logits_and_says_that_nothing_was_measured() -> None:
    scores, target, known = overconfident(2.0, side=60)
    scores, target, known = np.repeat(scores, 3, axis=0), np.repeat(target, 3, axis=0), np.repeat(known, 3, axis=0)
    target[1] = 0  # known everywhere, true nowhere
    known[2] = False  # known nowhere
    found = fit_calibration([(scores, target, known)], ("crack", "rust", "spalling"), "d")
    assert found.temperatures[0] > 1.5
    assert found.temperatures[1:] == (1.0, 1.0)
    assert found.ece_after[1:] == found.ece_likely_before[1:] == (None, None)
    assert Calibration.model_validate_json(found.model_dump_json()) == found


def test_scores_that_separate_perfectly_end_at_the_bound_and_not_at_zero() -> None:
    target = np.zeros((1, 8, 8))
    target[:, :4] = 1
    found = fit_calibration([(np.where(target > 0, 0.8, 0.2), target, target >= 0)], ("c",), "d")
    assert found.temperatures[0] == pytest.approx(0.1, abs=0.01)


def test_certain_scores_and_logits_are_taken() -> None:
    scores, target, known = overconfident(1.0, side=60)
    scores.ravel()[:2] = (0.0, 1.0)
    found = fit_calibration([(scores, target, known)], ("c",), "d")
    assert np.isfinite(found.temperatures[0])
    logits = np.log(scores[:, 1:].astype(float)) - np.log1p(-scores[:, 1:].astype(float))
    same = fit_calibration([(logits, target[:, 1:], known[:, 1:])], ("c",), "d", logits=True)
    assert (
        same.temperatures == fit_calibration([(scores[:, 1:], target[:, 1:], known[:, 1:])], ("c",), "d").temperatures
    )


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "no validation picture"),
        ([(np.zeros((2, 4, 4)), np.zeros((2, 4, 4)), np.ones((2, 4, 4), bool))], r"expected three of \(1, H, W\)"),
        ([(np.zeros((1, 4, 4)), np.zeros((1, 4, 5)), np.ones((1, 4, 4), bool))], "expected three"),
        ([(np.full((1, 4, 4), 3.0), np.zeros((1, 4, 4)), np.ones((1, 4, 4), bool))], "logits=True"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(pairs: list[Pair], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fit_calibration(pairs, ("crack",), "d")


def test_the_reliability_plot_is_a_picture_and_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    calibration = fit_calibration([overconfident(2.0, side=60)], ("crack",), "made up")
    reliability_png(calibration, ("crack",), tmp_path / "reliability.png")
    with Image.open(tmp_path / "reliability.png") as picture:
        assert picture.size == (640, 640)
        assert len(picture.convert("RGB").getcolors(maxcolors=10_000) or []) > 20
    with pytest.raises(OutputError, match=r"free space or choose --out"):
        reliability_png(calibration, ("crack",), tmp_path / "nowhere" / "reliability.png")
