"""Alarms on generated reaches with known truth: ``python -m benchmarks.river_alarms [--reaches 200] [--keep DIR]``.

Half of the reaches only know seasons; on the other half one bank erodes, its bar grows, trees encroach. Each scene goes
the whole way: bands, river@1, transects, monitors. Printed: bias and coverage of bank shifts against the true banks,
false alarms against the budget, delay and recall of erosion of more than two pixels, beside a plain z-score and the
difference of a water index between two scenes. What was seen of each reach is kept in a folder if one is given, so that
settings of monitors are tried without looking again; settings were chosen on ``--first 1000``, others than the table's.
"""

from __future__ import annotations

import argparse
import pickle
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.river_truth import BANKS, seen_surfaces, true_offsets
from findings.river_series import Floats, Observation, Quantity, ReachFrame
from imagery.synthetic.river import RiverScene, RiverSeries, RiverSpec, generate_river_series
from inference.river.grid import Grid
from inference.river.lines import centre_line
from inference.river.monitor import MONITORS
from inference.river.observe import observe
from inference.river.series import Series, Settings, stacked
from inference.river.surfaces import Surfaces
from inference.river.transects import make_frame
from models.base import PixelModel
from models.registry import shipped_folder
from models.segmenter import Segmenter

PIXEL_M, SIDE_PX, YEARS, PER_YEAR = 10.0, 128, 6, 8
HISTORY = YEARS * PER_YEAR // 2
BUDGET = 10.0
COVERED = {  # what the interval should hold: of which truth, banks without willows alone, alarms alone
    "bank line, no willows before it": ("line", True, False),
    "bank line, no willows before it, alarms alone": ("line", True, True),
    "edge of the active channel": ("edge", False, False),
    "edge of the active channel, alarms alone": ("edge", False, True),
    "bank line, with and without willows": ("line", False, False),
}
CLEAR_M = 10.0
"""A bank whose edge of the active channel is never farther from its line has no willows before it."""
EROSION_M = 20.0


@dataclass
class Tally:
    """What one method did over the reaches."""

    false_alarms: int = 0
    without_floor: int = 0
    quiet_years: float = 0.0
    eroded: int = 0
    found: int = 0
    delays: list[float] = field(default_factory=list)
    errors_px: list[float] = field(default_factory=list)
    covered: dict[str, list[bool]] = field(default_factory=lambda: {name: [] for name in COVERED})


@dataclass(frozen=True, slots=True)
class Reach:
    """What was seen of one generated reach and what was true there.

    Attributes:
        quiet: nothing but seasons.
        frame: its transects.
        observed: oldest first.
        truth: true offset of each bank ``(T, N)``.
        edges: true edge of the active channel there; willows on a bar are not part of it, the bank behind them is.
        differs: ``(T - HISTORY, N)`` whether the water index differs near a transect.
    """

    quiet: bool
    frame: ReachFrame
    observed: list[Observation]
    truth: dict[Quantity, Floats]
    edges: dict[Quantity, Floats]
    differs: Any


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reaches", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first reach")
    parser.add_argument("--keep", type=Path, help="folder for what was seen; reaches in it are not looked at again")
    options = parser.parse_args()
    model = Segmenter.load(shipped_folder() / "river" / "1")
    tallies = {name: Tally() for name in (*MONITORS, "z-score", "index difference")}
    begun = time.perf_counter()
    for k, seed in enumerate(range(options.first, options.first + options.reaches)):
        reach = _kept(seed, model, options.keep)
        if reach is not None:
            _judge(reach, tallies)
        if k % 10 == 9:
            print(f"{k + 1} reaches, {time.perf_counter() - begun:.0f} s", flush=True)
    for name, tally in tallies.items():
        print(_row(name, tally))


