from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from findings.errors import ConfigError
from mizuhashi.__main__ import main
from tests.test_layout import ROOT
from tests.training.test_loop_resume import SMALL
from training.batches import Batches
from training.config import read_config
from training.parallel import ALONE, Group, read_group
from training.run_folder import RunFolder
from training.snapshots import Standing, save_snapshot

# cross-entropy alone: Dice pools over a batch, so the mean of two halves is not that of the whole
PLAIN = (*SMALL, "loss={cross_entropy: 1.0, dice: 0.0}", "learning_rate=0.01", "steps=6", "evaluate_every=3")


def torchrun(processes: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run([*command, *arguments], capture_output=True, text=True, env=environment, check=False)


def script(processes: int, config: Path, out: Path, batch: int) -> str:
    out.mkdir()
    done = torchrun(
        processes, str(ROOT / "tests/training/ddp_script.py"), str(config), str(out), *PLAIN, f"batch={batch}"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_two_processes_end_with_equal_weights_like_one_with_the_doubled_batch(
    config_file: Path, tmp_path: Path
) -> None:
    said = script(2, config_file, tmp_path / "two", 2)
    script(1, config_file, tmp_path / "one", 4)
    first, second = (load_file(tmp_path / f"two/rank-{rank}.safetensors") for rank in (0, 1))
    alone = load_file(tmp_path / "one/rank-0.safetensors")
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert all(torch.allclose(first[key], alone[key], atol=1e-5) for key in alone)
    assert said.count("step 6: score") == 1  # one process measures, writes and speaks
    rows = [[row.get("loss") for row in RunFolder(tmp_path / which).rows()] for which in ("two", "one")]
    assert rows[0] == pytest.approx(rows[1], abs=1e-5)


@pytest.mark.slow
def test_the_command_under_torchrun_makes_one_version_and_refuses_another_number_of_processes(
    config_file: Path, tmp_path: Path
) -> None:
    words = [
        "-m",
        "mizuhashi",
        "--home",
        str(tmp_path / "home"),
        "train",
        str(config_file),
        "--out",
        str(tmp_path / "o"),
    ]
    words += [word for item in SMALL for word in ("--set", item)]
    done = torchrun(2, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wrote ") == 1
    assert (tmp_path / "o/tiny/1/card.json").is_file()


def test_a_run_of_two_processes_does_not_go_on_with_one(
    config_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from training.run_folder import config_digest

    config = read_config(config_file)
    folder = tmp_path / "out/runs/tiny-1/checkpoints"
    save_snapshot(folder, Standing(step=3, processes=2), {"network.x": torch.zeros(1)}, config_digest(config))
    assert main(["train", str(config_file), "--out", str(tmp_path / "out"), "--resume"]) == 1
    assert "begun by 2 processes, not 1" in capfd.readouterr().err


def test_two_processes_and_accumulation_draw_the_crops_of_one_large_batch(config_file: Path) -> None:
    def crops(batch: int, accumulate: int, group: Group, numbers: list[int]) -> torch.Tensor:
        batches = Batches(read_config(config_file, (f"batch={batch}", f"accumulate={accumulate}")), group)
        return torch.cat(
            [batches.draw(number).pixels.nan_to_num(-1.0) for number in numbers]
        )  # NaN is not its own equal

    whole = crops(4, 1, ALONE, [3])
    assert torch.equal(whole, crops(2, 2, ALONE, [6, 7]))
    assert torch.equal(whole, torch.cat([crops(2, 1, Group(rank, 2, rank), [3]) for rank in (0, 1)]))
    assert not torch.equal(whole, crops(4, 1, ALONE, [4]))


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"WORLD_SIZE": "2"}, "start by torchrun"),
        ({"RANK": "0"}, "start by torchrun"),
        ({"RANK": "1", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}, "RANK 1 of WORLD_SIZE 1"),
        ({"RANK": "0", "WORLD_SIZE": "two", "LOCAL_RANK": "0"}, "expected numbers"),
        ({"RANK": "2", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, "RANK 2"),
    ],
)
def test_a_contradicting_environment_is_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_group(environment)


def test_without_torchrun_a_process_is_alone() -> None:
    assert read_group({}) == ALONE
    assert read_group({"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"}) == ALONE
