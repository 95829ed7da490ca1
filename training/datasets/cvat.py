"""CVAT's own export, "CVAT for images 1.1": ``annotations.xml`` and ``images/``.

Each ``image`` (name, width, height) holds ``polygon`` and ``polyline`` (points ``x,y;x,y``), ``box`` (xtl, ytl, xbr,
ybr) and ``mask`` (rle along the rows of a box of left, top, width, height), each with a label.
Source: docs.cvat.ai, XML annotation format, version 1.1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element

from pydantic import Field

from findings.errors import ConfigError
from training.config import SourceConfig
from training.datasets.class_map import ClassMap, required_map
from training.datasets.folder import folder_of
from training.datasets.label_files import child, number, read_options, read_xml
from training.datasets.listed import ListedOptions, listed
from training.datasets.picture_file import PictureFile
from training.datasets.pictures import Pictures
from training.datasets.shapes import Shape, from_runs, is_inside, line, polygon, rectangle
from training.datasets.truth import Shapes, collect

NOT_DRAWN = ("tag", "attribute")  # of the whole picture
MOST_LINE_PX = 200


class CvatOptions(ListedOptions):
    """Where the files lie, and what coarse marks mean.

    Attributes:
        line_width_px: width of polylines without attribute ``width_px``; without it they are refused, having no area.
        boxes: ``unsure``: inside a box its class is unknown; ``filled``: all of it.
    """

    annotations: str = "annotations.xml"
    line_width_px: float | None = Field(default=None, gt=0, le=MOST_LINE_PX)
    boxes: Literal["filled", "unsure"] = "unsure"


def open_cvat(config: SourceConfig, bands: tuple[str, ...], classes: tuple[str, ...]) -> Pictures:
    """Return the pictures of an export; one without marks shows none of the classes.

    Raises:
        ConfigError: not CVAT's XML for images, a picture that is not there or of another size, a class that the map
            does not know, a mark that has no inside.
    """
    options = read_options(config, CvatOptions)
    class_map = required_map(config, "own_classes")
    path, folder = folder_of(config, options.annotations), folder_of(config, options.images_dir)
    entries = _pictures(read_xml(path), path, folder)
    notes: list[str] = []
    pictures = []
    for item, size, entry in listed(config, options, path, entries):
        truth = _truth(entry, item.name, size, class_map, path, options, notes)
        pictures.append(PictureFile(item, size, truth, bands, classes, scale=config.scale))
    return Pictures(pictures, classes, centred=options.centred, cache_mb=options.cache_mb, notes=tuple(notes))


def _pictures(root: Element, path: Path, folder: Path) -> dict[str, tuple[Path, Element]]:
    if root.tag != "annotations" or root.find("track") is not None:
        raise ConfigError(f"{path}: not an export of images; in CVAT choose the format 'CVAT for images 1.1'")
    found: dict[str, tuple[Path, Element]] = {}
    for entry in root.iter("image"):
        image = child(folder, entry.get("name", ""), path)
        if image.stem in found:
            raise ConfigError(
                f"{path}: two pictures are called {image.stem!r}; give them different names and export again"
            )
        found[image.stem] = (image, entry)
    return found


def _truth(
    entry: Element,
    name: str,
    size: tuple[int, int],
    class_map: ClassMap,
    path: Path,
    options: CvatOptions,
    notes: list[str],
) -> Shapes:
    shapes: list[tuple[str, Shape]] = []
    weak = set()
    for place, mark in enumerate(entry, 1):
        if mark.tag in NOT_DRAWN:
            continue
        label = mark.get("label", "")
        where = f"{name}, mark {place} ({mark.tag} {label})"
        class_map.meaning(label, path, where)
        shape = _shape(mark, path, where, options)
        if not is_inside(shape, *size):
            notes.append(f"{path}: {where} reaches out of the picture; it is cut off at the edge")
        if mark.tag == "box" and options.boxes == "unsure":
            weak.add(len(shapes))
        shapes.append((label, shape))
    return collect(shapes, class_map, path, frozenset(weak))


def _shape(mark: Element, path: Path, where: str, options: CvatOptions) -> Shape:
    if mark.tag == "polygon":
        return polygon(_points(mark), path, where)
    if mark.tag == "polyline":
        return line(_points(mark), _width(mark, path, where, options), path, where)
    if mark.tag == "box":
        if float(mark.get("rotation", "0") or 0) != 0:
            raise ConfigError(f"{path}: {where}: a turned box; draw it as a polygon")
        left, top, right, bottom = (number(mark.get(k), path, f"{where}: {k}") for k in ("xtl", "ytl", "xbr", "ybr"))
        return rectangle(left, top, right, bottom, path, where)
    if mark.tag == "mask":
        left, top, cols, rows = (
            int(number(mark.get(k), path, f"{where}: {k}")) for k in ("left", "top", "width", "height")
        )
        runs = [_run(text) for text in mark.get("rle", "").split(",")]
        return Shape(mask=from_runs(runs, rows, cols, path, where, by_columns=False), corner=(left, top))
    raise ConfigError(f"{path}: {where}: marks of this kind have no inside; draw a polygon, polyline, mask or box")


def _points(mark: Element) -> list[list[str]]:
    return [pair.split(",") for pair in mark.get("points", "").split(";") if pair.strip()]


def _run(text: str) -> int | str:
    return int(text) if text.strip().isdecimal() else text


def _width(mark: Element, path: Path, where: str, options: CvatOptions) -> float:
    stated = next((a.text for a in mark.findall("attribute") if a.get("name") == "width_px"), None)
    if stated is not None:
        width = number(stated, path, f"{where}: width_px")
        if 0 < width <= MOST_LINE_PX:
            return width
        raise ConfigError(f"{path}: {where}: width_px is {width:g}; expected more than 0 and at most {MOST_LINE_PX}")
    if options.line_width_px is None:
        raise ConfigError(
            f"{path}: {where}: a line has no area; give the label an attribute width_px, or set options.line_width_px"
        )
    return options.line_width_px
