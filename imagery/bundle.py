"""Bundle adjustments of OpenDroneMap: ``odm_report/shots.geojson``, ``cameras.json`` and ``odm_report/stats.json``.

What the files mean, after OpenDroneMap's ``opendm/shots.py``, ``opendm/camera.py``, ``opendm/gsd.py`` and OpenSfM's
"Geometric Models":

* a shot's ``rotation`` is the axis times the angle (Rodrigues) of the rotation from the projected grid (east, north,
  up) to the camera (right, down, forward);
* its ``translation`` is the camera's place in that grid, not the translation of the pose; the point geometry is the
  same place as lon, lat, height in WGS84. The grid is UTM as a rule. It is not named in the file, so it is found here
  from the two, and its convergence with true north is taken off;
* ``average_gsd`` of the statistics (cm) is that of the mean height of the cameras over the median sparse point.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyproj
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from findings.errors import InputError
from imagery.bundle_camera import BundleCamera, read_camera
from imagery.plain import finite

MOST_BYTES = 256 << 20  # 100,000 shots are 60 MB
GRID_MISFIT_M = 2.0  # between translation and lon, lat of one shot: they are the same numbers
PLACES = {
    "shots.geojson": ("odm_report/shots.geojson", "shots.geojson"),
    "cameras.json": ("cameras.json", "odm_report/cameras.json"),
    "stats.json": ("odm_report/stats.json", "stats.json", "opensfm/stats/stats.json"),
}
_GEOD = pyproj.Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class Shot:
    """The adjusted pose of one picture.

    Attributes:
        name: file name.
        camera: key of its camera.
        lonlat: WGS84.
        height_m: of the camera, in the heights of the adjustment.
        rotation: ``(3, 3)`` from right, down, forward of the stored picture to true east, north, up.
        nearest_m: distance to the nearest other shot; None for a single one.
    """

    name: str
    camera: str
    lonlat: tuple[float, float]
    height_m: float
    rotation: NDArray[np.float64]
    nearest_m: float | None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle adjustment.

    Attributes:
        shots: by file name in lower case.
        cameras: by key.
        reprojection_px: mean reprojection error, or None if no statistics came with it.
        gps_error_m: root mean square of the positions against GPS, or None.
        ground_m: height of the ground in the heights of the adjustment, from its average GSD, or None.
        notes: shots that were passed over, and why.
    """

    shots: Mapping[str, Shot]
    cameras: Mapping[str, BundleCamera]
    reprojection_px: float | None
    gps_error_m: float | None
    ground_m: float | None
    notes: tuple[str, ...]


