"""The world that the fake Sentinel Hub looks at: a generated river, seen by S2 and S1, with its truth at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import Polygon, box, mapping

from imagery.synthetic.river import RiverSeries, RiverSpec, generate_river_series

Array = NDArray[Any]
S2_CODES = {"B02": 0, "B03": 1, "B04": 2, "B08": 3, "B11": 4, "B12": 5}
CLOUD, WATER, BARE, VEGETATION = 9, 6, 5, 4  # Sen2Cor classes


@lru_cache(maxsize=4)
def river(seed: int, scenes: int, size_px: int, origin: tuple[float, float]) -> RiverSeries:
    spec = RiverSpec(size_px=size_px, years=1, scenes_per_year=scenes, first_year=2024, cloudy=0.5, origin_m=origin)
    return generate_river_series(np.random.default_rng(seed), spec)


@dataclass(frozen=True)
class Pass:
    """One overpass: which picture of the world it saw, and the ground it covered.

    Attributes:
        item_ids: names of its catalogue items.
        footprints: of the items, lon, lat; pixels outside all of them have ``dataMask`` 0.
        blank: whether every pixel arrives as no data although the catalogue lists it.
    """

    scene: int
    when: datetime
    item_ids: tuple[str, ...]
    footprints: tuple[Polygon, ...]
    cloud_percent: float
    blank: bool = False


@dataclass(frozen=True)
class World:
    """A river, and when it was looked at.

    Attributes:
        series: pictures and truth in EPSG:32652.
        optical: passes of Sentinel-2.
        radar: passes of Sentinel-1.
    """

    series: RiverSeries
    optical: tuple[Pass, ...]
    radar: tuple[Pass, ...]

    def bounds_lonlat(self, margin_px: int = 20) -> tuple[float, float, float, float]:
        """Return a box in degrees that lies wholly inside the world."""
        spec, pad = self.series.spec, margin_px * self.series.spec.pixel_m
        east, north = spec.origin_m
        side = spec.size_px * spec.pixel_m
        move = Transformer.from_crs(spec.crs, "EPSG:4326", always_xy=True)
        xs, ys = [east + pad, east + side - pad], [north - side + pad, north - pad]
        corners = np.array([move.transform(x, y) for x in xs for y in ys])
        west, south = corners.min(axis=0)
        right, top = corners.max(axis=0)
        return float(west), float(south), float(right), float(top)

    def passes(self, collection: str) -> tuple[Pass, ...]:
        return self.optical if collection == "sentinel-2-l2a" else self.radar

    def look(
        self, collection: str, seen: Sequence[Pass], crs: str, bbox: Sequence[float], size: tuple[int, int]
    ) -> dict[str, Array]:
        """Return planes by the service's band names, nearest pixel of the world for each pixel centre asked for.

        The first pass that covers a pixel gives it; where none does, ``dataMask`` is 0 and so is everything else.
        """
        width, height = size
        xs = bbox[0] + (np.arange(width) + 0.5) * (bbox[2] - bbox[0]) / width
        ys = bbox[3] - (np.arange(height) + 0.5) * (bbox[3] - bbox[1]) / height
        grid_x, grid_y = np.meshgrid(xs, ys)
        spec = self.series.spec
        if crs != spec.crs:
            grid_x, grid_y = Transformer.from_crs(crs, spec.crs, always_xy=True).transform(grid_x, grid_y)
        east, north = spec.origin_m
        col = np.floor((grid_x - east) / spec.pixel_m).astype(int)
        row = np.floor((north - grid_y) / spec.pixel_m).astype(int)
        inside = (col >= 0) & (col < spec.size_px) & (row >= 0) & (row < spec.size_px)
        col, row = np.clip(col, 0, spec.size_px - 1), np.clip(row, 0, spec.size_px - 1)
        lon, lat = Transformer.from_crs(spec.crs, "EPSG:4326", always_xy=True).transform(grid_x, grid_y)
        names = (*S2_CODES, "SCL") if collection == "sentinel-2-l2a" else ("VV", "VH")
        planes: dict[str, Array] = {name: np.zeros((height, width)) for name in names}
        mask = np.zeros((height, width), bool)
        for one in seen:
            if one.blank:
                continue
            covered = np.zeros_like(mask)
            for footprint in one.footprints:
                covered |= shapely.contains_xy(footprint, lon, lat)
            fresh = inside & covered & ~mask
            source = self._optical(one.scene) if collection == "sentinel-2-l2a" else self._radar(one.scene)
            for name in names:
                planes[name] = np.where(fresh, source[name][row, col], planes[name])
            mask |= fresh
        planes["dataMask"] = mask.astype(float)
        return planes

    def _optical(self, number: int) -> Mapping[str, Array]:
        scene = self.series.scenes[number]
        scl = np.where(scene.water_fraction > 0.5, WATER, np.where(scene.trees, VEGETATION, BARE))
        return {name: scene.bands[place] for name, place in S2_CODES.items()} | {
            "SCL": np.where(scene.clouds, CLOUD, scl)
        }

    def _radar(self, number: int) -> Mapping[str, Array]:
        """Return sigma0 as power: still water at -20 dB in VV and -27 dB in VH, land at -9 and -15 dB."""
        wet = self.series.scenes[number].water_fraction
        return {
            "VV": 10 ** (-0.9 - 1.1 * wet),
            "VH": 10 ** (-1.5 - 1.2 * wet),
        }

    def truth(self, number: int) -> Array:
        """Return the reflectance x 10000 ``(6, H, W)`` of a picture, on the world's grid."""
        return self.series.scenes[number].bands


