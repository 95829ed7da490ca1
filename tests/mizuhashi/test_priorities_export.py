from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest

from findings.errors import StoreError
from findings.finding import FindingStatus
from findings.issued import IssuedList, IssuedRow
from findings.review import Review
from findings.store import Store, store_url
from tests.findings.store.samples import JST, RUN, an_asset
from tests.mizuhashi.conftest import Program
from tests.mizuhashi.test_priorities import filled as filled  # a fixture

EVIL = '=HYPERLINK("http://x","y")'


def _rows(path: Path, encoding: str = "utf-8-sig") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(encoding))))


def _store(home: Path) -> Store:
    return Store(store_url(home), home)


def _confirm(home: Path, uid: str) -> None:
    with _store(home) as store:
        decision = Review(f"r-{uid}", uid, FindingStatus.CONFIRMED, "second engineer", RUN.started_at, "test")
        store.add_reviews([decision])


def test_the_list_is_written_for_a_japanese_spreadsheet_and_kept_as_issued(
    program: Program, filled: Path, tmp_path: Path
) -> None:
    out = tmp_path / "list.csv"
    ran = program("priorities", "export", "--out", out, "--actor", "a planner", "--json")
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = _rows(out)
    assert [row["所見ID"] for row in rows] == ["two", "three", "one"]
    assert [row["順位"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["確認者"] == "an engineer"
    assert rows[0]["確認日"] == RUN.started_at.astimezone(JST).date().isoformat()
    assert rows[0]["交通量"] == "5400"
    assert rows[0]["判定区分"] == "Ⅲ"
    assert rows[0]["前回点検年度"] == "2024(令和6年度)"
    assert rows[0]["措置期限"] == "2030-03-31"
    assert "緊急輸送道路: データなし(0.5として計算)、順位2～" in rows[1]["データなしの項目と順位の幅"]
    assert rows[0]["前回順位"] == rows[0]["順位変動理由"] == ""
    with _store(filled) as store:
        kept = store.issued_list()
    assert (kept.uid, kept.actor) == (ran.document["list"], "a planner")
    assert [row.finding_uid for row in kept.rows] == ["two", "three", "one"]
    assert ran.document["previous"] is None


def test_the_next_list_says_where_each_row_stood_and_why_it_moved(
    program: Program, filled: Path, tmp_path: Path
) -> None:
    program("priorities", "export", "--out", tmp_path / "first.csv")
    _confirm(filled, "one")
    program("priorities", "export", "--out", tmp_path / "second.csv")
    row = next(row for row in _rows(tmp_path / "second.csv") if row["所見ID"] == "one")
    assert (row["前回順位"], row["順位"]) == ("3", "2")
    assert row["順位変動理由"].startswith("3位→2位: 確認状況(AI候補(未確認)→技術者確認)")
    listed = program("priorities", "issued", "--json").document
    assert [one["findings"] for one in listed] == [3, 3]
    assert program("priorities", "issued").out.count("default-v1") == 2


def test_the_workbook_keeps_candidates_apart_and_numbers_as_numbers(
    program: Program, filled: Path, tmp_path: Path
) -> None:
    out = tmp_path / "list.xlsx"
    program("priorities", "export", "--out", out)
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["優先順位一覧", "AI候補(未確認)", "施設別"]
    confirmed, candidates = book["優先順位一覧"], book["AI候補(未確認)"]
    head = [cell.value for cell in confirmed[1]]
    at = head.index("所見ID")
    assert [row[at].value for row in confirmed.iter_rows(min_row=2, max_row=3)] == ["two", None]
    assert [row[at].value for row in candidates.iter_rows(min_row=2, max_row=4)] == ["three", "one", None]
    assert confirmed.freeze_panes == "H2"
    traffic, number = confirmed.cell(2, head.index("交通量") + 1), confirmed.cell(2, head.index("県管理番号") + 1)
    assert (traffic.value, traffic.number_format) == (5400, "#,##0")
    assert number.number_format == "@"
    notes = [row[0].value for row in confirmed.iter_rows(min_row=4) if row[0].value]
    assert any(str(note).startswith("発行: ") for note in notes)


def test_no_name_runs_as_a_formula(program: Program, filled: Path, tmp_path: Path) -> None:
    with _store(filled) as store:
        store.put_assets([an_asset(name=EVIL, attributes={"route_name": "+1", "office_name": "@x"})])
    program("priorities", "export", "--out", tmp_path / "list.csv")
    row = _rows(tmp_path / "list.csv")[0]
    assert (row["施設名"], row["路線名/河川名"], row["管理事務所"]) == (f"'{EVIL}", "'+1", "'@x")
    program("priorities", "export", "--out", tmp_path / "list.xlsx")
    book = openpyxl.load_workbook(tmp_path / "list.xlsx")
    assert all(cell.data_type != "f" for page in book for cells in page.iter_rows() for cell in cells)


def test_what_cp932_lacks_is_written_otherwise_and_said(program: Program, filled: Path, tmp_path: Path) -> None:
    with _store(filled) as store:
        store.put_assets([an_asset(name="橋㉖")])
    out = tmp_path / "list.csv"
    ran = program("priorities", "export", "--out", out, "--encoding", "cp932")
    assert _rows(out, "cp932")[0]["施設名"] == "橋(26)"
    assert "cp932 has no ㉖: written as (26)" in ran.err


@pytest.mark.parametrize("name", ["list.csv", "list.xlsx"])
def test_a_place_that_cannot_be_written_issues_no_list(
    program: Program, filled: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / f"folder{Path(name).suffix}").mkdir()
    for out in (tmp_path / "file" / name, tmp_path / f"folder{Path(name).suffix}"):
        ran = program("priorities", "export", "--out", out)
        assert ran.status == 1
        assert out.name in ran.err
    with _store(filled) as store:
        assert store.issued_lists() == []


@pytest.mark.parametrize("name", ["list.csv", "list.xlsx"])
def test_a_list_that_cannot_be_kept_leaves_no_file_and_the_old_one_stays(
    program: Program, filled: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Store, values: IssuedList) -> None:
        raise StoreError("the database is read-only")

    monkeypatch.setattr(Store, "issue_list", refuse)
    out = tmp_path / name
    assert program("priorities", "export", "--out", out).status == 1
    assert list(tmp_path.glob("list*")) == []
    out.write_bytes(b"an earlier list")
    assert program("priorities", "export", "--out", out).status == 1
    assert out.read_bytes() == b"an earlier list"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", "list.ods"), ".csv or .xlsx"),
        (("--out", "list.xlsx", "--encoding", "cp932"), "--encoding cp932"),
        (("--out", "list.csv", "--actor", "  "), "actor"),
        (("--out", "list.csv", "--profile", "nothing"), "no priority profile"),
        (("--out", "list.csv", "--lang", "fr"), "fr"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_is_issued(
    program: Program, filled: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    ran = program("priorities", "export", *(str(tmp_path / w) if w.startswith("list.") else w for w in words))
    assert ran.status in (1, 2)
    assert said in ran.err
    assert list(tmp_path.glob("list*")) == []
    with _store(filled) as store:
        assert store.issued_lists() == []


def test_what_the_last_list_had_and_this_one_has_not_is_accounted_for(
    program: Program, filled: Path, tmp_path: Path
) -> None:
    with _store(filled) as store:
        lost = IssuedRow(1, "lost", "bridge-1", 70.0, "confirmed", {})
        store.issue_list(IssuedList("list-1", datetime(2026, 1, 5, tzinfo=UTC), "x", "default-v1", (lost,)))
    ran = program("priorities", "export", "--out", tmp_path / "list.xlsx")
    assert "1 findings of the last list are gone" in ran.err
    page = openpyxl.load_workbook(tmp_path / "list.xlsx")["前回の一覧にあり今回ない所見"]
    assert [cell.value for cell in page[2]][-1] == "lost"


def test_an_asset_that_its_record_alone_makes_due_is_not_forgotten(
    program: Program, filled: Path, tmp_path: Path
) -> None:
    with _store(filled) as store:
        store.put_assets([an_asset("bridge-9", name="無所見橋", soundness="IV", external_ids={})])
    ran = program("priorities", "export", "--out", tmp_path / "list.xlsx")
    assert "無所見橋" in ran.err
    page = openpyxl.load_workbook(tmp_path / "list.xlsx")["施設別"]
    assert [cell.value for cell in page[2]][3:7] == ["無所見橋", "橋梁", "bridge-9", "Ⅳ"]
    costs = tmp_path / "costs.csv"
    costs.write_text(
        "agency,damage_id,method,unit,yen,fiscal_year,source\nTest,6,inject,m,1000,2026,invented\n", encoding="utf-8"
    )
    assert "無所見橋" in program("priorities", "plan", "--budget", "5,000", "--costs", costs).out


def test_an_empty_record_gives_an_empty_list(program: Program, home: Path, tmp_path: Path) -> None:
    assert program("priorities", "issued").out.startswith("no list was issued yet")
    assert program("priorities", "export", "--out", tmp_path / "list.csv").status == 0
    assert program("priorities", "export", "--out", tmp_path / "list.xlsx").status == 0
    assert _rows(tmp_path / "list.csv") == []


def test_the_english_list_has_no_japanese_words(program: Program, filled: Path, tmp_path: Path) -> None:
    with _store(filled) as store:
        store.put_assets([an_asset(name="Bridge", soundness="III", attributes={"inspection_fy": 2024})])
    program("priorities", "export", "--out", tmp_path / "list.csv", "--lang", "en")
    text = tmp_path.joinpath("list.csv").read_text(encoding="utf-8-sig")
    assert _rows(tmp_path / "list.csv")[0]["finding id"] == "two"
    assert [c for c in text if "\u3040" <= c <= "\u30ff" or "\u4e00" <= c <= "\u9fff"] == []


def test_an_issued_list_is_shown_as_it_was_when_the_record_has_moved_on(
    program: Program, filled: Path, tmp_path: Path
) -> None:
    first = program("priorities", "export", "--out", tmp_path / "first.csv", "--json").document["list"]
    _confirm(filled, "one")
    shown = program("priorities", "issued", first)
    assert [line.split()[-1] for line in shown.out.splitlines()[1:4]] == ["two", "three", "one"]
    rows = program("priorities", "issued", first, "--json").document["rows"]
    assert [row["facts"]["status"] for row in rows] == ["confirmed", "candidate", "candidate"]
    assert rows[0]["score"] == pytest.approx(sum(rows[0]["terms"].values()))
    assert program("priorities", "list", "--json").document["rows"][1]["finding_uid"] == "one"


def test_a_list_that_was_never_issued_is_refused(program: Program, filled: Path) -> None:
    ran = program("priorities", "issued", "no-such-list")
    assert ran.status == 1
    assert "no issued list with id 'no-such-list'" in ran.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # a zip file closes twice, and fails twice
@pytest.mark.parametrize("name", ["list.csv", "list.xlsx"])
def test_a_full_disk_issues_no_list_and_the_old_file_stays(
    program: Program, filled: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    out.write_bytes(b"an earlier list")
    out.with_name(f"{name}.partial").symlink_to("/dev/full")
    ran = program("priorities", "export", "--out", out)
    assert ran.status == 1
    assert "could not be written" in ran.err
    assert [path.name for path in tmp_path.glob("list*")] == [name]
    assert out.read_bytes() == b"an earlier list"
    with _store(filled) as store:
        assert store.issued_lists() == []
