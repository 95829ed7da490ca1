"""Level-2A products: reflectance whatever the flag says, the mask, and everything that can be wrong with a delivery."""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

import imagery.products.archive as archive
from findings.errors import InputError, NotAssessable, UnreadableImage, UnsafeImage
from findings.survey import Radiometry
from imagery.masks import MaskClass
from imagery.products import Found, find_products, take_product
from imagery.products.sentinel2 import open_safe
from imagery.products.xml import read_xml
from imagery.reader import open_image
from imagery.scene_product import SceneProduct
from imagery.types import FloatArray, Window
from tests.fakes.products import GRANULE, make_safe, product_xml, reflectance, zip_folder

WHOLE = Window(0, 0, 120, 120)
BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")


def open_and_read(safe: Path) -> tuple[SceneProduct, FloatArray, np.ndarray]:
    with open_safe(safe) as product:
        values, mask = product.read(WHOLE)
    assert mask is not None
    return product, values, mask


def expected() -> FloatArray:
    """The truth: 20 m bands repeated, the unobserved corner and the saturated one taken out."""
    values = reflectance().astype(np.float32)
    values[4:] = values[4:, ::2, ::2].repeat(2, 1).repeat(2, 2)
    values[:, :10, :10] = np.nan
    values[:, -2:, -2:] = np.nan
    return values


@pytest.mark.parametrize("says_offset", [True, False])
@pytest.mark.parametrize("offset", [True, False])
def test_reflectance_leaves_without_the_offset_whatever_the_metadata_say(
    offset: bool, says_offset: bool, tmp_path: Path
) -> None:
    baseline = "05.10" if says_offset else "02.14"
    safe = make_safe(tmp_path, offset=offset, says_offset=says_offset, baseline=baseline)
    product, values, _ = open_and_read(safe)
    np.testing.assert_allclose(values, expected(), atol=0.6e-4)
    assert product.radiometry is Radiometry.REFLECTANCE
    assert any("metadata contradicted" in note for note in product.notes) == (offset != says_offset)


def test_metadata_of_a_new_baseline_without_an_offset_are_noted_and_the_pixels_believed(tmp_path: Path) -> None:
    safe = make_safe(tmp_path, offset=True, says_offset=False, baseline="05.10")
    product, values, _ = open_and_read(safe)
    np.testing.assert_allclose(values, expected(), atol=0.6e-4)
    assert any("without BOA_ADD_OFFSET" in note for note in product.notes)


def test_time_platform_angles_and_cloud_cover_come_from_the_metadata(tmp_path: Path) -> None:
    product, _, _ = open_and_read(make_safe(tmp_path))
    assert product.captured_at.isoformat() == "2024-05-01T02:11:07.512000+00:00"
    assert (product.platform, product.cloud_cover, product.bands) == ("sentinel-2b", 0.125, BANDS)
    assert product.grid.crs == "EPSG:32652"
    assert product.grid.transform == (10.0, 0.0, 600_000.0, 0.0, -10.0, 3_800_040.0)
    assert product.properties["view:sun_elevation"] == 65.5
    assert product.properties["view:incidence_angle"] == 5.0
    assert product.properties["s2:processing_baseline"] == "05.10"


def test_the_scene_classification_becomes_the_mask_on_the_10_m_grid(tmp_path: Path) -> None:
    scl = np.full((60, 60), 6, np.uint8)
    scl[20:30, 10:20], scl[40, 40], scl[50, 50] = 9, 3, 11
    _, _, mask = open_and_read(make_safe(tmp_path, scl=scl))
    assert (mask[40:60, 20:40] == MaskClass.CLOUD).all()
    assert (mask[80:82, 80:82] == MaskClass.CLOUD_SHADOW).all()
    assert (mask[100:102, 100:102] == MaskClass.SNOW).all()
    assert (mask[-2:, -2:] == MaskClass.SATURATED).all()
    assert (mask == MaskClass.CLOUD).sum() == 400


def test_any_window_is_the_same_as_its_part_of_the_whole(tmp_path: Path) -> None:
    with open_safe(make_safe(tmp_path)) as product:
        values, mask = product.read(WHOLE)
        assert mask is not None
        for window in (Window(0, 0, 1, 1), Window(7, 13, 31, 5), Window(119, 119, 1, 1), Window(0, 51, 120, 33)):
            part, classes = product.read(window)
            rows, cols = slice(window.row, window.bottom), slice(window.col, window.right)
            np.testing.assert_array_equal(part, values[:, rows, cols])
            np.testing.assert_array_equal(classes, mask[rows, cols])


