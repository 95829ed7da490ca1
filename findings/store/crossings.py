"""Crossings of bridges and rivers in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from findings.asset import Asset, AssetKind, Crossing, PierInChannel
from findings.errors import NotFound, StoreError
from findings.store import assets, audit
from findings.store.schema import AssetRecord, CrossingRecord
from findings.store.values import Counts

_PLACE = ("lon", "lat", "distance_m", "note")


def put(session: Session, actor: str, values: Sequence[Crossing], *, complete: bool) -> Counts:
    """Add crossings or bring their place up to date; what people answered stays.

    An answer about piers is only taken from the call where the store has none. A stated crossing stays stated.

    Args:
        session: of the store.
        actor: for the audit.
        values: one for each pair of bridge and river.
        complete: these are all that geometry finds: other crossings found by geometry go, unless somebody answered
            for them; those stay and say so in their note.

    Raises:
        StoreError: a pair stands twice, or an asset is unknown or of the wrong kind.
    """
    wanted = {(crossing.bridge_uid, crossing.river_uid): crossing for crossing in values}
    if len(wanted) != len(values):
        raise StoreError(f"{len(values) - len(wanted)} crossings repeat a pair of bridge and river; give each once")
    _check_kinds(session, wanted)
    known = {(row.bridge_uid, row.river_uid): row for row in session.scalars(sa.select(CrossingRecord))}
    entries: list[audit.Entry] = []
    added = 0
    for pair, crossing in wanted.items():
        record = known.get(pair)
        if record is None:
            columns = _columns(crossing)
            session.add(CrossingRecord(**columns))
            entries.append(audit.Entry("added", "crossing", _name(*pair), after=columns))
            added += 1
        elif entry := _updated(record, crossing):
            entries.append(entry)
    unchanged = len(wanted) - len(entries)
    gone = 0
    for pair, record in sorted(known.items()) if complete else ():
        if pair not in wanted and record.source == "geometry":
            entry, removed = _no_longer_found(session, record)
            gone += removed
            entries += [entry] if entry else []
    audit.append(session, actor, entries)
    return Counts(added=added, updated=len(entries) - added - gone, unchanged=unchanged, deactivated=gone)


def every(session: Session, bridge_uid: str | None = None, river_uid: str | None = None) -> list[Crossing]:
    """Return the crossings of a bridge, of a river or all, by bridge and river."""
    query = sa.select(CrossingRecord).order_by(CrossingRecord.bridge_uid, CrossingRecord.river_uid)
    if bridge_uid is not None:
        query = query.where(CrossingRecord.bridge_uid == bridge_uid)
    if river_uid is not None:
        query = query.where(CrossingRecord.river_uid == river_uid)
    found = [_value(row) for row in session.scalars(query)]
    return sorted(found, key=lambda crossing: (crossing.bridge_uid, crossing.river_uid))  # one order on any database


def set_pier(
    session: Session, actor: str, bridge_uid: str, river_uid: str, answer: PierInChannel, *, state: bool
) -> Crossing:
    """Write whether a bridge has a pier in the water of a river, and return the crossing.

    Args:
        session: of the store.
        actor: for the audit.
        bridge_uid: of the bridge.
        river_uid: of the river.
        answer: yes, no, or unknown to take an answer back.
        state: where there is no such crossing yet, state it too.

    Raises:
        NotFound: no such crossing and ``state`` is not set, or no such asset.
        StoreError: an asset is of the wrong kind, or a stated crossing would have no place.
    """
    pair = {(bridge_uid, river_uid): None}
    _check_kinds(session, pair)
    record = session.scalar(
        sa.select(CrossingRecord).where(CrossingRecord.bridge_uid == bridge_uid, CrossingRecord.river_uid == river_uid)
    )
    if record is None:
        if not state:
            raise NotFound(
                f"bridge {bridge_uid} is not known to cross river {river_uid}; `mizuhashi assets crossings --find` "
                "looks for crossings, `assets pier ... --state` states one"
            )
        crossing = _stated(session, bridge_uid, river_uid, answer)
        session.add(CrossingRecord(**_columns(crossing)))
        entry = audit.Entry("added", "crossing", _name(bridge_uid, river_uid), after=_columns(crossing))
        audit.append(session, actor, [entry])
        return crossing
    before, after = audit.change(record, {"pier_in_channel": answer.value})
    if after:
        audit.append(session, actor, [audit.Entry("updated", "crossing", _name(bridge_uid, river_uid), before, after)])
    return _value(record)


def with_crossings(session: Session, values: Sequence[Asset]) -> list[Asset]:
    """Return the assets with what their crossings say: ``crosses_river_id`` and ``pier_in_channel`` of bridges.

    The nearest river counts, of several the first by uid. A pier is 1 if any river has one, 0 only if the answer is no
    for every river; else the attribute stays what the list of bridges said, or missing.
    """
    rows: dict[str, list[Crossing]] = {}
    uids = [asset.uid for asset in values if asset.kind is AssetKind.BRIDGE]
    for part in assets.chunks(uids):
        for row in session.scalars(sa.select(CrossingRecord).where(CrossingRecord.bridge_uid.in_(part))):
            rows.setdefault(row.bridge_uid, []).append(_value(row))
    return [_with(asset, rows[asset.uid]) if asset.uid in rows else asset for asset in values]


def _with(asset: Asset, crossings: Sequence[Crossing]) -> Asset:
    nearest = min(crossings, key=lambda crossing: (crossing.distance_m, crossing.river_uid))
    attributes = {**asset.attributes, "crosses_river_id": nearest.river_uid}
    answers = {crossing.pier_in_channel for crossing in crossings}
    if PierInChannel.YES in answers:
        attributes["pier_in_channel"] = 1.0
    elif answers == {PierInChannel.NO}:
        attributes["pier_in_channel"] = 0.0
    return replace(asset, attributes=attributes)


def _check_kinds(session: Session, pairs: Any) -> None:
    wanted = {uid: kind for pair in pairs for uid, kind in zip(pair, AssetKind, strict=True)}
    kinds: dict[str, str] = {}
    for part in assets.chunks(list(wanted)):
        query = sa.select(AssetRecord.uid, AssetRecord.kind).where(AssetRecord.uid.in_(part))
        kinds |= {row.uid: row.kind for row in session.execute(query)}
    for uid, kind in wanted.items():
        if uid not in kinds:
            raise NotFound(f"no asset with id {uid!r}; `mizuhashi assets list` shows them")
        if kinds[uid] != kind.value:
            raise StoreError(f"asset {uid!r} is a {kinds[uid]}; expected a {kind.value}: the bridge comes first")


def _updated(record: CrossingRecord, crossing: Crossing) -> audit.Entry | None:
    columns = _columns(crossing)
    wanted: dict[str, Any] = {}
    if crossing.source == "geometry":
        wanted = {name: columns[name] for name in _PLACE}
    elif record.source != crossing.source:
        wanted = {"source": crossing.source}
    if record.pier_in_channel == PierInChannel.UNKNOWN.value:
        wanted["pier_in_channel"] = crossing.pier_in_channel.value
    before, after = audit.change(record, wanted)
    return (
        audit.Entry("updated", "crossing", _name(record.bridge_uid, record.river_uid), before, after) if after else None
    )


def _no_longer_found(session: Session, record: CrossingRecord) -> tuple[audit.Entry | None, bool]:
    """Take a crossing out, or keep it with a note because somebody answered for it."""
    name = _name(record.bridge_uid, record.river_uid)
    if record.pier_in_channel == PierInChannel.UNKNOWN.value:
        session.delete(record)
        return audit.Entry("removed", "crossing", name, before=_columns(_value(record))), True
    note = "no longer found by geometry; kept for its answer about piers"
    before, after = audit.change(record, {"note": note})
    return (audit.Entry("updated", "crossing", name, before, after) if after else None), False


def _stated(session: Session, bridge_uid: str, river_uid: str, answer: PierInChannel) -> Crossing:
    query = sa.select(AssetRecord.uid, AssetRecord.geom).where(AssetRecord.uid.in_([bridge_uid, river_uid]))
    places: dict[str, BaseGeometry | None] = {row.uid: row.geom for row in session.execute(query)}
    place = places[bridge_uid] if places[bridge_uid] is not None else places[river_uid]
    if place is None:
        raise StoreError(
            f"neither {bridge_uid} nor {river_uid} has a place; import one of them with its position first"
        )
    point = place.representative_point()
    lonlat = (round(point.x, 7), round(point.y, 7))
    return Crossing(bridge_uid, river_uid, lonlat, answer, source="stated", note="stated by hand")


def _columns(crossing: Crossing) -> dict[str, Any]:
    return {
        "bridge_uid": crossing.bridge_uid,
        "river_uid": crossing.river_uid,
        "lon": crossing.lonlat[0],
        "lat": crossing.lonlat[1],
        "pier_in_channel": crossing.pier_in_channel.value,
        "distance_m": crossing.distance_m,
        "source": crossing.source,
        "note": crossing.note,
    }


def _value(row: CrossingRecord) -> Crossing:
    return Crossing(
        bridge_uid=row.bridge_uid,
        river_uid=row.river_uid,
        lonlat=(row.lon, row.lat),
        pier_in_channel=PierInChannel(row.pier_in_channel),
        distance_m=row.distance_m,
        source=row.source,
        note=row.note,
    )


def _name(bridge_uid: str, river_uid: str) -> str:
    return f"{bridge_uid} x {river_uid}"