def read_bundle(folder: Path) -> Bundle:
    """Return the bundle adjustment in a project folder of OpenDroneMap, or in its unpacked ``all.zip``.

    A shot that makes no sense is passed over with a note; the others are taken.

    Raises:
        InputError: a file is missing, is no JSON, or holds nothing that can be used.
    """
    stored = _read(folder, "shots.geojson", required=True)
    cameras = _cameras(_read(folder, "cameras.json", required=True), folder)
    features = stored.get("features") if isinstance(stored, dict) else None
    if not isinstance(features, list):
        raise InputError(f"{folder}: shots.geojson has no list of features; export it again from OpenDroneMap")
    notes: list[str] = []
    raw: dict[str, _RawShot] = {}
    for feature in features:
        try:
            shot = _raw_shot(feature, cameras)
        except InputError as error:
            notes.append(str(error))
            continue
        if shot.name.lower() in raw:
            notes.append(f"shot {shot.name!r} stands twice; the first one counts")
            continue
        raw[shot.name.lower()] = shot
    if not raw:
        first = f": {notes[0]}" if notes else ""
        raise InputError(f"{folder}: none of the {len(features)} shots can be used{first}")
    turns = _convergences(list(raw.values()), folder)
    nearest = _nearest_m(list(raw.values()))
    shots = {key: _shot(shot, turns[shot.name], apart) for (key, shot), apart in zip(raw.items(), nearest, strict=True)}
    statistics = _read(folder, "stats.json", required=False)
    gsd_cm = _of(statistics, "odm_processing_statistics", "average_gsd")
    return Bundle(
        shots,
        cameras,
        _of(statistics, "reconstruction_statistics", "reprojection_error_pixels"),
        _of(statistics, "gps_errors", "average_error"),
        None if gsd_cm is None else _ground_m(list(raw.values()), cameras, gsd_cm),
        tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class _RawShot:
    name: str
    camera: str
    lonlat: tuple[float, float]
    grid_m: complex
    height_m: float
    to_camera: NDArray[np.float64]


def _read(folder: Path, what: str, *, required: bool) -> Any:
    path = next((folder / place for place in PLACES[what] if (folder / place).is_file()), None)
    if path is None:
        if not required:
            return None
        looked = " or ".join(PLACES[what])
        raise InputError(f"{folder}: no {looked}; give the project folder of OpenDroneMap, with its results")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: {path.stat().st_size >> 20} MiB; at most {MOST_BYTES >> 20} MiB are read")
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: no JSON that can be read ({error}); export it again from OpenDroneMap") from error


def _cameras(stored: Any, folder: Path) -> dict[str, BundleCamera]:
    if not isinstance(stored, dict) or not stored:
        raise InputError(f"{folder}: cameras.json holds no cameras by name; export it again from OpenDroneMap")
    cameras, refused = {}, []
    for name, values in stored.items():
        try:
            if not isinstance(values, dict):
                raise InputError(f"camera {name!r}: expected its values by name")
            cameras[_camera_key(name)] = read_camera(name, values)
        except InputError as error:
            refused.append(str(error))
    if not cameras:
        raise InputError(f"{folder}: {refused[0]}")
    return cameras


def _camera_key(name: str) -> str:
    return name.removeprefix("v2 ")  # OpenSfM's own prefix, which OpenDroneMap strips in one of the files


def _raw_shot(feature: Any, cameras: Mapping[str, BundleCamera]) -> _RawShot:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    name = properties.get("filename") if isinstance(properties, dict) else None
    if not isinstance(properties, dict) or not isinstance(name, str) or not name:
        raise InputError("a shot without filename is passed over")
    rotation = _numbers(name, "rotation", properties.get("rotation"), 3)
    grid = _numbers(name, "translation", properties.get("translation"), 3)
    point = _numbers(name, "coordinates", geometry.get("coordinates") if isinstance(geometry, dict) else None, 2)
    if not (abs(point[0]) <= 180 and abs(point[1]) <= 90):
        raise InputError(f"shot {name!r}: lon, lat {point[:2]} is no place; passed over")
    to_camera = np.asarray(cv2.Rodrigues(np.array(rotation))[0], float)
    camera = _camera_of(name, properties, cameras)
    return _RawShot(Path(name).name, camera, (point[0], point[1]), complex(grid[0], grid[1]), grid[2], to_camera)


def _camera_of(name: str, properties: Mapping[str, Any], cameras: Mapping[str, BundleCamera]) -> str:
    """Return the key of a shot's camera: by its name, which newer versions write, else by size and focal length."""
    stated = properties.get("camera")
    if isinstance(stated, str) and _camera_key(stated) in cameras:
        return _camera_key(stated)
    size = properties.get("width"), properties.get("height")
    fitting = [key for key, camera in cameras.items() if (camera.width_px, camera.height_px) == size]
    focal = finite(properties.get("focal"))
    if len(fitting) > 1 and focal is not None:
        fitting = [key for key in fitting if abs(cameras[key].focal[0] - focal) < 1e-6]
    if len(fitting) != 1:
        raise InputError(f"shot {name!r}: {len(fitting)} cameras of cameras.json fit it ({size}); passed over")
    return fitting[0]


def _numbers(name: str, what: str, value: Any, least: int) -> list[float]:
    plain = isinstance(value, list) and len(value) >= least
    if not plain or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value):
        raise InputError(f"shot {name!r}: {what} is {value!r:.60}; expected {least} numbers; passed over")
    if not all(finite(v) is not None and abs(v) < 1e9 for v in value):
        raise InputError(f"shot {name!r}: {what} {value!r:.60} is not finite; passed over")
    return [float(v) for v in value]


