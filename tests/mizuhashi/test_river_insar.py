"""``mizuhashi river insar`` through its own function: table, CSV and GeoJSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from findings.store import Store, store_url
from mizuhashi.cli.options import new_app
from mizuhashi.cli.river_insar import insar
from mizuhashi.cli.session import Session
from mizuhashi.output import Output
from tests.findings.factories import a_reach
from tests.findings.insar_points import a_deck, days, degrees, points_on

Run = Callable[..., Result]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(1)
    dates = days()
    warm = degrees(dates, rng)
    points = points_on(rng, {4: -6.0}, temperature=warm)
    keep = [i for i in range(50) if i not in (10, 11, 12)]  # the third segment has two points left
    lines = ["pid,longitude,latitude,height," + ",".join(str(day).replace("-", "") for day in dates)]
    lines += [
        f"p{i},{points.lonlat[i, 0]:.8f},{points.lonlat[i, 1]:.8f},{points.height_m[i]:.2f},"
        + ",".join(f"{v:.2f}" for v in points.displacement_mm[i])
        for i in keep
    ]
    (tmp_path / "points.csv").write_text("\n".join(lines))
    rows = [f"{day},{t:.2f}" for day, t in zip(dates, warm, strict=True)]
    (tmp_path / "warm.csv").write_text("\n".join(["date,temperature", *rows]))
    return tmp_path / "points.csv", tmp_path / "warm.csv"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    home = tmp_path / "home"
    home.mkdir()
    with Store(store_url(home), home) as store:
        store.upgrade()
        store.put_assets([a_deck(), a_reach()])
    app = new_app("group")
    app.command("insar")(insar)

    @app.callback()
    def start(ctx: typer.Context) -> None:
        ctx.obj = Session(Output(), home)

    return lambda *words: CliRunner().invoke(app, ["insar", *map(str, words)])


def test_the_table_says_what_stands_out_and_what_is_not_assessable(run: Run, files: tuple[Path, Path]) -> None:
    points, warm = files
    ran = run("--bridge", "bridge", "--points", points, "--temperature", warm)
    assert ran.exit_code == 0, ran.output
    rows = [line.split("\t") for line in ran.stdout.splitlines() if "\t" in line]
    assert [row[0] for row in rows[1:] if row[8] == "stands out"] == ["4"]
    assert "too few points (2" in rows[3][8]
    assert "9 of 10 segments assessed from 47 points within 10 m, 2019-01-03 to 2021-" in ran.stdout
    assert "yearly wave" not in ran.stdout


def test_without_temperatures_the_command_says_what_stands_for_them(run: Run, files: tuple[Path, Path]) -> None:
    assert "no temperatures: what repeats every year" in run("--bridge", "bridge", "--points", files[0]).stdout


def test_csv_and_geojson_hold_every_segment_with_its_reason(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    words = ("--bridge", "bridge", "--points", files[0], "--temperature", files[1], "--out")
    assert run(*words, tmp_path / "out.csv").exit_code == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text("utf-8-sig"))))
    assert len(rows) == 10
    assert rows[2]["残差速度(mm/年)"] == ""
    assert rows[2]["評価できない理由"] == "点数不足(2点、3点以上必要)"
    assert float(rows[3]["残差速度下限"]) < -6.0 < float(rows[3]["残差速度上限"])
    assert run(*words, tmp_path / "out.geojson").exit_code == 0
    document = json.loads((tmp_path / "out.geojson").read_text())
    assert [f["properties"]["assessable"] for f in document["features"]].count(False) == 1
    assert document["features"][0]["geometry"]["type"] == "LineString"
    assert document["thermal_model"] == "temperature"


def test_a_river_and_a_strange_ending_are_refused(run: Run, files: tuple[Path, Path], tmp_path: Path) -> None:
    assert "expected a bridge" in str(run("--bridge", "reach", "--points", files[0]).exception)
    ran = run("--bridge", "bridge", "--points", files[0], "--out", tmp_path / "out.xls")
    assert ran.exit_code == 2
