"""A Sentinel Hub of one's own on loopback: the documented protocol over real HTTP, with faults to order.

The rules are those of the service's documentation and of what sentinelhub-py 3.12 relies on; each has its source beside
it. The real client library talks to it as it is.

    with FakeSentinelHub() as service:
        service.base_url, service.token_url, service.environment()
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from shapely.geometry import box
from shapely.geometry import shape as shape_of

from tests.fakes import sentinel_scripts
from tests.fakes.sentinel_faults import Answer, Fault, expired, json_answer, out_of_units, refused
from tests.fakes.sentinel_world import Pass, World, features, make_world

MOST_PX = 2500
# --- the service -----------------------------------------------------------------------------------------------------


class FakeSentinelHub:
    """The service; a context manager.

    Args:
        world: what it looks at.
        token_seconds: how long a token lives.
        page: the catalogue's largest page.
        keeps_offset: whether digital numbers keep their +1000 although harmonised values are asked for: a service
            whose flag is wrong.
        units: processing units that the account has.

    Attributes:
        requests: how often each of ``token``, ``search``, ``process``, ``statistics`` was asked for.
        processed: payloads of the process requests that were answered by a picture.
        log: (seconds since the start, kind) of every request.
    """

    CLIENT_ID = "sh-fake-client-7d1f"
    CLIENT_SECRET = "fake&secret=Kx91!zQ"

    def __init__(
        self,
        world: World | None = None,
        *,
        token_seconds: float = 600,
        page: int = 100,
        keeps_offset: bool = False,
        units: float = 10_000.0,
    ) -> None:
        self.world = world or make_world()
        self.token_seconds, self.page, self.keeps_offset, self.units_left = token_seconds, page, keeps_offset, units
        self.requests: Counter[str] = Counter()
        self.processed: list[dict[str, Any]] = []
        self.log: list[tuple[float, str]] = []
        self.tokens: dict[str, float] = {}
        self._faults: dict[str, dict[int, Fault]] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> FakeSentinelHub:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def token_url(self) -> str:
        return f"{self.base_url}/auth/realms/CDSE/protocol/openid-connect/token"

    def environment(self) -> dict[str, str]:
        """Return the settings that lead Mizuhashi here."""
        return {
            "MIZUHASHI_SH_CLIENT_ID": self.CLIENT_ID,
            "MIZUHASHI_SH_CLIENT_SECRET": self.CLIENT_SECRET,
            "MIZUHASHI_SH_PROFILE": "cdse",
            "MIZUHASHI_SH_BASE_URL": self.base_url,
            "MIZUHASHI_SH_TOKEN_URL": self.token_url,
        }

    def fail(self, kind: str, fault: Fault, *, at: Sequence[int] | None = None, times: int = 1) -> None:
        """Let requests of a kind fail: those of the numbers given (from 1), or the next ones."""
        first = self.requests[kind] + 1
        for number in at or range(first, first + times):
            self._faults.setdefault(kind, {})[number] = fault

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Return the answer to one POST."""
        kind = _kind(path)
        with self._lock:
            self.requests[kind] += 1
            number = self.requests[kind]
            self.log.append((time.monotonic(), kind))
        answer = self._token(body) if kind == "token" else self._api(kind, headers, body)
        answer.echo = body.decode("utf-8", "replace") + " " + headers.get("authorization", "")
        fault = self._faults.get(kind, {}).get(number)
        return fault(answer) if fault is not None else answer

    def _token(self, body: bytes) -> Answer:
        """RFC 6749 4.4 client credentials grant; a wrong client gets 401 invalid_client (5.2)."""
        given = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        if given.get("grant_type") != "client_credentials":
            return json_answer(400, {"error": "unsupported_grant_type"})
        if (given.get("client_id"), given.get("client_secret")) != (self.CLIENT_ID, self.CLIENT_SECRET):
            return json_answer(
                401, {"error": "invalid_client", "error_description": "Invalid client or Invalid client credentials"}
            )
        token = f"fake-token-{next(self._numbers):04d}-b7e2"
        self.tokens[token] = time.time() + self.token_seconds
        return json_answer(200, {"access_token": token, "expires_in": self.token_seconds, "token_type": "Bearer"})

    def _api(self, kind: str, headers: dict[str, str], body: bytes) -> Answer:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0.0) <= time.time():
            return expired(Answer(401, b"", ""))
        try:
            payload = json.loads(body)
            if kind == "search":
                return self._search(payload)
            if kind == "process":
                return self._process(payload)
            if kind == "statistics":
                return self._statistics(payload)
        except sentinel_scripts.BadScript as error:
            return refused(400, "RENDERER_EXCEPTION", str(error))
        except (KeyError, ValueError, TypeError) as error:
            return refused(400, "COMMON_BAD_PAYLOAD", f"{type(error).__name__}: {error}")
        return refused(404, "COMMON_NOT_FOUND", "no such endpoint")

    def _search(self, payload: dict[str, Any]) -> Answer:
        """Catalog API 1.0.0: ``bbox`` or ``intersects``, CQL2 text; ``context.next`` while there is more."""
        if "query" in payload:  # docs: api/catalog, migration to v1.0.0: query was replaced by filter
            return refused(400, "COMMON_BAD_PAYLOAD", "query: use filter")
        (collection,) = payload["collections"]
        start, end = (_moment(text) for text in payload["datetime"].split("/"))
        place = box(*payload["bbox"]) if "bbox" in payload else shape_of(payload["intersects"])
        found = [
            feature
            for feature in features(self.world, collection)
            if start <= _moment(feature["properties"]["datetime"]) <= end
            and shape_of(feature["geometry"]).intersects(place)
            and _passes_filter(feature["properties"], payload.get("filter"))
        ]
        limit = min(int(payload.get("limit", 10)), self.page)  # docs: "if limit is not specified, default value is 10"
        first = int(payload.get("next", 0))
        page = found[first : first + limit]
        context: dict[str, int] = {"limit": limit, "returned": len(page)}
        if first + limit < len(found):
            context["next"] = first + limit
        return json_answer(200, {"type": "FeatureCollection", "features": page, "links": [], "context": context})

    def _process(self, payload: dict[str, Any]) -> Answer:
        """Process API: one picture of the bbox in the size asked for; several responses come as TAR."""
        (data,) = payload["input"]["data"]
        output = payload["output"]
        width, height = int(output["width"]), int(output["height"])
        if not (1 <= width <= MOST_PX and 1 <= height <= MOST_PX):  # docs: process API reference, output.width
            return refused(400, "COMMON_BAD_PAYLOAD", f"width and height must be between 1 and {MOST_PX}")
        crs, bbox = _crs(payload["input"]["bounds"]), payload["input"]["bounds"]["bbox"]
        script = sentinel_scripts.parse(payload["evalscript"])
        units = _units(width, height, script, data)
        if units > self.units_left:
            return out_of_units(Answer(403, b"", ""))
        planes = self._planes(data, crs, bbox, (width, height))
        outputs = sentinel_scripts.evaluate(script, planes)
        responses = output.get("responses") or [{"identifier": "default", "format": {"type": "image/png"}}]
        files = {}
        for response in responses:
            if response["format"]["type"] != "image/tiff":
                return refused(400, "COMMON_BAD_PAYLOAD", "this fake writes image/tiff only")
            files[response["identifier"]] = _geotiff(outputs[response["identifier"]], crs, bbox)
        with self._lock:
            self.units_left -= units
            self.processed.append(payload)
        # docs: api/overview/rate-limiting, response headers; only 2xx is charged (api/overview/processing-unit)
        headers = {"X-ProcessingUnits-Spent": f"{units:.6f}"}
        if len(files) == 1:
            return Answer(200, next(iter(files.values())), "image/tiff", headers)
        return Answer(200, _tar(files), "application/tar", headers)

    def _statistics(self, payload: dict[str, Any]) -> Answer:
        """Statistical API: one entry for each interval that has data; ``"NaN"`` where no pixel counts."""
        (data,) = payload["input"]["data"]
        asked = payload["aggregation"]
        if asked["aggregationInterval"]["of"] != "P1D":
            return refused(400, "COMMON_BAD_PAYLOAD", "this fake counts by days only")
        script = sentinel_scripts.parse(asked["evalscript"])
        crs, shape = _crs(payload["input"]["bounds"]), shape_of(payload["input"]["bounds"]["geometry"])
        west, south, east, north = shape.bounds
        width, height = (
            max(int(np.ceil(side / asked[res])), 1) for side, res in ((east - west, "resx"), (north - south, "resy"))
        )
        if max(width, height) > MOST_PX:
            return refused(400, "COMMON_BAD_PAYLOAD", f"width and height must be at most {MOST_PX}")
        xs, ys = np.meshgrid(
            west + (np.arange(width) + 0.5) * (east - west) / width,
            north - (np.arange(height) + 0.5) * (north - south) / height,
        )
        inside = shapely.contains_xy(shape, xs, ys)
        days, start = [], _moment(asked["timeRange"]["from"]).replace(hour=0, minute=0, second=0)
        while start <= _moment(asked["timeRange"]["to"]):
            day = data | {
                "dataFilter": {"timeRange": {"from": start.isoformat(), "to": (start + timedelta(days=1)).isoformat()}}
            }
            if self._seen(day):
                planes = self._planes(day, crs, (west, south, east, north), (width, height))
                days.append(_day(start, sentinel_scripts.index_values(script, planes), inside))
            start += timedelta(days=1)
        headers = {"X-ProcessingUnits-Spent": f"{_units(width, height, script, data) * max(len(days), 1):.6f}"}
        return json_answer(200, {"status": "OK", "data": days}, headers)

    def _seen(self, data: dict[str, Any]) -> list[Pass]:
        times = data["dataFilter"]["timeRange"]
        start, end = _moment(times["from"]), _moment(times["to"])
        return [one for one in self.world.passes(data["type"]) if start <= one.when <= end]

    def _planes(
        self, data: dict[str, Any], crs: str, bbox: Sequence[float], size: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        planes = self.world.look(data["type"], self._seen(data), crs, bbox, size)
        if data["type"] == "sentinel-2-l2a":
            harmonised = data.get("processing", {}).get(
                "harmonizeValues", True
            )  # docs: data/sentinel-2-l2a, default true
            if not harmonised or self.keeps_offset:
                for name in planes:
                    if name.startswith("B"):
                        planes[name] = np.where(planes["dataMask"] > 0, planes[name] + 1000, 0)
        return planes


def _kind(path: str) -> str:
    for kind, pattern in {
        "token": r"/protocol/openid-connect/token$",
        "search": r"^/api/v1/catalog/1\.0\.0/search$",
        "process": r"^/api/v1/process$",
        "statistics": r"^/api/v1/statistics$",
    }.items():
        if re.search(pattern, path):
            return kind
    return "unknown"


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _crs(bounds: dict[str, Any]) -> str:
    """Return ``EPSG:n``; CRSs come as OGC addresses (docs: api/overview/crs)."""
    found = re.fullmatch(r"http://www\.opengis\.net/def/crs/EPSG/0/(\d+)", bounds["properties"]["crs"])
    if found is None:
        raise ValueError(f"crs {bounds['properties']['crs']}")
    return f"EPSG:{found[1]}"


def _passes_filter(facts: dict[str, Any], text: str | None) -> bool:
    """CQL2 text as far as sentinelhub-py writes it: ``a='b'`` and ``a < 1`` joined by AND."""
    for part in (text or "").split(" AND ") if text else []:
        found = re.fullmatch(r"\s*([\w:]+)\s*(<=|<|=)\s*'?([^']+?)'?\s*", part)
        if found is None:
            raise ValueError(f"filter {text}")
        name, sign, value = found.groups()
        known = facts.get(name)
        if known is None:
            return False
        if sign == "=" and str(known) != value:
            return False
        if sign != "=" and not (known < float(value) if sign == "<" else known <= float(value)):
            return False
    return True


def _units(width: int, height: int, script: sentinel_scripts.Script, data: dict[str, Any]) -> float:
    """Processing units by the tables of docs: api/overview/processing-unit; dataMask is not counted as a band."""
    bands = len([band for band in script.bands if band != "dataMask"])
    units = max(width * height / 512**2, 0.01) * bands / 3
    if any(kind == "FLOAT32" for _, kind in script.outputs.values()):
        units *= 2
    if data.get("processing", {}).get("orthorectify"):
        units *= 2
    return max(units, 0.005)


def _geotiff(values: NDArray[Any], crs: str, bbox: Sequence[float]) -> bytes:
    count, height, width = values.shape
    west, south, east, north = bbox
    place = Affine((east - west) / width, 0.0, west, 0.0, (south - north) / height, north)
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", width=width, height=height, count=count, dtype=values.dtype,
            crs=CRS.from_string(crs).to_wkt(), transform=place, interleave="pixel", compress="deflate",
        ) as image:  # fmt: skip
            image.write(values)
        return bytes(memory.read())


