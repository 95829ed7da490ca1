"""The command line on both databases, by ``MIZUHASHI_DATABASE_URL``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mizuhashi.__main__ import main
from tests.findings.store.conftest import postgres_url, url
from tests.inference.test_pipeline import river_scene

__all__ = ["postgres_url", "url"]


def test_files_become_a_ranked_list_in_the_database_that_the_url_names(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIZUHASHI_DATABASE_URL", url)
    monkeypatch.setenv("MIZUHASHI_HOME", str(tmp_path / "home"))
    scenes = [river_scene(tmp_path / f"reach_{year}0601.tif", bottom) for year, bottom in ((2018, 45), (2022, 50))]
    assert main(["ingest", *map(str, scenes), "--survey", "s"]) == 0
    capsys.readouterr()
    assert main(["inspect", "--survey", "s", "--model", "mndwi", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["findings_new"] == first["findings_total"] > 0
    assert main(["inspect", "--survey", "s", "--model", "mndwi", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings_new"] == 0
    assert main(["findings", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert "R17" in {row["properties"]["damage_id"] for row in listed}
    assert main(["db", "check"]) == 0
    assert not (tmp_path / "home" / "mizuhashi.db").exists()
