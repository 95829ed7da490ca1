"""The folder of one training: what was asked, what happened, and what it can go on from.

::

    RUN/config.yaml          the configuration, every default written out
    RUN/environment.json     versions, device, threads, code revision
    RUN/data.json            digest, licence and role of every source
    RUN/commands.txt         the command that began it and those that went on with it
    RUN/metrics.jsonl        one line a log point
    RUN/curves.png           loss, rate and scores
    RUN/samples/             picture, truth and prediction side by side
    RUN/checkpoints/         see training.snapshots
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import torch
import yaml

from findings.errors import ConfigError, OutputError
from findings.files import whole_file
from training.config import TrainConfig, load_yaml
from training.parallel import Group

Row = dict[str, Any]
Existing = Literal["refuse", "resume", "restart"]

FREE = frozenset({"workers", "save_every", "patience", "learning_rate", "clip_norm", "limits"})
"""Settings that a continued run may change; every other one would make it another run."""
_PACKAGES = ("torch", "torchvision", "timm", "segmentation-models-pytorch", "numpy", "opencv-python-headless")
_KEPT = "the run is kept as of its last checkpoint: free some space and go on with --resume"


def written(path: Path) -> AbstractContextManager[Path]:
    """Return `whole_file` with the remedy of a run.

    Raises:
        OutputError: the disk is full or the place cannot be written.
    """
    return whole_file(path, remedy=_KEPT)


class RunFolder:
    """The folder of one training and its plain files.

    Args:
        path: where it lies or shall lie.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.watch: Callable[[Row], None] | None = None

    def open(
        self,
        config: TrainConfig,
        command: str,
        existing: Existing,
        environment: Mapping[str, Any],
        data: Sequence[Row] = (),
    ) -> None:
        """Make the folder, or take up the one that is there.

        Args:
            config: of the run.
            command: that begins it or goes on with it.
            existing: what to do with a folder that is there.
            environment: see `environment_of`.
            data: a row for each source, with ``role``, ``name`` and ``digest``.

        Raises:
            ConfigError: it exists and nobody said what to do with it, or it is of another configuration or other data.
            OutputError: it cannot be written.
        """
        self.check_presence(existing)
        if existing == "restart":
            shutil.rmtree(self.path, ignore_errors=True)
        if (self.path / "config.yaml").is_file():
            self._check(config)
            self._check_data(data)
        with written(self.path / "config.yaml") as partial:
            partial.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
        for name, content in (("environment.json", environment), ("data.json", data)):
            with written(self.path / name) as partial:
                partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        self._add(self.path / "commands.txt", command)

    def check_presence(self, existing: Existing) -> None:
        """Refuse to begin over an unfinished run unasked, and to go on with one that is not there.

        Raises:
            ConfigError: so it is; a mistyped version would else train anew for hours.
        """
        if self.path.exists() and existing == "refuse":
            raise ConfigError(
                f"{self.path} holds an unfinished training; go on with it: --resume, or throw it away: --restart"
            )
        if not self.path.exists() and existing == "resume":
            others = sorted(path.name for path in self.path.parent.glob("*") if path.is_dir())
            raise ConfigError(
                f"{self.path}: no training of that name and version to resume; "
                f"there are {', '.join(others) or 'none'}: correct name or version, or begin one without --resume"
            )

    def commands(self) -> tuple[str, ...]:
        """Return the command that began the run and those that went on with it."""
        return tuple((self.path / "commands.txt").read_text(encoding="utf-8").splitlines())

    def append(self, row: Row) -> None:
        """Add one line to ``metrics.jsonl``.

        Raises:
            OutputError: the disk is full.
        """
        self._add(self.path / "metrics.jsonl", json.dumps(row))
        if self.watch is not None:
            self.watch(row)

    def rows(self) -> list[Row]:
        """Return the lines of ``metrics.jsonl``; a last line that a kill tore is left out."""
        path = self.path / "metrics.jsonl"
        rows = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            with suppress(ValueError):
                rows.append(json.loads(line))
        return rows

    def cut(self, step: int) -> None:
        """Drop the lines after a step: the continued run writes them again.

        Raises:
            OutputError: the disk is full.
        """
        kept = [row for row in self.rows() if row["step"] <= step]
        with written(self.path / "metrics.jsonl") as partial:
            partial.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")

    def _check(self, config: TrainConfig) -> None:
        try:
            before = load_yaml(self.path / "config.yaml")
        except ConfigError as error:
            raise ConfigError(f"{error}; begin anew: --restart") from error
        now = config.model_dump(mode="json")
        other = sorted(key for key in {*before, *now} - FREE if before.get(key) != now.get(key))
        if other:
            raise ConfigError(
                f"{self.path} was begun with other settings ({', '.join(other)}); give those of its config.yaml, "
                "set another version, or throw the run away: --restart"
            )

    def _check_data(self, data: Sequence[Row]) -> None:
        """Refuse pictures or labels that changed since the run began: its second half would learn something else."""
        path = self.path / "data.json"
        if not path.is_file():
            return
        try:
            before = [(row["role"], row["name"], row["digest"]) for row in json.loads(path.read_bytes())]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: unreadable ({error}); begin anew: --restart") from error
        now = [(row["role"], row["name"], row["digest"]) for row in data]
        if before != now:
            other = ", ".join(sorted({name for _, name, _ in {*before} ^ {*now}}))
            raise ConfigError(
                f"the pictures or labels of {other} changed since {self.path} was begun; put them back, or begin anew: "
                "--restart"
            )

    @staticmethod
    def _add(path: Path, line: str) -> None:
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise OutputError(f"{path}: could not be written ({error.strerror or error}); {_KEPT}") from error


def config_digest(config: TrainConfig) -> str:
    """Return the hex SHA-256 of everything in a configuration that a continued run may not change."""
    content = {key: value for key, value in config.model_dump(mode="json").items() if key not in FREE}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def environment_of(device: torch.device, group: Group, config: TrainConfig) -> dict[str, Any]:
    """Return what a later reader needs to judge a run: versions, device, threads and revision; no path, no host."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: _version(name) for name in (*_PACKAGES, "mizuhashi")},
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "processes": group.size,
        "precision": config.precision,
        "revision": _revision(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _revision() -> str | None:
    """Return the git revision of this code, None where it is not a work tree."""
    where = Path(__file__).resolve().parents[1]
    if not (where / ".git").exists():
        return None
    command = ["git", "-C", str(where), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
