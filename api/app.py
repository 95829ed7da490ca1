"""The HTTP door to a store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from api.cursor import load_secret
from api.deps import Context
from api.errors import install_problems
from api.routes import findings, health
from api.security import HEADERS, SecurityHeaders
from findings.store import Store


def create_app(store_url: str, home: Path) -> FastAPI:
    """Return the application over one store; it reads, and closes its connections when it is shut down.

    Args:
        store_url: database of the findings, at head (``mizuhashi db upgrade``).
        home: folder that exists, holds the evidence pictures and keeps the secret that signs cursors.

    Raises:
        ConfigError: the database or the secret is not what is expected.
        OutputError: the secret cannot be written.
    """
    store = Store(store_url, home)
    secret = load_secret(home)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        store.close()

    app = FastAPI(
        title="Mizuhashi",
        description="Ranked inspection findings of rivers and bridges.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # both pages load scripts from a foreign host
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.context = Context(store=store, home=home, secret=secret)
    install_problems(app, HEADERS)
    app.add_middleware(SecurityHeaders)
    app.include_router(health.router)
    app.include_router(findings.router)
    return app
