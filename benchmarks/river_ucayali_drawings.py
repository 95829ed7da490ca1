"""Drawings for `benchmarks.river_ucayali`: lines, outlines and diagrams from numbers; no picture lies under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from skimage.measure import find_contours

from findings.river_series import Floats, Observation, Quantity, ReachFrame
from inference.river.grid import Grid
from inference.river.lines import distance_along
from mizuhashi.river_figures import space_time_figure

RIVER, SIDE, CUT, INK = "#1d6f8a", "#a9cfdb", "#c4452d", "#1c2a31"
LETTERS = "ABCDEFGHIJ"


class Drawn(Protocol):
    """A course, as far as it is drawn."""

    year: int
    line: Floats
    channel: NDArray[np.bool_]
    water: NDArray[np.bool_]
    observation: Observation
    post_km: Floats


def draw(
    out: Path, courses: Sequence[Any], departures: Sequence[Mapping[str, Any]], grid: Grid, crs: str,
    frame: ReachFrame, observed: Sequence[Observation],
) -> None:  # fmt: skip
    """Write the four drawings as PNG into a folder."""
    corner = grid.points(np.array([[0.0, float(grid.height_px)]]), crs)[0]
    cuts = [one for one in departures if one["cut_off"]]
    places = [_middle(courses, one) for one in cuts]
    _courses(courses, cuts, places, corner).savefig(out / "ucayali-courses.png")
    _channels(courses, grid, crs, corner).savefig(out / "ucayali-channels.png")
    _widths(courses).savefig(out / "ucayali-widths.png")
    (out / "ucayali-space-time.png").write_bytes(space_time_figure(frame, observed, None))


def _middle(courses: Sequence[Drawn], departure: Mapping[str, Any]) -> Floats:
    """Return the point half way along the abandoned stretch."""
    old = next(one for one in courses if str(one.year) == departure["years"][:4])
    along = distance_along(old.line)
    at = along[-1] - 500.0 * sum(departure["km"])
    return np.array([np.interp(at, along, old.line[:, axis]) for axis in (0, 1)])


def _courses(
    courses: Sequence[Drawn], cuts: Sequence[Mapping[str, Any]], places: Sequence[Floats], corner: Floats
) -> Figure:
    figure = Figure(figsize=(9.6, 7.6), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    shades = mpl.colormaps["viridis_r"](np.linspace(0.08, 0.95, len(courses)))
    for one, shade in zip(courses, shades, strict=True):
        axes.plot(*((one.line - corner) / 1000).T, color=shade, lw=2.0, label=str(one.year))
    first = courses[0]
    along = distance_along(first.line)
    for km in range(0, int(along[-1] / 1000) + 1, 5):
        at = [np.interp(along[-1] - 1000 * km, along, (first.line[:, k] - corner[k]) / 1000) for k in (0, 1)]
        axes.plot(*at, "o", ms=3, color=INK)
        axes.annotate(f"{km}", (at[0], at[1]), xytext=(4, 3), textcoords="offset points", fontsize=7, color=INK)
    for number, (letter, place) in enumerate(zip(LETTERS[: len(cuts)], places, strict=True)):
        east, north = (place - corner) / 1000
        axes.annotate(letter, (east, north), xytext=(26, -18 + 36 * (number % 2)), color="white",
                      textcoords="offset points", fontsize=10, ha="center", va="center",
                      bbox={"boxstyle": "circle", "fc": CUT, "ec": "white"},
                      arrowprops={"arrowstyle": "-", "color": CUT})  # fmt: skip
    rows = [
        f"{letter}  {cut['years']}: {cut['old_km']} km to {cut['new_km']} km" + (" (in sight)" * cut["leaves_scene"])
        for letter, cut in zip(LETTERS, cuts, strict=False)
    ]
    text = "\n".join(["cut-offs: old and new way", *rows])
    axes.text(0.02, 0.03, text, transform=axes.transAxes, fontsize=9, color=CUT)
    _ground(axes)
    axes.set_xlabel("km east of the scene's south-western corner; dots: km up the 1985 course from the northern edge")
    axes.set_ylabel("km north")
    axes.legend(title="centre line", fontsize=8, loc="upper right")
    return figure


def _channels(courses: Sequence[Drawn], grid: Grid, crs: str, corner: Floats) -> Figure:
    figure = Figure(figsize=(9.6, 11.6), dpi=90, layout="constrained")
    for place, one in enumerate(courses, 1):
        axes = figure.add_subplot(4, 2, place)
        for mask, colour in ((one.water, SIDE), (one.channel, RIVER)):
            for ring in _rings(mask, grid, crs):
                axes.fill(*((ring - corner) / 1000).T, facecolor=colour if _outer(ring) else "white", lw=0)
        if place > 1:
            before = courses[place - 2].line
            axes.plot(*((before - corner) / 1000).T, color=CUT, lw=0.9, ls="--")
        axes.set_title(str(one.year), fontsize=10, color=INK)
        _ground(axes)
        axes.tick_params(labelsize=7)
    return figure


def _rings(mask: NDArray[np.bool_], grid: Grid, crs: str) -> list[Floats]:
    """Return outlines of a mask, outer ones and holes, the largest first."""
    padded = np.pad(mask, 1).astype(float)
    rings = [grid.points(ring[:, ::-1] - 0.5, crs) for ring in find_contours(padded, 0.5)]  # type: ignore[no-untyped-call]
    return sorted((ring for ring in rings if len(ring) > 12), key=lambda ring: -abs(_area(ring)))


def _area(ring: Floats) -> float:
    x, y = (ring - ring[0]).T
    return 0.5 * float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


def _outer(ring: Floats) -> bool:
    """Return whether a ring holds high values: `find_contours` winds those the other way round than holes."""
    return _area(ring) < 0


def _widths(courses: Sequence[Drawn]) -> Figure:
    figure = Figure(figsize=(9.6, 9.2), dpi=90, layout="constrained")
    longest = max(float(one.post_km.max()) for one in courses)
    for place, one in enumerate(courses, 1):
        axes = figure.add_subplot(len(courses), 1, place)
        width = one.observation.values[Quantity.WETTED_WIDTH]
        axes.fill_between(one.post_km, 0, width, color=RIVER, alpha=0.8, lw=0)
        axes.axhline(float(np.nanmedian(width)), color=CUT, lw=0.9, ls="--")
        missing = ~np.isfinite(width)
        axes.plot(one.post_km[missing], np.zeros(missing.sum()), "|", color=INK, ms=5)
        axes.set_xlim(longest, 0)
        axes.set_ylim(-80, 2000)
        axes.set_ylabel(f"{one.year}\nm", fontsize=8, rotation=0, labelpad=18, va="center")
        axes.tick_params(labelsize=7, labelbottom=place == len(courses))
        axes.grid(alpha=0.25)
    axes.set_xlabel("km up that year's own course from the northern edge (flow to the right); ticks: not measured; "
                    "dashed: median", fontsize=8)  # fmt: skip
    return figure


def _ground(axes: Axes) -> None:
    axes.set_aspect("equal")
    axes.grid(alpha=0.25)
