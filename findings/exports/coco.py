"""COCO instances: polygons in pixels, x right and y down from the corner of the first pixel.

Our facts stand in ``attributes`` of each annotation, which CVAT and its like carry through; the picture's in the image
record and, because tools drop unknown fields there, found again by file name.
Format: https://cocodataset.org/#format-data (section object detection).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import shapely
from shapely.geometry import Polygon

from findings.errors import RecordError
from findings.exports.task import (
    PENDING,
    ReviewItem,
    ReviewPicture,
    ReviewTask,
    check_unique,
    checked_decision,
    one_part,
    read_json,
    ring,
    score_of,
    whole_size,
)

_TEXTS = ("status", "model", "final_grade", "note")


def write(task: ReviewTask) -> str:
    """Return the JSON document of a task; ids count from 1, as pycocotools wants them."""
    numbers = {name: index + 1 for index, name in enumerate(task.labels)}
    annotations: list[dict[str, Any]] = []
    images = []
    for number, picture in enumerate(task.pictures, start=1):
        images.append(
            {
                "id": number,
                "file_name": picture.file_name,
                "width": picture.width_px,
                "height": picture.height_px,
                "image_uid": picture.image_uid,
                "content": picture.content,
                "complete": bool(picture.complete),
            }
        )
        annotations += [
            _annotation(item, number, numbers[item.label], len(annotations) + place)
            for place, item in enumerate(picture.items, start=1)
        ]
    document = {
        "info": {"description": "mizuhashi review", "version": "1", "survey": task.survey},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name, "supercategory": "damage"} for name, number in numbers.items()],
    }
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _annotation(item: ReviewItem, image: int, category: int, number: int) -> dict[str, Any]:
    left, top, right, bottom = item.outline_px.bounds
    attributes = {"finding_uid": item.finding_uid, "decision": item.decision, **{k: getattr(item, k) for k in _TEXTS}}
    if item.score is not None:
        attributes["score"] = item.score
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": [[round(value, 3) for pair in item.outline_px.exterior.coords[:-1] for value in pair]],
        "area": round(item.outline_px.area, 2),
        "bbox": [round(value, 3) for value in (left, top, right - left, bottom - top)],
        "iscrowd": 0,
        "attributes": attributes,
    }


def setup_file(task: ReviewTask) -> None:
    """Return None: COCO files tell their categories themselves."""
    return


def read(content: bytes) -> ReviewTask:
    """Return the task of a COCO file.

    Raises:
        RecordError: broken, or an annotation that cannot be taken.
    """
    document = read_json(content, "the label tool")
    if not isinstance(document, dict) or not all(
        isinstance(document.get(name), list) for name in ("images", "annotations", "categories")
    ):
        raise RecordError("no COCO file: expected an object with images, annotations and categories")
    names = {row.get("id"): str(row.get("name", "")) for row in _rows(document, "categories")}
    items: dict[Any, list[ReviewItem]] = {row.get("id"): [] for row in _rows(document, "images")}
    for row in _rows(document, "annotations"):
        about = f"annotation {str(row.get('id'))[:20]}"
        if not isinstance(row.get("image_id"), int | str) or row["image_id"] not in items:
            raise RecordError(f"{about}: image_id {str(row.get('image_id'))[:20]} is none of the file's images")
        if not isinstance(row.get("category_id"), int | str) or row["category_id"] not in names:
            raise RecordError(
                f"{about}: category_id {str(row.get('category_id'))[:20]} is none of the file's categories"
            )
        items[row["image_id"]].append(_item(row, names[row["category_id"]], about))
    pictures = tuple(_picture(row, tuple(items[row.get("id")])) for row in _rows(document, "images"))
    info = document.get("info")
    survey = info.get("survey", "") if isinstance(info, dict) else ""
    return check_unique(ReviewTask(str(survey or ""), pictures, tuple(names.values())))


def _rows(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = document[name]
    if not all(isinstance(row, dict) and isinstance(row.get("id"), int | str) for row in rows):
        raise RecordError(f"{name}: expected a list of objects with an id each")
    return list(rows)


def _picture(row: Mapping[str, Any], items: tuple[ReviewItem, ...]) -> ReviewPicture:
    about = f"image {str(row.get('id'))[:20]}"
    name = row.get("file_name")
    if not isinstance(name, str) or not name:
        raise RecordError(f"{about}: no file_name")
    complete = row.get("complete")
    return ReviewPicture(
        image_uid=str(row.get("image_uid") or ""),
        file_name=name,
        width_px=whole_size(row.get("width"), f"{about}: width"),
        height_px=whole_size(row.get("height"), f"{about}: height"),
        items=items,
        content=str(row.get("content") or ""),
        complete=complete if isinstance(complete, bool) else None,
    )


def _item(row: Mapping[str, Any], label: str, about: str) -> ReviewItem:
    attributes = row.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise RecordError(f"{about}: attributes {str(attributes)[:40]!r}; expected an object")
    score = attributes.get("score", row.get("score"))
    return ReviewItem(
        finding_uid=str(attributes.get("finding_uid") or ""),
        label=label,
        outline_px=_outline(row.get("segmentation"), about),
        score=score_of(score, about),
        decision=checked_decision(attributes.get("decision", PENDING), about),
        external_ids={"coco": str(row["id"])},
        **{name: str(attributes.get(name) or "") for name in _TEXTS},
    )


def _outline(segmentation: object, about: str) -> Polygon:
    if isinstance(segmentation, dict):
        raise RecordError(f"{about}: a mask (RLE); let the tool export polygons")
    if not isinstance(segmentation, list) or not segmentation:
        raise RecordError(f"{about}: no segmentation; draw its outline as a polygon")
    parts = segmentation if isinstance(segmentation[0], list) else [segmentation]
    rings = []
    for part in parts:
        if len(part) % 2 or not all(isinstance(value, int | float) for value in part):
            raise RecordError(f"{about}: a segmentation that is no list of x, y, x, y ...")
        rings.append(ring(list(zip(part[::2], part[1::2], strict=True)), about))
    return rings[0] if len(rings) == 1 else one_part(shapely.union_all(rings), about)