def _row(name: str, tally: Tally) -> str:
    rate = 100 * tally.false_alarms / max(tally.quiet_years, 1e-9)
    delay = np.array(tally.delays) if tally.delays else np.array([np.nan])
    text = f"{name}: {rate:.0f} of 100 quiet reach-years with a false alarm (budget {BUDGET:.0f}"
    if name in MONITORS:
        text += f"; {100 * tally.without_floor / max(tally.quiet_years, 1e-9):.0f} without the floor of metres"
    text += "); "
    text += f"found {tally.found} of {tally.eroded} eroded transects; "
    text += f"delay median {np.median(delay):.0f} scenes, 90 % {np.quantile(delay, 0.9):.0f}"
    if tally.errors_px:
        errors = np.array(tally.errors_px)
        text += f"; shift error median {np.median(errors):+.2f} px, spread {np.std(errors):.2f}; "
        text += f"{len(errors)} bank shifts"
        for name, held in tally.covered.items():
            text += f"\n  95 % intervals hold the {name}: {100 * np.mean(held):.1f} % of {len(held)}"
    return text


def _judge(reach: Reach, tallies: dict[str, Tally]) -> None:
    for kind in MONITORS:
        _judge_monitor(kind, reach, tallies[kind])
    _judge_z_score(reach, tallies["z-score"])
    _judge_index(reach, tallies["index difference"])


def _kept(seed: int, model: PixelModel, folder: Path | None) -> Reach | None:
    """Return a reach from the folder of what was seen, or look at it and keep it there."""
    path = folder / f"{seed}.pickle" if folder else None
    if path and path.is_file():
        return pickle.loads(path.read_bytes())  # type: ignore[no-any-return]  # noqa: S301  our own folder
    reach = _seen(seed, model, quiet=seed % 2 == 0)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(reach))
    return reach


def _seen(seed: int, model: PixelModel, *, quiet: bool) -> Reach | None:
    rng = np.random.default_rng([20261124, seed])
    width = float(rng.uniform(70, 140))
    moves = {"erosion_m_per_year": 0.0, "bar_growth_m_per_year": 0.0, "tree_growth_per_year": 0.0}
    if not quiet:
        speed = min(float(rng.uniform(5, 12)), 0.9 * width / YEARS)
        moves = {"erosion_m_per_year": speed, "bar_growth_m_per_year": 6.0, "tree_growth_per_year": 0.05}
    spec = RiverSpec(
        size_px=SIDE_PX, years=YEARS, scenes_per_year=PER_YEAR, width_m=width, bridge=bool(rng.random() < 0.3),
        erosion_m_per_year=moves["erosion_m_per_year"], bar_growth_m_per_year=moves["bar_growth_m_per_year"],
        tree_growth_per_year=moves["tree_growth_per_year"],
    )  # fmt: skip
    series = generate_river_series(rng, spec)
    grid = Grid(spec.crs, series.transform, SIDE_PX, SIDE_PX, PIXEL_M)
    seen = [seen_surfaces(scene, model) for scene in series.scenes]
    water = np.nanmedian(np.stack([one.water for one in seen[:7]]), axis=0) >= 0.5
    try:
        line = centre_line(water, np.ones_like(water), grid, spec.crs)
    except Exception as error:  # noqa: BLE001  a reach without a line is told and left out
        print(f"reach {seed}: {error}")
        return None
    frame = make_frame("reach", line, spec.crs, spacing_m=50.0, half_length_m=1.5 * width + 100)
    observed = [
        observe(frame, grid, surfaces, image_uid=str(k), captured_at=scene.captured_at, geolocation_sigma_m=2.55)
        for k, (surfaces, scene) in enumerate(zip(seen, series.scenes, strict=True))
    ]
    truth = {bank: true_offsets(frame, series.transform, series.scenes, bank) for bank in BANKS}
    return Reach(quiet, frame, observed, truth, _true_edges(frame, grid, series), _index_differs(series, frame, grid))


def _true_edges(frame: ReachFrame, grid: Grid, series: RiverSeries) -> dict[Quantity, Floats]:
    """Return the edges of the active channel ``(T, N)`` by the true covers of each scene, clouds away."""
    seen = [
        observe(
            frame, grid, Surfaces(scene.water_fraction, scene.bars.astype(np.float32), scene.trees.astype(np.float32)),
            image_uid="", captured_at=scene.captured_at,
        )
        for scene in series.scenes
    ]  # fmt: skip
    return {bank: stacked(seen, bank)[0] for bank in BANKS}


