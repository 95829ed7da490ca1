"""Scenes of a STAC API, the door without an account: the search, and the plan of what to read.

pystac-client speaks the protocol (STAC API 1.0: core, item search, paging by ``next`` links); every request of it goes
through the guarded session, also where a page's link leads. Items stay plain dictionaries: pystac's own classes would
resolve their links by themselves.
"""

from __future__ import annotations

import hashlib
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pystac
from pystac_client import Client
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from pystac_client.warnings import PystacClientWarning

from findings.errors import MizuhashiError, QuotaExceeded, RecordError, RefusedSource, SourceUnavailable
from imagery.plain import plain_text
from imagery.sources.guard import shown
from imagery.sources.stac_assets import Family, StacScene, parse_item
from imagery.sources.wire import GuardedSession

DEFAULT_BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
PAGE_ITEMS = 100
MAX_PAGES = 200
ONE_PASS = timedelta(minutes=10)  # the next orbit comes after 100
STORED_BYTES = 1.4  # of a uint16 pixel, deflated
BLOCK_PX = 1024  # side of a block in the COGs of Sentinel-2; windows cost whole blocks
HEADER_BYTES = 1 << 17
USUAL_PIXEL_M = {Family.SENTINEL2: 10.0, Family.LANDSAT: 30.0, Family.HLS: 30.0, Family.OTHER: 1.0}
METRES_PER_DEGREE = 111_320.0

# What pystac-client and pystac raise on answers that are not what they must be.
_NONSENSE = (
    APIError, ClientTypeError, pystac.STACError, ValueError, KeyError, TypeError, AttributeError, IndexError,
    NotImplementedError, RecursionError,
)  # fmt: skip

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees (WGS84)."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for.

    Attributes:
        api: address of the STAC API's landing page.
        collection: id of one collection.
        box: wanted area.
        start: first moment, aware.
        end: last moment, aware.
        max_cloud: share 0..1 of the whole item; None: any. Items that do not say theirs are kept.
        max_items: more than these are too many to go on.
    """

    api: str
    collection: str
    box: Box
    start: datetime
    end: datetime
    max_cloud: float | None = None
    max_items: int = 200


@dataclass(frozen=True, slots=True)
class Refused:
    """An item that was not taken, and why; ``replaced``: nothing is lost, a newer version of it was taken."""

    name: str
    reason: str
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a search: items that can be read, items that cannot, and how many were too cloudy."""

    scenes: tuple[StacScene, ...]
    refused: tuple[Refused, ...]
    cloudy: int


@dataclass(frozen=True, slots=True)
class ScenePlan:
    """One scene to be made: the items of one pass in one UTM zone.

    Attributes:
        id: name of the scene; the same items, area, bands and resolution always give the same.
        items: whose pixels make the scene, the first one on top.
        crs: of the items and of the scene.
        captured_at: of the earliest item.
        pixel: wanted side of a pixel in units of the CRS; None: the finest of the bands.
        estimated_bytes: to be downloaded.
    """

    id: str
    collection: str
    items: tuple[StacScene, ...]
    crs: str
    captured_at: datetime
    bands: tuple[str, ...]
    box: Box
    pixel: float | None
    estimated_bytes: int


