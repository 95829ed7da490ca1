from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags
from PIL import Image as Pillow
from shapely.geometry import box

from findings.exports import ReviewFormat
from findings.finding import FindingStatus
from findings.store import Store, store_url
from findings.survey import Image, ImageStatus
from tests.findings.exports.samples import submitted
from tests.findings.store.samples import RUN, a_finding
from tests.mizuhashi.conftest import Program

CRACK, JOINT = box(10, 20, 60, 24), box(20, 60, 100, 64)
UIDS = ("5a5a5a5a-0000-5000-8000-000000000001", "5a5a5a5a-0000-5000-8000-000000000002")


@pytest.fixture
def survey(program: Program, home: Path, photo: Callable[..., Path]) -> Image:
    """A survey of two photographs; the first has a crack and a joint that a model takes for one."""
    first = photo("a.jpg")
    photo("b.jpg", 1)
    assert program("ingest", first.parent, "--survey", "bridge").status == 0
    with Store(store_url(home), home) as store:
        image = next(i for i in store.images(store.survey("bridge").uid) if i.path.endswith("a.jpg"))
        found = [
            a_finding(image, uid, geometry_px=outline, evidence={})
            for uid, outline in zip(UIDS, (CRACK, JOINT), strict=True)
        ]
        store.record_image(replace(image, status=ImageStatus.INSPECTED), RUN, found)
    return image


def decided(path: Path, decisions: dict[str, str]) -> None:
    document = json.loads(path.read_text())
    for row in document["annotations"]:
        row["attributes"]["decision"] = decisions.get(row["attributes"]["finding_uid"], "pending")
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("kind", list(ReviewFormat))
def test_what_was_exported_and_left_alone_changes_nothing(
    program: Program, survey: Image, tmp_path: Path, kind: ReviewFormat
) -> None:
    out = tmp_path / "review.file"
    done = program("reviews", "export", "--survey", "bridge", "--format", kind, "--out", out)
    assert done.status == 0, done.err
    assert "wrote 2 findings on 1 picture " in done.out
    out.write_bytes(submitted(out.read_text(), kind))
    told = program("reviews", "import", out, "--format", kind, "--reviewer", "hanako", "--json").document
    assert (told["pending"], told["added"], told["missing"], told["survey"]) == (2, 0, 0, "bridge")


