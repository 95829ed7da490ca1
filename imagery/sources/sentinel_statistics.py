"""Index series of a reach by the Statistical API: mean, spread and pixel count a date, without a single picture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyproj
import shapely
from sentinelhub.api.statistical import SentinelHubStatistical
from sentinelhub.constants import CRS
from sentinelhub.geometry import Geometry
from shapely.geometry.base import BaseGeometry

from findings.errors import InputError, SourceUnavailable
from imagery.sources.sentinel_client import translated
from imagery.sources.sentinel_collections import (
    INDICES,
    PIXEL_M,
    S2_L2A,
    data_collection,
    index_band_count,
    index_evalscript,
)
from imagery.sources.sentinel_hub import check_units
from imagery.sources.sentinel_service import Service
from imagery.sources.sentinel_tiles import MOST_PX
from imagery.sources.sentinel_units import LEAST_STATISTICS, processing_units


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """An index over an area on one day.

    Attributes:
        date: ISO 8601 day, UTC.
        index: ``ndvi``, ``ndwi`` or ``mndwi``.
        mean: over the clear pixels, or None if there were none.
        std: standard deviation, likewise.
        clear_px: pixels counted.
        other_px: pixels inside the area that were not observed or not clear.
        error: what the service says of a day that it could not count.
    """

    date: str
    index: str
    mean: float | None
    std: float | None
    clear_px: int
    other_px: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class StatisticsWish:
    """What is wanted.

    Attributes:
        area_lonlat: WGS84.
        start: first moment, UTC.
        end: last moment, UTC.
        indices: names.
        days: acquisitions expected, for the estimate.
    """

    area_lonlat: BaseGeometry
    start: datetime
    end: datetime
    indices: tuple[str, ...] = ("ndvi", "ndwi", "mndwi")
    days: int = 1


@dataclass(frozen=True, slots=True)
class StatisticsPlan:
    """One request, its pixel and its cost."""

    wish: StatisticsWish
    outline: Any
    pixel_m: float
    units: float


def plan_statistics(wish: StatisticsWish) -> StatisticsPlan:
    """Return the request for an area: in the UTM zone of its middle, with the finest pixel that one request allows.

    Raises:
        InputError: an index that is not known.
    """
    unknown = [index for index in wish.indices if index not in INDICES]
    if unknown or not wish.indices:
        raise InputError(f"index {','.join(wish.indices)}: expected some of {', '.join(INDICES)}")
    middle = shapely.centroid(wish.area_lonlat)
    zone = min(int((middle.x + 180) // 6) + 1, 60)
    crs = CRS((32600 if middle.y >= 0 else 32700) + zone)
    move = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{crs.value}", always_xy=True).transform
    shape = shapely.transform(shapely.segmentize(shapely.force_2d(wish.area_lonlat), 0.02), move, interleaved=False)
    west, south, east, north = shape.bounds
    # 20 m, 30 m ... for long reaches: the API takes no more than 2500 px either way, and no tiles.
    pixel = PIXEL_M * max(1, math.ceil(max(east - west, north - south) / (MOST_PX * PIXEL_M)))
    units = processing_units(
        math.ceil((east - west) / pixel),
        math.ceil((north - south) / pixel),
        index_band_count(wish.indices),
        bits=32,
        samples=max(wish.days, 1),
        least=LEAST_STATISTICS,
    )
    return StatisticsPlan(wish, Geometry(shape, crs), pixel, units)


def statistics(service: Service, planned: StatisticsPlan, most_units: float) -> tuple[IndexStatistics, ...]:
    """Return index values a day, in the order of time; pixels under cloud, shadow or snow do not count.

    Raises:
        QuotaExceeded: over the cap (nothing was asked), or the account's end.
        SourceError: what the service did.
    """
    check_units(1, planned.units, most_units, "an index series")
    wish = planned.wish
    with translated(service.access):
        request = SentinelHubStatistical(
            aggregation=SentinelHubStatistical.aggregation(
                evalscript=index_evalscript(wish.indices),
                time_interval=(wish.start, wish.end),
                aggregation_interval="P1D",
                resolution=(planned.pixel_m, planned.pixel_m),
            ),
            input_data=[
                SentinelHubStatistical.input_data(
                    data_collection(S2_L2A.key, service.access.base_url),
                    other_args={"processing": dict(S2_L2A.processing)},
                )
            ],
            geometry=planned.outline,
            config=service.config,
        )
    answer = service.statistics(request.download_list[0])
    return read_statistics(answer.content, wish.indices)


def read_statistics(content: bytes, indices: Sequence[str]) -> tuple[IndexStatistics, ...]:
    """Return the values of an answer of the Statistical API.

    Raises:
        SourceUnavailable: it is no such answer.
    """
    try:
        days = json.loads(content)["data"]
        return tuple(row for day in days for row in _day(day, indices))
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise SourceUnavailable(
            "the Statistical API answered something else than its protocol says; run the command again later"
        ) from error


def _day(day: Mapping[str, Any], indices: Sequence[str]) -> list[IndexStatistics]:
    date = str(day["interval"]["from"])[:10]
    if "error" in day:
        said = str(day["error"].get("type", "error"))
        return [IndexStatistics(date, index, None, None, 0, 0, said) for index in indices]
    rows = []
    for index in indices:
        stats = day["outputs"][index]["bands"]["B0"]["stats"]
        other = int(stats["noDataCount"])
        clear = int(stats["sampleCount"]) - other
        # Without a single pixel the service writes the text "NaN".
        mean, std = (_number(stats[name]) if clear else None for name in ("mean", "stDev"))
        rows.append(IndexStatistics(date, index, mean, std, clear, other))
    return rows


def _number(value: object) -> float | None:
    number = float(value) if isinstance(value, int | float | str) else math.nan
    return number if math.isfinite(number) else None
