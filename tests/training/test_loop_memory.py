"""A training that runs out of memory, or that is asked to go on where nothing is, says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from findings.errors import ConfigError
from mizuhashi.__main__ import main
from tests.training.test_loop_resume import SMALL
from training import loop
from training.config import read_config
from training.losses import loss
from training.run_folder import RunFolder
from training.snapshots import snapshots

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_a_lack_of_memory_names_what_needs_less_and_keeps_the_last_checkpoint(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    done = 0

    def full(*args: Any) -> Any:
        nonlocal done
        done += 1
        if done > 4:
            raise error
        return loss(*args)

    config = read_config(config_file, (*SMALL, "crop_px=64"))
    said = r"batch 2 of 64 px.*kept as of step-000003.*--resume.*--restart.*batch=1 accumulate=2.*crop_px=32.*gradient_"
    with monkeypatch.context() as patch:
        patch.setattr(loop, "loss", full)
        with pytest.raises(ConfigError, match=said):
            loop.train_network(config, RunFolder(tmp_path), CPU, print)
    assert [path.name for path in snapshots(tmp_path / "checkpoints")] == ["step-000003"]


def test_another_error_of_the_network_stays_what_it_is(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(loop, "loss", broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        loop.train_network(read_config(config_file, SMALL), RunFolder(tmp_path), CPU, print)


def test_a_run_that_is_not_there_is_not_begun_by_resuming_it(
    config_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out/runs/tiny-1").mkdir(parents=True)
    words = ["train", str(config_file), "--out", str(tmp_path / "out"), "--set", "version=11", "--resume"]
    assert main(words) == 1
    error = capfd.readouterr().err
    assert "tiny-11: no training of that name and version to resume; there are tiny-1: correct" in error
    assert not (tmp_path / "out/runs/tiny-11").exists()
    assert main([*words, "--restart"]) == 1
    assert "--resume and --restart contradict each other; give one" in capfd.readouterr().err