class GuardedStacIO(StacApiIO):
    """pystac-client's door to the network, led through the guarded session."""

    def __init__(self, session: GuardedSession) -> None:
        super().__init__(max_retries=None)
        self.session.close()
        self.session = session

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        """Return the text of an address or link; a path of this machine is refused, pystac-client would read it."""
        if not isinstance(source, pystac.Link):
            self._guarded().guard.check_url(str(source))
        return super().read_text(source, *args, **kwargs)

    def request(self, href: str, method: str | None = None, headers: Any = None, parameters: Any = None) -> str:
        """Return the body of one answer.

        Raises:
            SourceError: as of `GuardedSession.ask`.
        """
        verb = (method or "GET").upper()
        if verb not in ("GET", "POST"):
            raise RefusedSource(f"{shown(href)}: a link asks for {verb}; only GET and POST are sent")
        extra = {"json": parameters} if verb == "POST" else {"params": parameters or {}}
        answer = self._guarded().ask(verb, href, headers=_plain_headers(headers), **extra)
        return answer.body.decode("utf-8")

    def stac_object_from_dict(self, d: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return the landing page; pystac would fetch the collection of an old item by a door of its own."""
        if d.get("type") not in ("Catalog", "Collection"):
            raise SourceUnavailable("the address is no STAC API: its landing page is no STAC catalog; check it")
        return super().stac_object_from_dict(d, *args, **kwargs)

    def _guarded(self) -> GuardedSession:
        assert isinstance(self.session, GuardedSession)
        return self.session


def search(session: GuardedSession, query: Query) -> Found:
    """Return the items of a search, each one checked; one that cannot be read is refused with its reason.

    Raises:
        QuotaExceeded: more than ``query.max_items``.
        SourceError: the service cannot be used, or what it answers is no STAC API.
    """
    found: dict[str, StacScene] = {}
    refused: list[Refused] = []
    cloudy = 0
    for item in _items(session, query):
        try:
            scene = parse_item(item, query.api)
            _check_answer(scene, query)
        except RecordError as error:
            refused.append(Refused(plain_text(item.get("id"), 120) or "?", str(error)))
            continue
        if query.max_cloud is not None and (scene.cloud_cover or 0.0) > query.max_cloud:
            cloudy += 1
            continue
        found[scene.id] = scene
        if len(found) > query.max_items:
            raise QuotaExceeded(
                f"{query.collection}: more than {query.max_items} items; narrow the dates, the area or the clouds, or "
                "raise --max-items"
            )
    ordered = sorted(found.values(), key=lambda scene: (scene.captured_at, scene.id))
    return Found(tuple(ordered), tuple(refused), cloudy)


def _items(session: GuardedSession, query: Query) -> Iterator[dict[str, Any]]:
    """Yield the items of all pages, each id once."""
    seen: set[str] = set()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PystacClientWarning)  # said better below
            client = Client.open(query.api, stac_io=GuardedStacIO(session))
            if not client.conforms_to("ITEM_SEARCH"):
                raise SourceUnavailable(f"{shown(query.api)}: no STAC API with item search; check the address")
            methods = {link.extra_fields.get("method", "GET") for link in client.get_links("search")}
            moments = f"{_rfc3339(query.start)}/{_rfc3339(query.end)}"
            pages = client.search(
                method="POST" if "POST" in methods else "GET", collections=[query.collection], bbox=query.box,
                datetime=moments, limit=PAGE_ITEMS,
            ).pages_as_dicts()  # fmt: skip
            for number, page in enumerate(pages, start=1):
                fresh = [item for item in page["features"] if isinstance(item, dict) and item.get("id") not in seen]
                if not fresh or number > MAX_PAGES:
                    raise SourceUnavailable(
                        f"{shown(query.api)}: page {number} of the search brings nothing new or there is no end of "
                        "pages; the service pages wrongly, narrow the search"
                    )
                seen.update(str(item.get("id")) for item in fresh)
                yield from fresh
    except MizuhashiError:
        raise
    except _NONSENSE as error:
        raise SourceUnavailable(
            f"{shown(query.api)}: answers what is no STAC API ({type(error).__name__}: {str(error)[:120]}); check it"
        ) from error


def _check_answer(scene: StacScene, query: Query) -> None:
    """Raise RecordError for an item that was not asked for."""
    if scene.collection != query.collection:
        raise RecordError(f"{scene.id}: of collection {scene.collection or 'none'}, asked for {query.collection}")
    if not query.start <= scene.captured_at <= query.end:
        raise RecordError(f"{scene.id}: of {scene.captured_at:%Y-%m-%d}, which is outside the dates asked for")
    if not _touch(scene.bbox, query.box):
        raise RecordError(f"{scene.id}: lies at {scene.bbox}, outside the area asked for")


# --- the plan ------------------------------------------------------------------------------------------------------


def plan_scenes(
    scenes: Sequence[StacScene], box: Box, bands: Sequence[str], resolution_m: float | None = None
) -> tuple[tuple[ScenePlan, ...], tuple[Refused, ...]]:
    """Return the scenes to be made, oldest first, and the items that cannot take part, each with its reason.

    Items of one pass of a satellite and of one UTM zone become one scene; of two versions of a tile the higher
    processing baseline counts.

    Args:
        scenes: items, oldest first.
        box: wanted area.
        bands: canonical names; an item that lacks one is refused.
        resolution_m: wanted side of a pixel; None: that of the finest band.
    """
    refused: list[Refused] = []
    groups: dict[tuple[str | None, str, str | datetime], list[StacScene]] = {}
    for scene in scenes:
        reason = _unfit(scene, bands)
        if reason is not None:
            refused.append(Refused(scene.id, reason))
            continue
        assert scene.crs is not None
        groups.setdefault((scene.platform, scene.crs, scene.datatake or _pass_of(scene, groups)), []).append(scene)
    plans = []
    for (_, crs, _), group in groups.items():
        kept, older = _newest_versions(group)
        refused += older
        plans.append(_plan(kept, crs, box, tuple(bands), resolution_m))
    return tuple(sorted(plans, key=lambda plan: (plan.captured_at, plan.id))), tuple(refused)


def _unfit(scene: StacScene, bands: Sequence[str]) -> str | None:
    missing = [band for band in bands if band not in scene.bands]
    if missing:
        has = ",".join(scene.bands) or "none that can be read (GeoTIFF with a known band)"
        return f"lacks the band(s) {','.join(missing)}; it has {has}: choose with --bands"
    if scene.crs is None:
        return "does not say its CRS (proj:code or proj:epsg); tell the service"
    return None


def _pass_of(scene: StacScene, groups: dict[tuple[str | None, str, str | datetime], list[StacScene]]) -> datetime:
    """Return the first moment of the pass that an item belongs to; items come in order of time."""
    for platform, crs, begin in groups:
        near = isinstance(begin, datetime) and scene.captured_at - begin <= ONE_PASS
        if near and (platform, crs) == (scene.platform, scene.crs):
            assert isinstance(begin, datetime)
            return begin
    return scene.captured_at


def _newest_versions(group: Sequence[StacScene]) -> tuple[list[StacScene], list[Refused]]:
    newest: dict[str, float] = {}
    for scene in group:
        if scene.tile is not None:
            newest[scene.tile] = max(newest.get(scene.tile, 0.0), scene.baseline or 0.0)
    kept, older = [], []
    for scene in group:
        best = newest.get(scene.tile or "", 0.0)
        if (scene.baseline or 0.0) < best:
            reason = f"an older version of tile {scene.tile}; the one of baseline {best:05.2f} was taken"
            older.append(Refused(scene.id, reason, replaced=True))
        else:
            kept.append(scene)
    return kept, older


def _plan(
    items: Sequence[StacScene], crs: str, box: Box, bands: tuple[str, ...], resolution_m: float | None
) -> ScenePlan:
    first = min(items, key=lambda scene: scene.captured_at)
    what = [sorted(scene.id for scene in items), [round(side, 6) for side in box], list(bands), resolution_m]
    digest = hashlib.sha256(repr(what).encode()).hexdigest()[:8]
    name = re.sub(r"[^a-z0-9-]", "-", (first.platform or first.collection).lower()).strip("-") or "scene"
    zone = re.sub(r"\D", "", crs)[-6:] or "0"
    pixel = None
    if resolution_m is not None:
        pixel = resolution_m / METRES_PER_DEGREE if crs == "EPSG:4326" else resolution_m
    return ScenePlan(
        id=f"{name[:40]}_{first.captured_at:%Y%m%dT%H%M%S}_{zone}_{digest}",
        collection=first.collection,
        items=tuple(items),
        crs=crs,
        captured_at=first.captured_at,
        bands=bands,
        box=box,
        pixel=pixel,
        estimated_bytes=sum(_estimate(scene, box, bands, resolution_m) for scene in items),
    )


def _estimate(scene: StacScene, box: Box, bands: Sequence[str], resolution_m: float | None) -> int:
    """Return about how many bytes the windows of an item cost: whole blocks, deflated, and the headers."""
    west, south = max(box[0], scene.bbox[0]), max(box[1], scene.bbox[1])
    east, north = min(box[2], scene.bbox[2]), min(box[3], scene.bbox[3])
    down_m = (north - south) * METRES_PER_DEGREE
    across_m = (east - west) * METRES_PER_DEGREE * math.cos(math.radians((south + north) / 2))
    stretch = math.cos(math.radians((south + north) / 2)) * METRES_PER_DEGREE**2
    whole_m2 = (scene.bbox[2] - scene.bbox[0]) * (scene.bbox[3] - scene.bbox[1]) * stretch
    total = 0.0
    for band in bands:
        own = scene.bands[band].pixel_m or USUAL_PIXEL_M[scene.family]
        pixel = max(own, resolution_m / 2 if resolution_m else own)  # overviews come in steps of two
        blocks = (across_m / pixel / BLOCK_PX + 1) * (down_m / pixel / BLOCK_PX + 1)
        total += HEADER_BYTES + min(blocks * BLOCK_PX**2, whole_m2 / pixel**2) * STORED_BYTES
    if scene.mask is not None:
        total += HEADER_BYTES + (across_m / 20 + BLOCK_PX) * (down_m / 20 + BLOCK_PX) * 0.1
    return int(total)


def _touch(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain_headers(headers: Any) -> dict[str, str] | None:
    """Return the headers that a ``next`` link asks for; the API may not set those that carry rights or a host."""
    if not isinstance(headers, dict):
        return None
    barred = {"host", "authorization", "cookie", "proxy-authorization"}
    return {str(name): str(value) for name, value in headers.items() if str(name).lower() not in barred}
