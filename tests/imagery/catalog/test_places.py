from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon, box, shape

from imagery.catalog.places import folder_name, geojson_place, href_of, joined, path_of


def test_an_outline_goes_before_a_position_and_nothing_is_nothing() -> None:
    outline, point = box(131, 34, 132, 35), (131.5, 34.5)
    geometry, bbox = geojson_place(outline, point)
    assert shape(geometry).equals(outline)
    assert bbox == [131, 34, 132, 35]
    assert geojson_place(None, point) == ({"type": "Point", "coordinates": [131.5, 34.5]}, [131.5, 34.5, 131.5, 34.5])
    assert geojson_place(None, None) == (None, None)


def test_rings_run_counter_clockwise_as_rfc_7946_wants_them() -> None:
    geometry, _ = geojson_place(Polygon([(0, 0), (0, 1), (1, 1), (1, 0)]), None)
    assert shape(geometry).exterior.is_ccw


@pytest.mark.parametrize(
    "outline",
    [
        Polygon([(179, 10), (-179, 10), (-179, 11), (179, 11)]),  # as a projection gives it back
        Polygon([(179, 10), (181, 10), (181, 11), (179, 11)]),  # of a grid from 0 to 360
        Polygon([(-181, 10), (-179, 10), (-179, 11), (-181, 11)]),
    ],
)
def test_an_outline_across_the_antimeridian_is_cut_there(outline: Polygon) -> None:
    geometry, bbox = geojson_place(outline, None)
    assert geometry["type"] == "MultiPolygon"
    assert shape(geometry).area == pytest.approx(2.0)
    assert bbox == [179, 10, -179, 11]
    assert joined(None, bbox) == (-180, 10, 180, 11)


def test_longitudes_beyond_180_are_brought_back() -> None:
    geometry, bbox = geojson_place(box(200, 10, 201, 11), None)
    assert bbox == [-160, 10, -159, 11]
    assert shape(geometry).bounds == (-160, 10, -159, 11)


def test_an_outline_without_area_falls_back_to_the_position() -> None:
    flat = Polygon([(131, 34), (132, 34), (131, 34)])
    assert geojson_place(flat, (131.5, 34.0))[0] == {"type": "Point", "coordinates": [131.5, 34.0]}


def test_a_bow_tie_becomes_sound() -> None:
    geometry, _ = geojson_place(Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]), None)
    assert shape(geometry).is_valid
    assert shape(geometry).area == pytest.approx(2.0)


corners = st.tuples(st.floats(-360, 360), st.floats(-89, 89))


@given(st.lists(corners, min_size=3, max_size=8))
def test_whatever_the_outline_the_geometry_is_sound_and_inside_its_bbox(points: list[tuple[float, float]]) -> None:
    geometry, bbox = geojson_place(Polygon(points), None)
    assert (geometry is None) == (bbox is None)
    if geometry is not None and bbox is not None:
        west, south, east, north = shape(geometry).bounds
        assert -180 <= west <= east <= 180
        assert (south, north) == (bbox[1], bbox[3])


@pytest.mark.parametrize("name", ["a.jpg", "橋 1.jpg", "a#1.jpg", "a?.jpg", "100%25.jpg", "50%.jpg", "a:b.jpg"])
def test_links_lead_back_to_their_file_whatever_its_name(name: str) -> None:
    folder = Path("/home/x/catalog/s")
    for file in (Path("/data") / name, folder / "files" / name):
        href = href_of(file, folder)
        assert href.startswith(("./", "../"))
        assert "#" not in href
        assert "?" not in href
        assert path_of(href, folder) == file


@pytest.mark.parametrize("title", ["../../etc", "a/b\\c", "", "...", "橋 A", "x" * 300])
def test_folders_of_surveys_stay_inside_the_catalogue(title: str) -> None:
    name = folder_name(title, "12345678-aaaa")
    assert "/" not in name
    assert "\\" not in name
    assert name.endswith("-12345678")
    assert not name.startswith(".")
    assert len(name.encode()) < 200