def _tar(files: dict[str, bytes]) -> bytes:
    """Return several responses in one TAR, each named by its identifier (docs: process API reference, responses)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, body in files.items():
            info = tarfile.TarInfo(f"{name}.tif")
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return out.getvalue()


_STATISTICS: dict[str, Callable[[NDArray[np.float64]], Any]] = {
    "min": np.min, "max": np.max, "mean": np.mean, "stDev": np.std,
}  # fmt: skip


def _day(start: datetime, values: dict[str, NDArray[np.float64]], inside: NDArray[np.bool_]) -> dict[str, Any]:
    outputs = {}
    for name, plane in values.items():
        known = plane[inside & np.isfinite(plane)]
        stats: dict[str, Any] = {"sampleCount": int(inside.sum()), "noDataCount": int(inside.sum()) - len(known)}
        for key, number in _STATISTICS.items():
            stats[key] = float(number(known)) if len(known) else "NaN"  # as the service writes it
        outputs[name] = {"bands": {"B0": {"stats": stats}}}
    interval = {"from": f"{start:%Y-%m-%dT%H:%M:%SZ}", "to": f"{start + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"}
    return {"interval": interval, "outputs": outputs}


def _handler(service: FakeSentinelHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = service.answer(self.path, {key.lower(): value for key, value in self.headers.items()}, body)
            if answer.delay_s:
                time.sleep(answer.delay_s)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a client that did not wait
                self.wfile.write(answer.body if answer.cut_to is None else answer.body[: answer.cut_to])

        def log_message(self, format: str, *args: object) -> None:
            return

    return Handler
