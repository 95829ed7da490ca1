"""Runs the HTTP door on this machine's own address."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from api.app import create_app

HOST = "127.0.0.1"
"""The only address that is served: there are no accounts yet, so nobody else may reach it."""


def serve(store_url: str, home: Path, port: int) -> None:
    """Serve the store's findings on the loopback address until interrupted.

    Args:
        store_url: database of the findings, at head.
        home: folder with the evidence pictures.
        port: TCP port, 1 to 65535; 0 takes a free one and the log names it.
    """
    uvicorn.run(create_app(store_url, home), host=HOST, port=port, server_header=False, access_log=False)
