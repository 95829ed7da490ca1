"""Which pictures of a survey may show the same damage, when few or none have a place: bounded work, stated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from findings.survey import Image
from imagery.flight.features import FeatureStore
from imagery.flight.register import rooted
from imagery.flight.stations import natural

ALL_PAIRS = 30  # up to so many pictures every pair is tried: 435 pairs of 20 ms
IN_ORDER = 4  # neighbours by name each way: cameras number what they take
NEAREST = 8  # by recorded place of the camera
ALIKE = 10  # by the features that they share
WORDS = 2048
SAMPLE = 40_000  # descriptors from which the words are drawn
FARTHEST_M = 200.0  # cameras of one damage, whatever the receiver says

Pair = tuple[int, int]


def picture_pairs(images: Sequence[Image], store: FeatureStore) -> list[Pair]:
    """Return index pairs ``(i, j)``, i < j, of pictures worth registering.

    Pictures that are stated to show different assets, spans or members are never paired. Up to ``ALL_PAIRS`` pictures
    every other pair is tried; beyond, each picture is tried with its neighbours in the order of the names, the nearest
    by the camera's place, and those that share most features, so that the work grows with the number of pictures.

    Raises:
        InputError: a picture cannot be read.
    """
    count = len(images)
    if count <= ALL_PAIRS:
        wanted = {(i, j) for i in range(count) for j in range(i + 1, count)}
    else:
        wanted = _in_order(images) | _nearest(images) | alike([store.of(image).descriptors for image in images])
    return sorted(pair for pair in wanted if may_show_one(images[pair[0]], images[pair[1]]))


def may_show_one(first: Image, second: Image) -> bool:
    """Return whether nothing that is stated of two pictures says that they show different parts."""
    assets = [image.assignment.asset_uid if image.assignment is not None else None for image in (first, second)]
    stated = (assets, (first.span, second.span), (first.member, second.member))
    return all(None in pair or pair[0] == pair[1] for pair in stated)


def _in_order(images: Sequence[Image]) -> set[Pair]:
    order = sorted(range(len(images)), key=lambda index: natural(Path(images[index].path).name))
    steps = range(1, IN_ORDER + 1)
    return {_ordered(order[k], order[k + step]) for step in steps for k in range(len(order) - step)}


def _nearest(images: Sequence[Image]) -> set[Pair]:
    places = [(index, image.position_lonlat) for index, image in enumerate(images)]
    placed = [(index, lonlat) for index, lonlat in places if lonlat is not None]
    if len(placed) < 2:
        return set()
    lonlat = np.array([place for _, place in placed])
    metre = math.radians(1) * 6_371_008.8
    flat = (lonlat - lonlat.mean(axis=0)) * [metre * math.cos(math.radians(float(lonlat[:, 1].mean()))), metre]
    count = min(NEAREST + 1, len(placed))
    _, found = cKDTree(flat).query(flat, k=count, distance_upper_bound=FARTHEST_M)
    pairs = (
        (placed[row][0], placed[other][0]) for row, near in enumerate(found) for other in near if other < len(flat)
    )
    return {_ordered(i, j) for i, j in pairs if i != j}


def alike(descriptors: Sequence[NDArray[np.uint8]]) -> set[Pair]:
    """Return for each picture those that share most features with it (`likeness`)."""
    found = likeness(descriptors)
    if not found.size:
        return set()
    np.fill_diagonal(found, -1.0)
    best = np.argsort(-found, axis=1, kind="stable")[:, :ALIKE]
    return {_ordered(i, int(j)) for i, row in enumerate(best) for j in row if int(j) != i}


def likeness(descriptors: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return how alike pictures are by the features they share, ``(N, N)``; empty where there are no features.

    Counts of the nearest words, weighed by their rarity (Sivic and Zisserman, ICCV 2003); the words are a sample, which
    serves a single survey as well as means of clusters do.
    """
    rng = np.random.default_rng(0)
    each = max(1, SAMPLE // max(len(descriptors), 1))
    parts = [found[rng.permutation(len(found))[:each]] for found in descriptors]
    sample = np.concatenate(parts)
    if len(sample) < 2:
        return np.zeros((0, 0), np.float32)
    words = rooted(sample[rng.permutation(len(sample))[:WORDS]])
    counts = np.zeros((len(descriptors), len(words)), np.float32)
    for row, found in enumerate(descriptors):
        if len(found):
            np.add.at(counts[row], (rooted(found) @ words.T).argmax(axis=1), 1.0)
    rarity = np.log((1 + len(counts)) / (1 + np.count_nonzero(counts, axis=0)))
    weighed = np.sqrt(counts) * rarity
    weighed /= np.maximum(np.linalg.norm(weighed, axis=1, keepdims=True), 1e-9)
    return np.asarray(weighed @ weighed.T, np.float32)


def _ordered(i: int, j: int) -> Pair:
    return (i, j) if i < j else (j, i)