def _convergences(shots: list[_RawShot], folder: Path) -> dict[str, complex]:
    """Return for each shot the turn that takes grid directions to true ones (unit complex numbers, east + i north).

    UTM of the shots' own zone or a neighbouring one; else, from three shots on, the grid that fits places and
    translations best, whatever its projection.
    """
    lon = float(np.median([shot.lonlat[0] for shot in shots]))
    zone = int((lon + 180.0) // 6.0) % 60 + 1
    for number in (zone, (zone - 2) % 60 + 1, zone % 60 + 1):
        for south in (False, True):
            project = pyproj.Proj(proj="utm", zone=number, south=south, ellps="WGS84")
            misfits = [abs(complex(*project(*shot.lonlat)) - shot.grid_m) for shot in shots]
            if np.median(misfits) < GRID_MISFIT_M:
                angles = [project.get_factors(*shot.lonlat).meridian_convergence for shot in shots]
                return {shot.name: _unit(angle) for shot, angle in zip(shots, angles, strict=True)}
    return _fitted_turn(shots, folder)


def _fitted_turn(shots: list[_RawShot], folder: Path) -> dict[str, complex]:
    lon, lat = np.median([shot.lonlat for shot in shots], axis=0)
    project = pyproj.Proj(proj="aeqd", lon_0=lon, lat_0=lat, ellps="WGS84")
    true = np.array([complex(*project(*shot.lonlat)) for shot in shots])
    grid = np.array([shot.grid_m for shot in shots])
    from_true, from_grid = true - true.mean(), grid - grid.mean()
    energy = float(np.vdot(from_grid, from_grid).real)
    factor = np.vdot(from_grid, from_true) / energy if energy > 1.0 else 0j
    misfit = np.abs(from_true - factor * from_grid).max() if len(shots) >= 3 else math.inf
    if misfit > GRID_MISFIT_M or abs(abs(factor) - 1.0) > 0.05:
        raise InputError(
            f"{folder}: places and translations of the shots do not belong to one projected grid (in UTM, lon "
            f"{lon:.4f}, lat {lat:.4f} is not {grid[0].real:.1f}, {grid[0].imag:.1f}); the adjustment has no "
            "georeference: adjust again with GPS or control points"
        )
    return dict.fromkeys((shot.name for shot in shots), complex(factor / abs(factor)))


def _unit(convergence_deg: float) -> complex:
    """Return the turn for a meridian convergence: grid north lies so far clockwise of true north."""
    angle = math.radians(convergence_deg)
    return complex(math.cos(angle), -math.sin(angle))


def _nearest_m(shots: list[_RawShot]) -> list[float | None]:
    """Return how far the nearest other shot is from each; by a tree, for a city has a hundred thousand."""
    if len(shots) == 1:
        return [None]
    places = np.array([(shot.grid_m.real, shot.grid_m.imag) for shot in shots])
    apart = cKDTree(places).query(places, k=2)[0][:, 1]
    return [float(metres) for metres in apart]


def _shot(raw: _RawShot, turn: complex, nearest: float | None) -> Shot:
    to_true = np.array([[turn.real, -turn.imag, 0], [turn.imag, turn.real, 0], [0, 0, 1]])
    return Shot(raw.name, raw.camera, raw.lonlat, raw.height_m, to_true @ raw.to_camera.T, nearest)


def _ground_m(shots: list[_RawShot], cameras: Mapping[str, BundleCamera], gsd_cm: float) -> float:
    """Return the height of the ground that the average GSD stands for."""
    per_metre = np.mean([1.0 / cameras[shot.camera].focal_px for shot in shots])
    return float(np.mean([shot.height_m for shot in shots]) - gsd_cm / 100.0 / per_metre)


def _of(statistics: Any, section: str, key: str) -> float | None:
    part = statistics.get(section) if isinstance(statistics, dict) else None
    value = part.get(key) if isinstance(part, dict) else None
    number = finite(value)
    return number if number is not None and number > 0 else None
