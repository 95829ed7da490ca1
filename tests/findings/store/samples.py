"""Small values to store, and a way around the store for what only people or accidents do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa
from shapely.geometry import LineString, Point, Polygon, box

from findings.asset import Asset, AssetKind, Span, Structure
from findings.finding import Domain, Finding, Grade, Priority, Provenance, Term
from findings.measure import Measure
from findings.store import ModelRun, Store
from findings.store.engine import make_engine, transaction
from findings.survey import Image, ImageKind, Quality, Scale, ScaleSource

JST = timezone(timedelta(hours=9))
SCALE = Scale(0.4, 0.02, ScaleSource.LASER_RANGE, "range 8.1 m")
RUN = ModelRun(
    model="crack",
    model_version="1",
    weights_sha256="ab" * 32,
    code_version="0.1.0",
    started_at=datetime(2026, 6, 1, 9, 0, tzinfo=JST),
    finished_at=datetime(2026, 6, 1, 9, 1, tzinfo=JST),
    parameters={"window": 512, "thresholds": [0.35]},
)


def an_asset(uid: str = "bridge-1", **changes: Any) -> Asset:
    values: dict[str, Any] = {
        "uid": uid,
        "kind": AssetKind.BRIDGE,
        "name": "水橋",
        "structure": Structure.RC,
        "geometry": LineString([(137.2, 36.7), (137.201, 36.7004)]),
        "spans": (Span(1, ("Mg", "Ds")), Span(2)),
        "external_ids": {"xroad_shisetsu_id": "36.7,137.2"},
        "attributes": {"aadt": 5400, "emergency_route": True},
    }
    return Asset(**{**values, **changes})


def an_image(name: str = "a.jpg", **changes: Any) -> Image:
    values: dict[str, Any] = {
        "uid": f"image-{name}",
        "survey_uid": "",
        "path": f"/photos/{name}",
        "sha256": hashlib.sha256(name.encode()).hexdigest(),
        "kind": ImageKind.PHOTO,
        "width_px": 4000,
        "height_px": 3000,
        "band_names": ("red", "green", "blue"),
        "scale": SCALE,
        "quality": Quality(True, warnings=("blurred at the rim",), blur_px=0.9, noise=1.5),
        "captured_at": datetime(2026, 6, 1, 9, 0, tzinfo=JST),
        "position_lonlat": (137.2, 36.7),
        "footprint": box(137.2, 36.7, 137.2001, 36.7001),
        "transform": (0.4, 0.0, 1.0, 0.0, -0.4, 2.0),
        "notes": ("no CRS",),
    }
    return Image(**{**values, **changes})


def a_finding(image: Image, uid: str = "finding-1", **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "uid": uid,
        "survey_uid": image.survey_uid,
        "image_uid": image.uid,
        "asset_uid": None,
        "domain": Domain.BRIDGE,
        "damage": "6",
        "grade": Grade("mlit_damage", ("c", "d"), "最大幅", "largest width", "grade_rules", "1", "draft"),
        "measures": (Measure("width_p95", None, "mm", None, 0.31, "below resolution"),),
        "scale": SCALE,
        "geometry_px": Polygon([(0, 0), (10, 0.1), (5, 7)]),
        "geometry_lonlat": Point(137.2, 36.7),
        "position_source": "footprint",
        "score": 0.1 + 0.2,
        "provenance": Provenance("crack", "1", "ab" * 32, 0.35, image.sha256, "0.1.0", {"window": 512}),
        "captured_at": datetime(2026, 6, 1, 0, 0, tzinfo=UTC),
        "evidence": {"overlay": f"evidence/{uid}.jpg"},
        "details": {"branches": 3},
    }
    return Finding(**{**values, **changes})


def a_priority(uid: str, score: float, section: str = "candidate") -> Priority:
    term = Term("grade", None, 0.5, score, "損傷程度", "damage grade")
    return Priority(uid, score, score, min(100.0, score + 10), section, (term,), "default-v1")


def a_surveyed_image(store: Store, survey: str = "2026", name: str = "a.jpg", **changes: Any) -> Image:
    """Open a survey of one image and return the image as stored."""
    opened, _ = store.open_survey(survey, None, [an_image(name, **changes)])
    return store.images(opened.uid)[0]


def by_hand(url: str, statement: str, **values: Any) -> None:
    """Change the database behind the store's back."""
    with database(url) as engine, transaction(engine, write=True) as session:
        session.execute(sa.text(statement), values)


def count(url: str, table: str) -> int:
    """Return the number of rows of a table."""
    with database(url) as engine, transaction(engine) as session:
        return int(session.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)


@contextmanager
def database(url: str) -> Iterator[sa.Engine]:
    """Yield an engine of a test's own and close its connections, whatever happens."""
    engine = make_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()
