"""What a random scene of concrete holds: which damage, from which cause, among which look-alikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagery.synthetic.concrete_cracks import (
    GAP_PX,
    WIDEST_PX,
    add_crack,
    add_crack_along,
    add_map_cracks,
    add_parallel_cracks,
    random_width_px,
)
from imagery.synthetic.concrete_joints import (
    Point,
    add_cold_joint,
    add_form_boards,
    add_joints,
    add_panel_grid,
)
from imagery.synthetic.concrete_marks import Edge, add_edge, add_mark, add_patch, finish_edge
from imagery.synthetic.concrete_scene import Scene
from imagery.synthetic.concrete_spalls import add_honeycomb, add_spall
from imagery.synthetic.concrete_wall import draw_wall
from imagery.synthetic.concrete_water import (
    add_damp_patch,
    add_dirt,
    add_lime,
    add_rust_along,
    add_rust_run,
    add_rust_spot,
    add_wet_run,
    line_source,
    spot_source,
)
from imagery.synthetic.noise import Field

Line = tuple[Point, Point]


@dataclass(frozen=True, slots=True)
class Shares:
    """How often a picture shows what.

    Attributes:
        damage: share of the pictures that show any damage; the others hold more look-alikes.
        crack, spalling, efflorescence, rust, wet_spot: chance of each in a picture with damage; where none is drawn the
            picture gets a crack. Spalls bare steel half of the time; steel brings rust with it.
    """

    damage: float = 0.78
    crack: float = 0.55
    spalling: float = 0.28
    efflorescence: float = 0.26
    rust: float = 0.24
    wet_spot: float = 0.24

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)}: expected a share from 0 to 1")


def build_scene(rng: np.random.Generator, canvas_px: int, gsd_mm: float, shares: Shares) -> Scene:
    """Return a random scene ``canvas_px`` squared."""
    scene = Scene(draw_wall(rng, (canvas_px, canvas_px), gsd_mm), float(rng.uniform(0, 2 * np.pi)))
    wanted = _wanted(rng, shares)
    joints = _building(rng, scene, some=0.55 if wanted else 1.0)
    edge = add_edge(rng, scene) if rng.random() < 0.12 else None
    if rng.random() < 0.6:
        add_dirt(rng, scene)
    cracks = _cracks(rng, scene, joints) if "crack" in wanted else None
    if "spalling" in wanted:
        _spalls(rng, scene, edge)
    _water(rng, scene, wanted, cracks, joints)
    if rng.random() < 0.15:
        add_dirt(rng, scene)
    for _ in range(int(rng.poisson(0.35 if wanted else 0.8))):
        add_mark(rng, scene)
    if edge is not None:
        finish_edge(rng, scene, edge)
    return scene


def _wanted(rng: np.random.Generator, shares: Shares) -> frozenset[str]:
    """Return the classes that a picture shall show."""
    if rng.random() >= shares.damage:
        return frozenset()
    names = [name for name in shares.__slots__ if name != "damage"]
    drawn = frozenset(name for name in names if rng.random() < getattr(shares, name))
    return drawn or frozenset(["crack"])


def _building(rng: np.random.Generator, scene: Scene, some: float) -> list[Line]:
    """Add what was built, poured, repaired and left; return the lines of the joints."""
    lines: list[Line] = []
    if rng.random() < 0.3 * some + 0.05:
        add_form_boards(rng, scene)
    if rng.random() < 0.18 * some:
        add_panel_grid(rng, scene)
    if rng.random() < 0.2 * some:
        add_cold_joint(rng, scene.surface)
    if rng.random() < 0.14 * some:
        add_patch(rng, scene)
    if rng.random() < 0.1 * some:
        add_honeycomb(rng, scene)
    if rng.random() < 0.75 * some:
        lines = add_joints(rng, scene, int(rng.choice([1, 2, 3, 4], p=[0.55, 0.27, 0.12, 0.06])))
    if rng.random() < 0.3 * some:
        add_mark(rng, scene)
    return lines


def _cracks(rng: np.random.Generator, scene: Scene, joints: list[Line]) -> Field:
    """Add cracks of one kind, sometimes with a second; return the coverage of all."""
    for _ in range(1 if rng.random() < 0.8 else 2):
        kind = rng.random()
        if kind < 0.13:
            add_map_cracks(rng, scene)
        elif kind < 0.22:
            add_parallel_cracks(rng, scene)
        elif kind < 0.36:
            width = float(np.exp(rng.uniform(np.log(GAP_PX), np.log(max(min(WIDEST_PX, 0.16 * scene.size), GAP_PX)))))
            add_crack(rng, scene, width_px=width, branches=0.3)
        elif kind < 0.5 and joints:
            add_crack_along(rng, scene, joints[int(rng.integers(len(joints)))])
        else:
            for _ in range(int(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1]))):
                width = random_width_px(rng, scene.surface.gsd_mm)
                add_crack(rng, scene, width_px=width, branches=float(rng.choice([0.0, 0.5, 2.0])))
    return scene.coverage.copy()


def _spalls(rng: np.random.Generator, scene: Scene, edge: Edge | None) -> None:
    """Break off one to three pieces; cracks and rust may start at them."""
    for _ in range(int(rng.choice([1, 2, 3], p=[0.72, 0.2, 0.08]))):
        at_edge = edge is not None and rng.random() < 0.6
        centre = None
        if edge is not None and at_edge:
            (x0, y0), (x1, y1) = edge.line
            t = float(rng.uniform(0.35, 0.65))
            centre = (x0 + t * (x1 - x0), y0 + t * (y1 - y0))
        share = add_spall(rng, scene, centre=centre, edge=edge.line if edge is not None and at_edge else None)
        rim = np.argwhere((share > 0.3) & (share < 0.7))
        if len(rim) and rng.random() < 0.35:
            row, col = rim[int(rng.integers(len(rim)))]
            middle = np.argwhere(share > 0.5).mean(axis=0) if (share > 0.5).any() else np.asarray([row, col])
            heading = float(np.arctan2(row - middle[0], col - middle[1]) + rng.normal(0, 0.4))
            width = min(random_width_px(rng, scene.surface.gsd_mm), 5.0)
            add_crack(rng, scene, width_px=width, start=(float(col), float(row)), heading=heading, branches=0.3)
    steel = np.argwhere(scene.truth["exposed_rebar"] > 0.5)
    if len(steel) and rng.random() < 0.6:
        for _ in range(int(rng.integers(1, 4))):
            row, col = steel[int(rng.integers(len(steel)))]
            add_rust_run(rng, scene, float(col), float(row), float(rng.uniform(2, 0.05 * scene.size + 2)))


def _water(
    rng: np.random.Generator, scene: Scene, wanted: frozenset[str], cracks: Field | None, joints: list[Line]
) -> None:
    """Add what water leaves, from cracks and joints where there are any."""

    def source() -> Field:
        draw = rng.random()
        if cracks is not None and draw < 0.65:
            return cracks
        if joints and draw < 0.8:
            return line_source(scene, joints[int(rng.integers(len(joints)))])
        return spot_source(rng, scene)

    if "wet_spot" in wanted:
        for _ in range(1 if rng.random() < 0.75 else 2):
            if rng.random() < 0.6:
                add_wet_run(rng, scene, source())
            else:
                add_damp_patch(rng, scene)
    if "efflorescence" in wanted:
        _lime(rng, scene, source())
        if rng.random() < 0.3:
            _lime(rng, scene, spot_source(rng, scene))
    if "rust" in wanted:
        kind = rng.random()
        if cracks is not None and kind < 0.35:
            add_rust_along(rng, scene, cracks)
        elif kind < 0.7:
            for _ in range(int(rng.integers(1, 4))):
                x, y = float(rng.uniform(0, scene.size)), float(rng.uniform(-0.1, 0.7)) * scene.size
                add_rust_run(rng, scene, x, y, float(np.exp(rng.uniform(np.log(2), np.log(0.08 * scene.size + 2)))))
        else:
            for _ in range(int(rng.integers(1, 5))):
                add_rust_spot(rng, scene)


def _lime(rng: np.random.Generator, scene: Scene, source: Field) -> None:
    """Let lime out; a crack below it stays open in it, or is healed and can no longer be seen."""
    before = scene.truth["efflorescence"].copy()
    add_lime(rng, scene, source)
    crust = np.clip(scene.truth["efflorescence"] - before, 0, 1)
    if not (scene.coverage * crust).any():
        return
    if rng.random() < 0.35:
        scene.break_off(np.clip(1.5 * crust, 0, 1))
    else:
        scene.surface.darken(scene.coverage * np.clip(2 * crust, 0, 1), float(rng.uniform(0.08, 0.35)))
