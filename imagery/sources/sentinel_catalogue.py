"""Which acquisitions there are: the Catalog API's items, gathered into passes of one satellite over one place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import shapely
from sentinelhub.constants import CRS
from sentinelhub.geometry import BBox
from shapely.geometry import shape as shape_of
from shapely.geometry.base import BaseGeometry

from findings.errors import SourceUnavailable
from imagery.plain import finite, is_plain, plain_text
from imagery.sources.sentinel_client import translated
from imagery.sources.sentinel_collections import Collection, data_collection
from imagery.sources.sentinel_service import Service

ONE_PASS = timedelta(minutes=30)  # a pass over Japan takes 7 minutes, the next orbit comes after 98
MOST_ITEMS = 20_000
MOST_CHARACTERS = 200  # of a name
PAGE = 100  # the most that the service gives at once: docs.sentinel-hub.com/api/latest/api/catalog, pagination
# ESA product names: S2B_MSIL2A_<start of the datatake>_N<baseline>_R<relative orbit>_T<tile>_<...>
_S2_NAME = re.compile(r"^(S2[A-Z])_MSIL2A_(\d{8}T\d{6})_N(\d{2})(\d{2})_R(\d{3})_")


@dataclass(frozen=True, slots=True)
class Acquisition:
    """One pass of one satellite.

    Attributes:
        platform: e.g. ``sentinel-2b``.
        relative_orbit: or None if nobody says it.
        orbit_state: ``ascending``, ``descending`` or None.
        captured_at: when the first item of it was sensed, UTC.
        until: when the last one was.
        stamp: time for names, the same whatever items are there: start of the datatake where the items name it.
        footprint_lonlat: ground that was sensed.
        cloud_percent: of the whole items, weighed by their share of the area; None for radar.
        items: names of the items.
        baselines: processing baselines of the items, e.g. ``05.10``.
    """

    platform: str
    relative_orbit: int | None
    orbit_state: str | None
    captured_at: datetime
    until: datetime
    stamp: str
    footprint_lonlat: BaseGeometry
    cloud_percent: float | None
    items: tuple[str, ...]
    baselines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    when: datetime
    platform: str
    orbit: int | None
    state: str | None
    datatake: str | None
    baseline: str | None
    ground: BaseGeometry
    cloud: float | None


def search(
    service: Service, collection: Collection, area: BaseGeometry, start: datetime, end: datetime
) -> tuple[Acquisition, ...]:
    """Return the acquisitions of an area between two times, oldest first.

    Clouds are not asked for here: the catalogue judges items of 110 km, and one clear and one cloudy item of a pass
    would make half an acquisition.

    Args:
        service: to ask.
        collection: what kind.
        area: WGS84 lon, lat.
        start: first moment, UTC.
        end: last moment, UTC.

    Raises:
        SourceError: what the service did.
    """
    with translated(service.access):
        pages = service.catalogue().search(
            data_collection(collection.key, service.access.base_url),
            bbox=BBox(area.bounds, CRS.WGS84),  # the exact outline may have more vertices than a request takes
            time=(start, end),
            limit=PAGE,
        )
        items: dict[str, _Item] = {}
        for number, feature in enumerate(pages):
            if number >= MOST_ITEMS:
                raise SourceUnavailable(f"the catalogue lists over {MOST_ITEMS:,} items; narrow --from and --to")
            item = _item(feature, area)
            if item.ground.intersects(area):
                items.setdefault(item.name, item)
    ordered = sorted(items.values(), key=lambda item: (item.platform, item.orbit or 0, item.state or "", item.when))
    passes: list[list[_Item]] = []
    for item in ordered:
        if passes and _same_pass(passes[-1][-1], item):
            passes[-1].append(item)
        else:
            passes.append([item])
    return tuple(sorted((_acquisition(group, area) for group in passes), key=lambda found: found.captured_at))


def _same_pass(before: _Item, item: _Item) -> bool:
    same = (before.platform, before.orbit, before.state) == (item.platform, item.orbit, item.state)
    return same and item.when - before.when <= ONE_PASS


def _item(feature: Mapping[str, Any], area: BaseGeometry) -> _Item:
    """Return what is used of a catalogue item.

    Raises:
        SourceUnavailable: no name or no time: it cannot be asked for.
    """
    name, facts = feature.get("id"), feature.get("properties")
    facts = facts if isinstance(facts, Mapping) else {}
    when = _time(facts.get("datetime"))
    if not is_plain(name, MOST_CHARACTERS) or when is None:
        raise SourceUnavailable(
            f"the catalogue lists an item {str(name)[:80]!r} with the time {facts.get('datetime')!r}; expected a name "
            "and an ISO 8601 time: report it to the service"
        )
    parsed = _S2_NAME.match(name)
    platform = plain_text(facts.get("platform"), MOST_CHARACTERS)
    orbit = facts.get("sat:relative_orbit", int(parsed[5]) if parsed else None)
    state = str(facts.get("sat:orbit_state")).lower()
    return _Item(
        name=name,
        when=when,
        platform=platform.lower() if platform else _platform(name),
        orbit=orbit if isinstance(orbit, int) and 0 < orbit < 1000 else None,
        state=state if state in ("ascending", "descending") else None,
        datatake=parsed[2] if parsed else None,
        baseline=f"{parsed[3]}.{parsed[4]}" if parsed else None,
        ground=_ground(feature, area),
        cloud=_percent(facts.get("eo:cloud_cover")),
    )


def _platform(name: str) -> str:
    found = re.match(r"^S([12])([A-Z])_", name)
    return f"sentinel-{found[1]}{found[2].lower()}" if found else "sentinel"


def _ground(feature: Mapping[str, Any], area: BaseGeometry) -> BaseGeometry:
    """Return the ground of an item; without a usable outline it counts as covering everything, and pixels will tell."""
    try:
        ground = shapely.make_valid(shapely.force_2d(shape_of(feature["geometry"])))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, shapely.errors.ShapelyError):
        return area
    return ground if ground.area > 0 else area


def _percent(value: object) -> float | None:
    number = finite(value)
    return None if number is None else min(max(number, 0.0), 100.0)


def _time(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
        when = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return when if 1972 <= when.year < 9999 else None  # time is added to it and taken from it


def _acquisition(items: Sequence[_Item], area: BaseGeometry) -> Acquisition:
    first = items[0]
    takes = sorted({item.datatake for item in items if item.datatake})
    return Acquisition(
        platform=first.platform,
        relative_orbit=first.orbit,
        orbit_state=first.state,
        captured_at=first.when,
        until=items[-1].when,
        stamp=takes[0] if takes else first.when.strftime("%Y%m%dT%H%M%S"),
        footprint_lonlat=shapely.unary_union([item.ground for item in items]),
        cloud_percent=_cloud(items, area),
        items=tuple(item.name for item in items),
        baselines=tuple(sorted({item.baseline for item in items if item.baseline})),
    )


def _cloud(items: Sequence[_Item], area: BaseGeometry) -> float | None:
    weights = [(item.ground.intersection(area).area, item.cloud) for item in items if item.cloud is not None]
    total = sum(weight for weight, _ in weights)
    if not weights or total <= 0:
        return None
    return float(sum(weight * cloud for weight, cloud in weights if cloud is not None) / total)
