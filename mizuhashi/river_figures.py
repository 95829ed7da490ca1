"""Pictures of a reach in time: map, widths along the river by year, space-time diagram, areas over time."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from numpy.typing import NDArray

from findings.exports.pdf_font import font_path
from findings.finding import Finding
from findings.measure import Measure
from findings.river_series import Floats, Observation, Quantity, ReachFrame

EARLY, LATE, EROSION, GROWTH = "#7fb6c9", "#123f52", "#c4452d", "#b9770e"
COLOURS = {"R17": EROSION, "R15": GROWTH, "R16": "#3b7d3a"}
AREAS = (
    ("water_area", "水面 water", "#1d6f8a"), ("channel_area", "河道 active channel", "#123f52"),
    ("sediment_area", "裸地砂州 bare sediment", "#b9770e"), ("vegetation_area", "植生 vegetation", "#3b7d3a"),
)  # fmt: skip
BANKS = (
    (Quantity.LEFT_BANK, "左岸の後退 left bank retreat, m", 1),
    (Quantity.RIGHT_BANK, "右岸の後退 right bank retreat, m", -1),
)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _font(size: float = 9) -> FontProperties:
    return FontProperties(fname=str(font_path()), size=size)


def map_figure(
    frame: ReachFrame, early: Observation | None, late: Observation | None, findings: Sequence[Finding],
    rgb: NDArray[np.uint8] | None, transects_px: tuple[Floats, Floats, Floats], places_px: Sequence[Floats],
    banks_px: Mapping[str, Floats],
) -> bytes:  # fmt: skip
    """Return a map of the reach as PNG: the latest scene, transects, banks early and late, numbered findings.

    Args:
        frame: of the reach.
        early: observation whose banks are drawn light; None draws none.
        late: observation whose banks are drawn dark.
        findings: numbered from 1 in this order.
        rgb: the picture below, or None.
        transects_px: origins, left ends and right ends ``(N, 2)`` in its pixels.
        places_px: outline ``(K, 2)`` of each finding in its pixels.
        banks_px: ``early_left``, ``early_right``, ``late_left``, ``late_right`` ``(N, 2)``, NaN where unknown.
    """
    figure = Figure(figsize=(10.4, 7.4), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    if rgb is not None:
        axes.imshow(rgb, interpolation="bilinear")
    origin, left, right = transects_px
    for k in range(len(frame)):
        axes.plot([left[k, 0], right[k, 0]], [left[k, 1], right[k, 1]], color="white", lw=0.5, alpha=0.45)
    step = max(len(frame) // 12, 1)
    for k in range(0, len(frame), step):
        label = f"{frame.post_km[k]:.2f}k"
        axes.annotate(label, left[k], fontsize=7, color="white", ha="center", va="center",
                      bbox={"boxstyle": "round,pad=0.15", "fc": "#123f52", "ec": "none", "alpha": 0.8})  # fmt: skip
    days = {"early": early, "late": late}
    for name, colour in (("early", EARLY), ("late", "#ffd27a")):
        one = days[name]
        for side in ("left", "right"):
            line = banks_px.get(f"{name}_{side}")
            if line is not None and one is not None:
                told = f"{one.captured_at:%Y-%m-%d} の河岸 banks" if side == "left" else None
                axes.plot(line[:, 0], line[:, 1], color=colour, lw=1.6, label=told)
    for number, (finding, place) in enumerate(zip(findings, places_px, strict=True), 1):
        colour = COLOURS.get(finding.damage, EROSION)
        axes.fill(place[:, 0], place[:, 1], facecolor=colour, alpha=0.35, edgecolor=colour, lw=1.5)
        at = place.mean(axis=0)
        axes.annotate(str(number), at, color="white", fontsize=9, ha="center", va="center",
                      bbox={"boxstyle": "circle,pad=0.2", "fc": colour, "ec": "white"})  # fmt: skip
    flow = origin[-1] - origin[max(len(origin) - 6, 0)]
    axes.annotate("", xy=origin[-1] + flow * 0.6, xytext=origin[-1], arrowprops={"arrowstyle": "->", "color": "white"})
    if rgb is not None:
        axes.set_xlim(0, rgb.shape[1])
        axes.set_ylim(rgb.shape[0], 0)
    axes.set_aspect("equal")
    axes.axis("off")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(prop=_font(), loc="lower right", framealpha=0.85)
    return _png(figure)


def widths_figure(frame: ReachFrame, observed: Sequence[Observation]) -> bytes:
    """Return widths along the river as PNG: the median of each year, channel above, water below."""
    figure = Figure(figsize=(10.4, 5.4), dpi=110, layout="constrained")
    years = sorted({one.captured_at.year for one in observed})
    shades = mpl.colormaps["viridis_r"](np.linspace(0.1, 0.95, max(len(years), 2)))
    rows = ((Quantity.CHANNEL_WIDTH, "河道幅 channel, m"), (Quantity.WETTED_WIDTH, "水面幅 water, m"))
    for place, (quantity, name) in enumerate(rows, 1):
        axes = figure.add_subplot(2, 1, place)
        for year, shade in zip(years, shades, strict=False):
            those = [one for one in observed if one.captured_at.year == year and quantity in one.values]
            values = _median([one.values[quantity] for one in those])
            if values is not None:
                axes.plot(frame.post_km, values, color=shade, lw=1.4, label=str(year))
        _along(axes, frame, name)
        if place == 1:
            axes.legend(ncols=min(len(years), 10), fontsize=7, loc="upper left", framealpha=0.8)
    return _png(figure)


def space_time_figure(frame: ReachFrame, observed: Sequence[Observation], history_until: datetime | None) -> bytes:
    """Return the space-time diagram as PNG: each bank's shift against its history, by place and date.

    Red took ground, blue gave ground, grey was not measured; the line is where the watch begins.
    """
    figure = Figure(figsize=(10.4, 6.6), dpi=110, layout="constrained")
    days = np.array([_day(one.captured_at) for one in observed])
    for place, (quantity, name, sign) in enumerate(BANKS, 1):
        axes = figure.add_subplot(2, 1, place)
        nothing = np.full(len(frame), np.nan)
        values = sign * np.stack([one.values.get(quantity, nothing) for one in observed])
        early = [k for k, one in enumerate(observed) if history_until is None or one.captured_at <= history_until]
        base = _median([values[k] for k in early])
        shift = values - (nothing if base is None else base)
        limit = max(10.0, float(np.nanpercentile(np.abs(shift), 98)) if np.isfinite(shift).any() else 10.0)
        axes.set_facecolor("#d9d7cf")
        mesh = axes.pcolormesh(frame.post_km, days, np.ma.masked_invalid(shift), cmap="RdBu_r", vmin=-limit, vmax=limit,
                               shading="nearest")  # fmt: skip
        figure.colorbar(mesh, ax=axes, pad=0.01).ax.tick_params(labelsize=7)
        if history_until is not None:
            axes.axhline(_day(history_until), color="#1c2a31", lw=1, ls="--")
        _dates(axes.yaxis)
        _along(axes, frame, "")
        axes.set_title(name, fontproperties=_font())
        axes.grid(visible=False)
    return _png(figure)


def areas_figure(observed: Sequence[Observation]) -> bytes:
    """Return the areas of the reach over time as PNG, with 95 % intervals; hollow where under 70 % was measured."""
    figure = Figure(figsize=(10.4, 3.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    for name, label, colour in AREAS:
        rows = [(one.captured_at, one.reach[name], one.assessed_share) for one in observed if name in one.reach]
        whole = [(at, m) for at, m, share in rows if share >= 0.7 and m.value is not None]
        part = [(at, m) for at, m, share in rows if share < 0.7 and m.value is not None]
        for chosen, fill, text in ((whole, "full", label), (part, "none", None)):
            if chosen:
                _draw_areas(axes, chosen, colour, fill, text)
    _dates(axes.xaxis)
    axes.set_ylabel("ha", fontproperties=_font())
    axes.grid(alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(prop=_font(8), ncols=4, loc="upper left", framealpha=0.85)
    return _png(figure)


def _draw_areas(
    axes: Axes, chosen: Sequence[tuple[datetime, Measure]], colour: str, fill: str, text: str | None
) -> None:
    middle = np.array([m.value or 0.0 for _, m in chosen]) / 1e4
    low = np.array([m.low if m.low is not None else m.value or 0.0 for _, m in chosen]) / 1e4
    high = np.array([m.high if m.high is not None else m.value or 0.0 for _, m in chosen]) / 1e4
    days, bars = [_day(at) for at, _ in chosen], np.stack([middle - low, high - middle])
    axes.errorbar(days, middle, yerr=bars, fmt="o", ms=4, lw=0.8, color=colour, fillstyle=fill, label=text)


def _day(at: datetime) -> float:
    """Return a time as matplotlib counts it: days since 1970."""
    return at.timestamp() / 86_400


def _dates(axis: Axis) -> None:
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _along(axes: Axes, frame: ReachFrame, name: str) -> None:
    """Draw along the river from upstream (left) to downstream, by kilometre posts."""
    axes.set_xlim(float(frame.post_km.max()), float(frame.post_km.min()))
    axes.set_xlabel("距離標 km (上流 upstream ← → 下流 downstream)", fontproperties=_font(8))
    axes.set_ylabel(name, fontproperties=_font())
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)


def _median(values: Sequence[Floats]) -> Floats | None:
    """Return the median of columns, NaN where nothing is known; None without values."""
    if not values:
        return None
    stack = np.stack(values)
    out = np.full(stack.shape[1], np.nan)
    known = np.isfinite(stack).any(axis=0)
    if known.any():
        out[known] = np.nanmedian(stack[:, known], axis=0)
    return out
