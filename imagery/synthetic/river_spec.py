"""Values of a generated river series: what is asked for, and what comes back with its exact truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from imagery.synthetic.textures import Array, Bool


@dataclass(frozen=True, slots=True)
class RiverSpec:
    """What to generate.

    Attributes:
        size_px: height and width of the scenes.
        pixel_m: side of a pixel.
        first_year: year of the first scene.
        years: number of years.
        scenes_per_year: evenly spread over the seasons.
        width_m: width of the channel between its banks, 60 to 150.
        erosion_m_per_year: retreat of one outer bank at its fastest place.
        bar_growth_m_per_year: growth in breadth of the bar on the inner bank opposite.
        tree_growth_per_year: share of the bars that trees take each year.
        level_swing_m: how far the waterline moves on a bar between low and high season.
        cloudy: share of scenes with clouds.
        bridge: whether a road bridge crosses the river.
        crs: projected, in metres.
        origin_m: easting and northing of the upper left corner; the default lies in Yamaguchi Prefecture, UTM zone 52.
    """

    size_px: int = 256
    pixel_m: float = 10.0
    first_year: int = 2017
    years: int = 6
    scenes_per_year: int = 4
    width_m: float = 110.0
    erosion_m_per_year: float = 7.0
    bar_growth_m_per_year: float = 6.0
    tree_growth_per_year: float = 0.08
    level_swing_m: float = 25.0
    cloudy: float = 0.3
    bridge: bool = True
    crs: str = "EPSG:32652"
    origin_m: tuple[float, float] = (727_000.0, 3_784_000.0)

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            ValueError: a size or count outside its range.
        """
        if not 60 <= self.width_m <= 150:
            raise ValueError(f"width_m is {self.width_m}; expected 60 to 150")
        if self.size_px < 64 or self.years < 1 or self.scenes_per_year < 1 or self.pixel_m <= 0:
            raise ValueError("size_px is at least 64, years and scenes_per_year at least 1, pixel_m above 0")
        if self.erosion_m_per_year * self.years > self.width_m:
            raise ValueError(
                f"erosion of {self.erosion_m_per_year} m a year over {self.years} years passes the width of the river; "
                "ask for less"
            )


@dataclass(frozen=True, slots=True)
class RiverScene:
    """One date with its truth.

    Attributes:
        captured_at: aware UTC.
        bands: ``(6, H, W)`` uint16, blue, green, red, nir, swir1, swir2, reflectance x 10000; 0 is nodata.
        water_fraction: ``(H, W)`` float32, share of the pixel's ground under open water; a bridge deck hides it.
        bars: ``(H, W)`` bool, more than half bare sediment between the banks.
        trees: ``(H, W)`` bool, more than half trees between the banks.
        clouds: ``(H, W)`` bool, ground hidden by cloud.
        bank_lines: two ``(N, 2)`` x, y in pixels (edges at whole numbers), left and right of the flow.
        eroded_area_m2: ground lost behind the first date's banks up to this date.
        bar_area_m2: bare and overgrown bars above this date's water.
    """

    captured_at: datetime
    bands: NDArray[np.uint16]
    water_fraction: Array
    bars: Bool
    trees: Bool
    clouds: Bool
    bank_lines: tuple[NDArray[np.float64], NDArray[np.float64]]
    eroded_area_m2: float
    bar_area_m2: float

    @property
    def cloud_cover(self) -> float:
        """Share of the scene under cloud, 0 to 1."""
        return float(self.clouds.mean())


@dataclass(frozen=True, slots=True)
class RiverSeries:
    """Scenes of one place, oldest first.

    Attributes:
        transform: a, b, c, d, e, f of x = a*col + b*row + c, y = d*col + e*row + f, in ``spec.crs``.
        eroded: ``(H, W)`` float32, share of each pixel that was land at the first date and channel at the last.
        bridge: ``(H, W)`` float32, share of each pixel under the bridge deck.
    """

    spec: RiverSpec
    scenes: tuple[RiverScene, ...]
    transform: tuple[float, float, float, float, float, float]
    eroded: Array
    bridge: Array
