"""From a configuration to a model folder: train, calibrate, choose the operating point, store, measure once on test."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from findings.errors import ConfigError, OutputError
from models.card import CHOSE, ClassSpec, ModelCard, TrainingData, write_card
from models.checkpoint import save_bundle
from models.licences import encoder_start
from models.segmenter import Segmenter
from training.calibrate import Pair, fit_calibration, reliability_png
from training.config import EvaluationConfig, TrainConfig
from training.data_check import DataDigest, check_sources
from training.datasets import open_source
from training.evaluate import evaluate
from training.loop import Log, card_of, train_network
from training.mirror import Mirror
from training.parallel import ALONE, Group
from training.run_folder import Existing, RunFolder, environment_of
from training.selection import choose_operating_point
from training.validate import predictions


def train(
    config: TrainConfig,
    out: Path,
    *,
    command: str,
    device: torch.device,
    log: Log,
    existing: Existing = "refuse",
    start: Mapping[str, torch.Tensor] | None = None,
    group: Group = ALONE,
    mirror: Mirror | None = None,
    mirror_alias: str | None = None,
) -> Path:
    """Train a version and return its folder ``out/<name>/<version>``.

    Step, temperature and operating point are chosen on the validation and development sets; the test split and the
    further reports are used once, after the weights are stored.

    Args:
        config: everything that decides the version.
        out: folder of versions and runs; the run is ``out/runs/<name>-<version>``.
        command: what made it, for the card.
        device: where to compute.
        log: takes lines for the reader.
        existing: what to do with an unfinished run of that name and version.
        start: weights to begin with, those of ``config.based_on``.
        group: this process among those that train together.
        mirror: copies the run to MLflow.
        mirror_alias: alias that the version gets there.

    Raises:
        ConfigError: the run folder holds that version already, an unfinished run was not to be touched, the
            configuration cannot be used, or a picture that trains also chooses or measures.
        ModelError: the loss is not a number.
        OutputError: the disk is full; the run is kept as of its last checkpoint.
    """
    folder = out / config.name / config.version
    if folder.exists():
        raise ConfigError(f"{folder} exists; versions are immutable: set another version or --out")
    if config.based_on is not None and start is None:
        raise ConfigError(f"based_on {config.based_on!r}: its weights were not handed in; train through the command")
    run = RunFolder(out / "runs" / f"{config.name}-{config.version}")
    card_of(config, [0.5] * len(config.classes))  # a contradiction is told before hours of training, not after
    if group.leads:
        run.check_presence(existing)  # before all pictures are looked at
        data = check_sources(config, cache=out / "fingerprints")
        run.open(config, command, existing, environment_of(device, group, config), data.rows())
        if mirror is not None:
            mirror.begin(config, run)
    group.any(False, device)  # the others read the folder that the first process has made
    network = train_network(config, run, device, log, start=start, group=group)
    if group.leads:
        _finish(config, run, folder, network, data, device, log)
        if mirror is not None:
            mirror.end(run, folder, config, mirror_alias)
    return folder


def _finish(
    config: TrainConfig,
    run: RunFolder,
    folder: Path,
    network: nn.Module,
    data: DataDigest,
    device: torch.device,
    log: Log,
) -> None:
    """Store the version and measure what was stored; ``folder`` appears when everything is in it."""
    partial = run.path / "version"
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed in here
    plain = Segmenter(card_of(config, [0.5] * len(config.classes)), network)
    log("fitting temperatures and choosing the operating point on the validation and development sets")
    calibration = fit_calibration(_calibration_pairs(plain, config, device), config.class_names, _calibrated_on(config))
    reliability_png(calibration, config.class_names, run.path / "reliability.png")
    segmenter = Segmenter(plain.card.model_copy(update={"calibration": calibration}), network)
    card = _with_operating_point(segmenter.card, choose_operating_point(segmenter, config, device))
    for spec, temperature in zip(card.classes, calibration.temperatures, strict=True):
        log(f"{spec.name}: temperature {temperature:.2f}, threshold {spec.threshold:g}")
    about = {"training_data": _data(config, data), "commands": run.commands(), "test_digest": data.test}
    card = card.model_copy(update=about)
    state = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    card = save_bundle(partial, card, state)
    stored = Segmenter.load(partial).to(device)  # what is measured is what was stored, half precision and all
    write_card(card.model_copy(update={"metrics": _measured(stored, config, device, log)}), partial)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial.rename(folder)
    except OSError as error:
        raise OutputError(
            f"{folder}: could not be written ({error.strerror or error}); free some space and go on with --resume"
        ) from error


def _calibration_pairs(plain: Segmenter, config: TrainConfig, device: torch.device) -> Iterator[Pair]:
    """Yield scores, target and known of the validation pictures, then of the development sets.

    A development set speaks only for classes that no validation picture shows: where both do, the temperature is that
    of validation, whose share of damage is nobody's choice.
    """
    shown = np.zeros(len(config.classes), dtype=bool)
    for number, one in enumerate((config.validation, *config.development)):
        source = open_source(one.source, config.bands, config.class_names, one.labels)
        for sample, scores in predictions(plain, source, device):
            if number == 0:
                shown |= ((sample.target >= 0.5) & sample.known).any(axis=(1, 2))
                yield scores, sample.target, sample.known
            else:
                yield scores, sample.target, sample.known & ~shown[:, None, None]
        if shown.all():
            return


def _calibrated_on(config: TrainConfig) -> str:
    further = ", else the development sets" if config.development else ""
    return _label(config.validation) + further


def _with_operating_point(card: ModelCard, updates: tuple[dict[str, Any], ...]) -> ModelCard:
    classes = [
        ClassSpec.model_validate({**spec.model_dump(), **update})
        for spec, update in zip(card.classes, updates, strict=True)
    ]
    return card.model_copy(update={"classes": tuple(classes)})


def _measured(stored: Segmenter, config: TrainConfig, device: torch.device, log: Log) -> dict[str, Any]:
    metrics: dict[str, Any] = {"test": evaluate(stored, config.test, device)}
    numbers = (f"{key} {value:.3f}" for key, value in metrics["test"].items() if isinstance(value, float))
    log(f"test, used once: {', '.join(numbers)}")
    metrics["validation"] = evaluate(stored, config.validation, device)
    for key, sets in (("development", config.development), ("reports", config.reports)):
        if sets:
            metrics[key] = {_label(one): evaluate(stored, one, device) for one in sets}
    metrics["protocol"] = "step, temperature and thresholds chosen on validation and development; test and reports once"
    metrics["environment"] = {"torch": torch.__version__, "python": platform.python_version(), "device": device.type}
    return metrics


def _label(one: EvaluationConfig) -> str:
    parts = (one.source.name, one.source.split, one.source.match)
    return " ".join(part for part in parts if part)


_ROLES = {"train": "training", "validation": CHOSE, "development": CHOSE}


def _data(config: TrainConfig, data: DataDigest) -> tuple[TrainingData, ...]:
    """Return what the weights rest on: the start of the encoder, what trained and what chose."""
    encoder = str(config.architecture.get("encoder"))
    start = (encoder_start(encoder),) if config.pretrained and config.based_on is None else ()
    rows = [
        TrainingData(
            name=source.name,
            licence=source.licence,
            role=_ROLES[source.role] + (f", split {source.split}" if source.split else ""),
            items=source.pictures,
            ships=source.ships,
            digest=source.digest,
        )
        for source in data.sources
        if source.role in _ROLES
    ]
    return (*start, *rows)
