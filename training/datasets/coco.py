"""COCO's object format: one JSON for many pictures, outlines and run-length codes.

Source: cocodataset.org, format-data. ``segmentation`` is a list of outlines ``[x1, y1, x2, y2, ...]`` or an object of
``size`` (rows, columns) and ``counts``, a list of runs or their compressed text, down the columns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from findings.errors import ConfigError
from training.config import SourceConfig
from training.datasets.class_map import ClassMap, required_map
from training.datasets.folder import folder_of
from training.datasets.label_files import child, number, read_json, read_options
from training.datasets.listed import ListedOptions, listed
from training.datasets.picture_file import PictureFile
from training.datasets.pictures import Pictures
from training.datasets.shapes import Shape, from_runs, is_inside, polygon, rectangle, runs_of_text
from training.datasets.truth import Shapes, collect

_IDS = (("images", "id"), ("categories", "id"))


class CocoOptions(ListedOptions):
    """Where the files lie, and what coarse marks mean.

    Attributes:
        crowd: ``filled``: a crowd (``iscrowd`` 1) is a mask like any other, as CVAT writes them; ``unsure``: inside it
            the class is unknown, as COCO's own crowds are drawn roughly.
        boxes: of annotations without segmentation; ``unsure``: inside the class is unknown; ``filled``: all of it.
    """

    annotations: str = "annotations.json"
    crowd: Literal["filled", "unsure"] = "filled"
    boxes: Literal["filled", "unsure"] = "unsure"


@dataclass(frozen=True, slots=True)
class _File:
    """What is read of one COCO file."""

    path: Path
    categories: Mapping[int, str]
    marks: Mapping[int, list[dict[str, Any]]]


def open_coco(config: SourceConfig, bands: tuple[str, ...], classes: tuple[str, ...]) -> Pictures:
    """Return the pictures of a COCO file; one without annotations shows none of the classes.

    Raises:
        ConfigError: not COCO's JSON, a picture that is not there or of another size, a class that the map does not
            know, a broken outline or run-length code.
    """
    options = read_options(config, CocoOptions)
    class_map = required_map(config, "own_classes")
    path, folder = folder_of(config, options.annotations), folder_of(config, options.images_dir)
    content = _content(path)
    coco = _File(path, _categories(content, path), _by_picture(content, path))
    entries = _pictures(content, path, folder)
    notes: list[str] = []
    pictures = []
    for item, size, entry in listed(config, options, path, entries):
        truth = _truth(coco, entry, item.name, size, class_map, options, notes)
        pictures.append(PictureFile(item, size, truth, bands, classes, scale=config.scale))
    return Pictures(pictures, classes, centred=options.centred, cache_mb=options.cache_mb, notes=tuple(notes))


def _content(path: Path) -> dict[str, Any]:
    content = read_json(path)
    wrong = [
        k for k in ("images", "annotations", "categories") if not isinstance(content, dict) or not _objects(content, k)
    ]
    if wrong:
        raise ConfigError(f"{path}: not a COCO file: expected an object with the list {wrong[0]!r} of objects")
    for key, name in (*_IDS, ("annotations", "image_id"), ("annotations", "category_id")):
        for entry in content[key]:
            if isinstance(entry.get(name), bool) or not isinstance(entry.get(name), int | str):
                raise ConfigError(
                    f"{path}: {key}: {name} {str(entry.get(name))[:40]!r}; expected a whole number or a text; export "
                    "the labels again"
                )
    found: dict[str, Any] = content
    return found


def _objects(content: dict[str, Any], key: str) -> bool:
    return isinstance(content.get(key), list) and all(isinstance(entry, dict) for entry in content[key])


def _categories(content: dict[str, Any], path: Path) -> dict[int, str]:
    found = {}
    for entry in content["categories"]:
        if "name" not in entry:
            raise ConfigError(f"{path}: a category {entry!r} without name")
        found[entry["id"]] = str(entry["name"])
    return found


def _by_picture(content: dict[str, Any], path: Path) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    known = {entry.get("id") for entry in content["images"]}
    for entry in content["annotations"]:
        if entry.get("image_id") not in known:
            raise ConfigError(
                f"{path}: annotation {entry.get('id')} belongs to image {entry.get('image_id')!r}, which the file does "
                "not list; export the labels again"
            )
        found[entry["image_id"]].append(entry)
    return found


def _pictures(content: dict[str, Any], path: Path, folder: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    found: dict[str, tuple[Path, dict[str, Any]]] = {}
    ids = set()
    for entry in content["images"]:
        image = child(folder, str(entry.get("file_name", "")), path)
        if image.stem in found or entry.get("id") in ids:
            raise ConfigError(f"{path}: lists the picture {image.stem!r} or its id {entry.get('id')!r} twice; keep one")
        ids.add(entry.get("id"))
        found[image.stem] = (image, entry)
    return found


def _truth(
    coco: _File,
    entry: dict[str, Any],
    name: str,
    size: tuple[int, int],
    class_map: ClassMap,
    options: CocoOptions,
    notes: list[str],
) -> Shapes:
    shapes: list[tuple[str, Shape]] = []
    weak = set()
    for mark in coco.marks.get(entry["id"], []):
        where = f"annotation {mark.get('id')} of {name}"
        label = coco.categories.get(mark.get("category_id", -1))
        if label is None:
            raise ConfigError(
                f"{coco.path}: {where}: category {mark.get('category_id')!r} is not in the file's categories"
            )
        class_map.meaning(label, coco.path, where)
        found, is_box = _shapes(mark, size, coco.path, f"{where} ({label})")
        if any(not is_inside(shape, *size) for shape in found):
            notes.append(f"{coco.path}: {where} ({label}) reaches out of the picture; it is cut off at the edge")
        for shape in found:
            if (is_box and options.boxes == "unsure") or (mark.get("iscrowd") == 1 and options.crowd == "unsure"):
                weak.add(len(shapes))
            shapes.append((label, shape))
    return collect(shapes, class_map, coco.path, frozenset(weak))


def _shapes(mark: dict[str, Any], size: tuple[int, int], path: Path, where: str) -> tuple[list[Shape], bool]:
    """Return the shapes of one annotation, and whether it is but a box."""
    stored = mark.get("segmentation")
    if isinstance(stored, dict):
        return [_coded(stored, size, path, where)], False
    if isinstance(stored, list) and stored:
        return [_outline(ring, path, where) for ring in stored], False
    box = mark.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise ConfigError(f"{path}: {where}: has neither segmentation nor bbox; delete it or draw it again")
    left, top, width, height = (number(value, path, f"{where}: bbox") for value in box)
    return [rectangle(left, top, left + width, top + height, path, where)], True


def _outline(ring: object, path: Path, where: str) -> Shape:
    if not isinstance(ring, list) or len(ring) % 2:
        raise ConfigError(f"{path}: {where}: an outline must be a list of x, y in turn; found {type(ring).__name__}")
    return polygon(list(zip(ring[::2], ring[1::2], strict=True)), path, where)


def _coded(stored: dict[str, Any], size: tuple[int, int], path: Path, where: str) -> Shape:
    if stored.get("size") != list(size):
        raise ConfigError(
            f"{path}: {where}: a mask of size {stored.get('size')!r} for a picture of {size[0]} rows and "
            f"{size[1]} columns; export the labels again"
        )
    counts = stored.get("counts")
    if isinstance(counts, str):
        counts = runs_of_text(counts, path, where)
    if not isinstance(counts, list):
        raise ConfigError(f"{path}: {where}: run lengths are {type(counts).__name__}; expected a list or a text")
    return Shape(mask=from_runs(counts, *size, path, where, by_columns=True))
