"""The network guard on the wire: connections, redirects, caps and patience, against real servers on loopback."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from findings.errors import AccessDenied, QuotaExceeded, RefusedSource, SourceError, SourceUnavailable
from imagery.sources.guard import Guard
from imagery.sources.wire import GuardedSession, Patience, guarded_session
from tests.fakes.stac import FakeStac, Fault, serve
from tests.fakes.stac_world import Files
from tests.fakes.tls import serve_tls


@pytest.fixture
def service() -> Iterator[FakeStac]:
    files = Files({"/files/a.bin": bytes(range(256)) * 40})
    with serve(FakeStac(files)) as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    return []


def guard_for(service: FakeStac, **changes: object) -> Guard:
    return replace(Guard((), frozenset({service.where}), timeout_s=5.0), **changes)  # type: ignore[arg-type]


@pytest.fixture
def wire(service: FakeStac, waits: list[float]) -> GuardedSession:
    return guarded_session(guard_for(service), patience=Patience(sleep=waits.append))


def answers(*addresses: str) -> Callable[[str, int], tuple[str, ...]]:
    return lambda host, port: addresses


def test_a_request_comes_back_whole(wire: GuardedSession, service: FakeStac) -> None:
    answer = wire.ask("GET", f"{service.url}/files/a.bin")
    assert (answer.status, answer.body) == (200, service.files.bodies["/files/a.bin"])
    assert wire.received_bytes == len(answer.body)


@pytest.mark.parametrize("way", ["get", "post", "head"])
def test_every_door_of_the_session_is_guarded(wire: GuardedSession, service: FakeStac, way: str) -> None:
    with pytest.raises(RefusedSource, match="https"):
        getattr(wire, way)(f"http://127.0.0.1:{service.port + 1}/")
    with pytest.raises(RefusedSource, match="not on the list"):
        getattr(wire, way)("https://evil.example/")
    with pytest.raises(RefusedSource, match="credentials in it"):
        getattr(wire, way)(f"http://user:secret@{service.where}/")
    assert service.log == []


def test_the_name_is_looked_up_once_and_the_connection_goes_to_that_address(service: FakeStac) -> None:
    """DNS rebinding: the second answer names a private address, and nobody asks for it."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> tuple[str, ...]:
        asked.append(host)
        return ("127.0.0.1",) if len(asked) == 1 else ("10.0.0.1",)

    guard = Guard((), frozenset({f"stac.test:{service.port}"}), resolver=rebinding)
    wire = guarded_session(guard)
    answer = wire.ask("GET", f"http://stac.test:{service.port}/files/a.bin")
    assert answer.status == 200
    assert asked == ["stac.test"]
    assert service.log[0].host == f"stac.test:{service.port}"


def test_a_connection_is_refused_when_the_name_points_to_a_private_address(service: FakeStac) -> None:
    wire = guarded_session(Guard(("data.example.org",), resolver=answers("192.168.0.10")))
    with pytest.raises(RefusedSource, match="private"):
        wire.get("https://data.example.org/a.tif")


def test_the_certificate_and_sni_are_checked_for_the_name_not_the_address(tmp_path: Path) -> None:
    """A connection to a pinned address must still prove that it is the host."""
    with serve_tls(tmp_path, "stac.test") as (port, certificate, names):
        guard = Guard((), frozenset({f"stac.test:{port}", f"other.test:{port}"}), resolver=answers("127.0.0.1"))
        wire = guarded_session(guard, patience=Patience(attempts=1))
        wire.verify = str(certificate)
        assert wire.ask("GET", f"https://stac.test:{port}/").body == b"hello"
        assert names == ["stac.test"]
        with pytest.raises(SourceUnavailable, match=r"other\.test"):
            wire.ask("GET", f"https://other.test:{port}/")


def test_a_certificate_cannot_be_waved_through(tmp_path: Path) -> None:
    with serve_tls(tmp_path, "stac.test") as (port, _, _):
        guard = Guard((), frozenset({f"stac.test:{port}"}), resolver=answers("127.0.0.1"))
        with pytest.raises(SourceUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            guarded_session(guard).get(f"https://stac.test:{port}/", verify=False)


def test_a_redirect_on_the_same_host_is_followed(wire: GuardedSession, service: FakeStac) -> None:
    service.fail("/old", Fault(301, {"Location": "/files/a.bin"}))
    assert len(wire.ask("GET", f"{service.url}/old").body) == 256 * 40


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/",
        "https://evil.example/",
        "https://stac.dataspace.copernicus.eu/",
        "//evil.example/",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data/",
        "http://user:pw@127.0.0.1/",
    ],
)
def test_a_redirect_to_anywhere_else_is_refused(service: FakeStac, target: str) -> None:
    allowed = guard_for(service, allowed_hosts=("stac.dataspace.copernicus.eu",))
    service.fail("/old", Fault(302, {"Location": target}))
    with pytest.raises(RefusedSource):
        guarded_session(allowed).ask("GET", f"{service.url}/old")


