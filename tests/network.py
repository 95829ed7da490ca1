"""Tests reach this machine only: a socket to any other host is refused."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any


class NetworkBlocked(RuntimeError):
    """A test tried to reach another machine."""


def is_local(address: object) -> bool:
    """Return whether a socket address is on this machine: a Unix socket's path, or a loopback host."""
    if not isinstance(address, tuple) or not address:
        return True
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    if not isinstance(host, str):
        return True  # no host (a lookup for listening), or another family than the internet's
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False  # a name that would have to be looked up


def block() -> None:
    """Let Python sockets of this process reach loopback only. Database drivers in C are not bound by this."""
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
    look_up = socket.getaddrinfo

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        _check((host, 0))
        return look_up(host, *args, **kwargs)

    socket.getaddrinfo = guarded_look_up


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(wire: socket.socket, *args: Any) -> Any:
        _check(args[-1])  # the address is the last argument of all three
        return method(wire, *args)

    return call


def _check(address: object) -> None:
    if not is_local(address):
        raise NetworkBlocked(f"{address!r}: tests reach loopback only; use a fake or a server on 127.0.0.1")
