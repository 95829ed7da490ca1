from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from findings.errors import ConfigError
from training import selection
from training.config import TrainConfig, read_config
from training.datasets.sample import Sample

CPU = torch.device("cpu")


class Pictures:
    """A source of given samples."""

    def __init__(self, *samples: Sample) -> None:
        self._samples = samples

    def whole(self) -> Any:
        return iter(self._samples)

    def items(self) -> tuple[()]:
        return ()

    def __len__(self) -> int:
        return len(self._samples)


def line(name: str, row: int, *, known: bool = True) -> Sample:
    target = np.zeros((1, 64, 64), np.float32)
    target[0, row : row + 3, 4:60] = 1
    return Sample(name, name, np.zeros((3, 64, 64), np.float32), target, np.full((1, 64, 64), known))


def with_development(config_file: Path, weight: float) -> TrainConfig:
    config = read_config(config_file)
    extra = config.validation.model_copy(update={"weight": weight})
    return config.model_copy(update={"development": (extra,)})


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[Sample]:
    """A fake of prediction: the true line scores 0.55 in the first set, a false line beside it 0.35."""
    sets: list[Sample] = []

    def fake(_model: object, source: Any, _device: object) -> Any:
        for sample in source.whole():
            scores = np.where(sample.target >= 0.5, 0.55, 0.0).astype(np.float32)
            scores[0, 50:53, 4:60] = 0.35 if sample.name == "val" else 0.65
            yield sample, scores

    monkeypatch.setattr(selection, "predictions", fake)
    monkeypatch.setattr(selection, "open_source", lambda *_args: Pictures(sets.pop(0)))
    return sets


def test_the_threshold_is_chosen_by_both_sets_with_their_weights(scored: list[Sample], config_file: Path) -> None:
    scored += [line("val", 20), line("dev", 20)]
    # by val alone 0.5 is right: above the false line, below the true one
    (update,) = selection.choose_operating_point(None, with_development(config_file, 0.01), CPU)  # type: ignore[arg-type]
    assert update["threshold"] in (0.4, 0.5)
    scored += [line("val", 20), line("dev", 20)]
    score, parts = selection.selection_score(None, with_development(config_file, 1.0), CPU)  # type: ignore[arg-type]
    first, second = parts.values()
    assert first > second > 0
    assert score == pytest.approx((first + second) / 2)


def test_a_class_that_no_set_labels_is_refused_by_name(scored: list[Sample], config_file: Path) -> None:
    scored.append(line("val", 20, known=False))
    with pytest.raises(ConfigError, match="crack: neither validation nor development labels it"):
        selection.choose_operating_point(None, read_config(config_file), CPU)  # type: ignore[arg-type]


def test_a_goal_that_is_not_measured_is_refused(scored: list[Sample], config_file: Path) -> None:
    scored.append(line("val", 20))
    config = read_config(config_file)
    config = config.model_copy(update={"validation": config.validation.model_copy(update={"goals": ("auc",)})})
    with pytest.raises(ConfigError, match="goal 'auc': expected one of f1"):
        selection.choose_operating_point(None, config, CPU)  # type: ignore[arg-type]


def test_of_a_large_set_a_spread_of_pictures_chooses_the_step(
    scored: list[Sample], config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = Pictures(*(line(f"p{i}", 20) for i in range(95)))
    monkeypatch.setattr(selection, "open_source", lambda *_args: many)
    seen: list[str] = []

    def fake(_model: object, source: Any, _device: object) -> Any:
        for sample in source.whole():
            seen.append(sample.name)
            yield sample, sample.target * 0.9

    monkeypatch.setattr(selection, "predictions", fake)
    score, _ = selection.selection_score(None, read_config(config_file), CPU)  # type: ignore[arg-type]
    assert score == pytest.approx(1.0)
    assert seen == [f"p{i}" for i in range(0, 95, 3)]


def test_a_second_threshold_above_the_chosen_one_is_dropped(scored: list[Sample], config_file: Path) -> None:
    config = read_config(config_file)

    def chosen(grow: float) -> dict[str, object]:
        scored.append(line("val", 20))
        spec = config.classes[0].model_copy(update={"grow_threshold": grow})
        (update,) = selection.choose_operating_point(None, config.model_copy(update={"classes": (spec,)}), CPU)  # type: ignore[arg-type]
        return update

    assert chosen(0.98)["grow_threshold"] is None
    assert chosen(0.05)["grow_threshold"] == 0.05


def test_no_threshold_below_the_least_one_is_chosen(scored: list[Sample], config_file: Path) -> None:
    scored.append(line("val", 20))
    config = read_config(config_file)
    spec = config.classes[0].model_copy(update={"least_threshold": 0.9})
    (update,) = selection.choose_operating_point(None, config.model_copy(update={"classes": (spec,)}), CPU)  # type: ignore[arg-type]
    assert update["threshold"] >= 0.9
