"""One picture measured without a store: the regions come from a mask that is given, or from models."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray

from findings.asset import Structure
from findings.errors import InputError, NotAssessable
from findings.finding import Grade
from findings.grading import grade
from findings.labels import label_named, label_of
from findings.survey import Image, ImageKind
from findings.taxonomy import member_kind
from imagery.ingest import IngestOptions, describe
from imagery.mask_files import read_mask
from imagery.masks import Classes, hidden, names
from imagery.reader import open_image
from imagery.safe import SHUT, open_untrusted
from inference.engine import answered_by, score_picture
from inference.judgement import Place, conflict
from inference.measure.area import View
from inference.measure.link import link
from inference.measure.picture import Found, measure_picture
from inference.measure.steel import is_steel
from inference.photographs import Picture, load_picture
from inference.regions import regions
from models.base import PixelModel
from models.card import ClassSpec

MOST_REGIONS = 20_000
DOUBTFUL = 0.01  # of the marked pixels


@dataclass(frozen=True, slots=True)
class Measured:
    """What one picture shows, measured and graded.

    Attributes:
        image: as described, with its scale, noise and blur.
        picture: its pixels.
        places: measured, in the order of the classes.
        names: class of each place, e.g. ``crack``.
        grades: of each place.
        conflicts: of each place: why such a damage cannot be on this member or material, or None.
        remarks: what the reader should know.
    """

    image: Image
    picture: Picture
    places: tuple[Place, ...]
    names: tuple[str, ...]
    grades: tuple[Grade, ...]
    conflicts: tuple[str | None, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """A mask with the meaning of its values; without values every pixel that is not 0 means the first class."""

    path: Path
    classes: Mapping[int | None, str]


def measure_one(
    path: Path,
    options: IngestOptions,
    *,
    mask: Given | None,
    models: Sequence[PixelModel] = (),
    device: torch.device | None = None,
    structure: Structure = Structure.UNKNOWN,
    member: str | None = None,
    member_mask: Path | None = None,
) -> Measured:
    """Return everything that a photograph shows, measured and graded.

    Args:
        path: the photograph.
        options: what the user says of its scale.
        mask: where the damages are; None: the models say it.
        models: for photographs; used where no mask is given.
        device: where networks run.
        structure: RC, PC, S or unknown, of what the picture shows; an unknown one is graded both ways.
        member: symbol of what the picture shows, or None.
        member_mask: where the member is (not 0), in the picture's size; shares are relative to it. None: everywhere.

    Raises:
        InputError: no picture, not a photograph, or a mask of another size or with values that have no class.
        NotAssessable: the picture cannot be judged, and no mask says where the damages are.
        GradingError: an unknown member.
    """
    if member is not None:
        member = member_kind(member).symbol
    folder = Path(tempfile.mkdtemp(prefix="measure-"))
    try:
        image = replace(describe(path, options=replace(options, mask_folder=folder)), member=member)
        if image.kind is not ImageKind.PHOTO:
            raise InputError(f"{path.name}: is a scene of {', '.join(image.band_names)}; measure takes photographs")
        if mask is None and not image.quality.assessable:
            raise NotAssessable(f"{path.name}: {image.reason}; give --mask if you can see the damage all the same")
        unsure = None if image.mask_path is None else read_mask(Path(image.mask_path))
        with open_image(
            path, mask=None if mask is not None or unsure is None else Path(image.mask_path or "")
        ) as reader:
            picture = load_picture(reader)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if mask is not None:
        found, remarks = found_in_mask(mask, picture.grey.shape)
        remarks += _doubts(found, unsure)
    else:
        found, remarks = found_by_models(picture, models, device or torch.device("cpu")), []
    view = View(np.isfinite(picture.grey))
    if member_mask is not None:
        view = View(view.judged & (read_values(member_mask, picture.grey.shape) != 0), outlined=True)
    steel = structure is Structure.STEEL and (member is None or is_steel(member, structure))
    places = measure_picture(image, picture.grey, found, view, steel=steel)
    words = [label_of(place.damage, {**place.details, "class": place.label}).name for place in places]
    grades = [grade(place.damage, place.measures, structure, place.details) for place in places]
    conflicts = [conflict(place.damage, member, structure) for place in places]
    remarks += list(image.quality.warnings)
    return Measured(image, picture, tuple(places), tuple(words), tuple(grades), tuple(conflicts), tuple(remarks))


def found_in_mask(given: Given, shape: tuple[int, ...]) -> tuple[list[Found], list[str]]:
    """Return the connected places of a mask by class, and what the reader should know of it.

    Raises:
        InputError: not a mask of that size, a value without a class, or a class that nobody knows.
    """
    values = read_values(given.path, shape)
    present = {int(value) for value in np.unique(values)} - {0}
    wanted: dict[str, NDArray[np.bool_]] = {}
    for value, name in given.classes.items():
        where = values != 0 if value is None else values == value
        wanted[name] = wanted[name] | where if name in wanted else where
    unknown = sorted(present - set(given.classes)) if None not in given.classes else []
    if unknown:
        shown = ", ".join(map(str, unknown[:10]))
        raise InputError(f"{given.path.name}: holds the values {shown}, which have no class; name them by --classes")
    found = [_found(name, where) for name, where in wanted.items()]
    remarks = [] if present else [f"{given.path.name}: the mask is empty, so there is nothing to measure"]
    return found, remarks


def _doubts(found: Sequence[Found], unsure: Classes | None) -> list[str]:
    """Return what to know of marked places that lie where the picture cannot be judged: they are measured all the same.

    Models are not asked there; a person who marks a place has seen it.
    """
    if unsure is None:
        return []
    marked = np.any([one.plane > 0 for one in found], axis=0)
    share = float(hidden(unsure[marked]).mean()) if marked.any() else 0.0
    if share < DOUBTFUL:
        return []
    return [
        f"{share:.0%} of what is marked lies where the picture is {names(unsure[marked])}: sizes there are less sure"
    ]


def read_values(path: Path, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the values ``(H, W)`` of a mask of one band, or of three or four alike.

    Raises:
        InputError: not a picture, a coloured one, or of another size than ``shape``.
    """
    with rasterio.Env(**SHUT), open_untrusted(path, None) as data:
        bands = data.read()
    colours = bands[:3] if len(bands) >= 3 else bands[:1]
    if not np.issubdtype(bands.dtype, np.integer) and not np.isfinite(bands).all():
        raise InputError(f"{path.name}: holds values that are no numbers; a mask has whole numbers, 0 for nothing")
    if len(colours) == 3 and not (np.array_equal(colours[0], colours[1]) and np.array_equal(colours[0], colours[2])):
        raise InputError(f"{path.name}: is coloured; a mask has one band of whole numbers, 0 for nothing")
    values = np.asarray(colours[0]).astype(np.int64)
    if values.shape != shape:
        raise InputError(
            f"{path.name}: {values.shape[1]} x {values.shape[0]} px; the picture has {shape[1]} x {shape[0]}: "
            "a mask needs the size of its picture"
        )
    return values


def _found(name: str, where: NDArray[np.bool_]) -> Found:
    """Return the connected places of one class; nothing is bridged: what is marked apart is apart."""
    label = label_named(name)
    kind = name if name.replace("_", "").isalnum() and name.islower() else f"damage-{label.damage.lower()}"
    spec = ClassSpec(name=kind, damage=label.damage, threshold=0.5, facts=dict(label.facts))
    plane = where.astype(np.float32)
    return Found(spec, plane, tuple(regions(plane, spec, bridge_px=0, limit=MOST_REGIONS)))


def found_by_models(picture: Picture, models: Sequence[PixelModel], device: torch.device) -> list[Found]:
    """Return what models see in a photograph; a class that several know belongs to the one made for it."""
    found: list[Found] = []
    cards = [model.card for model in models]
    for model, left_out in zip(models, answered_by(cards), strict=True):
        scores = score_picture(model, picture.source, device)
        for plane, spec in zip(scores, model.card.classes, strict=True):
            if spec.name not in left_out:
                found.append(Found(spec, plane, link(regions(plane, spec), plane, picture.grey, spec)))
    return found
