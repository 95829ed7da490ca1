"""An https server on 127.0.0.1 with a certificate of its own, made on the spot."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme


class _Hello(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        return

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # a client that does not believe the certificate hangs up


@contextmanager
def serve_tls(folder: Path, name: str) -> Iterator[tuple[int, Path, list[str | None]]]:
    """Yield the port, the certificate of who vouches for ``name``, and a list of the names that clients send (SNI)."""
    authority, certificate = trustme.CA(), folder / "certificate.pem"
    authority.cert_pem.write_to_path(str(certificate))
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    context.sni_callback = lambda wire, asked, own: names.append(asked)
    server = _Quiet(("127.0.0.1", 0), _Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_port, certificate, names
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
