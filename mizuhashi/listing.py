"""The ranked list as rows: for a person, for a program, for files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from findings.errors import NotFound
from findings.finding import Finding, FindingStatus, Priority
from findings.grade_words import grade_chances, supposition_lines
from findings.taxonomy import damage_type
from findings.wording import main_measures
from mizuhashi.describe import measure_text, number, scale_text

if TYPE_CHECKING:
    from findings.asset import Asset
    from findings.exports.encoding import Encoding
    from findings.review import Review
    from findings.store import Store

COLUMNS = ("rank", "score", "finding", "measured", "asset", "review", "why", "id")
PAGE = 1000
DRAFT = "暫定"


@dataclass(frozen=True, slots=True)
class Row:
    """One finding at its place in the list.

    Attributes:
        rank: 1 is looked at first; within the survey if the list was narrowed to one; 0 if unknown.
        asset: the bridge or river reach, or None.
        others: uids of the further sights of the same defect, in other pictures of the survey.
    """

    rank: int
    finding: Finding
    priority: Priority | None
    asset: Asset | None
    others: tuple[str, ...] = ()

    @property
    def asset_name(self) -> str:
        """Name of the bridge or river reach; empty without one."""
        return self.asset.name if self.asset is not None else ""

    @property
    def label(self) -> str:
        """``⑥ひびわれ-c/d`` with 暫定 where the standard is a draft."""
        finding = self.finding
        token = damage_type(finding.damage).label(finding.final_grade or finding.grade)
        draft = finding.final_grade is None and finding.grade is not None and finding.grade.status == "draft"
        return f"{token} ({DRAFT})" if draft else token

    @property
    def told(self) -> str:
        """The label, and how probable each grade of a set is: ``⑥ひびわれ-c/d (暫定) c 70 %, d 30 %``."""
        return f"{self.label} {grade_chances(self.finding.grade, self.finding.final_grade)}".rstrip()


def ranked(store: Store, *, survey: str | None = None, limit: int | None = None) -> Iterator[Row]:
    """Yield the findings in the order of the ranking, page by page.

    Raises:
        NotFound: no survey of that name.
    """
    if survey is not None:
        store.survey(survey)
    assets = {asset.uid: asset for asset in store.assets()}
    rank, cursor = 0, None
    while limit is None or rank < limit:
        page = store.list_findings(
            survey=survey, limit=min(PAGE, PAGE if limit is None else limit - rank), cursor=cursor
        )
        others = store.other_sights([finding.defect_uid for finding, _ in page.items if finding.defect_uid])
        for finding, priority in page.items:
            rank += 1
            more = others.get(finding.defect_uid or "", ())
            yield Row(rank, finding, priority, assets.get(finding.asset_uid or ""), more)
        cursor = page.next_cursor
        if cursor is None:
            return


def find(store: Store, uid: str) -> Row:
    """Return the finding of that identifier, or of its first letters if they fit one only.

    Raises:
        NotFound: none fits, or several do.
    """
    matches = [row for row in ranked(store) if row.finding.uid.startswith(uid)]
    exact = next((row for row in matches if row.finding.uid == uid), None)
    if exact is not None or len(matches) == 1:
        return exact or matches[0]
    if matches:
        raise NotFound(f"finding {uid!r}: {len(matches)} begin so; give more letters of the id")
    finding, priority = store.finding(uid)  # one that its model no longer finds is shown all the same
    asset = store.asset(finding.asset_uid) if finding.asset_uid else None
    return Row(0, finding, priority, asset, tuple(sight.uid for sight, _ in sights_of(store, finding)))


def cells(row: Row) -> tuple[str, ...]:
    """Return the cells of `COLUMNS`."""
    finding = row.finding
    return (
        rank_text(row),
        score_text(row.priority),
        f"{row.told}{sights_text(len(row.others))}",
        "; ".join(measure_text(measure) for measure in main_measures(finding.measures)),
        row.asset_name,
        status_text(finding.status),
        why(row),
        finding.uid[:12],
    )


def sights_text(others: int) -> str:
    """Return `` (+3 sights)``: how many more pictures show the defect; nothing for a single sight."""
    return "" if others == 0 else f" (+{others} sight{'s' if others > 1 else ''})"


def rank_text(row: Row) -> str:
    """Return ``3 (1-9)``: the place in the whole list, and where it could lie if the missing inputs were known.

    A place within one survey alone has no range: that of the whole list does not fit it.
    """
    priority = row.priority
    if priority is None or row.rank != priority.rank or priority.best_rank == priority.worst_rank:
        return str(row.rank)
    return f"{row.rank} ({priority.best_rank}-{priority.worst_rank})"


def missing_lines(priority: Priority) -> list[str]:
    """Return what is missing, each with the ranks between which it leaves the finding, the widest range first."""
    found = [term for term in priority.terms if term.value is None]
    found.sort(key=lambda term: (term.best_rank - term.worst_rank, term.name))
    lines = []
    for term in found:
        moved = term.best_rank != term.worst_rank
        ja = f"順位 {term.best_rank}-{term.worst_rank}" if moved else "順位への影響なし"
        en = f"rank {term.best_rank}-{term.worst_rank}" if moved else "no effect on the rank"
        words = f"{term.words_ja} / {term.words_en}"
        lines.append(f"{words}: {ja} / {en}" if term.best_rank else words)
    return lines


def score_text(priority: Priority | None) -> str:
    """Return ``62 (40-81)``: the score, and where it could lie if the missing inputs were known."""
    if priority is None:
        return "not ranked"
    text = f"{priority.score:.0f}"
    low, high = f"{priority.low:.0f}", f"{priority.high:.0f}"
    return text if low == high == text else f"{text} ({low}-{high})"


def status_text(status: FindingStatus) -> str:
    """Return a review state as words; nothing for a candidate, which nobody has decided about."""
    return "" if status is FindingStatus.CANDIDATE else status.value.replace("_", " ")


def review_text(review: Review) -> str:
    """Return one review as a line: when, who, what, and in which words."""
    decision = "left open" if review.decision is FindingStatus.CANDIDATE else status_text(review.decision)
    parts = [decision]
    parts += ["outline corrected"] if review.geometry_px is not None else []
    parts += [f"class {review.label}"] if review.label is not None else []
    parts += [f"final grade {review.final_grade}"] if review.final_grade is not None else []
    note = f": {review.note}" if review.note else ""
    return f"{review.at:%Y-%m-%d %H:%M} UTC {review.reviewer} ({review.source}): {', '.join(parts)}{note}"


def why(row: Row) -> str:
    """Return the rule's reason, or why there is no grade."""
    grade = row.finding.grade
    return grade.trace_en if grade is not None else "no grade rule for this finding"


