"""What one model sees on one photograph: regions, measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from findings.asset import Structure
from findings.survey import Image
from imagery.decode import DecodedPhoto, decode_rgb
from imagery.masks import Classes, hidden
from imagery.reader import LUMA, ImageReader
from imagery.stream import PixelSource
from imagery.types import Window
from inference.judgement import Place
from inference.measure.area import View
from inference.measure.link import link
from inference.measure.picture import Found, measure_picture
from inference.measure.steel import is_steel
from inference.regions import regions
from models.card import ModelCard


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
    structure: Structure = Structure.UNKNOWN,
) -> list[Place]:
    """Return the measured places of every class of a model on a photograph.

    Args:
        image: scale and quality of the photograph.
        picture: its pixels.
        scores: ``(K, H, W)``, NaN where nothing was observed.
        card: classes and thresholds, in the order of ``scores``.
        left_out: names of classes that another model answers for on this picture.
        structure: of the asset that the photograph shows.
    """
    found = [
        Found(spec, plane, () if spec.name in left_out else link(regions(plane, spec), plane, picture.grey, spec))
        for plane, spec in zip(scores, card.classes, strict=True)
    ]
    view = View(np.isfinite(picture.grey))
    return measure_picture(image, picture.grey, found, view, steel=is_steel(image.member, structure))
