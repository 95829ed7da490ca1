"""Signed cursors: a client can hand one back, but neither make nor change one, nor use it on another list."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from api.errors import InvalidRequest
from findings.errors import ConfigError, OutputError
from findings.store import Cursor

SECRET_FILE = "api-secret"  # noqa: S105  the name of the file, not the secret


def load_secret(home: Path) -> bytes:
    """Return the home folder's secret; made at random with mode 600 when it is not there.

    Raises:
        ConfigError: others can read the file, or it is too short.
        OutputError: it cannot be written.
    """
    path = home / SECRET_FILE
    if not path.exists():
        _make_secret(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    secret = path.read_bytes()
    if mode & 0o077 or len(secret) < 32:
        raise ConfigError(
            f"{path}: mode {mode:o}, {len(secret)} bytes; expected mode 600 and 32 bytes. Delete the file"
        )
    return secret


def sign(cursor: Cursor, filters: Mapping[str, str], secret: bytes) -> str:
    """Return the cursor as text for URLs."""
    payload = _encode(json.dumps(cursor).encode())
    return f"{payload}.{_signature(payload, filters, secret)}"


def verify(text: str, filters: Mapping[str, str], secret: bytes) -> Cursor:
    """Return the cursor of a signed text.

    Raises:
        InvalidRequest: we did not sign it, or did so for another list.
    """
    payload, _, signature = text.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(payload, filters, secret).encode()):
        raise InvalidRequest(
            "query.cursor", "the cursor is not one of this list; follow the `next` link, or start without a cursor"
        )
    section_rank, rank_key, row_id = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return Cursor(section_rank, rank_key, row_id)


def _signature(payload: str, filters: Mapping[str, str], secret: bytes) -> str:
    message = json.dumps([payload, sorted(filters.items())]).encode()
    return _encode(hmac.new(secret, message, hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _make_secret(path: Path) -> None:
    """Write the secret beside its place and link it there: two servers that start at once get the same one."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{SECRET_FILE}-")  # mode 600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(32))
            os.link(temporary, path)
        except FileExistsError:
            return
        finally:
            Path(temporary).unlink()
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); free space or choose another --home"
        ) from error
