"""``CVAT for images 1.1``: one ``<polygon>`` a finding, its facts as ``<attribute>``.

CVAT keeps no facts of its own about a picture, but it keeps tags: the tag ``picture`` of each image carries its id, the
digest of its findings and the check box ``complete``. A task needs these labels before it takes the file; paste the
text of `setup_file` into the task's constructor ("Raw").
Format: https://docs.cvat.ai/docs/other/xml_format, version 1.1, annotation mode.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from shapely.geometry import Polygon

from findings.errors import RecordError
from findings.exports.task import (
    DECISIONS,
    PENDING,
    ReviewItem,
    ReviewPicture,
    ReviewTask,
    check_size,
    check_unique,
    checked_decision,
    ring,
    score_of,
    whole_size,
)
from findings.markup import MarkupError, UnsafeMarkup, parse_xml

PICTURE = "picture"
MAX_DEPTH = 32
MAX_ELEMENTS = 5_000_000
_TEXTS = ("finding_uid", "status", "model", "final_grade", "note")
_OTHER_SHAPES = ("box", "polyline", "points", "mask", "cuboid", "ellipse", "skeleton")


def write(task: ReviewTask) -> str:
    """Return the XML document of a task."""
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    meta = SubElement(SubElement(root, "meta"), "task")
    for name, value in (("name", task.survey), ("size", str(len(task.pictures))), ("mode", "annotation")):
        SubElement(meta, name).text = _clean(value)
    labels = SubElement(meta, "labels")
    for spec in _specs(task.labels):
        _label(labels, spec)
    for number, picture in enumerate(task.pictures):
        _image(root, picture, number)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def setup_file(task: ReviewTask) -> tuple[str, str]:
    """Return (suffix, text): the labels for CVAT's task constructor."""
    return ".labels.json", json.dumps(_specs(task.labels), ensure_ascii=False, indent=1) + "\n"


def _specs(labels: Iterable[str]) -> list[dict[str, Any]]:
    polygon = [_attribute("decision", "select", (PENDING, *DECISIONS))]
    polygon += [_attribute(name, "text", ("",)) for name in _TEXTS]
    polygon.append(_attribute("score", "text", ("",)))
    tag = [_attribute("complete", "checkbox", ("false",)), _attribute("image_uid", "text", ("",))]
    tag.append(_attribute("content", "text", ("",)))
    rows: list[dict[str, Any]] = [{"name": name, "type": "polygon", "attributes": polygon} for name in labels]
    return [*rows, {"name": PICTURE, "type": "tag", "attributes": tag}]


def _attribute(name: str, kind: str, values: tuple[str, ...]) -> dict[str, Any]:
    return {"name": name, "input_type": kind, "mutable": False, "values": list(values), "default_value": values[0]}


def _label(parent: Element, spec: dict[str, Any]) -> None:
    label = SubElement(parent, "label")
    SubElement(label, "name").text = spec["name"]
    SubElement(label, "type").text = spec["type"]
    attributes = SubElement(label, "attributes")
    for row in spec["attributes"]:
        attribute = SubElement(attributes, "attribute")
        SubElement(attribute, "name").text = row["name"]
        SubElement(attribute, "mutable").text = "False"
        SubElement(attribute, "input_type").text = row["input_type"]
        SubElement(attribute, "default_value").text = row["default_value"]
        SubElement(attribute, "values").text = "\n".join(row["values"])


def _image(root: Element, picture: ReviewPicture, number: int) -> None:
    size = {"width": str(picture.width_px), "height": str(picture.height_px)}
    image = SubElement(root, "image", {"id": str(number), "name": _clean(picture.file_name), **size})
    for item in picture.items:
        points = ";".join(f"{x:.3f},{y:.3f}" for x, y in item.outline_px.exterior.coords[:-1])
        facts = {"label": item.label, "source": "auto", "occluded": "0", "points": points, "z_order": "0"}
        polygon = SubElement(image, "polygon", facts)
        score = "" if item.score is None else repr(item.score)
        for name, value in (("decision", item.decision), *((n, getattr(item, n)) for n in _TEXTS), ("score", score)):
            SubElement(polygon, "attribute", {"name": name}).text = _clean(value)
    tag = SubElement(image, "tag", {"label": PICTURE, "source": "auto"})
    complete = "true" if picture.complete else "false"
    for name, value in (("complete", complete), ("image_uid", picture.image_uid), ("content", picture.content)):
        SubElement(tag, "attribute", {"name": name}).text = _clean(value)


