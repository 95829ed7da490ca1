"""A small picture of a growth curve: points with intervals, the fitted line, its band, and limits ahead."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from findings.change import YEAR_DAYS
from findings.exports.pdf_font import font_path
from findings.files import whole_file
from findings.growth import Curve, Line
from findings.wording import measure_name

AHEAD = 0.6  # of the time since the first inspection that is drawn beyond the last one
LEAST_AHEAD_YEARS = 2.0
STEPS = 80
"""Points of the line."""
MEASURED, FITTED, LIMIT = "#1b4f72", "#b9770e", "#922b21"


def write_curve(curve: Curve, path: Path, title: str) -> None:
    """Write the curve as PNG, 160 dots per inch.

    Raises:
        OutputError: the file cannot be written, or the font is missing.
    """
    font = FontProperties(fname=str(font_path()), size=9)
    figure = Figure(figsize=(6.4, 4.0), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    _draw_points(axes, curve)
    end = curve.points[-1].at if curve.line is None else _draw_line(axes, curve, curve.line)
    _draw_limits(axes, curve, end, font)
    name = f"{measure_name(curve.name, 'ja')} / {measure_name(curve.name, 'en')} ({curve.unit})"
    axes.set_ylabel(name, fontproperties=font)
    axes.set_title(title, fontproperties=font)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_ylim(0.0, 1.3 * axes.get_ylim()[1])  # room for the legend above the data
    axes.grid(alpha=0.25)
    axes.legend(prop=font, loc="upper left", framealpha=0.85)
    with whole_file(path) as partial:
        figure.savefig(partial, format="png")


def _day(at: datetime) -> float:
    """Return a time as matplotlib counts it: days since 1970."""
    return at.timestamp() / 86_400


def _draw_points(axes: Axes, curve: Curve) -> None:
    known = [p for p in curve.points if p.value is not None]
    if known:
        down = [0.0 if p.low is None or p.value is None else max(p.value - p.low, 0.0) for p in known]
        up = [0.0 if p.high is None or p.value is None else max(p.high - p.value, 0.0) for p in known]
        axes.errorbar(
            [_day(p.at) for p in known], [p.value or 0.0 for p in known], yerr=[down, up], fmt="o", capsize=3,
            color=MEASURED, label="計測値と95%区間 / measured, 95 % interval",
        )  # fmt: skip
    bounds = [p for p in curve.points if p.value is None and p.high is not None]
    if bounds:
        axes.plot(
            [_day(p.at) for p in bounds], [p.high or 0.0 for p in bounds], "v", color=MEASURED, fillstyle="none",
            label="上限のみ / upper bound only",
        )  # fmt: skip


def _draw_line(axes: Axes, curve: Curve, line: Line) -> datetime:
    """Draw the fitted line with its band, beyond the last inspection as an extrapolation; return where it ends."""
    first, last = curve.points[0], curve.points[-1]
    ahead = max(AHEAD * last.years, LEAST_AHEAD_YEARS)
    for begin, stop, style, label in (
        (0.0, last.years, "-", "直線あてはめ / fitted line"),
        (last.years, last.years + ahead, "--", "外挿 / extrapolated"),
    ):
        times = [begin + (stop - begin) * k / STEPS for k in range(STEPS + 1)]
        days = [_day(first.at + timedelta(days=time * YEAR_DAYS)) for time in times]
        band = [line.at(time) for time in times]
        axes.plot(days, [value for value, _, _ in band], style, color=FITTED, label=label)
        axes.fill_between(
            days, [max(low, 0.0) for _, low, _ in band], [high for *_, high in band], color=FITTED, alpha=0.15, lw=0
        )
    return first.at + timedelta(days=(last.years + ahead) * YEAR_DAYS)


def _draw_limits(axes: Axes, curve: Curve, end: datetime, font: FontProperties) -> None:
    top = axes.get_ylim()[1]
    for crossing in curve.crossings:
        if crossing.limit <= 1.5 * top:
            axes.axhline(crossing.limit, color=LIMIT, lw=0.9, ls=":")
            axes.annotate(
                crossing.words_ja, (_day(end), crossing.limit), ha="right", va="bottom", color=LIMIT,
                fontproperties=font,
            )  # fmt: skip
