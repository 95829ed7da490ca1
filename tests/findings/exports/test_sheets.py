"""Sheets of a survey: the forms' columns word for word, nothing that runs, nothing lost unsaid."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from findings.errors import InputError, OutputError
from findings.exports.encoding import DANGEROUS
from findings.exports.open_data import open_data_sheet
from findings.exports.record import SurveyRecord
from findings.exports.sheet import Sheet, sheet_csv
from findings.exports.sheets import SHEETS, sheet_named, sheets_of
from findings.exports.xlsx import write_workbook
from findings.standard import load_standard
from tests.findings.exports.records import BRIDGE, HOSTILE, MOMENT, NAME, RIVER, a_record, entries, shots

FORMS = {
    "3-3": "damage_grade_sheet_3_3",
    "3-2": "damage_photo_sheet_3_2",
    "3-4": "summary_sheet_3_4",
    "header": "header",
    "river": "river_findings",
}


@pytest.fixture
def record() -> SurveyRecord:
    return a_record()


@pytest.fixture
def book(record: SurveyRecord, tmp_path: Path) -> Path:
    path = tmp_path / "survey.xlsx"
    write_workbook(path, sheets_of(record), shots, title="t", created=MOMENT, author="a")
    return path


def by(sheet: Sheet, column: str) -> list[Any]:
    return [row.get(column) for row in sheet.rows]


@pytest.mark.parametrize(("key", "form"), FORMS.items())
def test_the_columns_of_a_form_come_first_word_for_word(record: SurveyRecord, key: str, form: str) -> None:
    sheet = sheet_named(record, key)
    wanted = tuple(load_standard("form_columns")[form])
    assert sheet.columns[: len(wanted)] == wanted
    assert len(sheet.columns) == len(wanted) + sheet.own


def test_the_grade_sheet_says_what_the_form_asks_and_that_it_is_provisional(record: SurveyRecord) -> None:
    first = sheet_named(record, "3-3").rows[0]
    assert (first["径間番号"], first["工種"], first["材料"], first["部材記号"], first["要素番号"]) == (
        1, "上部構造", "C", "Mg", "0101",
    )  # fmt: skip
    assert (first["損傷程度"], first["定量値"], first["単位"], first["損傷の種類"]) == ("d/e", 0.35, "mm", "⑥ひびわれ")
    assert (first["暫定"], first["確認状況"]) == ("暫定", "AI候補(未確認)")


def test_a_rejected_finding_stays_out_of_the_forms_and_the_sheet_says_so(record: SurveyRecord) -> None:
    sheet = sheet_named(record, "3-3")
    assert "rejected" not in by(sheet, "所見ID")
    assert any("1件は記載していません" in note for note in sheet.notes)


def test_the_photo_sheet_has_last_times_grade_growth_and_the_remark_of_the_engineer(record: SurveyRecord) -> None:
    sheet = sheet_named(record, "3-2")
    assert by(sheet, "写真番号") == [1, 2, 3, 4, 5, 6, 7]
    assert sheet.rows[0]["前回損傷程度"] == "c"
    assert "+0.050 mm/年 (+0.020～+0.080)" in str(sheet.rows[0]["メモ(所見)"])
    assert f"技術者メモ: {HOSTILE[0]}" in str(sheet.rows[1]["メモ(所見)"])


def test_the_summary_flags_what_was_recorded_last_time_and_is_absent_now(record: SurveyRecord) -> None:
    sheet = sheet_named(record, "3-4")
    flagged = [row for row in sheet.rows if row["NG"] == "NG"]
    assert [(row["要素番号"], row["損傷の種類"], row["前回損傷程度"]) for row in flagged] == [
        ("0102", "⑥ひびわれ", "d/e")
    ]
    assert "確認できず" in str(flagged[0]["説明が必要な理由"])
    kept = next(row for row in sheet.rows if row["要素番号"] == "0101")
    assert (kept["今回損傷程度"], kept["前回損傷程度"], kept["NG"]) == ("d/e", "d/e", None)


def test_without_an_earlier_survey_nothing_is_flagged_and_the_sheet_says_why() -> None:
    alone = a_record(previous=None, lost=(), previous_findings=(), entries=entries()[1:])
    sheet = sheet_named(alone, "3-4")
    assert not any(by(sheet, "NG"))
    assert any("比較していない" in note for note in sheet.notes)


def test_unknown_cells_of_the_header_are_empty(record: SurveyRecord) -> None:
    row = sheet_named(record, "header").rows[0]
    assert (row["橋梁名"], row["橋長"], row["径間数"], row["完成年月"]) == (NAME, 12.5, 1, "1985年度")
    assert all(row[name] is None for name in ("フリガナ", "所在地(自)", "起点側緯度経度", "下部構造形式", "適用示方書"))


def test_the_river_record_calls_no_cover_an_obstruction_and_names_the_satellite(record: SurveyRecord) -> None:
    row = sheet_named(record, "river").rows[0]
    assert (row["施設種別"], row["変状種別"], row["評価(a-d)"]) == ("河道", "R15 土砂堆積", "b/c")
    assert row["点検種別(出水期前/台風期/出水後/地震後/衛星)"] == "衛星"
    assert row["対応方針"] is None


def test_the_annex_names_technology_accuracy_limits_and_who_confirmed(record: SurveyRecord) -> None:
    text = "\n".join(f"{row['区分']} {row['項目']} {row['内容']}" for row in sheet_named(record, "annex").rows)
    for words in ("mizuhashi 0.1.0", "abababab", "検出率 66 % (56～71), 的中率 未計測", "joints can be called cracks",
                  "確認者 =髙 21: 1件", "レーザー測距"):  # fmt: skip
        assert words in text


def test_what_was_not_seen_is_listed_with_its_reason(record: SurveyRecord) -> None:
    sheet = sheet_named(record, "unseen")
    assert list(zip(by(sheet, "部材記号"), by(sheet, "画像ファイル"), by(sheet, "理由"), strict=True)) == [
        ("Ds", None, "未撮影"),
        ("Mg", "b.jpg", "不鮮明"),
    ]
    assert any("健全を意味しません" in note for note in sheet.notes)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932"])
@pytest.mark.parametrize("key", SHEETS)
def test_no_cell_of_any_csv_begins_with_what_a_spreadsheet_runs(record: SurveyRecord, key: str, encoding: str) -> None:
    content, _ = sheet_csv(sheet_named(record, key), encoding)  # type: ignore[arg-type]
    rows = list(csv.reader(io.StringIO(content.decode(encoding), newline="")))
    ran = [cell for row in rows for cell in row if cell.startswith(DANGEROUS)]
    assert [cell for cell in ran if not (cell.startswith('="0') and cell.endswith('"'))] == []


def test_cp932_writes_fallbacks_for_damages_21_to_26_and_announces_them(record: SurveyRecord) -> None:
    content, notes = sheet_csv(sheet_named(record, "3-3"), "cp932")
    text = content.decode("cp932")
    for number in range(21, 27):
        assert f"({number})" in text
    assert "?" not in text
    assert len([note for note in notes if "written as (2" in note]) == 6
    plain, none = sheet_csv(sheet_named(record, "3-3"), "utf-8-sig")
    assert plain.startswith(b"\xef\xbb\xbf")
    assert "㉖洗掘" in plain.decode("utf-8-sig")
    assert none == []


def test_rare_characters_survive_where_the_encoding_has_them(record: SurveyRecord) -> None:
    content, _ = sheet_csv(sheet_named(record, "header"), "cp932")
    assert NAME in content.decode("cp932")
    named = replace(BRIDGE, name="容量㎥橋")
    swapped, notes = sheet_csv(open_data_sheet([named]), "cp932")
    assert "容量m3橋" in swapped.decode("cp932")
    assert notes == ["cp932 has no ㎥: written as m3"]


def test_codes_keep_their_zeros(record: SurveyRecord, book: Path) -> None:
    assert '"=""0101"""' in sheet_csv(sheet_named(record, "3-3"), "utf-8-sig")[0].decode("utf-8-sig")
    page = openpyxl.load_workbook(book)["その3-3 損傷程度の評価"]
    cell = page.cell(2, 6)
    assert (cell.value, cell.data_type, cell.number_format) == ("0101", "s", "@")


