"""InSAR files as publishers write them, and those that nobody can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely

from findings.errors import RecordError
from findings.imports.dated import read_temperature
from findings.imports.insar import read_points
from findings.insar import InsarPoints, deck_line
from tests.findings.insar_points import a_deck, days, points_on

BOX = deck_line(a_deck()).bounds
SHORT = days(4)


@pytest.fixture
def points() -> InsarPoints:
    return points_on(np.random.default_rng(0), {}, dates=SHORT, each=1)


def names() -> list[str]:
    return [str(day).replace("-", "") for day in SHORT]


def wide_csv(path: Path, points: InsarPoints, place: str = "longitude,latitude", xy: Any = None) -> Path:
    lines = [f"pid,{place},height,mean_velocity,{','.join(names())}"]
    for i, (x, y) in enumerate(points.lonlat if xy is None else xy):
        series = ",".join(f"{v:.3f}" for v in points.displacement_mm[i])
        lines.append(f"p{i},{x:.9f},{y:.9f},{points.height_m[i]:.3f},0.1,{series}")
    path.write_text("\n".join(lines) + "\n")
    return path


def parquet(path: Path, points: InsarPoints, crs: Any, xy: Any = None) -> Path:
    places = points.lonlat if xy is None else xy
    columns = {"geometry": shapely.to_wkb(shapely.points(places)), "height": points.height_m}
    columns |= {f"D{name}": points.displacement_mm[:, i] for i, name in enumerate(names())}
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Point"]}
    if crs != "absent":
        column["crs"] = crs
    geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": column}}
    table = pa.table(columns).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(table, path)
    return path


def same(read: InsarPoints, points: InsarPoints, metres: float = 0.01) -> None:
    assert read.dates.tolist() == SHORT.tolist()
    assert np.abs(read.lonlat - points.lonlat).max() * 111_000 < metres
    assert read.displacement_mm == pytest.approx(points.displacement_mm, abs=1e-3)


def test_a_wide_table_with_a_column_a_date_is_read(tmp_path: Path, points: InsarPoints) -> None:
    read = read_points(wide_csv(tmp_path / "egms.csv", points), BOX)
    same(read, points)
    assert read.height_m == pytest.approx(points.height_m, abs=1e-3)
    assert any("read as millimetres" in note for note in read.notes)


def test_easting_and_northing_need_their_system_and_then_fit(tmp_path: Path, points: InsarPoints) -> None:
    xy = np.stack(pyproj.Transformer.from_crs(4326, 6671, always_xy=True).transform(*points.lonlat.T), axis=1)
    file = wide_csv(tmp_path / "xy.csv", points, "easting,northing", xy)
    with pytest.raises(RecordError, match="give it by --crs"):
        read_points(file, BOX)
    same(read_points(file, BOX, crs="EPSG:6671"), points, 0.05)


def test_a_long_table_with_the_unit_in_its_heading_is_read(tmp_path: Path, points: InsarPoints) -> None:
    lines = ["点番号;経度;緯度;日付;変位(cm)"]
    for i, (lon, lat) in enumerate(points.lonlat):
        lines += [
            f"{i};{lon:.9f};{lat:.9f};{day.astype(object):%Y/%m/%d};{points.displacement_mm[i, k] / 10:.5f}"
            for k, day in enumerate(SHORT)
        ]
    (tmp_path / "long.csv").write_bytes("\n".join(lines).encode("cp932"))
    read = read_points(tmp_path / "long.csv", BOX)
    same(read, points)
    assert not any("millimetres" in note for note in read.notes)
    (tmp_path / "long.csv").write_bytes("\n".join([*lines, lines[1]]).encode("cp932"))
    with pytest.raises(RecordError, match="1 rows repeat a point and date"):
        read_points(tmp_path / "long.csv", BOX)


def test_geoparquet_is_read_in_degrees_and_in_a_plane(tmp_path: Path, points: InsarPoints) -> None:
    same(read_points(parquet(tmp_path / "a.parquet", points, "absent"), BOX), points)
    xy = np.stack(pyproj.Transformer.from_crs(4326, 32652, always_xy=True).transform(*points.lonlat.T), axis=1)
    plane = parquet(tmp_path / "b.parquet", points, pyproj.CRS(32652).to_json_dict(), xy)
    same(read_points(plane, BOX), points, 0.05)
    unknown = parquet(tmp_path / "c.parquet", points, None, xy)
    with pytest.raises(RecordError, match="does not know in which reference system"):
        read_points(unknown, BOX)
    same(read_points(unknown, BOX, crs="EPSG:32652"), points, 0.05)


def test_points_far_from_the_bridge_are_not_kept_but_the_nearest_is_told(tmp_path: Path, points: InsarPoints) -> None:
    read = read_points(wide_csv(tmp_path / "a.csv", points), (133.0, 34.0, 133.1, 34.1))
    assert len(read.lonlat) == 0
    assert 100_000 < read.nearest_m < 200_000


def test_gaps_stay_gaps_and_rows_without_a_place_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "gaps.csv"
    file.write_text("lon,lat,20200106,20200118\n131.4705,34.18,,2.5\nhere,34.18,1,2\n131.4706,34.18,nan,3\n")
    read = read_points(file, BOX)
    assert np.isnan(read.displacement_mm[:, 0]).all()
    assert read.displacement_mm[:, 1].tolist() == [2.5, 3.0]
    assert any("1 of 3 rows were left out" in note for note in read.notes)


def test_values_that_look_like_metres_are_told(tmp_path: Path) -> None:
    file = tmp_path / "metres.csv"
    file.write_text("lon,lat,20200106,20200118\n131.4705,34.18,0.001,0.0025\n")
    assert any("written in metres?" in note for note in read_points(file, BOX).notes)
    assert read_points(file, BOX, unit="m").displacement_mm.tolist() == [[1.0, 2.5]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("lon,lat,20200106,2020-01-06\n131.47,34.18,1,2\n", "two columns of the day 2020-01-06"),
        ("lon,lat,velocity\n131.47,34.18,1\n", "no displacements"),
        ("name,20200106\na,1\n", "no columns with a place"),
        ("lon,lat,20200106\n131.4705,34.18,much\n", "displacement of 2020-01-06"),
        ("lon,lat,date,displacement\n131.4705,34.18,soon,1\n", "date 'soon'"),
        ("lon,lat,20200106\nx,y,1\n", "none of its 1 rows"),
        ("", "is empty"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_what_was_expected(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(RecordError, match=why):
        read_points(tmp_path / "bad.csv", BOX)


def test_a_damaged_parquet_and_a_missing_file_are_refused(tmp_path: Path, points: InsarPoints) -> None:
    whole = parquet(tmp_path / "a.parquet", points, "absent").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordError, match="damaged or no GeoParquet"):
        read_points(tmp_path / "cut.parquet", BOX)
    with pytest.raises(RecordError, match="check the path"):
        read_points(tmp_path / "none.csv", BOX)
    with pytest.raises(RecordError, match="expected mm, cm or m"):
        read_points(tmp_path / "a.parquet", BOX, unit="inch")


def test_temperatures_of_a_weather_service_are_averaged_by_day(tmp_path: Path) -> None:
    file = tmp_path / "jma.csv"
    file.write_bytes(
        "ダウンロードした時刻\n\n,山口\n年月日,平均気温(℃),平均気温(℃)\n,,品質情報\n"
        "2019/1/3,5.0,8\n2019/1/15 09:00,6.0,8\n2019/1/15 15:00,8.0,8\n2019/1/28,,8\n".encode("cp932")
    )
    found, said = read_temperature(file, SHORT)
    assert found.tolist()[:2] == [5.0, 7.0]
    assert np.isnan(found[2:]).all()
    assert said == ["2 of 4 dates have no temperature and are left out"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1,2\n", "no columns of dates and temperatures"),
        ("date,temperature\n2019-01-03,cold\n", "'cold' is no number"),
        ("date,temperature\n2019-01-03,285.1\n", "degrees Celsius"),
        ("date,temperature\n2010-01-03,5\n", "has 2010-01-03 to 2010-01-03, the points 2019-01-03"),
    ],
)
def test_temperatures_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(RecordError, match=why):
        read_temperature(tmp_path / "t.csv", SHORT)
