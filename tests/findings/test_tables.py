"""Tables for forms and spreadsheets: the form's columns, and what they tell."""

from __future__ import annotations

from shapely.geometry import box

from findings.finding import FindingStatus
from findings.ranking import load_profile, score_finding
from findings.tables import (
    FORM_EXTRA,
    RECORD_COLUMNS,
    form_columns,
    form_rows,
    record_rows,
)
from tests.findings.factories import a_bridge, a_finding, a_grade, a_measure


def test_the_form_has_the_columns_of_sheet_3_3_in_their_order() -> None:
    assert form_columns()[: -len(FORM_EXTRA)] == (
        "径間番号", "工種", "材料", "部材名", "部材記号", "要素番号", "損傷程度", "定量値", "単位", "損傷パターン",
        "損傷の種類", "分類",
    )  # fmt: skip


def test_a_crack_becomes_a_row_that_can_be_pasted_into_the_form() -> None:
    measures = (a_measure("length", 1.2, "m"), a_measure("width_p95", 0.35, "mm"))
    finding = a_finding(damage="6", grade=a_grade("d", "e"), measures=measures, member="Mg")
    (row,) = form_rows([(finding, None)], {"bridge": a_bridge()})
    assert (row["工種"], row["材料"], row["部材名"], row["部材記号"]) == ("上部構造", "C", "主桁", "Mg")
    assert (row["定量値"], row["単位"]) == (0.35, "mm")
    assert (row["損傷の種類"], row["損傷程度"]) == ("⑥ひびわれ", "d/e")
    assert (row["暫定"], row["確認状況"]) == ("暫定", "AI候補(未確認)")


def test_the_form_leaves_out_rivers_and_what_was_rejected_and_the_record_leaves_out_nothing() -> None:
    items = [
        (a_finding("river", damage="R17"), None),
        (a_finding("no", status=FindingStatus.REJECTED), None),
        (a_finding("twice", status=FindingStatus.DUPLICATE), None),
        (a_finding("yes", grade=a_grade("c", "d"), final_grade="c", member="柱X"), None),
    ]
    rows = form_rows(items, {})
    assert [(r["所見ID"], r["損傷程度"], r["部材名"]) for r in rows] == [("yes", "c", "柱X")]
    assert [r["所見ID"] for r in record_rows(items, {})] == ["river", "no", "twice", "yes"]


def test_the_record_tells_place_scale_reason_and_the_three_largest_terms() -> None:
    finding = a_finding(grade=a_grade("d"), place=box(131, 34, 131.2, 34.2), measures=(a_measure("area", 2.0, "px2"),))
    asset = a_bridge()
    (row,) = record_rows([(finding, score_finding(finding, asset, load_profile()))], {"bridge": asset})
    assert set(row) == set(RECORD_COLUMNS)
    assert (row["緯度"], row["経度"], row["施設名"]) == (34.1, 131.1, "水橋")
    assert (row["計測値"], row["縮尺の根拠"]) == ("area=2px2", "unknown")
    assert str(row["主な要因"]).count("点") == 3
