from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from shapely.geometry import box

from findings.errors import RecordError
from findings.exports import ReviewFormat, read, setup_file, write
from findings.exports.task import MAX_CORNERS, ReviewItem, ReviewPicture, ReviewTask
from findings.review import moved
from tests.findings.exports.samples import UIDS, edited, submitted, tasks

FORMATS = list(ReviewFormat)
COCO, CVAT, LABELSTUDIO = FORMATS
TASK = ReviewTask(
    "2026",
    (
        ReviewPicture(
            "image-1", "a.jpg", 400, 300, (ReviewItem(UIDS[0], "crack", box(10, 20, 60, 24), 0.5),), "c", False
        ),
    ),
    ("crack", "rust"),
)


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(task=tasks())
def test_what_goes_out_comes_back_with_its_ids_classes_and_outlines(kind: ReviewFormat, task: ReviewTask) -> None:
    back = read(submitted(write(task, kind), kind), kind)
    assert back.survey == task.survey
    for sent, got in zip(task.pictures, back.pictures, strict=True):
        assert (got.image_uid, got.file_name, got.content, got.complete) == (
            sent.image_uid, sent.file_name, sent.content, sent.complete,
        )  # fmt: skip
        assert (got.width_px, got.height_px) == (sent.width_px, sent.height_px)
        for a, b in zip(sent.items, got.items, strict=True):
            facts = ("finding_uid", "label", "decision", "final_grade", "note", "score")
            assert [getattr(a, name) for name in facts] == [getattr(b, name) for name in facts]
            assert not moved(a.outline_px, b.outline_px, by_px=0.01)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # pycocotools' own, against numpy 2
def test_pycocotools_reads_the_coco_file_and_sees_the_same_pixels(tmp_path: Path) -> None:
    from pycocotools import coco

    path = tmp_path / "review.json"
    path.write_text(write(TASK, COCO))
    data = coco.COCO(str(path))
    (annotation,) = data.loadAnns(data.getAnnIds())
    assert data.loadCats(annotation["category_id"])[0]["name"] == "crack"
    assert data.annToMask(annotation).sum() == 50 * 4
    assert annotation["bbox"] == [10, 20, 50, 4]
    assert annotation["attributes"]["finding_uid"] == UIDS[0]


def test_the_tools_are_told_labels_and_decisions_before_they_read_the_file() -> None:
    assert setup_file(TASK, COCO) is None
    suffix, text = setup_file(TASK, CVAT) or ("", "")
    labels = {row["name"]: [a["name"] for a in row["attributes"]] for row in json.loads(text)}
    assert (suffix, set(labels)) == (".labels.json", {"crack", "rust", "picture"})
    assert "finding_uid" in labels["crack"]
    suffix, text = setup_file(TASK, LABELSTUDIO) or ("", "")
    assert suffix == ".config.xml"
    assert 'value="rust"' in text
    assert 'value="needs_close_inspection"' in text


@pytest.mark.parametrize("kind", FORMATS)
def test_an_archive_with_the_one_file_in_it_is_read_too(kind: ReviewFormat) -> None:
    content = submitted(write(TASK, kind), kind)
    name = "annotations.xml" if kind is CVAT else "annotations/instances_default.json"
    assert read(_zip({name: content}), kind) == read(content, kind)
    with pytest.raises(RecordError, match="an archive with 0"):
        read(_zip({"readme.txt": b""}), kind)
    with pytest.raises(RecordError, match="an archive with 2"):
        read(_zip({name: content, f"more/{name}": content}), kind)
    with pytest.raises(RecordError, match="damaged"):
        read(_zip({name: content})[:80], kind)


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[" * 5000, b"<annotations>", b"null", b'"x"', b"[1]", b"<x/>", b'{"a": NaN}'],
)
def test_a_broken_file_is_one_clear_error(kind: ReviewFormat, content: bytes) -> None:
    with pytest.raises(RecordError) as refused:
        read(content, kind)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE annotations [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE annotations SYSTEM "file:///etc/passwd">',
    ],
)
def test_a_document_type_in_the_xml_is_refused(head: str) -> None:
    text = write(TASK, CVAT)
    first, rest = text.split("\n", 1)
    with pytest.raises(RecordError, match="document type"):
        read(f"{first}\n{head}\n{rest}".encode(), CVAT)


def test_xml_nested_without_end_is_refused() -> None:
    with pytest.raises(RecordError, match="levels"):
        read(b"<annotations>" + b"<a>" * 100_000, CVAT)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_finding_that_stands_twice_is_refused(kind: ReviewFormat) -> None:
    picture = TASK.pictures[0]
    task = replace(TASK, pictures=(picture, replace(picture, image_uid="image-2", file_name="b.jpg")))
    with pytest.raises(RecordError, match="stands twice"):
        read(submitted(write(task, kind), kind), kind)


