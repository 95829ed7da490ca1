"""The review of the worked example: the generator, which knows the truth, decides in the reviewer's place."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from findings.files import write_text

LEAST_ON_DAMAGE = 0.3  # share of a mark that lies on damage: less is a false alarm
NEAR_PX = 3.0  # a mark may lie this far beside thin damage


def decide(file: Path, shown: Mapping[str, NDArray[np.uint8]]) -> Counter[str]:
    """Write a decision at every mark of an exported COCO file and return how often which was made.

    Args:
        file: what ``mizuhashi reviews export --format coco`` wrote; it is replaced.
        shown: by file name of the photograph, ``(H, W)``, above 0 where it shows damage.

    Raises:
        OutputError: the file cannot be written.
    """
    task = json.loads(file.read_text(encoding="utf-8"))
    names = {row["id"]: Path(row["file_name"]).name for row in task["images"]}
    near = {name: _widened(mask) for name, mask in shown.items()}
    made: Counter[str] = Counter()
    for row in task["annotations"]:
        decision = "confirmed" if share_on(near[names[row["image_id"]]], row) >= LEAST_ON_DAMAGE else "rejected"
        row["attributes"]["decision"] = decision
        made[decision] += 1
    write_text(file, json.dumps(task, ensure_ascii=False, indent=1) + "\n")
    return made


def share_on(mask: NDArray[np.uint8], row: Mapping[str, Any]) -> float:
    """Return the share of an annotation's first polygon that lies on a mask."""
    points = np.asarray(row["segmentation"][0], float).reshape(-1, 2)
    inside = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(points - 0.5).astype(np.int32)], 1)
    return float(mask[inside > 0].mean())


def _widened(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    away = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away <= NEAR_PX, dtype=np.uint8)
