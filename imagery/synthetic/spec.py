"""What a generated photograph of concrete shall show, and how to draw that at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagery.synthetic.surface import PALETTE


@dataclass(frozen=True, slots=True)
class ConcreteSpec:
    """One photograph of concrete.

    Attributes:
        gsd_mm: millimetres per pixel.
        cracks: number of cracks, branches not counted.
        crack_width_mm: the range from which each crack's largest width is drawn (log-uniform).
        crack_length: range of the length as a share of the longer side.
        crack_direction_deg: 0 = horizontal, 90 = vertical; None draws one for each crack.
        crack_core: range of the reflectance inside a crack as a share of the wall's.
        edge_dirt: strength of the dirt, bleaching and bright lips beside cracks, 0..1; it disturbs width
            measurement as it does in real pictures.
        branches: mean number of branches a crack.
        roughness: amplitude of the kinks of cracks; 1 is usual.
        spall_radius_mm: range of the radius of spalls.
        bars: share of the spalls that bare steel.
        colour: mean linear reflectance r, g, b.
        mottling, grain, wear: texture of the face, 0..1; see ``make_surface``.
        board_mm: width of form boards; 0 for none.
        bug_holes_per_m2: density of air voids.
        moss, wetness: 0..1.
        shadow: depth of a shadow that something outside the frame throws, 0..1.
        relief: strength of the shading by relief; 0 is diffuse light.
        exposure: factor on the light.
        cast: colour of the light r, g, b.
        blur_px: 1-sigma of the lens blur.
        noise: 1-sigma of the noise at mid grey, grey values 0..255.
        jpeg_quality: None keeps the sensor's values.
    """

    width_px: int = 1600
    height_px: int = 1200
    gsd_mm: float = 0.5
    cracks: int = 1
    crack_width_mm: tuple[float, float] = (0.05, 3.0)
    crack_length: tuple[float, float] = (0.4, 1.1)
    crack_direction_deg: float | None = None
    crack_core: tuple[float, float] = (0.08, 0.3)
    edge_dirt: float = 0.6
    branches: float = 0.8
    roughness: float = 1.0
    spalls: int = 0
    spall_radius_mm: tuple[float, float] = (30.0, 120.0)
    bars: float = 0.7
    efflorescence: int = 0
    rust_stains: int = 0
    joints: int = 0
    joint_direction_deg: float | None = None
    cables: int = 0
    scratches: int = 0
    tie_holes: int = 0
    pour_lines: int = 0
    run_downs: int = 0
    colour: tuple[float, float, float] = PALETTE[1]
    mottling: float = 0.5
    grain: float = 0.6
    wear: float = 0.2
    board_mm: float = 0.0
    bug_holes_per_m2: float = 20.0
    moss: float = 0.0
    wetness: float = 0.0
    shadow: float = 0.0
    light_deg: float = 225.0
    light_gradient: float = 0.2
    vignetting: float = 0.12
    relief: float = 0.15
    exposure: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    blur_px: float = 0.6
    motion_px: float = 0.0
    noise: float = 2.0
    sharpening: float = 0.3
    jpeg_quality: int | None = 92

    def __post_init__(self) -> None:
        low, high = self.crack_width_mm
        if self.width_px < 16 or self.height_px < 16:
            raise ValueError(f"{self.width_px} x {self.height_px} px: expected at least 16 x 16; enlarge the picture")
        if not self.gsd_mm > 0:
            raise ValueError(f"gsd_mm {self.gsd_mm}: expected millimetres per pixel above 0")
        if not 0 < low <= high:
            raise ValueError(f"crack_width_mm {self.crack_width_mm}: expected 0 < lowest <= highest, in mm")


def random_spec(
    rng: np.random.Generator, *, width_px: int = 256, height_px: int = 256, gsd_mm: float | None = None
) -> ConcreteSpec:
    """Return a spec for training: varied in colour, light, texture and optics, three in ten without any crack.

    Cracks are 0.5 to 8 px wide. Pictures without cracks hold confusers, and pictures with cracks hold some too.
    """
    gsd = float(np.exp(rng.uniform(np.log(0.25), np.log(3.0)))) if gsd_mm is None else gsd_mm
    cracked = rng.random() >= 0.3
    some = 0.35 if cracked else 1.0  # confusers are commoner where there is no crack

    def number(mean: float) -> int:
        return min(int(rng.poisson(mean)), 4)

    base = np.asarray(PALETTE[int(rng.integers(len(PALETTE)))])
    colour = base * rng.lognormal(0, 0.25) * rng.lognormal(0, 0.025, 3)
    hard_sun = rng.random() < 0.4
    return ConcreteSpec(
        width_px=width_px,
        height_px=height_px,
        gsd_mm=gsd,
        cracks=1 + number(0.5) if cracked else 0,
        crack_width_mm=(2.0 * gsd, 8.0 * gsd) if rng.random() < 0.85 else (0.5 * gsd, 2.5 * gsd),
        crack_length=(0.5, 1.6),
        crack_core=(0.03, 0.15) if rng.random() < 0.65 else (0.12, 0.45),
        edge_dirt=float(rng.uniform(0.0, 1.0)),
        branches=float(rng.choice([0.0, 0.5, 2.0])),
        roughness=float(rng.lognormal(0, 0.4)),
        spalls=int(rng.random() < 0.08),
        spall_radius_mm=(15 * gsd, 70 * gsd),
        efflorescence=int(rng.random() < 0.08),
        rust_stains=number(0.08),
        joints=number(0.6 * some),
        cables=number(0.25 * some),
        scratches=number(0.8 * some),
        tie_holes=number(0.4 * some),
        pour_lines=number(0.3 * some),
        run_downs=number(0.5),
        colour=(float(colour[0]), float(colour[1]), float(colour[2])),
        mottling=float(rng.uniform(0.15, 1.0)),
        grain=float(rng.uniform(0.2, 1.1)),
        wear=float(rng.choice([0.0, rng.uniform(0.1, 0.8)])),
        board_mm=float(rng.uniform(60, 200)) * (rng.random() < 0.3 * max(some, 0.5)),
        bug_holes_per_m2=float(rng.choice([0.0, rng.uniform(5, 60), rng.uniform(60, 400)])),
        moss=float(rng.uniform(0.2, 0.9)) * (rng.random() < 0.2),
        wetness=float(rng.uniform(0.2, 0.9)) * (rng.random() < 0.15),
        shadow=float(rng.uniform(0.3, 0.8)) * (rng.random() < 0.3 * max(some, 0.5)),
        light_deg=float(rng.uniform(0, 360)),
        light_gradient=float(rng.uniform(0, 0.5)),
        vignetting=float(rng.uniform(0, 0.25)),
        relief=float(rng.uniform(0.1, 0.35) if hard_sun else rng.uniform(0.0, 0.12)),
        exposure=float(rng.lognormal(0, 0.3)),
        cast=(float(rng.uniform(0.94, 1.07)), 1.0, float(rng.uniform(0.9, 1.07))),
        blur_px=float(rng.uniform(0.4, 1.3)),
        motion_px=float(rng.uniform(1, 3)) * (rng.random() < 0.15),
        noise=float(rng.uniform(0.5, 4.5)),
        sharpening=float(rng.uniform(0, 0.9)),
        jpeg_quality=int(rng.integers(60, 98)),
    )
