"""Reference systems: from what a file declares to WGS84 longitude and latitude, or a refusal."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyproj
import shapely
from pyproj.exceptions import CRSError, ProjError
from pyproj.transformer import TransformerGroup
from shapely.geometry.base import BaseGeometry

from findings.errors import RecordError

EDGE_DEG = 0.3
"""How far beyond its area of use a projected system is still believed: a prefecture's border reaches over it."""

WGS84_DATUMS = ("World Geodetic System 1984", "Japanese Geodetic Datum 2000", "Japanese Geodetic Datum 2011")


@dataclass(frozen=True, slots=True)
class ReferenceSystem:
    """How coordinates become WGS84 longitude, latitude.

    Attributes:
        name: of the system.
        accuracy_m: of the datum's transformation as its register states it; None if it states none.
        crs: the system itself.
        transformer: x (east) first on both sides whatever the register's axis order says; None if nothing changes.
        area: west, south, east, north in which the system is used, degrees; None if unknown.
    """

    name: str
    accuracy_m: float | None
    crs: pyproj.CRS = field(repr=False)
    transformer: Any = field(repr=False)
    area: tuple[float, float, float, float] | None = None

    @property
    def note(self) -> str:
        """What to tell the user; empty if the coordinates were WGS84 to within what a finding needs."""
        if self.transformer is None:
            return ""
        shown = "an unknown accuracy" if self.accuracy_m is None else f"an accuracy of about {self.accuracy_m:g} m"
        return f"positions were transformed from {self.name} to WGS84 with {shown}"

    def lonlat(self, geometry: BaseGeometry) -> BaseGeometry:
        """Return the geometry in WGS84 lon, lat.

        Raises:
            RecordError: coordinates that cannot be of this system: degrees in a metric one, swapped, out of its area.
        """
        if self.transformer is None:
            return geometry
        before = shapely.get_coordinates(geometry)
        if not np.isfinite(before).all():
            raise RecordError(f"geometry reaches {geometry.bounds}; expected finite coordinates")
        if self.crs.is_projected and np.abs(before).max() <= 180:
            raise RecordError(
                f"coordinates such as {before[0][0]:.4f}, {before[0][1]:.4f} look like degrees, but are declared as "
                f"{self.name}; give the true system by --crs EPSG:n"
            )
        after = self._after(before)
        self._check(before, after)
        found: BaseGeometry = shapely.set_coordinates(shapely.force_2d(geometry), after)
        return found

    def _after(self, coordinates: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        try:
            x, y = self.transformer.transform(coordinates[:, 0], coordinates[:, 1], errcheck=True)
        except ProjError as error:
            raise RecordError(f"position cannot be brought from {self.name} to WGS84 ({error})") from error
        return np.column_stack([x, y])

    def _check(self, before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]) -> None:
        if not self.crs.is_projected or self._inside(after):
            return
        try:
            swapped = self._inside(self._after(before[:, ::-1]))
        except RecordError:
            swapped = False
        x, y = before[0]
        if swapped:
            raise RecordError(
                f"easting and northing are swapped (x {x:.1f}, y {y:.1f} in {self.name}); expected x east, y north: "
                "Japanese surveying calls north X; exchange them in the file"
            )
        raise RecordError(
            f"x {x:.1f}, y {y:.1f} lies at {after[0][0]:.3f}, {after[0][1]:.3f}, outside the area of {self.name}; "
            "give the true system by --crs EPSG:n"
        )

    def _inside(self, lonlat: np.ndarray[Any, Any]) -> bool:
        if self.area is None:
            return bool(np.isfinite(lonlat).all())
        low, high = lonlat.min(axis=0), lonlat.max(axis=0)
        return bool(
            (low >= np.array(self.area[:2]) - EDGE_DEG).all() and (high <= np.array(self.area[2:]) + EDGE_DEG).all()
        )


@functools.lru_cache(maxsize=64)
def reference_system(declared: str) -> ReferenceSystem:
    """Return how to come from a system to WGS84.

    Args:
        declared: ``EPSG:6671``, ``urn:ogc:def:crs:EPSG::6671`` or WKT, as in a ``.prj`` file.

    Raises:
        RecordError: it is none that is known, has no datum, or no way leads from its datum to WGS84.
    """
    try:
        crs = pyproj.CRS.from_user_input(declared)
    except CRSError as error:
        raise RecordError(f"{_short(declared)} is no known reference system; give it by --crs EPSG:n") from error
    if not (crs.is_geographic or crs.is_projected):
        raise RecordError(f"{_short(crs.name)} is a local system without a datum; give the true system by --crs EPSG:n")
    area, crs = _area(crs), crs.to_2d()
    if _is_wgs84(crs):
        return ReferenceSystem(crs.name, 1.0, crs, None, area)
    try:
        ways = TransformerGroup(crs, "EPSG:4326", always_xy=True, allow_ballpark=False).transformers
    except ProjError as error:
        raise RecordError(f"{crs.name} cannot be transformed to WGS84 ({error})") from error
    if not ways:
        raise RecordError(f"no way leads from the datum of {crs.name} to WGS84; give the true system by --crs EPSG:n")
    return ReferenceSystem(crs.name, ways[0].accuracy if ways[0].accuracy >= 0 else None, crs, ways[0], area)


def _area(crs: pyproj.CRS) -> tuple[float, float, float, float] | None:
    """Return the system's area of use; a .prj has none, so the register's entry of the same system is asked."""
    code = None if crs.area_of_use else crs.to_epsg(min_confidence=70)
    use = pyproj.CRS.from_epsg(code).area_of_use if code else crs.area_of_use
    return None if use is None else (use.west, use.south, use.east, use.north)


def _is_wgs84(crs: pyproj.CRS) -> bool:
    """Return whether coordinates are WGS84 degrees to within the metre that the register states for JGD2000, 2011."""
    if not crs.is_geographic or crs.datum is None or crs.prime_meridian is None:
        return False
    plain = crs.prime_meridian.longitude == 0 and all(axis.unit_name.casefold() == "degree" for axis in crs.axis_info)
    return plain and crs.datum.name.removesuffix(" ensemble") in WGS84_DATUMS


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
