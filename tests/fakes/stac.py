"""A STAC API and a file store on 127.0.0.1, for the real client libraries.

What it follows stands beside each rule. Faults are asked for by path and used up one by one, so that a test can let a
request fail twice and then succeed.
"""

from __future__ import annotations

import hashlib
import json
import re
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.stac_world import Files

# STAC API 1.0.0, overview.md#conformance-classes and the conformance section of each part
CONFORMANCE = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
]
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass
class Fault:
    """How one request is answered instead of well."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: float | None = None  # send this share of the body and hang up
    drip_s: float | None = None  # seconds between single bytes
    ignore_range: bool = False
    etag: str | None = None
    content_range: str | None = None
    spoil: bool = False  # right length, wrong bytes


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    range: str | None
    host: str
    headers: dict[str, str]


@dataclass
class FakeStac:
    """The service: what it serves, what went wrong on purpose, and what was asked of it."""

    files: Files
    page_items: int = 100
    methods: tuple[str, ...] = ("GET", "POST")
    endless: bool = False
    next_href: str | None = None  # where the first page's next link leads instead
    landing: dict[str, Any] | None = None
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    log: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def where(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.where}"

    def fail(self, path: str, *faults: Fault) -> None:
        """Let the next requests for a path fail, one fault each; ``*`` in place of a path: any file."""
        self.faults.setdefault(path, []).extend(faults)

    def ranges(self) -> list[tuple[str, str]]:
        """Return path and range of every request for a file."""
        return [(asked.path, asked.range or "") for asked in self.log if asked.path.startswith("/files/")]

    # --- STAC API ------------------------------------------------------------------------------------------------

    def landing_page(self) -> dict[str, Any]:
        """STAC API core, "Link Relations": self, root, conformance, data, search; ``conformsTo`` on the page itself."""
        if self.landing is not None:
            return self.landing
        search = [
            {"rel": "search", "type": "application/geo+json", "href": f"{self.url}/search", "method": method}
            for method in self.methods
        ]
        return {
            "type": "Catalog", "stac_version": "1.0.0", "id": "fake", "description": "Generated scenes",
            "conformsTo": CONFORMANCE,
            "links": [
                {"rel": "self", "type": "application/json", "href": f"{self.url}/"},
                {"rel": "root", "type": "application/json", "href": f"{self.url}/"},
                {"rel": "conformance", "type": "application/json", "href": f"{self.url}/conformance"},
                {"rel": "data", "type": "application/json", "href": f"{self.url}/collections"},
                *search,
            ],
        }  # fmt: skip

    def search(self, asked: dict[str, Any], method: str) -> dict[str, Any]:
        """STAC API item-search: all of collections, bbox and datetime must hold; ``limit`` is a page's size."""
        box, moments = asked.get("bbox"), str(asked.get("datetime") or "../..").split("/")
        chosen = [
            item for item in self.files.items
            if item["collection"] in asked.get("collections", [item["collection"]])
            and (box is None or _touch(item["bbox"], box))
            and _within(item["properties"]["datetime"], moments)
        ]  # fmt: skip
        start = int(asked.get("token", 0))
        size = min(int(asked.get("limit", 10)), self.page_items)
        page = chosen[start : start + size]
        links = []
        if start + size < len(chosen) or self.endless or self.next_href:
            links.append(self._next(asked, 0 if self.endless else start + size, method))
        features = [_absolute(item, self.url) for item in page]
        return {"type": "FeatureCollection", "features": features, "links": links,
                "numberMatched": len(chosen), "numberReturned": len(page)}  # fmt: skip

    def _next(self, asked: dict[str, Any], token: int, method: str) -> dict[str, Any]:
        """STAC API item-search, "Pagination": POST links carry a ``body``, GET links the query itself."""
        href = self.next_href or f"{self.url}/search"
        if method == "POST":
            return {"rel": "next", "type": "application/geo+json", "href": href, "method": "POST",
                    "body": {**asked, "token": token}, "merge": False}  # fmt: skip
        asked = {**asked, "token": token}
        query = "&".join(f"{k}={','.join(map(str, v)) if isinstance(v, list) else v}" for k, v in asked.items())
        return {"rel": "next", "type": "application/geo+json", "method": "GET", "href": f"{href}?{query}"}


def _absolute(item: dict[str, Any], url: str) -> dict[str, Any]:
    links = [{"rel": "self", "href": f"{url}/collections/{item['collection']}/items/{item['id']}"}]
    assets = {
        key: {**asset, "href": url + asset["href"] if asset["href"].startswith("/files/") else asset["href"]}
        for key, asset in item["assets"].items()
    }
    return {**item, "links": links, "assets": assets}


