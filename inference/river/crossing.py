"""The river near each bridge: change of width, bars, vegetation and flow line within 200 m up- and downstream.

Early and late scenes of one season are compared, transect by transect: the first and the last third of the scenes, all
pairs within 60 days of the year and 300 days or more apart. The estimate is the median of the pairs' mean changes. Its
1-sigma is the larger of the scenes' own (transects of one scene err together: one threshold, one haze) and the pairs'
scatter, over the root of the smaller number of scenes; the flow line has the scenes' geolocation besides.

The flow line is the middle between the banks: where the deepest water runs no scene shows. On which side a bar lies,
widths do not say; towards a pier or an abutment means within 50 m of the deck.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import LineString, Point

from findings.asset import Crossing, PierInChannel
from findings.grading.trace import Words, number
from findings.measure import Measure
from findings.river_context import RiverContext
from findings.river_series import Floats, Observation, Quantity, ReachFrame
from findings.standard import load_standard
from inference.river.grid import reproject

SEASON_DAYS = 60
LEAST_DAYS = 300
"""Early and late scenes lie at least so far apart."""
LEAST_SHARE = 0.5
"""Share of a part's transects that both scenes of a pair must show."""
FLOOR_M = 10.0
"""No shift of the flow line under it, or under a pixel, is told: a pair of 10 m scenes does not show it."""
FLOOR_PX = 0.5
"""No change of a width under so many pixels is told: haze and threshold move both banks of a scene alike."""
TOLD_SIGMAS = 2.7
"""Seven changes are looked at: each is told from 0.7 % on, so that all together are wrong in one bridge of twenty."""
YEAR = 365.25

WIDTH, BAR, TREES, FLOW = "width_change", "bar_growth", "vegetation_growth", "flow_line_shift"
NAMES = {
    f"{WIDTH}_upstream": Words("上流の河道幅の変化", "channel width upstream"),
    f"{WIDTH}_downstream": Words("下流の河道幅の変化", "channel width downstream"),
    f"{BAR}_upstream": Words("上流の砂州の拡大", "bars upstream"),
    f"{BAR}_downstream": Words("下流の砂州の拡大", "bars downstream"),
    f"{BAR}_at_bridge": Words("橋脚・橋台付近の砂州の拡大", "bars near piers or abutments"),
    f"{TREES}_at_bridge": Words("橋付近の樹木繁茂の拡大", "vegetation near the bridge"),
    f"{FLOW}_at_bridge": Words("流心(河道中央)の移動(左岸側が正)", "flow line (to the left positive)"),
}
"""Changes in words; all in metres across the river."""
GROWTHS = (BAR, TREES)
"""Only their growth counts for the priority: a bar that went away is no danger to a pier by itself."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A median change in metres with its 1-sigma, and the scenes behind it."""

    value: float
    sigma: float
    early: tuple[int, ...]
    late: tuple[int, ...]


def river_contexts(
    crossings: Sequence[Crossing], frame: ReachFrame, observed: Sequence[Observation]
) -> list[RiverContext]:
    """Return the context of every crossing of a reach.

    Args:
        crossings: of bridges and this reach; those of other rivers are left out.
        frame: of the reach.
        observed: its scenes, oldest first.
    """
    return [river_context(one, frame, observed) for one in crossings if one.river_uid == frame.asset_uid]


def river_context(crossing: Crossing, frame: ReachFrame, observed: Sequence[Observation]) -> RiverContext:
    """Return the river's context of one crossing; where nothing can be said its value is None and its words say why.

    Args:
        crossing: of a bridge and the reach.
        frame: of the reach.
        observed: its scenes, oldest first.
    """
    rules = load_standard("river_thresholds")["bridge_context"]
    station, away, row = _station(crossing, frame)
    post = round(float(np.interp(station, frame.station_m, frame.post_km)), 3)
    if away > frame.half_length_m[row]:
        ja = f"評価不能: 河川区間の測線から{away:.0f} m離れている"
        return _refused(crossing, post, Words(ja, f"not assessable: {away:.0f} m away from the reach's transects"))
    parts = _parts(frame, station, float(rules["within_m"]), float(rules["vegetation_within_m"]))
    changes = {name: _change(quantity, rows, observed) for name, (quantity, rows) in _asked(parts).items()}
    known = {name: change for name, change in changes.items() if change is not None}
    if not known:
        return _refused(crossing, post, _why(observed, parts))
    pixel_m = max(one.pixel_m for one in observed)
    measures = tuple(_measure(name, change, observed) for name, change in known.items())
    told = tuple(m.name for m in measures if _told(m, pixel_m))
    width_m = _width(observed, np.concatenate([parts["upstream"], parts["downstream"], parts["at_bridge"]]))
    value = max((_weight(m, width_m, float(rules["at_one"])) for m in measures if m.name in told), default=0.0)
    early, late = (sorted({i for c in known.values() for i in getattr(c, side)}) for side in ("early", "late"))
    days = [tuple(observed[i].captured_at.date().isoformat() for i in scenes) for scenes in (early, late)]
    words = _words([m for m in measures if m.name in told], days, float(rules["within_m"]))
    shown = (*measures, *_now(parts["at_bridge"], observed))
    return RiverContext(
        crossing.bridge_uid, crossing.river_uid, post, shown, told, days[0], days[1], round(value, 3), words,
        _notes(crossing, known, changes),
    )  # fmt: skip


