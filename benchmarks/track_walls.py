"""Two stored surveys of one generated wall, years apart, whose every damage has a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.merge import DAMAGES, LEAST_OTHER_PX, LEAST_PX, Flight, named_by_masks
from findings.finding import Domain, Finding, Provenance
from findings.store import ModelRun, Store, store_url
from findings.survey import Image, ImageKind, ImageStatus, Quality, Scale, ScaleSource
from imagery.digest import sha256_file
from imagery.reader import open_image
from imagery.synthetic.flight_views import WallPhoto, fly, write_flight
from imagery.synthetic.flight_wall import Wall, WallChanges, WallSpec, build_wall
from inference.merge import active_findings, merge_survey
from inference.photographs import find_places, load_picture
from models.card import ClassSpec, ModelCard, Normalisation

BEFORE, AFTER = "2021", "2026"
DATES = {BEFORE: datetime(2021, 5, 12, 1, tzinfo=UTC), AFTER: datetime(2026, 5, 12, 1, tzinfo=UTC)}
YEARS = (DATES[AFTER] - DATES[BEFORE]).days / 365.25
MODEL = "truth"
SCALE_ERROR = 0.03  # 1-sigma of the stated scale, drawn once a picture


NOTHING = "nothing"
"""Begins the names of findings that lie on no damage of the wall."""


@dataclass(frozen=True, slots=True)
class Years:
    """Two stored surveys of one wall and their truth.

    Attributes:
        walls: by survey.
        names: whose sight each finding is.
        changes: what happened in between.
        missed: names struck out of the second survey.
    """

    store: Store
    walls: Mapping[str, Wall]
    names: Mapping[str, str]
    changes: WallChanges
    missed: frozenset[str]


def make_years(
    home: Path,
    seed: int,
    spec: WallSpec | None = None,
    *,
    width_px: int = 1200,
    height_px: int = 900,
    overlap: float = 0.3,
    tilt_deg: float = 15.0,
    light_change: float = 1.0,
    missed: int = 2,
    models: bool = False,
) -> Years:
    """Return two surveys of the wall of a seed in a store below ``home``; ``models``: as the shipped ones see them."""
    first = build_wall(seed, spec)
    rng = np.random.default_rng([seed, 41])
    names = sorted({plan_of(defect.uid) for defect in first.defects})
    drawn = [str(name) for name in rng.permutation(names)]
    third = max(1, len(drawn) // 3)
    # The generator lays stains anew where they grow, so only cracks and spalls grow in place.
    grown = {name: float(rng.uniform(1.2, 1.6)) for name in [n for n in drawn if _grows(n)][:third]}
    rest = [name for name in drawn if name not in grown]
    changes = WallChanges(grown, frozenset(rest[:3]), new=3, weathering=0.3)
    gone = frozenset(rest[3 : 3 + missed])
    walls = {BEFORE: first, AFTER: build_wall(seed, spec, changes)}
    store = Store(store_url(home), home)
    store.upgrade()
    known: dict[str, str] = {}
    for number, (survey, wall) in enumerate(walls.items()):
        photos = fly(
            wall, 100 * seed + number, width_px=width_px, height_px=height_px, gsd_mm=wall.spec.gsd_mm,
            overlap=overlap, tilt_deg=tilt_deg, light_change=light_change,
        )  # fmt: skip
        skipped = gone if survey == AFTER else frozenset()
        draws = np.random.default_rng([seed, number])
        known |= record_flight(store, survey, photos, home / "photos" / survey, draws, skipped, models=models)
        merge_survey(store, store.survey(survey))
    return Years(store, walls, known, changes, frozenset() if models else gone)  # models miss what they miss


def _grows(name: str) -> bool:
    return name.startswith(("crack", "pair", "spalling"))


def plan_of(name: str) -> str:
    """Return which damage of the wall a part belongs to: ``spalling-3`` for its bars and its second piece."""
    return "-".join(name.split(".")[0].split("-")[:2])


def record_flight(
    store: Store,
    survey: str,
    photos: Sequence[WallPhoto],
    folder: Path,
    rng: np.random.Generator,
    skipped: frozenset[str] = frozenset(),
    *,
    models: bool = False,
) -> dict[str, str]:
    """Store a flight with the true sights as findings; return whose sight each finding is."""
    paths = write_flight(list(photos), folder, DATES[survey])
    images = [
        _image(survey, number, photo, path, rng) for number, (photo, path) in enumerate(zip(photos, paths, strict=True))
    ]
    kept, _ = store.open_survey(survey, None, images)
    names: dict[str, str] = {}
    if models:
        return _inspected(store, survey, photos)
    for image, photo in zip(store.images(kept.uid), photos, strict=True):
        findings = list(_sights(image, photo, names, skipped))
        run = ModelRun(MODEL, "1", "0" * 64, "0.1.0", DATES[survey], DATES[survey], "cpu", {})
        done = Image(**{**{name: getattr(image, name) for name in Image.__slots__}, "status": ImageStatus.INSPECTED})
        store.record_image(done, run, findings)
    return names


def _inspected(store: Store, survey: str, photos: Sequence[WallPhoto]) -> dict[str, str]:
    """Inspect a stored flight with the shipped models; return whose sight each finding is, as the masks say."""
    import torch

    from inference.pipeline import inspect_survey
    from models.registry import Registry

    inspect_survey(store, survey, registry=Registry(store.home), device=torch.device("cpu"), home=store.home)
    images = store.images(store.survey(survey).uid)
    found = active_findings(store, survey)
    flight = Flight(tuple(photos), tuple(images))
    known = named_by_masks(found, flight)
    return {finding.uid: known.get(finding.uid, f"{NOTHING}-{finding.uid}") for finding in found}


def _image(survey: str, number: int, photo: WallPhoto, path: Path, rng: np.random.Generator) -> Image:
    height, width = photo.image.shape[:2]
    gsd = photo.view.gsd_mm * float(np.exp(SCALE_ERROR * rng.standard_normal()))
    return Image(
        uid=f"{survey}-{number:03d}",
        survey_uid="",
        path=str(path),
        sha256=sha256_file(path),
        kind=ImageKind.PHOTO,
        width_px=width,
        height_px=height,
        band_names=("red", "green", "blue"),
        scale=Scale(gsd, SCALE_ERROR * gsd, ScaleSource.LASER_RANGE),
        quality=Quality(True, blur_px=photo.view.blur_px, noise=photo.view.noise),
        captured_at=DATES[survey],
    )


def _card() -> ModelCard:
    classes = tuple(
        ClassSpec(name=name, damage=damage, threshold=0.5, minimum_area_px=LEAST_PX.get(name, LEAST_OTHER_PX))
        for name, damage in DAMAGES.items()
    )
    bands = ("red", "green", "blue")
    return ModelCard(
        name=MODEL, version="1", task="segmentation", image_kind="photo", bands=bands, required_bands=bands,
        classes=classes, normalisation=Normalisation(method="none"), gsd_range_mm=(0.1, 10.0),
        architecture={"kind": "pointwise"},
    )  # fmt: skip


def _sights(image: Image, photo: WallPhoto, names: dict[str, str], skipped: frozenset[str]) -> list[Finding]:
    """Return the measured findings of the true masks of a photograph."""
    with open_image(Path(image.path)) as reader:
        picture = load_picture(reader)
    card = _card()
    owners: list[dict[str, np.ndarray]] = []
    planes = np.zeros((len(card.classes), image.height_px, image.width_px), np.float32)
    for plane, spec in zip(planes, card.classes, strict=True):
        masks = {
            uid: mask
            for uid, mask in photo.masks.items()
            if photo.labels[uid] == spec.name and plan_of(uid) not in skipped
        }
        owners.append(masks)
        for mask in masks.values():
            plane[mask] = 0.9
    found = []
    for number, place in enumerate(find_places(image, picture, planes, card)):
        label = place.label or next(spec.name for spec in card.classes if spec.damage == place.damage)
        masks = owners[[spec.name for spec in card.classes].index(label)]
        left, top, right, bottom = (int(value) for value in place.outline_px.bounds)
        inside = (slice(top, bottom + 1), slice(left, right + 1))
        shares = {uid: int(mask[inside].sum()) for uid, mask in masks.items()}
        uid = f"{image.uid}-{number:03d}"
        names[uid] = max(sorted(shares), key=lambda name: shares[name])
        found.append(
            Finding(
                uid=uid, survey_uid=image.survey_uid, image_uid=image.uid, asset_uid=None, domain=Domain.BRIDGE,
                damage=place.damage, grade=None, measures=place.measures, scale=place.scale or image.scale,
                geometry_px=place.outline_px, geometry_lonlat=None, position_source="image_only", score=0.9,
                provenance=Provenance(MODEL, "1", "0" * 64, 0.5, image.sha256, "0.1.0"),
                captured_at=image.captured_at, details={"class": label},
            )
        )  # fmt: skip
    return found
