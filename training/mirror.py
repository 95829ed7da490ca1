"""A copy of a run in MLflow, for teams that look at their runs there; run folder and registry stay the truth.

Parameters, metrics by step, the files of the run folder and the bundle go to the tracking server, and the version is
registered with its bundle as the source. Nothing is pickled. A mirror that fails costs one line of warning and no run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from findings.errors import ConfigError
from training.config import TrainConfig
from training.run_folder import Row, RunFolder

Log = Callable[[str], None]
RUN_ID = "mlflow.txt"
VERSION_TAG, DIGEST_TAG = "mizuhashi.version", "mizuhashi.weights_sha256"
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # on by default since 3.2; read when the package is imported
    "DO_NOT_TRACK": "true",
    # an unreachable server must not hold the training for the default of many minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


class Mirror:
    """One run in MLflow.

    Args:
        uri: of the tracking server or store, e.g. ``sqlite:///mlflow.db`` or ``http://127.0.0.1:5000``.
        log: takes the line that says what could not be mirrored.

    Raises:
        ConfigError: the extra is not installed.
    """

    def __init__(self, uri: str, log: Log) -> None:
        self._client = open_client(uri)
        self._log = log
        self._run_id: str | None = None
        self._works = True

    def begin(self, config: TrainConfig, run: RunFolder) -> None:
        """Begin the copy, or take up the one that a killed run began; every line of the metrics follows."""
        self._try(lambda: self._begin(config, run))
        run.watch = self.row

    def row(self, row: Row) -> None:
        """Copy one line of the metrics."""
        self._try(lambda: self._row(row))

    def end(self, run: RunFolder, bundle: Path, config: TrainConfig, alias: str | None) -> None:
        """Copy the files of the run and the bundle, and register the version; checkpoints stay where they are."""
        self._try(lambda: self._end(run, bundle, config, alias))

    def _begin(self, config: TrainConfig, run: RunFolder) -> None:
        known = run.path / RUN_ID
        if known.is_file():
            self._run_id = known.read_text(encoding="utf-8").strip()
            self._client.update_run(self._run_id, status="RUNNING")
            return
        found = self._client.get_experiment_by_name(config.name)
        experiment = self._client.create_experiment(config.name) if found is None else found.experiment_id
        begun = self._client.create_run(experiment, run_name=f"{config.name}-{config.version}")
        self._run_id = str(begun.info.run_id)
        known.write_text(self._run_id + "\n", encoding="utf-8")
        for name, value in _flat(config.model_dump(mode="json")).items():
            self._client.log_param(self._run_id, name, value)

    def _row(self, row: Row) -> None:
        numbers = {k: float(v) for k, v in row.items() if isinstance(v, int | float) and not isinstance(v, bool)}
        numbers |= {f"score/{_name(k)}": float(v) for k, v in row.get("scores", {}).items()}
        for name, value in numbers.items():
            if name != "step":
                self._client.log_metric(self._run_id, name, value, step=int(row["step"]))

    def _end(self, run: RunFolder, bundle: Path, config: TrainConfig, alias: str | None) -> None:
        for path in sorted(run.path.iterdir()):
            if path.is_file():
                self._client.log_artifact(self._run_id, str(path), "run")
        if (run.path / "samples").is_dir():
            self._client.log_artifacts(self._run_id, str(run.path / "samples"), "run/samples")
        self._client.log_artifacts(self._run_id, str(bundle), "bundle")
        source = f"{self._client.get_run(self._run_id).info.artifact_uri}/bundle"
        if not self._client.search_registered_models(f"name = '{config.name}'"):
            self._client.create_registered_model(config.name)
        version = self._client.create_model_version(
            config.name, source=source, run_id=self._run_id, tags={VERSION_TAG: config.version}
        )
        if alias is not None:
            self._client.set_registered_model_alias(config.name, alias, version.version)
        self._client.set_terminated(self._run_id)

    def _try(self, what: Callable[[], None]) -> None:
        if not self._works:
            return
        try:
            what()
        except Exception as error:  # noqa: BLE001 - whatever the mirror does, the training goes on
            self._works = False
            first = (str(error).splitlines() or [""])[0]
            self._log(f"warning: MLflow is no longer fed ({type(error).__name__}: {first}); the training goes on")


def mirror_aliases(uri: str, name: str, aliases: Mapping[str, str | None]) -> None:
    """Move aliases in MLflow to the copies of the versions that they mean in the registry; None takes one away.

    An alias whose version was never mirrored is taken away there, lest it go on meaning the version before.

    Raises:
        ConfigError: the extra is not installed, the store cannot be used, or a version was never mirrored there.
    """
    client = open_client(uri)
    try:
        copies = {alias: version and _copy_of(client, name, version) for alias, version in aliases.items()}
        for alias, copy in copies.items():
            if copy is not None:
                client.set_registered_model_alias(name, alias, copy)
            elif client.search_registered_models(f"name = '{name}'"):
                client.delete_registered_model_alias(name, alias)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise ConfigError(f"MLflow at {uri}: {type(error).__name__}: {first}; check address and server") from error
    lacking = [f"{name}@{aliases[alias]}" for alias, copy in copies.items() if copy is None and aliases[alias]]
    if lacking:
        raise ConfigError(
            f"{', '.join(lacking)} is not in MLflow at {uri}, so nothing there has its alias; versions get there by "
            f"training with --mlflow {uri}"
        )


def _copy_of(client: Any, name: str, version: str) -> str | None:
    """Return MLflow's own number of the newest copy of a version, None if it has none."""
    found = client.search_model_versions(f"name = '{name}' and tags.`{VERSION_TAG}` = '{version}'")
    return max((str(each.version) for each in found), key=int, default=None)


def open_client(uri: str) -> Any:
    """Return a client of MLflow that reports nothing to its makers.

    Raises:
        ConfigError: the extra is not installed.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise ConfigError(f"--mlflow {uri}: MLflow is not installed; install the extra: mizuhashi[mlflow]") from error
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as ``loss.dice: 1.0``; paths by their last part: the rest is nobody's business."""
    out: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            out |= _flat(value, f"{name}.")
        elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
            for number, each in enumerate(value):
                out |= (
                    _flat(each, f"{name}.{number}.") if isinstance(each, Mapping) else {f"{name}.{number}": str(each)}
                )
        elif value is not None:
            out[name] = Path(value).name if key == "root" else str(value)[:6000]
    return out


def _name(text: str) -> str:
    """Return text with only the characters that MLflow takes in names."""
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in text)
