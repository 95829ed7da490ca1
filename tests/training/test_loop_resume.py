"""A training that is killed, stopped or runs out of disk goes on with the very curve that it would have had."""

from __future__ import annotations

import errno
import gc
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from findings.errors import ConfigError, ModelError, OutputError
from mizuhashi.__main__ import main
from models.checkpoint import file_sha256
from training import loop, losses, snapshots
from training.config import LossConfig, TrainConfig, read_config
from training.run_folder import RunFolder
from training.train import train

CPU = torch.device("cpu")
SMALL = (
    "architecture.encoder=tu-test_efficientnet", "architecture.options={decoder_channels: [8, 8, 8, 8, 8]}",
    "crop_px=32", "batch=2", "steps=8", "evaluate_every=4", "save_every=3",
)  # fmt: skip
TIMES = ("seconds", "seconds_per_step", "waiting", "memory_gib")


class Killed(BaseException):
    """Stands for a kill in the middle of a step."""


@pytest.fixture(autouse=True)
def _every_second_step_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY", 2)  # a checkpoint at step 3 lies between two lines


@pytest.fixture
def small(config_file: Path) -> TrainConfig:
    return read_config(config_file, SMALL)


def curve(folder: Path) -> list[dict[str, Any]]:
    return [{key: row[key] for key in row if key not in TIMES} for row in RunFolder(folder).rows()]


def run_of(config: TrainConfig, folder: Path, said: list[str] | None = None) -> dict[str, torch.Tensor]:
    network = loop.train_network(config, RunFolder(folder), CPU, print if said is None else said.append)
    return {key: value.clone() for key, value in network.state_dict().items()}


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch, how: Any) -> None:
    """Have something happen in the middle of a step, after its loss is known."""
    whole = losses.loss
    done = 0

    def counted(*args: Any) -> Any:
        nonlocal done
        done += 1
        if done == step:
            how()
        return whole(*args)

    monkeypatch.setattr(loop, "loss", counted)


def kill() -> None:
    raise Killed


def break_off(config: TrainConfig, folder: Path, monkeypatch: pytest.MonkeyPatch, step: int = 8) -> None:
    with monkeypatch.context() as patch:
        stop_at(step, patch, kill)
        with pytest.raises(Killed):
            run_of(config, folder)


def test_a_killed_run_goes_on_with_the_same_curve_to_the_same_weights(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_of(small, tmp_path / "whole")
    break_off(small, tmp_path / "broken", monkeypatch)
    assert [path.name for path in snapshots.snapshots(tmp_path / "broken/checkpoints")] == [
        "step-000003",
        "step-000006",
    ]
    with (tmp_path / "broken/metrics.jsonl").open("a") as file:
        file.write('{"step": 8, "lo')  # torn by the kill
    said: list[str] = []
    resumed = run_of(small, tmp_path / "broken", said)
    assert said[0] == "going on after step 6 of 8"
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")
    assert [row["step"] for row in curve(tmp_path / "whole") if "loss" in row] == [2, 4, 6, 8]
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)


def test_random_layers_go_on_with_the_same_draws(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dropping(*_: Any, **__: Any) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Dropout2d(0.5), nn.Conv2d(8, 1, 1))

    monkeypatch.setattr(loop, "build_network", dropping)
    whole = run_of(small, tmp_path / "whole")
    break_off(small, tmp_path / "broken", monkeypatch)
    torch.rand(3)
    resumed = run_of(small, tmp_path / "broken")
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)


def test_a_run_without_progress_ends_early_with_its_best_weights(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.5, 0.4, 0.3, 0.9])
    monkeypatch.setattr(loop, "selection_score", lambda *_: (next(scores), {}))
    run_of(small.model_copy(update={"evaluate_every": 2, "patience": 2}), tmp_path)
    assert [(row["step"], row["best"]) for row in curve(tmp_path) if "best" in row] == [
        (2, True),
        (4, False),
        (6, False),
    ]
    sheet = cv2.imread(str(tmp_path / "samples/step-000006.png"))
    assert sheet is not None
    assert sheet.shape == (26 + 22 + 96, 640, 3)
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_gradients_of_accumulated_batches_are_their_mean(small: TrainConfig, tmp_path: Path) -> None:
    plain = {"steps": 2, "evaluate_every": 2, "loss": LossConfig(dice=0.0), "learning_rate": 0.01}
    frozen = small.model_copy(update=plain)  # cross-entropy alone: Dice pools over a batch

    def losses_of(batch: int, accumulate: int) -> list[float]:
        with pytest.MonkeyPatch.context() as patch:
            network = lambda *_, **__: nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))  # noqa: E731
            patch.setattr(loop, "build_network", network)
            patch.setattr(loop, "LOG_EVERY", 1)
            folder = tmp_path / f"{batch}-{accumulate}"
            run_of(frozen.model_copy(update={"batch": batch, "accumulate": accumulate}), folder)
        return [row["loss"] for row in curve(folder) if "loss" in row]

    assert losses_of(2, 2) == pytest.approx(losses_of(4, 1), abs=1e-6)


