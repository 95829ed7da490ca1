from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from findings.errors import ConfigError
from mizuhashi.__main__ import main
from models.registry import Registry
from tests.mizuhashi.versions import make_version
from tests.training.test_loop_resume import SMALL
from training.config import read_config
from training.mirror import VERSION_TAG, Mirror, open_client
from training.run_folder import RunFolder


def words(config_file: Path, tmp_path: Path, uri: str) -> list[str]:
    return [
        "--home", str(tmp_path / "home"), "train", str(config_file), "--out", str(tmp_path / "out"), "--mlflow", uri,
        *(word for item in SMALL for word in ("--set", item)),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of MLflow and its many packages
def test_a_run_and_its_version_are_mirrored_with_metrics_files_bundle_and_alias(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # artifacts of a sqlite store go below the working folder
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert main([*words(config_file, tmp_path, uri), "--mlflow-alias", "challenger"]) == 0
    client = open_client(uri)
    version = client.get_model_version_by_alias("tiny", "challenger")
    assert version.tags[VERSION_TAG] == "1"
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["learning_rate"] == "0.0006"
    assert run.data.params["train.0.root"].startswith("cracks")
    rows = RunFolder(tmp_path / "out/runs/tiny-1").rows()
    history = client.get_metric_history(version.run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(row["step"], row["loss"]) for row in rows if "loss" in row]
    files = {file.path for file in client.list_artifacts(version.run_id, "bundle")}
    assert {"bundle/card.json", "bundle/model.safetensors"} <= files
    assert {"run/curves.png", "run/config.yaml"} <= {f.path for f in client.list_artifacts(version.run_id, "run")}
    registry = Registry(tmp_path / "home")
    registry.add(tmp_path / "out/tiny/1")
    registry.add(make_version(tmp_path, "2"))
    home = ["--home", str(tmp_path / "home")]
    assert main([*home, "models", "promote", "tiny@1", "--mlflow", uri]) == 0
    assert client.get_model_version_by_alias("tiny", "champion").version == version.version
    forced = ["--force", "--reason", "a demonstration"]
    assert main([*home, "models", "promote", "tiny@2", *forced, "--mlflow", uri]) == 3
    assert "moved here, not in MLflow: tiny@2 is not in MLflow at" in capfd.readouterr().err
    assert registry.seat("tiny").version == "2"
    assert "champion" not in client.get_registered_model("tiny").aliases, "it would still mean version 1"
    assert main([*home, "models", "rollback", "tiny", "--mlflow", uri]) == 0
    assert client.get_model_version_by_alias("tiny", "champion").version == version.version
    assert registry.seat("tiny").version == "1"


class Broken:
    """A client whose every call fails."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError("nobody answers")


def test_a_mirror_that_fails_costs_one_line_and_no_run(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("training.mirror.open_client", lambda uri: Broken())
    assert main(words(config_file, tmp_path, "http://127.0.0.1:9")) == 0
    out = capfd.readouterr().out
    assert out.count("warning: MLflow is no longer fed (ConnectionError: nobody answers)") == 1
    assert (tmp_path / "out/tiny/1/card.json").is_file()


def test_without_the_extra_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigError, match=r"install the extra: mizuhashi\[mlflow\]"):
        Mirror("sqlite:///x.db", print)


def test_without_the_extra_nothing_is_promoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    registry = Registry(tmp_path / "home")
    registry.add(make_version(tmp_path, "1"))
    assert main(["--home", str(tmp_path / "home"), "models", "promote", "tiny@1", "--mlflow", "sqlite:///x.db"]) == 1
    assert "install the extra: mizuhashi[mlflow]" in capsys.readouterr().err
    assert registry.seat("tiny").version is None


def test_an_alias_without_a_place_is_refused_before_training(config_file: Path, tmp_path: Path) -> None:
    arguments = ["--home", str(tmp_path / "home"), "train", str(config_file), "--mlflow-alias", "champion"]
    assert main(arguments) == 1
    assert not (tmp_path / "home/training").exists()


def test_a_continued_run_goes_on_in_the_same_copy(config_file: Path, tmp_path: Path) -> None:
    config = read_config(config_file)
    run = RunFolder(tmp_path)
    (tmp_path / "mlflow.txt").write_text("abc\n")
    said: list[tuple[Any, ...]] = []

    class Client:
        def __getattr__(self, name: str) -> Any:
            return lambda *args, **kwargs: said.append((name, *args))

    mirror = Mirror.__new__(Mirror)
    mirror.__dict__.update(_client=Client(), _log=print, _run_id=None, _works=True)
    mirror.begin(config, run)
    run.append({"step": 3, "loss": 0.5, "best": True, "scores": {"1. val: crack": 0.25}})
    assert said == [
        ("update_run", "abc"),
        ("log_metric", "abc", "loss", 0.5),
        ("log_metric", "abc", "score/1. val_ crack", 0.25),
    ]
