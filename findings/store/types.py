"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import shapely
import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware times only, stored and returned in UTC.

    SQLite's own ``DateTime(timezone=True)`` drops the zone: 09:00+09:00 comes back as a naive 09:00.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the time in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"time {value.isoformat()} has no zone; give an aware time, e.g. with datetime.UTC")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the time as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Wkb(sa.types.TypeDecorator[BaseGeometry]):
    """A shapely geometry as two-dimensional well-known binary (pixels, or WGS84 lon, lat)."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: BaseGeometry | None, dialect: sa.Dialect) -> bytes | None:
        """Return the geometry as WKB."""
        return None if value is None else bytes(shapely.to_wkb(value, output_dimension=2))

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> BaseGeometry | None:
        """Return the shapely geometry."""
        return None if value is None else shapely.from_wkb(bytes(value))
