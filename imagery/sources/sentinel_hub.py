"""Scenes from Sentinel Hub and the Copernicus Data Space: first what there is and what it costs, then the download.

``plan`` asks the catalogue and counts processing units; ``fetch`` refuses a plan over the cap before anything is
downloaded, asks for what is not there yet, and writes one scene an acquisition and UTM zone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import shapely
from sentinelhub.api.process import SentinelHubRequest
from sentinelhub.constants import CRS, MimeType
from sentinelhub.download.models import DownloadRequest
from sentinelhub.geometry import BBox
from shapely.geometry.base import BaseGeometry

from findings.errors import QuotaExceeded, SourceUnavailable
from imagery.scene_product import SceneGrid, is_complete, write_product
from imagery.sources.sentinel_catalogue import Acquisition, search
from imagery.sources.sentinel_client import translated
from imagery.sources.sentinel_collections import (
    PIXEL_M,
    Collection,
    codes,
    data_collection,
    evalscript,
)
from imagery.sources.sentinel_manifest import Entry, Manifest
from imagery.sources.sentinel_scenes import Answers, check_answer, look, scene
from imagery.sources.sentinel_service import Service
from imagery.sources.sentinel_tiles import TILE_PX, Tile, zone_tiles
from imagery.sources.sentinel_units import processing_units

ONE_SECOND_S = 1
FAILURES_IN_A_ROW = 3
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted.

    Attributes:
        collection: of which satellites.
        bands: canonical names.
        area_lonlat: WGS84.
        start: first moment, UTC.
        end: last moment, UTC.
        most_cloud_percent: of the catalogue's items; None: any.
        tile_px: longest side of one request.
    """

    collection: Collection
    bands: tuple[str, ...]
    area_lonlat: BaseGeometry
    start: datetime
    end: datetime
    most_cloud_percent: float | None = None
    tile_px: int = TILE_PX


@dataclass(frozen=True, slots=True)
class PlannedTile:
    """A tile, the request that brings it, and what that costs."""

    tile: Tile
    request: DownloadRequest
    units: float

    @property
    def file(self) -> Path:
        """Where the cache keeps the answer."""
        return Path(str(self.request.get_storage_paths()[1]))


