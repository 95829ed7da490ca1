"""Label Studio JSON: one task a picture, the model's findings as a prediction, people's marks as an annotation.

Outlines are in percent of the picture's sides. The id of a region is that of the finding: Label Studio keeps it when a
prediction becomes an annotation, and gives regions that a person draws short ids of its own. Decisions are choices per
region. A project needs the labelling interface of `setup_file`.
Format: https://labelstud.io/guide/predictions and /guide/export (JSON), tag Polygon.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from shapely.geometry import Polygon

from findings.errors import RecordError
from findings.exports.task import (
    DECISIONS,
    PENDING,
    ReviewItem,
    ReviewPicture,
    ReviewTask,
    check_unique,
    checked_decision,
    read_json,
    ring,
    score_of,
    whole_size,
)

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LABEL, _DECISION, _NOTE, _GRADE, _COMPLETE = "label", "decision", "note", "final_grade", "complete"
_YES = "every damage is marked"


def write(task: ReviewTask) -> str:
    """Return the JSON document of a task: a list to import into a project."""
    rows = [_task(picture, task.survey) for picture in task.pictures]
    return json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def setup_file(task: ReviewTask) -> tuple[str, str]:
    """Return (suffix, text): the project's labelling interface."""
    lines = ["<View>", '  <Image name="image" value="$image" zoom="true" zoomControl="true"/>']
    lines.append(f'  <PolygonLabels name="{_LABEL}" toName="image" strokeWidth="2">')
    lines += [f"    <Label value={quoteattr(name)}/>" for name in task.labels]
    lines.append("  </PolygonLabels>")
    lines.append(f'  <Choices name="{_DECISION}" toName="image" perRegion="true" choice="single">')
    lines += [f'    <Choice value="{name}"/>' for name in DECISIONS]
    lines.append("  </Choices>")
    lines.append(f'  <TextArea name="{_GRADE}" toName="image" perRegion="true" placeholder="final grade" rows="1"/>')
    lines.append(f'  <TextArea name="{_NOTE}" toName="image" perRegion="true" placeholder="note"/>')
    lines.append(f'  <Choices name="{_COMPLETE}" toName="image" choice="multiple">')
    lines.append(f'    <Choice value="{_YES}"/>')
    return ".config.xml", "\n".join([*lines, "  </Choices>", "</View>"]) + "\n"


def _task(picture: ReviewPicture, survey: str) -> dict[str, Any]:
    data = {
        "image": picture.file_name,
        "survey": survey,
        "image_uid": picture.image_uid,
        "content": picture.content,
        "width": picture.width_px,
        "height": picture.height_px,
    }
    models = list(dict.fromkeys(item.model for item in picture.items if item.model))
    scores = [item.score for item in picture.items if item.score is not None]
    result = [row for item in picture.items for row in _regions(item, picture)]
    if picture.complete:
        result.append(_choice(_COMPLETE, [_YES]))
    prediction = {
        "model_version": ", ".join(models),
        "score": max(scores, default=0.0),
        "result": result,
    }
    return {"data": data, "predictions": [prediction]}


def _regions(item: ReviewItem, picture: ReviewPicture) -> list[dict[str, Any]]:
    wide, high = 100.0 / picture.width_px, 100.0 / picture.height_px
    points = [[x * wide, y * high] for x, y in item.outline_px.exterior.coords[:-1]]
    value: dict[str, Any] = {"points": points, "closed": True}
    region = {
        "id": item.finding_uid,
        "from_name": _LABEL,
        "to_name": "image",
        "original_width": picture.width_px,
        "original_height": picture.height_px,
        "image_rotation": 0,
    }
    first: dict[str, Any] = {**region, "type": "polygonlabels", "value": {**value, "polygonlabels": [item.label]}}
    if item.score is not None:
        first["score"] = item.score
    first["meta"] = {"text": [item.status, item.model]}
    rows = [first]
    if item.decision != PENDING:
        row = {**region, "from_name": _DECISION, "type": "choices", "value": {**value, "choices": [item.decision]}}
        rows.append(row)
    for name, text in ((_GRADE, item.final_grade), (_NOTE, item.note)):
        if text:
            rows.append({**region, "from_name": name, "type": "textarea", "value": {**value, "text": [text]}})
    return rows


def _choice(name: str, choices: list[str]) -> dict[str, Any]:
    return {"id": name, "from_name": name, "to_name": "image", "type": "choices", "value": {"choices": choices}}


