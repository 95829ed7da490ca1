"""The store of assets, surveys, images, findings and their audit: SQLite by default, PostgreSQL + PostGIS by URL."""

from findings.store.bbox import Box
from findings.store.home import store_home, store_url
from findings.store.rivers import ReachRecord, SceneObservation
from findings.store.store import Store
from findings.store.values import AuditRow, Counts, Cursor, ModelRun, Page, SchemaState

__all__ = [
    "AuditRow",
    "Box",
    "Counts",
    "Cursor",
    "ModelRun",
    "Page",
    "ReachRecord",
    "SceneObservation",
    "SchemaState",
    "Store",
    "store_home",
    "store_url",
]
