"""The door over a small store of ranked findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from shapely.geometry import Point
from starlette.testclient import TestClient

from api.app import create_app
from findings.store import Store, store_url
from findings.survey import ImageStatus
from tests.findings.store.samples import RUN, a_finding, a_priority, a_surveyed_image, an_asset

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with seven findings, f-0 the most urgent, each a tenth of a degree east of the one before."""
    with Store(store_url(tmp_path), tmp_path) as store:
        store.upgrade()
        store.put_assets([an_asset(HOSTILE, name=HOSTILE)])
        image = replace(a_surveyed_image(store), status=ImageStatus.INSPECTED)
        found = [
            a_finding(
                image, f"f-{i}", geometry_lonlat=Point(137 + i / 10, 36), asset_uid=HOSTILE, details={"n": HOSTILE}
            )
            for i in range(7)
        ]
        store.record_image(image, RUN, found)
        store.put_priorities([a_priority(finding.uid, 90.0 - i) for i, finding in enumerate(found)])
    return tmp_path


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    """A client of the door on the loopback address."""
    app = create_app(store_url(home), home)
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as opened:
        yield opened
