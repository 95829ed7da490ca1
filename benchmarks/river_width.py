"""Widths and banks of single scenes against the truth: ``python -m benchmarks.river_width [MASK.tif]``.

Generated rivers at 5, 10 and 30 m a pixel go through river@1 and the transects. Beside it the count of mask pixels on
the transect, with MNDWI over 0 and with the network's own mask at one half: what a script would do. With a mask of a
real channel (Colville delta, 30 m) the geometry alone is judged: the mask is averaged to coarser pixels, and widths are
compared with those that are counted on the fine mask. ``--edges`` prints, on other rivers, the error at each score at
which the water's edge could be cut: the card's ``edge_threshold`` comes from there.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio

from benchmarks.river_truth import BANKS, seen_surfaces, true_offsets
from findings.errors import NotAssessable
from findings.river_series import Floats, Quantity, ReachFrame, State
from imagery.synthetic.river import RiverScene, RiverSpec, generate_river_series
from imagery.synthetic.spectra import BANDS
from inference.river.finding import MINIMUM_WIDTH_PX, Array
from inference.river.grid import Grid
from inference.river.lines import centre_line
from inference.river.observe import observe
from inference.river.surfaces import Surfaces
from inference.river.transects import make_frame
from models.base import PixelModel
from models.card import read_card
from models.registry import shipped_folder
from models.segmenter import Segmenter, load_network

RIVER = shipped_folder() / "river" / "1"
GROUND_M = 1280.0
RIVERS = 12
Errors = dict[str, list[float]]


@dataclass
class Tally:
    """Errors in metres by method, and how many transects were measured."""

    errors: Errors = field(default_factory=lambda: defaultdict(list))
    held: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    measured: int = 0
    asked: int = 0
    states: dict[State, int] = field(default_factory=lambda: defaultdict(int))


def main() -> None:
    """Print a table for each pixel size, and for the mask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mask", type=Path, nargs="?")
    parser.add_argument("--rivers", type=int, default=RIVERS)
    parser.add_argument("--edges", action="store_true")
    options = parser.parse_args()
    model = Segmenter.load(RIVER)
    if options.edges:
        _edges()
        return
    for pixel_m in (5.0, 10.0, 30.0):
        tally = Tally()
        for seed in range(options.rivers):
            _one_river(seed, pixel_m, model, tally)
        _print(f"generated rivers, {pixel_m:g} m", tally, pixel_m)
    if options.mask:
        _mask(options.mask)


def _print(title: str, tally: Tally, pixel_m: float) -> None:
    states = ", ".join(f"{count} {state.value}" for state, count in tally.states.items())
    print(f"{title}: {states} of {tally.asked} transects of one scene each")
    for name, errors in tally.errors.items():
        if not errors:
            continue
        px = np.array(errors) / pixel_m
        text = f"  {name}: {len(px)}, median {np.median(px):+.2f} px, MAE {np.abs(px).mean():.2f} px"
        text += f" ({np.abs(errors).mean():.1f} m), 90 % under {np.quantile(np.abs(px), 0.9):.2f} px"
        if tally.held[name]:
            text += f", 95 % interval holds {100 * np.mean(tally.held[name]):.1f} %"
        print(text)


def _edges() -> None:
    """Print the error of widths on rivers of their own for each score at which the water's edge is cut."""
    card = read_card(RIVER)
    for level in (0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8):
        water = card.classes[0].model_copy(update={"edge_threshold": level})
        changed = card.model_copy(update={"classes": (water, *card.classes[1:])})
        own = Segmenter(changed, load_network(RIVER, changed))
        tally = Tally()
        for seed in range(100, 106):
            _one_river(seed, 10.0, own, tally)
        _print(f"water's edge at {level:g}", tally, 10.0)


def _one_river(seed: int, pixel_m: float, model: PixelModel, tally: Tally) -> None:
    rng = np.random.default_rng([20261124, 7, seed])
    spec = RiverSpec(
        size_px=max(round(GROUND_M / pixel_m), 64), pixel_m=pixel_m, years=2, scenes_per_year=4,
        width_m=float(rng.uniform(60, 150)), bridge=bool(seed % 3 == 0), cloudy=0.2,
    )  # fmt: skip
    series = generate_river_series(rng, spec)
    grid = Grid(spec.crs, series.transform, spec.size_px, spec.size_px, pixel_m)
    wet = np.mean([scene.water_fraction for scene in series.scenes], axis=0) >= 0.5
    try:
        line = centre_line(wet, np.ones_like(wet), grid, spec.crs)
    except NotAssessable as error:
        print(f"river {seed} of {spec.width_m:.0f} m at {pixel_m:g} m: {error}")
        return
    frame = make_frame("reach", line, spec.crs, spacing_m=50.0, half_length_m=1.5 * spec.width_m + 100)
    truth = {bank: true_offsets(frame, series.transform, series.scenes, bank) for bank in BANKS}
    for t, scene in enumerate(series.scenes):
        surfaces = seen_surfaces(scene, model)
        seen = observe(frame, grid, surfaces, image_uid=str(t), captured_at=scene.captured_at)
        tally.asked += len(frame)
        for state in seen.states:
            tally.states[state] += 1
        ok = np.array([state is State.OK for state in seen.states])
        wetted = _along(frame, grid, scene.water_fraction)
        _add(tally, "wetted width, ours", seen.values[Quantity.WETTED_WIDTH] - wetted, ok)
        _hold(tally, "wetted width, ours", seen.values, seen.sigmas, Quantity.WETTED_WIDTH, wetted, ok)
        _add(tally, "wetted width, pixels of the same water", _counted(frame, grid, surfaces.water) - wetted, ok)
        _add(tally, "wetted width, pixels of MNDWI > 0", _counted(frame, grid, _mndwi(scene)) - wetted, ok)
        clear = _clear_of_willows(frame, grid, scene)
        for bank in BANKS:
            outward = 1 if bank is Quantity.LEFT_BANK else -1
            _add(tally, "bank, ours, outwards", outward * (seen.values[bank] - truth[bank][t]), ok & clear)
            _hold(tally, "bank, ours, outwards", seen.values, seen.sigmas, bank, truth[bank][t], ok & clear)