def only(found: Found):  # type: ignore[no-untyped-def]
    (ref,) = found.products
    return ref


@pytest.mark.parametrize("zipped", [True, False])
def test_a_folder_and_its_zip_become_the_same_scene(zipped: bool, tmp_path: Path) -> None:
    safe = make_safe(tmp_path / "delivered")
    path = zip_folder(safe, tmp_path / "delivered" / "S2B.zip") if zipped else safe
    if zipped:
        shutil.rmtree(safe)
    raster = take_product(only(find_products([path])), tmp_path / "scenes")
    assert raster.parent.name == "sentinel-2-l2a"
    assert raster.stem == safe.name.removesuffix(".SAFE")
    with open_image(raster) as reader:
        np.testing.assert_allclose(reader.read(WHOLE).values, expected() * 10_000, atol=1.1)
    item = json.loads(raster.with_suffix(".json").read_bytes())
    assert item["properties"]["mizuhashi:radiometry"] == "reflectance"
    assert sorted(path.name for path in (tmp_path / "scenes").iterdir()) == ["sentinel-2-l2a"]


def test_a_product_that_was_written_is_not_written_again(tmp_path: Path) -> None:
    ref = only(find_products([make_safe(tmp_path / "in")]))
    raster = take_product(ref, tmp_path / "scenes")
    before = raster.stat().st_mtime_ns
    assert take_product(ref, tmp_path / "scenes") == raster
    assert raster.stat().st_mtime_ns == before
    raster.with_suffix(".json").unlink()  # as if the run had been cut off
    take_product(ref, tmp_path / "scenes")
    assert raster.stat().st_mtime_ns > before


# --- what can be wrong ----------------------------------------------------------------------------------------------


def images(safe: Path) -> Path:
    return safe / "GRANULE" / GRANULE / "IMG_DATA"


def refuse(safe: Path, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words), open_safe(safe) as product:
        product.read(WHOLE)


def test_level_1c_is_refused_with_the_remedy(tmp_path: Path) -> None:
    safe = make_safe(tmp_path)
    (safe / "MTD_MSIL2A.xml").rename(safe / "MTD_MSIL1C.xml")
    refuse(safe, InputError, "Level-2A product of the same acquisition")


def test_a_missing_band_file_is_named(tmp_path: Path) -> None:
    safe = make_safe(tmp_path)
    next(images(safe).rglob("*B11*")).unlink()
    next(images(safe).rglob("*SCL*")).unlink()
    refuse(safe, InputError, "B11, SCL")


def test_a_truncated_jp2_is_one_clear_error_and_writes_nothing(tmp_path: Path) -> None:
    safe = make_safe(tmp_path / "in")
    victim = next(images(safe).rglob("*B08*"))
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 3])
    with pytest.raises(UnreadableImage, match="B08"):
        take_product(only(find_products([safe])), tmp_path / "scenes")
    assert not list((tmp_path / "scenes").rglob("*.*"))


def test_an_empty_scene_is_told(tmp_path: Path) -> None:
    ref = only(find_products([make_safe(tmp_path / "in", empty=True)]))
    with pytest.raises(NotAssessable, match="arrived empty"):
        take_product(ref, tmp_path / "scenes")


def test_a_band_of_another_place_is_refused(tmp_path: Path) -> None:
    safe, other = make_safe(tmp_path), make_safe(tmp_path / "other", size_px=140)
    wrong = next(images(other).rglob("*B08*"))
    shutil.copy(wrong, next(images(safe).rglob("*B08*")))
    refuse(safe, InputError, "lies elsewhere")


@pytest.mark.parametrize("name", ["MTD_MSIL2A.xml", f"GRANULE/{GRANULE}/MTD_TL.xml"])
def test_metadata_that_are_gone_or_torn_are_refused(name: str, tmp_path: Path) -> None:
    safe = make_safe(tmp_path)
    (safe / name).write_text((safe / name).read_text()[:-60])
    refuse(safe, UnreadableImage, "no readable XML")
    (safe / name).unlink()
    refuse(safe, UnreadableImage, "cannot be read")


BOMB = "<!DOCTYPE a [<!ENTITY x 'lol'><!ENTITY y '&x;&x;&x;&x;'>]>"


