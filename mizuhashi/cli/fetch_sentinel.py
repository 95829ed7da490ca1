"""Being written."""

from __future__ import annotations

import typer


def sentinel(ctx: typer.Context) -> None:
    """Be written."""
    raise NotImplementedError
