"""Fixtures that several packages' tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Before torch starts its threads: several test workers share the machine, and results must not depend on how many.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests import network

network.block()

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests, and the programs that they start, out of the user's own store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIZUHASHI_HOME", str(tmp_path_factory.mktemp("home") / "unused"))
        patch.delenv("MIZUHASHI_DATABASE_URL", raising=False)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data sets that lies beside the project; tests that need it are marked ``realdata``."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder of real data does not lie beside this clone")
    return folder
