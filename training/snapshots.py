"""Checkpoints that a killed run goes on from: safetensors and JSON, never a pickle.

::

    RUN/checkpoints/step-000200/state.safetensors    network, average, best average, moments of the optimiser
    RUN/checkpoints/step-000200/state.json           where the run stands, digests of the weights and the configuration

A folder appears whole or not at all (written beside, synchronised, renamed), and the one before stays until then.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from findings.errors import ModelError, OutputError
from models.checkpoint import file_sha256

KEPT = 2
_NAME = re.compile(r"step-\d{6,}")
State = dict[str, torch.Tensor]


@dataclass(slots=True)
class Standing:
    """Where a run stands, besides its tensors.

    Attributes:
        step: steps done.
        measured: step of the last measurement; -1 for none.
        best_score: of the best measurement.
        best_step: its step.
        since_best: measurements after it.
        seconds: time spent in the loop, over all its parts.
        sums: of each part of the loss since the last line of the metrics.
        counted: steps in those sums.
        processes: that train together.
    """

    step: int = 0
    measured: int = -1
    best_score: float = -1.0
    best_step: int = 0
    since_best: int = 0
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    counted: int = 0
    processes: int = 1


def save_snapshot(folder: Path, standing: Standing, state: Mapping[str, torch.Tensor], digest: str) -> Path:
    """Write a checkpoint into ``folder`` (``RUN/checkpoints``), drop all but the last two, and return its folder.

    Raises:
        OutputError: the disk is full or the place cannot be written; the checkpoints before it are untouched.
    """
    path = folder / f"step-{standing.step:06d}"
    partial = folder / f"{path.name}.partial"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
        save_file(tensors, partial / "state.safetensors")
        record = {"config": digest, "sha256": file_sha256(partial / "state.safetensors"), "standing": asdict(standing)}
        (partial / "state.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        for name in ("state.safetensors", "state.json"):
            _synchronise(partial / name)
        shutil.rmtree(path, ignore_errors=True)
        partial.rename(path)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        last = snapshots(folder)
        kept = f"{last[-1].name} is kept" if last else "there is none before it"
        raise OutputError(
            f"{path}: the checkpoint could not be written ({getattr(error, 'strerror', None) or error}); {kept}: "
            "free some space and go on with --resume"
        ) from error
    for old in snapshots(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return path


def snapshots(folder: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted((p for p in found if _NAME.fullmatch(p.name)), key=lambda p: int(p.name.removeprefix("step-")))


def load_last(folder: Path, digest: str) -> tuple[Standing, State, list[str]] | None:
    """Return the newest sound checkpoint with a note for each damaged one that was passed over; None without any.

    Raises:
        ModelError: there are checkpoints and every one is damaged, or the run is of another configuration.
    """
    notes: list[str] = []
    found = snapshots(folder)
    for path in reversed(found):
        try:
            standing, state = _load(path, digest)
        except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
            notes.append(f"{path.name} is damaged ({error})")
            continue
        return standing, state, notes
    if found:
        raise ModelError(f"{folder}: no sound checkpoint: {'; '.join(notes)}; begin anew: --restart")
    return None


def _load(path: Path, digest: str) -> tuple[Standing, State]:
    record: Any = json.loads((path / "state.json").read_text(encoding="utf-8"))
    weights = path / "state.safetensors"
    actual = file_sha256(weights)
    if actual != record["sha256"]:
        raise ValueError(f"sha256 {actual[:12]}... of its weights, {str(record['sha256'])[:12]}... in its record")
    if record["config"] != digest:
        raise ModelError(f"{path}: of another configuration; give the run's own, or begin anew: --restart")
    return Standing(**record["standing"]), load_file(weights)


def _synchronise(path: Path) -> None:
    """Have a file on the disk before its folder gets its name: a power cut must not leave an empty checkpoint."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
