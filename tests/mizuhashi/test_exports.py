"""Sheets, report and layers through the program's own door, on two small surveys of one bridge."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import openpyxl
import pyogrio
import pypdf
import pytest
from PIL import Image as Pillow
from shapely.geometry import box

from findings.finding import FindingStatus
from findings.measure import Measure
from findings.registration import PictureRegistration
from findings.review import Review
from findings.store import Store, store_url
from findings.survey import Assignment, AssignmentSource, Image, ImageStatus, Scale, ScaleSource
from findings.tracking import Track, TrackState
from mizuhashi.coverage_record import remark_pair
from mizuhashi.record_pictures import RecordPictures
from mizuhashi.survey_record import gather
from models.registry import Registry
from tests.findings.store.samples import RUN, a_finding, an_asset
from tests.mizuhashi.conftest import Program

THEN, NOW = "2021", "2026"
SCALE = Scale(0.5, 0.02, ScaleSource.LASER_RANGE)
CRACK = box(20, 30, 80, 36)
SAME = PictureRegistration((1.0, 0.0, 2.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0), 40, 0.5)


def put_survey(program: Program, home: Path, photos: list[Path], name: str, uids: dict[str, str]) -> Image:
    """Take photographs into a survey and give its first one findings: uid to damage."""
    assert program("ingest", *photos, "--survey", name, "--asset", "bridge-1").status == 0
    with Store(store_url(home), home) as store:
        images = store.images(store.survey(name).uid)
        image = next(one for one in images if Path(one.path) == photos[0])
        made = Assignment("bridge-1", 1, "Mg", AssignmentSource.PERSON, 1.0)
        store.assign_images({image.uid: made})
        found = [
            replace(
                a_finding(image, uid, damage=damage, geometry_px=CRACK, evidence={}, scale=SCALE),
                measures=(Measure("width_p95", 0.35, "mm", 0.3, 0.4, "test"),),
                grade=replace(a_finding(image).grade, codes=("c", "e")),  # type: ignore[type-var]
                asset_uid="bridge-1", span=1, member="Mg",
            )
            for uid, damage in uids.items()
        ]  # fmt: skip
        store.record_image(replace(image, status=ImageStatus.INSPECTED), RUN, found)
    return image


@pytest.fixture
def surveys(program: Program, home: Path, photo: Callable[..., Path]) -> tuple[Path, Path]:
    """Two surveys: a crack seen both times, a spall that is gone, ㉖ that is new; one present picture is unjudged."""
    photos = [photo("then.jpg", 1), photo("now.jpg", 2), photo("other.jpg", 3)]
    assert program("db", "upgrade").status == 0
    with Store(store_url(home), home) as store:
        store.put_assets([an_asset()])
    put_survey(program, home, photos[:1], THEN, {"old": "6", "gone": "7"})
    put_survey(program, home, photos[1:], NOW, {"crack": "6", "scour": "26"})
    with Store(store_url(home), home) as store:
        uids = (store.survey(NOW).uid, store.survey(THEN).uid)
        tracks = [
            Track(*uids, "crack", "old", TrackState.PROGRESSED, registration=SAME, previous_grade="c",
                  sights=("old", "crack")),
            Track(*uids, None, "gone", TrackState.NOT_FOUND, note_ja="要説明", note_en="explain"),
            Track(*uids, "scour", None, TrackState.NEW),
        ]  # fmt: skip
        store.put_tracks(*uids, tracks)
        assert store.tracks(uids[0]) == tracks
    return photos[1], photos[2]


def test_the_record_holds_findings_tracks_and_what_was_not_seen(home: Path, surveys: tuple[Path, Path]) -> None:
    with Store(store_url(home), home) as store:
        record = gather(store, NOW, Registry(home))
    crack = next(entry for entry in record.entries if entry.finding.uid == "crack")
    assert (record.previous, crack.previous_grade, crack.joined is not None) == (THEN, "c", True)
    assert [one.previous.uid for one in record.lost] == ["gone"]
    assert {("Ds", "", "未撮影"), (None, "other.jpg", "縮尺不明")} <= {
        (one.member, one.picture, one.ja) for one in record.unseen
    }
    assert [(model.name, model.note[1] != "") for model in record.models] == [("crack", True)]


def test_the_workbook_has_every_picture_and_the_flag(
    program: Program, surveys: tuple[Path, Path], tmp_path: Path
) -> None:
    done = program("findings", "export", "--format", "xlsx", "--survey", NOW, "--out", tmp_path / "s.xlsx")
    assert (done.status, "wrote 2 findings" in done.out) == (0, True), done.err
    book = openpyxl.load_workbook(tmp_path / "s.xlsx")
    assert len(book["その3-2 損傷写真"]._images) == 4
    rows = list(book["その3-4 評価結果総括"].iter_rows(min_row=2, values_only=True))
    assert [row[6] for row in rows if row[9] == "NG"] == ["⑦剥離・鉄筋露出"]


def test_the_report_shows_then_and_now_and_both_languages(
    program: Program, surveys: tuple[Path, Path], tmp_path: Path
) -> None:
    for language, words in (("ja", ("前回(左)と今回(右)", "㉖洗掘")), ("en", ("Last time (left) and now", "Scour"))):
        out = tmp_path / f"{language}.pdf"
        done = program("report", NOW, "--out", out, "--lang", language)
        assert (done.status, done.err.count("note")) == (0, 0), done.err
        text = "".join(page.extract_text() for page in pypdf.PdfReader(out).pages).replace("\n", "")
        assert all(word.replace(" ", "") in text.replace(" ", "") for word in words)


def test_the_corrected_outline_is_drawn_and_each_photograph_is_opened_once(
    home: Path, surveys: tuple[Path, Path]
) -> None:
    with Store(store_url(home), home) as store:
        before = gather(store, NOW, Registry(home))
        review = Review("r", "crack", FindingStatus.CONFIRMED, "hanako", before.as_of, "api", box(60, 40, 110, 80))
        store.add_reviews([review])
        after = gather(store, NOW, Registry(home))
    pictures = []
    for record in (before, after):
        opened: list[str] = []
        with RecordPictures(home) as shots:
            shots.prepare(record.forms, lambda what, done, total, opened=opened: opened.append(what))  # type: ignore[misc]
            pictures.append(shots(next(e for e in record.entries if e.finding.uid == "crack")))
        assert opened == ["now.jpg", ""]
    assert pictures[0].detail is not None
    assert pictures[0].detail != pictures[1].detail


@pytest.mark.parametrize(("how", "words"), [("gone", "見つからない"), ("changed", "変わった"), ("broken", "変わった")])
def test_a_picture_that_is_gone_or_changed_is_stated_and_nothing_breaks(
    program: Program, surveys: tuple[Path, Path], tmp_path: Path, how: str, words: str
) -> None:
    now, _ = surveys
    if how == "gone":
        now.unlink()
    elif how == "changed":
        Pillow.new("RGB", (128, 96)).save(now)
    else:
        now.write_bytes(b"no picture")
    done = program("findings", "export", "--format", "xlsx", "--survey", NOW, "--out", tmp_path / "s.xlsx")
    assert (done.status, "2 pictures missing" in done.err) == (0, True), done.err
    page = openpyxl.load_workbook(tmp_path / "s.xlsx")["その3-2 損傷写真"]
    assert words in str(page.cell(2, 9).value)
    done = program("report", NOW, "--out", tmp_path / "r.pdf")
    assert (done.status, "2 pictures missing" in done.err) == (0, True), done.err


def test_the_picture_kept_at_the_inspection_stands_in_for_a_lost_original(
    home: Path, surveys: tuple[Path, Path]
) -> None:
    surveys[0].unlink()
    (home / "evidence").mkdir()
    Pillow.new("RGB", (50, 40)).save(home / "evidence" / "kept.jpg")
    with Store(store_url(home), home) as store:
        record = gather(store, NOW, Registry(home))
    entry = record.entries[0]
    with RecordPictures(home) as shots:
        for evidence, size in (("evidence/kept.jpg", 50), ("../../outside.jpg", None)):
            Pillow.new("RGB", (50, 40)).save(home.parent.parent / "outside.jpg")
            shot = shots(replace(entry, finding=replace(entry.finding, evidence={"overlay": evidence})))
            assert (shot.detail.width_px if shot.detail else None) == size
            assert "見つからない" in shot.note[0]


def test_a_sheet_as_csv_names_its_pictures_and_announces_what_cp932_lacks(
    program: Program, surveys: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "photos.csv"
    words = ("findings", "export", "--format", "csv", "--survey", NOW, "--out", out)
    done = program(*words, "--sheet", "3-2", "--encoding", "cp932")
    assert done.status == 0, done.err
    assert "cp932 has no ㉖: written as (26)" in done.err
    assert "photos-photos/0001.jpg" in out.read_text("cp932")
    assert len(list((tmp_path / "photos-photos").iterdir())) == 2
    done = program(*words, "--encoding", "cp932")
    assert (done.status, "(26)洗掘" in out.read_text("cp932")) == (0, True)


def test_layers_and_open_data_are_written_for_all_surveys(
    program: Program, surveys: tuple[Path, Path], tmp_path: Path
) -> None:
    assert program("findings", "export", "--format", "gpkg", "--out", tmp_path / "f.gpkg").status == 0
    meta, _, _, columns = pyogrio.raw.read(tmp_path / "f.gpkg", layer="findings")
    names = list(meta["fields"])
    assert sorted(columns[names.index("id")]) == ["crack", "gone", "scour"]  # the crack of last time is the same crack
    assert sorted(columns[names.index("rank")]) == [1, 2, 3]
    images = pyogrio.raw.read(tmp_path / "f.gpkg", layer="images")
    assert "縮尺不明" in list(images[3][list(images[0]["fields"]).index("gap")])
    assert program("findings", "export", "--format", "opendata", "--out", tmp_path / "o.csv").status == 0
    assert (tmp_path / "o.csv").read_text("utf-8-sig").startswith("全国地方公共団体コード,ID,")
    assert program("findings", "export", "--format", "geojson", "--out", tmp_path / "g.json").status == 0
    assert len(json.loads((tmp_path / "g.json").read_text())["features"]) == 3


REFUSED: tuple[tuple[tuple[str, ...], str], ...] = (
    (("findings", "export", "--format", "xlsx", "--out", "x.xlsx"), "add --survey NAME"),
    (("findings", "export", "--format", "csv", "--sheet", "3-4", "--out", "x"), "add --survey NAME"),
    (("findings", "export", "--format", "xlsx", "--survey", "nix", "--out", "x"), "no survey named 'nix'"),
    (("findings", "export", "--format", "gpkg", "--encoding", "cp932", "--out", "x"), "leave it out"),
    (("findings", "export", "--format", "xlsx", "--sheet", "3-2", "--out", "x"), "only csv files hold one sheet"),
    (("report", "nix", "--out", "x.pdf"), "no survey named 'nix'"),
    (("report", NOW, "--out", "/proc/none/x.pdf"), "could not be written"),
    (("findings", "export", "--format", "gpkg", "--out", "/proc/none/x.gpkg"), "could not be written"),
)


def test_what_cannot_be_exported_is_one_clear_line(
    program: Program, surveys: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words, told in REFUSED:
        done = program(*words)
        assert (done.status, told in done.err) == (1, True), (words, done.err)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("x")]


def test_an_unknown_encoding_is_wrong_usage(program: Program, tmp_path: Path) -> None:
    done = program("findings", "export", "--format", "csv", "--encoding", "latin1", "--out", tmp_path / "x")
    assert (done.status, "'utf-8-sig', 'cp932'" in done.err) == (2, True)


def test_a_survey_without_findings_reports_what_was_not_seen(
    program: Program, photo: Callable[..., Path], tmp_path: Path
) -> None:
    assert program("ingest", photo("a.jpg"), "--survey", "bare").status == 0
    assert program("report", "bare", "--out", tmp_path / "r.pdf").status == 0
    text = "".join(page.extract_text() for page in pypdf.PdfReader(tmp_path / "r.pdf").pages)
    assert "所見はありません" in text
    assert "縮尺不明" in text


@pytest.mark.parametrize(
    ("english", "japanese"),
    [
        ("angle of view unknown for 7 pictures that are fine enough", "分解能を満たす7枚は撮影角度が不明"),
        ("2 scenes belong to no river reach and do not count here (mizuhashi surveys assign)", "2シーンは"),
        ("a.tif does not count: it has no georeference", "a.tifは集計に含まない"),
        ("something quite new", "something quite new"),
    ],
)
def test_remarks_of_the_coverage_have_japanese_words(english: str, japanese: str) -> None:
    found = remark_pair(english)
    assert found[0].startswith(japanese)
    assert found[1] == english