def _station(crossing: Crossing, frame: ReachFrame) -> tuple[float, float, int]:
    """Return station and distance from the line of a crossing, and its nearest transect."""
    x, y = reproject("EPSG:4326", frame.crs, np.array([crossing.lonlat[0]]), np.array([crossing.lonlat[1]]))
    line, point = LineString(frame.line_xy), Point(float(x[0]), float(y[0]))
    station = float(line.project(point))
    return station, float(line.distance(point)), int(np.argmin(np.abs(frame.station_m - station)))


def _parts(frame: ReachFrame, station: float, within_m: float, near_m: float) -> dict[str, NDArray[np.intp]]:
    ahead = frame.station_m - station
    return {
        "upstream": np.flatnonzero((ahead < 0) & (ahead >= -within_m)),
        "downstream": np.flatnonzero((ahead >= 0) & (ahead <= within_m)),
        "at_bridge": np.flatnonzero(np.abs(ahead) <= max(near_m, float(np.abs(ahead).min()))),
    }


def _asked(parts: dict[str, NDArray[np.intp]]) -> dict[str, tuple[Quantity | None, NDArray[np.intp]]]:
    """Return quantity (None: the flow line) and transects of every change."""
    quantities = {WIDTH: Quantity.CHANNEL_WIDTH, BAR: Quantity.SEDIMENT_WIDTH, TREES: Quantity.VEGETATION_WIDTH}
    found: dict[str, tuple[Quantity | None, NDArray[np.intp]]] = {}
    for name in NAMES:
        kind = next(k for k in (*quantities, FLOW) if name.startswith(k))
        found[name] = quantities.get(kind), parts[name.removeprefix(f"{kind}_")]
    return found


def _values(one: Observation, quantity: Quantity | None, rows: NDArray[np.intp]) -> tuple[Floats, Floats] | None:
    """Return values and 1-sigma on some transects; the flow line is the middle of the banks."""
    if quantity is None:
        sides = [_values(one, bank, rows) for bank in (Quantity.LEFT_BANK, Quantity.RIGHT_BANK)]
        if sides[0] is None or sides[1] is None:
            return None
        (left, of_left), (right, of_right) = sides[0], sides[1]
        return (left + right) / 2, np.hypot(of_left, of_right) / 2
    if quantity not in one.values:
        return None
    return one.values[quantity][rows], one.sigmas[quantity][rows]


