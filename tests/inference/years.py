"""Two surveys of one painted wall in a store: what was found is written down by hand, the pictures are real files."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from shapely.geometry import LineString, Polygon, box

from findings.finding import Domain, Finding, Provenance
from findings.measure import Measure
from findings.registration import PictureRegistration
from findings.store import ModelRun, Store, store_url
from findings.survey import Image, ImageKind, ImageStatus, Quality, Scale, ScaleSource
from imagery.flight.features import FeatureStore

SIZE = (480, 360)
SHIFT = PictureRegistration((1.0, 0.0, 24.0, 0.0, 1.0, -16.0, 0.0, 0.0, 1.0), 80, 0.3)
"""Previous to present pixels: the camera stood 24 px further left and 16 px lower."""
DATES = {"2020": datetime(2020, 6, 1, tzinfo=UTC), "2025": datetime(2025, 6, 1, tzinfo=UTC)}
CRACK = ((120.0, 120.0), (260.0, 170.0))


def wall(seed: int = 0, size: tuple[int, int] = SIZE, pad: int = 60) -> NDArray[np.float32]:
    """Return the grey values of a wall larger than a picture by ``pad`` on every side."""
    rng = np.random.default_rng(seed)
    shape = (size[1] + 2 * pad, size[0] + 2 * pad)
    fine = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), 1.6)
    broad = cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), 14.0)
    spots = (cv2.GaussianBlur(rng.normal(0, 1, shape).astype(np.float32), (0, 0), 3.0) > 0.25).astype(np.float32)
    return np.asarray(140 + 22 * fine / fine.std() + 12 * broad / broad.std() - 25 * spots, np.float32)


def with_crack(
    values: NDArray[np.float32], pad: int = 60, ends: Sequence[tuple[float, float]] = CRACK
) -> NDArray[np.float32]:
    drawn = values.copy()
    first, last = (tuple(int(v + pad) for v in point) for point in ends)
    cv2.line(drawn, first, last, 25.0, 3, cv2.LINE_AA)
    return drawn


def with_patch(values: NDArray[np.float32], pad: int = 60) -> NDArray[np.float32]:
    drawn = values.copy()
    ends = [tuple(int(v + pad) for v in point) for point in CRACK]
    patch = np.zeros(drawn.shape, np.float32)
    cv2.line(patch, ends[0], ends[1], 1.0, 40, cv2.LINE_AA)
    rng = np.random.default_rng(99)
    mortar = 168 + 3 * rng.normal(size=drawn.shape).astype(np.float32)
    return np.asarray(drawn * (1 - patch) + mortar * patch, np.float32)


def view(values: NDArray[np.float32], survey: str, size: tuple[int, int] = SIZE, pad: int = 60) -> NDArray[np.uint8]:
    """Return what a survey's camera sees: the second one stands elsewhere, in other light."""
    dx, dy = (0, 0) if survey == "2020" else (-24, 16)
    part = values[pad + dy : pad + dy + size[1], pad + dx : pad + dx + size[0]]
    light = 1.0 if survey == "2020" else np.linspace(0.8, 1.15, size[0])[None]
    noise = np.random.default_rng(7 if survey == "2020" else 8).normal(0, 1.5, part.shape)
    return np.asarray((part * light + noise).clip(0, 255), np.uint8)


def outline(survey: str, points: Sequence[tuple[float, float]] = CRACK, width: float = 6.0) -> Polygon:
    """Return the outline of a line on the wall, as previous pixels say where, in a survey's picture."""
    place = LineString(points).buffer(width / 2)
    return place if survey == "2020" else SHIFT.carry(place)


@cache
def _fresh_database() -> Path:
    """Return a database with its tables and nothing in it; making one takes a second."""
    home = Path(tempfile.mkdtemp(prefix="mizuhashi-years-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    with Store(store_url(home), home) as store:
        store.upgrade()
    return next(home.glob("*.db"))


@dataclass
class Years:
    """A store with surveys that are written by hand."""

    home: Path
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        shutil.copy(_fresh_database(), self.home / _fresh_database().name)
        self.store = Store(store_url(self.home), self.home)

    def survey(
        self,
        name: str,
        values: Sequence[NDArray[np.float32]],
        *,
        asset_uid: str | None = None,
        inspected: bool = True,
        **changes: Any,
    ) -> list[Image]:
        """Store a survey of these walls, one picture each."""
        images = []
        for number, one in enumerate(values):
            path = self.home / "photos" / name / f"{name}-{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Picture.fromarray(np.repeat(view(one, name)[..., None], 3, 2)).save(path)
            fields: dict[str, Any] = {
                "uid": f"{name}-{number}",
                "survey_uid": "",
                "path": str(path),
                "sha256": f"{name}{number}".ljust(64, "0"),
                "kind": ImageKind.PHOTO,
                "width_px": SIZE[0],
                "height_px": SIZE[1],
                "band_names": ("red", "green", "blue"),
                "scale": Scale(0.5, 0.01, ScaleSource.LASER_RANGE),
                "quality": Quality(True, noise=2.0, blur_px=0.7),
                "captured_at": DATES.get(name),
                **changes,
            }
            images.append(Image(**fields))
        kept, _ = self.store.open_survey(name, asset_uid, images)
        stored = self.store.images(kept.uid)
        if inspected:
            for image in stored:
                self.record(image, [])
        return stored

    def record(self, image: Image, findings: Sequence[Finding], model: str = "crack", version: str = "1") -> None:
        """Write what a model made of a picture."""
        when = datetime(2026, 1, 1, tzinfo=UTC)
        run = ModelRun(model, version, "0" * 64, "0.1.0", when, when, "cpu", {})
        self.store.record_image(replace(image, status=ImageStatus.INSPECTED), run, findings)


def a_crack(image: Image, uid: str, place: Polygon, **changes: Any) -> Finding:
    """Return a crack of 0.8 mm and 74 mm on a picture."""
    fields: dict[str, Any] = {
        "uid": uid,
        "survey_uid": image.survey_uid,
        "image_uid": image.uid,
        "asset_uid": None,
        "domain": Domain.BRIDGE,
        "damage": "6",
        "grade": None,
        "measures": (
            Measure("width_p95", 0.8, "mm", 0.7, 0.9, "by hand"),
            Measure("length", 0.074, "m", 0.072, 0.076, "by hand"),
        ),
        "scale": image.scale,
        "geometry_px": place,
        "geometry_lonlat": None,
        "position_source": "image_only",
        "score": 0.9,
        "provenance": Provenance("crack", "1", "0" * 64, 0.5, image.sha256, "0.1.0"),
        "captured_at": image.captured_at,
    }
    return Finding(**{**fields, **changes})


def by_hand(first: Image, second: Image, store: FeatureStore) -> PictureRegistration | None:
    """Join pictures of the same number in two surveys by what we know."""
    if first.uid.split("-")[1] != second.uid.split("-")[1]:
        return None
    if first.uid.split("-")[0] == second.uid.split("-")[0]:
        return None
    overlap = SHIFT.carry(box(0, 0, *SIZE)).intersection(box(0, 0, *SIZE))
    there = replace(SHIFT, overlap_second=overlap)
    return there if first.uid.startswith("2020") else there.inverse()
