"""For `benchmarks.river_ucayali`: the series through the river commands, as a user runs them, and what they kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from findings.river_series import State
from findings.store import Store
from inference.river.objects import KnownBar
from inference.river.series import Series
from mizuhashi.__main__ import main as mizuhashi

YEARS = range(1985, 2021, 5)
REACH, MODEL, CRS = "ucayali", "river@1", "EPSG:32718"
FLOW = """
-74.248 -8.587, -74.252 -8.552, -74.310 -8.520, -74.304 -8.507, -74.275 -8.497, -74.256 -8.468, -74.254 -8.436,
-74.262 -8.417, -74.282 -8.409, -74.314 -8.450, -74.362 -8.455, -74.369 -8.517, -74.376 -8.524, -74.390 -8.519,
-74.418 -8.491, -74.432 -8.420, -74.451 -8.414, -74.474 -8.422, -74.488 -8.385, -74.534 -8.357, -74.533 -8.346,
-74.522 -8.339, -74.472 -8.347, -74.460 -8.340, -74.462 -8.321, -74.498 -8.283"""
"""The reach as one would draw it on a map of 1985, downstream: longitude and latitude, within some 600 m."""
BANDS = "swir1,nir,red,green"


def scan(root: Path, out: Path) -> Path:
    """Return the home in which the commands have taken in and scanned the series.

    Raises:
        RuntimeError: a command failed.
    """
    home, reach = out / "home", out / "reach.geojson"
    line = [[float(number) for number in point.split()] for point in FLOW.split(",")]
    feature = {
        "type": "Feature", "id": REACH, "geometry": {"type": "LineString", "coordinates": line},
        "properties": {"uid": REACH, "kind": "river_reach", "name": "Ucayali at Pucallpa"},
    }  # fmt: skip
    reach.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    commands = [["assets", "import", str(reach)]]
    for year in YEARS:
        commands.append(
            ["ingest", str(root / f"{year}.tif"), "--survey", "landsat", "--asset", REACH, "--bands", BANDS]
            + ["--captured-at", f"{year}-07-15T00:00:00Z"] + (["--add"] if year > YEARS[0] else [])
        )  # fmt: skip
    commands.append(["river", "scan", "--reach", REACH, "--spacing", "100", "--model", MODEL, "--anew"])
    commands.append(["river", "report", "--reach", REACH, "--out", str(out / "reach.html")])
    for command in commands:
        print("$ mizuhashi", *[Path(word).name if "/" in word else word for word in command], flush=True)
        if mizuhashi(["--home", str(home), *command]) != 0:
            raise RuntimeError(f"{' '.join(command)} failed")
    return home


def scanned(store: Store) -> dict[str, Any]:
    """Return what the scan kept: transects, scenes, states, refusals of the monitors, bars."""
    kept, seen = store.river(REACH), [one.observation for one in store.river_observations(REACH)]
    reports = Series.from_json(kept.state["series"]).reports()
    bars = [KnownBar.from_json(row) for row in kept.state.get("bars", ())]
    return {
        "transects": len(kept.frame), "line_km": round(float(kept.frame.post_km[0]), 1),
        "scenes": {
            one.captured_at.year: {"measured": round(one.assessed_share, 2), "water_km2": round(
                (one.reach["water_area"].value or 0.0) / 1e6, 1) if "water_area" in one.reach else None} | {
                state.value: one.states.count(state) for state in State if state in one.states} for one in seen},
        "refusals": {name.value: why for name, why in reports.refusals.items()},
        "bars": [[bar.name, round(bar.bar.post_km, 1), bar.bar.side, bar.first_seen[:4], bar.last_seen[:4], bar.scenes,
                  round(bar.bar.area_m2 / 1e6, 2), round(bar.largest_m2 / 1e6, 2)]
                 for bar in sorted(bars, key=lambda bar: -bar.largest_m2)[:12]],
        "bars_all": len(bars), "bars_two_scenes": sum(bar.scenes > 1 for bar in bars),
    }  # fmt: skip
