"""The block on the network holds, and lets loopback through."""

from __future__ import annotations

import socket

import pytest

from tests.network import NetworkBlocked


@pytest.mark.parametrize("host", ["192.0.2.1", "example.invalid", "2001:db8::1"])
def test_a_connection_to_another_machine_is_refused(host: str) -> None:
    with pytest.raises(NetworkBlocked, match="loopback only"):
        socket.create_connection((host, 80), timeout=1)


def test_a_datagram_to_another_machine_is_refused() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire,
        pytest.raises(NetworkBlocked, match="loopback only"),
    ):
        wire.sendto(b"x", ("192.0.2.1", 53))


def test_a_server_on_loopback_is_reached() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as wire,
    ):
        wire.sendall(b"ping")
        peer, _ = server.accept()
        with peer:
            assert peer.recv(4) == b"ping"
