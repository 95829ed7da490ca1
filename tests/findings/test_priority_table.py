from __future__ import annotations

import re
from datetime import date

import pytest

from findings.finding import FindingStatus
from findings.priority_columns import ASSET_COLUMNS, COLUMNS, FORMATS, FROZEN, OWN, TEXTS, WIDE
from findings.priority_table import ListFacts, priority_sheet, priority_sheets
from findings.profile import load_profile
from findings.ranking import Ranking
from findings.wording import Language
from tests.findings.factories import a_bridge, a_finding, a_grade, a_measure, a_reach

# Domain guide, section 3.3, in its order and spelling.
GUIDE = [
    "順位", "優先度点", "優先度帯(A/B/C)", "施設種別", "施設ID(xROAD)", "県管理番号", "施設名", "路線名/河川名",
    "管理事務所", "市町", "緯度", "経度", "橋長", "幅員", "架設年度", "経過年数", "前回点検年度",
    "判定区分", "措置期限",
    "主な損傷(番号・名称・程度)", "部材/径間/要素番号", "今回AI所見", "確認状況(未確認/技術者確認/棄却)", "確認者",
    "確認日",
    "緊急輸送道路", "交通量", "迂回路", "第三者被害", "対策区分(案)", "対策内容", "概算事業費(千円)", "財源(補助/債)",
    "着手予定年度", "完了予定年度", "新技術活用の有無", "前回順位", "順位変動理由", "根拠URL/写真",
]  # fmt: skip
TODAY = date(2026, 11, 24)


def _facts() -> ListFacts:
    width = a_measure("area", 0.2, "m2", 0.1, 0.3)
    confirmed = FindingStatus.CONFIRMED
    findings = [
        a_finding("rejected", status=FindingStatus.REJECTED, grade=a_grade("e")),
        a_finding("graded", grade=a_grade("d", "e"), status=confirmed, final_grade="d", measures=(width,), member="Mg"),
        a_finding("candidate", grade=a_grade("c", "d", "e")),
        a_finding("near", grade=a_grade("c"), status=FindingStatus.NEEDS_CLOSE_INSPECTION),
        a_finding("bank", damage="R17", grade=a_grade("d", scheme="river_rating"), asset_uid="reach", status=confirmed),
        a_finding("nowhere", grade=a_grade("c"), asset_uid=None),
    ]
    bridge = a_bridge(built_fy=1972, emergency_route="0", third_party_below=0.4, detour_km="isolated", length_m=20.5)
    assets = {"bridge": bridge, "reach": a_reach()}
    ranking = Ranking(findings, assets, load_profile(), today=TODAY)
    return ListFacts(ranking, ranking.priorities(), {}, {"survey": "2026"}, {"image": "P1.jpg"})


def test_the_columns_are_the_guides_then_ours() -> None:
    sheet = priority_sheet(_facts())
    assert list(sheet.columns[:-OWN]) == GUIDE
    assert sheet.own == OWN == len(sheet.columns) - len(GUIDE)
    assert {*TEXTS, *WIDE, *FORMATS} <= set(COLUMNS)
    assert sheet.columns[FROZEN - 1] == "施設名"
    for table in (COLUMNS, ASSET_COLUMNS):
        assert all(ja and en for ja, en in table.values())
        assert len({ja for ja, _ in table.values()}) == len({en for _, en in table.values()}) == len(table)


def test_every_finding_has_one_row_and_candidates_stand_apart() -> None:
    facts = _facts()
    listed, candidates, assets = priority_sheets(facts)
    assert {row["所見ID"] for row in listed.rows} == {"graded", "bank"}
    assert {row["所見ID"] for row in candidates.rows} == {"rejected", "candidate", "near", "nowhere"}
    assert [row["順位"] for row in (*listed.rows, *candidates.rows)] == [1, 2, 3, 4, 5, 6]
    assert {str(row["優先度帯(A/B/C)"])[0] for row in candidates.rows} == {"C"}
    assert {row["県管理番号"] for row in assets.rows} == {"bridge", "reach"}
    assert [row["所見ID"] for row in priority_sheet(facts).rows] == [f.uid for f in facts.ranking.findings]


