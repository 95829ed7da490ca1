"""What a model found on an image, and where each finding stands in the ranked list."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from findings.errors import NotFound, StoreError
from findings.finding import Finding, FindingStatus, Priority
from findings.store import audit
from findings.store.assets import chunks
from findings.store.convert import UNRANKED, finding_columns, priority_columns
from findings.store.engine import canonical, to_json
from findings.store.schema import FindingRecord, ImageRecord, ModelRunRecord
from findings.store.values import Counts, ModelRun
from findings.survey import Image, ImageStatus


def record_image(
    session: Session, actor: str, image: Image, run: ModelRun | None, findings: Sequence[Finding]
) -> Counts:
    """Write what became of an image: its status, the model run and the findings.

    Findings are matched by uid. Review (status, final grade) is never touched. Findings of the same model on this
    image that an inspected run no longer has become inactive, unless a person has reviewed them.

    Raises:
        NotFound: the image is not in the store.
        StoreError: a finding belongs to another image or model, comes reviewed, or cannot be stored.
    """
    record = session.scalar(sa.select(ImageRecord).where(ImageRecord.uid == image.uid).with_for_update())
    if record is None:
        raise NotFound(f"no image with id {image.uid!r} ({image.path}); ingest it into a survey first")
    _check(record, run, findings)
    log = _Log()
    log.note("image", record.uid, audit.change(record, {"status": image.status.value, "reason": image.reason}))
    if run is not None:
        _record_run(session, log, image, run)
    _record_findings(session, log, image, run, findings)
    audit.append(session, actor if run is None else f"model:{run.model}@{run.model_version}", log.entries)
    return log.counts


def put_priorities(session: Session, actor: str, priorities: Sequence[Priority]) -> None:
    """Write where findings stand in the ranked list, and why.

    Raises:
        NotFound: a priority speaks of a finding that is not in the store.
    """
    wanted = {priority.finding_uid: priority_columns(priority) for priority in priorities}
    changed: list[dict[str, Any]] = []
    for part in chunks(list(wanted)):
        query = sa.select(FindingRecord.id, FindingRecord.uid, FindingRecord.priority)
        rows = session.execute(query.where(FindingRecord.uid.in_(part))).all()
        missing = set(part) - {row.uid for row in rows}
        if missing:
            raise NotFound(f"no finding with id {min(missing)!r}, which was to be ranked; record it first")
        changed += [{"id": row.id, **wanted[row.uid]} for row in rows if row.priority != wanted[row.uid]["priority"]]
    if changed:
        table = FindingRecord.__table__
        update = sa.update(table).where(table.c.id == sa.bindparam("row_id"))  # type: ignore[arg-type]
        session.execute(update, [{**values, "row_id": values.pop("id")} for values in changed])
        profiles = sorted({priority.profile for priority in priorities})
        entry = audit.Entry("ranked", "priority", "all", after={"profiles": profiles, "changed": len(changed)})
        audit.append(session, actor, [entry])


class _Log:
    """Collects what changed: audit entries, and the counts of findings."""

    def __init__(self) -> None:
        self.entries: list[audit.Entry] = []
        self.counts = Counts()

    def note(self, entity: str, uid: str, change: tuple[dict[str, Any], dict[str, Any]]) -> None:
        before, after = change
        if after:
            self.entries.append(audit.Entry("updated", entity, uid, before, after))


def _check(record: ImageRecord, run: ModelRun | None, findings: Sequence[Finding]) -> None:
    if run is None and findings:
        raise StoreError(f"{len(findings)} findings on image {record.uid} without the model run that made them")
    if len({finding.uid for finding in findings}) != len(findings):
        raise StoreError(f"image {record.uid}: a finding uid stands twice in one run; give each finding once")
    for finding in findings:
        if (finding.image_uid, finding.survey_uid) != (record.uid, record.survey_uid):
            raise StoreError(f"finding {finding.uid} belongs to image {finding.image_uid}, not to {record.uid}")
        if run is not None and finding.provenance.model != run.model:
            raise StoreError(
                f"finding {finding.uid} comes from model {finding.provenance.model}, the run from {run.model}"
            )


def _record_run(session: Session, log: _Log, image: Image, run: ModelRun) -> None:
    identity = [run.model, run.model_version, run.weights_sha256, run.code_version, canonical(run.parameters)]
    digest = hashlib.sha256(to_json(identity).encode()).hexdigest()
    query = sa.select(ModelRunRecord).where(ModelRunRecord.image_uid == image.uid, ModelRunRecord.digest == digest)
    outcome = {"status": image.status.value, "reason": image.reason}
    record = session.scalar(query)
    uid = f"{image.uid}:{digest[:16]}"
    if record is not None:
        log.note("model_run", uid, audit.change(record, outcome))
        return
    values = {
        "model": run.model,
        "model_version": run.model_version,
        "weights_sha256": run.weights_sha256,
        "code_version": run.code_version,
        "device": run.device,
        "parameters": canonical(run.parameters),
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        **outcome,
    }
    session.add(ModelRunRecord(image_uid=image.uid, digest=digest, **values))
    log.entries.append(audit.Entry("added", "model_run", uid, after=audit.readable(values)))


def _record_findings(
    session: Session, log: _Log, image: Image, run: ModelRun | None, findings: Sequence[Finding]
) -> None:
    known = _known(session, [finding.uid for finding in findings])
    added = updated = 0
    for finding in findings:
        values = {**finding_columns(finding), "active": True}
        record = known.get(finding.uid)
        if record is None:
            session.add(new_record(finding, values))
            log.entries.append(audit.Entry("added", "finding", finding.uid, after=audit.readable(values)))
            added += 1
            continue
        if record.image_uid != image.uid:
            raise StoreError(
                f"finding uid {finding.uid} is taken by image {record.image_uid}; uids must differ per image"
            )
        before, after = audit.change(record, values)
        log.note("finding", finding.uid, (before, after))
        updated += bool(after)
    gone = []
    if run is not None and image.status is ImageStatus.INSPECTED:  # a failed run says nothing about what is there
        gone = _deactivate(session, log, image, run, {finding.uid for finding in findings})
    unchanged = len(findings) - added - updated
    log.counts = Counts(added=added, updated=updated, unchanged=unchanged, deactivated=len(gone))


def _known(session: Session, uids: Sequence[str]) -> dict[str, FindingRecord]:
    known: dict[str, FindingRecord] = {}
    for part in chunks(uids):
        for record in session.scalars(sa.select(FindingRecord).where(FindingRecord.uid.in_(part))):
            known[record.uid] = record
    return known


def new_record(finding: Finding, values: dict[str, Any]) -> FindingRecord:
    """Return the row of a new finding with these column values.

    Raises:
        StoreError: it comes reviewed.
    """
    if finding.status is not FindingStatus.CANDIDATE or finding.final_grade is not None:
        raise StoreError(
            f"finding {finding.uid} is new and comes as {finding.status.value} with final grade {finding.final_grade}; "
            "only people review: record it as a candidate without a final grade"
        )
    return FindingRecord(
        uid=finding.uid,
        status=finding.status.value,
        final_grade=None,
        section_rank=UNRANKED,
        rank_key=0.0,
        priority=None,
        **values,
    )


def _deactivate(session: Session, log: _Log, image: Image, run: ModelRun, found: set[str]) -> list[FindingRecord]:
    query = sa.select(FindingRecord).where(
        FindingRecord.image_uid == image.uid,
        FindingRecord.model == run.model,
        FindingRecord.active,
        FindingRecord.status == FindingStatus.CANDIDATE.value,
    )
    gone = [record for record in session.scalars(query) if record.uid not in found]
    for record in gone:
        record.active = False
        entry = audit.Entry("deactivated", "finding", record.uid, {"active": True}, {"active": False})
        log.entries.append(entry)
    return gone
