"""Which findings are sights of one defect, and what became of defects between two inspections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from shapely import wkb
from shapely.geometry import Polygon
from sqlalchemy.orm import Session

from findings.errors import NotFound, StoreError
from findings.finding import Finding
from findings.registration import PictureRegistration
from findings.status import FindingStatus
from findings.store import audit
from findings.store.assets import chunks
from findings.store.convert import UNRANKED, finding_value
from findings.store.engine import canonical
from findings.store.schema import FindingRecord, SurveyRecord, TrackRecord
from findings.store.values import Counts
from findings.tracking import Growth, Track, TrackState

Defects = Mapping[str, tuple[str, bool]]
LONGEST_HISTORY = 200


def put(session: Session, actor: str, survey_uid: str, defects: Defects) -> Counts:
    """Write which findings of a survey are sights of one defect, and which of them leads.

    Args:
        session: of the store.
        actor: for the audit.
        survey_uid: every finding must be of this survey.
        defects: by finding uid: uid of the defect, and whether this sight stands in lists for it.

    Raises:
        NotFound: a finding is not in the store.
        StoreError: a finding is of another survey, or a defect has no leader or several.
    """
    leaders = Counter(defect for defect, leads in defects.values() if leads)
    wrong = next((defect for defect, _ in defects.values() if leaders[defect] != 1), None)
    if wrong is not None:
        raise StoreError(f"defect {wrong} has {leaders[wrong]} leading sights; expected exactly one")
    rows: dict[str, Any] = {}
    table = FindingRecord
    for part in chunks(list(defects)):
        query = sa.select(table.id, table.uid, table.survey_uid, table.defect_uid, table.leads)
        rows |= {row.uid: row for row in session.execute(query.where(table.uid.in_(part)))}
    _check_known(rows, survey_uid, defects)
    changed = [
        {"row_id": rows[uid].id, "defect_uid": defect, "leads": leads}
        for uid, (defect, leads) in defects.items()
        if (rows[uid].defect_uid, rows[uid].leads) != (defect, leads)
    ]
    if changed:
        where = table.__table__.c.id == sa.bindparam("row_id")
        session.execute(sa.update(table.__table__).where(where), changed)  # type: ignore[arg-type]
        hidden = [row["row_id"] for row in changed if not row["leads"]]
        for part in chunks(hidden):  # only leaders have a place in the list
            unranked = {"section_rank": UNRANKED, "rank_key": 0.0, "priority": None}
            session.execute(sa.update(table).where(table.id.in_(part)).values(**unranked))
        after = {"sights": len(defects), "defects": len(leaders), "changed": len(changed)}
        audit.append(session, actor, [audit.Entry("merged", "survey", survey_uid, after=after)])
    return Counts(updated=len(changed), unchanged=len(defects) - len(changed))


def _check_known(rows: Mapping[str, Any], survey_uid: str, defects: Defects) -> None:
    for uid in defects:
        if uid not in rows:
            raise NotFound(f"no finding with id {uid!r}, which was to be merged; record it first")
        if rows[uid].survey_uid != survey_uid:
            raise StoreError(f"finding {uid} belongs to survey {rows[uid].survey_uid}, not to {survey_uid}")


def sights(session: Session, defect_uid: str) -> list[Finding]:
    """Return the active sights of a defect, the leading one first.

    Raises:
        NotFound: there is no such defect.
    """
    query = sa.select(FindingRecord).where(FindingRecord.defect_uid == defect_uid, FindingRecord.active)
    rows = session.scalars(query.order_by(FindingRecord.leads.desc(), FindingRecord.id)).all()
    if not rows:
        raise NotFound(f"no defect with id {defect_uid!r}; `mizuhashi findings list` shows the findings that lead one")
    return [finding_value(row) for row in rows]


def other_sights(session: Session, defect_uids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the uids of the active sights that do not lead, by uid of the defect; defects without any are left out."""
    found: dict[str, tuple[str, ...]] = {}
    table = FindingRecord
    for part in chunks(list(defect_uids)):
        query = sa.select(table.defect_uid, table.uid).where(table.defect_uid.in_(part), table.active, ~table.leads)
        for defect_uid, uid in session.execute(query.order_by(table.id)):
            if defect_uid is not None:
                found[defect_uid] = (*found.get(defect_uid, ()), uid)
    return found


def put_tracks(
    session: Session, actor: str, survey_uid: str, previous_survey_uid: str, tracks: Sequence[Track]
) -> Counts:
    """Write the comparison of two surveys; an earlier comparison of the same two is replaced.

    Raises:
        NotFound: a survey or finding is not in the store.
        StoreError: a survey is compared with itself, or two tracks claim one finding.
    """
    if survey_uid == previous_survey_uid:
        raise StoreError(f"survey {survey_uid} cannot be compared with itself; give an earlier survey")
    _check_surveys(session, (survey_uid, previous_survey_uid))
    _check_tracks(session, survey_uid, previous_survey_uid, tracks)
    pair = (TrackRecord.survey_uid == survey_uid, TrackRecord.previous_survey_uid == previous_survey_uid)
    before = [track_value(row) for row in session.scalars(sa.select(TrackRecord).where(*pair).order_by(TrackRecord.id))]
    if before == list(tracks):
        return Counts(unchanged=len(before))
    session.execute(sa.delete(TrackRecord).where(*pair))
    session.add_all(_record(track) for track in tracks)
    states = dict(sorted(Counter(track.state.value for track in tracks).items()))
    entry = audit.Entry("compared", "survey", survey_uid, after={"previous": previous_survey_uid, "states": states})
    audit.append(session, actor, [entry])
    return Counts(added=len(tracks))


