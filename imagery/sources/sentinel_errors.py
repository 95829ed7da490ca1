"""What a failure of Sentinel Hub means, in our errors and without anybody's credentials."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, quote_plus, urlsplit

import requests

from findings.errors import AccessDenied, QuotaExceeded, SourceError, SourceUnavailable

LONGEST_QUOTE = 300
# The code in a 403's body when the account's units or requests are used up (both deployments); any other 403 is a right
# that the account does not have.
_USED_UP = ("insufficient_processing_units", "insufficient processing units", "insufficient requests", "quota")


def error_for(error: Exception, base_url: str, secrets: Sequence[str], remedy: str) -> SourceError:
    """Return what a failure means to the user.

    Args:
        error: what sentinelhub or requests raised.
        base_url: of the service.
        secrets: texts that must not appear.
        remedy: for credentials that are refused.
    """
    cause = getattr(error, "request_exception", None) or error
    response = getattr(cause, "response", None)
    request = getattr(cause, "request", None)
    host = urlsplit(getattr(request, "url", None) or base_url).hostname or base_url
    if response is None:
        what = "did not answer in time" if isinstance(cause, requests.Timeout) else "could not be reached or broke off"
        if isinstance(cause, requests.exceptions.ChunkedEncodingError):
            what = "broke off within an answer"
        return SourceUnavailable(
            f"{host} {what} ({type(cause).__name__}), also when asked again; check the network, then run the "
            "command again: what was fetched is kept"
        )
    # Scrubbed before it is shortened: half a secret would not be found.
    said = scrubbed(server_words(response), secrets)[:LONGEST_QUOTE]
    status = response.status_code
    if status == requests.codes.forbidden and any(word in said.lower() for word in _USED_UP):
        return QuotaExceeded(
            f"{host}: the account's processing units or requests are used up ({said}); what was fetched is kept: run "
            "the command again next month, or with another account"
        )
    if (status in (400, 401) and "oauth" in host + response.url) or _names_client(said) or status == 401:
        return AccessDenied(f"{host} refused the credentials (status {status}: {said}); {remedy}")
    if status == requests.codes.forbidden:
        return AccessDenied(f"{host} does not let this account do that (status 403: {said}); {remedy}")
    if status == requests.codes.too_many_requests:
        return QuotaExceeded(f"{host} asks to come back later (429: {said}); start again in some minutes")
    if status < requests.codes.internal_server_error:
        return SourceUnavailable(
            f"{host} refused the request (status {status}: {said}); this is not the account's fault"
        )
    return SourceUnavailable(
        f"{host} failed (status {status}: {said}), also when asked again; try later: what was fetched is kept"
    )


def _names_client(said: str) -> bool:
    return any(word in said.lower() for word in ("invalid_client", "unauthorized_client", "invalid client"))


def server_words(response: requests.Response) -> str:
    """Return the server's own explanation on one line.

    Both shapes occur: ``{"error": {"message": ..., "code": ...}}`` of the APIs, and RFC 6749's ``{"error": ...,
    "error_description": ...}`` of the token service.
    """
    try:
        said = json.loads(response.content)
    except (ValueError, RecursionError):
        return " ".join(response.text.split()) or "no words"
    if isinstance(said, dict):
        inner = said.get("error", said)
        if isinstance(inner, dict):
            said = ", ".join(str(inner[key]) for key in ("code", "message") if inner.get(key)) or inner
        else:
            said = f"{inner} {said.get('error_description', '')}"
    return " ".join(str(said).split()) or "no words"


def scrubbed(text: str, secrets: Sequence[str]) -> str:
    """Return a text with every secret and every bearer token blotted out, also as forms and JSON spell them."""
    for secret in filter(None, secrets):
        for spelt in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]):
            text = text.replace(spelt, "***")
    return re.sub(r"(?i)bearer\s+[^\s\"',}]+", "Bearer ***", text)


def retry_after_ms(header: str | None, unsaid_ms: float) -> int:
    """Return how long to wait in ms.

    Sentinel Hub means milliseconds (docs.sentinel-hub.com/api/latest/api/overview/rate-limiting); a proxy before it may
    send a fraction, or the HTTP date of RFC 9110 10.2.3. What cannot be read counts as unsaid.
    """
    if header is None or not header.strip():
        return int(unsaid_ms)
    try:
        value = float(header)
    except ValueError:
        try:
            when = parsedate_to_datetime(header)
        except (ValueError, TypeError, IndexError, OverflowError):
            return int(unsaid_ms)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        value = (when - datetime.now(UTC)).total_seconds() * 1000
        return max(int(value), 0)
    return math.ceil(value) if 0 <= value < float("inf") else int(unsaid_ms)