def _touch(one: list[float], other: list[float]) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _within(text: str, moments: list[str]) -> bool:
    when = datetime.fromisoformat(text)
    first, last = moments[0], moments[-1]
    after = first == ".." or datetime.fromisoformat(first) <= when
    return after and (last == ".." or when <= datetime.fromisoformat(last))


@cache
def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet: two of them would wait for each other's acknowledgement
    service: FakeStac

    def log_message(self, format: str, *args: Any) -> None:
        return

    def do_GET(self) -> None:
        self._answer("GET", b"")

    def do_POST(self) -> None:
        self._answer("POST", self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, method: str, body: bytes) -> None:
        service, parts = self.service, urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        service.log.append(Asked(method, parts.path, headers.get("range"), headers.get("host", ""), headers))
        own = service.faults.get(parts.path) or (service.faults.get("*") if parts.path.startswith("/files/") else None)
        fault = own.pop(0) if own else Fault()
        if fault.status is not None:
            self._send(fault.status, fault.headers, fault.body, fault)
        elif parts.path.startswith("/files/"):
            self._send_file(parts.path, fault)
        else:
            self._send_api(method, parts.path, parse_qs(parts.query), body, fault)

    def _send_api(self, method: str, path: str, query: dict[str, list[str]], body: bytes, fault: Fault) -> None:
        service = self.service
        pages: dict[str, Callable[[], dict[str, Any]]] = {
            "/": service.landing_page,
            "/conformance": lambda: {"conformsTo": CONFORMANCE},
            "/collections": lambda: {
                "collections": [{"type": "Collection", "id": i["collection"]} for i in service.files.items],
                "links": [],
            },
        }
        if path == "/search" and method in service.methods:
            found = service.search(json.loads(body) if method == "POST" else _from_query(query), method)
        elif path in pages:
            found = pages[path]()
        else:
            self._send(404, {}, b'{"code":"NotFound"}', fault)
            return
        self._send(200, {"Content-Type": "application/geo+json"}, json.dumps(found).encode(), fault)

    def _send_file(self, path: str, fault: Fault) -> None:
        body = self.service.files.bodies.get(path)
        if body is None:
            self._send(404, {}, b"", fault)
            return
        # RFC 9110, 8.8.3: a strong validator of the bytes
        headers = {"ETag": fault.etag or _etag(body), "Accept-Ranges": "bytes"}
        span = _span(self.headers.get("Range"), len(body))
        if span is None or fault.ignore_range:
            self._send(200, headers, body, fault)  # RFC 9110, 14.2: a server may ignore Range
        elif span[0] >= len(body):
            # RFC 9110, 15.5.17: none of the range can be satisfied
            self._send(416, headers | {"Content-Range": f"bytes */{len(body)}"}, b"", fault)
        else:
            part = body[span[0] : span[1]]
            part = bytes(255 - value for value in part) if fault.spoil else part
            # RFC 9110, 14.4 and 15.3.7
            said = fault.content_range or f"bytes {span[0]}-{span[1] - 1}/{len(body)}"
            self._send(206, headers | {"Content-Range": said}, part, fault)

    def _send(self, status: int, headers: dict[str, str], body: bytes, fault: Fault) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            if fault.drip_s is not None:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(fault.drip_s)
            else:
                self.wfile.write(body if fault.cut is None else body[: int(len(body) * fault.cut)])
                self.wfile.flush()
        except OSError:  # the client hung up, as it should on a server like this
            self.close_connection = True
        if fault.cut is not None:
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer would look its own name up
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that hangs up is no error of the service
            super().handle_error(request, client_address)


def _from_query(query: dict[str, list[str]]) -> dict[str, Any]:
    """STAC API item-search, GET: lists are separated by commas."""
    asked: dict[str, Any] = {name: values[0] for name, values in query.items()}
    if "bbox" in asked:
        asked["bbox"] = [float(part) for part in asked["bbox"].split(",")]
    if "collections" in asked:
        asked["collections"] = asked["collections"].split(",")
    return asked


def _span(text: str | None, size: int) -> tuple[int, int] | None:
    """Return the half-open range asked for; several ranges, or nonsense, are ignored (RFC 9110, 14.2)."""
    found = _RANGE.fullmatch(text or "")
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size
    return int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)


@contextmanager
def serve(service: FakeStac) -> Iterator[FakeStac]:
    """Run the service on a free port of 127.0.0.1 while the block lasts."""
    handler = type("Handler", (_Handler,), {"service": service})
    server = _Server(("127.0.0.1", 0), handler)
    service.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