def read(content: bytes) -> ReviewTask:
    """Return the task of an exported JSON file: the last annotation of each picture counts, cancelled ones do not.

    A picture without annotation comes back without marks: nobody submitted it.

    Raises:
        RecordError: broken, of the minimal format, or a region that cannot be taken.
    """
    document = read_json(content, "Label Studio")
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise RecordError("no Label Studio file: expected a list of tasks (export format JSON)")
    surveys = {str(_data(row).get("survey") or "") for row in document}
    found = [picture for row in document if (picture := _picture(row)) is not None]
    return check_unique(ReviewTask(surveys.pop() if len(surveys) == 1 else "", tuple(found)))


def _data(row: Mapping[str, Any]) -> dict[str, Any]:
    data = row.get("data")
    if not isinstance(data, dict):
        raise RecordError(f"task {str(row.get('id'))[:20]}: no data; export the project as JSON, not JSON-MIN or CSV")
    return data


def _picture(row: Mapping[str, Any]) -> ReviewPicture | None:
    data = _data(row)
    about = f"task {str(row.get('id', data.get('image_uid')))[:40]}"
    annotation = _submitted(row, about)
    if annotation is None:
        return None
    groups: dict[str, dict[str, Any]] = {}
    complete = False
    for part in annotation:
        value = part.get("value")
        if not isinstance(value, dict):
            raise RecordError(f"{about}: a result without value")
        if part.get("from_name") == _COMPLETE:
            complete = bool(value.get("choices"))
            continue
        groups.setdefault(str(part.get("id") or ""), {})[str(part.get("from_name"))] = part
    size = next((g[_LABEL] for g in groups.values() if _LABEL in g), None)
    width = data.get("width") if size is None else size.get("original_width")
    height = data.get("height") if size is None else size.get("original_height")
    wide, high = whole_size(width, f"{about}: width"), whole_size(height, f"{about}: height")
    return ReviewPicture(
        image_uid=str(data.get("image_uid") or ""),
        file_name=str(data.get("image") or ""),
        width_px=wide,
        height_px=high,
        items=tuple(_item(uid, parts, wide, high, f"{about}, region {uid[:40]}") for uid, parts in groups.items()),
        content=str(data.get("content") or ""),
        complete=complete,
    )


def _submitted(row: Mapping[str, Any], about: str) -> list[dict[str, Any]] | None:
    annotations = row.get("annotations", [])
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        raise RecordError(f"{about}: annotations are no list of objects")
    counted = [one for one in annotations if not one.get("was_cancelled")]
    if not counted:
        return None
    result = counted[-1].get("result")
    if not isinstance(result, list) or not all(isinstance(part, dict) for part in result):
        raise RecordError(f"{about}: an annotation whose result is no list of objects")
    return result


def _item(uid: str, parts: Mapping[str, Mapping[str, Any]], width: int, height: int, about: str) -> ReviewItem:
    shape = parts.get(_LABEL)
    if shape is None or shape.get("type") != "polygonlabels":
        raise RecordError(f"{about}: no polygon; outline every damage as a polygon with a label")
    if shape.get("image_rotation"):
        raise RecordError(f"{about}: the picture was rotated in Label Studio; rotate it back before drawing")
    if (shape.get("original_width"), shape.get("original_height")) != (width, height):
        raise RecordError(f"{about}: drawn on {shape.get('original_width')} x {shape.get('original_height')} px, "
                          f"other regions on {width} x {height} px")  # fmt: skip
    value = shape["value"]
    labels = value.get("polygonlabels")
    if not isinstance(labels, list) or len(labels) != 1:
        raise RecordError(f"{about}: labels {str(labels)[:60]}; expected exactly one")
    score = shape.get("score")
    return ReviewItem(
        finding_uid=uid.split("#")[0] if _UID.fullmatch(uid.split("#")[0]) else "",
        label=str(labels[0]),
        outline_px=_outline(value.get("points"), width, height, about),
        score=score_of(score, about),
        decision=checked_decision(_first(parts, _DECISION, "choices"), about),
        final_grade=_first(parts, _GRADE, "text"),
        note=_first(parts, _NOTE, "text"),
        external_ids={"labelstudio": uid},
    )


def _first(parts: Mapping[str, Mapping[str, Any]], name: str, kind: str) -> str:
    values = parts[name]["value"].get(kind) if name in parts else None
    if isinstance(values, str):
        return values
    return str(values[0]) if isinstance(values, list) and values else ""


def _outline(points: object, width: int, height: int, about: str) -> Polygon:
    pairs = points if isinstance(points, list) else []
    sound = all(isinstance(pair, list) and len(pair) == 2 and _numbers(pair) for pair in pairs)
    if not pairs or not sound:
        raise RecordError(f"{about}: points that are no list of [x, y] in percent")
    return ring([(x * width / 100.0, y * height / 100.0) for x, y in pairs], about)


def _numbers(pair: list[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in pair)
