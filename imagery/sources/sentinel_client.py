"""How Sentinel Hub is spoken to, and the one seam where its errors become ours.

The ``sentinelhub`` library builds, sends, caches and retries. What it leaves open is closed here: the token request has
a timeout; a rejected token is renewed once; a rate limit is waited out a bounded number of times, whatever its header
says; redirects do not carry credentials away; an answer is checked before it is cached, and a damaged cache entry is
asked for again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from sentinelhub.download.handlers import fail_user_errors, retry_temporary_errors
from sentinelhub.download.models import DownloadRequest, DownloadResponse
from sentinelhub.download.sentinelhub_client import SentinelHubDownloadClient
from sentinelhub.download.sentinelhub_statistical_client import SentinelHubStatisticalDownloadClient
from sentinelhub.download.session import SentinelHubSession
from sentinelhub.exceptions import BaseSentinelHubException, HashedNameCollisionException

from findings.errors import OutputError, QuotaExceeded, RefusedSource, SourceUnavailable
from imagery.sources.sentinel_access import CREDENTIALS_REMEDY, Access, Patience
from imagery.sources.sentinel_errors import error_for, retry_after_ms

MOST_BYTES = 256 << 20


class Meter:
    """Processing units that the service says it charged (header ``X-ProcessingUnits-Spent``), and requests sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.units = 0.0
        self.requests = 0

    def count(self, headers: Any) -> None:
        """Add one answer."""
        try:
            units = float(headers.get("X-ProcessingUnits-Spent", 0))
        except ValueError:
            units = 0.0
        with self._lock:
            self.requests += 1
            self.units += units if 0 <= units < float("inf") else 0.0


class TokenSession(SentinelHubSession):
    """The token; fetched with a timeout, and never through a library that logs the request's body."""

    def renew(self, rejected: str) -> None:
        """Fetch a new token unless another thread just did."""
        if self._token["access_token"] == rejected:
            self._token = self._collect_new_token()

    @retry_temporary_errors
    @fail_user_errors
    def _fetch_token(self, request: DownloadRequest) -> dict[str, Any]:
        # Client credentials grant, RFC 6749 4.4.2. requests_oauthlib, which the base class uses, has no timeout and
        # writes the secret to its debug log.
        response = requests.post(
            str(request.url),
            data={
                "grant_type": "client_credentials",
                "client_id": self.config.sh_client_id,
                "client_secret": self.config.sh_client_secret,
            },
            timeout=self.config.download_timeout_seconds,
            allow_redirects=False,
        )
        response.raise_for_status()
        try:
            token = response.json()
            return {
                "access_token": str(token["access_token"]),
                "expires_at": time.time() + float(token.get("expires_in", 600)),
            }
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            raise SourceUnavailable(
                f"{urlsplit(str(request.url)).hostname} answered the token request with something else "
                f"(status {response.status_code}); check MIZUHASHI_SH_TOKEN_URL"
            ) from error