def sights_of(store: Store, finding: Finding) -> list[tuple[Finding, str]]:
    """Return the other sights of a finding's defect, the leading one first, each with its picture's file name."""
    if finding.defect_uid is None:
        return []
    try:
        others = [sight for sight in store.sights(finding.defect_uid) if sight.uid != finding.uid]
    except NotFound:  # its models find none of its sights any more
        return []
    return [(sight, Path(store.image(sight.image_uid).path).name) for sight in others]


def _sight_text(sight: Finding, name: str) -> str:
    measured = "; ".join(measure_text(measure) for measure in main_measures(sight.measures))
    words = [name, "leads" if sight.leads else "", status_text(sight.status), measured, f"score {sight.score:.2f}"]
    return f"{', '.join(word for word in words if word)}  [{sight.uid}]"


def finding_lines(
    row: Row, home: Path, reviews: Sequence[Review] = (), sights: Sequence[tuple[Finding, str]] = ()
) -> list[str]:
    """Return everything about one finding as lines for a reader; reviews oldest first, the latest is shown first.

    ``sights``: of the same defect in other pictures, with the names of these.
    """
    finding, grade = row.finding, row.finding.grade
    lines = [
        f"{row.told}  [{finding.uid}]",
        f"rank        {rank_text(row) if row.rank else 'not listed'}, score {score_text(row.priority)}",
    ]
    lines.append(f"asset       {row.asset_name or finding.asset_uid or 'none'}")
    lines += [f"{'review' if n == 0 else '':<11} {review_text(one)}" for n, one in enumerate(reversed(reviews))]
    if grade is not None:
        lines += [f"rule        {grade.trace_ja}", f"            {grade.trace_en}"]
        lines += [f"{'if' if n == 0 else '':<11} {line}" for n, line in enumerate(supposition_lines(grade))]
        lines.append(f"standard    {grade.standard} {grade.version} ({grade.status})")
    lines += [f"measured    {measure_text(measure)} - {measure.how}" for measure in finding.measures]
    lines.append(f"scale       {scale_text(finding.scale)}")
    lines.append(f"place       {_place(finding)}")
    made = finding.provenance
    lines.append(
        f"model       {made.model}@{made.model_version}, threshold {made.threshold:g}, score {finding.score:.2f}"
    )
    seen = [_sight_text(*sight) for sight in sights]
    lines += [f"{'also seen' if n == 0 else '':<11} {text}" for n, text in enumerate(seen)]
    lines += [f"{kind:<11} {home / path}" for kind, path in finding.evidence.items()]
    return lines + (_priority_lines(row.priority) if row.priority is not None else [])


