"""The Ucayali at Pucallpa, 1985 to 2020: what the river commands say, and its courses, cut-offs, widths by year.

Run as ``python -m benchmarks.river_ucayali ROOT --out DIR`` (half a minute); ROOT holds 1985.tif to 2020.tif. The
commands are run as a user would (``DIR/home``); the courses are this script's own: commands know no cut-off.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.river_ucayali_courses import Course, Departure, course_of, departures, left_channel
from benchmarks.river_ucayali_drawings import draw
from benchmarks.river_ucayali_scan import CRS, MODEL, REACH, YEARS, scan, scanned
from findings.river_series import Quantity, State
from findings.store import Store
from inference.river.channel import components
from inference.river.frame import grid_of
from inference.river.grid import Grid
from inference.river.lines import distance_along
from inference.river.look import look
from inference.river.scan import scenes_of
from models.registry import Registry

BARE_KM2 = 0.3
"""Smaller bars are not listed: 38 pixels."""


def told(departure: Departure, courses: Sequence[Course], grid: Grid, width_m: float) -> dict[str, Any]:
    """Return a departure in numbers; kilometres count up from the northern edge along the old course."""
    old, new = departure.lengths
    left = left_channel(departure, grid, width_m)
    km2 = (grid.pixel_m / 1000) ** 2
    first, last = ((departure.old.length_m - m) / 1000 for m in departure.old_m)
    return {
        "years": f"{departure.old.year}-{departure.new.year}", "km": [round(float(first), 1), round(float(last), 1)],
        "cut_off": departure.cut_off, "leaves_scene": bool(departure.leaves_scene),
        "old_km": round(old / 1000, 1), "new_km": round(new / 1000, 1),
        "straight_km": round(departure.straight_m / 1000, 1), "farthest_km": round(departure.farthest_m / 1000, 2),
        "left_km2": round(float(left.sum() * km2), 2),
        "left_still_water": {c.year: round(float(c.water[left].mean()), 2) for c in courses
                             if c.year >= departure.new.year and left.any()},
    }  # fmt: skip


def exchanged(old: Course, new: Course, grid: Grid) -> dict[str, Any]:
    """Return what the course gained and left between two scenes, km2."""
    km2 = (grid.pixel_m / 1000) ** 2
    gained, left = new.channel & ~old.channel, old.channel & ~new.channel
    return {
        "years": f"{old.year}-{new.year}", "land_to_river": round(float((gained & ~old.water).sum() * km2), 1),
        "side_water_to_river": round(float((gained & old.water).sum() * km2), 1),
        "river_to_land": round(float((left & ~new.water).sum() * km2), 1),
        "river_to_side_water": round(float((left & new.water).sum() * km2), 1),
    }  # fmt: skip


def bars_of_year(course: Course, grid: Grid) -> dict[str, Any]:
    """Return the bare bars of a course: km2 in all, and the largest with the kilometre up its own course."""
    labels, stats = components(course.bare)
    km2, along = (grid.pixel_m / 1000) ** 2, distance_along(course.line)
    rows = []
    for k in range(1, len(stats)):
        area = float(stats[k, cv2.CC_STAT_AREA] * km2)
        if area >= BARE_KM2:
            middle = grid.points(np.argwhere(labels == k).mean(axis=0)[None, ::-1] + 0.5, CRS)[0]
            at = int(np.argmin(np.hypot(*(course.line - middle).T)))
            rows.append((round(area, 2), round(float(along[-1] - along[at]) / 1000, 1)))
    return {"year": course.year, "bare_km2": round(float(course.bare.sum() * km2), 1), "bars": sorted(rows)[::-1]}


def by_year(course: Course) -> dict[str, Any]:
    """Return length, sinuosity and widths of a course; of its own transects only what was measured."""
    width = course.observation.values[Quantity.WETTED_WIDTH]
    quartiles = np.nanpercentile(width, [5, 25, 50, 75, 95])
    straight = float(np.hypot(*(course.line[-1] - course.line[0])))
    states = course.observation.states
    return {
        "year": course.year, "length_km": round(course.length_m / 1000, 1), "straight_km": round(straight / 1000, 1),
        "sinuosity": round(course.length_m / straight, 2), "transects": len(states),
        "measured": round(course.observation.assessed_share, 2),
        "states": {state.value: states.count(state) for state in State if state in states},
        "width_m_5_25_50_75_95": [round(float(v)) for v in quartiles],
    }  # fmt: skip


def main() -> None:
    """Scan, follow the courses, print the numbers and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    home = scan(asked.root.resolve(), asked.out.resolve())
    store, device = Store(f"sqlite:///{home}/mizuhashi.db", home), torch.device("cpu")
    model = Registry(home).load(MODEL, device)
    views = [look(image, model, device, around=None, crs=CRS) for image in scenes_of(store, store.asset(REACH))]
    grid = grid_of(views[0])
    courses = [course_of(year, view.surfaces, grid) for year, view in zip(YEARS, views, strict=True)]
    width_m = float(np.nanmedian(np.concatenate([c.observation.values[Quantity.WETTED_WIDTH] for c in courses])))
    pairs = list(itertools.pairwise(courses))
    found = [told(d, courses, grid, width_m) for old, new in pairs for d in departures(old, new, width_m)]
    numbers = {
        "scan": scanned(store), "width_m": round(width_m), "courses": [by_year(c) for c in courses],
        "departures": found, "bars": [bars_of_year(c, grid) for c in courses],
        "exchanged": [exchanged(old, new, grid) for old, new in pairs],
    }  # fmt: skip
    (asked.out / "numbers.json").write_text(json.dumps(numbers, indent=1))
    for name, rows in numbers.items():
        print(name)
        for row in rows if isinstance(rows, list) else rows.items() if isinstance(rows, dict) else [rows]:
            print("  ", row)
    draw(asked.out, courses, found, grid, CRS, store.river(REACH).frame, [o.observation for o in
         store.river_observations(REACH)])  # fmt: skip


if __name__ == "__main__":
    main()
