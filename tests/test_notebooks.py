"""Every notebook runs from top to bottom on a store with findings in it, and says what it is there to say."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from findings.store import Store, store_url
from inference.pipeline import inspect_survey
from tests.inference.test_pipeline import CPU, Dark, Shelf, survey_of, wall

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
SAID = {
    "00_findings.ipynb": ("ひびわれ", "'one grade': 2"),  # two wide cracks side by side: width and spacing are known
    "01_imagery.ipynb": (
        "span1_Mg0101_001.jpg: 0.30 ± 0.05 mm/px (laser_range)",
        "requests for pictures: 3 then 0",
        "stack (3, 2, 60, 60) EPSG:32652 reflectance",
        "map water.png",
        "['data', 'mask']",
    ),
    "04_rivers.ipynb": (
        "transects, 35 scenes, EPSG:6671",
        "R17 河岸侵食",
        "took generated-river-2022",
        "wrote ['reach.html']",
    ),
    "02_training.ipynb": (
        "2 ['config.yaml', 'curves.png', 'data.json', 'environment.json', 'metrics.jsonl', 'reliability.png']",
        "champion: walls@2",
        "after rollback: walls@1",
    ),
}


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
    monkeypatch.setattr(sys, "path", list(sys.path))  # a notebook may add the project's root
    cells = json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"]
    scope: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), scope)
    said = capsys.readouterr().out
    for words in SAID[name]:
        assert words in said
