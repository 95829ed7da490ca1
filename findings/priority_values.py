"""What one finding itself brings to a score, as plain numbers: its grade, its size and how sure it is.

The words for the same numbers stand in ``findings.priority_inputs``; lists of 100,000 findings need only the numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from findings.finding import Domain, Finding, FindingStatus
from findings.grading.chance import code_weights
from findings.measure import Measure
from findings.profile import Profile
from findings.tracking import TrackState

Span = tuple[float, float, float]
"""What an input adds at its least, as counted, and at its most."""

RIVER_SCHEME = "river_rating"


@dataclass(frozen=True, slots=True)
class OwnValues:
    """Reads findings by one profile; made once for a whole list."""

    grades: dict[str, float]
    stages: dict[str, float]
    review_weights: dict[FindingStatus, float]
    progression: dict[str, float]
    grade_missing: float
    extent_most: float
    extent_missing: float
    confidence_most: float
    halves: dict[bool, dict[tuple[str, str], tuple[int, float]]]
    _cache: dict[object, Span | None] = field(default_factory=dict)

    @classmethod
    def of(cls, profile: Profile) -> OwnValues:
        """Return the reader of a profile."""
        table, missing = profile.data["likelihood"], profile.data["missing"]
        halves = {
            river: {
                (row["measure"], row["unit"]): (place, float(row["half"]))
                for place, row in reversed(list(enumerate(table["extent_halves_river" if river else "extent_halves"])))
            }
            for river in (False, True)
        }
        return cls(
            {code: float(value) for code, value in table["grade"].items()},
            {code: float(value) for code, value in table["river_rating"].items()},
            {status: float(table["review_weight"][status.value]) for status in FindingStatus},
            {name: float(value) for name, value in table["progression"].items()},
            float(missing["grade"]),
            float(table["extent"]),
            float(missing["extent"]),
            float(table["confidence"]),
            halves,
        )

    def grade(self, finding: Finding) -> Span | None:
        """Return the grade's value 0 to 1: of the best possible code, as expected, of the worst; None without one.

        A final grade of a person is certain. Probabilities weigh the codes where the measures give them; where RC or PC
        is unknown the worse of the two counts (`code_weights`).
        """
        grade, final = finding.grade, finding.final_grade
        key: object = final, grade and grade.scheme, finding.domain  # traces differ where nothing that counts does
        if not final and grade is not None:
            key = grade.scheme, grade.codes, grade.probabilities, grade.alternatives
        if key not in self._cache:
            self._cache[key] = self._grade(finding)
        return self._cache[key]

    def _grade(self, finding: Finding) -> Span | None:
        grade, final = finding.grade, finding.final_grade
        river = grade.scheme == RIVER_SCHEME if grade else finding.domain is Domain.RIVER
        table = self.stages if river else self.grades
        if final:
            return (table[final],) * 3 if final in table else None
        weights = code_weights(grade) if grade else {}
        if not weights or grade is None or not all(code in table for code in grade.codes):
            return None
        values = [table[code] for code in grade.codes]
        mean = sum(table[code] * weight for code, weight in weights.items())
        return min(values), min(max(mean, min(values)), max(values)), max(values)

    def graded(self, finding: Finding) -> Span:
        """Return what the grade adds, weighted by the state of its review."""
        weight = self.review_weights[finding.status]
        low, used, high = self.grade(finding) or (0.0, self.grade_missing, 1.0)
        return low * weight, used * weight, high * weight

    def size(self, finding: Finding) -> tuple[Measure, float] | None:
        """Return the measure that stands for the size, and its half value; None if none was measured."""
        known = self.halves[finding.domain is Domain.RIVER]
        best: tuple[int, Measure, float] | None = None
        for measure in finding.measures:
            row = known.get((measure.name, measure.unit))
            if row is not None and (best is None or row[0] < best[0]) and _usable(measure.value):
                best = (row[0], measure, row[1])
        return None if best is None else best[1:]

    def extent(self, size: tuple[Measure, float] | None) -> Span:
        """Return what the size adds: half of the most at its half value."""
        if size is None:
            return 0.0, self.extent_missing * self.extent_most, self.extent_most
        value = (size[0].value or 0.0) / ((size[0].value or 0.0) + size[1]) * self.extent_most
        return value, value, value

    def confidence(self, finding: Finding) -> Span:
        """Return what certainty adds: the model's score, or 1 once a person confirmed."""
        if finding.status is FindingStatus.CONFIRMED:
            return (self.confidence_most,) * 3
        if not math.isfinite(finding.score):
            return 0.0, 0.0, self.confidence_most
        return (min(max(finding.score, 0.0), 1.0) * self.confidence_most,) * 3

    def change(self, state: object) -> Span:
        """Return what the comparison with the last inspection adds.

        Nobody has confirmed a repair that a comparison only suspects, so it counts nothing and may count as one; a
        place where nothing is found any more (NG) may have been repaired or hidden, so it may be either.

        Args:
            state: a `TrackState`, a name of the profile's table (``faster`` ...), or None: nobody compared.
        """
        faster, repaired = max(self.progression["faster"], 0.0), min(self.progression["repaired"], 0.0)
        if isinstance(state, TrackState):
            state = {TrackState.PROGRESSED: "faster", TrackState.UNCHANGED: "unchanged"}.get(state, state)
        if isinstance(state, str) and state in self.progression:
            return (self.progression[state],) * 3
        if state is TrackState.REPAIRED_SUSPECTED:
            return repaired, 0.0, 0.0
        return (repaired if state is TrackState.NOT_FOUND else 0.0), 0.0, faster


def _usable(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value >= 0
