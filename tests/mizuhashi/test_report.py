"""The report page: complete, safe to open, and honest about what it shows."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image as Picture

from findings.asset import Span
from findings.errors import OutputError
from findings.survey import ImageStatus
from imagery.coverage import cover
from mizuhashi.coverage_words import in_words
from mizuhashi.demo import copy_overlays, prepare
from mizuhashi.listing import Row, export_csv, export_geojson
from mizuhashi.report import PageData, SurveyPart, write_report
from tests.findings.store.samples import a_finding, a_priority, an_asset, an_image

FORBIDDEN = ("危険", "安全", "異常確定", "診断結果(AI)")  # words that the users' guide forbids on any surface
HOSTILE = '<img src=x onerror="alert(1)">'


class Links(HTMLParser):
    """Collects what a page would load or lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


@pytest.fixture
def page(tmp_path: Path) -> str:
    image = an_image(path=f"/photos/{HOSTILE}.jpg")
    unseen = an_image("b.jpg", status=ImageStatus.NOT_ASSESSED, reason="all pixels are nodata")
    finding = a_finding(image)
    home = tmp_path / "home"
    (home / "evidence").mkdir(parents=True)
    Picture.new("RGB", (900, 600), (120, 130, 120)).save(home / finding.evidence["overlay"])
    rows = (Row(1, finding, a_priority(finding.uid, 62.0), an_asset(name=HOSTILE)),)
    pictures = copy_overlays(rows, home, tmp_path / "overlays")
    asset = an_asset(name=HOSTILE, spans=(Span(1, ("Mg", "Ds")),))
    coverage = tuple(map(in_words, cover((image, unseen), {asset.uid: asset}, asset.uid)))
    part = SurveyPart("2026", "bridge", (image, unseen), ("crack@1",), (("a.jpg", "a remark"),), coverage)
    data = PageData("Findings", 7, rows, pictures, (part,), {"inspect": 12.0}, None, 1900.0, (("x.csv", "a table"),))
    write_report(data, tmp_path / "report.html")
    return (tmp_path / "report.html").read_text("utf-8")


def test_the_page_says_what_it_is_and_shows_label_grades_interval_and_trace(page: str) -> None:
    for words in (
        "Generated imagery",
        "seed 7",
        "⑥ひびわれ-c/d (暫定)",
        "width below 0.310 mm",
        "最大幅",
        "largest width",
    ):
        assert words in page
    assert re.findall(r'class="g on">(\w)<', page) == ["c", "d"]
    assert "all pixels are nodata" in page


def test_the_page_says_what_was_not_seen(page: str) -> None:
    words = html.unescape(page)
    assert "未撮影 not captured: 2 of 2 members of the inventory" in words
    assert re.search(
        r"<td>1</td><td>Mg 主桁</td><td>0</td><td>0</td><td>0</td><td></td><td>未撮影 not captured</td>", words
    )
    assert "2 photographs can show them" in words
    assert "says something only where this table calls its pictures judged" in words


def test_text_from_files_and_inventories_cannot_become_markup(page: str) -> None:
    links = Links()
    links.feed(page)
    assert "<img src=x" not in page
    assert "script" not in links.tags
    assert "&lt;img src=x" in page


def test_the_page_loads_nothing_from_elsewhere(page: str) -> None:
    links = Links()
    links.feed(page)
    assert links.sources
    assert [s for s in links.sources if not s.startswith("data:image/jpeg;base64,") and "//" in s] == []
    assert "default-src 'none'" in page


def test_no_forbidden_word_stands_on_the_page(page: str) -> None:
    assert [word for word in FORBIDDEN if word in page] == []


def test_exports_hold_every_row_in_rank_order(tmp_path: Path) -> None:
    image = an_image()
    rows = [Row(n, a_finding(image, f"finding-{n}"), a_priority(f"finding-{n}", 100.0 - n), None) for n in (1, 2, 3)]
    export_csv(rows, tmp_path / "f.csv")
    export_geojson(rows, tmp_path / "f.geojson")
    lines = (tmp_path / "f.csv").read_bytes().decode("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines] == ["順位", "1", "2", "3"]
    assert (tmp_path / "f.geojson").read_text("utf-8").index("finding-1") > 0


def test_an_export_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(OutputError, match="could not be written"):
        export_csv([], tmp_path / "taken" / "f.csv")
    assert (tmp_path / "taken").read_text() == "a file, not a folder"


def test_the_demo_leaves_a_folder_alone_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="something else"):
        prepare(tmp_path, 7)
    assert (tmp_path / "thesis.tex").is_file()


def test_a_second_demo_starts_afresh_and_keeps_what_people_put_beside_it(tmp_path: Path) -> None:
    prepare(tmp_path / "demo", 7)
    (tmp_path / "demo" / "home").mkdir()
    (tmp_path / "demo" / "home" / "old.db").write_text("old")
    (tmp_path / "demo" / "notes.txt").write_text("mine")
    prepare(tmp_path / "demo", 8)
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == sorted(["demo.json", "notes.txt"])


def test_a_row_shows_the_final_grade_once_a_person_gave_one() -> None:
    finding = replace(a_finding(an_image()), final_grade="b")
    assert Row(1, finding, None, None).label == "⑥ひびわれ-b"