def _judge_monitor(kind: str, reach: Reach, tally: Tally) -> None:
    frame, observed, truth = reach.frame, reach.observed, reach.truth
    settings = Settings("river@1", monitor=kind, false_alarms=BUDGET)
    series = Series.learn(observed, settings, [None] * len(observed))
    reports = series.reports().by_quantity
    if reach.quiet:
        tally.quiet_years += YEARS / 2
        with_floor, without = _alarmed_years(kind, observed)
        tally.false_alarms += with_floor
        tally.without_floor += without
    for bank in BANKS:
        report = reports.get(bank)
        if report is None:
            continue
        measured, _ = stacked(observed, bank)
        for k in range(len(frame)):
            if not report.assessable[k] or not np.isfinite(report.shift[k]):
                continue
            true = _true_shift(truth[bank][:, k], measured[:, k], observed, report.first_seen[k])
            if true is None:
                continue
            tally.errors_px.append((float(report.shift[k]) - true) / PIXEL_M)
            edge = _true_shift(reach.edges[bank][:, k], measured[:, k], observed, report.first_seen[k])
            apart = np.abs(reach.edges[bank][:, k] - truth[bank][:, k])
            clear = edge is not None and float(np.nanmax(apart)) <= CLEAR_M
            for name, (which, clear_only, alarms_only) in COVERED.items():
                aim = {"line": true, "edge": edge}[which]
                if aim is not None and (clear or not clear_only) and (report.alarmed[k] or not alarms_only):
                    tally.covered[name].append(bool(report.shift_low[k] <= aim <= report.shift_high[k]))
        if not reach.quiet:
            confirmed = [None if np.isnat(t) else t for t in report.confirmed_at]
            _count_erosion(bank, truth[bank], observed, confirmed, report.alarmed, tally)


