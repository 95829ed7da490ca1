from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from findings.errors import ConfigError, ModelError
from models.card import read_card
from models.segmenter import Segmenter, build_network
from training import loop
from training.config import LossConfig, read_config, read_evaluation
from training.evaluate import evaluate
from training.losses import loss
from training.run_folder import RunFolder
from training.train import train

CPU = torch.device("cpu")


def test_a_trained_version_is_stored_measured_and_reproduced_by_evaluate(config_file: Path, tmp_path: Path) -> None:
    said: list[str] = []
    folder = train(read_config(config_file), tmp_path / "out", command="train tiny.yaml", device=CPU, log=said.append)
    card = read_card(folder)
    assert folder == tmp_path / "out" / "tiny" / "1"
    assert card.commands == ("train tiny.yaml",)
    assert [row.ships for row in card.training_data] == [True, True]
    rows = RunFolder(tmp_path / "out/runs/tiny-1").rows()
    assert [row["step"] for row in rows if "score" in row] == [3, 6]
    again = evaluate(Segmenter.load(folder), read_evaluation(config_file), CPU)
    assert again == card.metrics["test"]
    with pytest.raises(ConfigError, match="immutable"):
        train(read_config(config_file), tmp_path / "out", command="", device=CPU, log=said.append)


def test_training_lowers_the_loss_on_pictures_it_can_learn(config_file: Path, tmp_path: Path) -> None:
    said: list[str] = []
    config = read_config(config_file, ("steps=24", "evaluate_every=8", "learning_rate=0.003"))
    run = RunFolder(tmp_path)
    loop.train_network(config, run, CPU, said.append)
    losses = [row["loss"] for row in run.rows() if "loss" in row]
    assert losses[-1] < 0.8 * losses[0]


def test_a_loss_that_is_not_a_number_stops_with_the_step_and_the_remedy(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "loss", lambda *_: (torch.tensor(float("nan"), requires_grad=True), {}))
    with pytest.raises(
        ModelError, match=r"step 0, rate .*crops of generated lines: p\d.*lower learning_rate.*--restart"
    ):
        loop.train_network(read_config(config_file), RunFolder(tmp_path), CPU, print)


def test_the_rate_warms_up_and_ends_near_zero(config_file: Path) -> None:
    config = read_config(config_file, ("steps=100", "warmup_steps=10", "learning_rate=0.001"))
    rates = [loop.learning_rate(step, config) for step in range(100)]
    assert rates[0] < rates[5] < rates[9] == pytest.approx(1e-3)
    assert rates[-1] < 0.05e-3
    assert np.argmax(rates) in (9, 10)


def test_unknown_pixels_do_not_change_the_loss() -> None:
    logits = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    target = (logits > 0).float()
    known = torch.ones(2, 1, 8, 8, dtype=torch.bool)
    known[:, :, 4:] = False
    wrong = target.clone()
    wrong[:, :, 4:] = 1 - wrong[:, :, 4:]
    value, _ = loss(logits, target, known, LossConfig())
    assert value == loss(logits, wrong, known, LossConfig())[0]
    assert value < loss(-logits, target, known, LossConfig())[0]


def test_a_model_without_the_class_is_not_measured_by_that_protocol(config_file: Path, tmp_path: Path) -> None:
    config = read_config(config_file)
    network = build_network(config.architecture, 3, 1)
    model = Segmenter(loop.card_of(config, [0.5]), network)
    water = read_evaluation(config_file).model_copy(update={"protocol": "water"})
    with pytest.raises(ConfigError, match="not 'water'"):
        evaluate(model, water, CPU)
