"""CODEBRIM, the original data set: photographs of bridges and boxes around their defects.

Layout: ``images/NAME.jpg`` (JPEG or PNG) and ``annotations/NAME.xml`` with one ``object`` a box: ``bndbox`` of xmin,
ymin, xmax, ymax in pixels of the stored picture (no EXIF turn applied), and ``Defect`` with 0 or 1 for Background,
Crack, Spallation, Efflorescence, ExposedBars and CorrosionStain. Source: doi.org/10.5281/zenodo.2620293.

A box is weak truth. Inside a box of a class the class is somewhere, nobody knows where: unknown. Outside of all its
boxes the class is known to be absent. So these pictures teach and measure false alarms only; no pixel is ever marked.
Pictures without annotations (567 of 1,590 in the set) are left out: nobody looked, or nobody wrote it down.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from pydantic import Field

from findings.errors import ConfigError
from training.config import SourceConfig
from training.datasets.class_map import ClassMap, required_map
from training.datasets.folder import chosen, folder_of, label_files, pictures_in, split_rows
from training.datasets.label_files import Options, number, read_options, read_xml
from training.datasets.picture_file import PictureFile, checked_size
from training.datasets.pictures import CACHE_MB, Pictures, group_of
from training.datasets.sample import Item
from training.datasets.shapes import Shape, is_inside, rectangle
from training.datasets.truth import Shapes, check_size, collect


class CodebrimOptions(Options):
    """Where the files lie. See `MaskPairsOptions` for the others.

    Attributes:
        split_file: the set has no splits of its original pictures; make a table of your own (name, split, group).
    """

    images_dir: str = "images"
    annotations_dir: str = "annotations"
    split_file: str = "split.csv"
    group_pattern: str | None = None
    cache_mb: float = Field(default=CACHE_MB, gt=0)


def open_codebrim(config: SourceConfig, bands: tuple[str, ...], classes: tuple[str, ...]) -> Pictures:
    """Return the annotated pictures.

    Raises:
        ConfigError: no annotated picture, a class that the map does not know, a broken box, another size.
    """
    options = read_options(config, CodebrimOptions)
    class_map = required_map(config, "codebrim")
    images = pictures_in(folder_of(config, options.images_dir))
    folder = folder_of(config, options.annotations_dir)
    labels = label_files(config, images, options.images_dir, folder, ".xml")
    if not labels:
        raise ConfigError(f"{folder}: no annotations (*.xml); root must be the folder of CODEBRIM's original data set")
    table = folder_of(config, options.split_file)
    annotated = {name: images[name] for name in labels}
    notes = [f"{len(images) - len(labels)} of {len(images)} pictures have no annotations and are left out"]
    pictures = []
    for name, group in chosen(config, annotated, split_rows(table, config.split), table):
        size = checked_size(images[name])
        truth = read_boxes(labels[name], images[name], size, class_map, notes)
        group = group_of(images[name], name, options.group_pattern) if options.group_pattern or not group else group
        item = Item(name, group, images[name], labels[name])
        pictures.append(PictureFile(item, size, truth, bands, classes, scale=config.scale))
    return Pictures(pictures, classes, centred=0.0, cache_mb=options.cache_mb, notes=tuple(notes))


def read_boxes(path: Path, image: Path, size: tuple[int, int], class_map: ClassMap, notes: list[str]) -> Shapes:
    """Return the truth of one file: classes unknown in their boxes, absent elsewhere.

    Raises:
        ConfigError: not CODEBRIM's XML, a class that the map does not know, a box without area or numbers.
    """
    root = read_xml(path)
    stated = root.find("size")
    if stated is not None:
        height, width = (number(_text(stated, key, path, "size"), path, key) for key in ("height", "width"))
        check_size(image, size, path, (int(height), int(width)))
    entries: list[tuple[str, Shape]] = []
    for place, entry in enumerate(root.iter("object"), 1):
        where = f"object {place}"
        defects, box = entry.find("Defect"), entry.find("bndbox")
        if defects is None or box is None:
            raise ConfigError(f"{path}: {where}: expected the elements Defect and bndbox")
        left, top, right, bottom = (
            number(_text(box, key, path, where), path, f"{where}: {key}") for key in ("xmin", "ymin", "xmax", "ymax")
        )
        shape = rectangle(left, top, right, bottom, path, where)
        if not is_inside(shape, *size):
            notes.append(f"{path}: {where} reaches out of the picture; it is cut off at the edge")
        for defect in defects:
            class_map.meaning(defect.tag, path, where)
            flag = (defect.text or "").strip()
            if flag not in ("0", "1"):
                raise ConfigError(f"{path}: {where}: {defect.tag} is {flag!r}; expected 0 or 1")
            if flag == "1":
                entries.append((defect.tag, shape))
    return collect(entries, class_map, path, weak=frozenset(range(len(entries))))


def _text(element: Element, key: str, path: Path, where: str) -> str:
    found = element.findtext(key)
    if found is None:
        raise ConfigError(f"{path}: {where}: {key} is missing; export the annotations again")
    return found
