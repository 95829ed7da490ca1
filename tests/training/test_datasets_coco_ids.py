"""Ids and numbers that JSON allows and COCO does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from findings.errors import ConfigError, RecordError
from findings.exports import coco
from tests.training import layouts
from tests.training.layouts import RGB, SIX, source
from training.datasets import open_source

MARK: dict[str, Any] = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}
HUGE = 10**400


@pytest.mark.parametrize(
    ("part", "key", "value", "said"),
    [
        ("images", "id", [1], "images: id '\\[1\\]'; expected a whole number"),
        ("images", "id", None, "images: id 'None'"),
        ("categories", "id", {}, "categories: id"),
        ("annotations", "image_id", [1], "annotations: image_id"),
        ("annotations", "category_id", [1], "annotations: category_id"),
        ("images", "width", HUGE, "width is 1000"),
        ("annotations", "segmentation", [[1, 1, HUGE, 1, 9, 9]], "a coordinate is 1000"),
        ("annotations", "segmentation", {"size": [40, 60], "counts": [HUGE]}, "a run of 1000"),
        (
            "annotations",
            "segmentation",
            {"size": [40, 60], "counts": 4 * [2**62] + [2400]},
            "a run of 4611686018427387904 px",
        ),
    ],
)
def test_a_data_set_with_impossible_ids_or_numbers_is_refused(
    tmp_path: Path, part: str, key: str, value: object, said: str
) -> None:
    path = layouts.coco(tmp_path, ["a"], [MARK])
    content = json.loads(path.read_text())
    content[part][0][key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=said):
        open_source(source("coco", tmp_path), RGB, SIX)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("image_id", [1], "image_id .* is none of the file's images"),
        ("category_id", {}, "category_id .* is none of the file's categories"),
        ("segmentation", [[1, 1, HUGE, 1, 9, 9]], "of finite numbers"),
        ("score", HUGE, "score '1000"),
        ("score", float("nan"), "score 'nan'"),
    ],
)
def test_a_review_with_impossible_ids_or_numbers_is_refused(key: str, value: object, said: str) -> None:
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
        "categories": [{"id": 1, "name": "crack"}],
        "annotations": [{**MARK, key: value}],
    }
    with pytest.raises(RecordError, match=said):
        coco.read(json.dumps(document).encode())