def test_a_redirect_to_another_allowed_host_is_refused_by_its_name(service: FakeStac) -> None:
    other = FakeStac(Files())
    with serve(other):
        both = guard_for(service, allow_loopback=frozenset({service.where, other.where}))
        service.fail("/old", Fault(302, {"Location": f"{other.url}/"}))
        with pytest.raises(RefusedSource, match="another host is not followed"):
            guarded_session(both).ask("GET", f"{service.url}/old")
        assert other.log == []


def test_redirects_in_a_circle_end(wire: GuardedSession, service: FakeStac) -> None:
    service.fail("/round", *[Fault(302, {"Location": "/round"}) for _ in range(20)])
    with pytest.raises(SourceUnavailable, match="redirects"):
        wire.ask("GET", f"{service.url}/round")
    assert len(service.log) == 6


def test_an_answer_that_announces_too_much_is_not_read(service: FakeStac) -> None:
    wire = guarded_session(guard_for(service, max_bytes=1000))
    with pytest.raises(RefusedSource, match="announces 10240 bytes; at most 1000"):
        wire.ask("GET", f"{service.url}/files/a.bin")


def test_an_answer_that_swells_while_it_is_unpacked_is_cut(service: FakeStac) -> None:
    bomb = gzip.compress(bytes(4_000_000))
    service.fail("/bomb", Fault(200, {"Content-Encoding": "gzip"}, bomb))
    assert len(bomb) < 10_000
    with pytest.raises(RefusedSource, match="sends more than 10000 bytes"):
        guarded_session(guard_for(service, max_bytes=10_000)).ask("GET", f"{service.url}/bomb")


def test_all_answers_together_stay_within_the_budget(service: FakeStac) -> None:
    wire = guarded_session(guard_for(service), budget_bytes=15_000)
    wire.ask("GET", f"{service.url}/files/a.bin")
    with pytest.raises(QuotaExceeded, match="20480 bytes were received, allowed are 15000"):
        wire.ask("GET", f"{service.url}/files/a.bin")
    assert len(service.log) == 2


def test_a_range_that_would_pass_the_budget_is_not_asked_for(service: FakeStac) -> None:
    wire = guarded_session(guard_for(service), budget_bytes=1500)
    wire.ask("GET", f"{service.url}/files/a.bin", headers={"Range": "bytes=0-999"})
    with pytest.raises(QuotaExceeded, match="1000 bytes were received and 1000 more are needed, allowed are 1500"):
        wire.ask("GET", f"{service.url}/files/a.bin", headers={"Range": "bytes=1000-1999"})
    assert (len(service.log), wire.received_bytes) == (1, 1000)


def test_a_body_that_drips_is_given_up(service: FakeStac) -> None:
    service.fail("/slow", Fault(200, {}, b"x" * 1000, drip_s=0.05))
    wire = guarded_session(guard_for(service, timeout_s=0.4), patience=Patience(attempts=1))
    before = time.monotonic()
    with pytest.raises(SourceUnavailable, match=r"not complete after 0\.4 s"):
        wire.ask("GET", f"{service.url}/slow")
    assert time.monotonic() - before < 3


def test_a_header_that_drips_is_given_up() -> None:
    with dripping_server() as port:
        guard = Guard((), frozenset({f"127.0.0.1:{port}"}), timeout_s=0.4)
        before = time.monotonic()
        with pytest.raises(SourceUnavailable, match="no answer"):
            guarded_session(guard, patience=Patience(attempts=1)).ask("GET", f"http://127.0.0.1:{port}/")
        assert time.monotonic() - before < 3


