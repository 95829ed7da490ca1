"""One big generated wall whose every defect has a name: what flights photograph when identity must be known.

The wall is painted once on a canvas; `imagery.synthetic.flight_views` photographs it. The same seed gives the same
wall, and `WallChanges` says what the years did to it: each defect has its own generator, so that one that grows, is
repaired or appears leaves all others as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import shapely
import shapely.affinity
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiLineString, Point
from shapely.geometry.base import BaseGeometry

from imagery.synthetic.concrete_scene import Scene
from imagery.synthetic.concrete_spalls import add_spall
from imagery.synthetic.concrete_water import add_lime, add_rust_run
from imagery.synthetic.confusers import add_joint, add_tie_hole
from imagery.synthetic.cracks import STEP_PX, CrackLine, grow_branches, grow_crack, line_coverage
from imagery.synthetic.damage import paint_crack
from imagery.synthetic.noise import Field, fractal_noise, ramp
from imagery.synthetic.surface import PALETTE, Surface, add_boards, add_bug_holes, add_run_down, make_surface

SHOWN = 0.6  # share of a crack's whole path that has opened when the wall is first seen
LARGEST_GROWTH = 1.6
CLEAR_MM = 18.0  # between two defects: less, and a picture at 0.5 mm/px may show them as one
MARGIN_MM = 120.0  # of wall around what is photographed, for views that look aslant
LEAST_PART_PX = 80  # of a stain that comes in pieces, smaller pieces have no name
_TRIES = 300


@dataclass(frozen=True, slots=True)
class WallSpec:
    """What a wall holds.

    Attributes:
        width_mm, height_mm: of the part that is photographed.
        gsd_mm: millimetres for one pixel of the canvas.
        cracks: cracks on their own.
        pairs: pairs of parallel cracks, ``pair_mm`` apart: what a merge must not make one.
        crack_width_mm: range of the largest width at the first survey.
    """

    width_mm: float = 1300.0
    height_mm: float = 720.0
    gsd_mm: float = 0.5
    cracks: int = 7
    pairs: int = 2
    pair_mm: float = 32.0
    spalls: int = 4
    limes: int = 2
    rusts: int = 3
    crack_width_mm: tuple[float, float] = (0.5, 1.8)


@dataclass(frozen=True, slots=True)
class WallChanges:
    """What happened since the first survey.

    Attributes:
        grown: by uid of a defect, the factor on its width and length (crack) or radius; at most ``LARGEST_GROWTH``.
        repaired: uids of defects that mortar covers now.
        new: number of defects that were not there; they are named ``new-1`` and on.
        weathering: 0 to 1, run-downs and a change of tone all over the wall.
    """

    grown: Mapping[str, float] = field(default_factory=dict)
    repaired: frozenset[str] = frozenset()
    new: int = 0
    weathering: float = 0.0

    def __post_init__(self) -> None:
        beyond = {uid: by for uid, by in self.grown.items() if not 0 < by <= LARGEST_GROWTH}
        if beyond:
            raise ValueError(f"grown {beyond}: expected factors above 0, at most {LARGEST_GROWTH}")


@dataclass(frozen=True, slots=True, eq=False)
class WallDefect:
    """One defect as it is at the time of the survey.

    Attributes:
        uid: its name in every survey of the wall, e.g. ``crack-3``, ``efflorescence-1.2`` (second piece of a stain).
        label: one of the generator's ``CLASSES``.
        rows, cols: window of the canvas that ``share`` covers.
        share: ``(h, w)`` how plainly a pixel shows it; the mask is 0.5 and above.
        lines: a crack with its branches, in canvas pixels; empty for others.
        width_max_mm: of a crack, else 0.
        length_mm: of a crack with its branches, else 0.
        area_mm2: of the mask; of a crack the exact covered area.
    """

    uid: str
    label: str
    rows: slice
    cols: slice
    share: Field
    lines: tuple[CrackLine, ...] = ()
    width_max_mm: float = 0.0
    length_mm: float = 0.0
    area_mm2: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Wall:
    """A painted wall; ``origin_px`` is where its photographed part (0, 0 mm) begins on the canvas."""

    surface: Surface
    spec: WallSpec
    defects: tuple[WallDefect, ...]
    origin_px: float


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """Where a defect is and how large it may become, in canvas pixels."""

    uid: str
    kind: str
    place: BaseGeometry
    seed: tuple[int, ...]
    lines: tuple[CrackLine, ...] = ()
    at: tuple[float, float] = (0.0, 0.0)
    size_px: float = 0.0


def build_wall(seed: int, spec: WallSpec | None = None, changes: WallChanges | None = None) -> Wall:
    """Return the wall of a seed, as the changes left it.

    Raises:
        ValueError: a change names a defect that the wall does not have, or there is no room for so many defects.
    """
    spec = WallSpec() if spec is None else spec
    changes = WallChanges() if changes is None else changes
    plans = _plans(seed, spec, changes.new)
    unknown = (set(changes.grown) | changes.repaired) - {plan.uid for plan in plans}
    if unknown:
        raise ValueError(f"{sorted(unknown)}: no such defects; the wall has {', '.join(plan.uid for plan in plans)}")
    surface = _bare_wall(seed, spec)
    defects: list[WallDefect] = []
    for plan in plans:
        rng = np.random.default_rng([*plan.seed, 7])
        found = _PAINTERS[plan.kind](rng, surface, plan, changes.grown.get(plan.uid, 1.0))
        if plan.uid in changes.repaired:
            _repair(np.random.default_rng([*plan.seed, 8]), surface, plan)
        else:
            defects += found
    if changes.weathering > 0:
        _weather(np.random.default_rng([seed, 3]), surface, changes.weathering)
    return Wall(surface, spec, tuple(defects), MARGIN_MM / spec.gsd_mm)


def _bare_wall(seed: int, spec: WallSpec) -> Surface:
    """Return the wall as it was built: boards, joints, tie holes at an even pitch, voids; many places look alike."""
    rng = np.random.default_rng([seed, 1])
    shape = tuple(round((length + 2 * MARGIN_MM) / spec.gsd_mm) for length in (spec.height_mm, spec.width_mm))
    colour = PALETTE[int(rng.choice([0, 1, 3, 8]))]
    surface = make_surface(rng, (shape[0], shape[1]), spec.gsd_mm, colour, mottling=0.5, grain=0.6, wear=0.2)
    if rng.random() < 0.6:
        add_boards(rng, surface, 180.0, 0.0)
    add_bug_holes(rng, surface, 40.0)
    add_joint(rng, surface, 0.0)
    pitch, hole = 300.0 / spec.gsd_mm, int(rng.integers(2**31))
    for y in np.arange(pitch / 2, shape[0], pitch):
        for x in np.arange(pitch / 2, shape[1], pitch):
            add_tie_hole(np.random.default_rng(hole), surface, float(x), float(y), 12.0)
    add_run_down(rng, surface, 5, 0.5)
    return surface


def _plans(seed: int, spec: WallSpec, new: int) -> list[_Plan]:
    """Return every defect; the first ones stand where they stand whatever comes later."""
    wanted = [(f"crack-{n + 1}", "crack") for n in range(spec.cracks)]
    wanted += [(f"pair-{n + 1}", "pair") for n in range(spec.pairs)]
    wanted += [(f"spalling-{n + 1}", "spalling") for n in range(spec.spalls)]
    wanted += [(f"efflorescence-{n + 1}", "efflorescence") for n in range(spec.limes)]
    wanted += [(f"rust-{n + 1}", "rust") for n in range(spec.rusts)]
    wanted += [(f"new-{n + 1}", "spalling" if n % 3 == 2 else "crack") for n in range(new)]
    placed: list[_Plan] = []
    for number, (uid, kind) in enumerate(wanted):
        placed += _place(seed, number, uid, kind, spec, placed)
    return placed


def _place(seed: int, number: int, uid: str, kind: str, spec: WallSpec, placed: list[_Plan]) -> list[_Plan]:
    """Return the first draw of a defect that stands clear of all earlier ones."""
    for attempt in range(_TRIES):
        own = (seed, 2, number, attempt)
        drawn = _PLANNERS[kind](np.random.default_rng(own), uid, own, spec)
        clear = CLEAR_MM / spec.gsd_mm
        if all(plan.place.distance(other.place) >= clear for plan in drawn for other in placed):
            return drawn
    raise ValueError(f"{uid}: no room on a wall of {spec.width_mm:g} x {spec.height_mm:g} mm; plan fewer defects")


def _somewhere(rng: np.random.Generator, spec: WallSpec, rim_mm: float) -> tuple[float, float]:
    x, y = (rng.uniform(rim_mm, length - rim_mm) for length in (spec.width_mm, spec.height_mm))
    return float((x + MARGIN_MM) / spec.gsd_mm), float((y + MARGIN_MM) / spec.gsd_mm)


def _plan_crack(rng: np.random.Generator, uid: str, own: tuple[int, ...], spec: WallSpec) -> list[_Plan]:
    return [_crack_at(rng, uid, own, spec, _somewhere(rng, spec, 20.0), float(rng.uniform(0, 2 * np.pi)), 0.5)]


def _plan_pair(rng: np.random.Generator, uid: str, own: tuple[int, ...], spec: WallSpec) -> list[_Plan]:
    heading = float(rng.uniform(0, 2 * np.pi))
    x, y = _somewhere(rng, spec, 60.0)
    apart = spec.pair_mm / spec.gsd_mm
    other = (x - apart * float(np.sin(heading)), y + apart * float(np.cos(heading)))
    first = _crack_at(rng, f"{uid}a", (*own, 0), spec, (x, y), heading, 0.0)
    shift = np.array([other[0] - x, other[1] - y])
    lines = tuple(replace(line, centre_px=line.centre_px + shift) for line in first.lines)  # one wall, one way
    place = shapely.affinity.translate(first.place, *shift)
    return [first, replace(first, uid=f"{uid}b", seed=(*own, 1), place=place, lines=lines)]


def _crack_at(
    rng: np.random.Generator,
    uid: str,
    own: tuple[int, ...],
    spec: WallSpec,
    start: tuple[float, float],
    heading: float,
    branches: float,
) -> _Plan:
    length = float(rng.uniform(0.12, 0.32)) * spec.width_mm / SHOWN / spec.gsd_mm
    width = float(np.exp(rng.uniform(*np.log(spec.crack_width_mm)))) / spec.gsd_mm
    rough = float(rng.uniform(0.4, 0.9))
    lines = [grow_crack(rng, start, heading, length, width, roughness=rough)]
    grow_branches(rng, lines, 0, branches, roughness=rough)
    place = MultiLineString([LineString(line.centre_px[::8]) for line in lines])
    return _Plan(uid, "crack", place, own, tuple(lines))


def _plan_spot(kind: str, low_mm: float, high_mm: float, below: float) -> Callable[..., list[_Plan]]:
    """Return a planner of spots of a radius; ``below``: how many radii they may run down."""

    def plan(rng: np.random.Generator, uid: str, own: tuple[int, ...], spec: WallSpec) -> list[_Plan]:
        size = float(np.exp(rng.uniform(np.log(low_mm), np.log(high_mm)))) / spec.gsd_mm
        x, y = _somewhere(rng, spec, 30.0)
        place = LineString([(x, y), (x, y + max(below, 0.01) * size)]).buffer(LARGEST_GROWTH * size)
        return [_Plan(uid, kind, place, own, at=(x, y), size_px=size)]

    return plan


def _paint_crack(rng: np.random.Generator, surface: Surface, plan: _Plan, factor: float) -> list[WallDefect]:
    lines = [_opened(line, min(1.0, SHOWN * factor), factor) for line in _reached(plan.lines, SHOWN * factor)]
    rows, cols = _window(surface.shape, MultiLineString([line.centre_px for line in plan.lines]), 30.0)
    offset = np.array([cols.start, rows.start], float)
    part = surface.window(rows, cols)
    total = np.zeros(part.shape, dtype=np.float32)
    core, dirt = float(rng.uniform(0.06, 0.25)), float(rng.uniform(0.0, 0.5))
    for line in lines:
        cover = line_coverage(replace(line, centre_px=line.centre_px - offset), part.shape)
        paint_crack(rng, part, line, np.clip(cover - total, 0, 1), core, 0.0, dirt)
        np.maximum(total, cover, out=total)
    length = sum(float(np.linalg.norm(np.diff(line.centre_px, axis=0), axis=1).sum()) for line in lines)
    gsd = surface.gsd_mm
    widest = max(float(line.width_px.max()) for line in lines)
    area = float(total.sum(dtype=np.float64)) * gsd**2
    return [WallDefect(plan.uid, "crack", rows, cols, total, tuple(lines), widest * gsd, length * gsd, area)]


def _reached(lines: tuple[CrackLine, ...], shown: float) -> list[CrackLine]:
    """Return the stem and those branches that leave the part of it that has opened."""
    stem = lines[0]
    opened = LineString(stem.centre_px[: max(int(min(shown, 1.0) * 0.9 * len(stem.centre_px)), 8)])
    kept = {0}
    for index, line in enumerate(lines[1:], 1):
        on_stem = line.parent == 0 and opened.distance(Point(line.centre_px[0])) < 2 * STEP_PX
        if on_stem or (line.parent in kept and line.parent != 0):
            kept.add(index)
    return [lines[index] for index in sorted(kept)]


def _opened(line: CrackLine, shown: float, factor: float) -> CrackLine:
    """Return the first part of a crack, tapered at its end, its width times the factor."""
    count = max(int(shown * len(line.centre_px)), 8)
    ends = np.clip((1 - np.linspace(0, 1, count)) / 0.15, 0, 1) ** 0.6 if shown < 1 else np.ones(count)
    opening, width = (np.maximum(values[:count] * ends * factor, 1e-3) for values in (line.opening_px, line.width_px))
    return replace(
        line, centre_px=line.centre_px[:count], normal=line.normal[:count], opening_px=opening, width_px=width
    )


def _window(shape: tuple[int, int], place: BaseGeometry, margin: float) -> tuple[slice, slice]:
    left, top, right, bottom = place.buffer(margin).bounds
    rows = slice(max(int(top), 0), max(min(int(bottom) + 1, shape[0]), int(top) + 1))
    cols = slice(max(int(left), 0), max(min(int(right) + 1, shape[1]), int(left) + 1))
    return rows, cols


def _in_scene(
    surface: Surface, plan: _Plan, paint: Callable[[Scene, tuple[float, float]], None], labels: tuple[str, ...]
) -> list[WallDefect]:
    """Paint in the defect's own window and return what became of it; a stain in pieces has a name for each piece."""
    rows, cols = _window(surface.shape, plan.place, 0.6 * plan.size_px + 20)
    scene = Scene(surface.window(rows, cols), 0.0)
    paint(scene, (plan.at[0] - cols.start, plan.at[1] - rows.start))
    found: list[WallDefect] = []
    for label in labels:
        uid = plan.uid if label == labels[0] else f"{plan.uid}-{label}"
        for place, piece in enumerate(_pieces(scene.truth[label] >= 0.5), 1):
            share = np.where(piece, scene.truth[label], np.float32(0))
            area = float(np.count_nonzero(piece)) * surface.gsd_mm**2
            name = uid if place == 1 else f"{uid}.{place}"
            found.append(WallDefect(name, label, rows, cols, share, area_mm2=area))
    return found


