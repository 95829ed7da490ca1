"""Digests of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from findings.errors import UnreadableImage


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file as 64 hex digits, read in pieces.

    Raises:
        UnreadableImage: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableImage(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