@pytest.mark.parametrize("doctype", [BOMB, "<!DOCTYPE a SYSTEM 'file:///etc/passwd'>", "<!DOCTYPE a>"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_metadata_with_a_document_type_are_not_read(doctype: str, encoding: str, tmp_path: Path) -> None:
    text = product_xml(offset=True).replace('encoding="UTF-8" standalone="no"?>', f'encoding="{encoding}"?>{doctype}')
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    with pytest.raises(UnsafeImage, match="document type"):
        read_xml(tmp_path / "a.xml")


def test_metadata_nested_too_deeply_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a>" * 5000 + "</a>" * 5000)
    with pytest.raises(UnsafeImage, match="nested"):
        read_xml(tmp_path / "a.xml")


# --- zips -----------------------------------------------------------------------------------------------------------


def spoiled_zip(tmp_path: Path, member: str | zipfile.ZipInfo, content: bytes = b"x") -> Path:
    path = zip_folder(make_safe(tmp_path / "in"), tmp_path / "S2.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as out:
        out.writestr(member, content)
    return path


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    "member",
    ["../escaped.txt", "/escaped.txt", "S2.SAFE/../../escaped.txt", "..\\escaped.txt", "C:/escaped.txt",
     link("S2B.SAFE/link"), "a//b", "a/./b"],
)  # fmt: skip
def test_a_zip_that_escapes_its_folder_is_not_opened(member: str | zipfile.ZipInfo, tmp_path: Path) -> None:
    path = spoiled_zip(tmp_path, member)
    with pytest.raises(UnsafeImage, match="the archive is not opened"):
        archive.extract(path, tmp_path / "out", lambda _: True)
    found = find_products([path])
    assert (found.products, [where for where, _ in found.refused]) == ((), [path])
    assert not list(tmp_path.rglob("escaped.txt"))
    assert not (tmp_path / "out").exists()


def test_a_zip_that_grows_too_much_or_holds_too_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = spoiled_zip(tmp_path, "S2.SAFE/zeros", bytes(8 << 20))
    with pytest.raises(UnsafeImage, match="would grow"):
        archive.member_names(path)
    sound = zip_folder(make_safe(tmp_path / "sound"), tmp_path / "sound.zip")
    assert archive.member_names(sound)
    for limit, value in (("MAX_ENTRIES", 5), ("MAX_TOTAL_BYTES", 10_000)):
        with monkeypatch.context() as patch:
            patch.setattr(archive, limit, value)
            with pytest.raises(UnsafeImage, match="unpack it yourself"):
                archive.member_names(sound)


def test_a_damaged_or_truncated_zip_is_one_clear_error(tmp_path: Path) -> None:
    path = zip_folder(make_safe(tmp_path / "in"), tmp_path / "S2.zip")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as opened:
        entry = next(e for e in opened.infolist() if "B03" in e.filename)
    content[entry.header_offset + 200 : entry.header_offset + 400] = bytes(200)
    path.write_bytes(bytes(content))
    with pytest.raises(UnreadableImage, match="damaged"):
        take_product(only(find_products([path])), tmp_path / "scenes")
    assert not list((tmp_path / "scenes").rglob("*.*"))
    path.write_bytes(bytes(content[:-500]))
    (refused,) = find_products([path]).refused
    assert "no readable zip" in str(refused[1])


def test_a_zip_without_a_product_is_refused_if_given_and_passed_over_in_a_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as out:
        out.writestr("notes.txt", "x")
    assert "no SAFE products" in str(find_products([tmp_path / "notes.zip"]).refused[0][1])
    assert find_products([tmp_path]).refused == ()


def test_sentinel_1_without_calibration_is_refused_with_the_remedy(tmp_path: Path) -> None:
    safe = tmp_path / "S1A_IW_GRDH_1SDV_20240501T213030_20240501T213055_053680_0684F0_1234.SAFE"
    safe.mkdir()
    (safe / "manifest.safe").write_text("<x/>")
    for path in (safe, zip_folder(safe, tmp_path / "S1.zip")):
        with pytest.raises(InputError, match="calibrate it to sigma0"):
            take_product(only(find_products([path])), tmp_path / "scenes")


def test_a_product_whose_folder_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    """Links are followed nowhere else either: an upload would show what lies beside it."""
    others, mine = make_safe(tmp_path / "others"), make_safe(tmp_path / "mine")
    shutil.rmtree(mine / "GRANULE")
    (mine / "GRANULE").symlink_to(others / "GRANULE")
    with pytest.raises(UnsafeImage, match="leads out of the product"):
        open_and_read(mine)
