"""How often patterns of cracks are told right: ``python -m benchmarks.crack_patterns``.

Drawn patterns at random angles, densities and line widths, with none, 15 % and 30 % of the lines missing; a table of
what was drawn against what was told, and the error of the spacing within the group.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from inference.measure.lines import lines_of
from inference.measure.pattern import Pattern, find_patterns
from inference.regions import regions
from models.card import ClassSpec
from tests.inference.measure.patterns import Drawing, draw

KINDS = ("single", "parallel", "map", "grid")
CRACK = ClassSpec(name="crack", damage="6", threshold=0.5)


def told(mask: NDArray[np.bool_]) -> Pattern:
    """Return the pattern that holds the most length of a mask."""
    lines = [lines_of(region) for region in regions(mask.astype(np.float32), CRACK)]
    weight: Counter[Pattern] = Counter()
    for line, pattern in zip(lines, find_patterns(lines), strict=True):
        if pattern is not None:
            weight[pattern] += round(line.length_px)
    return weight.most_common(1)[0][0]


def main() -> None:
    """Draw, tell and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=40, help="drawings of each kind")
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args()
    for gaps in (0.0, 0.15, 0.3):
        rng = np.random.default_rng([given.seed, round(100 * gaps)])
        print(f"\n{gaps:.0%} of the lines missing, {given.each} drawings of each kind\n")
        print(f"| drawn | {' | '.join(KINDS)} | one_way | near_grid | grid | spacing error, median (5 to 95 %) |")
        print("|---|" + "---|" * 8)
        for kind in KINDS:
            kinds, slabs, errors = Counter[str](), Counter[str](), []
            for _ in range(given.each):
                how = Drawing(
                    rng.uniform(60, 300), rng.uniform(0, 180), int(rng.integers(2, 8)), rng.uniform(2, 8), gaps=gaps
                )
                pattern = told(draw(kind, rng, how))
                kinds[pattern.kind.value] += 1
                slabs[pattern.slab] += 1
                if kind in ("parallel", "grid") and pattern.spacing_px is not None:
                    errors.append((pattern.spacing_px.value or 0.0) / how.spacing_px - 1)
            spacing = "-"
            if errors:
                low, middle, high = np.percentile(errors, [5, 50, 95])
                spacing = f"{middle:+.0%} ({low:+.0%} to {high:+.0%})"
            cells = [*(kinds[k] for k in KINDS), *(slabs[k] for k in ("one_way", "near_grid", "grid")), spacing]
            print(f"| {kind} | {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    main()
