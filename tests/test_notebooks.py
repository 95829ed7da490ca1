"""Every notebook runs from top to bottom on a store with findings in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from findings.store import Store, store_url
from inference.pipeline import inspect_survey
from tests.inference.test_pipeline import CPU, Dark, Shelf, survey_of, wall

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.ipynb")))
def test_a_notebook_runs_from_top_to_bottom(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    with Store(store_url(home), home) as store:
        store.upgrade()
        survey_of(store, wall(tmp_path / "a.png", (60, 80), (150, 140)))
        shelf: Any = Shelf(Dark("crack", "6", 90))
        inspect_survey(store, "s", registry=shelf, device=CPU, home=home)
    monkeypatch.setenv("MIZUHASHI_HOME", str(home))
    cells = json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"]
    scope: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), scope)
    said = capsys.readouterr().out
    assert "ひびわれ" in said
    assert "'one grade': 2" in said  # two wide cracks side by side: width and spacing are known
