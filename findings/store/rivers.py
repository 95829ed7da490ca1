"""River reaches in time: one row a reach with its frame and state, one row a scene with its observation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from findings.errors import NotFound, StoreError
from findings.river_series import Observation, ReachFrame
from findings.store import audit
from findings.store.engine import canonical
from findings.store.schema import AssetRecord, ImageRecord, RiverObservationRecord, RiverReachRecord
from findings.store.values import Counts


@dataclass(frozen=True, slots=True)
class ReachRecord:
    """A reach as it is kept.

    Attributes:
        frame: its transects.
        settings: what it was scanned with: spacing, model, monitor, false-alarm budget ...
        state: of the monitors and objects; its size does not grow with the number of scenes.
        updated_at: when it was written last.
    """

    frame: ReachFrame
    settings: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SceneObservation:
    """An observation and the model (``NAME@VERSION``) that saw it."""

    model: str
    observation: Observation


def put(
    session: Session,
    actor: str,
    record: ReachRecord,
    observed: Sequence[SceneObservation],
    *,
    at: datetime,
    anew: bool,
) -> Counts:
    """Write a reach with observations, all or nothing.

    Args:
        session: of the store.
        actor: for the audit.
        record: the reach as it is now.
        observed: of scenes; one of a scene that is there already takes its place.
        at: now.
        anew: the frame or model is another: earlier observations go.

    Raises:
        NotFound: no such asset, or an observation of an image that is not in the store.
        StoreError: the asset is no river reach, arrays do not fit the frame, or a scene stands twice.
    """
    asset_uid = record.frame.asset_uid
    _check(session, record, observed)
    values = {
        "frame": canonical(record.frame.to_json()),
        "settings": canonical(record.settings),
        "state": canonical(record.state),
        "updated_at": at,
    }
    row = session.scalar(sa.select(RiverReachRecord).where(RiverReachRecord.asset_uid == asset_uid).with_for_update())
    action = "updated" if row is not None else "added"
    if row is None:
        session.add(RiverReachRecord(asset_uid=asset_uid, **values))
    else:
        for name, value in values.items():
            setattr(row, name, value)
    gone = 0
    if anew:
        old = sa.delete(RiverObservationRecord).where(RiverObservationRecord.asset_uid == asset_uid)
        gone = session.execute(old).rowcount or 0  # type: ignore[attr-defined]
    added = _put_observations(session, asset_uid, observed)
    after = {"transects": len(record.frame), "scenes": len(observed), "anew": anew, "settings": values["settings"]}
    audit.append(session, actor, [audit.Entry(action, "river_reach", asset_uid, after=after)])
    return Counts(added=added, updated=len(observed) - added, deactivated=max(gone - len(observed), 0) if anew else 0)


def one(session: Session, asset_uid: str) -> ReachRecord:
    """Return a reach as it is kept.

    Raises:
        NotFound: it was never scanned.
    """
    row = session.scalar(sa.select(RiverReachRecord).where(RiverReachRecord.asset_uid == asset_uid))
    if row is None:
        raise NotFound(f"reach {asset_uid!r} was never scanned; `mizuhashi river scan --reach {asset_uid}` does it")
    return ReachRecord(ReachFrame.from_json(row.frame), row.settings, row.state, row.updated_at)


def every(session: Session) -> list[str]:
    """Return the uids of the scanned reaches."""
    return list(session.scalars(sa.select(RiverReachRecord.asset_uid).order_by(RiverReachRecord.asset_uid)))


def observations(session: Session, asset_uid: str, latest: int | None = None) -> list[SceneObservation]:
    """Return the observations of a reach, oldest first; only the ``latest`` so many where given."""
    table = RiverObservationRecord
    query = sa.select(table).where(table.asset_uid == asset_uid).order_by(table.captured_at.desc(), table.id.desc())
    rows = list(session.scalars(query.limit(latest) if latest is not None else query))
    return [SceneObservation(row.model, Observation.from_json(row.value)) for row in reversed(rows)]


def _check(session: Session, record: ReachRecord, observed: Sequence[SceneObservation]) -> None:
    asset_uid, count = record.frame.asset_uid, len(record.frame)
    kind = session.scalar(sa.select(AssetRecord.kind).where(AssetRecord.uid == asset_uid))
    if kind is None:
        raise NotFound(f"no asset with id {asset_uid!r}; `mizuhashi assets list` shows them")
    if kind != "river_reach":
        raise StoreError(f"asset {asset_uid!r} is a {kind}; expected a river_reach")
    seen: set[str] = set()
    for scene in observed:
        uid = scene.observation.image_uid
        if len(scene.observation.states) != count:
            raise StoreError(f"scene {uid}: {len(scene.observation.states)} transects; the frame has {count}")
        if uid in seen:
            raise StoreError(f"scene {uid} stands twice; give each scene once")
        seen.add(uid)
        if session.scalar(sa.select(ImageRecord.id).where(ImageRecord.uid == uid)) is None:
            raise NotFound(f"no image with id {uid!r}; ingest it into a survey first")


def _put_observations(session: Session, asset_uid: str, observed: Sequence[SceneObservation]) -> int:
    table, added = RiverObservationRecord, 0
    for scene in observed:
        uid = scene.observation.image_uid
        values = {
            "captured_at": scene.observation.captured_at,
            "model": scene.model,
            "value": canonical(scene.observation.to_json()),
        }
        row = session.scalar(sa.select(table).where(table.asset_uid == asset_uid, table.image_uid == uid))
        if row is None:
            session.add(table(asset_uid=asset_uid, image_uid=uid, **values))
            added += 1
        else:
            for name, value in values.items():
                setattr(row, name, value)
    return added
