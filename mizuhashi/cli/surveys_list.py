"""Being written."""

from __future__ import annotations

import typer


def list_(ctx: typer.Context) -> None:
    """Be written."""
    raise NotImplementedError
