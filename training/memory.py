"""Memory that runs out in a training, told with what would need less."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from findings.errors import ConfigError
from training.config import TrainConfig
from training.snapshots import snapshots

_CPU = "can't allocate memory"  # the allocator of the CPU raises a plain RuntimeError


@contextmanager
def memory_told(config: TrainConfig, checkpoints: Path) -> Iterator[None]:
    """Translate a lack of memory inside the block into what to set.

    Args:
        config: of the run.
        checkpoints: folder of its checkpoints.

    Raises:
        ConfigError: the memory of the GPU or of the machine did not suffice.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.cuda.OutOfMemoryError) and _CPU not in str(error):
            raise
        raise ConfigError(_message(config, checkpoints, error)) from error


def _message(config: TrainConfig, checkpoints: Path, error: BaseException) -> str:
    found = snapshots(checkpoints)
    kept = (
        f"the run is kept as of {found[-1].name}: free memory and go on with --resume"
        if found
        else "there is no checkpoint yet"
    )
    less = [f"batch={max(config.batch // 2, 1)} accumulate={config.accumulate * 2}"] if config.batch > 1 else []
    if config.crop_px > 32:
        less.append(f"crop_px={max(config.crop_px // 64 * 32, 32)}")
    if not config.gradient_checkpoint:
        less.append("gradient_checkpoint=true")
    reason = str(error).strip().splitlines()
    remedy = f"begin anew (--restart) with less, by --set: {', or '.join(less)}" if less else "take a smaller network"
    return (
        f"out of memory{f' ({reason[0][:160]})' if reason else ''} with batch {config.batch} of {config.crop_px} px "
        f"crops; {kept}; else {remedy}"
    )
