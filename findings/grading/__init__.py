"""Grades from measures: one code where the rule is certain, else the set of possible codes with the reason."""

from findings.grading.chance import code_weights
from findings.grading.corrosion import grade_corrosion
from findings.grading.crack import grade_crack, grade_slab_crack
from findings.grading.crosswalk import cross_walk
from findings.grading.dispatch import grade
from findings.grading.measured import grade_coating, grade_measured
from findings.grading.observations import grade_leakage, grade_spalling
from findings.grading.river import grade_river

__all__ = [
    "code_weights",
    "cross_walk",
    "grade",
    "grade_coating",
    "grade_corrosion",
    "grade_crack",
    "grade_leakage",
    "grade_measured",
    "grade_river",
    "grade_slab_crack",
    "grade_spalling",
]
