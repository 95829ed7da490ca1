"""The report as its readers and machines read it: text, font, pages, bookmarks, bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pypdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from findings.errors import OutputError
from findings.exports import pdf_font
from findings.exports.pdf import write_pdf
from findings.exports.record import Entry, Shot, SurveyRecord
from findings.review import Review
from findings.survey import ImageKind, Scale
from findings.wording import Language
from tests.findings.exports.records import MOMENT, NAME, a_jpeg, a_picture, a_record, entries, shots

FORBIDDEN = ("危険", "安全", "異常確定", "診断結果(AI)")
Written = Callable[..., pypdf.PdfReader]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Return a function that writes a report and reads it back."""

    def write(record: SurveyRecord | None = None, language: Language = "ja", **options: Any) -> pypdf.PdfReader:
        path = tmp_path / "report.pdf"
        write_pdf(path, record or a_record(), options.pop("shots", shots), language=language, **options)
        return pypdf.PdfReader(path)

    return write


def text_of(reader: pypdf.PdfReader) -> str:
    """All text without line ends and blanks, which the layout puts anywhere."""
    return re.sub(r"\s+", "", "".join(page.extract_text() for page in reader.pages))


def test_the_report_says_what_an_engineer_needs_in_japanese(written: Written) -> None:
    text = text_of(written())
    for words in (
        "点検所見報告書", NAME, "令和8年=点検", "AI候補(未確認)", "技術者確認", "⑥ひびわれ-d/e(暫定)", "㉖洗掘",
        "幅(95%点)0.350±0.050mm", "長さ1.20±0.10m", "0.500±0.020mm/px(レーザー測距)", "最大幅0.35mm(RC大)・密→e",
        "進行,前回c", "+0.050mm/年", "健全性の診断の区分", "所見がないことは健全を意味しません", "未撮影", "不鮮明",
        "確認できず(NG)", "要説明", "検出率66%(56-71)", "ab" * 32, "mizuhashi0.1.0", "写真なし(試験)",
    ):  # fmt: skip
        assert words in text, words


def test_the_report_says_the_same_in_english(written: Written) -> None:
    text = text_of(written(language="en"))
    for words in ("Inspectionfindingsreport", "AIcandidate(unreviewed)", "confirmedbyanengineer", "provisional", NAME,
                  "⑥Cracking(concrete)", "width0.350±0.050mm", "progressed,lasttimec", "notcaptured", "recall66%",
                  "Nofindingdoesnotmeansound", "notfound(NG)", "explain"):  # fmt: skip
        assert words in text, words


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_word_that_the_guide_forbids_stands_in_the_report(written: Written, language: Language) -> None:
    text = text_of(written(language=language))
    assert [word for word in FORBIDDEN if word in text] == []


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_one_font_is_embedded_and_there_is_no_other(written: Written, language: Language) -> None:
    fonts = {}
    for page in written(language=language).pages:
        resources: Any = page["/Resources"]
        for font in resources.get("/Font", {}).values():
            made = font.get_object()
            fonts[made["/BaseFont"].split("+")[-1]] = "/FontFile2" in made["/FontDescriptor"]
    assert fonts == {"IPAexGothic": True}


def test_every_page_tells_its_number_and_how_many_there_are(written: Written) -> None:
    reader = written()
    count = len(reader.pages)
    assert count > 4
    for number, page in enumerate(reader.pages, start=1):
        assert f"{number}/{count}" in re.sub(r"\s+", "", page.extract_text())


def test_the_outline_leads_to_the_sections_and_to_each_finding(written: Written) -> None:
    reader = written()
    top = [item for item in reader.outline if not isinstance(item, list)]
    assert [item.title for item in top] == ["点検所見報告書", "総括", "所見", "確認できなかった範囲", "来歴"]
    findings: list[Any] = next(item for item in reader.outline if isinstance(item, list))
    assert findings[0].title.startswith("1. ⑥ひびわれ-d/e (暫定)")
    assert len(findings) == 8
    pages = [reader.get_destination_page_number(item) or 0 for item in top]
    assert pages == sorted(pages)
    assert pages[0] == 0