def test_the_workbook_has_the_sheets_with_frozen_heads_on_a4(book: Path, record: SurveyRecord) -> None:
    pages = openpyxl.load_workbook(book)
    assert pages.sheetnames == [sheet.title for sheet in sheets_of(record)]
    for page, sheet in zip(pages, sheets_of(record), strict=True):
        assert tuple(cell.value for cell in page[1]) == sheet.columns
        assert (page.freeze_panes, page.page_setup.paperSize, page.page_setup.orientation) == ("A2", 9, "landscape")
        assert page.print_title_rows == "$1:$1"


def test_no_cell_of_the_workbook_is_a_formula_or_begins_like_one(book: Path) -> None:
    for page in openpyxl.load_workbook(book):
        for row in page.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                assert not (isinstance(cell.value, str) and cell.value.startswith(DANGEROUS))


def test_every_photograph_stands_in_its_row_and_a_missing_one_is_stated(record: SurveyRecord, tmp_path: Path) -> None:
    path = tmp_path / "survey.xlsx"
    missing = write_workbook(path, sheets_of(record), shots, title="t", created=MOMENT, author="a")
    assert missing == ["f22"]
    page = openpyxl.load_workbook(path)["その3-2 損傷写真"]
    column = [cell.value for cell in page[1]].index("写真")
    rows = sorted({image.anchor._from.row for image in page._images})
    assert rows == [1, 2, 4, 5, 6, 7]  # 0 is the head; row 3 is damage 22
    assert {image.anchor._from.col for image in page._images} == {column}
    assert page.cell(4, column + 1).value == "写真なし(試験)"