def _clean(text: str) -> str:
    """Return text without the characters that XML 1.0 cannot hold (section 2.2), which notes and names may have."""
    return "".join(one for one in text if one in "\t\n\r" or (one >= " " and not _forbidden(one)))


def _forbidden(character: str) -> bool:
    return "\ud800" <= character <= "\udfff" or character in "\ufffe\uffff"


def read(content: bytes) -> ReviewTask:
    """Return the task of an ``annotations.xml``.

    Raises:
        RecordError: broken, of another mode, or a mark that cannot be taken.
    """
    root = _root(content)
    if root.tag != "annotations":
        raise RecordError(f"no CVAT file: the root is <{root.tag[:40]}>; expected <annotations>")
    if root.find("track") is not None:
        raise RecordError("a CVAT file of a video (tracks); export it as 'CVAT for images 1.1'")
    pictures = tuple(_picture(image) for image in root.iter("image"))
    labels = tuple(text for row in root.iter("label") if (text := row.findtext("name")) and text != PICTURE)
    survey = next((row.findtext("name") or "" for row in root.iter("task")), "")
    return check_unique(ReviewTask(survey, pictures, labels))


def _root(content: bytes) -> Element:
    check_size(content, "CVAT")
    try:
        return parse_xml(content, most_deep=MAX_DEPTH, most_elements=MAX_ELEMENTS)
    except UnsafeMarkup as error:
        raise RecordError(f"{error}; CVAT writes no such file, and it is not read") from error
    except MarkupError as error:
        raise RecordError(f"{error}; export the file from CVAT again, whole") from error


def _picture(image: Element) -> ReviewPicture:
    name = image.get("name", "")
    about = f"image {name[:80]!r}"
    if not name:
        raise RecordError(f"image {image.get('id', '')[:20]}: no name")
    other = next((shape for shape in image if shape.tag in _OTHER_SHAPES), None)
    if other is not None:
        raise RecordError(f"{about}: a {other.tag}; outline every damage as a polygon (masks: convert them)")
    tag = next((row for row in image.iter("tag") if row.get("label") == PICTURE), None)
    facts = {} if tag is None else _attributes(tag)
    return ReviewPicture(
        image_uid=facts.get("image_uid", ""),
        file_name=name,
        width_px=whole_size(image.get("width"), f"{about}: width"),
        height_px=whole_size(image.get("height"), f"{about}: height"),
        items=tuple(_item(row, f"{about}, polygon {n}") for n, row in enumerate(image.iter("polygon"), start=1)),
        content=facts.get("content", ""),
        complete=None if tag is None else facts.get("complete", "").lower() == "true",
    )


def _item(polygon: Element, about: str) -> ReviewItem:
    facts = _attributes(polygon)
    return ReviewItem(
        label=polygon.get("label", ""),
        outline_px=_outline(polygon.get("points", ""), about),
        score=score_of(facts.get("score"), about),
        decision=checked_decision(facts.get("decision"), about),
        finding_uid=facts.get("finding_uid", "").strip(),
        status=facts.get("status", ""),
        model=facts.get("model", ""),
        final_grade=facts.get("final_grade", "").strip(),
        note=facts.get("note", ""),
    )


def _attributes(element: Element) -> dict[str, str]:
    return {row.get("name", ""): row.text or "" for row in element.iter("attribute")}


def _outline(points: str, about: str) -> Polygon:
    try:
        pairs = [tuple(float(value) for value in pair.split(",")) for pair in points.split(";")]
    except ValueError as error:
        raise RecordError(f"{about}: points that are no x,y;x,y ...") from error
    if any(len(pair) != 2 for pair in pairs):
        raise RecordError(f"{about}: points that are no x,y;x,y ...")
    return ring(pairs, about)
