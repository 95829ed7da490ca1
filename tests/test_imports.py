"""What a process must not load, seen in real processes; the contracts of the layers are checked by `lint-imports`."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from tests.test_layout import ROOT

HEAVY = ("torch", "torchvision", "timm", "rasterio", "cv2", "fastapi", "sqlalchemy", "numpy", "pydantic_settings")


def loaded_after(code: str, *names: str) -> list[str]:
    """Return which of the modules a fresh interpreter holds after running the code."""
    report = f"\nimport sys; print('LOADED', *[n for n in {names!r} if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True, cwd=ROOT)
    return run.stdout.strip().splitlines()[-1].split()[1:]


def test_help_loads_nothing_heavy() -> None:
    assert loaded_after("from mizuhashi.__main__ import main; assert main(['--help']) == 0", *HEAVY) == []


@pytest.mark.parametrize("command", ["demo", "ingest", "inspect", "findings", "models", "serve"])
def test_help_of_a_command_loads_nothing_heavy(command: str) -> None:
    code = f"from mizuhashi.__main__ import main; assert main([{command!r}, '--help']) == 0"
    assert loaded_after(code, *HEAVY) == []


def test_the_api_process_loads_no_network() -> None:
    unwanted = ("torch", "models", "inference", "training", "imagery", "rasterio", "cv2")
    assert loaded_after("import api.app, api.server", *unwanted) == []


def test_the_domain_core_loads_neither_network_nor_database() -> None:
    code = "import findings.taxonomy, findings.grading, findings.ranking, findings.geojson, findings.tables"
    assert loaded_after(code, "torch", "rasterio", "fastapi", "sqlalchemy", "cv2") == []


def test_the_store_loads_no_network() -> None:
    assert loaded_after("import findings.store", "torch", "rasterio", "fastapi", "cv2") == []


def test_every_module_of_the_exports_but_the_geopackage_is_in_the_contract_of_the_core() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    core = next(row for row in contracts if "pyogrio" in row.get("forbidden_modules", ()))
    modules = {f"findings.exports.{path.stem}" for path in (ROOT / "findings" / "exports").glob("*.py")}
    left_out = {"findings.exports.__init__", "findings.exports.geopackage"}
    assert modules - set(core["source_modules"]) == left_out
