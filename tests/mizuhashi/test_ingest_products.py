"""``mizuhashi ingest`` with product folders: what a person does with a download."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from rasterio import Affine

from findings.store import Store, store_url
from findings.survey import Image, Radiometry
from imagery.mask_files import read_mask
from imagery.masks import MaskClass
from tests.fakes.products import S2_BANDS, make_chip, make_hls, make_landsat, make_safe, reflectance, zip_folder
from tests.imagery.files import write_tif
from tests.mizuhashi.conftest import Program

RIVER = ("blue", "green", "red", "nir", "swir1", "swir2")


def images_of(home: Path, survey: str = "s") -> dict[str, Image]:
    with Store(store_url(home), home) as store:
        return {Path(image.path).name: image for image in store.images(store.survey(survey).uid)}


def test_a_folder_of_everything_becomes_one_survey_of_scenes(program: Program, home: Path, tmp_path: Path) -> None:
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    zip_folder(make_safe(tmp_path / "s2"), downloads / "S2.zip")
    make_landsat(downloads / "landsat", crs="EPSG:32653")
    make_hls(downloads)
    make_chip(downloads / "S1A_IW_GRDH_1SDV_20240501T213030_chip.tif")
    ran = program("ingest", str(downloads), "--survey", "s")
    assert ran.status == 0, ran.err
    images = images_of(home)
    assert len(images) == 4
    assert sorted(image.radiometry for image in images.values()) == ["backscatter_db", *["reflectance"] * 3]
    assert {image.crs for image in images.values()} == {"EPSG:32652", "EPSG:32653"}
    for image in images.values():
        assert Path(image.path).is_relative_to(home / "scenes")
        assert image.mask_path is not None
        assert image.captured_at is not None
        assert image.footprint is not None
    landsat = next(image for image in images.values() if "LC08" in image.path)
    assert (read_mask(Path(landsat.mask_path or ""))[60:80] == MaskClass.CLOUD).all()
    assert program("ingest", str(downloads), "--survey", "s").out.count("4 were there already") == 1


def test_products_that_fail_are_told_and_the_others_are_taken(program: Program, home: Path, tmp_path: Path) -> None:
    good = make_safe(tmp_path / "in")
    empty = make_safe(tmp_path / "in", empty=True, name=good.name.replace("20240501", "20240506"))
    torn = make_safe(tmp_path / "in", name=good.name.replace("20240501", "20240511"))
    victim = next(torn.rglob("*B08*"))
    victim.write_bytes(victim.read_bytes()[:300])
    escaping = zip_folder(make_safe(tmp_path / "other"), tmp_path / "in" / "escaping.zip")
    with zipfile.ZipFile(escaping, "a") as out:
        out.writestr("../../escaped.txt", "x")
    ran = program("ingest", str(tmp_path / "in"), "--survey", "s")
    assert ran.status == 3
    for words in (f"empty {empty.name}", f"refused {torn.name}", "escaping.zip: member '../../escaped.txt'"):
        assert words in ran.err
    assert list(images_of(home)) == [f"{good.name.removesuffix('.SAFE')}.tif"]
    assert not list(tmp_path.rglob("escaped.txt"))
    shutil.rmtree(torn)  # downloaded again: the survey takes what was missing
    make_safe(tmp_path / "in", name=torn.name)
    assert program("ingest", str(tmp_path / "in"), "--survey", "s").status == 3
    assert len(images_of(home)) == 2


def test_mixed_crss_and_band_orders_in_one_folder_are_read_each_by_its_own_names(
    program: Program, home: Path, tmp_path: Path
) -> None:
    values = np.rint(reflectance() * 10_000).astype(np.int16)
    for zone, order in ((52, RIVER), (53, RIVER[::-1])):
        place = {"crs": f"EPSG:326{zone}", "transform": Affine(10, 0, 600_000, 0, -10, 3_800_000)}
        stored = values[[RIVER.index(name) for name in order]]
        names = tuple(S2_BANDS[RIVER.index(name)] for name in order)
        write_tif(tmp_path / f"zone{zone}_20240501.tif", stored, names, **place)
    assert (
        program(
            "ingest", str(tmp_path / "zone52_20240501.tif"), str(tmp_path / "zone53_20240501.tif"), "--survey", "s"
        ).status
        == 0
    )
    images = images_of(home)
    assert images["zone52_20240501.tif"].band_names == RIVER
    assert images["zone53_20240501.tif"].band_names == RIVER[::-1]
    assert [image.crs for _, image in sorted(images.items())] == ["EPSG:32652", "EPSG:32653"]
    assert {image.radiometry for image in images.values()} == {Radiometry.REFLECTANCE}


def test_a_folder_of_written_scenes_is_taken_without_its_masks(program: Program, home: Path, tmp_path: Path) -> None:
    assert program("ingest", str(make_safe(tmp_path)), "--survey", "first").status == 0
    scenes = tmp_path / "moved"
    shutil.copytree(home / "scenes" / "sentinel-2-l2a", scenes)
    assert program("ingest", str(scenes), "--survey", "s").status == 0
    (image,) = images_of(home).values()
    assert image.mask_path == str(next(scenes.glob("*_mask.tif")))
    assert image.radiometry is Radiometry.REFLECTANCE


def test_a_quality_band_that_is_named_becomes_the_mask(program: Program, home: Path, tmp_path: Path) -> None:
    values = np.rint(reflectance() * 10_000).astype(np.int16)
    quality = np.full((1, 120, 120), 64, np.int16)
    quality[0, 20:30] = 66
    path = write_tif(tmp_path / "tile.tif", np.concatenate([values, quality]), compress="deflate")
    assert program("ingest", str(path), "--survey", "s", "--bands", ",".join((*RIVER, "qa"))).status == 0
    (image,) = images_of(home).values()
    assert image.mask_path is not None
    assert Path(image.mask_path).parent == home / "masks"
    mask = read_mask(Path(image.mask_path))
    assert (mask[20:30] == MaskClass.CLOUD).all()
    assert (mask[40:] == MaskClass.CLEAR).all()
    assert any("read as Fmask" in note for note in image.notes)


@pytest.mark.parametrize("href", ["../outside.tif", "/etc/passwd", "https://example.org/mask.tif", "scene.tif", 5])
def test_an_item_cannot_lead_to_a_mask_elsewhere(href: object, program: Program, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_tif(tmp_path / "outside.tif", np.zeros((1, 120, 120), np.uint8))
    values = np.rint(reflectance() * 10_000).astype(np.int16)
    path = write_tif(folder / "scene.tif", values, RIVER, crs="EPSG:32652", transform=Affine(10, 0, 6e5, 0, -10, 3.8e6))
    item = {"type": "Feature", "stac_version": "1.1.0", "properties": {"datetime": "2024-05-01T00:00:00Z"},
            "assets": {"data": {"href": "./scene.tif"}, "mask": {"href": href}}}  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps(item))
    assert program("ingest", str(folder), "--survey", "s").status == 0
    (image,) = images_of(home).values()
    assert image.mask_path is None