def test_the_same_record_gives_the_same_workbook(record: SurveyRecord, book: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.xlsx"
    write_workbook(again, sheets_of(record), shots, title="t", created=MOMENT, author="a")
    assert again.read_bytes() == book.read_bytes()


def test_columns_are_wide_enough_for_their_japanese_heads(book: Path) -> None:
    page = openpyxl.load_workbook(book)["その3-3 損傷程度の評価"]
    assert page.column_dimensions["A"].width >= 8  # 径間番号: four characters of two digits each


def test_a_river_has_no_bridge_forms_and_a_bridge_no_river_record() -> None:
    bridge = a_record(entries=entries()[:2], assets={BRIDGE.uid: BRIDGE})
    river = a_record(entries=entries()[-1:], asset=RIVER, assets={RIVER.uid: RIVER}, previous=None)
    assert "river" not in {sheet.key for sheet in sheets_of(bridge)}
    assert {sheet.key for sheet in sheets_of(river)} & {"3-2", "3-3", "3-4", "header"} == set()
    assert {"river", "days", "annex", "unseen"} <= {sheet.key for sheet in sheets_of(river)}


def test_a_survey_without_findings_still_says_what_was_not_seen(tmp_path: Path) -> None:
    empty = a_record(entries=(), lost=(), previous=None, previous_findings=(), models=(), code_versions=())
    write_workbook(tmp_path / "e.xlsx", sheets_of(empty), shots, title="t", created=MOMENT, author="a")
    pages = openpyxl.load_workbook(tmp_path / "e.xlsx")
    assert "未撮影" in [cell.value for cell in pages["確認できなかった範囲"]["F"]]


def test_the_municipal_list_has_its_columns_and_the_position() -> None:
    sheet = open_data_sheet([BRIDGE, RIVER])
    assert sheet.columns == tuple(load_standard("form_columns")["municipal_facilities"])
    row = sheet.rows[0]
    assert (row["全国地方公共団体コード"], row["名称"], row["緯度"], row["経度"]) == ("012025", NAME, 34.2, 131.5)
    assert (row["電話番号"], sheet.rows[1]["緯度"]) == (None, None)


def test_an_unknown_sheet_and_a_place_that_cannot_be_written_are_refused(record: SurveyRecord, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'3-9': expected one of header, 3-2"):
        sheet_named(record, "3-9")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not be written"):
        write_workbook(tmp_path / "file" / "x.xlsx", (), shots, title="t", created=MOMENT, author="a")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