def test_a_candidate_is_never_written_as_the_main_damage() -> None:
    rows = {row["所見ID"]: row for row in priority_sheet(_facts()).rows}
    main = "主な損傷(番号・名称・程度)"
    assert rows["graded"][main] == "⑦剥離・鉄筋露出-d"
    assert rows["near"][main] == "⑦剥離・鉄筋露出-c(暫定)"
    assert rows["candidate"][main] is None
    assert rows["rejected"][main] is None
    assert rows["candidate"]["今回AI所見"] == "⑦剥離・鉄筋露出-c～e(暫定); 確信度 0.50"
    assert "⑦剥離・鉄筋露出-d/e(暫定); 面積 0.20 ± 0.10 m²" in str(rows["graded"]["今回AI所見"])


def test_what_the_agency_decides_stays_empty() -> None:
    ours = (
        "対策区分(案)",
        "対策内容",
        "概算事業費(千円)",
        "財源(補助/債)",
        "着手予定年度",
        "完了予定年度",
        "新技術活用の有無",
    )
    for row in priority_sheet(_facts()).rows:
        assert [row[name] for name in ours] == [None] * len(ours)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("ja", ("指定なし", "迂回路なし", "あり 40 %", "1972(昭和47年度)", 54, 20.5)),
        ("en", ("none", "isolated", "yes 40 %", "FY1972", 54, 20.5)),
    ],
)
def test_inventory_values_are_told_in_words(language: Language, said: tuple[object, ...]) -> None:
    sheet = priority_sheet(_facts(), language)
    at = {name: sheet.columns[n] for n, name in enumerate(COLUMNS)}
    row = next(row for row in sheet.rows if row[at["finding_uid"]] == "graded")
    names = ("emergency_route", "detour", "third_party", "built", "age", "length")
    assert tuple(row[at[name]] for name in names) == said


def test_missing_inputs_are_stated_with_the_ranks_they_leave_open() -> None:
    rows = {row["所見ID"]: row for row in priority_sheet(_facts()).rows}
    said = str(rows["nowhere"]["データなしの項目と順位の幅"])
    assert "交通量: データなし(0.5として計算)、順位" in said
    best, worst = (int(end) for end in str(rows["nowhere"]["順位の幅"]).split("～"))
    assert best < worst
    assert best <= int(str(rows["nowhere"]["順位"])) <= worst


def test_an_inventory_value_that_cannot_be_read_is_not_told_as_missing() -> None:
    ranking = Ranking([a_finding()], {"bridge": a_bridge(aadt="many")}, load_profile(), today=TODAY)
    facts = ListFacts(ranking, ranking.priorities(), {}, {}, {})
    assert "「many」は読めない" in str(priority_sheet(facts).rows[0]["データなしの項目と順位の幅"])


@pytest.mark.parametrize(("language", "between"), [("ja", "～"), ("en", " to ")])
def test_a_range_of_ranks_is_never_a_day_to_a_spreadsheet(language: Language, between: str) -> None:
    sheet = priority_sheet(_facts(), language)
    column = sheet.columns[list(COLUMNS).index("rank_range")]
    assert any(re.fullmatch(rf"[0-9]+{between}[0-9]+", str(row[column])) for row in sheet.rows)


@pytest.mark.parametrize(
    ("given", "words"),
    [(1.0, "第三者被害 あり"), (0, "第三者被害 なし"), (0.4, "第三者被害 40 %"), (True, "第三者被害 あり")],
)
def test_shares_and_numbers_of_the_inventory_are_told_as_planners_write_them(given: object, words: str) -> None:
    ranking = Ranking([a_finding()], {"bridge": a_bridge(third_party_below=given, aadt=8200.0)}, load_profile())
    said = [term.words_ja for term in ranking.priorities()[0].terms]
    assert words in said
    assert "交通量 8,200" in said