def test_decisions_reach_the_list_the_finding_and_the_ranking(
    program: Program, survey: Image, home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "review.json"
    program("reviews", "export", "--survey", "bridge", "--format", "coco", "--out", out)
    decided(out, {UIDS[0]: "confirmed", UIDS[1]: "rejected"})
    done = program("reviews", "import", out, "--format", "coco", "--reviewer", "hanako")
    assert done.out.splitlines()[0] == ("survey bridge: 1 confirmed, 1 rejected; 0 corrected, 0 drawn anew, 0 pending")
    again = program("reviews", "import", out, "--format", "coco", "--reviewer", "hanako", "--json").document
    assert (again["added"], again["unchanged"]) == (0, 2)
    listed = program("findings", "list", "--survey", "bridge").out
    assert "\tconfirmed\t" in listed
    shown = program("findings", "show", UIDS[1][:36]).out
    assert "hanako (import:coco): rejected" in shown
    rows = program("reviews", "list", "--finding", UIDS[1], "--json").document
    assert [(row["reviewer"], row["decision"], row["model"]) for row in rows] == [("hanako", "rejected", "crack@1")]
    document = program("findings", "show", UIDS[0], "--json").document
    assert document["reviews"][0]["decision"] == "confirmed"
    with Store(store_url(home), home) as store:
        assert store.finding(UIDS[0])[1] is not None, "ranked anew"
    next_ = program("reviews", "export", "--survey", "bridge", "--format", "coco", "--out", tmp_path / "next.json")
    assert "wrote 1 finding " in next_.out, "what was rejected does not go out again"
    rejected = ("--status", "rejected", "--out", tmp_path / "rejected.json")
    assert "wrote 2 findings" in program("reviews", "export", "--survey", "bridge", "--format", "coco", *rejected).out


def test_a_drawn_damage_is_listed_with_its_place_and_grade_by_the_rule(
    program: Program, survey: Image, home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "review.json"
    program("reviews", "export", "--survey", "bridge", "--format", "coco", "--out", out)
    document = json.loads(out.read_text())
    category = next(row["id"] for row in document["categories"] if row["name"] == "exposed_rebar")
    image = document["images"][0]["id"]
    row = {"id": 99, "image_id": image, "category_id": category, "segmentation": [[70, 5, 90, 5, 90, 15, 70, 15]]}
    document["annotations"].append(row)
    out.write_text(json.dumps(document))
    assert "1 drawn anew" in program("reviews", "import", out, "--format", "coco", "--reviewer", "hanako").out
    again = program("reviews", "import", out, "--format", "coco", "--reviewer", "hanako", "--json").document
    assert again["added"] == 0
    with Store(store_url(home), home) as store:
        (drawn,) = [f for f in store.findings_of_image(survey.uid) if f.provenance.model == "person"]
    assert (drawn.status, drawn.damage, drawn.score) == (FindingStatus.CONFIRMED, "7", 1.0)
    assert drawn.grade is not None
    assert drawn.details == {"rebar_exposed": True, "class": "exposed_rebar"}


@pytest.mark.parametrize("how", ["copy", "link"])
def test_pictures_come_along_and_turned_ones_are_told_or_written_as_stored(
    program: Program, survey: Image, tmp_path: Path, how: str
) -> None:
    out = tmp_path / how / "review.xml"
    done = program("reviews", "export", "--survey", "bridge", "--format", "cvat", "--out", out, "--images", how)
    assert done.status == 0, done.err
    picture = out.parent / "images" / "a.jpg"
    assert picture.read_bytes() == Path(survey.path).read_bytes()
    assert picture.is_symlink() is (how == "link")
    assert out.with_name("review.labels.json").is_file()


def test_a_picture_that_label_tools_turn_is_copied_without_the_note_of_the_camera(
    program: Program, home: Path, photo: Callable[..., Path], tmp_path: Path
) -> None:
    path = photo("turned.jpg")
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Pillow.open(path).save(path, exif=exif)
    assert program("ingest", path, "--survey", "turned").status == 0
    with Store(store_url(home), home) as store:
        (image,) = store.images(store.survey("turned").uid)
        store.record_image(replace(image, status=ImageStatus.INSPECTED), RUN, [a_finding(image, UIDS[0])])
    words = ("reviews", "export", "--survey", "turned", "--format", "coco", "--out", tmp_path / "r.json")
    assert "turned.jpg: label tools show it turned" in program(*words).err
    done = program(*words, "--images", "copy")
    assert "turned" not in done.err
    with Pillow.open(tmp_path / "images" / "turned.png") as copied:
        assert copied.size == (128, 96)
        assert not copied.getexif()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["images"][0].update(width=64), "64 x 96 px in the file"),
        (lambda d: d["annotations"][1]["attributes"].update(finding_uid="none"), "'none' is not a finding"),
        (lambda d: d["categories"].append({"id": 999, "name": "moss"}) or d["annotations"][1].update(category_id=999),
         "label 'moss' is unknown"),
        (lambda d: d["annotations"][1].update(segmentation=[[1, 2, 3]]), "no list of x, y"),
        (lambda d: d["images"][0].update(image_uid="another"), "none of the survey's 2 pictures"),
    ],
)  # fmt: skip
def test_one_wrong_mark_refuses_the_file_and_nothing_is_taken(
    program: Program, survey: Image, home: Path, tmp_path: Path, change: Callable[[Any], None], words: str
) -> None:
    out = tmp_path / "review.json"
    program("reviews", "export", "--survey", "bridge", "--format", "coco", "--out", out)
    decided(out, dict.fromkeys(UIDS, "confirmed"))
    document = json.loads(out.read_text())
    change(document)
    out.write_text(json.dumps(document))
    done = program("reviews", "import", out, "--format", "coco", "--reviewer", "hanako", "--survey", "bridge")
    assert done.status == 1
    assert words in done.err
    assert done.err.startswith("error: review.json: ")
    assert len(done.err.splitlines()) == 1
    with Store(store_url(home), home) as store:
        assert store.reviews() == []


