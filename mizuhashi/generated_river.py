"""The generated river of the demo: its scenes on disk, and the reach they belong to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import Transformer

from findings.files import write_text
from imagery.synthetic.river import RiverSeries, RiverSpec, generate_river_series, write_river_series

RIVER_UID = "generated-demo-river"
YEARS, SCENES_PER_YEAR = 6, 2


@dataclass(frozen=True, slots=True)
class River:
    """A generated reach: the asset file, the rasters oldest first, and what really happened."""

    assets_path: Path
    scenes: tuple[Path, ...]
    eroded_m2: float


def make_river(rng: np.random.Generator, folder: Path) -> River:
    """Write the scenes, the asset file and the truth of a river into ``folder``.

    Raises:
        OutputError: a file cannot be written.
    """
    series = generate_river_series(rng, RiverSpec(years=YEARS, scenes_per_year=SCENES_PER_YEAR))
    scenes = write_river_series(series, folder / "scenes")
    assets_path = folder / "assets.geojson"
    write_text(assets_path, json.dumps(river_feature_collection(series), ensure_ascii=False, indent=1) + "\n")
    last = series.scenes[-1]
    truth = {"generated": True, "asset_uid": RIVER_UID, "eroded_area_m2": last.eroded_area_m2,
             "bar_area_m2": last.bar_area_m2}  # fmt: skip
    write_text(folder / "truth.json", json.dumps(truth, indent=1) + "\n")
    return River(assets_path, tuple(scenes), last.eroded_area_m2)


def river_feature_collection(series: RiverSeries) -> dict[str, Any]:
    """Return the asset file: one generated reach with inventory values that the ranking reads."""
    a, _, c, _, e, f = series.transform
    size = series.spec.size_px
    to_lonlat = Transformer.from_crs(series.spec.crs, "EPSG:4326", always_xy=True)
    ends = [to_lonlat.transform(c, f + e * size / 2), to_lonlat.transform(c + a * size, f + e * size / 2)]
    properties = {
        "uid": RIVER_UID,
        "kind": "river_reach",
        "name": "デモ川（生成データ） / Demo River (generated)",
        "chainage_from_km": 4.0,
        "chainage_to_km": round(4.0 + size * series.spec.pixel_m / 1000, 2),
        "population_flood": 2600,
        "crossing_bridge": 1.0,
        "generated": True,
    }
    line = {"type": "LineString", "coordinates": [[round(lon, 7), round(lat, 7)] for lon, lat in ends]}
    feature = {"type": "Feature", "id": RIVER_UID, "geometry": line, "properties": properties}
    return {"type": "FeatureCollection", "features": [feature]}