@contextmanager
def dripping_server() -> Iterator[int]:
    """Run a server that sends one header line after the other, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip() -> None:
        wire, _ = listener.accept()
        with wire:
            wire.sendall(b"HTTP/1.1 200 OK\r\n")
            while not stop.wait(0.05):
                try:
                    wire.sendall(b"X: y\r\n")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        stop.set()
        thread.join()
        listener.close()


def test_proxies_and_netrc_of_the_environment_are_not_used(
    service: FakeStac, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    wire = guarded_session(guard_for(service), patience=Patience(attempts=1))
    wire.ask("GET", f"{service.url}/files/a.bin")
    wire.get(f"{service.url}/files/a.bin", proxies={"http": "http://127.0.0.1:9"})
    assert all("authorization" not in asked.headers for asked in service.log)
    assert len(service.log) == 2


def test_cookies_are_not_kept(wire: GuardedSession, service: FakeStac) -> None:
    service.fail("/cookie", Fault(200, {"Set-Cookie": "id=1; Path=/"}, b"x"))
    wire.ask("GET", f"{service.url}/cookie")
    wire.ask("GET", f"{service.url}/files/a.bin")
    assert "cookie" not in service.log[-1].headers


# --- patience ------------------------------------------------------------------------------------------------------


def test_a_throttled_request_waits_as_long_as_it_is_told(
    wire: GuardedSession, service: FakeStac, waits: list[float]
) -> None:
    service.fail("/files/a.bin", Fault(429, {"Retry-After": "7"}), Fault(503, {"Retry-After": "3"}), Fault(500))
    assert wire.ask("GET", f"{service.url}/files/a.bin").status == 200
    assert waits == [7.0, 3.0, 4.0]


def test_retry_after_may_be_a_date(wire: GuardedSession, service: FakeStac, waits: list[float]) -> None:
    service.fail("/files/a.bin", Fault(429, {"Retry-After": formatdate(time.time() + 30, usegmt=True)}))
    wire.ask("GET", f"{service.url}/files/a.bin")
    assert 25 < waits[0] <= 30


@pytest.mark.parametrize("text", ["soon", "", "-5", "1e9999", "Wed, 99 Foo"])
def test_a_retry_after_that_is_nonsense_is_waited_out_as_usual(
    wire: GuardedSession, service: FakeStac, waits: list[float], text: str
) -> None:
    service.fail("/files/a.bin", Fault(429, {"Retry-After": text}))
    wire.ask("GET", f"{service.url}/files/a.bin")
    assert waits == [1.0]


def test_a_wait_that_is_too_long_ends_the_run(wire: GuardedSession, service: FakeStac, waits: list[float]) -> None:
    service.fail("/files/a.bin", Fault(429, {"Retry-After": "86400"}))
    with pytest.raises(QuotaExceeded, match="asks to wait 86400 s"):
        wire.ask("GET", f"{service.url}/files/a.bin")
    assert waits == []


def test_tries_are_counted(wire: GuardedSession, service: FakeStac, waits: list[float]) -> None:
    service.fail("/files/a.bin", *[Fault(500) for _ in range(9)])
    with pytest.raises(SourceUnavailable, match="status 500"):
        wire.ask("GET", f"{service.url}/files/a.bin")
    assert len(service.log) == 4
    assert waits == [1.0, 2.0, 4.0]


def test_a_truncated_body_is_asked_for_again(wire: GuardedSession, service: FakeStac) -> None:
    service.fail("/files/a.bin", Fault(cut=0.5))
    assert len(wire.ask("GET", f"{service.url}/files/a.bin").body) == 256 * 40
    assert len(service.log) == 2


def test_a_body_that_is_always_truncated_is_an_unavailable_source(wire: GuardedSession, service: FakeStac) -> None:
    service.fail("/files/a.bin", *[Fault(cut=0.5) for _ in range(4)])
    with pytest.raises(SourceUnavailable, match="broke off"):
        wire.ask("GET", f"{service.url}/files/a.bin")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedSource),
        (401, AccessDenied),
        (403, AccessDenied),
        (404, SourceUnavailable),
        (410, SourceUnavailable),
    ],
)
def test_a_refusal_of_the_server_is_not_tried_again(
    wire: GuardedSession, service: FakeStac, status: int, kind: type[SourceError]
) -> None:
    service.fail("/files/a.bin", Fault(status, {}, b'{"code": "X", "description": "no"}'))
    with pytest.raises(kind, match=str(status)):
        wire.ask("GET", f"{service.url}/files/a.bin?sig=SECRET")
    assert len(service.log) == 1


def test_a_dead_port_is_an_unavailable_source_and_no_query_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    wire = guarded_session(Guard((), frozenset({f"127.0.0.1:{port}"})), patience=Patience(attempts=1))
    with pytest.raises(SourceUnavailable) as caught:
        wire.ask("GET", f"http://127.0.0.1:{port}/a?sig=SECRET")
    assert "SECRET" not in str(caught.value)
