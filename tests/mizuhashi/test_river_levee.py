"""`mizuhashi river levee`: generated levees from scenes to findings in the store, and bad input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from imagery.synthetic.river_levee import LeveeTruth, draw_levee, levee_scene
from imagery.synthetic.spectra import BANDS
from inference.river.grid import Grid
from tests.mizuhashi.conftest import Program

CRS, PIXEL_M, NORTH = "EPSG:6671", 10.0, -170_000.0
DAYS = (110, 200, 290)


@dataclass(frozen=True)
class Levee:
    truth: LeveeTruth
    scenes: list[Path]
    assets: Path
    crest: Path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Levee:
    folder = tmp_path_factory.mktemp("levee")
    rng = np.random.default_rng(4)
    truth = draw_levee(rng, patches=3)
    height, width = truth.bare.shape
    grid = Grid(CRS, (PIXEL_M, 0.0, 0.0, 0.0, -PIXEL_M, NORTH), height, width, PIXEL_M)
    scenes = []
    for day in DAYS:
        at = datetime(2023, 1, 1, 2, tzinfo=UTC) + timedelta(days=day)
        path = folder / f"scene-{at:%Y%m%dT%H%M%S}.tif"
        bands = np.clip(levee_scene(rng, truth, day), 1, 20000).astype(np.uint16)
        profile = {"driver": "GTiff", "width": width, "height": height, "count": len(BANDS), "dtype": "uint16"}
        transform = Affine(PIXEL_M, 0.0, 0.0, 0.0, -PIXEL_M, NORTH)
        with rasterio.open(path, "w", crs=CRS, transform=transform, nodata=0, **profile) as file:
            file.write(bands)
            file.descriptions = BANDS
            file.update_tags(TIFFTAG_DATETIME=at.strftime("%Y:%m:%d %H:%M:%S"))
        scenes.append(path)
    lonlat = grid.points(truth.line_px, "EPSG:4326").tolist()
    shape = {"type": "LineString", "coordinates": lonlat}
    reach = {"type": "Feature", "geometry": shape, "properties": {"uid": "r1", "kind": "river_reach", "name": "River"}}
    (folder / "assets.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [reach]}))
    (folder / "crest.geojson").write_text(json.dumps(shape))
    return Levee(truth, scenes, folder / "assets.geojson", folder / "crest.geojson")


def _ready(program: Program, levee: Levee) -> None:
    assert program("assets", "import", levee.assets).status == 0
    for scene in levee.scenes:
        day = scene.stem.removeprefix("scene-")
        at = datetime.strptime(day, "%Y%m%dT%H%M%S").replace(tzinfo=UTC).isoformat()
        taken = program("ingest", scene, "--survey", f"sat {day}", "--asset", "r1", "--captured-at", at)
        assert taken.status == 0, taken.err


def test_bare_patches_and_trees_are_recorded_with_place_grade_and_picture(program: Program, drawn: Levee) -> None:
    _ready(program, drawn)
    ran = program("river", "levee", "--reach", "r1", "--line", drawn.crest, "--width", 70, "--side", "left", "--json")
    assert ran.status == 0, ran.err
    found = ran.document["findings"]
    assert len(ran.document["dates"]) == len(DAYS)
    kinds = [one["details"]["kind"] for one in found]
    assert 1 <= kinds.count("bare patch") <= 4, kinds
    assert 1 <= kinds.count("tree intrusion") <= 5, kinds
    assert {one["damage"] for one in found} == {"R08"}
    assert {one["side"] for one in found} == {"left"}
    bare = [one["measures"][0] for one in found if one["details"]["kind"] == "bare patch"]
    true_m2 = float((drawn.truth.bare > 0.5).sum()) * PIXEL_M**2
    assert 0.3 * true_m2 < sum(one["value"] for one in bare) < 2.0 * true_m2
    listed = {row["id"]: row for row in program("findings", "list", "--limit", 100, "--json").document}
    assert {one["uid"] for one in found} <= set(listed)
    shown = program("findings", "show", found[0]["uid"]).out
    picture = next(line.split()[1] for line in shown.splitlines() if line.startswith("overlay"))
    assert Path(picture).stat().st_size > 1000
    assert "levee-grass@1" in shown
    table = program("river", "levee", "--reach", "r1", "--line", drawn.crest, "--width", 70)
    assert "樹木の侵入・植生異常" in table.out
    assert "km of levee on 3 scenes" in table.out + table.err


def test_a_place_keeps_its_first_day_and_what_is_gone_leaves_the_list(program: Program, drawn: Levee) -> None:
    _ready(program, drawn)
    words = ("river", "levee", "--reach", "r1", "--line", drawn.crest, "--width", 70, "--json")
    early = program(*words, "--to", "2023-08-30").document["findings"]
    late = program(*words, "--from", "2023-07-01").document["findings"]
    first = min(one["details"]["first_seen"] for one in early)
    assert any(one["details"]["first_seen"] == first for one in late), "the place was called in spring already"
    listed = {row["id"] for row in program("findings", "list", "--limit", 100, "--json").document}
    assert listed == {one["uid"] for one in late}


def test_bad_input_is_refused_with_the_remedy(program: Program, drawn: Levee, tmp_path: Path) -> None:
    _ready(program, drawn)
    base = ("river", "levee", "--reach", "r1")
    assert "give --width in metres" in program(*base, "--line", drawn.crest).err
    assert "give its crest with --line" in program(*base, "--width", 40).err
    wrong = tmp_path / "wrong.geojson"
    wrong.write_text(json.dumps({"type": "Point", "coordinates": [131.0, 34.0]}))
    assert "no line in it" in program(*base, "--line", wrong, "--width", 40).err
    wrong.write_text(json.dumps({"type": "LineString", "coordinates": [[500000, 3700000], [500100, 3700000]]}))
    assert "longitude and latitude" in program(*base, "--line", wrong, "--width", 40).err
    wrong.write_text("{")
    assert "no GeoJSON" in program(*base, "--line", wrong, "--width", 40).err
    wrong.write_text(json.dumps({"type": "LineString", "coordinates": [[10.0, 50.0], [10.01, 50.0]]}))
    assert "no scene of r1 shows the levee" in program(*base, "--line", wrong, "--width", 40).err
    narrow = program(*base, "--line", drawn.crest, "--width", 20)
    assert "2.0 px broad" in narrow.out + narrow.err
    assert "nothing stands out" in narrow.out + narrow.err
