"""Cells and characters for spreadsheets: no formulas, no lost characters, no lost zeros."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.exports.encoding import DANGEROUS, DASHES, Cell, csv_text, encoded, guarded, kept_as_text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\0=x", "＝1+1", " =1", "\u3000＠x", "\n=1"])
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
    assert not any(cell.lstrip(" \u3000\ufeff").startswith(DANGEROUS) for cell in row if cell not in DASHES)
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


@pytest.mark.parametrize("code", ["0101", "0012", "1-2", "3/4", "1E5", "2024-04", "3515206012345678"])
def test_codes_that_a_spreadsheet_would_rewrite_are_kept_as_text(code: str) -> None:
    assert kept_as_text(code) == f'="{code}"'
    text = csv_text(("要素番号", "数"), [{"要素番号": code, "数": code}], texts=("要素番号",))
    assert list(csv.reader(io.StringIO(text)))[1] == [f'="{code}"', code]


@settings(max_examples=60)
@given(st.text(max_size=30) | st.from_regex(r"[=+@0-9\-/]{1,12}", fullmatch=True))
def test_nothing_but_digits_and_signs_ever_stands_in_a_formula_of_ours(text: str) -> None:
    cell = kept_as_text(text)
    assert isinstance(cell, str)
    if cell.startswith("="):
        assert cell == f'="{text}"'
        assert set(text) <= set("0123456789-/eE")
    else:
        assert cell == guarded(text)


def test_a_dash_alone_says_that_there_is_nothing_and_stays() -> None:
    assert (guarded("-"), guarded("－"), guarded("－1")) == ("-", "－", "'－1")


def test_a_whole_number_is_written_without_a_point_and_any_other_as_it_is() -> None:
    row: dict[str, Cell] = {"a": 8200.0, "b": 0.1, "c": -3.0, "d": 1e300, "e": 7}
    assert csv_text("abcde", [row]).splitlines()[1] == "8200,0.1,-3,1e+300,7"