def test_wrong_calls_are_told_in_one_line(program: Program, survey: Image, tmp_path: Path) -> None:
    out = tmp_path / "r.json"
    gone = program("reviews", "import", out, "--format", "coco", "--reviewer", "hanako")
    assert (gone.status, "cannot be read" in gone.err) == (1, True)
    out.write_text('{"images": [], "annotations": [], "categories": []}')
    assert "name it with --survey" in program("reviews", "import", out, "--format", "coco", "--reviewer", "h").err
    assert "no survey named" in program("reviews", "export", "--survey", "x", "--format", "coco", "--out", out).err
    none = program("reviews", "export", "--survey", "bridge", "--format", "coco", "--out", out, "--status", "duplicate")
    assert "no photograph has a duplicate finding" in none.err
    nothing = program("train", "--from-reviews")
    assert (nothing.status, "no finding of a model was reviewed" in nothing.err) == (1, True)
    assert program("train").status == 2
    assert program("train", "--survey", "bridge").status == 2


def test_deleting_rejects_only_when_asked_for(program: Program, survey: Image, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "review.xml"
    program("reviews", "export", "--survey", "bridge", "--format", "cvat", "--out", out)
    text = out.read_text()
    start, end = text.index("<polygon"), text.index("</polygon>") + len("</polygon>")
    out.write_text(text[:start] + text[end:])
    done = program("reviews", "import", out, "--format", "cvat", "--reviewer", "hanako")
    assert "1 finding of those that went out not in the file" in done.out
    rejected = ("--missing", "rejected", "--pending", "confirmed", "--json")
    told = program("reviews", "import", out, "--format", "cvat", "--reviewer", "hanako", *rejected).document
    assert (told["decided"]["rejected"], told["decided"]["confirmed"]) == (1, 1)


@pytest.mark.parametrize("complete", [True, False])
def test_a_looked_over_picture_is_kept(
    program: Program, survey: Image, home: Path, tmp_path: Path, complete: bool
) -> None:
    out = tmp_path / "review.json"
    program("reviews", "export", "--survey", "bridge", "--format", "coco", "--out", out)
    document = json.loads(out.read_text())
    document["images"][0]["complete"] = complete
    out.write_text(json.dumps(document))
    program("reviews", "import", out, "--format", "coco", "--reviewer", "hanako")
    with Store(store_url(home), home) as store:
        assert [value.complete for value in store.picture_reviews()] == [True] * complete


def test_the_queue_asks_the_model_and_its_turned_views(
    program: Program, survey: Image, home: Path, tmp_path: Path
) -> None:
    rows = program("reviews", "queue", "--survey", "bridge", "--json").document
    assert {row["finding_uid"] for row in rows} == set(UIDS)
    values = [round(row["disagreement"], 2) for row in rows]
    assert all(first >= second - 0.001 for first, second in pairwise(values))  # nearer than that is a tie
    assert all("turned views" in row["reason"] for row in rows)
    assert "nothing to review" in _after_review(program, tmp_path)


def _after_review(program: Program, folder: Path) -> str:
    out = folder / "review.json"
    program("reviews", "export", "--survey", "bridge", "--format", "coco", "--out", out, "--queue", "--limit", "1")
    decided(out, dict.fromkeys(UIDS, "confirmed"))
    program("reviews", "import", out, "--format", "coco", "--reviewer", "hanako")
    return program("reviews", "queue", "--survey", "bridge").out


def test_the_newest_review_stands_first(program: Program, survey: Image, home: Path) -> None:
    from findings.review import Review

    with Store(store_url(home), home) as store:
        for number, decision in enumerate((FindingStatus.REJECTED, FindingStatus.CONFIRMED)):
            at = datetime(2026, 6, 1 + number, tzinfo=UTC)
            store.add_reviews([Review(str(number), UIDS[0], decision, "taro", at, "api", note=f"look {number}")])
    lines = [line for line in program("findings", "show", UIDS[0]).out.splitlines() if "taro" in line]
    assert "confirmed: look 1" in lines[0]
    assert "rejected: look 0" in lines[1]
