"""Alarms on generated reaches with known truth: ``python -m benchmarks.river_alarms [--reaches 200]``.

Half of the reaches only know seasons; on the other half one bank erodes, its bar grows, trees encroach. Each scene goes
the whole way: bands, river@1, transects, monitors. Printed: bias and coverage of bank shifts against the true banks,
false alarms against the budget, delay and recall of erosion of more than two pixels, beside a plain z-score and the
difference of a water index between two scenes.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import torch
from shapely.geometry import LineString, Point

from findings.river_series import Floats, Observation, Quantity, ReachFrame
from imagery.synthetic.river import RiverScene, RiverSeries, RiverSpec, generate_river_series
from imagery.synthetic.spectra import BANDS
from inference.river.grid import Grid
from inference.river.lines import centre_line
from inference.river.monitor import MONITORS
from inference.river.observe import observe
from inference.river.series import Series, Settings, stacked
from inference.river.surfaces import surfaces_of
from inference.river.transects import make_frame
from inference.river.zones import find_zones
from models.base import PixelModel
from models.registry import shipped_folder
from models.segmenter import Segmenter

PIXEL_M, SIDE_PX, YEARS, PER_YEAR = 10.0, 128, 6, 8
HISTORY = YEARS * PER_YEAR // 2
BUDGET = 10.0
EROSION_M = 20.0
BANKS = (Quantity.LEFT_BANK, Quantity.RIGHT_BANK)


@dataclass
class Tally:
    """What one method did over the reaches."""

    false_alarms: int = 0
    quiet_years: float = 0.0
    eroded: int = 0
    found: int = 0
    delays: list[float] = field(default_factory=list)
    errors_px: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reaches", type=int, default=200)
    wanted = parser.parse_args().reaches
    model = Segmenter.load(shipped_folder() / "river" / "1")
    tallies = {name: Tally() for name in (*MONITORS, "z-score", "index difference")}
    begun = time.perf_counter()
    for seed in range(wanted):
        _one_reach(seed, model, tallies, quiet=seed % 2 == 0)
        if seed % 10 == 9:
            print(f"{seed + 1} reaches, {time.perf_counter() - begun:.0f} s", flush=True)
    for name, tally in tallies.items():
        print(_row(name, tally))


def _row(name: str, tally: Tally) -> str:
    rate = 100 * tally.false_alarms / max(tally.quiet_years, 1e-9)
    delay = np.array(tally.delays) if tally.delays else np.array([np.nan])
    text = f"{name}: {rate:.0f} false alarms per 100 reach-years (budget {BUDGET:.0f}); "
    text += f"found {tally.found} of {tally.eroded} eroded transects; "
    text += f"delay median {np.median(delay):.0f} scenes, 90 % {np.quantile(delay, 0.9):.0f}"
    if tally.errors_px:
        errors = np.array(tally.errors_px)
        text += f"; shift error median {np.median(errors):+.2f} px, spread {np.std(errors):.2f}; "
        text += f"95 % intervals hold {100 * np.mean(tally.covered):.1f} % of {len(errors)}"
    return text


def _one_reach(seed: int, model: PixelModel, tallies: dict[str, Tally], *, quiet: bool) -> None:
    rng = np.random.default_rng([20261124, seed])
    width = float(rng.uniform(70, 140))
    moves = {"erosion_m_per_year": 0.0, "bar_growth_m_per_year": 0.0, "tree_growth_per_year": 0.0}
    if not quiet:
        speed = min(float(rng.uniform(5, 12)), 0.9 * width / YEARS)
        moves = {"erosion_m_per_year": speed, "bar_growth_m_per_year": 6.0, "tree_growth_per_year": 0.05}
    spec = RiverSpec(
        size_px=SIDE_PX, years=YEARS, scenes_per_year=PER_YEAR, width_m=width, bridge=bool(rng.random() < 0.3), **moves
    )  # type: ignore[arg-type]
    series = generate_river_series(rng, spec)
    grid = Grid(spec.crs, series.transform, SIDE_PX, SIDE_PX, PIXEL_M)
    seen = [_surfaces(scene, model) for scene in series.scenes]
    water = np.nanmedian(np.stack([one.water for one in seen[:7]]), axis=0) >= 0.5
    try:
        line = centre_line(water, np.ones_like(water), grid, spec.crs)
    except Exception as error:  # noqa: BLE001  a reach without a line is told and left out
        print(f"reach {seed}: {error}")
        return
    frame = make_frame("reach", line, spec.crs, spacing_m=50.0, half_length_m=1.5 * width + 100)
    observed = [
        observe(frame, grid, surfaces, image_uid=str(k), captured_at=scene.captured_at, geolocation_sigma_m=2.55)
        for k, (surfaces, scene) in enumerate(zip(seen, series.scenes, strict=True))
    ]
    truth = {bank: _true_offsets(frame, series, bank, observed) for bank in BANKS}
    for kind in MONITORS:
        _judge_monitor(kind, frame, observed, truth, tallies[kind], quiet=quiet)
    _judge_z_score(observed, truth, tallies["z-score"], quiet=quiet)
    _judge_index(series, frame, grid, truth, tallies["index difference"], quiet=quiet)


def _surfaces(scene: RiverScene, model: PixelModel) -> Any:
    bands = scene.bands.astype(np.float32)
    hidden = cv2.dilate(scene.clouds.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    bands[:, hidden] = np.nan
    order = [BANDS.index(name) for name in model.card.bands]
    scores = model.predict(torch.from_numpy(bands[order][None]))[0].numpy()
    return surfaces_of(model.card, scores, dict(zip(BANDS, bands, strict=True)))


def _true_offsets(frame: ReachFrame, series: RiverSeries, bank: Quantity, observed: list[Observation]) -> Floats:
    """Return the true bank ``(T, N)`` on each transect, NaN where its line does not cross it."""
    a, _, c, _, e, f = series.transform
    out = np.full((len(series.scenes), len(frame)), np.nan)
    rays = [
        LineString([frame.points(-frame.half_length_m)[k], frame.points(frame.half_length_m)[k]])
        for k in range(len(frame))
    ]
    for t, scene in enumerate(series.scenes):
        for line in scene.bank_lines:
            if len(line) < 2:
                continue
            ground = LineString(np.stack([c + a * line[:, 0], f + e * line[:, 1]], axis=1))
            for k, ray in enumerate(rays):
                meets = ray.intersection(ground)
                points = [p for p in getattr(meets, "geoms", [meets]) if isinstance(p, Point)]
                for point in points:
                    offset = float((np.array([point.x, point.y]) - frame.origin_xy[k]) @ frame.normal_xy[k])
                    right_side = (offset > 0) == (bank is Quantity.LEFT_BANK)
                    if right_side and (np.isnan(out[t, k]) or abs(offset) < abs(out[t, k])):
                        out[t, k] = offset
    return out


def _judge_monitor(
    kind: str,
    frame: ReachFrame,
    observed: list[Observation],
    truth: dict[Quantity, Floats],
    tally: Tally,
    *,
    quiet: bool,
) -> None:
    settings = Settings("river@1", monitor=kind, false_alarms=BUDGET)
    series = Series.learn(observed, settings, [None] * len(observed))
    reports = series.reports().by_quantity
    if quiet:
        current = {q: np.zeros(len(frame)) for q in Quantity}
        tally.quiet_years += YEARS / 2
        tally.false_alarms += len(find_zones(frame, reports, current))
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
            tally.covered.append(bool(report.shift_low[k] <= true <= report.shift_high[k]))
        if not quiet:
            confirmed = [None if np.isnat(t) else t for t in report.confirmed_at]
            _count_erosion(bank, truth[bank], observed, confirmed, report.alarmed, tally)


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


def _judge_z_score(observed: list[Observation], truth: dict[Quantity, Floats], tally: Tally, *, quiet: bool) -> None:
    """A plain z-score over all scenes of the history: one scene beyond 3 alarms."""
    for bank in BANKS:
        values, _ = stacked(observed, bank)
        with np.errstate(all="ignore"):
            early = np.where(np.isfinite(values[:HISTORY]), values[:HISTORY], np.nan)
            mean, spread = _mean(early), np.maximum(_std(early), 1e-6)
            z = np.abs(values[HISTORY:] - mean) / spread > 3.0
        if quiet:
            tally.false_alarms += int(z.any(axis=0).sum())
            tally.quiet_years += YEARS / 4  # both banks together make the years of the reach
            continue
        first = [int(np.flatnonzero(column)[0]) if column.any() else None for column in z.T]
        moments = [np.datetime64(one.captured_at.replace(tzinfo=None), "s") for one in observed]
        confirmed = [None if at is None else moments[HISTORY + at] for at in first]
        _count_erosion(bank, truth[bank], observed, confirmed, z.any(axis=0), tally)


def _mean(values: Floats) -> Floats:
    return np.array([np.nanmean(c) if np.isfinite(c).any() else np.nan for c in values.T])


def _std(values: Floats) -> Floats:
    return np.array([np.nanstd(c) if np.isfinite(c).any() else np.nan for c in values.T])


def _judge_index(
    series: RiverSeries, frame: ReachFrame, grid: Grid, truth: dict[Quantity, Floats], tally: Tally, *, quiet: bool
) -> None:
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
    if quiet:
        tally.false_alarms += int(hits.any(axis=0).sum())
        tally.quiet_years += YEARS / 2
        return
    times = [np.datetime64(scene.captured_at.replace(tzinfo=None), "s") for scene in series.scenes]
    first = [times[HISTORY + int(np.flatnonzero(c)[0])] if c.any() else None for c in hits.T]
    fake = [_Dated(scene.captured_at) for scene in series.scenes]
    for bank in BANKS:
        _count_erosion(bank, truth[bank], fake, first, hits.any(axis=0), tally)  # type: ignore[arg-type]


@dataclass
class _Dated:
    captured_at: Any


def _mndwi(scene: RiverScene) -> Any:
    green, swir = scene.bands[1].astype(np.float32), scene.bands[4].astype(np.float32)
    return (green - swir) / np.maximum(green + swir, 1.0)


if __name__ == "__main__":
    main()
