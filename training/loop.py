"""The one visible training loop: draw, forward, loss, backward, clip, step, average, log, measure."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from findings.errors import ConfigError, ModelError
from models.card import ClassSpec, ModelCard
from models.normalise import normalise
from models.segmenter import Segmenter, build_network
from training.augment import draw_crop, drop_bands
from training.config import TrainConfig
from training.datasets import Source, open_source
from training.losses import cross_entropy_dice
from training.validate import quick_score

Log = Callable[[str], None]


class Batches:
    """Random batches over weighted sources; every draw comes from one seeded generator."""

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self._rng = np.random.default_rng(config.seed)
        self._sources: list[Source] = [open_source(s, config.bands, config.class_names) for s in config.train]
        weights = np.array([source.weight for source in config.train])
        self._chances = weights / weights.sum()
        self._optional = [i for i, band in enumerate(config.bands) if band not in config.required_bands]

    def draw(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return pixels ``(B, C, H, W)`` with NaN holes, targets and known ``(B, K, H, W)``."""
        config, rng = self._config, self._rng
        pixels, targets, knowns = [], [], []
        for _ in range(config.batch):
            source = self._sources[rng.choice(len(self._sources), p=self._chances)]
            crop = draw_crop(source, rng, config.crop_px, photo=config.image_kind == "photo")
            pixels.append(drop_bands(crop.pixels, self._optional, rng, config.drop_band))
            targets.append(crop.target)
            knowns.append(crop.known)
        return tuple(torch.from_numpy(np.stack(arrays)) for arrays in (pixels, targets, knowns))  # type: ignore[return-value]


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the rate of a step: linear warm-up, then half a cosine down to 2 % of the peak."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(config.steps - config.warmup_steps, 1)
    return config.learning_rate * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * done)))


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights towards the current ones (exponential moving average); counters are copied."""
    for slow, fast in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1.0 - decay)
        else:
            slow.copy_(fast)


def train_network(config: TrainConfig, out: Path, device: torch.device, log: Log) -> nn.Module:
    """Return the averaged network that scored best on the validation split.

    Writes ``metrics.jsonl`` into ``out``, one line a measurement.

    Raises:
        ModelError: the loss is not a number; the log keeps the step and the rate.
    """
    torch.manual_seed(config.seed)
    batches = Batches(config)
    network = build_network(
        config.architecture, len(config.bands), len(config.classes), pretrained=config.pretrained
    ).to(device)
    network.to(memory_format=torch.channels_last)
    average = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    validation = open_source(config.validation.source, config.bands, config.class_names, config.validation.labels)
    best, best_score, started = copy.deepcopy(average.state_dict()), -1.0, time.perf_counter()
    running = 0.0
    network.train()
    for step in range(config.steps):
        rate = learning_rate(step, config)
        for group in optimiser.param_groups:
            group["lr"] = rate
        pixels, target, known = (tensor.to(device) for tensor in batches.draw())
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=config.precision == "bf16"):
            planes = normalise(pixels, config.normalisation).contiguous(memory_format=torch.channels_last)
            logits = network(planes)
        loss = cross_entropy_dice(logits, target, known)
        if not torch.isfinite(loss):
            raise ModelError(
                f"loss is {loss.item()} at step {step}, rate {rate:.2g}: lower learning_rate and start again"
            )
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
        optimiser.step()
        follow(average, network, min(config.ema, (step + 1) / (step + 10)))
        running += loss.item()
        if (step + 1) % config.evaluate_every == 0 or step + 1 == config.steps:
            segmenter = Segmenter(card_of(config, [0.5] * len(config.classes)), average)
            score = quick_score(segmenter, validation, device)
            if score > best_score:
                best, best_score = copy.deepcopy(average.state_dict()), score
            row = {
                "step": step + 1, "loss": round(running / config.evaluate_every, 4), "rate": rate,
                "validation_iou": round(score, 4), "seconds": round(time.perf_counter() - started, 1),
            }  # fmt: skip
            with (out / "metrics.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            log("  ".join(f"{key} {value:.4g}" for key, value in row.items()))
            running = 0.0
    average.load_state_dict(best)
    return average


def card_of(config: TrainConfig, thresholds: list[float]) -> ModelCard:
    """Return the card of a configuration, before weights and metrics are known.

    Raises:
        ConfigError: the configuration contradicts itself.
    """
    try:
        return ModelCard(
            name=config.name,
            version=config.version,
            task="segmentation",
            image_kind=config.image_kind,
            bands=config.bands,
            required_bands=config.required_bands,
            classes=tuple(
                ClassSpec(name=c.name, damage=c.damage, threshold=t, minimum_area_px=c.minimum_area_px)
                for c, t in zip(config.classes, thresholds, strict=True)
            ),
            normalisation=config.normalisation,
            gsd_range_mm=config.gsd_range_mm,
            architecture=config.architecture,
            limits=config.limits,
            radiometry=config.radiometry,
        )
    except ValueError as error:
        raise ConfigError(f"{config.name}: {error}") from error
