"""Tables that a person opens in a spreadsheet: form 3-3 (損傷程度の評価) and the whole finding record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from findings.asset import Asset
from findings.errors import GradingError
from findings.exports.encoding import Cell, Row
from findings.finding import Domain, Finding, FindingStatus, Priority
from findings.measure import Measure
from findings.standard import load_standard
from findings.taxonomy import Member, code_range, damage_type, member_kind

Item = tuple[Finding, Priority | None]

# After the columns of the form, so that a block of rows can still be pasted into it.
FORM_EXTRA = ("判定根拠", "暫定", "確認状況", "所見ID")
RECORD_COLUMNS = (
    "順位", "優先度点", "優先度点(下限)", "優先度点(上限)", "区分", "施設ID", "施設名", "種別",
    "径間番号", "部材記号", "要素番号",
    "損傷の種類", "損傷名", "程度(候補)", "確定程度", "判定根拠", "暫定", "計測値", "縮尺(mm/px)", "縮尺の根拠",
    "緯度", "経度", "位置の根拠", "撮影日時", "確認状況", "モデル", "確信度", "画像ID", "所見ID", "主な要因",
)  # fmt: skip


def form_columns() -> tuple[str, ...]:
    """Return the columns of sheet その3-3, then ours."""
    return (*load_standard("form_columns")["damage_grade_sheet_3_3"], *FORM_EXTRA)


def form_rows(items: Iterable[Item], assets: Mapping[str, Asset]) -> list[Row]:
    """Return bridge findings as rows of sheet その3-3; what was rejected or is a duplicate stays out of the form.

    A set of possible grades is written as such (``b～d``): an engineer decides. Unreviewed rows say so in 確認状況.
    """
    left_out = (FindingStatus.REJECTED, FindingStatus.DUPLICATE)
    return [_form_row(f, assets) for f, _ in items if f.domain is Domain.BRIDGE and f.status not in left_out]


def _form_row(finding: Finding, assets: Mapping[str, Asset]) -> Row:
    kind = damage_type(finding.damage)
    part = _member(finding.member)
    groups = {row["group"]: row["ja"] for row in load_standard("members")["groups"]}
    asset = assets.get(finding.asset_uid) if finding.asset_uid else None
    quantity = _form_quantity(finding)
    grade = finding.grade
    row: Row = dict.fromkeys(form_columns())
    row |= {
        "径間番号": finding.span,
        "工種": groups[part.group] if part else None,
        "材料": material_code(kind.group, asset),
        "部材名": part.ja if part else finding.member,
        "部材記号": part.symbol if part else None,
        "要素番号": finding.element_no,
        "損傷程度": finding.final_grade or (code_range(grade.codes, kind.grades) if grade else None),
        "定量値": quantity.value if quantity else None,
        "単位": quantity.unit if quantity else None,
        "損傷の種類": f"{kind.number}{kind.ja}",
        "判定根拠": grade.trace_ja if grade else None,
        "暫定": "暫定" if grade and grade.status == "draft" else None,
        "確認状況": status_ja(finding.status),
        "所見ID": finding.uid,
    }
    return row


def _member(name: str | None) -> Member | None:
    """Return the member, or None for a name that the standard does not know: an export shows it as it is."""
    try:
        return member_kind(name) if name else None
    except GradingError:
        return None


def _form_quantity(finding: Finding) -> Measure | None:
    """Return the measure that the form can hold: a crack's width in mm before a length in m."""
    units = load_standard("form_columns")["units_3_3"]
    wanted = ("width_p95", "width_max", "width", "rebar_length", "length")
    good = [m for name in wanted for m in finding.measures if m.name == name and m.unit in units]
    return next((m for m in good if m.value is not None), None)


def material_code(group: str, asset: Asset | None) -> str | None:
    """Return the material of a member by its damage's group, else by the bridge's structure; None where unknown."""
    # Damage groups of concrete and steel imply the material; the others need the inventory, which has it per bridge.
    if group in ("concrete", "steel"):
        return "C" if group == "concrete" else "S"
    structure = asset.structure.value if asset else ""
    return {"RC": "C", "PC": "C", "S": "S"}.get(structure)


def status_ja(status: FindingStatus) -> str:
    """Return the review state in the user's words, e.g. AI候補(未確認)."""
    return next(str(row["ja"]) for row in load_standard("ui_words")["statuses"] if row["code"] == status.value)


def record_rows(items: Iterable[Item], assets: Mapping[str, Asset]) -> list[Row]:
    """Return every finding, in list order, as a row of `RECORD_COLUMNS`; nothing is left out."""
    return [_record_row(rank, f, p, assets) for rank, (f, p) in enumerate(items, start=1)]


def _record_row(rank: int, finding: Finding, priority: Priority | None, assets: Mapping[str, Asset]) -> Row:
    kind, grade = damage_type(finding.damage), finding.grade
    asset = assets.get(finding.asset_uid) if finding.asset_uid else None
    point = finding.geometry_lonlat.representative_point() if finding.geometry_lonlat is not None else None
    made = finding.provenance
    values: Sequence[Cell] = (
        rank,
        round(priority.score, 1) if priority else None,
        round(priority.low, 1) if priority else None,
        round(priority.high, 1) if priority else None,
        priority.section if priority else None,
        finding.asset_uid,
        asset.name if asset else None,
        "橋梁" if finding.domain is Domain.BRIDGE else "河川",
        finding.span,
        finding.member,
        finding.element_no,
        finding.damage,
        f"{kind.number}{kind.ja}",
        code_range(grade.codes, kind.grades) if grade else None,
        finding.final_grade,
        grade.trace_ja if grade else None,
        "暫定" if grade and grade.status == "draft" else None,
        "; ".join(measure_words(m) for m in finding.measures),
        finding.scale.gsd_mm,
        finding.scale.source.value,
        round(point.y, 7) if point is not None else None,
        round(point.x, 7) if point is not None else None,
        finding.position_source,
        finding.captured_at.isoformat() if finding.captured_at else None,
        status_ja(finding.status),
        f"{made.model}@{made.model_version}",
        finding.score,
        finding.image_uid,
        finding.uid,
        "; ".join(f"{t.words_ja} {t.contribution:.1f}点" for t in priority.terms[:3]) if priority else None,
    )
    return dict(zip(RECORD_COLUMNS, values, strict=True))


def measure_words(measure: Measure) -> str:
    """Return a measure as text: ``width_p95=0.35mm [0.28, 0.42]``, or its upper bound ``width_p95<=0.2mm``."""
    if measure.value is None:
        bound = "?" if measure.high is None else f"<={measure.high:.4g}{measure.unit}"
        return f"{measure.name}{bound}"
    text = f"{measure.name}={measure.value:.4g}{measure.unit}"
    if measure.low is None or measure.high is None:
        return text
    return f"{text} [{measure.low:.4g}, {measure.high:.4g}]"
