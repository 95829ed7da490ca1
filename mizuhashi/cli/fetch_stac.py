"""Being written."""

from __future__ import annotations

import typer


def stac(ctx: typer.Context) -> None:
    """Be written."""
    raise NotImplementedError