@dataclass(frozen=True, slots=True)
class PlannedScene:
    """One acquisition in one UTM zone.

    Attributes:
        id: of the scene; the same wish gives the same.
        acquisition: what is asked for.
        grid: of the scene, the same for every date.
        tiles: those that the satellite saw.
        state: ``wanted``, ``present`` (written before) or ``empty`` (asked before, nothing was observed).
        missing: tiles that had to be asked for when the plan was made; the cache has the others.
    """

    id: str
    acquisition: Acquisition
    grid: SceneGrid
    tiles: tuple[PlannedTile, ...]
    state: str
    missing: tuple[PlannedTile, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be fetched.

    Attributes:
        wish: what is wanted.
        scenes: oldest first.
        too_cloudy: acquisitions that are left out.
        folder: of the scenes.
    """

    wish: Wish
    scenes: tuple[PlannedScene, ...]
    too_cloudy: tuple[Acquisition, ...]
    folder: Path

    @property
    def units(self) -> float:
        """Processing units that the download would cost."""
        return sum(part.units for planned in self.scenes for part in planned.missing)

    @property
    def requests(self) -> int:
        """Requests that the download would send."""
        return sum(len(planned.missing) for planned in self.scenes)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of a planned scene.

    Attributes:
        id: of the scene.
        state: ``written``, ``present``, ``empty`` or ``failed``.
        path: of the raster, if there is one.
        note: why, for the last two.
    """

    id: str
    state: str
    path: Path | None = None
    note: str = ""


def plan(service: Service, wish: Wish, folder: Path, cache: Path, *, again: bool = False) -> Plan:
    """Return what there is and what it would cost; asks the catalogue only.

    Args:
        service: to ask.
        wish: what is wanted.
        folder: for scenes; those of the collection stand in ``folder/<collection>``.
        cache: for answers, so that a run that was cut off goes on.
        again: also ask anew for scenes that are there or were empty.

    Raises:
        InputError: an area or tile size that cannot be asked for.
        SourceError: what the service did.
    """
    zones = zone_tiles(wish.area_lonlat, PIXEL_M, wish.tile_px)
    target = folder / wish.collection.stac_id
    manifest = Manifest(target)
    scenes: list[PlannedScene] = []
    cloudy: list[Acquisition] = []
    for acquisition in search(service, wish.collection, wish.area_lonlat, wish.start, wish.end):
        if _too_cloudy(acquisition, wish.most_cloud_percent):
            cloudy.append(acquisition)
            continue
        ground = acquisition.footprint_lonlat
        shapely.prepare(ground)
        for zone in zones:
            seen = [tile for tile in zone.tiles if ground.intersects(tile.outline_lonlat)]
            if not seen:
                continue
            name = _scene_id(acquisition, wish, zone.epsg, zone.tiles)
            parts = tuple(_planned_tile(service, wish, acquisition, zone.grid, tile, cache) for tile in seen)
            state = "wanted" if again else _state(target, name, parts, manifest)
            missing = [part for part in parts if state == "wanted" and (again or not part.file.is_file())]
            scenes.append(PlannedScene(name, acquisition, zone.grid, parts, state, tuple(missing)))
    return Plan(wish, tuple(scenes), tuple(cloudy), target)


def check_cap(planned: Plan, most_units: float) -> None:
    """Refuse a plan over the cap.

    Raises:
        QuotaExceeded: with what it would cost, and how to ask for less.
    """
    check_units(planned.requests, planned.units, most_units, f"{len(planned.scenes)} scenes")


def check_units(requests: int, units: float, most_units: float, what: str) -> None:
    """Raise QuotaExceeded if requests cost more than the cap."""
    if units > most_units:
        raise QuotaExceeded(
            f"{what} would take {requests:,} requests and about {units:,.1f} processing units, over the cap of "
            f"{most_units:,g}; nothing was downloaded: narrow --from, --to, --max-cloud, --buffer or --bands, or "
            f"allow it by --max-units {int(units) + 1}"
        )


def fetch(service: Service, planned: Plan, most_units: float, progress: Progress | None = None) -> Iterator[Fetched]:
    """Yield what became of each scene of a plan, in order; the manifest in the scenes' folder says the same.

    A scene that the service cannot give is told and the others go on, three in a row end the run.

    Args:
        service: to ask.
        planned: what to fetch.
        most_units: processing units that may be spent, by estimate before and by the service's own count during.
        progress: told of each batch of tiles.

    Raises:
        QuotaExceeded: the plan is over the cap (nothing was downloaded), or the service says that the account is at its
            end; scenes that were written stay.
        AccessDenied: the credentials are refused.
        OutputError: the disk is full.
    """
    check_cap(planned, most_units)
    manifest = Manifest(planned.folder)
    counter = _Counter(progress, sum(len(item.tiles) for item in planned.scenes), most_units, service)
    failures = 0
    for item in planned.scenes:
        if item.state != "wanted":
            counter.done += len(item.tiles)
            path = planned.folder / f"{item.id}.tif" if item.state == "present" else None
            yield Fetched(
                item.id, item.state, path, "" if path else "nothing was observed when it was asked for before"
            )
            continue
        before = service.meter.units
        try:
            result = _fetch_one(service, planned, item, counter)
            failures = 0
        except SourceUnavailable as error:
            failures += 1
            manifest.put(_entry(item, "failed", service.meter.units - before, str(error)))
            if failures >= FAILURES_IN_A_ROW or len(planned.scenes) == 1:
                raise
            yield Fetched(item.id, "failed", None, str(error))
            continue
        manifest.put(_entry(item, result.state, service.meter.units - before, result.note))
        yield result


def _fetch_one(service: Service, planned: Plan, item: PlannedScene, counter: _Counter) -> Fetched:
    size = service.patience.threads
    with translated(service.access):
        for part in item.missing:
            part.file.unlink(missing_ok=True)  # there only if it is to be asked for anew
    for start in range(0, len(item.tiles), size):
        batch = item.tiles[start : start + size]
        counter.say(item.id)
        # A batch no longer than the threads: the library finishes every request that it was handed, also after the
        # first was refused for good.
        service.download([part.request for part in batch])
        counter.add(len(batch))
    files = {part.tile: part.file for part in item.tiles}
    answers = Answers(planned.wish.collection, planned.wish.bands, files)
    seen = look(answers)
    counter.say(item.id)
    if seen.observed_px == 0:
        return Fetched(item.id, "empty", None, "the service answered, but no pixel was observed")
    product = scene(item.id, item.acquisition, item.grid, answers, seen, _source(service, planned.wish.collection))
    path = write_product(product, planned.folder)
    note = seen.offset.note if seen.offset is not None and seen.offset.contradicted else ""
    return Fetched(item.id, "written", path, note)


@dataclass(slots=True)
class _Counter:
    progress: Progress | None
    total: int
    most_units: float
    service: Service
    done: int = 0

    def say(self, what: str) -> None:
        if self.progress is not None:
            self.progress(what, self.done, self.total)

    def add(self, tiles: int) -> None:
        self.done += tiles
        if self.service.meter.units > self.most_units:
            raise QuotaExceeded(
                f"the service has charged {self.service.meter.units:,.1f} processing units, over the cap of "
                f"{self.most_units:,g} and more than was estimated; what was fetched is kept: go on with a higher "
                "--max-units"
            )


def _planned_tile(
    service: Service, wish: Wish, acquisition: Acquisition, grid: SceneGrid, tile: Tile, cache: Path
) -> PlannedTile:
    channels = len(codes(wish.collection, wish.bands))
    bounds = BBox(tile.bounds, CRS(grid.crs))
    data = SentinelHubRequest.input_data(
        data_collection(wish.collection.key, service.access.base_url),
        # Whole seconds, one to either side: items are told apart by sensing time, and passes lie hours apart.
        time_interval=(_second(acquisition.captured_at, -ONE_SECOND_S), _second(acquisition.until, 1 + ONE_SECOND_S)),
        other_args={"processing": dict(wish.collection.processing)},
    )
    request: DownloadRequest = SentinelHubRequest(
        evalscript=evalscript(wish.collection, wish.bands),
        input_data=[data],
        responses=[SentinelHubRequest.output_response("default", MimeType.TIFF)],
        bbox=bounds,
        size=(tile.window.width, tile.window.height),
        config=service.config,
        data_folder=str(cache),
    ).download_list[0]
    request.extra_params["check"] = check_answer(tile, grid, channels, wish.collection.sample_type)
    units = processing_units(
        tile.window.width,
        tile.window.height,
        wish.collection.charged_bands(wish.bands),
        bits=wish.collection.bits,
        orthorectified=wish.collection.orthorectified,
    )
    return PlannedTile(tile, request, units)


def _second(moment: datetime, shift: int) -> datetime:
    return moment.replace(microsecond=0) + timedelta(seconds=shift)


def _too_cloudy(acquisition: Acquisition, most: float | None) -> bool:
    return most is not None and acquisition.cloud_percent is not None and acquisition.cloud_percent > most


def _state(folder: Path, name: str, parts: Sequence[PlannedTile], manifest: Manifest) -> str:
    if is_complete(folder, name):
        return "present"
    known = manifest.get(name)
    # Empty is a fact of the very requests that were sent: a tile that came to the catalogue later makes others.
    return "empty" if known is not None and known.state == "empty" and known.requests == _names(parts) else "wanted"


def _names(parts: Sequence[PlannedTile]) -> tuple[str, ...]:
    return tuple(part.request.get_hashed_name() for part in parts)


def _entry(item: PlannedScene, state: str, units: float, note: str) -> Entry:
    return Entry(
        id=item.id,
        state=state,
        captured_at=item.acquisition.captured_at.isoformat(),
        items=item.acquisition.items,
        crs=item.grid.crs,
        tiles=tuple(part.tile.bounds for part in item.tiles),
        requests=_names(item.tiles),
        units=round(units, 3),
        note=note,
    )


def _scene_id(acquisition: Acquisition, wish: Wish, epsg: int, tiles: Sequence[Tile]) -> str:
    """Return a name with satellite, time, zone and a digest of place and content: reaches of one date stay apart."""
    content: dict[str, Any] = {
        "epsg": epsg,
        "tiles": [tile.bounds for tile in tiles],
        "bands": wish.bands,
        "collection": wish.collection.key,
        "processing": wish.collection.processing,
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    satellite = acquisition.platform.replace("sentinel-", "S").upper()
    zone = f"{epsg % 100:02d}{'N' if epsg < 32700 else 'S'}"
    orbit = f"_R{acquisition.relative_orbit:03d}" if acquisition.relative_orbit is not None else ""
    safe = "".join(letter for letter in satellite if letter.isascii() and (letter.isalnum() or letter == "-"))[:20]
    return f"{safe}_{acquisition.stamp}{orbit}_{zone}_{digest}"


def _source(service: Service, collection: Collection) -> str:
    return f"Sentinel Hub ({service.access.profile}, {service.access.base_url}), {collection.stac_id}"
