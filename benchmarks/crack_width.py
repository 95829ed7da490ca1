"""Crack widths against the truth, beside two estimators of the field: ``python -m benchmarks.crack_width``.

Each crack is drawn by ``benchmarks.crack_renderer``, which shares nothing with the measurement. The peers read the mask
alone; they get the exact one (pixels at least half covered, and the middle line where a hairline covers less), which
nobody has in the field, and the label that everybody has.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.crack_renderer import Picture, draw_camera, draw_wall, render
from findings.files import write_text
from findings.survey import Quality, Scale
from imagery.quality.sharpness import MIN_EDGES, edge_spreads, noise_sigma
from imagery.types import Window
from inference.measure.crack import measure_crack
from inference.measure.profile import sample, stations
from inference.measure.skeleton import trace
from inference.regions import Region, outline

WIDTHS_PX = (0.3, 0.4, 0.5, 0.66, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)
NAMES = {"width_p50": 50, "width_p95": 95, "width_max": 100}


@dataclass(frozen=True, slots=True)
class Trial:
    """One crack: the truth, and what each estimator says (None: nothing)."""

    nominal_px: float
    truth: dict[str, float]
    ours: dict[str, tuple[float | None, float, float]]
    resolvable_px: float | None
    distance_exact: float | None
    distance_label: float | None
    projection_exact: float | None
    projection_label: float | None


def run(job: tuple[int, int, float]) -> Trial:
    """Return the trial of one seed and width."""
    seed, number, width_px = job
    rng = np.random.default_rng([seed, number, round(100 * width_px)])
    picture = render(rng, width_px, draw_camera(rng), draw_wall(rng))
    grey = picture.grey.astype(np.float32)
    spreads = edge_spreads(grey)
    blur = float(np.median(spreads)) if len(spreads) >= MIN_EDGES else None
    quality = Quality(True, blur_px=blur, noise=noise_sigma(grey))
    region = region_of(picture.label)
    found, details = measure_crack(grey, picture.label.astype(np.float32), region, Scale(), quality)
    truth = {name: float(np.percentile(picture.width_px, share)) for name, share in NAMES.items()}
    ours = {m.name: (m.value, m.low or 0.0, m.high or np.inf) for m in found if m.name in NAMES}
    exact = exact_mask(picture)
    return Trial(
        width_px, truth, ours, details.get("resolvable_width_px"),
        skeleton_distance(exact), skeleton_distance(picture.label),
        orthogonal_projection(exact), orthogonal_projection(picture.label),
    )  # fmt: skip


def region_of(mask: NDArray[np.bool_]) -> Region:
    """Return a mask as the one region that it is."""
    rows, cols = np.nonzero(mask)
    box = Window(int(cols.min()), int(rows.min()), int(np.ptp(cols)) + 1, int(np.ptp(rows)) + 1)
    part = mask[box.row : box.bottom, box.col : box.right]
    return Region(box, part, outline(part, box.col, box.row), 1.0, int(part.sum()))


def exact_mask(picture: Picture) -> NDArray[np.bool_]:
    """Return the pixels at least half covered, and a line of single pixels where the crack covers less."""
    mask = picture.covered >= 0.5
    for branch in trace(picture.label):
        rows, cols = np.rint(branch.points).astype(int).T
        mask[rows, cols] = True
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    sizes = ndimage.sum_labels(mask, labels, range(1, count + 1))
    return np.asarray(labels == 1 + int(np.argmax(sizes)))


def skeleton_distance(mask: NDArray[np.bool_]) -> float | None:
    """Return the median of twice the distance transform on the skeleton ("skeleton shortest distance")."""
    found = [2 * branch.half_width_px for branch in trace(mask)]
    return float(np.median(np.concatenate(found))) if found else None


def orthogonal_projection(mask: NDArray[np.bool_]) -> float | None:
    """Return the median thickness of the mask along the normals of its skeleton ("orthogonal projection")."""
    found = []
    offsets = np.arange(-30, 30.001, 0.1)
    for branch in trace(mask):
        line = stations(branch)
        inside = np.nan_to_num(sample(mask.astype(float), line.centre, line.normal, offsets)) >= 0.5
        middle = len(offsets) // 2
        left = np.argmin(inside[:, middle::-1], axis=1)
        right = np.argmin(inside[:, middle:], axis=1)
        found.append((left + right)[line.usable] * 0.1)
    values = np.concatenate(found) if found else np.empty(0)
    return float(np.median(values)) if len(values) else None


def rows(trials: Sequence[Trial], name: str) -> list[str]:
    """Return the table of one percentile as lines of markdown."""
    lines = [
        f"| true px, {name} | n | bias | mean error | half interval | truth inside | no value | of them below bound |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for width in (*sorted({t.nominal_px for t in trials}), None):
        some = [t for t in trials if width is None or t.nominal_px == width]
        seen = [(t.ours[name], t.truth[name]) for t in some]
        errors = [ours[0] - true for ours, true in seen if ours[0] is not None]
        inside = [ours[1] <= true <= ours[2] for ours, true in seen]
        bounds = [true <= ours[2] for ours, true in seen if ours[0] is None]
        half = statistics.median((ours[2] - ours[1]) / 2 for ours, _ in seen)
        cells = [
            "all" if width is None else f"{width:g}", str(len(some)),
            f"{statistics.fmean(errors):+.2f}" if errors else "-",
            f"{statistics.fmean(map(abs, errors)):.2f}" if errors else "-",
            f"{half:.2f}", f"{100 * statistics.fmean(inside):.1f} %", str(len(some) - len(errors)),
            f"{100 * statistics.fmean(bounds):.0f} %" if bounds else "-",
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def peer_rows(trials: Sequence[Trial]) -> list[str]:
    """Return ours and the peers side by side: bias and mean error of the median width."""
    names = ("distance_exact", "distance_label", "projection_exact", "projection_label")
    heads = ("skeleton distance, exact mask", "the same, label", "orthogonal projection, exact mask", "the same, label")
    lines = [f"| true px | ours | {' | '.join(heads)} |", "|---|---|---|---|---|---|"]
    for width in (*sorted({t.nominal_px for t in trials}), None):
        some = [t for t in trials if width is None or t.nominal_px == width]
        columns = [[(t.ours["width_p50"][0], t.truth["width_p50"]) for t in some]]
        columns += [[(getattr(t, name), t.truth["width_p50"]) for t in some] for name in names]
        cells = [_bias_and_error(column) for column in columns]
        lines.append(f"| {'all' if width is None else f'{width:g}'} | {' | '.join(cells)} |")
    return lines


def _bias_and_error(pairs: Sequence[tuple[float | None, float]]) -> str:
    errors = [value - true for value, true in pairs if value is not None]
    if not errors:
        return "none"
    return f"{statistics.fmean(errors):+.2f} / {statistics.fmean(map(abs, errors)):.2f}"


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=160, help="cracks of each width")
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="also write every trial as JSON")
    given = parser.parse_args()
    jobs = [(given.seed, number, width) for number in range(given.each) for width in WIDTHS_PX]
    with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
        trials = pool.map(run, jobs, chunksize=8)
    for name in NAMES:
        print("\n".join(rows(trials, name)), end="\n\n")
    print("\n".join(peer_rows(trials)))
    if given.out is not None:
        import json

        write_text(given.out, json.dumps([asdict(trial) for trial in trials]) + "\n")


if __name__ == "__main__":
    main()
