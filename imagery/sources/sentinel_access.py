"""Where to ask Sentinel Hub, as whom, and how long to go on with it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from findings.errors import AccessDenied, ConfigError

CREDENTIALS_REMEDY = (
    "set MIZUHASHI_SH_CLIENT_ID and MIZUHASHI_SH_CLIENT_SECRET to an OAuth client of the account, and "
    "MIZUHASHI_SH_PROFILE to cdse or sentinelhub, whichever the account is of"
)


class SentinelProfile(StrEnum):
    """Which deployment the credentials belong to."""

    CDSE = "cdse"  # Copernicus Data Space Ecosystem, free accounts
    SENTINELHUB = "sentinelhub"  # Sentinel Hub proper (Planet)


@dataclass(frozen=True, slots=True)
class Profile:
    """Addresses of one deployment."""

    base_url: str
    token_url: str


# CDSE: documentation.dataspace.copernicus.eu/APIs/SentinelHub/Overview/Authentication.html; Sentinel Hub: the defaults
# of sentinelhub.SHConfig.
PROFILES = {
    SentinelProfile.CDSE: Profile(
        "https://sh.dataspace.copernicus.eu",
        "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token",
    ),
    SentinelProfile.SENTINELHUB: Profile(
        "https://services.sentinel-hub.com",
        "https://services.sentinel-hub.com/auth/realms/main/protocol/openid-connect/token",
    ),
}


@dataclass(frozen=True, slots=True)
class Access:
    """Where to ask, and as whom; the credentials do not print.

    Attributes:
        client_id: OAuth client.
        client_secret: its secret.
        base_url: of the service, without a slash at the end.
        token_url: of the token service.
        profile: ``cdse`` or ``sentinelhub``.
    """

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    base_url: str
    token_url: str
    profile: SentinelProfile = SentinelProfile.CDSE


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on with a service that does not answer as it should.

    Attributes:
        attempts: of one request that meets 5xx, a broken connection or a timeout.
        first_wait_s: before the second attempt; three times as long before each further one.
        timeout_s: of one answer, and of the token.
        rate_limited: how often one request may be told to come back later (429).
        unsaid_wait_s: when 429 does not say how long.
        least_wait_s: after the first 429 of a request, twice as long after each further one: a proxy that counts in
            seconds where the service counts in milliseconds is still waited out.
        longest_wait_s: a longer wait is the user's to decide.
        threads: requests at a time.
    """

    attempts: int = 4
    first_wait_s: float = 5.0
    timeout_s: float = 120.0
    rate_limited: int = 8
    unsaid_wait_s: float = 30.0
    least_wait_s: float = 0.5
    longest_wait_s: float = 300.0
    threads: int = 4


PATIENCE = Patience()


def make_access(
    client_id: str | None,
    client_secret: str | None,
    profile: SentinelProfile,
    base_url: str | None,
    token_url: str | None,
) -> Access:
    """Return the access that the settings describe.

    Raises:
        AccessDenied: credentials are missing.
        ConfigError: an address that would carry the credentials in the clear.
    """
    if not client_id or not client_secret:
        raise AccessDenied(f"Sentinel Hub needs credentials and none are set; {CREDENTIALS_REMEDY}")
    known = PROFILES[profile]
    base = _checked("MIZUHASHI_SH_BASE_URL", base_url or known.base_url).rstrip("/")
    return Access(
        client_id, client_secret, base, _checked("MIZUHASHI_SH_TOKEN_URL", token_url or known.token_url), profile
    )


def _checked(name: str, url: str) -> str:
    """Return an address that credentials may go to: HTTPS, or this very machine."""
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query:
        raise ConfigError(
            f"{name}: expected a plain address like https://sh.dataspace.copernicus.eu, without user or query"
        )
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and _loopback(parts.hostname))):
        raise ConfigError(
            f"{name} {url!r}: expected an https:// address; credentials do not travel over "
            f"{parts.scheme or 'anything else'}"
        )
    return url


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
