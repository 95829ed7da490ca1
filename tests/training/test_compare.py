"""The paired comparison of two models."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from findings.errors import ConfigError
from tests.training.painted import CRACK, RUST, SPALL, WATER, Painted, band, config, picture, serve
from training.compare import compare, compare_models
from training.evaluate import BOOTSTRAP_SEED
from training.metrics_classes import AREA, crack_mask_statistics
from training.metrics_pool import Row, Statistic

CPU = torch.device("cpu")
STRICT = {"f1": crack_mask_statistics()["f1"]}


def rows(hits: list[int], *, groups: int | None = None) -> list[Row]:
    """Ten true pixels a picture, so many of them found."""
    return [
        Row(f"p{i}", f"g{i if groups is None else i % groups}", {"strict": np.array([hit, 1.0, 10 - hit])})
        for i, hit in enumerate(hits)
    ]


def test_a_model_that_is_better_on_every_picture_is_better() -> None:
    found = compare(rows([9, 8, 9, 7, 9]), rows([7, 7, 8, 6, 7]), STRICT, headline=("f1",))
    difference = found.measures["f1"]
    assert difference.verdict == found.verdict == "better"
    assert difference.low is not None
    assert difference.low > 0
    assert (difference.wins, difference.losses, difference.ties) == (5, 0, 0)
    assert not found.worse_beyond_interval


def test_exchanging_the_models_turns_the_verdict_and_the_interval() -> None:
    a, b = rows([9, 8, 9, 7, 9]), rows([7, 7, 8, 6, 7])
    there, back = compare(a, b, STRICT, headline=("f1",)), compare(b, a, STRICT, headline=("f1",))
    assert back.worse_beyond_interval
    assert back.verdict == "worse"
    assert (back.measures["f1"].low, back.measures["f1"].high) == pytest.approx(
        tuple(-v for v in (there.measures["f1"].high, there.measures["f1"].low) if v is not None)
    )


def test_a_mixed_result_shows_no_difference() -> None:
    found = compare(rows([9, 3, 9, 2, 6]), rows([5, 8, 5, 7, 6]), STRICT, headline=("f1",))
    assert found.measures["f1"].verdict == "no difference shown"
    assert found.measures["f1"].ties == 1


def test_a_model_against_itself_differs_by_nothing_whatever_the_draws() -> None:
    found = compare(rows([9, 3, 9, 2, 6]), rows([9, 3, 9, 2, 6])[::-1], STRICT, headline=("f1",))
    assert (found.measures["f1"].low, found.measures["f1"].high, found.measures["f1"].ties) == (0, 0, 5)


def test_the_pairing_makes_a_small_steady_difference_visible() -> None:
    rng = np.random.default_rng(2)
    hard = rng.integers(10, 900, 30)  # pictures differ far more than the models do
    a = [Row(f"p{i}", f"g{i}", {"strict": np.array([h + 8.0, 1, 992 - h])}) for i, h in enumerate(hard)]
    b = [Row(f"p{i}", f"g{i}", {"strict": np.array([h, 1.0, 1000 - h])}) for i, h in enumerate(hard)]
    found = compare(a, b, STRICT).measures["f1"]
    assert found.verdict == "better"
    unpaired = compare(a, [Row(r.name, r.group, o.counts) for r, o in zip(a, b[::-1], strict=True)], STRICT)
    assert unpaired.measures["f1"].verdict == "no difference shown"


def test_the_interval_is_that_of_a_loop_over_draws() -> None:
    a, b = rows([9, 3, 9, 2, 6, 7]), rows([5, 8, 5, 7, 6, 2])
    found = compare(a, b, STRICT).measures["f1"]
    differences = []
    for times in np.random.default_rng(BOOTSTRAP_SEED).multinomial(6, [1 / 6] * 6, size=1000):
        chosen = [i for i, n in enumerate(times) for _ in range(n)]
        pooled = [np.sum([r[i].counts["strict"] for i in chosen], axis=0) for r in (a, b)]
        f1 = [2 * tp / (2 * tp + fp + fn) for tp, fp, fn in pooled]
        differences.append(f1[0] - f1[1])
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(differences, [2.5, 97.5])))


def test_groups_are_drawn_whole_and_pictures_only_where_there_is_one_group() -> None:
    hits_a, hits_b = [9, 9, 9, 9, 2, 2, 2, 2], [5, 5, 5, 5, 3, 3, 3, 3]
    two = compare(
        [Row(f"p{i}", "ab"[i // 4], r.counts) for i, r in enumerate(rows(hits_a))],
        [Row(f"p{i}", "ab"[i // 4], r.counts) for i, r in enumerate(rows(hits_b))],
        STRICT,
    )
    assert (two.unit, two.count) == ("group", 2)
    one = compare(rows(hits_a, groups=1), rows(hits_b, groups=1), STRICT)
    assert (one.unit, one.count) == ("picture", 8)
    wide, narrow = two.measures["f1"], one.measures["f1"]
    assert None not in (wide.low, wide.high, narrow.low, narrow.high)
    assert wide.high - wide.low > narrow.high - narrow.low  # type: ignore[operator]


def test_one_picture_gives_a_difference_and_no_verdict() -> None:
    found = compare(rows([9]), rows([1]), STRICT, headline=("f1",))
    assert found.measures["f1"].difference is not None
    assert found.measures["f1"].low is None
    assert found.verdict == "no difference shown"


def test_of_errors_less_is_better() -> None:
    alarms = {"alarm": Statistic(("strict",), lambda row: float(row[1]), lower_is_better=True)}
    quiet = [Row(f"p{i}", f"g{i}", {"strict": np.array([5.0, i % 2, 5])}) for i in range(6)]
    loud = [Row(f"p{i}", f"g{i}", {"strict": np.array([5.0, 9, 5])}) for i in range(6)]
    assert compare(quiet, loud, alarms).measures["alarm"].verdict == "better"
    assert compare(quiet, loud, alarms).measures["alarm"].wins == 6
    assert compare(loud, quiet, alarms).measures["alarm"].verdict == "worse"


def test_other_pictures_are_not_compared() -> None:
    with pytest.raises(ConfigError, match="same pictures"):
        compare(rows([9, 8]), rows([9, 8, 7]), STRICT)
    with pytest.raises(ConfigError, match="same pictures"):
        compare(rows([9, 8]), [Row("p0", "g0", {}), Row("p9", "g1", {})], STRICT)
    twice = [*rows([9]), *rows([9])]
    with pytest.raises(ConfigError, match="each once"):
        compare(twice, twice, STRICT)


def test_two_crack_models_are_compared_by_f1_and_cliou(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, *(picture(f"p{i}", f"g{i}", [band(10 + 5 * i)]) for i in range(4)))
    found = compare_models(Painted(CRACK, shift=9), Painted(CRACK, version="2"), config("crack"), CPU)
    assert (found.a, found.b, found.data) == ("painted@1", "painted@2", "drawn, split test")
    assert set(found.headline) == {"f1", "cliou@4px"}
    assert found.worse_beyond_interval
    assert found.measures["product.finding_recall"].verdict == "worse"
    assert [p.name for p in found.by_picture["f1"]] == ["p0", "p1", "p2", "p3"]
    assert found.by_group["f1"][0].b == 1


def test_area_classes_decide_by_their_mean_iou(monkeypatch: pytest.MonkeyPatch) -> None:
    known = np.ones((2, 64, 64), bool)
    truths = [band(10, 9), band(30, 20)]
    serve(monkeypatch, *(picture(f"p{i}", f"g{i}", truths, None, known) for i in range(3)))
    found = compare_models(Painted(SPALL, RUST, shift=4), Painted(SPALL, RUST, version="2"), config("classes"), CPU)
    assert set(found.headline) == {"area_iou_macro"}
    expected = (5 / 13 + 16 / 24) / 2
    assert found.measures["area_iou_macro"].a == pytest.approx(expected)
    assert found.worse_beyond_interval
    assert "spalling.iou" in found.measures


def test_pictures_that_label_other_classes_are_compared_together(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = np.zeros((2, 2, 64, 64), bool)
    first[0], second[1] = True, True
    truths = [band(10, 9), band(30, 20)]
    serve(monkeypatch, picture("a", "g", truths, None, first), picture("b", "h", truths, None, second))
    found = compare_models(Painted(SPALL, RUST), Painted(SPALL, RUST, version="2"), config("classes"), CPU)
    assert found.measures["area_iou_macro"].a == 1


def test_water_decides_by_iou(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, *(picture(f"p{i}", f"g{i}", [band(0, 20)]) for i in range(3)))
    found = compare_models(Painted(WATER), Painted(WATER, version="2", shift=6), config("water"), CPU)
    assert set(found.headline) == {"iou"}
    assert found.better_beyond_interval
    assert found.measures["boundary_mean_px"].verdict == "better"


def test_models_without_a_common_class_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, picture("a", "g", [band(10)]))
    with pytest.raises(ConfigError, match="share no class"):
        compare_models(Painted(SPALL), Painted(RUST), config("classes"), CPU)


def test_the_order_of_area_statistics_starts_with_iou() -> None:
    assert next(iter(AREA)) == "iou"
