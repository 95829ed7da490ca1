"""What routes ask for: the store, its home folder and the secret that signs cursors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from findings.store import Store


@dataclass(frozen=True, slots=True)
class Context:
    """What the application was made with."""

    store: Store
    home: Path
    secret: bytes


def _context(request: Request) -> Context:
    context = request.app.state.context
    if not isinstance(context, Context):
        raise TypeError(f"the application holds {type(context).__name__}, not a Context; make it with create_app()")
    return context


Here = Annotated[Context, Depends(_context)]
