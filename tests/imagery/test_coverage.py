"""Coverage: what counts for a crack width and what does not, member by member, in plan and day by day."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
from shapely.geometry import LineString, Point, Polygon, box

from findings.asset import Asset, AssetKind, Span, Structure
from findings.errors import InputError
from findings.survey import Assignment, AssignmentSource, Image, ImageKind, ImageStatus, Quality, Scale, ScaleSource
from imagery.coverage import AssetCoverage, Gap, MemberCoverage, cover, default_width_mm, look_at, max_gsd_mm
from imagery.ingest import IngestOptions, describe
from imagery.mask_files import write_mask
from imagery.masks import MaskClass
from tests.imagery.files import UTM, write_tif

PLANE = pyproj.Proj(proj="aeqd", lon_0=131.0, lat_0=34.0, ellps="WGS84")


def lonlat(*points: tuple[float, float]) -> list[tuple[float, float]]:
    return [PLANE(x, y, inverse=True) for x, y in points]


def rectangle(left: float, bottom: float, right: float, top: float) -> Polygon:
    return Polygon(lonlat((left, top), (right, top), (right, bottom), (left, bottom)))


def photo(name: str = "a", *, gsd_mm: float | None = 0.25, **changes: Any) -> Image:
    """Return a sharp photograph of 4000 x 2000 px, 1 m x 0.5 m at 0.25 mm/px."""
    scale = Scale() if gsd_mm is None else Scale(gsd_mm, 0.01, ScaleSource.GIVEN_GSD)
    fields: dict[str, Any] = {"quality": Quality(True, blur_px=0.8), "incidence_deg": 3.0} | changes
    return Image(
        name, "s", f"/p/{name}.jpg", name, ImageKind.PHOTO, 4000, 2000, ("red", "green", "blue"), scale, **fields
    )


def bridge(**changes: Any) -> Asset:
    spans = (Span(1, ("Mg", "Ds")), Span(2, ("Mg",)))
    return Asset("B1", AssetKind.BRIDGE, "水橋", **({"structure": Structure.RC, "spans": spans} | changes))


def covered(asset: Asset, *images: Image, width: float | None = None) -> AssetCoverage:
    (found,) = cover(images, {asset.uid: asset}, asset.uid, width)
    return found


@pytest.mark.parametrize(
    ("image", "gap", "words"),
    [
        (photo(), None, ""),
        (photo(gsd_mm=0.6), None, ""),
        (photo(gsd_mm=0.61), Gap.TOO_COARSE, "0.61 mm/px, needed 0.6"),
        (photo(gsd_mm=None), Gap.NO_SCALE, "no scale"),
        (photo(incidence_deg=20.0), None, ""),
        (photo(incidence_deg=21.0), Gap.OBLIQUE, "21 degrees off the normal, at most 20"),
        (photo(quality=Quality(True, blur_px=5.0)), None, ""),  # 5 px of 0.25 mm are still as sharp as 0.5 mm/px
        (photo(gsd_mm=0.5, quality=Quality(True, blur_px=5.0)), Gap.BLURRED, "edges spread 5.0 px at 0.5 mm/px"),
        (photo(gsd_mm=0.5, quality=Quality(True, motion_px=12.0)), Gap.BLURRED, "edges spread 3.5 px"),
        (photo(quality=Quality(False, ("blurred: sharpest edges spread 9 px",))), Gap.BLURRED, "blurred"),
        (photo(quality=Quality(False, ("99% of the pixels are black",))), Gap.UNUSABLE, "black"),
        (photo(quality=Quality(True, masked_share=0.51)), Gap.MASKED, "51%"),
        (photo(quality=Quality(True, masked_share=0.5)), None, ""),
        (photo(status=ImageStatus.FAILED, reason="a.jpg has changed"), Gap.FAILED, "a.jpg has changed"),
    ],
)
def test_a_picture_counts_or_says_why_not(image: Image, gap: Gap | None, words: str) -> None:
    seen = look_at(image, 0.2)
    assert seen.gap == gap
    assert words in seen.why


def test_the_width_decides_the_ground_sample_distance() -> None:
    assert [max_gsd_mm(width) for width in (0.1, 0.2, 0.3)] == [0.3, 0.6, 0.9]
    assert max_gsd_mm(1.0) == 3.0
    for wrong in (0.0, -1.0, math.nan, math.inf, 1000.0):
        with pytest.raises(InputError, match="--target-width"):
            max_gsd_mm(wrong)
    assert default_width_mm(bridge(structure=Structure.PC)) == 0.1
    assert default_width_mm(bridge()) == default_width_mm(None) == 0.2


def test_members_of_the_inventory_without_a_picture_are_not_captured() -> None:
    images = [
        photo("a", span=1, member="Mg", status=ImageStatus.INSPECTED),
        photo("b", span=1, member="Mg"),
        photo("c", span=1, member="Mg", gsd_mm=2.0),
        photo("d", span=1, member="Pw"),  # not in the inventory
        photo("e"),
    ]
    found = covered(bridge(), *images)
    area = 0.5  # 4000 x 2000 px of 0.25 mm
    assert found.members == (
        MemberCoverage(1, "Mg", True, 3, 2, 1, 2 * area, {Gap.TOO_COARSE: 1}),
        MemberCoverage(1, "Ds", True, 0, 0, 0, None, {Gap.NOT_CAPTURED: 1}),
        MemberCoverage(2, "Mg", True, 0, 0, 0, None, {Gap.NOT_CAPTURED: 1}),
        MemberCoverage(1, "Pw", False, 1, 1, 0, area, {}),
        MemberCoverage(None, None, False, 1, 1, 0, area, {}),
    )
    assert [(row.span, row.member) for row in found.missing] == [(1, "Ds"), (2, "Mg")]
    assert "1 pictures name no member: assign them before reading 未撮影 as a gap" in found.remarks
    assert "3 pictures that are fine enough were not judged by a model yet (mizuhashi inspect)" in found.remarks


def test_an_asset_without_any_picture_is_listed_and_a_picture_of_another_asset_goes_there() -> None:
    other = replace(bridge(), uid="B2", name="別橋")
    moved = photo("a", assignment=Assignment("B2", 1, "Mg", AssignmentSource.PERSON, 1.0), span=1, member="Mg")
    first, second = cover([moved], {"B1": bridge(), "B2": other}, "B1")
    assert first.asset == bridge()
    assert len(first.missing) == 3
    assert [row.pictures for row in second.members] == [1, 0, 0]
    (loose,) = cover([photo()], {}, None)
    assert loose.asset is None
    assert loose.remarks[0].startswith("1 pictures belong to no asset")
    assert cover([], {}, None) == ()


def test_the_plan_is_a_union_without_the_masked_parts(tmp_path: Path) -> None:
    deck = bridge(geometry=rectangle(0, 0, 100, 10))
    classes = np.zeros((200, 400), np.uint8)
    classes[:, 200:] = MaskClass.OVEREXPOSED
    mask = str(write_mask(tmp_path / "m.png", classes))
    left = photo("a", footprint=rectangle(0, -5, 40, 15))
    again = photo("b", footprint=rectangle(20, -5, 60, 15))
    half = replace(photo("c", footprint=rectangle(60, -5, 100, 15)), width_px=400, height_px=200, mask_path=mask)
    coarse = photo("d", footprint=rectangle(60, -5, 100, 15), gsd_mm=9.0)
    sides = photo("e")
    ground = covered(deck, left, again, half, coarse, sides).ground
    assert ground is not None
    assert ground.unit == "m2"
    assert ground.total == pytest.approx(1000, rel=1e-3)
    assert ground.photographed == pytest.approx(1000, rel=1e-3)
    assert 795 < ground.fit <= 800.5  # a cell of the mask that holds one masked pixel is given up whole
    line = covered(bridge(geometry=LineString(lonlat((0, 5), (100, 5)))), left, coarse, sides)
    assert line.ground is not None
    assert (line.ground.unit, round(line.ground.photographed), round(line.ground.fit)) == ("m", 80, 40)
    assert "1 pictures without a footprint are not in the shares of the plan" in line.remarks
    assert covered(bridge(geometry=Point(131.0, 34.0)), left).ground is None
    assert (
        covered(bridge(geometry=rectangle(0, 0, 9, 9)), sides).remarks[-1].startswith("no photograph has a footprint")
    )


def test_a_photograph_whose_mask_is_gone_adds_nothing_to_the_plan(tmp_path: Path) -> None:
    deck = bridge(geometry=rectangle(0, 0, 100, 10))
    lost = photo("a", footprint=rectangle(0, -5, 100, 15), mask_path=str(tmp_path / "gone.png"))
    found = covered(deck, lost)
    assert found.ground is not None
    assert found.ground.photographed == pytest.approx(found.ground.total)
    assert found.ground.fit == 0
    assert any("gone.png" in remark or "no longer at its place" in remark for remark in found.remarks)


def scene(tmp_path: Path, day: int, *, top: int = 0, masked: slice | None = None, looked: bool = True) -> Image:
    """Return a scene of 100 x 200 pixels of 10 m at the reach; rows above ``top`` are not observed."""
    values = np.full((2, 200, 100), 500, np.int16)
    values[:, :top] = -32768
    path = write_tif(tmp_path / f"{day}-{top}.tif", values, ("green", "swir1"), nodata=-32768, **UTM)
    image = describe(path, options=IngestOptions(captured_at=datetime(2024, 5, day, tzinfo=UTC)))
    if not looked:
        return image
    classes = np.zeros((200, 100), np.uint8)
    if masked is not None:
        classes[masked] = MaskClass.CLOUD
    return replace(image, mask_path=str(write_mask(tmp_path / f"{day}-{top}m.tif", classes)))


def reach(x: float = 500_500.0) -> Asset:
    """Return a reach straight south through the scenes' middle, 2 km long."""
    to_lonlat = pyproj.Transformer.from_crs("EPSG:32652", "EPSG:4326", always_xy=True)
    line = [to_lonlat.transform(x, y) for y in np.linspace(4_000_000, 3_998_000, 30)]
    return Asset("R1", AssetKind.RIVER_REACH, "水川", geometry=LineString(line))


