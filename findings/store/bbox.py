"""One SQL construct, two bodies: rows of a table whose bounds meet a box, by R*Tree or by PostGIS."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal

from findings.errors import StoreError

Box = tuple[float, float, float, float]
"""min lon, min lat, max lon, max lat in WGS84 degrees; min lon > max lon crosses the antimeridian."""


class BboxHits(sa.ColumnElement[bool]):
    """True where the row's bounds (minx, miny, maxx, maxy) meet the box.

    Both indexes hold 32-bit floats, so that a point 1e-6 degrees outside is a hit of either index: the body
    compares the double columns too, and both databases answer alike.
    """

    inherit_cache = True
    type = sa.Boolean()
    _traverse_internals = [  # noqa: RUF012  SQLAlchemy's protocol for cache keys
        ("table", InternalTraversal.dp_clauseelement),
        ("box", InternalTraversal.dp_clauseelement_list),
    ]

    def __init__(self, table: sa.FromClause, *box: float) -> None:
        self.table = table
        self.box: list[sa.BindParameter[float]] = [
            sa.bindparam(None, value, type_=sa.Double(), unique=True) for value in box
        ]

    def self_group(self, against: Any = None) -> BboxHits:
        """Return itself: without this SQLAlchemy appends ``= 1`` on SQLite."""
        return self


def meets_box(table: sa.Table, box: Box) -> sa.ColumnElement[bool]:
    """Return the condition that a row's bounds meet a box; the OR of two where it crosses the antimeridian.

    Raises:
        StoreError: south is north of north, or a number is not a degree.
    """
    west, south, east, north = box
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise StoreError(f"bbox {box}: expected min lon, min lat, max lon, max lat in degrees with min lat <= max lat")
    if west <= east:
        return BboxHits(table, west, south, east, north)
    return sa.or_(BboxHits(table, west, south, 180.0, north), BboxHits(table, -180.0, south, east, north))


def _meets(t: str, x0: str, y0: str, x1: str, y1: str) -> str:
    return f"{t}.maxx >= {x0} AND {t}.maxy >= {y0} AND {t}.minx <= {x1} AND {t}.miny <= {y1}"


@compiles(BboxHits, "sqlite")
def _sqlite(element: BboxHits, compiler: Any, **kw: Any) -> str:
    t, box = _parts(element, compiler, kw)
    tree = f"{t}_rtree"
    return f"({t}.id IN (SELECT id FROM {tree} WHERE {_meets(tree, *box)}) AND {_meets(t, *box)})"  # noqa: S608


@compiles(BboxHits, "postgresql")
def _postgresql(element: BboxHits, compiler: Any, **kw: Any) -> str:
    t, box = _parts(element, compiler, kw)
    return f"({t}.geom_pg && ST_MakeEnvelope({', '.join(box)}, 4326) AND {_meets(t, *box)})"


def _parts(element: BboxHits, compiler: Any, kw: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the table's name (ours, never a user's) and the four bound parameters."""
    return str(element.table.name), [compiler.process(parameter, **kw) for parameter in element.box]  # type: ignore[attr-defined]