def test_the_same_record_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        write_pdf(tmp_path / name, a_record(), shots)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_pictures_stand_in_the_report(written: Written) -> None:
    images = sum(len(page.images) for page in written().pages)
    assert images == 7 * 2 - 1  # a detail and a whole for each but damage 22; a scene has one


def test_then_and_now_stand_side_by_side_where_pictures_are_registered(written: Written) -> None:
    def both(entry: Entry) -> Shot:
        return replace(shots(entry), pair=a_jpeg(80, 40) if entry.rank == 1 else None)

    text = text_of(written(shots=both))
    assert text.count("前回(左)と今回(右)") == 1


def test_an_unknown_scale_is_said_instead_of_a_scale_bar(written: Written) -> None:
    first = entries()[0]
    unknown = replace(first, finding=replace(first.finding, scale=Scale()))
    assert "縮尺不明:縮尺線なし" in text_of(written(a_record(entries=(unknown,))))


def test_rejected_findings_are_counted_and_not_shown(written: Written) -> None:
    text = text_of(written())
    assert "棄却または重複とされた1件は示しません" in text
    assert "rejected" not in text


def test_a_limit_shows_the_first_and_says_how_many_there_are(written: Written) -> None:
    text = text_of(written(limit=2))
    assert "8件のうち優先順位の上位2件を示します" in text
    assert "㉑異常な音・振動" in text
    assert "f23" not in text


def test_a_survey_without_findings_still_says_what_was_seen_and_what_was_not(written: Written) -> None:
    empty = a_record(entries=(), lost=(), previous=None, previous_findings=(), models=())
    text = text_of(written(empty))
    for words in (
        "所見はありません",
        "未撮影",
        "幅0.2mmのひびわれには0.6mm/pxが必要:2枚中1枚が満たす",
        "比較していません",
    ):
        assert words in text, words


def test_long_notes_and_names_stay_on_their_page_and_say_that_they_are_cut(written: Written) -> None:
    first = entries()[0]
    review = Review("r", "crack", first.finding.status, "名" * 200, MOMENT, "api", note="長" * 4000)
    long = replace(first, reviews=(review, review), asset=replace(first.asset, name="橋" * 500))  # type: ignore[type-var]
    for kind in (ImageKind.PHOTO, ImageKind.SCENE):
        shown = replace(long, image=a_picture(kind=kind))
        assert "全文は記録にあります" in text_of(written(a_record(entries=(shown, shown))))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=600), note=st.text(max_size=4000), many=st.integers(0, 30))
def test_any_name_note_and_number_of_measures_fit_on_pages(written: Written, name: str, note: str, many: int) -> None:
    first = entries()[0]
    review = Review("r", "crack", first.finding.status, name or "n", MOMENT, "api", note=note)
    measures = first.finding.measures * many
    entry = replace(
        first,
        reviews=(review,) * 3,
        finding=replace(first.finding, measures=measures, element_no=name[:50]),
        asset=replace(first.asset, name=name),  # type: ignore[type-var]
    )
    assert len(written(a_record(entries=(entry,))).pages) >= 4


def test_markup_in_names_is_shown_as_it_is(written: Written) -> None:
    first = entries()[0]
    hostile = replace(first, asset=replace(first.asset, name="<b>&amp;</para><img src='x'/>"))  # type: ignore[type-var]
    assert "<b>&amp;</para><imgsrc='x'/>" in text_of(written(a_record(entries=(hostile,))))


def test_a_character_that_the_font_lacks_is_marked_and_named(tmp_path: Path) -> None:
    first = entries()[0]
    rare = replace(first, asset=replace(first.asset, name="橋\U0001f309"))  # type: ignore[type-var]
    path = tmp_path / "r.pdf"
    assert write_pdf(path, a_record(entries=(rare,)), shots) == ["\U0001f309"]
    text = text_of(pypdf.PdfReader(path))
    assert "橋〓" in text
    assert "U+1F309" in text


def test_a_missing_font_is_an_error_with_a_remedy_and_never_another_font(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(pdf_font, "distribution", gone)
    with pytest.raises(OutputError, match=r"IPAexGothic is missing.*pip install --force-reinstall matplotlib-fontja"):
        write_pdf(tmp_path / "r.pdf", a_record(), shots)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not be written"):
        write_pdf(tmp_path / "file" / "r.pdf", a_record(), shots)
