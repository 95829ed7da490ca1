"""The sheets of a bridge's damages: その3-3 損傷程度の評価 and その3-2 損傷写真."""

from __future__ import annotations

from findings.exports.encoding import Cell, Row
from findings.exports.record import Entry, SurveyRecord
from findings.exports.sheet import Sheet
from findings.exports.words import member_ja, previous_words
from findings.rollup_quantity import form_quantity
from findings.standard import load_standard
from findings.tables import FORM_EXTRA, form_columns, form_rows, status_ja
from findings.taxonomy import damage_type
from findings.wording import measure_text, scale_text

CODES = frozenset({"要素番号"})
PATTERNS = {"one_way": "主に1方向", "near_grid": "格子状直前", "grid": "格子状"}
"""Patterns of slab cracks in words; the numbers of the manual's pattern drawings are the engineer's to give."""
PHOTO_EXTRA = ("暫定", "確認状況", "撮影日", "画像ファイル", "所見ID")
SUMMARY_EXTRA = ("説明が必要な理由", "暫定", "確認状況")
PROVISIONAL = "損傷程度は要領の確定前の規則による「暫定」です。AI候補(未確認)は技術者の確認を経ていません。"
NOT_COMPARED = "前回の調査と比較していないため、前回損傷程度とNGは空欄です。"
EXPLAIN = "前回の損傷が今回見当たりません。補修・見落とし・未撮影の別を説明してください。"
NOT_DIAGNOSED = "健全性の診断の区分・対策区分は技術者が判定する欄であり、本書では示しません。"


def form_text(key: str) -> tuple[str, ...]:
    """Return the columns of a form, in its order and spelling."""
    return tuple(str(name) for name in load_standard("form_columns")[key])


def grade_sheet(record: SurveyRecord) -> Sheet:
    """Return sheet その3-3: one row a damage, as the form has it, then rule, 暫定, review state and id."""
    rows = form_rows([(entry.finding, entry.priority) for entry in record.bridge], record.assets)
    for row, entry in zip(rows, record.bridge, strict=True):
        quantity = form_quantity(entry.finding.damage, [entry.finding])
        measured = quantity is not None and quantity.value is not None
        row["定量値"] = significant(quantity.value) if quantity is not None else None
        row["単位"] = quantity.unit if quantity is not None and measured else None
        row["損傷パターン"] = PATTERNS.get(str(entry.finding.details.get("pattern")))
    return Sheet(
        key="3-3",
        title="その3-3 損傷程度の評価",
        columns=form_columns(),
        rows=tuple(rows),
        own=len(FORM_EXTRA),
        texts=CODES,
        notes=(PROVISIONAL, NOT_DIAGNOSED, *_left_out(record)),
        wide=frozenset({"判定根拠"}),
    )


def _left_out(record: SurveyRecord) -> tuple[str, ...]:
    count = len(record.entries) - len(record.forms)
    return (f"棄却または重複とされた{count}件は記載していません(記録には残っています)。",) if count else ()


def photo_sheet(record: SurveyRecord) -> Sheet:
    """Return sheet その3-2: one photograph a damage, with last time's grade and a memo."""
    columns = form_text("damage_photo_sheet_3_2")
    return Sheet(
        key="3-2",
        title="その3-2 損傷写真",
        columns=(*columns, *PHOTO_EXTRA),
        rows=tuple(_photo_row(number, entry) for number, entry in enumerate(record.bridge, start=1)),
        own=len(PHOTO_EXTRA),
        texts=CODES,
        pictures=record.bridge,
        picture_column="写真",
        notes=("黄線は所見の範囲、白線は縮尺。縮尺不明の写真には縮尺線がありません。", PROVISIONAL, NOT_DIAGNOSED),
        wide=frozenset({"メモ(所見)"}),
    )


def _photo_row(number: int, entry: Entry) -> Row:
    finding = entry.finding
    kind = damage_type(finding.damage)
    return {
        "写真番号": number,
        "径間番号": finding.span,
        "部材名": member_ja(finding.member),
        "要素番号": finding.element_no,
        "損傷の種類": f"{kind.number}{kind.ja}",
        "損傷程度": entry.grade or None,
        "前回損傷程度": entry.previous_grade or None,
        "メモ(所見)": memo(entry),
        "写真": None,
        "暫定": "暫定" if entry.draft else None,
        "確認状況": status_ja(finding.status),
        "撮影日": day(entry),
        "画像ファイル": entry.picture_name or None,
        "所見ID": finding.uid,
    }


def memo(entry: Entry) -> str:
    """Return what the memo of a photograph says: measures with intervals, the rule, and what changed since."""
    finding = entry.finding
    parts = [measure_text(measure, "ja") for measure in finding.measures if not measure.unit.startswith("px")]
    parts += [scale_text(finding.scale, "ja")] if finding.scale.gsd_mm is None else []
    if finding.final_grade is None and finding.grade is not None:
        parts.append(finding.grade.trace_ja)
    parts += [previous_words(entry, "ja")] if entry.track is not None else []
    parts += [f"技術者メモ: {review.note}" for review in entry.reviews[-1:] if review.note]
    parts += [f"他に{len(entry.sights)}枚に写る"] if entry.sights else []
    return "; ".join(parts)


def day(entry: Entry) -> str | None:
    """Return the day of the picture, or None."""
    return entry.finding.captured_at.date().isoformat() if entry.finding.captured_at is not None else None


def significant(value: Cell, digits: int = 3) -> Cell:
    """Return a number with so many significant digits, as a form takes it; anything else as it is."""
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
