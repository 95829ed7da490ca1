"""Batches that depend on nothing but the seed and their number: a resumed run draws what the killed one would have."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from findings.errors import MizuhashiError, ModelError
from inference.regions import LINEAR_DAMAGES
from training.augment import draw_crop, drop_bands, keep_bands
from training.config import TrainConfig
from training.datasets import Sample, Source, open_source
from training.parallel import ALONE, Group
from training.soften import soften, tubes

PREFETCH = 2  # batches that each process holds ready


@dataclass(frozen=True, slots=True)
class Batch:
    """Crops of one forward pass.

    Attributes:
        pixels: ``(B, C, H, W)`` float32 with NaN holes.
        target: ``(B, K, H, W)`` float32 in [0, 1].
        known: ``(B, K, H, W)`` bool.
        skeleton: ``(B, K, H, W)`` bool, see ``training.soften.tubes``; None where the loss does not ask for it.
        origins: ``source: picture`` of each crop, for messages.
    """

    pixels: torch.Tensor
    target: torch.Tensor
    known: torch.Tensor
    skeleton: torch.Tensor | None
    origins: tuple[str, ...]

    def pin_memory(self) -> Batch:
        """Return the batch in memory that a GPU copies from while it computes."""
        return self._each(torch.Tensor.pin_memory)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
        skeleton = None if self.skeleton is None else change(self.skeleton)
        return Batch(change(self.pixels), change(self.target), change(self.known), skeleton, self.origins)


class Batches(Dataset[Batch | MizuhashiError]):
    """Random batches over weighted sources, as a map from the number of a batch to its crops.

    Crop ``i`` of the crops that all processes together draw for one step comes from
    ``default_rng([seed, step, i])``: neither the number of worker processes nor a restart changes it, and two GPUs
    with a batch of 4 see the crops that one sees with a batch of 8.

    Args:
        config: sources, weights, crop size and seed.
        group: this process among those that train together.
    """

    def __init__(self, config: TrainConfig, group: Group = ALONE) -> None:
        self._config = config
        self._group = group
        self._sources: list[Source] = [open_source(s, config.bands, config.class_names) for s in config.train]
        weights = np.array([source.weight for source in config.train])
        self._chances = weights / weights.sum()
        self._optional = [i for i, band in enumerate(config.bands) if band not in config.required_bands]
        self._sets = [[config.bands.index(band) for band in one.bands] for one in config.band_sets]
        total = sum(one.weight for one in config.band_sets)
        self._shares = [one.weight / total for one in config.band_sets]
        self._linear = [spec.damage in LINEAR_DAMAGES for spec in config.classes]

    def __len__(self) -> int:
        """Return how many batches the whole training takes in this process."""
        return self._config.steps * self._config.accumulate

    def __getitem__(self, number: int) -> Batch | MizuhashiError:
        """Return a batch, or the error that forbids it: raised in another process, it would lose its class."""
        try:
            return self.draw(number)
        except MizuhashiError as error:
            return error

    def draw(self, number: int) -> Batch:
        """Return batch ``number``, counted from 0 over the whole training: ``step * accumulate + part``."""
        config = self._config
        step, part = divmod(number, config.accumulate)
        first = (part * self._group.size + self._group.rank) * config.batch
        drawn = [self._crop(step, first + index) for index in range(config.batch)]
        targets = [crop.target for _, crop in drawn]
        skeleton = _stack([tubes(target, self._linear) for target in targets]) if config.loss.skeleton_recall else None
        if config.soft_targets:
            targets = [soften(target, self._linear) for target in targets]
        pixels, known = _stack([crop.pixels for _, crop in drawn]), _stack([crop.known for _, crop in drawn])
        return Batch(pixels, _stack(targets), known, skeleton, tuple(f"{name}: {crop.name}" for name, crop in drawn))

    def _crop(self, step: int, position: int) -> tuple[str, Sample]:
        config = self._config
        rng = np.random.default_rng([config.seed, step, position])
        chosen = int(rng.choice(len(self._sources), p=self._chances))
        crop = draw_crop(
            self._sources[chosen],
            rng,
            config.crop_px,
            photo=config.image_kind == "photo",
            zoom_chance=config.zoom_chance,
            stored_range=config.stored_range,
        )
        pixels = drop_bands(crop.pixels, self._optional, rng, config.drop_band)
        if self._sets:
            pixels = keep_bands(pixels, self._sets, self._shares, rng)
        return config.train[chosen].name, Sample(crop.name, crop.group, pixels, crop.target, crop.known)


def _stack(arrays: Sequence[npt.NDArray[Any]]) -> torch.Tensor:
    return torch.from_numpy(np.stack(arrays))


def stream(batches: Batches, first: int, workers: int, device: torch.device) -> Iterator[Batch]:
    """Yield the batches from number ``first`` on, drawn ahead by ``workers`` processes, or here with 0.

    Raises:
        ModelError: a process that draws died; the message says what to change.
        MizuhashiError: a source cannot give what it was asked for.
    """
    loader: DataLoader[Batch | MizuhashiError] = DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, len(batches)),
        num_workers=workers,
        prefetch_factor=PREFETCH if workers else None,
        pin_memory=device.type == "cuda",
        worker_init_fn=_begin_worker,
        generator=torch.Generator(),  # of its own: the loader's seed must not move the global one
    )
    drawn = iter(loader)
    while True:
        try:
            batch = next(drawn)
        except StopIteration:
            return
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise ModelError(
                f"a process that draws crops died ({str(error).splitlines()[0]}): too little memory, or a small "
                "shared memory of the container; go on with fewer: --resume --set workers=0"
            ) from error
        if isinstance(batch, MizuhashiError):
            raise batch
        yield batch


def worker_count(config: TrainConfig, device: torch.device) -> int:
    """Return how many processes draw ahead: as configured, else one on a CPU and up to eight on a GPU.

    On a CPU one process hides the drawing beside a network that computes on the other cores; a GPU empties several.
    """
    if config.workers is not None:
        return config.workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1:
        return 0
    return min(8, cores - 1) if device.type == "cuda" else 1


def _begin_worker(worker: int) -> None:
    """Leave signals to the process that trains, and threads to its computing.

    Service managers and ``torchrun`` terminate whole process groups: a process that draws and dies of it would end the
    training with an error before its checkpoint is saved. It leaves when it is told to, or when its parent is gone.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    cv2.setNumThreads(0)
