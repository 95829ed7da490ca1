"""Small drawings for the report page, as SVG text made of numbers only."""

from __future__ import annotations

import math

from mizuhashi.truth import Comparison, CrackPair

SIDE = 380
MARGIN = 46
TICKS_MM = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0)


def width_scatter(comparison: Comparison) -> str:
    """Return measured against true crack width, both in mm on logarithmic axes, with the 95 % intervals.

    A triangle is an upper bound: the picture does not resolve that width. Filled marks hold the true width in their
    interval, hollow ones do not.
    """
    pairs = comparison.compared
    values = [v for pair in pairs for v in _extent(pair)]
    low, high = (min(values) / 1.3, max(values) * 1.3) if values else (0.05, 3.0)
    axis = _Axis(low, high)
    parts = [
        f'<svg class="scatter" viewBox="0 0 {SIDE} {SIDE}" role="img" '
        'aria-label="Measured crack width against true crack width, in mm">',
        f'<rect x="{MARGIN}" y="10" width="{SIDE - MARGIN - 10}" height="{SIDE - MARGIN - 10}" class="frame"/>',
        _line(axis.x(low), axis.y(low), axis.x(high), axis.y(high), "same"),
    ]
    for tick in TICKS_MM:
        if low <= tick <= high:
            parts.append(_line(axis.x(tick), axis.y(low), axis.x(tick), axis.y(high), "grid"))
            parts.append(_line(axis.x(low), axis.y(tick), axis.x(high), axis.y(tick), "grid"))
            parts.append(f'<text x="{axis.x(tick):.1f}" y="{SIDE - MARGIN + 16}" class="tick mid">{tick:g}</text>')
            parts.append(f'<text x="{MARGIN - 6}" y="{axis.y(tick) + 4:.1f}" class="tick end">{tick:g}</text>')
    parts += [_mark(pair, axis) for pair in pairs]
    parts.append(f'<text x="{(SIDE + MARGIN) / 2}" y="{SIDE - 8}" class="name mid">true width, mm</text>')
    parts.append(
        f'<text transform="translate(13 {(SIDE - MARGIN) / 2}) rotate(-90)" class="name mid">measured width, mm</text>'
    )
    return "".join([*parts, "</svg>"])


class _Axis:
    """Maps mm to the drawing, the same for both axes."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._span = math.log(low), math.log(high) - math.log(low)

    def _share(self, value: float) -> float:
        return min(1.0, max(0.0, (math.log(max(value, 1e-6)) - self._low) / self._span))

    def x(self, value: float) -> float:
        return MARGIN + self._share(value) * (SIDE - MARGIN - 10)

    def y(self, value: float) -> float:
        return SIDE - MARGIN - self._share(value) * (SIDE - MARGIN - 10)


def _extent(pair: CrackPair) -> list[float]:
    measure = pair.measured
    ends = [pair.true_mm, *((measure.value, measure.high) if measure is not None else ())]
    return [value for value in ends if value is not None and value > 0]


def _mark(pair: CrackPair, axis: _Axis) -> str:
    measure = pair.measured
    if measure is None or measure.high is None or pair.true_mm is None:
        return ""
    x, kind = axis.x(pair.true_mm), "in" if pair.inside else "out"
    top = axis.y(measure.high)
    if measure.value is None:
        return f'<path d="M{x - 5:.1f} {top - 4:.1f}h10l-5 9z" class="{kind}"/>'
    y = axis.y(measure.value)
    bottom = axis.y(measure.low) if measure.low else axis.y(0)
    return _line(x, top, x, bottom, f"bar {kind}") + f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" class="{kind}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'
