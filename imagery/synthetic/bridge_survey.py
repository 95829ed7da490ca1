"""A small bridge that does not exist, photographed: JPEGs with metadata, an asset file, and the truth.

The bridge is a three-span RC girder bridge placed near the city of Yamaguchi; its name, its attributes and every
picture say that they are generated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from findings.errors import OutputError
from imagery.synthetic.concrete import CLASSES, ConcretePhoto, Crack, generate_concrete
from imagery.synthetic.photograph import CameraModel, range_m, write_photograph
from imagery.synthetic.spec import ConcreteSpec
from imagery.synthetic.surface import PALETTE

ASSET_UID = "generated-demo-bridge"
_JAPAN = timezone(timedelta(hours=9))
_LON, _LAT = 131.4700, 34.1600
_SPAN_M = 15.0
_LINE_STEP_PX = 3.0
_METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Scene:
    """One kind of photograph: the member it shows, its element number, and what the spec changes."""

    kind: str
    member: str
    element_no: str
    changes: Mapping[str, Any]


# Girder sides and pier walls are seen level, slab soffits from below. Widths straddle the classes of the crack rule
# for RC (0.2 and 0.3 mm, domain guide section 1.5).
SCENES: tuple[Scene, ...] = (
    Scene(
        "bending_cracks",
        "Mg",
        "0101",
        {
            "cracks": 2,
            "crack_width_mm": (0.2, 0.5),
            "crack_direction_deg": 90.0,
            "branches": 0.3,
            "gsd_mm": 0.3,
            "board_mm": 300.0,
            "crack_length": (0.4, 0.8),
        },
    ),
    Scene(
        "spalling",
        "Ds",
        "0001",
        {"cracks": 0, "spalls": 1, "spall_radius_mm": (90.0, 170.0), "bars": 1.0, "gsd_mm": 0.5, "board_mm": 180.0},
    ),
    Scene(
        "sound",
        "Pw",
        "0101",
        {
            "cracks": 0,
            "joints": 1,
            "tie_holes": 4,
            "shadow": 0.5,
            "board_mm": 150.0,
            "run_downs": 5,
            "gsd_mm": 0.5,
            "bug_holes_per_m2": 120.0,
        },
    ),
    Scene(
        "wide_crack",
        "Pw",
        "0102",
        {
            "cracks": 1,
            "crack_width_mm": (0.9, 2.2),
            "branches": 1.2,
            "gsd_mm": 0.5,
            "run_downs": 3,
            "moss": 0.5,
            "tie_holes": 2,
            "crack_length": (0.7, 1.2),
        },
    ),
    Scene(
        "lime",
        "Ds",
        "0002",
        {
            "cracks": 2,
            "crack_width_mm": (0.3, 0.9),
            "efflorescence": 2,
            "gsd_mm": 0.4,
            "board_mm": 180.0,
            "crack_direction_deg": 0.0,
        },
    ),
    Scene(
        "sound",
        "Mg",
        "0201",
        {
            "cracks": 0,
            "board_mm": 120.0,
            "joints": 1,
            "joint_direction_deg": 0.0,
            "scratches": 1,
            "cables": 1,
            "gsd_mm": 0.4,
            "run_downs": 2,
        },
    ),
    Scene(
        "hairline",
        "Mg",
        "0102",
        {
            "cracks": 2,
            "crack_width_mm": (0.06, 0.15),
            "branches": 0.3,
            "gsd_mm": 0.6,
            "crack_direction_deg": 90.0,
            "board_mm": 300.0,
        },
    ),
    Scene(
        "rust",
        "Pw",
        "0103",
        {
            "cracks": 1,
            "crack_width_mm": (0.3, 0.6),
            "rust_stains": 3,
            "spalls": 1,
            "spall_radius_mm": (40.0, 90.0),
            "gsd_mm": 0.5,
            "run_downs": 4,
        },
    ),
    Scene(
        "sound",
        "Ds",
        "0101",
        {"cracks": 0, "board_mm": 180.0, "bug_holes_per_m2": 80.0, "gsd_mm": 0.3, "wetness": 0.5, "pour_lines": 1},
    ),
    Scene(
        "slab_cracks",
        "Ds",
        "0102",
        {"cracks": 5, "crack_width_mm": (0.15, 0.45), "branches": 0.6, "gsd_mm": 0.3, "crack_length": (0.3, 0.8)},
    ),
)


@dataclass(frozen=True, slots=True)
class PhotoTruth:
    """What one photograph of the survey shows.

    Attributes:
        path: the JPEG.
        span: number of the span (径間), from 1.
        cracks: widths and lengths in mm of each crack and branch; ``line`` holds x px, y px and width mm along its
            centre, at most a few pixels apart.
        area_mm2: area of each class.
    """

    path: Path
    kind: str
    span: int
    member: str
    element_no: str
    gsd_mm: float
    cracks: tuple[Mapping[str, Any], ...]
    area_mm2: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class BridgeTruth:
    """The files of a generated survey and what they show."""

    asset_uid: str
    assets_path: Path
    truth_path: Path
    photos: tuple[PhotoTruth, ...]


def generate_bridge_survey(
    rng: np.random.Generator,
    folder: Path,
    n_photos: int = 12,
    *,
    width_px: int = 1600,
    height_px: int = 1200,
    captured_at: datetime = datetime(2026, 5, 12, 10, 0, tzinfo=_JAPAN),
    camera: CameraModel | None = None,
    on_photo: Callable[[int, int], None] | None = None,
) -> BridgeTruth:
    """Write ``photos/*.jpg``, ``assets.geojson`` and ``truth.json`` into ``folder``.

    The names of the photographs hold span, member and element: ``span1_Mg0101_001.jpg``.

    Args:
        rng: source of the draws; each photograph has a generator of its own, so that more change no earlier one.
        folder: made if it is not there.
        n_photos: number of photographs; the first ten show each kind of scene once.
        width_px: width of each photograph.
        height_px: height of each photograph.
        captured_at: aware time of the first exposure; the others follow every 20 s.
        camera: the camera; by default one of 240 mm equivalent, 3 to 6 m away.
        on_photo: called with (number done, total) after each photograph.

    Raises:
        OutputError: a file cannot be written.
    """
    used = CameraModel() if camera is None else camera
    try:
        (folder / "photos").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror or error}); choose another folder") from error
    colour = PALETTE[int(rng.choice([0, 1, 3, 8]))]
    photos = []
    for index in range(n_photos):
        own = np.random.default_rng([int(rng.integers(2**62)), index])
        scene, span = SCENES[index % len(SCENES)], 1 + (index // 3) % 3
        photo = generate_concrete(own, _vary(own, scene, colour, width_px, height_px))
        path = folder / "photos" / f"span{span}_{scene.member}{scene.element_no}_{index + 1:03d}.jpg"
        _write(photo, path, scene, span, captured_at + timedelta(seconds=20 * index), used, own)
        photos.append(_describe(photo, path, scene, span))
        if on_photo is not None:
            on_photo(index + 1, n_photos)
    assets_path, truth_path = folder / "assets.geojson", folder / "truth.json"
    _write_json(assets_path, bridge_feature_collection())
    _write_json(truth_path, {"generated": True, "asset_uid": ASSET_UID, "photos": [_row(p) for p in photos]})
    return BridgeTruth(ASSET_UID, assets_path, truth_path, tuple(photos))


def _vary(
    rng: np.random.Generator, scene: Scene, colour: tuple[float, float, float], width_px: int, height_px: int
) -> ConcreteSpec:
    """Return the scene's spec with the small differences between one photograph and the next."""
    tone = np.asarray(colour) * rng.lognormal(0, 0.12)
    base = ConcreteSpec(
        width_px=width_px,
        height_px=height_px,
        colour=(float(tone[0]), float(tone[1]), float(tone[2])),
        mottling=float(rng.uniform(0.3, 0.7)),
        grain=float(rng.uniform(0.4, 0.8)),
        wear=float(rng.uniform(0.0, 0.5)),
        run_downs=int(rng.integers(3)),
        crack_core=(0.06, 0.18),
        light_deg=float(rng.uniform(200, 340)),
        light_gradient=float(rng.uniform(0.05, 0.3)),
        relief=float(rng.uniform(0.06, 0.2)),
        exposure=float(rng.lognormal(0.05, 0.12)),
        blur_px=float(rng.uniform(0.45, 0.75)),
        noise=float(rng.uniform(1.0, 2.2)),
        sharpening=float(rng.uniform(0.1, 0.4)),
        joint_direction_deg=float(rng.choice([0.0, 90.0]) + rng.normal(0, 0.8)),
        jpeg_quality=None,
    )
    return replace(base, **dict(scene.changes))


def _write(
    photo: ConcretePhoto,
    path: Path,
    scene: Scene,
    span: int,
    captured_at: datetime,
    camera: CameraModel,
    rng: np.random.Generator,
) -> None:
    distance = range_m(photo.gsd_mm, photo.spec.width_px, camera)
    along_m = (span - 1) * _SPAN_M + float(rng.uniform(1, _SPAN_M - 1))
    north_m = -distance if scene.member != "Ds" else 0.0
    metres_a_degree_east = _METRES_A_DEGREE * float(np.cos(np.deg2rad(_LAT)))
    write_photograph(
        photo,
        path,
        captured_at=captured_at,
        lonlat=(_LON + along_m / metres_a_degree_east, _LAT + north_m / _METRES_A_DEGREE),
        gimbal_pitch_deg=90.0 if scene.member == "Ds" else 0.0,
        camera=camera,
    )


def _describe(photo: ConcretePhoto, path: Path, scene: Scene, span: int) -> PhotoTruth:
    area = {name: float(np.count_nonzero(photo.masks[name]) * photo.gsd_mm**2) for name in CLASSES if name != "crack"}
    area["crack"] = float(photo.coverage.sum(dtype=np.float64) * photo.gsd_mm**2)
    return PhotoTruth(
        path=path,
        kind=scene.kind,
        span=span,
        member=scene.member,
        element_no=scene.element_no,
        gsd_mm=photo.gsd_mm,
        cracks=tuple(_crack_row(crack, photo.gsd_mm) for crack in photo.cracks),
        area_mm2={name: round(value, 2) for name, value in area.items()},
    )


def _crack_row(crack: Crack, gsd_mm: float) -> dict[str, Any]:
    line = np.column_stack([crack.centreline_mm / gsd_mm, crack.width_mm])
    steps = np.linalg.norm(np.diff(line[:, :2], axis=0), axis=1)
    every = max(1, int(_LINE_STEP_PX / max(float(steps.mean()), 1e-6)))
    return {
        "width_max_mm": round(crack.width_max_mm, 4),
        "width_p95_mm": round(crack.width_p95_mm, 4),
        "width_mean_mm": round(crack.width_mean_mm, 4),
        "length_mm": round(crack.length_mm, 1),
        "parent": -1 if crack.parent is None else crack.parent,
        "line": np.round(line[::every], 3).tolist(),
    }


def _row(photo: PhotoTruth) -> dict[str, Any]:
    return {
        "file": f"photos/{photo.path.name}",
        "kind": photo.kind,
        "span": photo.span,
        "member": photo.member,
        "element_no": photo.element_no,
        "gsd_mm": photo.gsd_mm,
        "cracks": [dict(crack) for crack in photo.cracks],
        "area_mm2": dict(photo.area_mm2),
    }


def bridge_feature_collection() -> dict[str, Any]:
    """Return the asset file: one generated bridge with its spans and the inventory values that ranking reads."""
    east = 3 * _SPAN_M / (_METRES_A_DEGREE * float(np.cos(np.deg2rad(_LAT))))
    properties = {
        "uid": ASSET_UID,
        "kind": "bridge",
        "name": "デモ橋（生成データ） / Demo Bridge (generated)",
        "structure": "RC",
        "spans": [{"number": n, "members": ["Mg", "Ds", "Pw"]} for n in (1, 2, 3)],
        "emergency_route": "2",
        "third_party_below": 1.0,
        "aadt": 8200,
        "detour_km": 14.0,
        "generated": True,
    }
    line = {"type": "LineString", "coordinates": [[_LON, _LAT], [round(_LON + east, 7), _LAT]]}
    feature = {"type": "Feature", "id": ASSET_UID, "geometry": line, "properties": properties}
    return {"type": "FeatureCollection", "features": [feature]}


def _write_json(path: Path, value: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); free space or choose another folder"
        ) from error
