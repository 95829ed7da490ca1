"""Naming files in what is said of them."""

from __future__ import annotations

from pathlib import Path


def refusal(file: Path, error: Exception) -> str:
    """Return ``NAME: reason`` with the file named once, whether or not the reason begins with its path."""
    reason = str(error)
    for path in (str(file), str(file.absolute()), str(file.resolve()), file.name):
        reason = reason.removeprefix(f"{path}: ")
    return f"{file.name}: {reason}"