def _points(kind: ReviewFormat, document: Any, points: list[tuple[float, float]]) -> None:
    if kind is COCO:
        document["annotations"][0]["segmentation"] = [[value for pair in points for value in pair]]
    elif kind is CVAT:
        document.find(".//polygon").set("points", ";".join(f"{x},{y}" for x, y in points))
    else:
        document[0]["annotations"][0]["result"][0]["value"]["points"] = [[x / 4, y / 3] for x, y in points]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([(0.0, 0.0), (9.0, 9.0)], "expected at least 3"),
        ([(5.0, 5.0)] * 4, "without area"),
        ([(0.0, 0.0), (9.0, 0.0), (float("inf"), 4.0)], "finite|no list|readable"),
        ([(1.0, float(n)) for n in range(MAX_CORNERS + 1)], f"at most {MAX_CORNERS}"),
        ([(0, 0), (100, 100), (100, 0), (0, 100)], "2 parts"),
    ],
    ids=["two corners", "a point", "infinite", "too many corners", "a figure of eight"],
)
def test_an_outline_that_is_none_is_refused(kind: ReviewFormat, points: list[tuple[float, float]], words: str) -> None:
    content = submitted(write(TASK, kind), kind)
    with pytest.raises(RecordError, match=words):
        read(edited(content, kind, lambda document: _points(kind, document, points)), kind)


def test_a_crossing_by_a_hair_is_mended() -> None:
    corners = [(0.0, 0.0), (100.0, 0.0), (100.0, 50.0), (99.9, 50.1), (99.95, 50.0), (0.0, 50.0)]
    content = edited(write(TASK, COCO).encode(), COCO, lambda document: _points(COCO, document, corners))
    (item,) = read(content, COCO).pictures[0].items
    assert item.outline_px.is_valid
    assert item.outline_px.area == pytest.approx(5000, rel=0.01)


def _set(path: str, value: Any) -> Any:
    def change(document: Any) -> None:
        *parents, last = [int(word) if word.isdigit() else word for word in path.split(".")]
        for word in parents:
            document = document[word]
        document[last] = value

    return change


@pytest.mark.parametrize(
    ("kind", "path", "value", "words"),
    [
        (COCO, "annotations.0.segmentation", {"counts": "abc", "size": [3, 3]}, "a mask"),
        (COCO, "annotations.0.segmentation", [[1, 2, 3]], "no list of x, y"),
        (COCO, "annotations.0.segmentation", [7], "corners|no list"),
        (COCO, "annotations.0.segmentation", [[1, 2, "x", 4, 5, 6]], "no list of x, y"),
        (COCO, "annotations.0.segmentation", [[], 3], "corners|no list"),
        (COCO, "annotations.0.image_id", 99, "none of the file's images"),
        (COCO, "annotations.0.category_id", 99, "none of the file's"),
        (COCO, "annotations.0.attributes", "x", "expected an object"),
        (COCO, "annotations.0.attributes.decision", "maybe", "decision 'maybe'"),
        (COCO, "images.0.width", "wide", "size in pixels"),
        (COCO, "images.0.file_name", None, "no file_name"),
        (COCO, "images", 5, "no COCO file"),
        (COCO, "images.0", 5, "list of objects"),
        (COCO, "categories.0.id", [1], "list of objects"),
        (LABELSTUDIO, "0.data", None, "no data"),
        (LABELSTUDIO, "0.annotations", 3, "no list of objects"),
        (LABELSTUDIO, "0.annotations.0.result", {}, "no list of objects"),
        (LABELSTUDIO, "0.annotations.0.result.0.value", 3, "without value"),
        (LABELSTUDIO, "0.annotations.0.result.0.type", "brushlabels", "no polygon"),
        (LABELSTUDIO, "0.annotations.0.result.0.image_rotation", 90, "rotated"),
        (LABELSTUDIO, "0.annotations.0.result.0.value.polygonlabels", ["crack", "rust"], "exactly one"),
        (LABELSTUDIO, "0.annotations.0.result.0.value.points", [[1, 2], [3]], "in percent"),
        (LABELSTUDIO, "0.annotations.0.result.0.original_width", 0, "size in pixels"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_json_that_cannot_be_taken_is_refused_by_name(kind: ReviewFormat, path: str, value: Any, words: str) -> None:
    content = submitted(write(TASK, kind), kind)
    with pytest.raises(RecordError, match=words):
        read(edited(content, kind, _set(path, value)), kind)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('points="60.000,20.000', 'points="abc', "no x,y"),
        ('points="60.000,20.000', 'points="1,2,3', "no x,y"),
        ('width="400"', 'width="-4"', "size in pixels"),
        ('name="a.jpg"', 'name=""', "no name"),
        ("<polygon", '<box label="crack" xtl="1" ytl="1" xbr="5" ybr="5" /><polygon', "a box"),
        ("<meta>", '<track id="1" label="crack" /><meta>', "a video"),
        ('name="decision">pending<', 'name="decision">perhaps<', "decision 'perhaps'"),
        (">0.5<", ">half<", "score 'half'"),
    ],
)
def test_a_cvat_file_that_cannot_be_taken_is_refused_by_name(old: str, new: str, words: str) -> None:
    text = write(TASK, CVAT)
    assert old in text
    with pytest.raises(RecordError, match=words):
        read(text.replace(old, new, 1).encode(), CVAT)


def test_label_studio_counts_the_last_annotation_and_no_cancelled_one() -> None:
    def change(document: Any) -> None:
        (first,) = document[0]["annotations"]
        document[0]["annotations"] = [{"result": []}, first, {"result": [], "was_cancelled": True}]

    content = edited(submitted(write(TASK, LABELSTUDIO), LABELSTUDIO), LABELSTUDIO, change)
    assert len(read(content, LABELSTUDIO).pictures[0].items) == 1
    assert read(write(TASK, LABELSTUDIO).encode(), LABELSTUDIO).pictures == (), "nobody submitted anything"