def test_a_reach_is_told_day_by_day_and_scenes_of_one_day_complete_each_other(tmp_path: Path) -> None:
    images = [
        scene(tmp_path, 1, masked=slice(50, 100)),
        scene(tmp_path, 2, top=100),
        scene(tmp_path, 2, masked=slice(0, 60)),
        scene(tmp_path, 3, looked=False),
    ]
    found = covered(reach(), *images)
    assert [day.day and day.day.day for day in found.dates] == [1, 2, 3]
    assert [day.in_view for day in found.dates] == pytest.approx([1, 1, 1], abs=0.01)
    assert [day.clear for day in found.dates] == pytest.approx([0.75, 0.7, 1.0], abs=0.01)
    assert [len(day.unmasked) for day in found.dates] == [0, 0, 1]
    half = covered(reach(), scene(tmp_path, 4, top=100)).dates[0]
    assert (half.in_view, half.clear) == pytest.approx((0.5, 0.5), abs=0.01)


def test_a_reach_beside_the_scene_or_with_a_bank_outside_is_not_seen(tmp_path: Path) -> None:
    image = scene(tmp_path, 1)
    assert covered(reach(500_970.0), image).dates[0].clear == 0  # 30 m from the edge: one bank lies outside
    assert covered(reach(500_940.0), image).dates[0].clear == pytest.approx(1, abs=0.01)
    assert covered(reach(700_000.0), image).dates[0].in_view == 0


def test_a_cloud_over_one_bank_takes_that_length_away(tmp_path: Path) -> None:
    image = scene(tmp_path, 1)
    classes = np.zeros((200, 100), np.uint8)
    classes[:100, 54:60] = MaskClass.CLOUD  # 40 to 100 m east of the line
    cloudy = replace(image, mask_path=str(write_mask(tmp_path / "bank.tif", classes)))
    assert covered(reach(), cloudy).dates[0].clear == pytest.approx(0.5, abs=0.01)


def test_a_scene_that_cannot_be_read_is_named_and_its_day_stays_in_the_list(tmp_path: Path) -> None:
    image = scene(tmp_path, 1)
    Path(image.path).unlink()
    found = covered(reach(), image)
    assert [(day.in_view, day.clear) for day in found.dates] == [(0.0, 0.0)]
    assert any(remark.startswith("1-0.tif does not count: ") for remark in found.remarks)
    flat = replace(scene(tmp_path, 2), crs=None, transform=None)
    assert "2-0.tif does not count: it has no georeference" in covered(reach(), flat).remarks


def test_a_box_around_nothing_has_no_share() -> None:
    assert covered(bridge(geometry=box(131, 34, 131.001, 34.001))).ground is None