def _add(tally: Tally, name: str, error: Floats, ok: np.ndarray) -> None:
    tally.errors[name] += error[ok & np.isfinite(error)].tolist()


def _hold(
    tally: Tally, name: str, values: Mapping[Quantity, Floats], sigmas: Mapping[Quantity, Floats], quantity: Quantity,
    truth: Floats, ok: np.ndarray,
) -> None:  # fmt: skip
    error, half = values[quantity] - truth, 1.96 * sigmas[quantity]
    use = ok & np.isfinite(error) & np.isfinite(half)
    tally.held[name] += (np.abs(error) <= half)[use].tolist()


def _samples(frame: ReachFrame, grid: Grid, row: int, step_m: float) -> tuple[np.ndarray, np.ndarray]:
    half = float(frame.half_length_m[row])
    offset = np.arange(-half + step_m / 2, half, step_m)
    px = grid.pixels(frame.origin_xy[row] + offset[:, None] * frame.normal_xy[row], frame.crs)
    inside = (px >= 0).all(axis=1) & (px[:, 0] < grid.width_px) & (px[:, 1] < grid.height_px)
    return np.floor(px[inside, 1]).astype(int), np.floor(px[inside, 0]).astype(int)


def _along(frame: ReachFrame, grid: Grid, share: Array) -> Floats:
    """Return the true wetted width ``(N,)``: shares of water summed along each transect."""
    step = grid.pixel_m / 8
    return np.array([float(share[_samples(frame, grid, row, step)].sum()) * step for row in range(len(frame))])


def _counted(frame: ReachFrame, grid: Grid, water: Array) -> Floats:
    """Return widths ``(N,)`` by counting mask pixels along each transect."""
    step = grid.pixel_m / 8
    mask = np.nan_to_num(water) >= 0.5
    return np.array([float(mask[_samples(frame, grid, row, step)].sum()) * step for row in range(len(frame))])


def _mndwi(scene: RiverScene) -> Array:
    green, swir = (scene.bands[BANDS.index(name)].astype(np.float32) for name in ("green", "swir1"))
    return np.asarray(green > swir, dtype=np.float32)


def _clear_of_willows(frame: ReachFrame, grid: Grid, scene: RiverScene) -> np.ndarray:
    """Return the transects without trees between the banks: there the edge of the active channel is the bank."""
    return np.array([not scene.trees[_samples(frame, grid, row, grid.pixel_m / 2)].any() for row in range(len(frame))])


def _mask(path: Path) -> None:
    """Print how well widths survive coarser pixels on a real channel mask."""
    with rasterio.open(path) as source:
        fine = (source.read(1) > 0).astype(np.float32)
        a, b, c, d, e, f = tuple(source.transform)[:6]
        crs, pixel_m = str(source.crs), float(abs(source.transform.a))
    side = [n // 12 * 12 for n in fine.shape]
    fine = fine[: side[0], : side[1]]
    grid = Grid(crs, (a, b, c, d, e, f), fine.shape[1], fine.shape[0], pixel_m)
    try:
        line = centre_line(fine > 0.5, np.ones(fine.shape, dtype=bool), grid, crs)
    except NotAssessable as error:
        print(f"mask: {error}")
        return
    frame = make_frame("mask", line, crs, spacing_m=100.0, half_length_m=2500.0)
    when = datetime(2026, 1, 1, tzinfo=UTC)
    reference = observe(frame, grid, Surfaces(fine, None, None), image_uid="fine", captured_at=when)
    true = reference.values[Quantity.WETTED_WIDTH]
    for factor in (2, 3, 4):
        coarse = fine.reshape(side[0] // factor, factor, side[1] // factor, factor).mean(axis=(1, 3))
        size = pixel_m * factor
        own = Grid(crs, (a * factor, b, c, d, e * factor, f), coarse.shape[1], coarse.shape[0], size)
        seen = observe(frame, own, Surfaces(coarse, None, None), image_uid="coarse", captured_at=when)
        tally = Tally(asked=len(frame))
        for state in seen.states:
            tally.states[state] += 1
        ok = np.array([state is State.OK for state in seen.states]) & (true >= MINIMUM_WIDTH_PX * size)
        values = seen.values[Quantity.WETTED_WIDTH]
        _add(tally, "wetted width, ours", values - true, ok)
        _hold(tally, "wetted width, ours", seen.values, seen.sigmas, Quantity.WETTED_WIDTH, true, ok)
        _add(tally, "wetted width, pixels of the mask", _counted(frame, own, coarse) - true, ok)
        _print(f"mask at {size:g} m against {pixel_m:g} m", tally, size)


if __name__ == "__main__":
    main()
