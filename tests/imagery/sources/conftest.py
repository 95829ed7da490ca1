"""A service on loopback that gives out one GeoTIFF, and the guarded wire to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from imagery.sources import ranges
from imagery.sources.guard import Guard
from imagery.sources.wire import GuardedSession, Patience, guarded_session
from tests.fakes.stac import FakeStac, serve
from tests.fakes.stac_world import Files
from tests.imagery.sources.served_cog import PATH, PLAIN


@pytest.fixture
def service() -> Iterator[FakeStac]:
    with serve(FakeStac(Files({PATH: PLAIN}))) as running:
        yield running


@pytest.fixture
def wire(service: FakeStac) -> Iterator[GuardedSession]:
    guard = Guard((), frozenset({service.where}), timeout_s=5.0)
    with guarded_session(guard, patience=Patience(sleep=lambda _: None)) as session:
        yield session


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep blocks small, so that small files have many."""
    monkeypatch.setattr(ranges, "BLOCK", 1 << 14)
    monkeypatch.setattr(ranges, "MAX_REQUEST", 1 << 18)
