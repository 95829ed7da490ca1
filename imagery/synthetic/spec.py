"""What a generated photograph of concrete shall show, and how to draw that at random."""

from __future__ import annotations

from dataclasses import dataclass

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