def _priority_lines(priority: Priority) -> list[str]:
    lines = [f"priority    {number(priority.score)} by {priority.profile} ({priority.section})"]
    lines += [f"  {term.contribution:+6.1f}  {term.words_ja} / {term.words_en}" for term in priority.terms]
    missing = missing_lines(priority)
    return lines + [f"{'missing' if n == 0 else '':<11} {line}" for n, line in enumerate(missing)]


def _place(finding: Finding) -> str:
    if finding.geometry_lonlat is None:
        left, top, right, bottom = finding.geometry_px.bounds
        return f"pixels {left:.0f} to {right:.0f}, {top:.0f} to {bottom:.0f} of the image ({finding.position_source})"
    point = finding.geometry_lonlat.centroid
    return f"{point.y:.6f}, {point.x:.6f} ({finding.position_source})"


def record(row: Row) -> dict[str, Any]:
    """Return a row as plain JSON values: the feature of the exports with rank and asset name."""
    from findings.geojson import feature

    document = feature(row.finding, row.priority, row.others)
    document["properties"] |= {"rank": row.rank, "asset_name": row.asset_name or None}
    return document


def export_geojson(rows: Sequence[Row], path: Path) -> None:
    """Write the findings as a GeoJSON FeatureCollection (RFC 7946), in rank order.

    Raises:
        OutputError: the file cannot be written.
    """
    from findings.files import write_text

    document = {"type": "FeatureCollection", "features": [record(row) for row in rows]}
    write_text(path, json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")


def export_csv(rows: Sequence[Row], path: Path, encoding: Encoding = "utf-8-sig") -> list[str]:
    """Write the findings as CSV with Japanese headers, in rank order; return what had to be written otherwise.

    Args:
        rows: of the list.
        path: of the file.
        encoding: UTF-8 with a BOM, which spreadsheets expect, or cp932.

    Raises:
        OutputError: the file cannot be written.
    """
    from findings.exports.encoding import csv_text, encoded
    from findings.files import whole_file
    from findings.tables import RECORD_COLUMNS, record_rows

    assets = {row.asset.uid: row.asset for row in rows if row.asset is not None}
    table = record_rows([(row.finding, row.priority) for row in rows], assets)
    content, notes = encoded(csv_text(RECORD_COLUMNS, table, texts=("要素番号",)), encoding)
    with whole_file(path) as partial:
        partial.write_bytes(content)
    return notes
