"""What one model sees on one photograph: regions, measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from findings.survey import Image, Scale
from imagery.decode import DecodedPhoto, decode_rgb
from imagery.masks import Classes, hidden
from imagery.pose import pixel_scale
from imagery.reader import LUMA, ImageReader
from imagery.stream import PixelSource
from imagery.types import Window
from inference.judgement import Place
from inference.measure.area import measure_area
from inference.measure.crack import measure_crack
from inference.measure.spacing import spacing_m
from inference.regions import LINEAR_DAMAGES, Region, regions
from models.card import ClassSpec, ModelCard

SAME_SCALE = 0.002  # below that share the scale of the middle holds, and is said


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph in memory.

    Attributes:
        rgb: ``(H, W, 3)`` uint8 for evidence, with the picture under the mask.
        grey: ``(H, W)`` float32 for measurement, NaN where nothing was observed or the mask forbids judging.
        source: what the models read: the same pixels without decoding them again.
        mask: classes ``(H, W)``, or None if there is no mask.
    """

    rgb: NDArray[np.uint8]
    grey: NDArray[np.float32]
    source: PixelSource
    mask: Classes | None = None


def load_picture(reader: ImageReader) -> Picture:
    """Return a whole photograph; unobserved pixels are black in ``rgb`` and NaN in ``grey``.

    Raises:
        UnreadableImage: the file is damaged.
    """
    window = Window(0, 0, reader.width_px, reader.height_px)
    mask = reader.read_mask(window)
    unseen = None if mask is None else hidden(mask)
    rgb = decode_rgb(reader.path)
    if rgb is not None:
        photo = DecodedPhoto(rgb, unseen)
        return Picture(rgb, photo.read(window, ("grey",)).values[0], photo, mask)
    values = reader.read(window, ("red", "green", "blue"), masked=False).values
    grey = np.tensordot(np.array(LUMA, np.float32), values, axes=1).astype(np.float32)
    if unseen is not None:
        grey[unseen] = np.nan
    rgb = np.nan_to_num(values, nan=0.0).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    return Picture(np.ascontiguousarray(rgb), grey, reader, mask)


def find_places(
    image: Image,
    picture: Picture,
    scores: NDArray[np.float32],
    card: ModelCard,
    left_out: frozenset[str] = frozenset(),
) -> list[Place]:
    """Return the measured places of every class of a model on a photograph.

    Args:
        image: scale and quality of the photograph.
        picture: its pixels.
        scores: ``(K, H, W)``, NaN where nothing was observed.
        card: classes and thresholds, in the order of ``scores``.
        left_out: names of classes that another model answers for on this picture.
    """
    places: list[Place] = []
    for plane, spec in zip(scores, card.classes, strict=True):
        if spec.name in left_out:
            continue
        found = regions(plane, spec)
        if spec.damage in LINEAR_DAMAGES:
            made = _cracks(image, picture, plane, spec, found)
        else:
            made = [_area(image, spec, region) for region in found]
        several = sum(other.damage == spec.damage for other in card.classes) > 1
        places += [replace(place, label=spec.name) for place in made] if several else made
    return places


def _cracks(
    image: Image, picture: Picture, plane: NDArray[np.float32], spec: ClassSpec, found: list[Region]
) -> list[Place]:
    spacings = spacing_m(found, image.scale)
    places = []
    for region, spacing in zip(found, spacings, strict=True):
        scale = scale_at(image, region)
        measures, details = measure_crack(picture.grey, plane, region, scale, image.quality)
        measures = (*measures, *measure_area(region, scale))
        if spacing is not None:
            measures = (*measures, spacing)
        details = {**spec.facts, **details, "fragments": region.fragments}
        places.append(Place(spec.damage, region.polygon_px, region.score, measures, details, scale))
    return places


def _area(image: Image, spec: ClassSpec, region: Region) -> Place:
    scale = scale_at(image, region)
    measures = measure_area(region, scale)
    return Place(spec.damage, region.polygon_px, region.score, measures, dict(spec.facts), scale)


def scale_at(image: Image, region: Region) -> Scale:
    """Return the scale where a region lies: under tilt the near side of a picture is finer than the far side.

    The picture's own scale is that of its middle; the pose gives how a pixel there compares. A pixel that is longer one
    way than the other widens sigma, because the direction of what is measured is not looked at: uniform between both
    sides, (x - y) / sqrt(12).
    """
    scale = image.scale
    if image.view is None or scale.gsd_mm is None or scale.sigma_mm is None:
        return scale
    middle = (image.width_px / 2, image.height_px / 2)
    here = region.polygon_px.centroid
    sizes = pixel_scale(image.view, np.array([middle, (here.x, here.y)]))
    centre, local = (float(value) for value in sizes.mean_mm)
    if not (np.isfinite([centre, local]).all() and centre > 0):
        return scale
    gsd = scale.gsd_mm * local / centre
    across = gsd * float(sizes.x_mm[1] - sizes.y_mm[1]) / local / math.sqrt(12)
    sigma = math.hypot(scale.sigma_mm * local / centre, across)
    if abs(local / centre - 1.0) < SAME_SCALE:
        return replace(scale, sigma_mm=sigma)
    note = f"{scale.note}; {gsd:.3g} mm/px where the finding lies, from the pose".removeprefix("; ")
    return replace(scale, gsd_mm=gsd, sigma_mm=sigma, note=note)