def test_fine_tuning_starts_from_the_weights_of_the_registered_version(
    config_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--home", str(tmp_path / "home"), "train", str(config_file)]
    words += [word for item in SMALL for word in ("--set", item)]
    assert main(words) == 0
    tuned = [*words, "--set", "version=2", "--set", "based_on=tiny"]
    assert main([*tuned, "--set", 'classes=[{name: rust, damage: "8"}]']) == 1
    assert "must name the same" in capfd.readouterr().err
    assert main([*tuned, "--set", "architecture.options={decoder_channels: [16, 8, 8, 8, 8]}"]) == 1
    assert "do not fit" in capfd.readouterr().err
    seen: list[dict[str, torch.Tensor]] = []
    whole = loop._first_network

    def watched(config: TrainConfig, start: Any) -> nn.Module:
        seen.append(dict(whole(config, start).state_dict()))
        return whole(config, start)

    monkeypatch.setattr(loop, "_first_network", watched)
    assert main([*tuned, "--restart"]) == 0
    stored = load_file(tmp_path / "home/models/tiny/1/model.safetensors")
    assert all(torch.equal(seen[0][key], value.to(seen[0][key].dtype)) for key, value in stored.items())
    assert json.loads((tmp_path / "home/models/tiny/2/card.json").read_text())["based_on"] == "tiny@1"


def test_changed_labels_do_not_continue_a_run(small: TrainConfig, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    rows = [{"role": "train", "name": "walls", "digest": "1"}]
    run.open(small, "one", "refuse", {}, rows)
    run.open(small, "two", "resume", {}, rows)
    with pytest.raises(ConfigError, match=r"labels of walls changed.*--restart"):
        run.open(small, "three", "resume", {}, [{"role": "train", "name": "walls", "digest": "2"}])


def test_crops_drawn_by_processes_ahead_are_those_drawn_in_the_loop(small: TrainConfig, tmp_path: Path) -> None:
    run_of(small, tmp_path / "here")
    run_of(small.model_copy(update={"workers": 1}), tmp_path / "ahead")
    assert curve(tmp_path / "ahead") == curve(tmp_path / "here")


def test_a_terminated_run_saves_its_last_step_and_goes_on(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_of(small, tmp_path / "whole")
    said: list[str] = []
    with monkeypatch.context() as patch:
        stop_at(5, patch, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(SystemExit) as end:
            run_of(small, tmp_path / "broken", said)
    assert end.value.code == 128 + signal.SIGTERM
    assert said[-1] == "stopped after step 5; its checkpoint is saved: go on with --resume"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    run_of(small, tmp_path / "broken")
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")


def test_a_terminated_group_of_processes_saves_its_last_step_and_goes_on(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_of(small, tmp_path / "whole")
    ahead = small.model_copy(update={"workers": 1})
    said: list[str] = []

    def terminate_all() -> None:
        drawing = multiprocessing.active_children()
        assert len(drawing) == 1
        for pid in (*(child.pid for child in drawing), os.getpid()):
            os.kill(pid or 0, signal.SIGTERM)
        time.sleep(0.3)  # one that dies of it tells its parent meanwhile

    with monkeypatch.context() as patch:
        stop_at(5, patch, terminate_all)
        with pytest.raises(SystemExit) as end:
            run_of(ahead, tmp_path / "broken", said)
    assert end.value.code == 128 + signal.SIGTERM
    assert said[-1] == "stopped after step 5; its checkpoint is saved: go on with --resume"
    end = None  # type: ignore[assignment]  # the frames in it hold the loader
    until = time.monotonic() + 30
    while multiprocessing.active_children() and time.monotonic() < until:
        gc.collect()
        time.sleep(0.05)
    assert not multiprocessing.active_children(), "a process that draws outlives the training"
    run_of(ahead, tmp_path / "broken")
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")


def test_an_interrupt_while_measuring_leaves_at_once_and_the_run_measures_when_it_goes_on(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_of(small, tmp_path / "whole")

    def long(*_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        for _attempt in range(1000):
            time.sleep(0.01)
        raise AssertionError("went on measuring after the interrupt")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "selection_score", long)
        with pytest.raises(KeyboardInterrupt):
            run_of(small, tmp_path / "broken")
    run_of(small, tmp_path / "broken")
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")


def test_a_damaged_checkpoint_is_told_and_the_one_before_is_taken(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_of(small, tmp_path / "whole")
    break_off(small, tmp_path / "broken", monkeypatch)
    weights = tmp_path / "broken/checkpoints/step-000006/state.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    said: list[str] = []
    resumed = run_of(small, tmp_path / "broken", said)
    assert said[0].startswith("note: step-000006 is damaged (sha256 ")
    assert said[1] == "going on after step 3 of 8"
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")


def test_pickles_are_no_checkpoints_even_with_a_matching_digest(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(small, tmp_path, monkeypatch)
    for folder in snapshots.snapshots(tmp_path / "checkpoints"):
        torch.save({"network": torch.zeros(1)}, folder / "state.safetensors")
        record = json.loads((folder / "state.json").read_text())
        record["sha256"] = file_sha256(folder / "state.safetensors")
        (folder / "state.json").write_text(json.dumps(record))
    with pytest.raises(ModelError, match=r"no sound checkpoint: step-000006 .*step-000003 .*--restart"):
        run_of(small, tmp_path)


def test_a_checkpoint_is_safetensors_and_json_and_holds_all_that_goes_on(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(small, tmp_path, monkeypatch)
    folder = tmp_path / "checkpoints/step-000006"
    assert {path.name for path in folder.iterdir()} == {"state.json", "state.safetensors"}
    kinds = {key.partition(".")[0] for key in load_file(folder / "state.safetensors")}
    assert kinds == {"network", "average", "best", "moment"}
    assert str(tmp_path) not in (folder / "state.json").read_text()


def test_a_full_disk_is_told_and_the_run_goes_on_from_the_checkpoint_before(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_of(small, tmp_path / "whole")

    def full(tensors: Any, path: Path) -> None:
        if "000006" in str(path):
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(tensors, path)

    save = save_file
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "save_file", full)
        with pytest.raises(OutputError, match=r"step-000006.*No space left.*step-000003 is kept.*--resume"):
            run_of(small, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full/checkpoints").iterdir()] == ["step-000003"]
    resumed = run_of(small, tmp_path / "full")
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)
    assert curve(tmp_path / "full") == curve(tmp_path / "whole")


def test_metrics_that_cannot_be_written_stop_the_run_with_the_remedy(small: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(OutputError, match=r"metrics.jsonl: could not be written.*--resume"):
        run_of(small, tmp_path)


def test_an_unfinished_run_is_neither_continued_nor_thrown_away_unasked(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--home", str(tmp_path / "home"), "train", str(config_file), "--out", str(tmp_path / "out")]
    words += [word for item in SMALL for word in ("--set", item)]
    with monkeypatch.context() as patch:
        stop_at(5, patch, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert main(words) == 128 + signal.SIGTERM
    assert main(words) == 1
    error = capfd.readouterr().err
    assert "unfinished training" in error
    assert "--resume" in error
    assert "--restart" in error
    assert main([*words, "--resume", "--restart"]) == 1
    assert main([*words, "--resume", "--set", "batch=3"]) == 1
    assert "other settings (batch)" in capfd.readouterr().err
    assert main([*words, "--resume", "--set", "learning_rate=0.0001"]) == 0
    assert "going on after step 5 of 8" in capfd.readouterr().out
    card = json.loads((tmp_path / "out/tiny/1/card.json").read_text())
    assert len(card["commands"]) == 2
    assert "learning_rate=0.0001" in card["commands"][1]
    assert main([*words, "--restart"]) == 1
    assert "immutable" in capfd.readouterr().err


def test_a_run_that_is_killed_while_it_is_measured_is_finished_by_resuming(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("training.train.evaluate", killed)
        with pytest.raises(Killed):
            train(small, tmp_path, command="one", device=CPU, log=print)
    assert not (tmp_path / "tiny").exists()
    folder = train(small, tmp_path, command="two", device=CPU, log=print, existing="resume")
    assert (folder / "card.json").is_file()


@pytest.mark.slow
def test_a_run_killed_by_the_system_has_the_curve_of_one_that_was_not(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY", 20)  # as in the process that is killed
    words = ["--home", str(tmp_path / "home"), "train", str(config_file), "--set", "workers=1"]
    words += [word for item in (*SMALL, "steps=200", "save_every=5", "evaluate_every=50") for word in ("--set", item)]
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    process = subprocess.Popen(
        [sys.executable, "-m", "mizuhashi", *words, "--out", str(broken)], env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    until = time.monotonic() + 300
    while not snapshots.snapshots(broken / "runs/tiny-1/checkpoints") and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert main([*words, "--out", str(broken), "--resume"]) == 0
        assert main([*words, "--out", str(whole)]) == 0
    finally:
        torch.set_num_threads(threads)
    assert curve(broken / "runs/tiny-1") == curve(whole / "runs/tiny-1")
    weights = [load_file(folder / "tiny/1/model.safetensors") for folder in (broken, whole)]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[1])
    shutil.rmtree(tmp_path / "home", ignore_errors=True)
