"""What a request may reach: https, hosts of a list, public addresses, and so many bytes in so many seconds at most.

A STAC item is text that a stranger wrote: its links and asset hrefs may name any host, any scheme, the cloud's metadata
service or a router on this network. The guard is a value that is handed to whoever opens connections (`wire`); it asks
for a name's addresses once and the connection goes to one of those addresses, so that a second answer of the name
server (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from findings.errors import ConfigError, RefusedSource, SourceUnavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], tuple[str, ...]]
"""Host and port to IP addresses as text."""

HTTPS_PORT = 443
DEFAULT_HOSTS = (
    "earth-search.aws.element84.com",  # Earth Search: API, then its two buckets
    "sentinel-cogs.s3.us-west-2.amazonaws.com",
    "e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com",
    "planetarycomputer.microsoft.com",  # Planetary Computer: API, then the storage accounts of its S2 and Landsat
    "sentinel2l2a01.blob.core.windows.net",
    "landsateuwest.blob.core.windows.net",
    "stac.dataspace.copernicus.eu",  # Copernicus Data Space
    "landsatlook.usgs.gov",  # USGS: STAC server and files
    "cmr.earthdata.nasa.gov",  # NASA: STAC of HLS, then its files
    "data.lpdaac.earthdatacloud.nasa.gov",
)
"""Whole names. Storage of clouds is listed bucket by bucket: anybody can open one of the same provider."""

# IANA special-purpose address registries (RFC 6890) and the notations that carry an IPv4 address inside an IPv6 one.
REFUSED_NETWORKS = tuple(
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("169.254.169.254/32", "a cloud's metadata service"),
        ("168.63.129.16/32", "a cloud's metadata service"),  # Azure's WireServer: a public number, a local service
        ("100.100.100.200/32", "a cloud's metadata service"),
        ("fd00:ec2::254/128", "a cloud's metadata service"),
        ("0.0.0.0/8", "unspecified"),
        ("::/128", "unspecified"),
        ("127.0.0.0/8", "loopback"),
        ("::1/128", "loopback"),
        ("10.0.0.0/8", "private"),
        ("172.16.0.0/12", "private"),
        ("192.168.0.0/16", "private"),
        ("100.64.0.0/10", "private"),
        ("fc00::/7", "private"),
        ("fec0::/10", "private"),
        ("169.254.0.0/16", "link-local"),
        ("fe80::/10", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("ff00::/8", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::ffff:0:0/96", "an IPv4-mapped IPv6 address"),
        ("::ffff:0:0:0/96", "an IPv4-translated IPv6 address"),
        ("::/96", "an IPv4-compatible IPv6 address"),
        ("2002::/16", "a 6to4 address"),
        ("2001::/32", "a Teredo address"),
        ("64:ff9b::/96", "a NAT64 address"),
        ("64:ff9b:1::/48", "a NAT64 address"),
    )
)


def system_resolver(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses that the machine's own resolver knows for a host, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Guard:
    """What may be reached.

    Attributes:
        allowed_hosts: ``host`` or ``host:port`` (else 443) for that name alone; ``.domain`` for every name below it.
        allow_loopback: ``address:port`` of this machine that may be reached, by plain http too; for tests.
        max_bytes: of one answer, decoded.
        timeout_s: for one answer, from the request to its last byte.
        resolver: looks names up.
    """

    allowed_hosts: tuple[str, ...] = DEFAULT_HOSTS
    allow_loopback: frozenset[str] = frozenset()
    max_bytes: int = 64 << 20
    timeout_s: float = 60.0
    resolver: Resolver = system_resolver

    def check_url(self, url: str) -> Url:
        """Return the parts of a URL that may be asked for.

        Raises:
            RefusedSource: scheme, credentials, host or port are not allowed.
        """
        try:
            parts = parse_url(url)
        except LocationParseError as error:
            raise RefusedSource(f"{shown(url)}: not a URL; expected https://HOST/PATH") from error
        if parts.scheme not in ("http", "https") or not parts.host:
            raise RefusedSource(f"{shown(url)}: scheme {parts.scheme or 'none'!r}; only https://HOST/PATH is fetched")
        if parts.auth is not None:
            raise RefusedSource(f"{shown(url)}: a URL with credentials in it; give the service's plain address")
        self.check_host(parts.scheme, parts.host, parts.port)
        return parts

    def check_host(self, scheme: str, host: str, port: int | None) -> None:
        """Raise RefusedSource unless this host may be asked over this scheme and port."""
        name = host.lower().strip("[]").removesuffix(".")
        if self._is_own(name, port):
            return
        if scheme != "https":
            raise RefusedSource(f"{scheme}://{host}: not https; only https is fetched, use the service's https address")
        if not any(_matches(rule, name, port or HTTPS_PORT) for rule in self.allowed_hosts):
            where = host if port in (None, HTTPS_PORT) else f"{host}:{port}"
            raise RefusedSource(
                f"{where}: not on the list of hosts ({', '.join(self.allowed_hosts)}); "
                "if you trust it, add it to MIZUHASHI_STAC_HOSTS"
            )

    def addresses(self, scheme: str, host: str, port: int) -> tuple[str, ...]:
        """Return the addresses to connect to, looked up once and each of them checked.

        Raises:
            RefusedSource: the host is not allowed, or one of its addresses is not public.
            SourceUnavailable: the name is not known.
        """
        self.check_host(scheme, host, port)
        name = host.lower().strip("[]").removesuffix(".")
        try:
            found = self.resolver(name, port)
        except (OSError, UnicodeError) as error:
            raise SourceUnavailable(f"{host}: the name cannot be looked up ({error}); check the network") from error
        if not found:
            raise SourceUnavailable(f"{host}: the name has no address; check it")
        for text in found:
            address = _parse(host, text)
            if self._is_own(name, port) and address.is_loopback:
                continue
            reason = refusal_of(address)
            if reason is not None:
                raise RefusedSource(f"{host}: its address {text} is {reason}; only public addresses are fetched from")
        return found

    def _is_own(self, name: str, port: int | None) -> bool:
        return f"{name}:{port}" in self.allow_loopback


def with_hosts(hosts: Iterable[str], guard: Guard | None = None) -> Guard:
    """Return a guard that also allows the hosts a user named (``MIZUHASHI_STAC_HOSTS``).

    Raises:
        ConfigError: an entry that is no host name, e.g. a URL, an address or a star.
    """
    guard = guard or Guard()
    more = tuple(host.strip().lower() for host in hosts if host.strip())
    for host in more:
        name, _, port = host.removeprefix(".").partition(":")
        labels = name.split(".")
        plain = len(labels) >= 2 and all(label.replace("-", "").isalnum() and label.isascii() for label in labels)
        if not plain or labels[-1].isdigit() or (port and not (port.isdecimal() and port.isascii() and len(port) <= 5)):
            raise ConfigError(f"{host!r} in the list of hosts: expected a name like stac.example.org, or .example.org")
    return replace(guard, allowed_hosts=tuple(dict.fromkeys((*guard.allowed_hosts, *more))))


def refusal_of(address: Address) -> str | None:
    """Return why an address must not be connected to, or None for a public one."""
    for network, what in REFUSED_NETWORKS:
        if address.version == network.version and address in network:
            return what
    return None if address.is_global else "not public"


def shown(url: str) -> str:
    """Return a URL as it may stand in a message or a file: no user, no query (it may hold a signature), no fragment."""
    text = url.split("#", 1)[0].split("?", 1)[0]
    head, slashes, rest = text.partition("//")
    authority, slash, path = rest.partition("/")
    return (head + slashes + authority.rpartition("@")[2] + slash + path)[:300] if slashes else text[:300]


def _matches(rule: str, name: str, port: int) -> bool:
    host, _, wanted = rule.lower().partition(":")
    if port != int(wanted or HTTPS_PORT):
        return False
    return name.endswith(host) and len(name) > len(host) if host.startswith(".") else name == host


def _parse(host: str, text: str) -> Address:
    try:
        return ipaddress.ip_address(text.partition("%")[0])  # a zone: "fe80::1%eth0"
    except ValueError as error:
        raise RefusedSource(f"{host}: the resolver gave {text!r}, which is no address") from error