def _pieces(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return the pieces of a mask, the largest first, each clear of the others.

    What hangs together by a thread would be one piece in one picture and two in the next: nobody could say whether it
    is one damage. So threads are no part of any piece.
    """
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    body = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disk)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(body, connectivity=8)
    numbers = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= LEAST_PART_PX]
    numbers.sort(key=lambda n: -int(stats[n, cv2.CC_STAT_AREA]))
    grown = [cv2.dilate((parts == number).astype(np.uint8), disk) for number in numbers]
    claimed = np.sum(grown, axis=0) if grown else np.zeros(mask.shape)
    return [(piece > 0) & mask & (claimed == 1) for piece in grown]


def _paint_spall(rng: np.random.Generator, surface: Surface, plan: _Plan, factor: float) -> list[WallDefect]:
    bars = bool(rng.random() < 0.5)

    def paint(scene: Scene, at: tuple[float, float]) -> None:
        add_spall(rng, scene, centre=at, radius_px=plan.size_px * factor, bars=bars)

    return _in_scene(surface, plan, paint, ("spalling", "exposed_rebar"))


def _paint_lime(rng: np.random.Generator, surface: Surface, plan: _Plan, factor: float) -> list[WallDefect]:
    def paint(scene: Scene, at: tuple[float, float]) -> None:
        spot = np.zeros(scene.shape, dtype=np.float32)
        axes = (max(int(plan.size_px * factor), 2), 2)
        cv2.ellipse(spot, (int(at[0]), int(at[1])), axes, 0.0, 0, 360, 1.0, -1, cv2.LINE_AA)
        add_lime(rng, scene, spot)

    return _in_scene(surface, plan, paint, ("efflorescence",))


def _paint_rust(rng: np.random.Generator, surface: Surface, plan: _Plan, factor: float) -> list[WallDefect]:
    def paint(scene: Scene, at: tuple[float, float]) -> None:
        add_rust_run(rng, scene, at[0], at[1], 0.4 * plan.size_px * factor)

    return _in_scene(surface, plan, paint, ("rust",))


def _repair(rng: np.random.Generator, surface: Surface, plan: _Plan) -> None:
    """Trowel mortar over a defect, beyond its rim."""
    beyond = 8.0 / surface.gsd_mm
    rows, cols = _window(surface.shape, plan.place, 3 * beyond)
    part = surface.window(rows, cols)
    patch = np.zeros(part.shape, dtype=np.uint8)
    shapes = shapely.get_parts(shapely.affinity.translate(plan.place.buffer(beyond), -cols.start, -rows.start))
    for shape in shapes:
        cv2.fillPoly(patch, [np.round(np.asarray(shape.exterior.coords)).astype(np.int32)], 1)
    inside: NDArray[np.float32] = cv2.distanceTransform(patch, cv2.DIST_L2, 3).astype(np.float32)
    inside += 0.6 * fractal_noise(rng, part.shape, 20.0, 3.0, 0.7)
    share = 0.96 * ramp(inside, 0.5, 2.0)
    trowel = fractal_noise(rng, part.shape, 40.0, 1.5, 0.7, stretch=4.0)
    bed = np.median(part.colour[::4, ::4], axis=(0, 1)).astype(np.float32) * np.float32(rng.uniform(1.1, 1.35))
    part.cover(share, np.clip(bed * (1 + 0.05 * trowel)[..., None], 0.01, 0.9).astype(np.float32))
    part.height *= 1 - share
    part.height += share * (0.5 * trowel)


def _weather(rng: np.random.Generator, surface: Surface, strength: float) -> None:
    """Let years pass over the wall: run-downs and clouds of tone that were not there."""
    add_run_down(rng, surface, 3, 0.5 * strength)
    clouds = fractal_noise(rng, surface.shape, 0.2 * max(surface.shape), 12.0, 0.6)
    surface.colour *= np.clip(1 + np.float32(0.12 * strength) * clouds, 0.6, 1.4)[..., None]


_PLANNERS: dict[str, Callable[..., list[_Plan]]] = {
    "crack": _plan_crack,
    "pair": _plan_pair,
    "spalling": _plan_spot("spalling", 25.0, 70.0, 0.0),
    "efflorescence": _plan_spot("efflorescence", 18.0, 40.0, 2.0),
    "rust": _plan_spot("rust", 14.0, 30.0, 3.0),
}
_PAINTERS: dict[str, Callable[..., list[WallDefect]]] = {
    "crack": _paint_crack,
    "spalling": _paint_spall,
    "efflorescence": _paint_lime,
    "rust": _paint_rust,
}