class CarefulClient(SentinelHubDownloadClient):
    """The library's client; see the head of this file for what is added."""

    def __init__(self, session: TokenSession, patience: Patience, meter: Meter) -> None:
        super().__init__(session=session, config=session.config)
        self._own_session = session
        self._patience = patience
        self._meter = meter

    def _do_download(self, request: DownloadRequest) -> requests.Response:
        renewed, refused = False, 0
        while True:
            headers = self._prepare_headers(request)
            response = self._send(request, headers)
            if response.status_code == requests.codes.unauthorized and not renewed:
                renewed = True
                old = str(headers.get("Authorization", "")).removeprefix("Bearer ")
                self._execute_thread_safe(lambda rejected=old: self._own_session.renew(rejected))
            elif response.status_code == requests.codes.too_many_requests:
                refused += 1
                self._wait(response, refused)
            else:
                if response.ok:
                    self._meter.count(response.headers)
                return response

    def _send(self, request: DownloadRequest, headers: dict[str, str]) -> requests.Response:
        with requests.request(
            request.request_type.value,
            url=str(request.url),
            json=request.post_values,
            headers=headers,
            timeout=self.config.download_timeout_seconds,
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.is_redirect:
                target = urlsplit(response.headers.get("Location", "")).hostname
                raise RefusedSource(
                    f"{urlsplit(str(request.url)).hostname} sends on to {target}; credentials do not follow: if that "
                    "is the right service, set MIZUHASHI_SH_BASE_URL to it"
                )
            parts, size = [], 0
            for part in response.iter_content(1 << 16):
                size += len(part)
                if size > MOST_BYTES:
                    raise RefusedSource(
                        f"{urlsplit(str(request.url)).hostname}: an answer of over {MOST_BYTES >> 20} MiB"
                    )
                parts.append(part)
            response._content = b"".join(parts)  # read already, within the cap; `content` then gives it
        return response

    def _wait(self, response: requests.Response, refused: int) -> None:
        """Hold all threads back for as long as the service asks.

        The library would read the header by ``int()`` (which a fraction or an HTTP date crashes), warn each time, and
        go on for ever (sentinelhub ``rate_limit.update``, ``sentinelhub_client._execute_download``).
        """
        asked_ms = retry_after_ms(response.headers.get("Retry-After"), self._patience.unsaid_wait_s * 1000)
        host = urlsplit(response.url).hostname
        if asked_ms > self._patience.longest_wait_s * 1000:
            raise QuotaExceeded(
                f"{host} asks to wait {asked_ms / 60_000:.0f} min, longer than the "
                f"{self._patience.longest_wait_s / 60:.0f} min that a run waits; start it again then, what was "
                "fetched is kept"
            )
        if refused >= self._patience.rate_limited:
            raise QuotaExceeded(
                f"{host} asked {refused} times in a row to come back later (429); the account's rate is used up: "
                "start again in some minutes, what was fetched is kept"
            )
        wait_ms = max(asked_ms, int(self._patience.least_wait_s * 1000 * 2 ** (refused - 1)))
        self._execute_thread_safe(self.rate_limit.update, {"Retry-After": str(wait_ms)}, default=0)
        while (pause := self._execute_thread_safe(self.rate_limit.register_next)) > 0:
            time.sleep(pause)

    def _single_download(self, request: DownloadRequest) -> DownloadResponse | None:
        try:
            return super()._single_download(request)
        except (SourceUnavailable, HashedNameCollisionException, FileNotFoundError, ValueError, KeyError):
            # Writing to the cache is not atomic there: a run that was cut off leaves half a response, or no request.
            if not _forget(request):
                raise
            return super()._single_download(request)


class ProcessClient(CarefulClient):
    """For pictures and the catalogue; an answer with a ``check`` is checked before it is cached."""

    def _process_response(self, request: DownloadRequest, response: DownloadResponse) -> DownloadResponse:
        check: Callable[[bytes], None] | None = request.extra_params.get("check")
        if check is not None:
            check(response.content)  # before it is cached
        return response


class StatisticalClient(CarefulClient, SentinelHubStatisticalDownloadClient):
    """For the Statistical API; the library asks again for intervals that failed in passing."""


def _forget(request: DownloadRequest) -> bool:
    """Remove a cached answer; whether there was one."""
    kept = [Path(path) for path in request.get_storage_paths() if path is not None]
    there = [path for path in kept if path.is_file()]
    for path in there:
        path.unlink()
    return bool(there)


@contextmanager
def translated(access: Access) -> Iterator[None]:
    """Turn what the library and the wire raise into our errors, without credentials in their words.

    Raises:
        SourceError: what the service did.
        OutputError: the cache cannot be written.
    """
    try:
        yield
    except (BaseSentinelHubException, requests.RequestException) as error:
        found = error_for(error, access.base_url, (access.client_secret, access.client_id), CREDENTIALS_REMEDY)
        # The original may quote an answer that echoes the credentials: it is not shown in the traceback.
        raise found from None
    except OSError as error:
        raise OutputError(
            f"{error.filename or 'the cache of Sentinel Hub'}: cannot be written ({error.strerror}); make room or "
            "choose another --home"
        ) from error
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise SourceUnavailable(
            f"{urlsplit(access.base_url).hostname} answered what its protocol does not allow "
            f"({type(error).__name__}); try again later"
        ) from error
