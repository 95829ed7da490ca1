"""The network guard as a value: every rule by itself."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

import pytest

from findings.errors import ConfigError, RefusedSource, SourceUnavailable
from imagery.sources.guard import DEFAULT_HOSTS, Guard, refusal_of, shown, with_hosts

PUBLIC = "203.0.114.9"  # no documentation range: those are refused as not public


def answers(*addresses: str) -> Callable[[str, int], tuple[str, ...]]:
    return lambda host, port: addresses


# --- URLs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", DEFAULT_HOSTS)
def test_every_default_host_is_a_plain_name_that_is_allowed_over_https(host: str) -> None:
    assert Guard().check_url(f"https://{host}/a").host == host


@pytest.mark.parametrize(
    "url",
    [
        "http://sentinel-cogs.s3.us-west-2.amazonaws.com/a.tif",
        "ftp://sentinel-cogs.s3.us-west-2.amazonaws.com/a.tif",
        "file:///etc/passwd",
        "/etc/passwd",
        "/vsicurl/https://sentinel-cogs.s3.us-west-2.amazonaws.com/a.tif",
        "s3://sentinel-cogs/a.tif",
        "gopher://x/",
        "",
    ],
)
def test_only_https_is_fetched(url: str) -> None:
    with pytest.raises(RefusedSource, match="https"):
        Guard().check_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "sentinel-cogs.s3.us-west-2.amazonaws.com.evil.example",
        "evil-sentinel-cogs.s3.us-west-2.amazonaws.com",
        "x.sentinel-cogs.s3.us-west-2.amazonaws.com",
        "s3.us-west-2.amazonaws.com",
        "amazonaws.com",
        "2130706433",
        "0x7f000001",
        "127.1",
        "169.254.169.254",
        "[::1]",
        "sentinel-cogs.s3.us-west-2.amazonaws.com:8443",
    ],
)
def test_a_host_that_is_not_on_the_list_is_refused(host: str) -> None:
    with pytest.raises(RefusedSource, match="not on the list of hosts"):
        Guard().check_url(f"https://{host}/a.tif")


def test_the_host_is_compared_without_case_and_final_dot() -> None:
    Guard().check_url("https://Sentinel-COGs.s3.us-west-2.amazonaws.com./a.tif")


@pytest.mark.parametrize(
    "url",
    [
        "https://user:secret@stac.dataspace.copernicus.eu/v1",
        "https://user@stac.dataspace.copernicus.eu/v1",
        "https://stac.dataspace.copernicus.eu@evil.example/",
        "https://evil.example\\@stac.dataspace.copernicus.eu/",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(RefusedSource) as caught:
        Guard().check_url(url)
    assert "secret" not in str(caught.value)


def test_a_rule_with_a_leading_dot_takes_names_below_and_nothing_else() -> None:
    guard = Guard((".example.org",))
    guard.check_url("https://a.example.org/")
    guard.check_url("https://b.a.example.org/")
    for host in ("example.org", "evilexample.org", ".example.org", "example.org.evil.net"):
        with pytest.raises(RefusedSource):
            guard.check_url(f"https://{host}/")


def test_a_rule_with_a_port_takes_that_port_alone() -> None:
    guard = Guard(("stac.example.org:8443",))
    guard.check_url("https://stac.example.org:8443/")
    with pytest.raises(RefusedSource):
        guard.check_url("https://stac.example.org/")


def test_hosts_of_the_user_are_added_to_the_defaults() -> None:
    guard = with_hosts(["stac.pref.example.jp", " ", ".Data.example.org"])
    assert guard.allowed_hosts == (*DEFAULT_HOSTS, "stac.pref.example.jp", ".data.example.org")


@pytest.mark.parametrize("host", ["*", "*.example.org", "https://example.org", "10.0.0.1", "localhost", "a b.c", "::1"])
def test_an_entry_that_is_no_name_is_a_config_error(host: str) -> None:
    with pytest.raises(ConfigError, match="expected a name"):
        with_hosts([host])


def test_a_signature_in_a_query_is_never_shown() -> None:
    assert shown("https://u:p@h.example/a.tif?sig=SECRET#x") == "https://h.example/a.tif"


# --- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("169.254.169.254", "metadata"),
        ("168.63.129.16", "metadata"),
        ("100.100.100.200", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("127.0.0.1", "loopback"),
        ("127.8.8.8", "loopback"),
        ("::1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("fc00::1", "private"),
        ("fec0::1", "private"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::ffff:8.8.8.8", "IPv4-mapped"),
        ("::ffff:0:8.8.8.8", "IPv4-translated"),
        ("::7f00:1", "IPv4-compatible"),
        ("2002:7f00:1::", "6to4"),
        ("2001:0:4136:e378::", "Teredo"),
        ("64:ff9b::7f00:1", "NAT64"),
        ("64:ff9b:1::7f00:1", "NAT64"),
        ("192.0.2.1", "not public"),
        ("2001:db8::1", "not public"),
        ("198.18.0.1", "not public"),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str, reason: str) -> None:
    guard = Guard(("data.example.org",), resolver=answers(address))
    with pytest.raises(RefusedSource, match=reason):
        guard.addresses("https", "data.example.org", 443)


def test_public_addresses_are_passed_on_as_they_came() -> None:
    both = (PUBLIC, "2606:4700::1111")
    guard = Guard(("data.example.org",), resolver=answers(*both))
    assert guard.addresses("https", "data.example.org", 443) == both


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    guard = Guard(("data.example.org",), resolver=answers(PUBLIC, "10.0.0.5"))
    with pytest.raises(RefusedSource, match=r"10\.0\.0\.5"):
        guard.addresses("https", "data.example.org", 443)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(RefusedSource, match="no address"):
        Guard(("a.example.org",), resolver=answers("nonsense")).addresses("https", "a.example.org", 443)


def test_an_unknown_name_is_an_unavailable_source() -> None:
    def unknown(host: str, port: int) -> tuple[str, ...]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(SourceUnavailable, match="cannot be looked up"):
        Guard(("a.example.org",), resolver=unknown).addresses("https", "a.example.org", 443)


def test_loopback_is_allowed_for_the_stated_port_alone() -> None:
    guard = Guard((), frozenset({"127.0.0.1:8000"}))
    assert guard.addresses("http", "127.0.0.1", 8000) == ("127.0.0.1",)
    for host, port in (("127.0.0.1", 8001), ("localhost", 8000)):
        with pytest.raises(RefusedSource):
            guard.addresses("http", host, port)


def test_an_allowed_loopback_name_does_not_open_the_way_to_private_addresses() -> None:
    guard = Guard((), frozenset({"stac.test:8000"}), resolver=answers("10.0.0.1"))
    with pytest.raises(RefusedSource, match="private"):
        guard.addresses("http", "stac.test", 8000)


def test_no_refusal_for_a_public_address() -> None:
    assert refusal_of(ipaddress.ip_address("8.8.8.8")) is None
