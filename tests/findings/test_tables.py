"""Tables for forms and spreadsheets: the form's columns, no formulas, no lost characters."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from findings.finding import FindingStatus
from findings.ranking import load_profile, score_finding
from findings.tables import (
    FORM_EXTRA,
    RECORD_COLUMNS,
    csv_text,
    encoded,
    form_columns,
    form_rows,
    guarded,
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


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\0=x"])
def test_text_that_a_spreadsheet_would_run_is_guarded(text: str) -> None:
    assert guarded(text) == f"'{text}"


def test_numbers_stay_numbers_and_plain_text_stays_plain() -> None:
    assert (guarded(-1.5), guarded(None), guarded("0101"), guarded("a=b")) == (-1.5, None, "0101", "a=b")


@settings(max_examples=60)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=4))
def test_no_cell_of_any_text_begins_like_a_formula_and_every_row_comes_back(cells: list[str]) -> None:
    columns = [f"c{n}" for n in range(len(cells))]
    text = csv_text(columns, [dict(zip(columns, cells, strict=True))])
    header, row = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert header == columns
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    assert [c.removeprefix("'") for c in row] == [c.replace("\0", "").removeprefix("'") for c in cells]


@settings(max_examples=60)
@given(st.text(max_size=40))
def test_cp932_never_fails_never_writes_a_question_mark_for_something_else_and_says_what_it_changed(text: str) -> None:
    content, notes = encoded(text, "cp932")
    assert content.decode("cp932").count("?") == text.count("?")
    assert bool(notes) == any(not _has_cp932(c) for c in text)


def _has_cp932(character: str) -> bool:
    try:
        return bool(character.encode("cp932"))
    except UnicodeEncodeError:
        return False


def test_damage_types_beyond_20_are_written_as_numbers_in_cp932_and_announced() -> None:
    content, notes = encoded("㉑異常な音・振動, ㉖洗掘, ⑳漏水, 25㎥", "cp932")
    assert content.decode("cp932") == "(21)異常な音・振動, (26)洗掘, ⑳漏水, 25m3"
    assert notes == [
        "cp932 has no ㉑: written as (21)", "cp932 has no ㉖: written as (26)", "cp932 has no ㎥: written as m3",
    ]  # fmt: skip


def test_utf_8_comes_with_a_bom_for_spreadsheets_unless_asked_otherwise() -> None:
    assert encoded("㉖")[0] == b"\xef\xbb\xbf" + "㉖".encode()
    assert encoded("㉖", "utf-8") == ("㉖".encode(), [])
