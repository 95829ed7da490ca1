from __future__ import annotations

from pathlib import Path

import pytest

from findings.errors import ConfigError
from findings.store import Store, store_home, store_url


def test_the_flag_wins_over_the_environment_and_that_over_the_xdg_folder(tmp_path: Path) -> None:
    xdg = {"XDG_DATA_HOME": str(tmp_path / "data")}
    both = {**xdg, "MIZUHASHI_HOME": str(tmp_path / "env")}
    assert store_home(tmp_path / "flag", both) == tmp_path / "flag"
    assert store_home(None, both) == tmp_path / "env"
    assert store_home(None, xdg) == tmp_path / "data" / "mizuhashi"
    assert store_home(None, {}) == Path.home() / ".local" / "share" / "mizuhashi"


def test_a_relative_xdg_folder_is_ignored_as_its_specification_demands() -> None:
    assert store_home(None, {"XDG_DATA_HOME": "data"}) == store_home(None, {})


@pytest.mark.parametrize("url", ["mysql://server/db", "no url at all", "duckdb:///file"])
def test_a_url_of_another_database_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected sqlite:///PATH or postgresql://"):
        Store(url, tmp_path)


def test_a_home_that_cannot_stand_in_a_url_is_refused() -> None:
    with pytest.raises(ConfigError, match="choose another folder"):
        store_url(Path("/homes/what?"))
