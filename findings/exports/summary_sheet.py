"""Sheet その3-4 評価結果総括: per member the worst grade of each damage type, this time against last time, with NG."""

from __future__ import annotations

from findings.errors import GradingError
from findings.exports.encoding import Row
from findings.exports.form_sheets import CODES, NOT_DIAGNOSED, PROVISIONAL, form_text
from findings.exports.record import SurveyRecord
from findings.exports.sheet import Sheet
from findings.exports.words import damage_ja, member_ja, state_words
from findings.finding import Domain
from findings.rollup import MemberRow, member_rows
from findings.standard import load_standard
from findings.tables import material_code, status_ja
from findings.taxonomy import code_range, damage_type, member_kind
from findings.tracking import TrackState
from findings.wording import Language

EXTRA = ("件数", "説明が必要な理由", "暫定", "確認状況")
NOT_COMPARED = "前回の調査と比較していないため、前回損傷程度とNGは空欄です。"
EXPLAIN = "前回の損傷が今回見当たりません。補修・見落とし・未撮影の別を説明してください。"
NG = "NG"


def summary(record: SurveyRecord) -> tuple[MemberRow, ...]:
    """Return the worst grade of each damage on each member, this time and last time; bridges and rivers."""
    compared = record.previous is not None
    states = {entry.track.previous_uid: entry.track.state for entry in record.entries if entry.track is not None}
    states |= {lost.previous.uid: lost.track.state for lost in record.lost}
    return member_rows(
        (entry.finding for entry in record.forms),
        record.previous_findings if compared else None,
        {uid: state for uid, state in states.items() if uid is not None and state is not TrackState.NEW},
        by_element=True,
    )


def summary_sheet(record: SurveyRecord) -> Sheet:
    """Return sheet その3-4 of the bridges of a survey."""
    found = [row for row in summary(record) if damage_type(row.damage).domain is Domain.BRIDGE]
    rows = tuple(_row(row, record) for row in found)
    ng = sum(row.ng for row in found)
    compared = f"前回: 調査「{record.previous}」" if record.previous else NOT_COMPARED
    return Sheet(
        key="3-4",
        title="その3-4 評価結果総括",
        columns=(*form_text("summary_sheet_3_4"), *EXTRA),
        rows=rows,
        own=len(EXTRA),
        texts=CODES,
        notes=(compared, *([f"NG {ng}件: {EXPLAIN}"] if ng else []), PROVISIONAL, NOT_DIAGNOSED),
        wide=frozenset({"説明が必要な理由"}),
    )


def _row(row: MemberRow, record: SurveyRecord) -> Row:
    ladder = damage_type(row.damage).grades
    asset = record.assets.get(row.asset_uid or "")
    leader = row.representative
    return {
        "径間番号": row.span,
        "工種": _group(row.member),
        "材料": material_code(damage_type(row.damage).group, asset),
        "部材名": member_ja(row.member),
        "部材記号": row.member,
        "要素番号": row.element_no,
        "損傷の種類": damage_ja(row.damage),
        "今回損傷程度": grade_now(row) or None,
        "前回損傷程度": code_range(row.previous_codes, ladder) or None,
        "NG": NG if row.ng else None,
        "件数": row.count,
        "説明が必要な理由": absent_words(row, "ja") or None,
        "暫定": "暫定" if row.provisional else None,
        "確認状況": status_ja(leader.status) if leader is not None else None,
    }


def grade_now(row: MemberRow) -> str:
    """Return this time's worst grade, ``c/e`` where several remain possible; empty without one."""
    return code_range(row.codes, damage_type(row.damage).grades)


def absent_words(row: MemberRow, language: Language) -> str:
    """Return what became of the findings of last time that are not there now; empty where nothing is gone."""
    if not row.absent:
        return ""
    ja = language == "ja"
    counts: dict[TrackState | None, int] = {}
    for one in row.absent:
        counts[one.state] = counts.get(one.state, 0) + 1
    unknown = "照合していない" if ja else "pictures not compared"
    words = [(unknown if state is None else state_words(state, language), count) for state, count in counts.items()]
    parts = [f"{text} {count}件" if ja else f"{count} {text}" for text, count in words]
    return ("前回の所見: " if ja else "of last time: ") + ", ".join(parts)


def _group(member: str | None) -> str | None:
    try:
        group = member_kind(member).group if member else None
    except GradingError:
        return None
    return next((str(row["ja"]) for row in load_standard("members")["groups"] if row["group"] == group), None)
