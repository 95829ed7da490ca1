"""The whole chain through the installed command: files in, ranked list out; a changed input moves the rank."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from findings.standard import FOLDER
from imagery.synthetic.concrete import ConcretePhoto, ConcreteSpec, generate_concrete
from imagery.synthetic.photograph import write_photograph

COMMAND = Path(sys.executable).parent / "mizuhashi"
NAMES = ("route", "detour")  # two bridges: one on an emergency route, the other without a detour
ASSETS = {
    "route": {"structure": "RC", "emergency_route": "1", "detour_km": 0},
    "detour": {"structure": "PC", "emergency_route": "0", "detour_km": 50},
}
GSD_MM = 0.5


def cracked_wall() -> ConcretePhoto:
    """One wall with one crack about 3 mm wide: in the widest class of RC and of PC, whatever the interval."""
    spec = ConcreteSpec(
        width_px=512, height_px=512, gsd_mm=GSD_MM, cracks=1, crack_width_mm=(3.0, 3.2), crack_length=(0.6, 1.2),
        branches=0.0, edge_dirt=0.0, crack_core=(0.05, 0.1),
    )  # fmt: skip
    return generate_concrete(np.random.default_rng(13), spec)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the assets and a photograph of the same wall for each bridge; only the JPEG quality differs."""
    folder = tmp_path_factory.mktemp("material")
    wall = cracked_wall()
    features = []
    for place, name in enumerate(NAMES):
        lonlat = (131.47 + 0.01 * place, 34.18)
        write_photograph(
            wall, folder / f"{name}.jpg", captured_at=datetime(2024, 5, 1, 3, tzinfo=UTC), lonlat=lonlat,
            quality=95 - place,
        )  # fmt: skip
        properties = {"id": name, "kind": "bridge", "name": f"generated {name}", **ASSETS[name]}
        point = {"type": "Point", "coordinates": list(lonlat)}
        features.append({"type": "Feature", "properties": properties, "geometry": point})
    (folder / "assets.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return folder


def mizuhashi(home: Path, *words: object, standards: Path | None = None) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MIZUHASHI_")}
    environment["MIZUHASHI_HOME"] = str(home)
    if standards is not None:
        environment["MIZUHASHI_STANDARDS"] = str(standards)
    command = [str(COMMAND), *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def take_in(home: Path, folder: Path) -> None:
    mizuhashi(home, "assets", "import", folder / "assets.geojson")
    for name in NAMES:
        mizuhashi(home, "ingest", folder / f"{name}.jpg", "--survey", name, "--asset", name)


def ranked(home: Path, folder: Path, out: Path, standards: Path | None = None) -> list[str]:
    """Inspect both surveys and return the bridges in the order of the exported list."""
    for name in NAMES:
        mizuhashi(home, "inspect", "--survey", name, "--device", "cpu", standards=standards)
    mizuhashi(home, "findings", "export", "--format", "geojson", "--out", out, standards=standards)
    names = {hashlib.sha256((folder / f"{name}.jpg").read_bytes()).hexdigest(): name for name in NAMES}
    features: list[dict[str, Any]] = json.loads(out.read_text())["features"]
    order = [names[feature["properties"]["capture"]["sha256"]] for feature in features]
    return list(dict.fromkeys(order))


def standards_with(folder: Path, name: str, change: Any) -> Path:
    content = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    change(content)
    folder.mkdir()
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def home(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home with both surveys inspected once."""
    home = tmp_path_factory.mktemp("home")
    take_in(home, material)
    assert ranked(home, material, home / "first.geojson") == ["route", "detour"]
    return home


@pytest.mark.slow
def test_the_exported_list_carries_grade_trace_size_and_overlay(home: Path) -> None:
    for feature in json.loads((home / "first.geojson").read_text())["features"]:
        properties = feature["properties"]
        assert properties["damage_id"] == "6"
        assert properties["grade_rule_trace"]
        assert any(m["name"] == "width_p95" and m["unit"] == "mm" for m in properties["measures"])
        assert (home / properties["evidence"]["overlay"]).stat().st_size > 1000
        assert "soundness" not in json.dumps({k: v for k, v in properties.items() if k != "priority"})


@pytest.mark.slow
def test_a_second_run_adds_nothing(home: Path, material: Path, tmp_path: Path) -> None:
    mizuhashi(home, "inspect", "--survey", "route", "--device", "cpu")
    before = json.loads((home / "first.geojson").read_text())
    mizuhashi(home, "findings", "export", "--format", "geojson", "--out", tmp_path / "again.geojson")
    again = json.loads((tmp_path / "again.geojson").read_text())
    assert [f["id"] for f in again["features"]] == [f["id"] for f in before["features"]]


@pytest.mark.slow
def test_one_changed_weight_moves_the_rank(home: Path, material: Path, tmp_path: Path) -> None:
    def favour_detours(profile: dict[str, Any]) -> None:
        profile["consequence"]["emergency_route"]["weight"] = 0.05
        profile["consequence"]["detour_km"]["weight"] = 0.40

    standards = standards_with(tmp_path / "weights", "priority_profile", favour_detours)
    assert ranked(home, material, tmp_path / "out.geojson", standards) == ["detour", "route"]


@pytest.mark.slow
def test_one_changed_rule_moves_the_rank(home: Path, material: Path, tmp_path: Path) -> None:
    def forgive_reinforced_concrete(rules: dict[str, Any]) -> None:
        rules["crack"]["width_class_mm"]["RC"] = {"small": 0.0, "medium": 50.0, "large": 60.0}

    standards = standards_with(tmp_path / "rules", "grade_rules", forgive_reinforced_concrete)
    assert ranked(home, material, tmp_path / "out.geojson", standards) == ["detour", "route"]


@pytest.mark.slow
def test_one_changed_region_of_pixels_moves_the_rank(material: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    for file in material.iterdir():
        (changed / file.name).write_bytes(file.read_bytes())
    wall = cracked_wall()
    grown = cv2.dilate(wall.masks["crack"].astype(np.uint8), np.ones((9, 9), np.uint8))
    mended = wall.image.copy()
    mended[:, :] = cv2.inpaint(wall.image, grown, 5, cv2.INPAINT_TELEA)
    image = np.where(grown[..., None] > 0, mended, wall.image).astype(np.uint8)

    write_photograph(
        replace(wall, image=image), changed / "route.jpg", captured_at=datetime(2024, 5, 1, 3, tzinfo=UTC),
        lonlat=(131.47, 34.18),
    )  # fmt: skip
    home = tmp_path / "home"
    take_in(home, changed)
    assert ranked(home, changed, home / "list.geojson")[0] == "detour"
