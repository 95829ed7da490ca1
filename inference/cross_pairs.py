"""Which pictures of two surveys may show the same place: bounded work, as within one survey."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
from scipy.spatial import cKDTree

from findings.survey import Image
from imagery.flight.features import FeatureStore
from inference.picture_pairs import FARTHEST_M, likeness, may_show_one

ALL_PAIRS = 900  # 30 pictures against 30: every pair is tried, 20 to 50 ms each
NEAREST = 8
ALIKE = 10

Pair = tuple[int, int]


def cross_pairs(
    previous: Sequence[Image], now: Sequence[Image], bearing: Collection[str], store: FeatureStore
) -> list[Pair]:
    """Return index pairs (previous, present) of pictures worth registering.

    At least one of the two bears findings, and nothing that is stated of them (asset, span, member) says that they show
    different parts. Beyond ``ALL_PAIRS`` each picture is tried with the nearest of the other survey by the camera's
    place and with those that share most features.

    Args:
        previous: photographs of the earlier survey.
        now: of the later one.
        bearing: uids of pictures with findings.
        store: features of all of them.
    """
    if len(previous) * len(now) <= ALL_PAIRS:
        wanted = {(i, j) for i in range(len(previous)) for j in range(len(now))}
    else:
        wanted = _nearest(previous, now) | _alike(previous, now, store)
    return sorted(
        (i, j)
        for i, j in wanted
        if (previous[i].uid in bearing or now[j].uid in bearing) and may_show_one(previous[i], now[j])
    )


def _nearest(previous: Sequence[Image], now: Sequence[Image]) -> set[Pair]:
    placed = [
        [(k, image.position_lonlat) for k, image in enumerate(side) if image.position_lonlat is not None]
        for side in (previous, now)
    ]
    if not placed[0] or not placed[1]:
        return set()
    every = np.array([place for side in placed for _, place in side])
    middle = every.mean(axis=0)
    metre = math.radians(1) * 6_371_008.8
    flat = (every - middle) * [metre * math.cos(math.radians(float(middle[1]))), metre]
    old, new = flat[: len(placed[0])], flat[len(placed[0]) :]
    pairs: set[Pair] = set()
    for here, there, turn in ((old, new, False), (new, old, True)):
        _, found = cKDTree(there).query(here, k=min(NEAREST, len(there)), distance_upper_bound=FARTHEST_M)
        for row, near in enumerate(np.reshape(found, (len(here), -1))):
            for other in near[near < len(there)]:
                a, b = (int(other), row) if turn else (row, int(other))
                pairs.add((placed[0][a][0], placed[1][b][0]))
    return pairs


def _alike(previous: Sequence[Image], now: Sequence[Image], store: FeatureStore) -> set[Pair]:
    found = likeness([store.of(image).descriptors for image in (*previous, *now)])
    if not found.size:
        return set()
    across = found[: len(previous), len(previous) :]
    forth = np.argsort(-across, axis=1, kind="stable")[:, :ALIKE]
    back = np.argsort(-across, axis=0, kind="stable")[:ALIKE]
    pairs = {(i, int(j)) for i, row in enumerate(forth) for j in row}
    return pairs | {(int(i), j) for j in range(across.shape[1]) for i in back[:, j]}
