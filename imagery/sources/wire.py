"""Requests that the guard has seen: every connection, every hop of a redirect, every byte of an answer.

Connections are opened to an address that the guard has just checked, with the host's own name in SNI, certificate
check and Host header. Proxies, ``.netrc`` and cookies of the environment are not used: each would lead around it.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import create_connection

from findings.errors import AccessDenied, QuotaExceeded, RefusedSource, SourceUnavailable
from imagery.sources.guard import Guard, shown

CHUNK = 1 << 16
MAX_REDIRECTS = 5
MOST_DIGITS = 18  # of a count of bytes: an exabyte
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class Hiccup(SourceUnavailable):
    """A failure that may be gone at the next try: a broken connection, a truncated body, a status 5xx."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try again.

    Attributes:
        attempts: tries of one request, the first one included.
        first_wait_s: before the second try; doubled each time.
        longest_wait_s: a ``Retry-After`` beyond it ends the run instead.
        sleep: waits so many seconds.
    """

    attempts: int = 4
    first_wait_s: float = 1.0
    longest_wait_s: float = 120.0
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer with a status 2xx or 416.

    Attributes:
        url: that answered, behind redirects.
        headers: names in lower case.
    """

    url: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class _Pinned(HTTPConnection):
    """A connection to one of the addresses that the guard has checked, and to no other.

    http.client waits for each line of a header on its own, so that a server could drip them for ever: a watch cuts the
    connection after the guard's time.
    """

    scheme = "http"

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def _new_conn(self) -> socket.socket:
        failure: OSError | None = None
        for address in self._guard.addresses(self.scheme, self.host, self.port):
            try:
                return create_connection((address, self.port), self.timeout, socket_options=self.socket_options)
            except OSError as error:  # the host's next address may answer
                failure = error
        raise NewConnectionError(self, f"no connection to {self.host}: {failure}") from failure

    def getresponse(self) -> Any:
        """Return the answer's head, or fail when the guard's time is over."""
        late = threading.Event()
        watch = threading.Timer(self._guard.timeout_s, self._cut, [late])
        watch.daemon = True
        watch.start()
        try:
            response = super().getresponse()
        finally:
            watch.cancel()
        if late.is_set():
            response.close()
            # http.client takes the end of the wire for the end of the header.
            raise TimeoutError(f"no complete header after {self._guard.timeout_s:g} s")
        return response

    def _cut(self, late: threading.Event) -> None:
        late.set()
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _PinnedTls(_Pinned, HTTPSConnection):
    """The same behind TLS; the name that is checked against the certificate is the host's."""

    scheme = "https"


