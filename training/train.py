"""From a configuration to a model folder: train, choose the threshold on val, store, measure once on test."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import yaml

from findings.errors import ConfigError
from models.card import ModelCard, TrainingData, write_card
from models.checkpoint import save_bundle
from models.segmenter import Segmenter
from training.config import SourceConfig, TrainConfig
from training.datasets import open_source
from training.evaluate import evaluate
from training.loop import Log, card_of, train_network
from training.metrics import choose_threshold
from training.validate import predictions

THRESHOLDS = tuple(np.round(np.arange(0.05, 0.96, 0.05), 2).tolist())


def train(config: TrainConfig, out: Path, *, command: str, device: torch.device, log: Log) -> Path:
    """Train a version and return its folder ``out/<name>/<version>``.

    The threshold is chosen on the validation split; the test split is used once, after the weights are stored.

    Raises:
        ConfigError: the run folder holds that version already, or the configuration cannot be used.
    """
    folder = out / config.name / config.version
    if folder.exists():
        raise ConfigError(f"{folder} exists; versions are immutable: set another version or --out")
    run = out / "runs" / f"{config.name}-{config.version}"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    network = train_network(config, run, device, log)
    state = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    card = _with_threshold(config, Segmenter(card_of(config, [0.5] * len(config.classes)), network), device, log)
    card = card.model_copy(update={"training_data": _data(config), "commands": (command,)})
    card = save_bundle(folder, card, state)
    stored = Segmenter.load(folder)  # what is measured is what was stored, half precision and all
    metrics: dict[str, Any] = {
        "test": evaluate(stored.to(device), config.test, device),
        "validation": evaluate(stored, config.validation, device),
        "protocol": f"threshold chosen on validation ({config.validation.labels} labels); test used once",
        "environment": {"torch": torch.__version__, "python": platform.python_version(), "device": device.type},
    }
    write_card(card.model_copy(update={"metrics": metrics}), folder)
    log(f"{folder}: test {metrics['test']}")
    return folder


def _with_threshold(config: TrainConfig, segmenter: Segmenter, device: torch.device, log: Log) -> ModelCard:
    """Return the card with each class's threshold: best F1@2px (cracks) or IoU (water) on val."""
    source = open_source(config.validation.source, config.bands, config.class_names, config.validation.labels)
    scored = list(predictions(segmenter, source, device))
    goal: Literal["f1_tolerant", "iou"] = "f1_tolerant" if config.validation.protocol == "crack" else "iou"
    thresholds = []
    for plane, spec in enumerate(config.classes):
        pairs = [(np.where(sample.known[plane], s[plane], np.nan), sample.target[plane] >= 0.5) for sample, s in scored]
        choice = choose_threshold(pairs, goal, thresholds=THRESHOLDS)
        log(f"{spec.name}: threshold {choice.threshold} (validation {goal} {choice.score:.3f})")
        thresholds.append(choice.threshold)
    return card_of(config, thresholds)


def _data(config: TrainConfig) -> tuple[TrainingData, ...]:
    rows = [_row(source, "training", config) for source in config.train]
    return (*rows, _row(config.validation.source, "threshold and best step", config))


def _row(source: SourceConfig, role: str, config: TrainConfig) -> TrainingData:
    items = len(open_source(source, config.bands, config.class_names))
    split = f", split {source.split}" if source.split else ""
    return TrainingData(name=source.name, licence=source.licence, role=role + split, items=items, ships=source.ships)
