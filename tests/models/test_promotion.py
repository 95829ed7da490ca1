"""The rule that a version must pass to become champion, on comparisons made by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from models.aliases import Action, Move
from models.card import ClassSpec, ModelCard, Normalisation
from models.promotion import as_json, champions_before, judge, uncompared
from models.registry import ModelEntry, Seat


@dataclass(frozen=True)
class Difference:
    low: float | None


@dataclass(frozen=True)
class Compared:
    worse_beyond_interval: bool
    headline: dict[str, Difference] = field(default_factory=lambda: {"f1": Difference(-0.1)})


def entry(version: str, *classes: str) -> ModelEntry:
    card = ModelCard(
        name="crack",
        version=version,
        task="segmentation",
        image_kind="photo",
        bands=("red",),
        required_bands=("red",),
        classes=tuple(ClassSpec(name=name, damage="6", threshold=0.5) for name in classes or ("crack",)),
        normalisation=Normalisation(method="none"),
        gsd_range_mm=(0.1, 1.0),
        architecture={},
    )
    return ModelEntry(card, "home")


def test_a_version_passes_unless_it_is_worse_beyond_the_interval() -> None:
    assert judge(entry("2"), entry("1"), Compared(False), {}).passed
    worse = judge(entry("2"), entry("1"), Compared(True), {"f1": 0.5})
    assert not worse.passed
    assert worse.words == "crack@2 against crack@1 on the frozen test: worse beyond the interval"
    assert worse.numbers == {"f1": 0.5}


@pytest.mark.parametrize("headline", [{}, {"f1": Difference(None)}])
def test_where_nothing_was_shown_nothing_passes(headline: dict[str, Difference]) -> None:
    verdict = judge(entry("2"), entry("1"), Compared(False, headline), {})
    assert not verdict.passed
    assert "too small to show anything" in verdict.words


def test_a_class_more_is_welcome_and_a_class_less_is_not() -> None:
    assert judge(entry("2", "crack", "rust"), entry("1"), Compared(False), {}).passed
    verdict = judge(entry("2"), entry("1", "crack", "rust"), Compared(False), {})
    assert not verdict.passed
    assert "does not know rust" in verdict.words


def test_only_the_first_of_a_name_and_the_one_that_runs_need_no_comparison() -> None:
    two = entry("2")
    assert uncompared(two, Seat("crack", None, None)).passed
    assert uncompared(two, Seat("crack", None, two)).passed
    assert not uncompared(two, Seat("crack", None, entry("1"))).passed
    gone = uncompared(two, Seat("crack", "1", None))
    assert not gone.passed
    assert "crack@1, which is no longer there" in gone.words


def move(action: Action, before: str | None, after: str, alias: str = "champion") -> Move:
    return Move("a", action, "crack", before, after, {alias: after}, "")


def test_each_roll_back_takes_one_promotion_more() -> None:
    first, second = move("promoted", "1", "2"), move("promoted", "2", "3")
    back, again = move("rolled back", "3", "2"), move("rolled back", "2", "1")
    assert champions_before((first,)) == ["1"]
    assert champions_before((first, second)) == ["1", "2"]
    assert champions_before((first, second, back)) == ["1"]
    assert champions_before((first, second, back, again)) == []
    assert champions_before((first, second, back, move("promoted", "2", "4"))) == ["1", "2"]


def test_what_is_no_promotion_cannot_be_taken_back() -> None:
    assert champions_before((move("promoted", None, "1"),)) == []
    assert champions_before((move("promoted", "1", "1"),)) == []
    assert champions_before((move("nominated", "1", "1", "challenger"), move("set", "1", "1", "winter"))) == []


def test_numbers_are_kept_as_strict_json() -> None:
    kept = as_json({"f1": float("nan"), "low": float("-inf"), "pair": (1, 2.5), "path": object, "ok": True, "n": None})
    assert json.loads(json.dumps(kept, allow_nan=False)) == {
        "f1": None, "low": None, "pair": [1, 2.5], "path": str(object), "ok": True, "n": None,
    }  # fmt: skip
