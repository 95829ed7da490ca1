"""What was found on generated photographs against what is really there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from findings.finding import Finding
from findings.measure import Measure, by_name

CRACK = "6"
REACH_PX = 6.0  # a found outline may lie this far from the true centre line
LEAST_POINTS = 5  # of the true line inside an outline: fewer is a crossing by chance


@dataclass(frozen=True, slots=True)
class CrackPair:
    """One found crack beside the true one under it.

    Attributes:
        file: name of the photograph.
        true_mm: 95th percentile of the true width inside the found outline; None where no crack is there.
        measured: the measured ``width_p95``, if there is one.
        gsd_mm: of the photograph.
    """

    file: str
    uid: str
    true_mm: float | None
    measured: Measure | None
    gsd_mm: float

    @property
    def inside(self) -> bool | None:
        """Whether the true width lies in the measured 95 % interval; None where there is nothing to compare."""
        if self.true_mm is None or self.measured is None or self.measured.high is None:
            return None
        return (self.measured.low or 0.0) <= self.true_mm <= self.measured.high


@dataclass(frozen=True, slots=True)
class Comparison:
    """All found cracks of a generated survey against its truth.

    Attributes:
        pairs: one a found crack, photographs in order.
        true_length_m: length of all true cracks.
        found_length_m: length of these that lies inside found outlines.
        by_width: for each class of true width (lower bound, upper bound in px): true length and found length in m.
    """

    pairs: tuple[CrackPair, ...]
    true_length_m: float
    found_length_m: float
    by_width: tuple[tuple[float, float, float, float], ...]

    @property
    def on_cracks(self) -> tuple[CrackPair, ...]:
        """The found cracks that lie on true ones."""
        return tuple(pair for pair in self.pairs if pair.true_mm is not None)

    @property
    def compared(self) -> tuple[CrackPair, ...]:
        """The found cracks whose interval can be held against the truth."""
        return tuple(pair for pair in self.pairs if pair.inside is not None)


WIDTH_CLASSES_PX = ((0.0, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, float("inf")))


@dataclass(frozen=True, slots=True)
class TruePhoto:
    """The true cracks of a photograph.

    Attributes:
        points: ``(N, 3)`` of x px, y px, width mm, along the centre lines.
        length_m: ``(N,)``, what each point stands for.
    """

    points: np.ndarray[Any, np.dtype[np.float64]]
    length_m: np.ndarray[Any, np.dtype[np.float64]]
    gsd_mm: float


def true_photo(cracks: Sequence[Mapping[str, Any]], gsd_mm: float) -> TruePhoto:
    """Return the true cracks of a photograph as points; ``cracks`` are rows of ``truth.json``."""
    points, lengths = [np.empty((0, 3))], [np.empty(0)]
    for crack in cracks:
        line = np.asarray(crack["line"], dtype=float).reshape(-1, 3)
        if len(line):
            points.append(line)
            lengths.append(np.full(len(line), float(crack["length_mm"]) / 1000 / len(line)))
    return TruePhoto(np.concatenate(points), np.concatenate(lengths), gsd_mm)


def compare(found: Mapping[str, Sequence[Finding]], truth: Mapping[str, TruePhoto]) -> Comparison:
    """Return found cracks against true ones.

    Args:
        found: findings by the name of their photograph; other damages than cracks are left aside.
        truth: of every photograph, those without any crack too.
    """
    pairs: list[CrackPair] = []
    widths, lengths, hits = [np.empty(0)], [np.empty(0)], [np.empty(0, dtype=bool)]
    for name, photo in truth.items():
        cracks = [finding for finding in found.get(name, ()) if finding.damage == CRACK]
        covered = np.zeros(len(photo.points), dtype=bool)
        for finding in cracks:
            inside = _inside(finding, photo)
            covered |= inside
            true_mm = float(np.percentile(photo.points[inside, 2], 95)) if inside.sum() >= LEAST_POINTS else None
            pairs.append(CrackPair(name, finding.uid, true_mm, _width(finding), photo.gsd_mm))
        widths.append(photo.points[:, 2] / photo.gsd_mm)
        lengths.append(photo.length_m)
        hits.append(covered)
    return _summary(tuple(pairs), np.concatenate(widths), np.concatenate(lengths), np.concatenate(hits))


def _summary(
    pairs: tuple[CrackPair, ...],
    widths: np.ndarray[Any, Any],
    lengths: np.ndarray[Any, Any],
    hits: np.ndarray[Any, Any],
) -> Comparison:
    classes = []
    for low, high in WIDTH_CLASSES_PX:
        chosen = (widths >= low) & (widths < high)
        classes.append((low, high, float(lengths[chosen].sum()), float(lengths[chosen & hits].sum())))
    return Comparison(pairs, float(lengths.sum()), float(lengths[hits].sum()), tuple(classes))


def _inside(finding: Finding, photo: TruePhoto) -> np.ndarray[Any, np.dtype[np.bool_]]:
    if not len(photo.points):
        return np.zeros(0, dtype=bool)
    outline = finding.geometry_px.buffer(REACH_PX)
    return np.asarray(shapely.contains_xy(outline, photo.points[:, 0], photo.points[:, 1]))


def _width(finding: Finding) -> Measure | None:
    width = by_name(finding.measures, "width_p95")
    return width if width is not None and width.unit == "mm" else None
