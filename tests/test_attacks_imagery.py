"""Files that were made to crash a run, to fill its memory, to delete or to give away other files."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image as PillowImage
from rasterio import Affine
from rasterio.crs import CRS

from findings.errors import InputError, UnreadableImage, UnsafeImage
from findings.store.convert import image_columns
from findings.survey import Image, Radiometry, Survey
from imagery.bundle import read_bundle
from imagery.catalog.check import check_catalog
from imagery.catalog.files import text_of
from imagery.catalog.items import Shelf, item_of, sidecar
from imagery.catalog.writer import write_catalog
from imagery.ingest import collect_files, describe
from imagery.mask_files import write_mask
from imagery.plain import finite, is_plain, plain_text
from imagery.products import find_products, xml
from imagery.products.archive import extract, member_names
from imagery.products.sentinel2 import read_metadata
from imagery.terrain import check_terrain, ground_around
from imagery.xmp import read_fields
from imagery.xmp_packets import MAX_PACKETS, MAX_TOTAL_BYTES, packets
from mizuhashi.output import Output

HALF = "\ud800"  # half of a surrogate pair, which JSON spells and no encoder takes
HUGE = 10**400  # an integer of JSON beyond any float
SURVEY = Survey(
    uid="12345678-0000-4000-8000-000000000000", name="../../x <b>=1|", asset_uid=None, created_at=datetime.now(UTC)
)


def scene(path: Path, names: tuple[str, ...] = ("blue", "red", "nir")) -> Path:
    values = np.random.default_rng(0).integers(1, 200, (3, 64, 64)).astype(np.uint16)
    place = {"crs": "EPSG:32652", "transform": Affine(10, 0, 600_000, 0, -10, 3_780_000)}
    with rasterio.open(path, "w", driver="GTiff", width=64, height=64, count=3, dtype="uint16", **place) as data:
        data.write(values)
        data.descriptions = names
    return path


def item_beside(path: Path, properties: dict[str, Any], assets: dict[str, Any] | None = None) -> Path:
    stored = {"type": "Feature", "stac_version": "1.1.0", "properties": properties, "assets": assets or {}}
    path.with_suffix(".json").write_text(json.dumps(stored))
    return path


def stored_and_listed(image: Image, folder: Path) -> str:
    """Return what store and catalogue would write; both must be able to."""
    json.dumps(image_columns(image), default=str, ensure_ascii=False).encode()
    return text_of(item_of(image, Shelf(SURVEY, folder, "x"))).encode().decode()


# --- plain values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), HUGE, True, "5", None, [1]])
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert finite(value) is None


def test_texts_lose_what_terminals_and_databases_do_not_take() -> None:
    assert plain_text(f"a\0b\x1b[31m{HALF}\x9bc\n橋 ") == "ab[31mc 橋"
    assert plain_text(f"\0{HALF}") is None
    assert is_plain("橋")
    assert not is_plain(f"橋{HALF}")


# --- the item beside a scene ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "properties",
    [
        {"datetime": "2024-05-01T00:00:00Z", "mizuhashi:notes": [HALF, "a\0b"]},
        {"datetime": "2024-05-01T00:00:00Z", "platform": HALF},
        {"datetime": "2024-05-01T00:00:00Z", "platform": "a\0b"},
        {"datetime": "2024-05-01T00:00:00Z", "view:off_nadir": HUGE},
        {"mizuhashi:notes": ["taken at 0001-01-01T00:00:00 local time of an unknown zone"]},
        {"mizuhashi:notes": ["taken at 2024-99-99T99:99:99 local time of an unknown zone"]},
        {"mizuhashi:radiometry": [1]},
        {"mizuhashi:radiometry": {}},
        {f"view:{HALF}": 1, "constellation": HALF, "s2:x": HUGE},
        {"eo:cloud_cover": HUGE, "instruments": [HALF]},
        {"providers": [{"name": "a", "x": HALF}]},
        {"providers": [{"name": "a", "x": float("nan")}]},
    ],
)
def test_nothing_in_the_item_beside_a_scene_stops_its_ingest_or_its_catalogue(
    tmp_path: Path, properties: dict[str, Any]
) -> None:
    image = describe(item_beside(scene(tmp_path / "s.tif"), properties))
    written = stored_and_listed(image, tmp_path / "catalog" / "x")
    assert "\\u0000" not in written
    assert "\0" not in f"{image.platform}{image.notes}"


@pytest.mark.parametrize(
    "href", ["x" * 300 + ".tif", "a\0b", HALF, "..", "../m.tif", "/etc/passwd", "/vsicurl/http://127.0.0.1/m.tif"]
)
def test_the_item_beside_a_scene_names_no_mask_elsewhere(tmp_path: Path, href: str) -> None:
    write_mask(tmp_path / "m.tif", np.zeros((64, 64), np.uint8))
    folder = tmp_path / "scenes"
    folder.mkdir()
    assert describe(item_beside(scene(folder / "s.tif"), {}, {"mask": {"href": href}})).mask_path is None


def test_what_is_credible_of_a_provider_stays(tmp_path: Path) -> None:
    properties = {"providers": [{"name": "ESA", "roles": ["producer"], "url": "https://www.esa.int"}]}
    assert sidecar(item_beside(tmp_path / "s.tif", properties)) == properties


def test_a_scene_with_the_longest_name_that_a_disk_takes_is_read(tmp_path: Path) -> None:
    assert describe(scene(tmp_path / ("x" * 251 + ".tif"))).radiometry is Radiometry.REFLECTANCE


def test_band_names_in_another_encoding_are_no_names(tmp_path: Path) -> None:
    """Software of Japanese agencies writes cp932 where GDAL expects UTF-8."""
    path = scene(tmp_path / "s.tif", ("CCCC", "red", "nir"))
    path.write_bytes(path.read_bytes().replace(b"CCCC", "赤色".encode("cp932")))
    assert describe(path).band_names == ("band1", "band2", "band3")


# --- folders and archives -------------------------------------------------------------------------------------------


def test_pipes_in_a_folder_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.zip")
    os.mkfifo(tmp_path / "b.json")
    assert find_products([tmp_path]).products == ()


def test_folders_without_end_are_refused(tmp_path: Path) -> None:
    deepest = tmp_path
    folders = [deepest := deepest / "a" for _ in range(1100)]
    for folder in folders:
        folder.mkdir()
    try:
        for door in (find_products, collect_files):
            with pytest.raises(InputError, match="nested too deeply"):
                door([tmp_path])
    finally:
        for folder in reversed(folders):  # pytest removes its folders by recursion
            folder.rmdir()


def archive(path: Path, method: int, spoil: Callable[[bytearray], None]) -> Path:
    with zipfile.ZipFile(path, "w", method) as opened:
        opened.writestr("X.SAFE/MTD_MSIL2A.xml", np.random.default_rng(1).bytes(3000))
    content = bytearray(path.read_bytes())
    spoil(content)
    path.write_bytes(content)
    return path


def test_an_archive_of_a_later_version_is_told(tmp_path: Path) -> None:
    def later(content: bytearray) -> None:
        content[content.rindex(b"PK\x01\x02") + 6] = 99

    with pytest.raises(UnreadableImage, match="version"):
        member_names(archive(tmp_path / "a.zip", zipfile.ZIP_STORED, later))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_is_told_whatever_its_compression(tmp_path: Path, method: int) -> None:
    def damage(content: bytearray) -> None:
        start = content.index(b"MTD_MSIL2A.xml") + 14
        content[start + 9 : start + 300] = bytes(byte ^ 0x33 for byte in content[start + 9 : start + 300])

    with pytest.raises(UnreadableImage, match="damaged"):
        extract(archive(tmp_path / "a.zip", method, damage), tmp_path / "out", lambda name: True)


def test_metadata_of_millions_of_elements_are_refused(tmp_path: Path) -> None:
    """Each takes fifty times its bytes in memory: 64 MiB would take gigabytes."""
    path = tmp_path / "m.xml"
    path.write_bytes(b"<r>" + b"<a/>" * (xml.MAX_ELEMENTS + 1) + b"</r>")
    with pytest.raises(UnsafeImage, match="elements"):
        xml.read_xml(path)


def test_a_sensing_time_before_all_time_is_none(tmp_path: Path) -> None:
    path = tmp_path / "m.xml"
    path.write_text("<r><SENSING_TIME>0001-01-01T00:00:00+14:00</SENSING_TIME></r>")
    with pytest.raises(UnreadableImage, match="no sensing time"):
        read_metadata(path, path)


def test_names_in_metadata_carry_no_escapes(tmp_path: Path) -> None:
    path = tmp_path / "m.xml"
    path.write_text(
        "<r><SENSING_TIME>2024-01-01T00:00:00</SENSING_TIME><SPACECRAFT_NAME>S&#x9b;2</SPACECRAFT_NAME></r>"
    )
    assert read_metadata(path, path).platform == "s2"


# --- XMP and bundle adjustments -------------------------------------------------------------------------------------


def test_a_directory_that_names_one_packet_a_thousand_times_is_read_a_few_times(tmp_path: Path) -> None:
    count, size = 1000, 200_000
    entries = struct.pack("<HHII", 700, 1, size, 14 + 12 * count) * count
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(4) + b" " * size)
    found = packets(path)
    assert len(found) <= MAX_PACKETS
    assert sum(map(len, found)) <= MAX_TOTAL_BYTES


def test_fields_of_xmp_carry_no_zero_and_no_escapes() -> None:
    found = read_fields(b'tiff:Make="D\0JI" drone-dji:RtkFlag="\x1b[31m50"')
    assert found == {"tiff:Make": "DJI", "drone-dji:RtkFlag": "[31m50"}


def photograph(path: Path, xmp: bytes, **texts: str) -> Path:
    picture = PillowImage.fromarray(np.random.default_rng(0).integers(0, 255, (80, 80, 3)).astype(np.uint8))
    exif = picture.getexif()
    exif[0x010F], exif[0x0110] = texts.get("make", "DJI"), texts.get("model", "FC1")
    picture.save(path, exif=exif, xmp=xmp)
    return path


@pytest.mark.parametrize("xmp", [b'<x:xmpmeta a="', b"<x:xmpmeta><", b'<x:xmpmeta a="\0"/>', b"\xff\xfe<x:xmpmeta/>"])
def test_a_torn_xmp_packet_does_not_cost_the_picture(tmp_path: Path, xmp: bytes) -> None:
    """GDAL keeps the error of its XML reader, and the next question about the picture raised it."""
    assert describe(photograph(tmp_path / "p.jpg", xmp)).platform == "DJI FC1"


def test_makers_of_cameras_write_no_escapes_into_the_store(tmp_path: Path) -> None:
    path = photograph(tmp_path / "p.jpg", b"", make="D\x1b[31mJI\n", model="\x1b]0;x\x07")
    assert describe(path).platform == "D[31mJI ]0;x"


TOP = Affine(10, 0, 600_000, 0, -10, 3_780_000)


@pytest.mark.parametrize(
    "place",
    [{"transform": Affine(10, 0, 600_000, 10, 0, 3_780_000)}, {"crs": CRS.from_wkt('LOCAL_CS["x",UNIT["m",1]]')}],
)  # fmt: skip
def test_a_terrain_whose_place_makes_no_sense_is_refused(tmp_path: Path, place: dict[str, Any]) -> None:
    path = tmp_path / "d.tif"
    where = {"crs": "EPSG:32652", "transform": TOP, **place}
    with rasterio.open(path, "w", driver="GTiff", width=99, height=99, count=1, dtype="float32", **where) as data:
        data.write(np.full((1, 99, 99), 5, np.float32))
    with pytest.raises(InputError, match="coordinate system"):
        ground_around(path, (130.09, 34.15), 100.0)


def test_a_terrain_whose_unit_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=9, height=9, count=1, dtype="float32", crs="EPSG:32652", transform=TOP
    ) as data:
        data.write(np.full((1, 9, 9), 5, np.float32))
        data.units = ("UUUU",)
    path.write_bytes(path.read_bytes().replace(b"UUUU", b"\xff\xfe\xfd\xfc"))
    with pytest.raises(InputError, match="unit"):
        check_terrain(path)


@pytest.mark.parametrize("place", ["rotation", "focal", "camera"])
def test_numbers_beyond_any_float_in_a_bundle_adjustment_are_refused(tmp_path: Path, place: str) -> None:
    camera: dict[str, Any] = {"projection_type": "perspective", "width": 4000, "height": 3000, "focal": 0.8}
    shot: dict[str, Any] = {"filename": "a.jpg", "rotation": [0, 0, 3], "translation": [1, 2, 3],
                            "width": 4000, "height": 3000}  # fmt: skip
    cameras = {"a": camera, "b": camera}
    if place == "camera":
        cameras = {"a": {**camera, "focal": HUGE}}
    else:
        shot[place] = HUGE if place == "focal" else [HUGE, 0, 0]
    features = [{"properties": shot, "geometry": {"coordinates": [129, 33]}}]
    (tmp_path / "shots.geojson").write_text(json.dumps({"features": features}))
    (tmp_path / "cameras.json").write_text(json.dumps(cameras))
    with pytest.raises(InputError):
        read_bundle(tmp_path)


# --- the catalogue --------------------------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path: Path) -> Image:
    (tmp_path / "pictures").mkdir()
    return describe(scene(tmp_path / "pictures" / "a.tif"))


@pytest.fixture
def catalog(tmp_path: Path, image: Image) -> Path:
    write_catalog(tmp_path / "catalog", [SURVEY], lambda uid: iter([[image]]), {}, copies=True)
    return tmp_path / "catalog"


def test_a_link_in_the_place_of_copies_leads_to_no_deletion(tmp_path: Path, catalog: Path, image: Image) -> None:
    """A catalogue on a shared disk: whoever may write there had everything deleted that the writer may delete."""
    precious = tmp_path / "home" / "photos" / "x.jpg"
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    copies = next(catalog.glob("*/files"))
    for path in sorted(copies.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    copies.rmdir()
    copies.symlink_to(tmp_path / "home")
    write_catalog(catalog, [SURVEY], lambda uid: iter([[image]]), {})
    write_catalog(catalog, [SURVEY], lambda uid: iter([]), {})
    assert precious.read_text() == "precious"


def test_what_is_no_copy_of_ours_stays_beside_the_copies(catalog: Path, image: Image) -> None:
    stranger = next(catalog.glob("*/files")) / "notes.txt"
    stranger.write_text("mine")
    write_catalog(catalog, [SURVEY], lambda uid: iter([[image]]), {})
    assert stranger.read_text() == "mine"


def test_a_mask_that_became_a_link_is_not_copied(tmp_path: Path, image: Image) -> None:
    (tmp_path / "secret.txt").write_text("SECRET")
    mask = write_mask(tmp_path / "m.png", np.zeros((64, 64), np.uint8))
    masked = replace(image, mask_path=str(mask))
    mask.unlink()
    mask.symlink_to(tmp_path / "secret.txt")
    write_catalog(tmp_path / "catalog", [SURVEY], lambda uid: iter([[masked]]), {}, copies=True)
    assert not [path for path in (tmp_path / "catalog").rglob("*") if path.is_file() and b"SECRET" in path.read_bytes()]


LINKS = ["5", "null", "[5]", '[{"rel": "item"}]', '[{"rel": "item", "href": 5}]', '[{"rel": "child", "href": 5}]',
         json.dumps([{"rel": "child", "href": "x" * 5000}, {"rel": "item", "href": "x" * 5000}]),
         '[{"rel": "child", "href": "\\ud800"}, {"rel": "item", "href": "\\u0000"}]']  # fmt: skip


@pytest.mark.parametrize("links", LINKS)
@pytest.mark.parametrize("document", ["catalog.json", "*/collection.json"])
def test_links_that_are_none_end_neither_a_check_nor_a_write(
    catalog: Path, image: Image, links: str, document: str
) -> None:
    path = next(catalog.glob(document))
    mark = '{"id": "mizuhashi", "mizuhashi:survey_uid": "x", "links": ' + links + "}"
    path.write_text(mark)
    assert check_catalog(catalog, [SURVEY], lambda uid: iter([[image]]), {}).problems
    write_catalog(catalog, [SURVEY], lambda uid: iter([[image]]), {}, only="another")
    path.write_text(mark)
    assert write_catalog(catalog, [SURVEY], lambda uid: iter([[image]]), {}).items == 1


@pytest.mark.parametrize(
    "change",
    [{"properties": 5}, {"assets": [1]}, {"bbox": "x"}, {"bbox": [0, 0, HUGE, 0]}, {"gsd": "x"}, {"providers": 5},
     {"license": [1]}, {"mizuhashi:assignment": "x"}, {"datetime": 5}, {"platform": HALF}, {"instruments": 5}],
)  # fmt: skip
def test_an_item_that_somebody_changed_is_no_item_any_more(catalog: Path, image: Image, change: dict[str, Any]) -> None:
    """It would stand for its picture where that is gone."""
    path = next(path for path in catalog.glob("*/*.json") if path.name != "collection.json")
    item = json.loads(path.read_text())
    whole = {name: value for name, value in change.items() if name in item}
    item |= whole or {"properties": item["properties"] | change}
    path.write_text(json.dumps(item))
    gone = replace(image, path=str(Path(image.path).with_name("gone.tif")))
    written = write_catalog(catalog, [SURVEY], lambda uid: iter([[gone]]), {})
    assert (written.items, len(written.skipped)) == (0, 1)


def test_nothing_of_a_survey_s_name_leads_out_of_the_catalogue(tmp_path: Path, catalog: Path) -> None:
    assert {path.name for path in tmp_path.iterdir()} == {"catalog", "pictures"}
    assert {path.name for path in catalog.iterdir()} == {"catalog.json", "images.geojson", "x-b-1-12345678"}


# --- what is printed ------------------------------------------------------------------------------------------------


def test_json_for_programs_does_nothing_to_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = f"a{HALF}\x9b31m\u202e\x7f橋\n"
    Output().json({"name": name})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"name": name}
    assert "橋" in printed
    assert all(character.isprintable() for line in printed.split("\n") for character in line)
