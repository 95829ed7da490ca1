"""Index series by the Statistical API."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from shapely.geometry import LineString

from findings.errors import InputError, QuotaExceeded, SourceUnavailable
from imagery.sources.sentinel_catalogue import search
from imagery.sources.sentinel_collections import S2_L2A
from imagery.sources.sentinel_statistics import StatisticsWish, plan_statistics, read_statistics, statistics
from imagery.sources.sentinel_tiles import buffered
from tests.fakes.sentinel_hub import FakeSentinelHub
from tests.imagery.sources.sentinel_case import (
    FROM,
    PLENTY,
    TO,
    service_of,
    wish_of,
)


@pytest.fixture
def fake() -> Iterator[FakeSentinelHub]:
    with FakeSentinelHub() as service:
        yield service


def test_index_series_agree_with_the_world(fake: FakeSentinelHub) -> None:
    area = wish_of(fake).area_lonlat
    found = search(service_of(fake), S2_L2A, area, FROM, TO)
    service = service_of(fake)
    rows = statistics(service, plan_statistics(StatisticsWish(area, FROM, TO, days=len(found))), PLENTY)
    assert len(rows) == 9
    scene = fake.world.series.scenes[0]
    inner = (slice(20, 76), slice(20, 76))
    green, nir = (scene.bands[band][inner].astype(float) for band in (1, 3))
    clear = ~scene.clouds[inner]
    ndwi = ((green - nir) / (green + nir))[clear]
    row = next(row for row in rows if row.index == "ndwi" and row.date == f"{scene.captured_at:%Y-%m-%d}")
    assert row.mean == pytest.approx(ndwi.mean(), abs=0.05)
    assert row.std == pytest.approx(ndwi.std(), abs=0.05)
    assert row.clear_px + row.other_px == pytest.approx(56 * 56, rel=0.15)
    assert service.meter.units > 0


def test_an_index_series_over_the_cap_asks_nothing(fake: FakeSentinelHub) -> None:
    with pytest.raises(QuotaExceeded, match="an index series"):
        statistics(service_of(fake), plan_statistics(StatisticsWish(wish_of(fake).area_lonlat, FROM, TO)), 0.001)
    assert fake.requests["statistics"] == 0


def test_a_long_reach_is_counted_in_pixels_that_fit_one_request(fake: FakeSentinelHub) -> None:
    line = buffered(LineString([(131.0, 34.0), (131.6, 34.3)]), 100)
    assert plan_statistics(StatisticsWish(line, FROM, TO)).pixel_m == 30.0


def test_an_index_that_is_unknown_is_refused(fake: FakeSentinelHub) -> None:
    with pytest.raises(InputError, match="ndvi, ndwi, mndwi"):
        plan_statistics(StatisticsWish(wish_of(fake).area_lonlat, FROM, TO, indices=("evi",)))


def test_a_day_without_a_clear_pixel_has_no_mean_and_a_failed_day_says_why() -> None:
    stats = {"min": "NaN", "max": "NaN", "mean": "NaN", "stDev": "NaN", "sampleCount": 9, "noDataCount": 9}
    span = {"from": "2024-02-29T00:00:00Z", "to": "2024-03-01T00:00:00Z"}
    days = [
        {"interval": span, "outputs": {"ndvi": {"bands": {"B0": {"stats": stats}}}}},
        {"interval": span, "error": {"type": "EXECUTION_ERROR"}},
    ]
    cloudy, failed = read_statistics(json.dumps({"data": days}).encode(), ("ndvi",))
    assert (cloudy.mean, cloudy.std, cloudy.clear_px, cloudy.other_px) == (None, None, 0, 9)
    assert (failed.mean, failed.error) == (None, "EXECUTION_ERROR")
    for body in (b"", b"[]", b'{"data": [{}]}', b'{"data": [{"interval": {"from": 1}, "outputs": {}}]}'):
        with pytest.raises(SourceUnavailable, match="Statistical API"):
            read_statistics(body, ("ndvi",))
