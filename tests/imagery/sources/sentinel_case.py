"""What the tests of Sentinel Hub share: a connection to the fake with little patience, and wishes of its world."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import box

from imagery.sources.sentinel_access import Access, Patience
from imagery.sources.sentinel_collections import S2_L2A, Collection
from imagery.sources.sentinel_hub import Fetched, Plan, Wish, fetch, plan
from imagery.sources.sentinel_service import Service
from tests.fakes.sentinel_hub import FakeSentinelHub

SHORT = Patience(
    attempts=3,
    first_wait_s=0.01,
    timeout_s=5.0,
    rate_limited=4,
    unsaid_wait_s=0.02,
    least_wait_s=0.001,
    longest_wait_s=2.0,
    threads=2,
)
FROM, TO = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC)
PLENTY = 1000.0


def access_to(fake: FakeSentinelHub, secret: str | None = None) -> Access:
    return Access(fake.CLIENT_ID, secret or fake.CLIENT_SECRET, fake.base_url, fake.token_url)


def service_of(fake: FakeSentinelHub, secret: str | None = None, **patience: Any) -> Service:
    return Service(access_to(fake, secret), replace(SHORT, **patience))


def wish_of(fake: FakeSentinelHub, collection: Collection = S2_L2A, **changes: Any) -> Wish:
    area = box(*fake.world.bounds_lonlat())
    return replace(Wish(collection, collection.default_bands, area, FROM, TO), **changes)


def stored(path: Path) -> tuple[NDArray[Any], Any]:
    """Return the stored values ``(C, H, W)`` of a scene, and its open header."""
    with rasterio.open(path) as image:
        return image.read(), image.profile


def expected(fake: FakeSentinelHub, number: int, profile: Any) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the world's own values under each pixel centre of a scene, and which centres lie in the world."""
    spec = fake.world.series.spec
    cols, rows = np.meshgrid(np.arange(profile["width"]) + 0.5, np.arange(profile["height"]) + 0.5)
    a, _, c, _, e, f = tuple(profile["transform"])[:6]
    xs, ys = a * cols + c, e * rows + f
    xs, ys = Transformer.from_crs(profile["crs"].to_wkt(), spec.crs, always_xy=True).transform(xs, ys)
    col = np.floor((xs - spec.origin_m[0]) / spec.pixel_m).astype(int)
    row = np.floor((spec.origin_m[1] - ys) / spec.pixel_m).astype(int)
    inside = (col >= 0) & (col < spec.size_px) & (row >= 0) & (row < spec.size_px)
    truth = fake.world.truth(number)
    return truth[:, row.clip(0, spec.size_px - 1), col.clip(0, spec.size_px - 1)], inside


def planned(fake: FakeSentinelHub, tmp_path: Path, wish: Wish | None = None, **changes: Any) -> Plan:
    wish = wish or wish_of(fake, **changes)
    return plan(service_of(fake), wish, tmp_path / "scenes", tmp_path / "cache")


def run(fake: FakeSentinelHub, tmp_path: Path, wish: Wish | None = None, **changes: Any) -> list[Fetched]:
    return list(fetch(service_of(fake), planned(fake, tmp_path, wish, **changes), PLENTY))


def first_day(fake: FakeSentinelHub) -> datetime:
    """Return the end of a wish for the first acquisition alone."""
    return fake.world.optical[0].when.replace(hour=23)
