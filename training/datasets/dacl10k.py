"""dacl10k, and any folder of labelme files laid out like it: one JSON a picture, outlines of many classes.

Layout of version 2: ``images/SPLIT/NAME.jpg``, ``annotations/SPLIT/NAME.json`` with ``imageWidth``, ``imageHeight``,
``imageName`` and ``shapes`` of ``label``, ``points`` (x, y) and ``shape_type`` polygon. Outlines of one class that
overlap are one mask; several classes may lie on one pixel. Source: github.com/phiyodr/dacl10k-toolkit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from findings.errors import ConfigError
from training.config import SourceConfig
from training.datasets.class_map import ClassMap, required_map
from training.datasets.folder import chosen, folder_of, label_files, pictures_in
from training.datasets.label_files import Options, read_json, read_options
from training.datasets.picture_file import PictureFile, checked_size
from training.datasets.pictures import CACHE_MB, CENTRED, Pictures, group_of
from training.datasets.sample import Item
from training.datasets.shapes import Shape, is_inside, polygon
from training.datasets.truth import Shapes, check_size, collect


class Dacl10kOptions(Options):
    """Where the files lie; ``{split}`` stands for the source's split. See `MaskPairsOptions` for the others."""

    images_dir: str = "images/{split}"
    annotations_dir: str = "annotations/{split}"
    group_pattern: str | None = None
    centred: float = Field(default=CENTRED, ge=0, le=1)
    cache_mb: float = Field(default=CACHE_MB, gt=0)


def open_dacl10k(config: SourceConfig, bands: tuple[str, ...], classes: tuple[str, ...]) -> Pictures:
    """Return the pictures of one split; splits without annotations (testdev) cannot be opened.

    Raises:
        ConfigError: a picture without annotations or the other way round, a class that the map does not know, a broken
            outline, annotations made for another size.
    """
    options = read_options(config, Dacl10kOptions)
    class_map = required_map(config, "dacl10k")
    images = pictures_in(folder_of(config, options.images_dir))
    folder = folder_of(config, options.annotations_dir)
    labels = label_files(config, images, options.images_dir, folder, ".json")
    notes: list[str] = []
    pictures = []
    for name, _ in chosen(config, images, None, folder):
        if name not in labels:
            raise ConfigError(f"{images[name]}: has no annotations {folder / name}.json; add them or remove the image")
        size = checked_size(images[name])
        truth = read_labelme(labels[name], images[name], size, class_map, notes)
        item = Item(name, group_of(images[name], name, options.group_pattern), images[name], labels[name])
        pictures.append(PictureFile(item, size, truth, bands, classes, scale=config.scale))
    return Pictures(pictures, classes, centred=options.centred, cache_mb=options.cache_mb, notes=tuple(notes))


def read_labelme(path: Path, image: Path, size: tuple[int, int], class_map: ClassMap, notes: list[str]) -> Shapes:
    """Return the truth of one labelme file.

    Args:
        path: the JSON.
        image: its picture, for messages.
        size: rows and columns of the picture.
        class_map: of the set.
        notes: gets a line for each outline that reaches out of the picture; it is cut off at the edge.

    Raises:
        ConfigError: not labelme's JSON, another size, an unknown class, a broken outline.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise ConfigError(f"{path}: not a labelme file: expected an object with the list `shapes`")
    if content.get("imageHeight") is not None or content.get("imageWidth") is not None:
        check_size(image, size, path, (_whole(content, "imageHeight", path), _whole(content, "imageWidth", path)))
    entries: list[tuple[str, Shape]] = []
    for number, entry in enumerate(content["shapes"], 1):
        where = f"shape {number}"
        if not isinstance(entry, dict) or not isinstance(entry.get("points"), list):
            raise ConfigError(f"{path}: {where}: expected an object with `label` and `points`")
        label = str(entry.get("label"))
        class_map.meaning(label, path, where)
        if entry.get("shape_type") not in (None, "polygon"):
            raise ConfigError(
                f"{path}: {where}: a shape of type {entry.get('shape_type')!r}; only polygons have an inside: redraw it"
            )
        shape = polygon(entry["points"], path, f"{where} ({label})")
        if not is_inside(shape, *size):
            notes.append(f"{path}: {where} ({label}) reaches out of the picture; it is cut off at the edge")
        entries.append((label, shape))
    return collect(entries, class_map, path)


def _whole(content: dict[str, Any], key: str, path: Path) -> int:
    value = content.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigError(f"{path}: {key} is {value!r}; expected a whole number of pixels")
    return value
