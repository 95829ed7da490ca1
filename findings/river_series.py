"""A river reach in time: its fixed frame of transects, and what one scene said on each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from findings.errors import RecordError
from findings.measure import Measure

Floats = NDArray[np.float64]
KEPT_DECIMALS = 3
"""Metres are kept to a millimetre: far below what any scene shows."""


class Quantity(StrEnum):
    """What is measured on a transect, in metres.

    Banks are offsets along the transect from the reference line, positive to the left looking downstream: erosion of
    the left bank makes it grow, erosion of the right bank makes it fall.
    """

    WETTED_WIDTH = "wetted_width"
    CHANNEL_WIDTH = "channel_width"  # the active channel: water and bars between the banks
    LEFT_BANK = "left_bank"
    RIGHT_BANK = "right_bank"
    SEDIMENT_WIDTH = "sediment_width"  # of bare ground within the active channel
    VEGETATION_WIDTH = "vegetation_width"  # of overgrown ground within the active channel


class State(StrEnum):
    """What a scene can say about a transect."""

    OK = "ok"
    HIDDEN = "hidden"  # cloud, shadow or no data at the banks
    OUTSIDE = "outside"  # the scene does not reach it
    NARROW = "narrow"  # under five pixels: mostly mixed pixels, not measured
    DRY = "dry"  # observed, but no water on the transect
    UNSURE = "unsure"  # water that leaves the transect, or banks that cannot be told


@dataclass(frozen=True, slots=True, eq=False)
class ReachFrame:
    """The transects of a reach, fixed once so that all dates can be compared.

    Attributes:
        asset_uid: of the river reach.
        crs: metric, e.g. ``EPSG:6671``.
        line_xy: ``(M, 2)`` reference line in metres of ``crs``, from upstream to downstream.
        station_m: ``(N,)`` distance along the line from its upstream end.
        post_km: ``(N,)`` 距離標, which grows upstream from the mouth.
        origin_xy: ``(N, 2)`` where each transect meets the line.
        normal_xy: ``(N, 2)`` unit vectors to the left, looking downstream.
        half_length_m: ``(N,)`` reach of the transect to either side.
        spacing_m: distance between transects along the line.
    """

    asset_uid: str
    crs: str
    line_xy: Floats
    station_m: Floats
    post_km: Floats
    origin_xy: Floats
    normal_xy: Floats
    half_length_m: Floats
    spacing_m: float

    def __len__(self) -> int:
        """Return the number of transects."""
        return len(self.station_m)

    def points(self, offset_m: Floats) -> Floats:
        """Return the points ``(N, 2)`` in ``crs`` at one offset a transect, positive to the left."""
        return np.asarray(self.origin_xy + self.normal_xy * np.asarray(offset_m, dtype=float)[:, None])

    def to_json(self) -> dict[str, Any]:
        """Return the frame as plain lists."""
        arrays = {name: _rounded(getattr(self, name), 6) for name in _FRAME_ARRAYS}
        return {"asset_uid": self.asset_uid, "crs": self.crs, "spacing_m": self.spacing_m, **arrays}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> ReachFrame:
        """Return the frame that ``to_json`` wrote."""
        arrays = {name: _array(row[name]) for name in _FRAME_ARRAYS}
        return cls(asset_uid=str(row["asset_uid"]), crs=str(row["crs"]), spacing_m=float(row["spacing_m"]), **arrays)


_FRAME_ARRAYS = ("line_xy", "station_m", "post_km", "origin_xy", "normal_xy", "half_length_m")


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What one scene says about a reach.

    Attributes:
        image_uid: of the scene.
        captured_at: aware UTC.
        sensor: e.g. ``sentinel-2``, as recorded at ingest; "" where nobody said.
        pixel_m: side of a pixel.
        geolocation_sigma_m: 1-sigma of where the whole scene lies; common to all transects, so it cancels in widths.
        values: per quantity ``(N,)`` metres, NaN where nothing was measured.
        sigmas: per quantity ``(N,)`` 1-sigma in metres without the geolocation, NaN where nothing was measured.
        states: ``(N,)`` values of `State`.
        reach: measures of the whole reach by name (areas, sinuosity, islands, turbidity index ...).
        notes: what the reader should know.
    """

    image_uid: str
    captured_at: datetime
    sensor: str
    pixel_m: float
    geolocation_sigma_m: float
    values: Mapping[Quantity, Floats]
    sigmas: Mapping[Quantity, Floats]
    states: tuple[State, ...]
    reach: Mapping[str, Measure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an observation that cannot be placed in time or whose arrays disagree.

        Raises:
            RecordError: a date without time zone, or arrays of different lengths.
        """
        if self.captured_at.tzinfo is None:
            raise RecordError(
                f"{self.image_uid}: {self.captured_at.isoformat()} has no time zone; give the time with its offset, "
                "e.g. 2024-05-01T01:50:00Z"
            )
        lengths = {len(values) for values in (*self.values.values(), *self.sigmas.values())} | {len(self.states)}
        if len(lengths) > 1:
            raise RecordError(f"{self.image_uid}: arrays of different lengths {sorted(lengths)}; one value a transect")

    @property
    def assessed_share(self) -> float:
        """Share of the transects that were measured, 0 to 1."""
        return sum(state is State.OK for state in self.states) / max(len(self.states), 1)

    def to_json(self) -> dict[str, Any]:
        """Return the observation as plain lists; NaN becomes null."""
        return {
            "image_uid": self.image_uid,
            "captured_at": self.captured_at.isoformat(),
            "sensor": self.sensor,
            "pixel_m": self.pixel_m,
            "geolocation_sigma_m": self.geolocation_sigma_m,
            "values": {name.value: _rounded(array, KEPT_DECIMALS) for name, array in self.values.items()},
            "sigmas": {name.value: _rounded(array, KEPT_DECIMALS) for name, array in self.sigmas.items()},
            "states": [state.value for state in self.states],
            "reach": {name: measure.to_json() for name, measure in self.reach.items()},
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Observation:
        """Return the observation that ``to_json`` wrote."""
        return cls(
            image_uid=str(row["image_uid"]),
            captured_at=datetime.fromisoformat(row["captured_at"]),
            sensor=str(row["sensor"]),
            pixel_m=float(row["pixel_m"]),
            geolocation_sigma_m=float(row["geolocation_sigma_m"]),
            values={Quantity(name): _array(values) for name, values in row["values"].items()},
            sigmas={Quantity(name): _array(values) for name, values in row["sigmas"].items()},
            states=tuple(State(state) for state in row["states"]),
            reach={name: Measure.from_json(measure) for name, measure in row["reach"].items()},
            notes=tuple(row["notes"]),
        )


def _rounded(array: Floats, decimals: int) -> list[Any]:
    rounded = np.round(np.asarray(array, dtype=float), decimals)
    missing = ~np.isfinite(rounded)
    if not missing.any():
        return list(rounded.tolist())
    plain = rounded.astype(object)
    plain[missing] = None
    return list(plain.tolist())


def _array(values: Any) -> Floats:
    return np.asarray(
        [[np.nan if v is None else v for v in row] if isinstance(row, list) else (np.nan if row is None else row)
         for row in values], dtype=float
    )  # fmt: skip
