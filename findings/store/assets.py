"""Assets in the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from findings.asset import Asset
from findings.errors import NotFound, StoreError
from findings.store import audit
from findings.store.convert import asset_columns, asset_value
from findings.store.schema import AssetRecord, ExternalIdRecord
from findings.store.values import Counts

CHUNK = 500
"""Ids in one IN (...): below every SQLite's limit of bound parameters."""


def put(session: Session, actor: str, assets: Sequence[Asset]) -> Counts:
    """Add assets or bring them up to date, by uid.

    Raises:
        StoreError: one uid stands twice in the call.
    """
    wanted = {asset.uid: asset for asset in assets}
    if len(wanted) != len(assets):
        raise StoreError(f"{len(assets) - len(wanted)} of {len(assets)} assets repeat a uid; give each asset once")
    known = _known(session, list(wanted))
    entries: list[audit.Entry] = []
    added = 0
    for uid, asset in wanted.items():
        values = asset_columns(asset)
        record = known.get(uid)
        if record is None:
            session.add(AssetRecord(**values))
            entries.append(audit.Entry("added", "asset", uid, after=audit.readable(values)))
            added += 1
        else:
            before, after = audit.change(record, values)
            if not after:
                continue
            entries.append(audit.Entry("updated", "asset", uid, before, after))
    session.flush()
    _write_external_ids(session, [wanted[entry.entity_uid] for entry in entries])
    audit.append(session, actor, entries)
    return Counts(added=added, updated=len(entries) - added, unchanged=len(wanted) - len(entries))


def every(session: Session) -> list[Asset]:
    """Return all assets by name, then uid."""
    return [
        asset_value(row) for row in session.scalars(sa.select(AssetRecord).order_by(AssetRecord.name, AssetRecord.uid))
    ]


def one(session: Session, name: str) -> Asset:
    """Return the asset of that uid or external id.

    Raises:
        NotFound: there is none.
        StoreError: several assets carry that external id.
    """
    row = session.scalar(sa.select(AssetRecord).where(AssetRecord.uid == name))
    if row is not None:
        return asset_value(row)
    holders = sa.select(ExternalIdRecord.asset_uid).where(ExternalIdRecord.value == name)
    rows = session.scalars(sa.select(AssetRecord).where(AssetRecord.uid.in_(holders)).order_by(AssetRecord.uid)).all()
    if not rows:
        raise NotFound(f"no asset with id {name!r}; `mizuhashi assets list` shows them, `assets import FILE` adds some")
    if len(rows) > 1:
        raise StoreError(
            f"external id {name!r} belongs to {len(rows)} assets: {[r.uid for r in rows]}; name one of these"
        )
    return asset_value(rows[0])


def chunks(values: Sequence[Any], size: int = CHUNK) -> Iterator[Sequence[Any]]:
    """Yield the values in runs of at most ``size``."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _known(session: Session, uids: Sequence[str]) -> dict[str, AssetRecord]:
    known: dict[str, AssetRecord] = {}
    for part in chunks(uids):
        for record in session.scalars(sa.select(AssetRecord).where(AssetRecord.uid.in_(part))):
            known[record.uid] = record
    return known


def _write_external_ids(session: Session, assets: Sequence[Asset]) -> None:
    for part in chunks([asset.uid for asset in assets]):
        session.execute(sa.delete(ExternalIdRecord).where(ExternalIdRecord.asset_uid.in_(part)))
    rows = [
        {"asset_uid": asset.uid, "system": system, "value": str(value)}
        for asset in assets
        for system, value in asset.external_ids.items()
    ]
    if rows:
        session.execute(sa.insert(ExternalIdRecord), rows)