def _alarmed_years(kind: str, observed: list[Observation]) -> tuple[int, int]:
    """Return in how many years of monitoring an alarm of any quantity began, with the floor and without it."""
    settings = Settings(
        "river@1", monitor=kind, false_alarms=BUDGET, history_until=observed[HISTORY].captured_at.isoformat()
    )
    series = Series.learn(observed[: HISTORY + 1], settings, [None] * (HISTORY + 1))
    monitors = list(series._monitors.values())
    floors = [monitor.floor_m for monitor in monitors]  # type: ignore[attr-defined]
    years: tuple[set[int], set[int]] = (set(), set())
    before: list[Any] = [None, None]
    for k, one in enumerate(observed[HISTORY + 1 :], HISTORY + 1):
        series.update(one)
        for which in (0, 1):
            for monitor, floor in zip(monitors, floors, strict=True):
                monitor.floor_m = 0.0 if which else floor  # type: ignore[attr-defined]
            alarmed = np.stack([monitor.report().alarmed for monitor in monitors])
            if (alarmed & ~(before[which] if before[which] is not None else np.zeros_like(alarmed))).any():
                years[which].add((k - HISTORY) // PER_YEAR)
            before[which] = alarmed
    return len(years[0]), len(years[1])


def _true_shift(true: Floats, measured: Floats, observed: list[Observation], first: np.datetime64) -> float | None:
    """Return the true shift over the scenes that the monitor's estimate looks at; None where truth is missing."""
    seen = np.isfinite(measured) & np.isfinite(true)
    history, later = np.flatnonzero(seen[:HISTORY]), HISTORY + np.flatnonzero(seen[HISTORY:])
    if history.size < 5 or later.size < 2:
        return None
    if not np.isnat(first):
        moments = np.array([np.datetime64(one.captured_at.replace(tzinfo=None), "s") for one in observed])
        later = later[moments[later] >= first]
        if later.size == 0:
            return None
    return float(np.median(true[later[-5:]]) - np.median(true[history]))


def _count_erosion(
    bank: Quantity, true: Floats, observed: list[Observation], confirmed: list[Any], alarmed: Any, tally: Tally
) -> None:
    """Count transects whose bank truly lost more than ``EROSION_M`` since its history, and how late that was told."""
    sign = 1 if bank is Quantity.LEFT_BANK else -1
    base = np.array([np.nanmedian(column) if np.isfinite(column).any() else np.nan for column in true[:HISTORY].T])
    lost = sign * (true - base)
    moments = np.array([np.datetime64(one.captured_at.replace(tzinfo=None), "s") for one in observed])
    for k in range(true.shape[1]):
        over = np.flatnonzero(np.nan_to_num(lost[HISTORY:, k]) > EROSION_M)
        if over.size < 3:
            continue
        tally.eroded += 1
        if alarmed[k] and confirmed[k] is not None:
            tally.found += 1
            at = int(np.searchsorted(moments, confirmed[k]))
            tally.delays.append(float(at - (HISTORY + over[0])))


def _judge_z_score(reach: Reach, tally: Tally) -> None:
    """A plain z-score over all scenes of the history: one scene beyond 3 alarms."""
    observed, truth = reach.observed, reach.truth
    tally.quiet_years += YEARS / 2 * reach.quiet
    years: set[int] = set()
    for bank in BANKS:
        values, _ = stacked(observed, bank)
        with np.errstate(all="ignore"):
            early = np.where(np.isfinite(values[:HISTORY]), values[:HISTORY], np.nan)
            mean, spread = _mean(early), np.maximum(_std(early), 1e-6)
            z = np.abs(values[HISTORY:] - mean) / spread > 3.0
        if reach.quiet:
            years |= {int(k) // PER_YEAR for k in np.flatnonzero(z.any(axis=1))}
            continue
        first = [int(np.flatnonzero(column)[0]) if column.any() else None for column in z.T]
        moments = [np.datetime64(one.captured_at.replace(tzinfo=None), "s") for one in observed]
        confirmed = [None if at is None else moments[HISTORY + at] for at in first]
        _count_erosion(bank, truth[bank], observed, confirmed, z.any(axis=0), tally)
    tally.false_alarms += len(years)


def _mean(values: Floats) -> Floats:
    return np.array([np.nanmean(c) if np.isfinite(c).any() else np.nan for c in values.T])


def _std(values: Floats) -> Floats:
    return np.array([np.nanstd(c) if np.isfinite(c).any() else np.nan for c in values.T])


def _index_differs(series: RiverSeries, frame: ReachFrame, grid: Grid) -> Any:
    """The difference of MNDWI between the last scene of the history and each later one: 10 px beyond 0.4 alarm."""
    index = [_mndwi(scene) for scene in series.scenes]
    hits = np.zeros((len(index) - HISTORY, len(frame)), dtype=bool)
    px = grid.pixels(frame.origin_xy, frame.crs)
    for t in range(HISTORY, len(index)):
        changed = (np.abs(index[t] - index[HISTORY - 1]) > 0.4).astype(np.uint8)
        changed[series.scenes[t].clouds | series.scenes[HISTORY - 1].clouds] = 0
        labels, stats = cv2.connectedComponentsWithStats(changed)[1:3]
        large = np.isin(labels, 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= 10))
        rows, cols = np.nonzero(large)
        if rows.size:
            away = np.hypot(px[:, 0, None] - cols[None], px[:, 1, None] - rows[None])
            hits[t - HISTORY] = away.min(axis=1) <= 10
    return hits


def _judge_index(reach: Reach, tally: Tally) -> None:
    hits = reach.differs
    if reach.quiet:
        tally.false_alarms += len({int(k) // PER_YEAR for k in np.flatnonzero(hits.any(axis=1))})
        tally.quiet_years += YEARS / 2
        return
    times = [np.datetime64(one.captured_at.replace(tzinfo=None), "s") for one in reach.observed]
    first = [times[HISTORY + int(np.flatnonzero(c)[0])] if c.any() else None for c in hits.T]
    for bank in BANKS:
        _count_erosion(bank, reach.truth[bank], reach.observed, first, hits.any(axis=0), tally)


def _mndwi(scene: RiverScene) -> Any:
    green, swir = scene.bands[1].astype(np.float32), scene.bands[4].astype(np.float32)
    return (green - swir) / np.maximum(green + swir, 1.0)


if __name__ == "__main__":
    main()