def make_world(
    *, seed: int = 7, scenes: int = 3, size_px: int = 96, origin: tuple[float, float] = (727_000.0, 3_784_000.0)
) -> World:
    """Return a world whose first pass of Sentinel-2 comes as two items, half the ground each, 14 s apart."""
    series = river(seed, scenes, size_px, origin)
    spec = series.spec
    side = spec.size_px * spec.pixel_m
    east, north = spec.origin_m
    back = Transformer.from_crs(spec.crs, "EPSG:4326", always_xy=True)
    west_lon, south_lat = back.transform(east - 3000, north - side - 3000)
    east_lon, north_lat = back.transform(east + side + 3000, north + 3000)
    middle = back.transform(east + side / 2, north)[0]
    whole = box(west_lon, south_lat, east_lon, north_lat)
    halves = (box(west_lon, south_lat, middle, north_lat), box(middle, south_lat, east_lon, north_lat))
    optical, radar = [], []
    for number, scene in enumerate(series.scenes):
        when = scene.captured_at.replace(microsecond=0)
        take = (when - timedelta(seconds=9)).strftime("%Y%m%dT%H%M%S")
        names = [f"S2B_MSIL2A_{take}_N0510_R117_T{tile}_{take}.SAFE" for tile in ("52SFD", "52SGD")]
        split = number == 0
        optical.append(
            Pass(
                number, when, tuple(names[: 2 if split else 1]), halves if split else (whole,), 100 * scene.cloud_cover
            )
        )
        night = when + timedelta(days=2, hours=7)
        start = night.strftime("%Y%m%dT%H%M%S")
        radar.append(
            Pass(number, night, (f"S1A_IW_GRDH_1SDV_{start}_{start}_051972_0647E2_A{number:03d}",), (whole,), 0.0)
        )
    return World(series, tuple(optical), tuple(radar))


def features(world: World, collection: str) -> list[dict[str, Any]]:
    """Return the catalogue's items of a collection, newest first as the Catalog API lists them."""
    found = []
    for one in world.passes(collection):
        for place, (name, footprint) in enumerate(zip(one.item_ids, one.footprints, strict=True)):
            moment = one.when + timedelta(seconds=14 * place)
            facts: dict[str, Any] = {"datetime": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
            if collection == "sentinel-2-l2a":
                facts |= {"platform": "sentinel-2b", "constellation": "sentinel-2", "instruments": ["msi"]}
                facts["eo:cloud_cover"] = round(one.cloud_percent, 2)
            else:
                # docs.sentinel-hub.com/api/latest/api/catalog, migration to 1.0.0: s1:polarization, s1:resolution
                facts |= {"platform": "sentinel-1a", "sar:instrument_mode": "IW", "s1:polarization": "DV"}
                facts |= {"s1:resolution": "HIGH", "sat:orbit_state": "descending", "sar:polarizations": ["VV", "VH"]}
            found.append(
                {
                    "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": collection,
                    "geometry": mapping(footprint), "bbox": list(footprint.bounds), "properties": facts,
                    "assets": {}, "links": [],
                }
            )  # fmt: skip
    return sorted(found, key=lambda feature: str(feature["properties"]["datetime"]), reverse=True)
