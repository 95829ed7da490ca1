"""Tiny data sets written in the layouts that their makers publish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio

from training.config import SourceConfig
from training.datasets import Sample, open_source

RGB = ("red", "green", "blue")
SIX = ("crack", "spalling", "exposed_rebar", "efflorescence", "rust", "wet_spot")


def source(kind: str, root: Path, split: str | None = None, **more: Any) -> SourceConfig:
    """Return the configuration of a source."""
    content = {"kind": kind, "name": "tiny", "licence": "own", "ships": False, "root": root, "split": split, **more}
    return SourceConfig.model_validate(content)


def samples(config: SourceConfig, bands: tuple[str, ...] = RGB, classes: tuple[str, ...] = SIX) -> list[Sample]:
    """Return every picture of a source."""
    return list(open_source(config, bands, classes).whole())


def picture(path: Path, rows: int = 40, cols: int = 60, seed: int = 0) -> np.ndarray:
    """Write a picture with a coarse random pattern, so that no two look alike, and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng([seed, *path.stem.encode()]).integers(30, 220, (6, 7, 3)).astype(np.uint8)
    image = cv2.resize(coarse, (cols, rows), interpolation=cv2.INTER_CUBIC)
    assert cv2.imwrite(str(path), image)
    return image


def mask(path: Path, rows: int = 40, cols: int = 60, top: int = 10, value: int = 255) -> np.ndarray:
    """Write a mask with a bar of 4 rows and return it as bool."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = np.zeros((rows, cols), np.uint8)
    found[top : top + 4, 5:50] = value
    assert cv2.imwrite(str(path), found)
    return found > 0


def pair(
    root: Path, name: str, images: str = "images", masks: str = "masks", suffix: str = "", **more: Any
) -> np.ndarray:
    """Write a picture and its mask; return the mask."""
    picture(root / images / f"{name}.png")
    return mask(root / masks / f"{name}{suffix}.png", **more)


def labelme(root: Path, name: str, shapes: list[tuple[str, list[Any]]], split: str = "train", **more: Any) -> Path:
    """Write a picture and its labelme file as dacl10k has them; return the file."""
    picture(root / "images" / split / f"{name}.jpg")
    path = root / "annotations" / split / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "imageWidth": 60, "imageHeight": 40, "imageName": f"{name}.jpg", "imagePath": f"images/{split}/{name}.jpg",
        "split": split, "dacl10k_version": "v2",
        "shapes": [{"label": label, "points": points, "shape_type": "polygon"} for label, points in shapes], **more,
    }  # fmt: skip
    path.write_text(json.dumps(content))
    return path


def box(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    """Return the outline of a box."""
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def codebrim(root: Path, name: str, boxes: list[tuple[tuple[int, int, int, int], dict[str, int]]]) -> Path:
    """Write a picture and its boxes as CODEBRIM has them; return the XML."""
    picture(root / "images" / f"{name}.jpg")
    tags = ("Background", "Crack", "Spallation", "Efflorescence", "ExposedBars", "CorrosionStain")
    objects = ""
    for corners, defects in boxes:
        sides = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
        objects += "<object><bndbox>" + "".join(f"<{side}>{value}</{side}>" for side, value in sides) + "</bndbox>"
        objects += "<Defect>" + "".join(f"<{tag}>{defects.get(tag, 0)}</{tag}>" for tag in tags) + "</Defect></object>"
    path = root / "annotations" / f"{name}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    size = "<size><width>60</width><height>40</height><depth>3</depth></size>"
    path.write_text(f"<annotation><filename>{name}.jpg</filename>{size}{objects}</annotation>")
    return path


def coco(root: Path, names: list[str], marks: list[dict[str, Any]], labels: tuple[str, ...] = SIX) -> Path:
    """Write pictures and a COCO file; ``image_id`` and category ids count from 1. Return the file."""
    for name in names:
        picture(root / "images" / f"{name}.png")
    content = {
        "images": [
            {"id": number, "file_name": f"{name}.png", "width": 60, "height": 40}
            for number, name in enumerate(names, 1)
        ],
        "categories": [{"id": number, "name": label} for number, label in enumerate(labels, 1)],
        "annotations": [{"id": number, "iscrowd": 0, **mark} for number, mark in enumerate(marks, 1)],
    }
    path = root / "annotations.json"
    path.write_text(json.dumps(content))
    return path


def cvat(root: Path, marks: str, name: str = "a.png", size: tuple[int, int] = (40, 60)) -> Path:
    """Write a picture and CVAT's XML with these marks; return the file."""
    picture(root / "images" / name)
    path = root / "annotations.xml"
    path.write_text(
        f"<annotations><version>1.1</version><meta/>"
        f'<image id="0" name="{name}" width="{size[1]}" height="{size[0]}">{marks}</image></annotations>'
    )
    return path


def chip(root: Path, name: str, labels: np.ndarray) -> None:
    """Write a chip of Sen1Floods11: radar, 13 optical bands and hand labels."""
    rng = np.random.default_rng(0)
    rows, cols = labels.shape
    optical = np.arange(1, 14)[:, None, None] * 100 + rng.integers(0, 50, (13, rows, cols))
    layers: dict[str, np.ndarray] = {
        "S1Hand": rng.normal(-15, 3, (2, rows, cols)).astype(np.float32),
        "S2Hand": optical.astype(np.uint16),
        "LabelHand": labels[None].astype(np.int16),
    }
    grid = {"crs": "EPSG:4326", "transform": rasterio.Affine(1e-4, 0, 10, 0, -1e-4, 10)}
    for kind, values in layers.items():
        path = root / "data" / "flood_events" / "HandLabeled" / kind / f"{name}_{kind}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        about = {"width": cols, "height": rows, "count": len(values), "dtype": values.dtype, **grid}
        with rasterio.open(path, "w", driver="GTiff", **about) as file:
            file.write(values)


def outline_areas(path: Path) -> dict[str, float]:
    """Return by picture the sum of the areas inside the outlines of a COCO file (the shoelace formula)."""
    content = json.loads(path.read_text())
    names = {entry["id"]: Path(entry["file_name"]).stem for entry in content["images"]}
    found = dict.fromkeys(names.values(), 0.0)
    for mark in content["annotations"]:
        for ring in mark["segmentation"]:
            x, y = np.array(ring[::2], float), np.array(ring[1::2], float)
            found[names[mark["image_id"]]] += abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
    return found


def read_image(path: Path, flag: int = cv2.IMREAD_COLOR) -> np.ndarray:
    """Return a picture as OpenCV reads it."""
    found = cv2.imread(str(path), flag)
    assert found is not None
    return np.asarray(found)
