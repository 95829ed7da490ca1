"""The generated pictures of the worked example: one wall flown twice, five years apart, and five years of one river."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from findings.files import write_text
from imagery.synthetic.bridge_survey import bridge_feature_collection
from imagery.synthetic.flight_views import WallPhoto, fly, write_flight
from imagery.synthetic.flight_wall import Wall, WallChanges, WallSpec, build_wall
from imagery.synthetic.river import RiverSeries, RiverSpec, generate_river_series, write_river_series
from mizuhashi.generated_river import river_feature_collection

BRIDGE_UID, RIVER_UID = "example-bridge", "example-river"
FLIGHTS = {"2021": datetime(2021, 5, 12, 10, tzinfo=timezone(timedelta(hours=9))),
           "2026": datetime(2026, 5, 13, 10, tzinfo=timezone(timedelta(hours=9)))}  # fmt: skip
RIVER = RiverSpec(first_year=2021, years=6, scenes_per_year=2)
WALL = WallSpec(width_mm=1152.0, height_mm=612.0, gsd_mm=0.4, cracks=5, pairs=0, spalls=2, limes=1, rusts=1,
                crack_width_mm=(0.35, 0.8))  # fmt: skip
CHANGES = WallChanges(grown={"crack-1": 1.5}, repaired=frozenset({"crack-3"}), new=1, weathering=0.3)
FOCAL_WIDTHS = 6.0  # a zoom lens: the camera stands about 3 m away, where its range finder tells more


@dataclass(frozen=True, slots=True)
class ExampleSpec:
    """What the bridge's wall is and what the years do to it; the default makes three by two photographs a flight."""

    wall: WallSpec = WALL
    changes: WallChanges = CHANGES
    width_px: int = 1200
    height_px: int = 900


@dataclass(frozen=True, slots=True)
class TrueDefect:
    """One damage of the generated wall: what it was and became; None: not there.

    Attributes:
        name: of the generator, e.g. ``crack-1``.
        kind: one of the generator's classes.
        before: largest width in mm (crack) or area in mm2 at the first flight.
        after: at the second.
        what: what the generator did with it.
    """

    name: str
    kind: str
    before: float | None
    after: float | None
    what: str


@dataclass(frozen=True, slots=True)
class ExampleInputs:
    """What was generated, with paths below one folder.

    Attributes:
        flights: folder of the photographs by year.
        shown: by year and file name, ``(H, W)`` uint8, where a photograph shows the damage whose place in
            ``defects`` is one less; 0: none.
        eroded_m2: ground that the river took between the first and the last scene.
        columns: photographs in a row of a flight.
    """

    assets_path: Path
    flights: Mapping[str, Path]
    shown: Mapping[str, Mapping[str, NDArray[np.uint8]]]
    scenes: Path
    defects: tuple[TrueDefect, ...]
    eroded_m2: float
    columns: int


def write_inputs(folder: Path, seed: int, spec: ExampleSpec | None = None) -> ExampleInputs:
    """Write ``assets.geojson``, ``bridge/YEAR/BRIDGE/径間1/竪壁/*.jpg``, ``river/*.tif`` and ``truth.json``.

    Raises:
        OutputError: a file cannot be written.
    """
    spec = ExampleSpec() if spec is None else spec
    walls = {"2021": build_wall(seed, spec.wall), "2026": build_wall(seed, spec.wall, spec.changes)}
    defects = tuple(true_defects(walls["2021"], walls["2026"], spec.changes))
    flights, shown = {}, {}
    for number, (year, wall) in enumerate(walls.items()):
        photos = fly(
            wall, 100 * seed + number, width_px=spec.width_px, height_px=spec.height_px, gsd_mm=spec.wall.gsd_mm,
            focal_widths=FOCAL_WIDTHS,
        )  # fmt: skip
        flights[year] = folder / "bridge" / year
        write_flight(photos, flights[year] / BRIDGE_UID / "径間1" / "竪壁", FLIGHTS[year])
        shown[year] = _shown(photos, defects)
        # a row ends where the next photograph starts over at the left
        columns = next((n for n in range(1, len(photos)) if photos[n].view.x_mm < photos[n - 1].view.x_mm), len(photos))
    series = generate_river_series(np.random.default_rng([seed, 2]), RIVER)
    write_river_series(series, folder / "river")
    assets_path = folder / "assets.geojson"
    write_text(assets_path, json.dumps(_assets(series), ensure_ascii=False, indent=1) + "\n")
    eroded_m2 = series.scenes[-1].eroded_area_m2
    write_text(folder / "truth.json", _truth(defects, eroded_m2))
    return ExampleInputs(assets_path, flights, shown, folder / "river", defects, eroded_m2, columns)


def _shown(photos: Sequence[WallPhoto], defects: Sequence[TrueDefect]) -> dict[str, NDArray[np.uint8]]:
    """Return which damage each pixel of each photograph shows; cracks lie over all else, bars over their spall."""
    order = {"crack": 2, "exposed_rebar": 1}
    numbers = {defect.name: number for number, defect in enumerate(defects, 1)}
    shown = {}
    for photo in photos:
        shown[photo.name] = np.zeros(photo.image.shape[:2], np.uint8)
        for name in sorted(photo.masks, key=lambda name: (order.get(photo.labels[name], 0), name)):
            shown[photo.name][photo.masks[name]] = numbers[name.split(".")[0]]
    return shown


def _assets(series: RiverSeries) -> dict[str, Any]:
    bridge = bridge_feature_collection()
    feature = bridge["features"][0]
    feature["id"] = BRIDGE_UID
    feature["properties"] |= {
        "uid": BRIDGE_UID,
        "name": "例題橋（生成データ） / Example Bridge (generated)",
        "spans": [{"number": 1, "members": ["Mg", "Ds", "Ac"]}],
    }
    river = river_feature_collection(series)
    reach = river["features"][0]
    reach["id"] = RIVER_UID
    reach["properties"] |= {"uid": RIVER_UID, "name": "例題川（生成データ） / Example River (generated)"}
    bridge["features"].append(reach)
    return bridge


def true_defects(before: Wall, after: Wall, changes: WallChanges) -> list[TrueDefect]:
    """Return every damage of either wall in the order of their names; of those in pieces the largest piece."""
    sizes = [
        {defect.uid: defect.width_max_mm or defect.area_mm2 for defect in wall.defects if "." not in defect.uid}
        for wall in (before, after)
    ]
    kinds = {defect.uid: defect.label for wall in (before, after) for defect in wall.defects}
    names = sorted(sizes[0].keys() | sizes[1].keys())
    return [
        TrueDefect(name, kinds[name], sizes[0].get(name), sizes[1].get(name), _what(name, sizes, changes))
        for name in names
    ]


def _what(name: str, sizes: Sequence[Mapping[str, float]], changes: WallChanges) -> str:
    if name not in sizes[0]:
        return "new"
    if name not in sizes[1]:
        return "repaired"
    return "grown" if name in changes.grown else "unchanged"


def _truth(defects: tuple[TrueDefect, ...], eroded_m2: float) -> str:
    rows = [{"name": d.name, "kind": d.kind, "before": d.before, "after": d.after, "what": d.what} for d in defects]
    return json.dumps({"generated": True, "defects": rows, "eroded_area_m2": eroded_m2}, indent=1) + "\n"
