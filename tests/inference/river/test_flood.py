"""Flood maps: one grid for all pictures, what the map shows, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rasterio
import torch

from findings.errors import InputError, MissingBands, OutputError
from imagery.flood_planes import PLANES, is_power, optical_planes, radar_plane
from imagery.raster_out import NODATA, decode_probability
from imagery.reader import open_image
from imagery.types import Window
from inference.river.flood import MEANING, map_flood
from inference.river.flood_source import FloodSource
from inference.river.grid import reproject
from models.card import ClassSpec, ModelCard
from tests.imagery.files import UTM, write_tif
from tests.inference.fakes import PointwiseModel, make_card

SIDE = 64
NEW = ClassSpec(name="new_water", damage="water", threshold=0.5)


class Darkened(PointwiseModel):
    """How much darker the radar or the short-wave plane is after than before; NaN where nothing was observed."""

    def predict(self, pixels: torch.Tensor) -> torch.Tensor:
        radar = (pixels[:, 0:1] - pixels[:, 1:2]) / 255
        optical = (pixels[:, 2:3] - pixels[:, 5:6]) / 255
        found = torch.nan_to_num(torch.where(radar.isnan(), optical, radar), nan=0.0).clamp(0, 1)
        return found.masked_fill(pixels.isnan().all(dim=1, keepdim=True), torch.nan)


def _card(name: str, bands: tuple[str, ...], required: tuple[str, ...], kind: str = "scene") -> ModelCard:
    spec = NEW if name == "flood" else ClassSpec(name="water", damage="water", threshold=0.5)
    return make_card(bands, name=name, required_bands=required, image_kind=kind, classes=(spec,))


def load(name: str) -> PointwiseModel:
    if name == "flood":
        return Darkened(_card("flood", PLANES, (), "pair"))
    if name == "radar-water":
        return PointwiseModel(_card("radar-water", ("vv", "vh"), ("vv",)))
    bands = ("red", "green", "nir") if name == "river" else ("swir1", "green", "nir")
    return PointwiseModel(_card(name, bands, bands if name == "river" else ("green", "nir")))


def _grey(path: Path, level: int, dark: slice | None = None, side: int = SIDE) -> Path:
    values = np.full((side, side), level, np.uint8)
    if dark is not None:
        values[:, dark] = 10
    assert cv2.imwrite(str(path), values)
    return path


def _colours(path: Path, swir: int, dark: slice | None = None) -> Path:
    values = np.full((SIDE, SIDE, 3), 60, np.uint8)
    values[..., 2] = swir  # cv2 writes red last
    if dark is not None:
        values[:, dark, 2] = 5
    assert cv2.imwrite(str(path), values)
    return path


def _read(path: Path) -> tuple[np.ndarray, dict[str, str]]:
    with rasterio.open(path) as data:
        return data.read(1), data.tags()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_radar_of_two_dates_gives_new_water_and_the_map_says_so(tmp_path: Path) -> None:
    files = {"s1_before": _grey(tmp_path / "b.png", 200), "s1_after": _grey(tmp_path / "a.png", 200, slice(0, 20))}
    found = map_flood(files, tmp_path / "map.tif", load)
    assert found.shows == "new_water"
    assert found.share == pytest.approx(20 / SIDE)
    stored, tags = _read(found.path)
    assert decode_probability(stored)[5, 5] > 0.7
    assert decode_probability(stored)[5, 40] == 0
    assert (tags["CLASS"], tags["MEANING"]) == ("new_water", MEANING["new_water"])
    assert tags["INPUTS"] == "s1_before, s1_after"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(("kind", "model"), [("s2_after", "water@1"), ("s1_after", "radar-water@1")])
def test_without_a_picture_before_the_map_shows_all_water_and_says_so(tmp_path: Path, kind: str, model: str) -> None:
    path = tmp_path / "a.png"
    _colours(path, 200, slice(0, 20)) if kind == "s2_after" else _grey(path, 200, slice(0, 20))
    found = map_flood({kind: path}, tmp_path / "map.png", load)
    assert (found.shows, found.models) == ("water", (model,))
    assert found.share == pytest.approx(20 / SIDE)
    assert b"permanent water included" in (tmp_path / "map.png").read_bytes()


def test_a_scene_with_named_bands_goes_to_the_model_that_reads_them_and_both_sensors_are_averaged(
    tmp_path: Path,
) -> None:
    scene = write_tif(tmp_path / "s2.tif", np.full((3, SIDE, SIDE), 51, np.uint16), ("red", "green", "nir"), **UTM)
    radar = write_tif(tmp_path / "s1.tif", np.full((2, SIDE, SIDE), 153, np.float32), ("vv", "vh"), **UTM)
    found = map_flood({"s2_after": scene, "s1_after": radar}, tmp_path / "map.tif", load)
    assert found.models == ("river@1", "radar-water@1")
    stored, _ = _read(found.path)
    vv = 1 - 10 * np.log10(153) / 255  # nowhere negative: linear power, brought to dB
    assert decode_probability(stored)[3, 3] == pytest.approx((0.8 + vv) / 2, abs=0.01)


def test_what_no_picture_after_shows_is_not_observed(tmp_path: Path) -> None:
    before, after = _colours(tmp_path / "b.png", 200), tmp_path / "a.png"
    values = np.full((SIDE, SIDE, 3), 60, np.uint8)
    values[:, :16] = 0
    assert cv2.imwrite(str(after), values)
    map_flood({"s2_before": before, "s2_after": after}, tmp_path / "map.png", load)
    stored = np.asarray(cv2.imread(str(tmp_path / "map.png"), cv2.IMREAD_GRAYSCALE))
    assert (stored[:, :16] == NODATA).all()
    assert (stored[:, 16:] != NODATA).all()


def test_pictures_of_two_sizes_without_a_place_are_refused(tmp_path: Path) -> None:
    files = {"s1_before": _grey(tmp_path / "b.png", 200, side=48), "s1_after": _grey(tmp_path / "a.png", 200)}
    with pytest.raises(InputError, match=r"48 x 48 px, a\.png has 64 x 64"):
        map_flood(files, tmp_path / "map.png", load)
    assert not (tmp_path / "map.png").exists()


def test_georeferenced_pictures_of_another_grid_or_crs_are_brought_to_the_first_and_a_word_is_said(
    tmp_path: Path,
) -> None:
    after = _ramp(tmp_path / "a.tif", "EPSG:32652", (500_300.0, 3_999_800.0), SIDE)
    for place, (crs, corner) in enumerate(
        (("EPSG:32652", (500_004.0, 4_000_003.0)), ("EPSG:32653", (-41_000.0, 4_017_500.0)))
    ):
        before = _ramp(tmp_path / f"b{place}.tif", crs, corner, 300)
        with FloodSource({"s1_after": after, "s1_before": before}) as source:
            planes = source.read(Window(0, 0, SIDE, SIDE), ("s1_before", "s1_after")).values
            assert f"b{place}.tif lies on another grid and was brought to that of a.tif" in source.notes
        np.testing.assert_allclose(planes[0], planes[1], atol=0.2)


def _ramp(path: Path, crs: str, corner: tuple[float, float], side: int) -> Path:
    """Write a picture whose value says where its pixel lies: a shift of a pixel is 3 east and 2 south."""
    cols, rows = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
    x, y = reproject(crs, "EPSG:32652", (corner[0] + 10 * cols).ravel(), (corner[1] - 10 * rows).ravel())
    values = (-2000 + 0.3 * (x - 500_000) + 0.2 * (4_000_000 - y)).reshape(1, side, side)
    transform = rasterio.Affine(10, 0, corner[0], 0, -10, corner[1])
    return write_tif(path, values.astype(np.float32), crs=crs, transform=transform)


def _at(col: int, row: int) -> dict[str, Any]:
    return {"crs": "EPSG:32652", "transform": rasterio.Affine(10, 0, 500_000 + 10 * col, 0, -10, 4_000_000 - 10 * row)}


def test_pictures_of_two_places_are_refused(tmp_path: Path) -> None:
    values = np.full((1, SIDE, SIDE), -12, np.float32)
    here = write_tif(tmp_path / "a.tif", values, **_at(0, 0))
    there = write_tif(tmp_path / "b.tif", values, **_at(900, 0))
    with pytest.raises(InputError, match=r"lies elsewhere than a\.tif"):
        FloodSource({"s1_after": here, "s1_before": there})


def test_no_picture_after_another_suffix_and_a_map_in_place_of_a_picture_are_refused(tmp_path: Path) -> None:
    picture = _grey(tmp_path / "a.png", 200)
    with pytest.raises(InputError, match="--after FILE"):
        map_flood({"s1_before": picture}, tmp_path / "map.png", load)
    with pytest.raises(OutputError, match=r"\.png or \.tif"):
        map_flood({"s1_after": picture}, tmp_path / "map.jpg", load)
    with pytest.raises(OutputError, match="would replace the picture"):
        map_flood({"s1_after": picture}, picture, load)


def test_radar_power_becomes_db_and_reflectance_the_scale_of_pictures(tmp_path: Path) -> None:
    power = write_tif(tmp_path / "p.tif", np.full((1, SIDE, SIDE), 0.1, np.float32), ("vv",), **UTM)
    with open_image(power) as reader:
        assert is_power(reader)
        assert radar_plane(reader, power=True)[0, 0, 0] == pytest.approx(-10)
    level = write_tif(tmp_path / "d.tif", np.full((1, SIDE, SIDE), -10, np.float32), ("vv",), **UTM)
    with open_image(level) as reader:
        assert not is_power(reader)
    names = ("green", "nir", "swir1")
    scene = write_tif(tmp_path / "s.tif", np.full((3, SIDE, SIDE), 2000, np.uint16), names, **UTM)
    with open_image(scene) as reader:
        np.testing.assert_allclose(optical_planes(reader)[:, 0, 0], 51.0)
    lacking = write_tif(tmp_path / "l.tif", np.full((2, SIDE, SIDE), 2000, np.uint16), ("nir", "swir1"), **UTM)
    with open_image(lacking) as reader, pytest.raises(MissingBands, match="a visible band"):
        optical_planes(reader)