def _change(quantity: Quantity | None, rows: NDArray[np.intp], observed: Sequence[Observation]) -> _Change | None:
    """Return the change between early and late scenes of one season, or None where no pair shows enough."""
    least = max(math.ceil(LEAST_SHARE * len(rows)), 1)
    read = {i: found for i, one in enumerate(observed) if (found := _values(one, quantity, rows)) is not None}
    usable = [i for i, (values, _) in read.items() if np.isfinite(values).sum() >= least]
    third = max(len(usable) // 3, 1)
    shifts, sigmas, pairs = [], [], []
    for i in usable[:third]:
        for k in usable[-third:]:
            if i == k or not _comparable(observed[i], observed[k]):
                continue
            both = np.isfinite(read[i][0]) & np.isfinite(read[k][0])
            if both.sum() < least:
                continue
            shifts.append(float((read[k][0] - read[i][0])[both].mean()))
            own = [float(read[n][1][both].mean()) for n in (i, k)]
            if quantity is None:
                own += [observed[n].geolocation_sigma_m for n in (i, k)]
            sigmas.append(math.hypot(*own))
            pairs.append((i, k))
    if not pairs:
        return None
    early, late = ({pair[side] for pair in pairs} for side in (0, 1))
    value = float(np.median(shifts))
    scatter = 1.4826 * float(np.median(np.abs(np.array(shifts) - value)))
    sigma = max(scatter, float(np.median(sigmas))) / math.sqrt(min(len(early), len(late)))
    return _Change(value, sigma, tuple(sorted(early)), tuple(sorted(late)))


def _comparable(early: Observation, late: Observation) -> bool:
    days = (late.captured_at - early.captured_at).total_seconds() / 86400
    season = abs((days + YEAR / 2) % YEAR - YEAR / 2)
    return days >= LEAST_DAYS and season <= SEASON_DAYS


def _measure(name: str, change: _Change, observed: Sequence[Observation]) -> Measure:
    half = 1.96 * change.sigma
    how = (
        f"median of pairs of one season, {len(change.early)} early and {len(change.late)} late scenes; "
        + ("middle between the banks" if name.startswith(FLOW) else "mean over the transects")
    )  # fmt: skip
    return Measure(name, change.value, "m", change.value - half, change.value + half, how)


def _told(measure: Measure, pixel_m: float) -> bool:
    """Return whether a change is told: beyond chance among all that were looked at, and beyond its floor."""
    if measure.value is None or measure.low is None or measure.high is None:
        return False
    sigma = (measure.high - measure.low) / 2 / 1.96
    floor = max(FLOOR_M, pixel_m) if measure.name.startswith(FLOW) else FLOOR_PX * pixel_m
    return abs(measure.value) >= max(TOLD_SIGMAS * sigma, floor)


def _weight(measure: Measure, width_m: float, at_one: float) -> float:
    value = measure.value or 0.0
    if measure.name.startswith(GROWTHS) and value < 0:
        return 0.0
    return min(abs(value) / width_m / at_one, 1.0)


def _width(observed: Sequence[Observation], rows: NDArray[np.intp]) -> float:
    """Return the median width of the channel near the bridge over all scenes."""
    found = [o.values[Quantity.CHANNEL_WIDTH][rows] for o in observed if Quantity.CHANNEL_WIDTH in o.values]
    known = np.concatenate(found) if found else np.zeros(0)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if known.size else math.inf


def _now(rows: NDArray[np.intp], observed: Sequence[Observation]) -> tuple[Measure, ...]:
    """Return the vegetation near the bridge as the latest scene that tells it shows it."""
    for one in reversed(observed):
        found = _values(one, Quantity.VEGETATION_WIDTH, rows)
        if found is not None and np.isfinite(found[0]).any():
            value, half = float(np.nanmean(found[0])), 1.96 * float(np.nanmean(found[1]))
            how = f"mean over the transects near the bridge on {one.captured_at.date().isoformat()}"
            return (Measure("vegetation_width_at_bridge", value, "m", max(value - half, 0.0), value + half, how),)
    return ()


def _refused(crossing: Crossing, post: float, words: Words) -> RiverContext:
    return RiverContext(crossing.bridge_uid, crossing.river_uid, post, (), (), (), (), None, words)


def _why(observed: Sequence[Observation], parts: dict[str, NDArray[np.intp]]) -> Words:
    rows = np.unique(np.concatenate(list(parts.values())))
    seen = [o for o in observed if any(np.isfinite(v[rows]).any() for v in o.values.values())]
    if len(seen) < 2:
        ja = f"評価不能: 橋付近を計測できた画像が{len(seen)}枚(2枚以上必要)"
        return Words(ja, f"not assessable: {len(seen)} scenes measure the river near the bridge, two are needed")
    ja = f"評価不能: 同じ季節({SEASON_DAYS}日以内)で{LEAST_DAYS}日以上離れた画像の組がない"
    en = f"not assessable: no two scenes of one season ({SEASON_DAYS} days) lie {LEAST_DAYS} days apart"
    return Words(ja, en)


def _words(told: Sequence[Measure], days: Sequence[tuple[str, ...]], within_m: float) -> Words:
    span = f"{days[0][0]}～{days[1][-1]}", f"{days[0][0]} to {days[1][-1]}"
    if not told:
        return Words(
            f"{within_m:g} m以内に有意な変化なし({span[0]})", f"no change told within {within_m:g} m ({span[1]})"
        )
    parts = []
    for m in told:
        value, low, high = (f"{'+' if (v or 0.0) > 0 else ''}{number(v or 0.0)}" for v in (m.value, m.low, m.high))
        parts.append(
            Words(f"{NAMES[m.name].ja}{value} m({low}～{high})", f"{NAMES[m.name].en} {value} m ({low} to {high})")
        )
    return Words(f"{'、'.join(p.ja for p in parts)}、{span[0]}", f"{', '.join(p.en for p in parts)}, {span[1]}")


def _notes(crossing: Crossing, known: dict[str, _Change], asked: dict[str, _Change | None]) -> tuple[Words, ...]:
    notes = [
        Words(
            "平面形状のみ。阻害率・洗掘深は示さない", "plan view alone: no blocked share of the section, no scour depth"
        )
    ]
    piers = {
        PierInChannel.YES: Words("流水部に橋脚あり", "a pier stands in the water"),
        PierInChannel.NO: Words("流水部に橋脚なし: 橋台への影響", "no pier in the water: abutments"),
        PierInChannel.UNKNOWN: Words("流水部の橋脚の有無は不明", "not known whether a pier stands in the water"),
    }
    notes.append(piers[crossing.pier_in_channel])
    missing = [NAMES[name] for name in asked if name not in known]
    if missing:
        ja, en = "・".join(w.ja for w in missing), ", ".join(w.en for w in missing)
        notes.append(Words(f"評価不能: {ja}", f"not assessable: {en}"))
    return tuple(notes)
