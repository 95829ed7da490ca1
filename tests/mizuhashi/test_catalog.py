from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pystac
import pytest
from rio_tiler.io import Reader

from findings.store import Store, store_url
from tests.imagery.catalog.conftest import validate
from tests.mizuhashi.conftest import Program

Photo = Callable[..., Path]


@pytest.fixture
def survey(program: Program, photo: Photo) -> Path:
    """Take two photographs into a survey; returns their folder."""
    folder = [photo("a.jpg", 0), photo("b.jpg", 1)][0].parent
    assert program("ingest", folder, "--survey", "s", "--gsd-mm", "0.5").status == 0
    return folder


def test_write_and_check_through_the_program(program: Program, survey: Path, home: Path) -> None:
    ran = program("catalog", "write")
    assert ran.status == 0
    assert "2 items (2 new, 0 changed, 0 as they were), 0 removed" in ran.out
    assert validate(pystac.Catalog.from_file(str(home / "catalog" / "catalog.json"))) == 2
    checked = program("catalog", "check")
    assert (checked.status, checked.out) == (0, "2 items, 2 files: nothing wrong\n")
    assert program("catalog", "write", "--json").document["unchanged"] == 2


def test_a_moved_file_is_repaired_in_store_and_catalogue(program: Program, survey: Path, home: Path) -> None:
    program("catalog", "write")
    new = survey / "sub" / "renamed.jpg"
    new.parent.mkdir()
    (survey / "a.jpg").rename(new)
    told = program("catalog", "check")
    assert told.status == 1
    assert f"moved: {survey / 'a.jpg'} lies at {new} now; --repair takes it over" in told.err
    repaired = program("catalog", "check", "--repair")
    assert repaired.status == 0
    assert "1 repaired; nothing wrong" in repaired.out
    with Store(store_url(home), home) as store:
        (image,) = [i for i in store.images(store.survey("s").uid) if i.path == str(new)]
        assert [row.action for row in store.audit_rows(image.uid)] == ["added", "moved"]
    items = pystac.Catalog.from_file(str(home / "catalog" / "catalog.json")).get_items(recursive=True)
    assert str(new) in {asset.get_absolute_href() for item in items for asset in item.assets.values()}
    assert program("catalog", "check").status == 0


def test_what_cannot_be_repaired_stays_a_problem(program: Program, survey: Path) -> None:
    program("catalog", "write")
    (survey / "a.jpg").unlink()
    ran = program("catalog", "check", "--repair", "--json")
    assert ran.status == 1
    assert ran.document["counts"] == {"missing": 1}
    assert program("catalog", "write").status == 3


def test_a_new_file_in_the_folder_is_told_but_is_nothing_wrong(program: Program, survey: Path, photo: Photo) -> None:
    program("catalog", "write")
    photo("c.jpg", 2)
    ran = program("catalog", "check")
    assert ran.status == 0
    assert "c.jpg is in no survey; `mizuhashi ingest` takes pictures in" in ran.err


def test_an_assignment_makes_the_item_fall_behind_until_it_is_written(
    program: Program, survey: Path, tmp_path: Path
) -> None:
    program("catalog", "write")
    assert program("surveys", "assign", "s", "--image", "a.jpg", "--member", "Mg").status == 0
    assert program("catalog", "check", "--json").document["counts"] == {"behind": 1}
    assert "1 changed, 1 as they were" in program("catalog", "write").out
    assert program("catalog", "check").status == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("write", "--survey", "nobody"), "no survey named 'nobody'"),
        (("check",), "holds no catalogue"),
        (("check", "/nowhere"), "holds no catalogue"),
    ],
)
def test_wrong_usage_is_one_clear_line(program: Program, survey: Path, words: tuple[str, ...], message: str) -> None:
    ran = program("catalog", *words)
    assert ran.status == 1
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_a_catalogue_of_no_survey_is_empty_and_whole(program: Program, home: Path) -> None:
    assert program("catalog", "write").status == 0
    assert validate(pystac.Catalog.from_file(str(home / "catalog" / "catalog.json"))) == 0
    assert program("catalog", "check").status == 0


@pytest.mark.realdata
@pytest.mark.filterwarnings("ignore::rio_tiler.errors.NoOverviewWarning")  # one chip is over 512 px and has none
def test_the_real_chips_are_catalogued_opened_by_pystac_and_read_by_rio_tiler(
    program: Program, home: Path, shared_data: Path
) -> None:
    water = shared_data / "water"
    assert program("ingest", water / "s2_chips", "--survey", "chips").status == 0
    bands = ("--bands", "swir1,nir,red,green")
    assert program("ingest", water / "ucayali_landsat", "--survey", "Ucayali", *bands).status == 0
    ran = program("catalog", "write", "--json")
    assert (ran.status, ran.document["new"]) == (0, 12)
    catalog = pystac.Catalog.from_file(str(home / "catalog" / "catalog.json"))
    assert validate(catalog) == 12
    read = 0
    for item in catalog.get_items(recursive=True):
        shape, asset = item.properties["proj:shape"], item.assets["data"]
        with Reader(asset.get_absolute_href()) as scene:
            assert [scene.dataset.height, scene.dataset.width] == shape
            assert f"EPSG:{scene.dataset.crs.to_epsg()}" == item.properties["proj:code"]
            assert len(asset.extra_fields["bands"]) == scene.dataset.count
            picture = scene.preview(max_size=64)
            assert scene.get_geographic_bounds("epsg:4326") == pytest.approx(tuple(item.bbox or ()), abs=2e-4)
        assert picture.data.shape[0] == len(asset.extra_fields["bands"])
        assert picture.mask.any()
        read += 1
    assert read == 12
    ucayali = next(child for child in catalog.get_children() if child.title == "Ucayali")
    assert isinstance(ucayali, pystac.Collection)
    (interval,) = ucayali.extent.temporal.intervals
    assert [moment.year for moment in interval if moment] == [1985, 2020]
    assert {item.properties["mizuhashi:radiometry"] for item in ucayali.get_items()} == {"display"}
    assert program("catalog", "check").status == 0


@pytest.mark.realdata
def test_a_real_drone_photograph_has_place_scale_and_sigma_in_its_item(
    program: Program, home: Path, shared_data: Path
) -> None:
    assert (
        program("ingest", shared_data / "drone" / "brighton_beach" / "images" / "DJI_0030.JPG", "--survey", "b").status
        == 0
    )
    assert program("catalog", "write").status == 0
    catalog = pystac.Catalog.from_file(str(home / "catalog" / "catalog.json"))
    items = list(catalog.get_items(recursive=True))
    assert validate(catalog) == len(items) == 1
    for item in items:
        assert item.geometry is not None
        assert 0.016 < item.properties["gsd"] < 0.019
        assert 0 < item.properties["mizuhashi:gsd_sigma_mm"] < item.properties["mizuhashi:gsd_mm"]
        assert item.properties["start_datetime"].startswith("2016-06-23T02:")
        assert item.properties["view:off_nadir"] < 2
    index = json.loads((home / "catalog" / "images.geojson").read_text("utf-8"))
    assert len(index["features"]) == 1
