"""The columns of the planner's priority list (domain guide 3.3), Japanese and English, and how they are shown."""

from __future__ import annotations

from collections.abc import Mapping

from findings.ranking import CANDIDATE, CONFIRMED, OFFICIAL
from findings.wording import Language

COLUMNS: Mapping[str, tuple[str, str]] = {
    "rank": ("順位", "rank"),
    "score": ("優先度点", "score"),
    "band": ("優先度帯(A/B/C)", "priority band (A/B/C)"),
    "kind": ("施設種別", "kind of asset"),
    "xroad": ("施設ID(xROAD)", "asset id (xROAD)"),
    "asset_uid": ("県管理番号", "asset id"),
    "asset_name": ("施設名", "asset"),
    "route": ("路線名/河川名", "route / river"),
    "office": ("管理事務所", "office"),
    "municipality": ("市町", "municipality"),
    "latitude": ("緯度", "latitude"),
    "longitude": ("経度", "longitude"),
    "length": ("橋長", "length (m)"),
    "width": ("幅員", "width (m)"),
    "built": ("架設年度", "built"),
    "age": ("経過年数", "age (years)"),
    "inspected": ("前回点検年度", "last inspection"),
    "soundness": ("判定区分", "soundness class (official)"),
    "deadline": ("措置期限", "deadline of measures"),
    "damage": ("主な損傷(番号・名称・程度)", "main damage (number, name, grade)"),
    "place": ("部材/径間/要素番号", "member / span / element"),
    "suggested": ("今回AI所見", "AI finding of this survey"),
    "status": ("確認状況(未確認/技術者確認/棄却)", "review state"),
    "reviewer": ("確認者", "reviewer"),
    "reviewed_on": ("確認日", "reviewed on"),
    "emergency_route": ("緊急輸送道路", "emergency route"),
    "traffic": ("交通量", "traffic (vehicles/day)"),
    "detour": ("迂回路", "detour (km)"),
    "third_party": ("第三者被害", "third parties below"),
    "measure_class": ("対策区分(案)", "measure class (proposed)"),
    "method": ("対策内容", "measure"),
    "cost": ("概算事業費(千円)", "rough cost (1000 yen)"),
    "funding": ("財源(補助/債)", "funding"),
    "start": ("着手予定年度", "planned start"),
    "end": ("完了予定年度", "planned end"),
    "new_technology": ("新技術活用の有無", "new technology used"),
    "previous_rank": ("前回順位", "rank in the last list"),
    "move": ("順位変動理由", "why the rank moved"),
    "picture": ("根拠URL/写真", "picture"),
    "rank_range": ("順位の幅", "range of the rank"),
    "because": ("優先の理由", "reasons"),
    "missing": ("データなしの項目と順位の幅", "missing inputs and what they could change"),
    "survey": ("調査", "survey"),
    "captured_on": ("撮影日", "picture taken on"),
    "finding_uid": ("所見ID", "finding id"),
}
"""By our name: the guide's column and its English one, in their order; the last `OWN` are ours."""
OWN = 6

ASSET_COLUMNS: Mapping[str, tuple[str, str]] = {
    "rank": ("順位", "rank"),
    "score": ("優先度点", "score"),
    "band": ("優先度帯(A/B/C)", "priority band (A/B/C)"),
    "asset_name": ("施設名", "asset"),
    "kind": ("施設種別", "kind of asset"),
    "asset_uid": ("県管理番号", "asset id"),
    "soundness": ("判定区分", "soundness class (official)"),
    "deadline": ("措置期限", "deadline of measures"),
    "findings": ("所見数", "findings"),
    "candidates": ("うち未確認", "of these unreviewed"),
    "because": ("優先の理由", "reasons"),
    "together": ("複合する損傷", "what counts together"),
}
GONE_COLUMNS: Mapping[str, tuple[str, str]] = {
    "previous_rank": ("前回順位", "rank in the last list"),
    "score": ("前回の優先度点", "score in the last list"),
    "asset_name": ("施設名", "asset"),
    "damage": ("損傷", "damage"),
    "finding_uid": ("所見ID", "finding id"),
}

TITLES: Mapping[str, tuple[str, str]] = {
    "list": ("優先順位一覧", "Priority list"),
    "candidates": ("AI候補(未確認)", "AI candidates (unreviewed)"),
    "assets": ("施設別", "By asset"),
    "gone": ("前回の一覧にあり今回ない所見", "In the last list only"),
}
SECTIONS: Mapping[str, tuple[str, str]] = {
    OFFICIAL: ("A 公式記録", "A official record"),
    CONFIRMED: ("B 技術者確認", "B confirmed by an engineer"),
    CANDIDATE: ("C AI候補・未決", "C AI candidate or undecided"),
}

TEXTS = ("xroad", "asset_uid")
WIDE = ("suggested", "because", "missing", "move")
FROZEN = 7
FORMATS: Mapping[str, str] = {
    "score": "0.0",
    "latitude": "0.000000",
    "longitude": "0.000000",
    "length": "#,##0.0",
    "width": "#,##0.0",
    "traffic": "#,##0",
    "detour": "#,##0.0",
    "cost": "#,##0",
}
"""Formats of numbers in a workbook."""

NOTES: tuple[tuple[str, str], ...] = (
    (
        "優先度帯: Aは公式の判定区分・措置期限による優先、Bは技術者確認、CはAI候補(未確認)・要近接目視・棄却・重複",
        "bands: A official class or deadline; B confirmed by an engineer; C AI candidates, to be inspected closely, or "
        "closed",
    ),
    (
        "今回AI所見は候補であり、判定区分・対策区分を示すものではない。損傷程度の(暫定)は確認前の規則による",
        "AI findings are candidates and state no soundness or measure class; (provisional): by rules not yet confirmed",
    ),
    (
        "対策内容・概算事業費・財源・予定年度・新技術は管理者が記入する欄(単価は管理者の表による: priorities plan)",
        "measure, cost, funding, years and new technology are the agency's to fill in; see priorities plan for costs",
    ),
    (
        "緯度・経度は所見の位置(世界測地系)、不明な場合は施設の代表点",
        "latitude and longitude: of the finding (WGS84), of the asset where that is unknown",
    ),
)


def heading(columns: Mapping[str, tuple[str, str]], name: str, language: Language) -> str:
    """Return the heading of a column."""
    return columns[name][0 if language == "ja" else 1]
