"""Surfaces of a scene that river geometry reads: water, bare sediment, vegetation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from findings.errors import NotAssessable
from inference.river.bars import dry_covers, sight
from inference.river.channel import find_channel
from inference.river.finding import Array
from inference.river.greenness import mndwi, ndvi, reflectance_like
from models.card import ClassSpec, ModelCard

WATER, SEDIMENT, VEGETATION = "water", "sediment", "vegetation"


@dataclass(frozen=True, slots=True, eq=False)
class Surfaces:
    """What covers the ground of one scene, each from 0.5 on.

    Attributes:
        water: ``(H, W)`` float32, NaN where nothing was observed.
        sediment: ``(H, W)`` bare ground of the river, NaN where unknown; None where the scene cannot tell.
        vegetation: ``(H, W)``, likewise.
        notes: how they came about, where the reader should know.
    """

    water: Array
    sediment: Array | None
    vegetation: Array | None
    notes: tuple[str, ...] = ()


def surfaces_of(card: ModelCard, scores: Array, bands: Mapping[str, Array]) -> Surfaces:
    """Return the surfaces of a scene from a model's scores, or from water scores and the scene's own indices.

    A model that tells sediment and vegetation apart is taken at its word; for one that only knows water, NDVI and MNDWI
    divide the dry ground of the channel (`inference.river.bars`).

    Args:
        card: of the model.
        scores: ``(K, H, W)`` in its order of classes.
        bands: ``(H, W)`` each; ``red`` and ``nir`` for the indices, ``green`` against white cloud.

    Raises:
        NotAssessable: the model does not tell water.
    """
    planes = {spec.damage: centred(scores[i], spec.edge) for i, spec in enumerate(card.classes)}
    if WATER not in planes:
        names = ", ".join(spec.name for spec in card.classes)
        raise NotAssessable(f"{card.name}@{card.version} knows {names}; a river needs a model that tells water")
    water = np.where(sight(bands, planes[WATER]), planes[WATER], np.nan).astype(np.float32)
    if SEDIMENT in planes and VEGETATION in planes:
        dry = np.isfinite(water)
        return Surfaces(water, _seen(planes[SEDIMENT], dry), _seen(planes[VEGETATION], dry))
    return _by_indices(water, bands)


def water_class(classes: Sequence[ClassSpec]) -> int | None:
    """Return which class of a model is water, or None."""
    return next((i for i, spec in enumerate(classes) if spec.damage == WATER), None)


def best_water(cards: Sequence[ModelCard]) -> int | None:
    """Return which of several scene models reads rivers: of those that tell water the one with the most surfaces."""
    telling = [i for i, card in enumerate(cards) if water_class(card.classes) is not None]
    return max(telling, key=lambda i: (len(cards[i].classes), -i), default=None)


def centred(score: Array, threshold: float) -> Array:
    """Return scores bent so that a threshold lies at 0.5, which the river functions cut at."""
    low = 0.5 * score / max(threshold, 1e-6)
    high = 0.5 + 0.5 * (score - threshold) / max(1.0 - threshold, 1e-6)
    return np.where(score < threshold, low, high).astype(np.float32)


def _seen(plane: Array, seen: np.ndarray) -> Array:
    return np.where(seen, plane, np.nan).astype(np.float32)


def _by_indices(water: Array, bands: Mapping[str, Array]) -> Surfaces:
    index, observed = ndvi(bands), np.isfinite(water)
    if index is None:
        return Surfaces(water, None, None, ("no red and nir: sediment and vegetation cannot be told",))
    channel, reason = find_channel(observed & (np.nan_to_num(water) >= 0.5), observed)
    if channel is None:
        return Surfaces(water, None, None, (reason,))
    covers = dry_covers(channel, index, mndwi(bands), observed, reflectance=reflectance_like(bands))
    known = observed & np.isfinite(index)
    return Surfaces(
        water, _seen(covers.bare.astype(np.float32), known), _seen(covers.overgrown.astype(np.float32), known)
    )
