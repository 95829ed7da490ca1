"""UK condition scores: severity 1 to 5 x extent A to E, the element's score and the bridge's BCI (``uk_condition``).

For display only: the severity comes from the cross-walk of the Japanese grade, which is our proposal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from findings.errors import GradingError
from findings.finding import Grade
from findings.grading.crosswalk import cross_walk
from findings.grading.interval import SHARE, UNBOUNDED, interval, no_more_than_all
from findings.measure import Measure
from findings.standard import load_standard


@dataclass(frozen=True, slots=True)
class UkCondition:
    """Severities and extents that remain possible, and the scores (ECS) between which the element lies.

    ``low`` and ``high`` are None where the grade has no counterpart.
    """

    severities: tuple[int, ...]
    extents: tuple[str, ...]
    low: float | None
    high: float | None
    status: str


@dataclass(frozen=True, slots=True)
class UkElement:
    """An element of a bridge with its score and importance: ``very_high``, ``high``, ``medium`` or ``low``."""

    name: str
    importance: str
    score: float


@dataclass(frozen=True, slots=True)
class Bci:
    """Bridge condition index, 0 to 100; ``critical`` None where no element is of very high importance."""

    average: float
    critical: float | None
    status: str


def extents(share: Measure | None) -> tuple[str, ...]:
    """Return the extents that the affected share of an element leaves possible; B to E where it is unknown.

    Args:
        share: ratio 0 to 1 of area or of a count (`share_of` makes one of n of N).

    Raises:
        GradingError: the share is out of order or above 1.
    """
    no_more_than_all(share)
    rows = load_standard("uk_condition")["extents"]
    span = interval(share, SHARE)
    if span == UNBOUNDED:
        return tuple(row["code"] for row in rows[1:])
    found, lower = [], -1.0
    for row in rows:
        if span.low <= row["upto"] and span.high > lower:
            found.append(row["code"])
        lower = row["upto"]
    return tuple(found)


def share_of(affected: int, total: int) -> Measure:
    """Return n of N as a share.

    Raises:
        GradingError: a number is negative, or more are affected than there are.
    """
    if total <= 0 or not 0 <= affected <= total:
        raise GradingError(f"{affected} of {total} affected; expected 0 <= affected <= total, total above 0")
    return Measure("share", affected / total, "ratio", affected / total, affected / total, "counted")


def condition(grade: Grade, share: Measure | None) -> UkCondition:
    """Return severity, extent and the range of the score of a graded finding.

    Raises:
        GradingError: the share is impossible, or it is 0 although the grade says that there is damage.
    """
    standard = load_standard("uk_condition")
    severities = tuple(cross_walk(grade).get("uk_severity", ()))
    possible = extents(share)
    if not severities:
        return UkCondition((), possible, None, None, standard["status"])
    if severities[0] > 1 and possible == ("A",):
        raise GradingError(
            f"share 0 with a grade of {'/'.join(grade.codes)}: contradictory; check the area or count, or the grade"
        )
    scores = [
        score for severity in severities for score in _scores(standard["score"][str(severity)], severity, possible)
    ]
    return UkCondition(severities, possible, min(scores), max(scores), standard["status"])


def _scores(row: Mapping[str, float], severity: int, possible: Sequence[str]) -> list[float]:
    if severity == 1:
        return [row["A"]]  # no significant defect, whatever its extent
    return [row[code] for code in possible if code in row]


def bci(elements: Iterable[UkElement]) -> Bci:
    """Return the bridge condition index: ``100 - 2 (S^2 + 6.5 S - 7.5)`` of the weighted and of the worst score.

    A less important element counts with its score less a relief that falls to 0 at score 5.

    Raises:
        GradingError: there is no element, a score is not 1 to 5 or an importance is unknown.
    """
    standard = load_standard("uk_condition")
    elements = list(elements)
    if not elements:
        raise GradingError("no element to make an index of; expected at least one with its score")
    indices = [_index(standard, element) for element in elements]
    weights = [standard["importance"][element.importance]["factor"] for element in elements]
    mean = sum(i * w for i, w in zip(indices, weights, strict=True)) / sum(weights)
    worst = [i for i, element in zip(indices, elements, strict=True) if element.importance == "very_high"]
    return Bci(_bci(standard["bci"], mean), _bci(standard["bci"], max(worst)) if worst else None, standard["status"])


def _index(standard: Mapping[str, Any], element: UkElement) -> float:
    kinds = standard["importance"]
    if element.importance not in kinds:
        raise GradingError(f"{element.name}: importance {element.importance!r}; expected one of {', '.join(kinds)}")
    if not 1 <= element.score <= 5:
        raise GradingError(f"{element.name}: score {element.score!r}; expected 1 to 5")
    relief = float(kinds[element.importance]["relief"])
    return max(1.0, element.score - relief * (1 - (element.score - 1) / 4))


def _bci(row: Mapping[str, float], score: float) -> float:
    raw = row["top"] - row["scale"] * (row["square"] * score**2 + row["linear"] * score - row["constant"])
    return min(max(raw, 0.0), row["top"])