def tracks(session: Session, survey_uid: str | None = None) -> list[Track]:
    """Return the tracks of a survey against its previous ones, or all, in the order they were written."""
    query = sa.select(TrackRecord).order_by(TrackRecord.id)
    if survey_uid is not None:
        query = query.where(TrackRecord.survey_uid == survey_uid)
    return [track_value(row) for row in session.scalars(query)]


def history(session: Session, finding_uid: str) -> list[Finding]:
    """Return the findings of one defect along the inspections, oldest first, this one included.

    Raises:
        NotFound: no finding of that uid.
    """
    here = session.scalar(sa.select(FindingRecord).where(FindingRecord.uid == finding_uid))
    if here is None:
        raise NotFound(f"no finding with id {finding_uid!r}; `mizuhashi findings list` shows them")
    earlier = _walk(session, finding_uid, TrackRecord.finding_uid, TrackRecord.previous_uid)
    later = _walk(session, finding_uid, TrackRecord.previous_uid, TrackRecord.finding_uid)
    uids = [*reversed(earlier), finding_uid, *later]
    rows = {row.uid: row for row in session.scalars(sa.select(FindingRecord).where(FindingRecord.uid.in_(uids)))}
    return [finding_value(rows[uid]) for uid in uids]


def _walk(session: Session, start: str, here: Any, there: Any) -> list[str]:
    """Follow the tracks from one finding to the next; of several comparisons the one written last counts."""
    found: list[str] = []
    at = start
    while len(found) < LONGEST_HISTORY:
        query = sa.select(there).where(here == at, there.is_not(None)).order_by(TrackRecord.id.desc()).limit(1)
        onward = session.scalar(query)
        if onward is None or onward == start or onward in found:
            return found
        found.append(onward)
        at = onward
    return found


def _check_surveys(session: Session, uids: Sequence[str]) -> None:
    known = set(session.scalars(sa.select(SurveyRecord.uid).where(SurveyRecord.uid.in_(uids))))
    missing = next((uid for uid in uids if uid not in known), None)
    if missing is not None:
        raise NotFound(f"no survey with id {missing!r}; `mizuhashi surveys list` shows them")


def _check_tracks(session: Session, survey_uid: str, previous_survey_uid: str, tracks: Sequence[Track]) -> None:
    for name, owner in (("finding_uid", survey_uid), ("previous_uid", previous_survey_uid)):
        uids = [uid for track in tracks if (uid := getattr(track, name)) is not None]
        twice = next((uid for uid, count in Counter(uids).items() if count > 1), None)
        if twice is not None:
            raise StoreError(f"finding {twice} stands in two tracks of one comparison; give each finding once")
        owners: dict[str, str] = {}
        for part in chunks(uids):
            query = sa.select(FindingRecord.uid, FindingRecord.survey_uid).where(FindingRecord.uid.in_(part))
            owners |= {row.uid: row.survey_uid for row in session.execute(query)}
        for uid in uids:
            if uid not in owners:
                raise NotFound(f"no finding with id {uid!r}, which a track names; record it first")
            if owners[uid] != owner:
                raise StoreError(f"finding {uid} is of survey {owners[uid]}; the track says {owner}")
    for track in tracks:
        if (track.survey_uid, track.previous_survey_uid) != (survey_uid, previous_survey_uid):
            raise StoreError(
                f"a track of surveys {track.survey_uid} and {track.previous_survey_uid} does not belong here"
            )
        if track.finding_uid is None and track.previous_uid is None:
            raise StoreError("a track names no finding at all; expected one of this survey or of the previous one")


def _record(track: Track) -> TrackRecord:
    stored = canonical({
        "growth": track.growth,
        "confidence": track.confidence,
        "registration": None if track.registration is None else _registration_columns(track.registration),
        "note_ja": track.note_ja,
        "note_en": track.note_en,
        "previous_status": None if track.previous_status is None else track.previous_status.value,
        "previous_grade": track.previous_grade,
        "sights": track.sights,
    })  # fmt: skip
    return TrackRecord(
        survey_uid=track.survey_uid,
        previous_survey_uid=track.previous_survey_uid,
        finding_uid=track.finding_uid,
        previous_uid=track.previous_uid,
        state=track.state.value,
        value=stored,
    )


def track_value(row: TrackRecord) -> Track:
    """Return the track of a row."""
    stored = dict(row.value)
    status = stored.pop("previous_status")
    registration = stored.pop("registration")
    sights = stored.pop("sights", None)  # tracks of earlier versions have none
    return Track(
        survey_uid=row.survey_uid,
        previous_survey_uid=row.previous_survey_uid,
        finding_uid=row.finding_uid,
        previous_uid=row.previous_uid,
        state=TrackState(row.state),
        growth=tuple(Growth(**growth) for growth in stored.pop("growth")),
        registration=None if registration is None else _registration_value(registration),
        previous_status=None if status is None else FindingStatus(status),
        sights=None if sights is None else (sights[0], sights[1]),
        **stored,
    )


def _registration_columns(found: PictureRegistration) -> dict[str, Any]:
    overlap = None if found.overlap_second is None else wkb.dumps(found.overlap_second, hex=True)
    return {"matrix": list(found.matrix), "inliers": found.inliers, "rms_px": found.rms_px, "overlap_second": overlap}


def _registration_value(stored: dict[str, Any]) -> PictureRegistration:
    overlap = None if stored["overlap_second"] is None else wkb.loads(stored["overlap_second"], hex=True)
    seen = overlap if isinstance(overlap, Polygon) else None
    return PictureRegistration(tuple(stored["matrix"]), stored["inliers"], stored["rms_px"], seen)