class _Pools(urllib3.PoolManager):
    """Makes pools whose connections know the guard."""

    def __init__(self, guard: Guard, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._guard = guard

    def _new_pool(self, scheme: str, host: str, port: int, request_context: Any = None) -> HTTPConnectionPool:
        pool = super()._new_pool(scheme, host, port, request_context)
        kind = _PinnedTls if scheme == "https" else _Pinned
        pool.ConnectionCls = partial(kind, guard=self._guard)  # type: ignore[assignment]
        return pool


class _GuardedAdapter(HTTPAdapter):
    """Sends one request and reads its whole answer, within the guard's caps."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        super().__init__(pool_connections=8, pool_maxsize=8, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        """Make the pools of guarded connections."""
        self.poolmanager = _Pools(self._guard, num_pools=connections, maxsize=maxsize, block=block, **kwargs)

    def send(self, request: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """Return the answer with its body read, whatever the caller said of streaming, proxies and certificates."""
        self._guard.check_url(request.url)
        limit = self._guard.timeout_s
        deadline = time.monotonic() + limit
        verify = kwargs.get("verify")
        try:
            response = super().send(
                request, stream=True, timeout=limit, verify=verify if isinstance(verify, str) else True, proxies={}
            )
        except requests.RequestException as error:
            raise Hiccup(f"{shown(request.url)}: no answer ({_reason(error)}); try again later") from error
        try:
            body = self._read(request, response, deadline)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Hiccup(f"{shown(request.url)}: the answer broke off ({_reason(error)}); try again later") from error
        finally:
            response.raw.close()
        response._content = body
        response._content_consumed = True  # type: ignore[attr-defined]
        return response

    def _read(self, request: Any, response: requests.Response, deadline: float) -> bytes:
        cap = self._guard.max_bytes
        asked = _RANGE.fullmatch(request.headers.get("Range", ""))
        if asked is not None and response.status_code == 200:
            # RFC 9110, 14.2: a server may ignore Range and send everything, here some hundred megabytes.
            raise RefusedSource(f"{shown(request.url)}: the server ignores byte ranges; windows cannot be read from it")
        if asked is not None and response.status_code == 206:
            cap = min(cap, int(asked[2]) - int(asked[1]) + 1)
        told = response.headers.get("Content-Length", "")
        if told.isdecimal() and (len(told) > MOST_DIGITS or int(told) > cap):
            raise RefusedSource(f"{shown(request.url)}: announces {told[:20]} bytes; at most {cap} are taken")
        pieces: list[bytes] = []
        total = 0
        while piece := response.raw.read1(CHUNK, decode_content=True):
            total += len(piece)
            if total > cap:
                raise RefusedSource(f"{shown(request.url)}: sends more than {cap} bytes; the rest was not read")
            if time.monotonic() > deadline:
                raise Hiccup(f"{shown(request.url)}: not complete after {self._guard.timeout_s:g} s; try again later")
            pieces.append(piece)
        return b"".join(pieces)


class GuardedSession(requests.Session):
    """A session of which no request leads around the guard.

    Args:
        guard: what may be reached.
        patience: how often to try again.
        budget_bytes: of all answers together; None: no limit beyond the guard's for each.
    """

    def __init__(self, guard: Guard, patience: Patience | None = None, budget_bytes: int | None = None) -> None:
        super().__init__()
        self.guard = guard
        self.patience = patience or Patience()
        self.budget_bytes = budget_bytes
        self.received_bytes = 0
        self.trust_env = False
        self.max_redirects = MAX_REDIRECTS
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers["User-Agent"] = "mizuhashi"
        self.adapters.clear()
        self.mount("https://", _GuardedAdapter(guard))
        self.mount("http://", _GuardedAdapter(guard))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer sends us, if that is the host that sent it.

        Raises:
            RefusedSource: another host, scheme or port, or a place that the guard does not allow.
        """
        try:
            target = super().get_redirect_target(resp)
            whole = urljoin(resp.url, target) if target is not None else None
        except ValueError as error:  # bytes that are no text, brackets that are no address
            raise RefusedSource(f"{shown(resp.url)}: redirects to what is no address; tell the service") from error
        if target is None or whole is None:
            return None
        before, after = self.guard.check_url(resp.url), self.guard.check_url(whole)
        if (before.scheme, before.host, before.port) != (after.scheme, after.host, after.port):
            raise RefusedSource(
                f"{shown(resp.url)}: redirects to {shown(after.url)}; another host is not followed: "
                "if you trust it, fetch from it directly"
            )
        return target

    def ask(self, method: str, url: str, **kwargs: Any) -> Answer:
        """Return the complete answer; failures that may pass are tried again.

        Args:
            method: ``GET`` or ``POST``.
            url: whom to ask.
            **kwargs: ``headers``, ``params``, ``json`` as of `requests`.

        Raises:
            RefusedSource: the guard refuses, or the request was wrong (4xx).
            AccessDenied: 401 or 403.
            QuotaExceeded: 429 to the last, or more bytes than the budget.
            SourceUnavailable: failed after the last try, or not there.
        """
        self.guard.check_url(url)  # before `requests` reads the URL in its own way
        self._afford((kwargs.get("headers") or {}).get("Range", ""))
        wait = self.patience.first_wait_s
        for left in reversed(range(self.patience.attempts)):
            try:
                response = self.request(method, url, **kwargs)
                self._count(response)
                return _judged(url, response)
            except (Hiccup, QuotaExceeded) as error:
                pause = getattr(error, "retry_after_s", None)
                if self._spent() or left == 0 or (pause or 0) > self.patience.longest_wait_s:
                    raise
                self.patience.sleep(wait if pause is None else pause)
                wait *= 2
            except requests.RequestException as error:  # too many redirects, a URL that requests cannot build
                raise SourceUnavailable(f"{shown(url)}: {_reason(error)}; check the address") from error
        raise AssertionError("unreachable: the last try returns or raises")

    def _afford(self, wanted: str) -> None:
        """Raise QuotaExceeded if a range would pass the budget: unasked, it need not be thrown away."""
        asked = _RANGE.fullmatch(wanted)
        length = int(asked[2]) - int(asked[1]) + 1 if asked is not None else 0
        if self.budget_bytes is not None and self.received_bytes + length > self.budget_bytes:
            raise QuotaExceeded(
                f"{self.received_bytes} bytes were received and {length} more are needed, allowed are "
                f"{self.budget_bytes}; raise --max-bytes and run it again: finished scenes stay"
            )

    def _count(self, response: requests.Response) -> None:
        self.received_bytes += len(response.content)
        if self._spent():
            raise QuotaExceeded(
                f"{self.received_bytes} bytes were received, allowed are {self.budget_bytes}; "
                "raise --max-bytes and run it again: finished scenes stay"
            )

    def _spent(self) -> bool:
        return self.budget_bytes is not None and self.received_bytes > self.budget_bytes


def guarded_session(
    guard: Guard, *, patience: Patience | None = None, budget_bytes: int | None = None
) -> GuardedSession:
    """Return a session of which every request, redirect and byte passes the guard."""
    return GuardedSession(guard, patience, budget_bytes)


class _Asked(Hiccup):
    """A 5xx with the seconds that the server asks to wait."""

    def __init__(self, text: str, retry_after_s: float | None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class _Throttled(QuotaExceeded):
    """A 429 with the seconds that the server asks to wait."""

    def __init__(self, text: str, retry_after_s: float | None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


def _judged(url: str, response: requests.Response) -> Answer:
    """Return the answer of a good status; anything else is an error of its kind (RFC 9110, 15; RFC 6585, 4)."""
    status, where = response.status_code, shown(url)
    if 200 <= status < 300 or status == 416:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.url, status, headers, response.content)
    after = _retry_after(response.headers.get("Retry-After"))
    said = f", asks to wait {after:.0f} s" if after is not None else ""
    if status in (401, 403):
        raise AccessDenied(f"{where}: access denied (status {status}); this file is not public, take another service")
    if status == 429:
        raise _Throttled(
            f"{where}: too many requests (status 429{said}); run it again later: finished scenes stay", after
        )
    if status >= 500 or status == 408:
        raise _Asked(f"{where}: the service fails (status {status}{said}); run it again later", after)
    if status in (404, 410):
        raise SourceUnavailable(f"{where}: not there (status {status}); check the address")
    raise RefusedSource(f"{where}: the service refuses the request (status {status}: {_line(response)})")


def _retry_after(text: str | None) -> float | None:
    """Return the seconds to wait: a number, or the time until an HTTP date (RFC 9110, 10.2.3); None if neither."""
    if text is None:
        return None
    try:
        return max(0.0, float(text)) if text.strip().isdigit() else max(0.0, _seconds_until(text))
    except (TypeError, ValueError, IndexError, OverflowError):  # OverflowError: the year 99999999999
        return None


def _seconds_until(text: str) -> float:
    when = parsedate_to_datetime(text)
    return (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _line(response: requests.Response) -> str:
    return " ".join(response.content[:200].decode("utf-8", "replace").split())


def _reason(error: BaseException) -> str:
    """Return the innermost reason in a line; requests and urllib3 wrap each other's errors with the whole URL."""
    while error.__cause__ is not None or (error.args and isinstance(error.args[0], BaseException)):
        error = error.__cause__ or error.args[0]
    return f"{type(error).__name__}: {str(error)[:200]}"
