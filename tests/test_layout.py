"""The seven packages come from this tree; `inference` and `models` are names of strangers' packages too."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("mizuhashi", "findings", "imagery", "models", "training", "inference", "api")


@pytest.mark.parametrize("name", PACKAGES)
def test_each_package_comes_from_this_tree(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve() == ROOT / name / "__init__.py"


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_every_folder_with_code_is_a_package(package: str) -> None:
    folders = {path.parent for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts}
    bare = sorted(str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file())
    assert bare == []
