"""Which damage of this survey is which of the previous one: one to one, by least cost.

A link of two sights (`findings.links`) costs ``1 - score``; the assignment of least total cost decides (scipy
``linear_sum_assignment``). What it leaves is told apart: pieces of a damage that now shows as several, damages that
grew into one, rivals for one id, and places on the ground that fit several.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from findings.links import LEAST_SHARE, Defect, Inspected, Link, Links, Registrations, best_links

AMBIGUOUS = 0.8  # a ground match whose runner-up scores as much of the best is a guess


@dataclass(frozen=True, slots=True)
class Match:
    """One damage in both surveys; ``confidence`` falls with the likeness of the runner-up."""

    previous: Defect
    now: Defect
    link: Link
    sizes: Link | None  # the pair of sights whose sizes may be compared
    confidence: float


@dataclass(frozen=True, slots=True)
class Matches:
    """The assignment, and what it leaves.

    Attributes:
        matched: one to one.
        pieces: present defects that lie on a previous one which another piece carries on.
        rivals: present defects that claim a previous one at the very place of the match that got it.
        joined: previous defects that lie on a present one which carries another previous id.
        ambiguous: uids of leaders whose place on the ground fits several.
    """

    matched: tuple[Match, ...]
    pieces: tuple[tuple[Defect, Match], ...] = ()
    rivals: tuple[tuple[Defect, Match], ...] = ()
    joined: tuple[tuple[Defect, Match], ...] = ()
    ambiguous: frozenset[str] = frozenset()


def match(previous: Inspected, now: Inspected, registrations: Registrations) -> Matches:
    """Return which present damage is which previous one; the order of the input does not matter."""
    old, new = (sorted(side.defects, key=lambda defect: defect[0].uid) for side in (previous, now))
    links, ambiguous = _clear(best_links(previous, now, registrations))
    pairs = _assigned(links, len(old), len(new))
    by_old, by_new = _runners(links)
    found = {(i, j): _match(old[i], new[j], links[i, j], by_old[i], by_new[j]) for i, j in pairs}
    winner_of, carrier_of = {i: found[i, j] for i, j in pairs}, {j: found[i, j] for i, j in pairs}
    pieces: list[tuple[Defect, Match]] = []
    rivals: list[tuple[Defect, Match]] = []
    joined: list[tuple[Defect, Match]] = []
    for j in sorted(set(by_new) - set(carrier_of)):
        claimed = [(score, i) for score, i in by_new[j] if i in winner_of]
        if claimed:
            i = max(claimed)[1]
            link = links[i, j][0]
            apart = link.share_now >= LEAST_SHARE and not _one_place(link, winner_of[i].link)
            (pieces if apart else rivals).append((new[j], winner_of[i]))
    for i in sorted(set(by_old) - set(winner_of)):
        carried = [
            (score, j) for score, j in by_old[i] if j in carrier_of and links[i, j][0].share_previous >= LEAST_SHARE
        ]
        if carried:
            joined.append((old[i], carrier_of[max(carried)[1]]))
    unclear = frozenset({old[i][0].uid for i, _ in ambiguous} | {new[j][0].uid for _, j in ambiguous})
    return Matches(tuple(found[pair] for pair in pairs), tuple(pieces), tuple(rivals), tuple(joined), unclear)


Runners = dict[int, list[tuple[float, int]]]


def _runners(links: Links) -> tuple[Runners, Runners]:
    """Return the scores of the partners of each previous and of each present defect."""
    by_old: Runners = defaultdict(list)
    by_new: Runners = defaultdict(list)
    for (i, j), found in links.items():
        by_old[i].append((found[0].score, j))
        by_new[j].append((found[0].score, i))
    return by_old, by_new


def _clear(links: Links) -> tuple[Links, set[tuple[int, int]]]:
    """Split the links: those that may decide, and ground links of a photograph whose runner-up is too near.

    Scenes are placed by their grid, to a part of a pixel; a photograph's place leaves several neighbours possible.
    """
    ground = {pair: found for pair, found in links.items() if found[0].registration is None}
    by_old, by_new = _runners(ground)
    ambiguous = set()
    for (i, j), found in ground.items():
        best = found[0]
        near = [score for score, k in by_old[i] if k != j] + [score for score, k in by_new[j] if k != i]
        if best.previous.position_source != "georeference" and max(near, default=0.0) >= AMBIGUOUS * best.score:
            ambiguous.add((i, j))
    return {pair: found for pair, found in links.items() if pair not in ambiguous}, ambiguous


def _assigned(links: Links, rows: int, columns: int) -> list[tuple[int, int]]:
    """Return the pairs of least total cost, by row; each group of defects that links join is solved by itself."""
    if not links:
        return []
    pairs = sorted(links)
    at = np.array(pairs)
    graph = coo_matrix((np.ones(len(at)), (at[:, 0], rows + at[:, 1])), shape=(rows + columns, rows + columns))
    _, group = connected_components(graph, directed=False)
    groups: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for pair in pairs:
        groups[int(group[pair[0]])].append(pair)
    chosen: list[tuple[int, int]] = []
    for members in groups.values():
        left, right = sorted({i for i, _ in members}), sorted({j for _, j in members})
        cost = np.full((len(left), len(right)), 2.0)  # dearer than two matches: never taken where a match is possible
        for i, j in members:
            cost[left.index(i), right.index(j)] = 1.0 - links[i, j][0].score
        chosen += [(left[a], right[b]) for a, b in zip(*linear_sum_assignment(cost), strict=True) if cost[a, b] <= 1.0]
    return sorted(chosen)


def _match(
    previous: Defect,
    now: Defect,
    found: list[Link],
    of_old: list[tuple[float, int]],
    of_new: list[tuple[float, int]],
) -> Match:
    best = found[0]
    # Both lists hold this pair itself; the second of each is a runner-up.
    others = [score for runners in (of_old, of_new) for score, _ in sorted(runners, reverse=True)[1:2]]
    doubt = min(max(others, default=0.0) / best.score, 1.0)
    leaders = {previous[0].uid, now[0].uid}
    whole = sorted(
        (link for link in found if link.whole),
        key=lambda link: (-len(leaders & {link.previous.uid, link.now.uid}), -link.score, link.previous.uid),
    )
    return Match(previous, now, best, whole[0] if whole else None, round(best.score * (1.0 - 0.5 * doubt), 3))


def _one_place(link: Link, other: Link) -> bool:
    """Return whether two present sights cover each other; outlines of different frames cannot say so."""
    if (link.previous.image_uid, link.registration is None) != (other.previous.image_uid, other.registration is None):
        return False
    shared = link.outline_now.intersection(other.outline_now).area
    return bool(shared >= 0.3 * min(link.outline_now.area, other.outline_now.area))
