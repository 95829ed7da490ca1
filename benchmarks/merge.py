"""Merging measured on generated flights whose every defect has a name: pairwise precision and recall.

Run from the project's root::

    .venv/bin/python -m benchmarks.merge                  # sights from the true masks
    .venv/bin/python -m benchmarks.merge --models         # sights as crack and concrete see them; minutes
    .venv/bin/python -m benchmarks.merge --pictures /tmp/merged

A pair of sights is right if both are of one defect of the wall. Precision: of the pairs that the merge made one, those
that are; recall: of the pairs that are one, those that the merge found, whether or not one picture shows both places;
where they meet: of the pairs in two pictures whose outlines lie on each other on the wall. Networks break cracks into
pieces, and no merge can know that two pieces which no picture shows together are one crack.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from shapely.geometry import Polygon

from findings.defect import Defect
from findings.finding import Domain, Finding, Provenance
from findings.merging import Merged, merge
from findings.registration import PictureRegistration
from findings.store import Store, store_url
from findings.survey import Image, ImageKind, Quality, Scale, ScaleSource
from imagery.ingest import IngestOptions, describe
from imagery.synthetic.flight_views import WallPhoto, fly, write_flight
from imagery.synthetic.flight_wall import WallSpec, build_wall
from inference.merge import active_findings, merge_survey, register_survey
from inference.pipeline import inspect_survey
from inference.regions import regions
from models.card import ClassSpec
from models.registry import Registry

DAMAGES = {"crack": "6", "spalling": "7", "exposed_rebar": "7", "efflorescence": "8", "rust": "8", "wet_spot": "20"}
LEAST_PX = {"crack": 40}  # regions of fewer pixels are no sights, as in the cards
LEAST_OTHER_PX = 60
MADE = datetime(2026, 5, 12, 1, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Flight:
    """A generated flight: photographs with their truth, and the records that a survey would have."""

    photos: tuple[WallPhoto, ...]
    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """Pairwise counts of a merge, and what it cost."""

    sights: int
    defects: int
    named: int
    right: int
    made_one: int
    are_one: int
    met: int = 0
    meeting: int = 0
    pairs: int = 0
    registered: int = 0
    seconds: float = 0.0

    @property
    def precision(self) -> float:
        """Share of the pairs made one that are one; 1 if none was made."""
        return self.right / self.made_one if self.made_one else 1.0

    @property
    def recall(self) -> float:
        """Share of the pairs that are one that were made one; 1 if there are none."""
        return self.right / self.are_one if self.are_one else 1.0

    @property
    def recall_meeting(self) -> float:
        """The same of sights in two pictures that lie on each other on the wall; 1 if there are none."""
        return self.met / self.meeting if self.meeting else 1.0


def make_flight(
    folder: Path,
    seed: int,
    spec: WallSpec | None = None,
    *,
    width_px: int = 1200,
    height_px: int = 900,
    overlap: float = 0.3,
    tilt_deg: float = 15.0,
    light_change: float = 1.0,
) -> Flight:
    """Return a flight over the wall of a seed, its photographs written to ``folder``."""
    wall = build_wall(seed, spec)
    size = {"width_px": width_px, "height_px": height_px}
    photos = fly(
        wall, seed + 100, **size, gsd_mm=wall.spec.gsd_mm, overlap=overlap, tilt_deg=tilt_deg, light_change=light_change
    )
    paths = write_flight(photos, folder, MADE)
    images = tuple(
        Image(
            uid=f"picture-{number:03d}",
            survey_uid="survey",
            path=str(path),
            sha256="0" * 64,
            kind=ImageKind.PHOTO,
            width_px=width_px,
            height_px=height_px,
            band_names=("red", "green", "blue"),
            scale=Scale(photo.view.gsd_mm, 0.05 * photo.view.gsd_mm, ScaleSource.LASER_RANGE),
            quality=Quality(True, blur_px=photo.view.blur_px),
        )
        for number, (photo, path) in enumerate(zip(photos, paths, strict=True))
    )
    return Flight(tuple(photos), images)


def true_sights(flight: Flight) -> tuple[list[Finding], dict[str, str]]:
    """Return a finding for each region of the true masks, as a perfect network would show it, and whose it is.

    The masks of one class are united first, so that defects that touch in a picture are one sight, as they would be.
    """
    findings: list[Finding] = []
    names: dict[str, str] = {}
    for photo, image in zip(flight.photos, flight.images, strict=True):
        for label in sorted(set(photo.labels.values())):
            masks = {uid: mask for uid, mask in photo.masks.items() if photo.labels[uid] == label}
            least = LEAST_PX.get(label, LEAST_OTHER_PX)
            spec = ClassSpec(name=label, damage=DAMAGES[label], threshold=0.5, minimum_area_px=least)
            plane = np.where(np.logical_or.reduce(list(masks.values())), np.float32(0.9), np.float32(0))
            for number, region in enumerate(regions(plane, spec)):
                box = region.bbox
                part = (slice(box.row, box.bottom), slice(box.col, box.right))
                shares = {uid: int((mask[part] & region.mask).sum()) for uid, mask in masks.items()}
                uid = f"{image.uid}-{label}-{number:02d}"
                names[uid] = max(sorted(shares), key=lambda name: shares[name])
                findings.append(_finding(uid, image, label, region.polygon_px))
    return findings, names


def _finding(uid: str, image: Image, label: str, outline: Polygon) -> Finding:
    return Finding(
        uid=uid,
        survey_uid=image.survey_uid,
        image_uid=image.uid,
        asset_uid=None,
        domain=Domain.BRIDGE,
        damage=DAMAGES[label],
        grade=None,
        measures=(),
        scale=image.scale,
        geometry_px=outline,
        geometry_lonlat=None,
        position_source="image_only",
        score=0.9,
        provenance=Provenance("truth", "1", "0" * 64, 0.5, image.sha256, "0"),
        details={"class": label},
    )


def named_by_masks(findings: Sequence[Finding], flight: Flight) -> dict[str, str]:
    """Return whose sights findings of models are: the defect of that class that holds most of the outline.

    Findings that lie on no defect have no name: they are left out of the count.
    """
    photos = {image.uid: photo for image, photo in zip(flight.images, flight.photos, strict=True)}
    names = {}
    for finding in findings:
        photo = photos[finding.image_uid]
        drawn: NDArray[np.uint8] = np.zeros(photo.image.shape[:2], np.uint8)
        cv2.fillPoly(drawn, [np.asarray(finding.geometry_px.exterior.coords).astype(np.int32)], 1)
        drawn = np.asarray(cv2.dilate(drawn, np.ones((3, 3), np.uint8)), np.uint8)
        label = finding.details.get("class", "crack")
        same = {uid: mask for uid, mask in photo.masks.items() if photo.labels[uid] == label}
        shares = {uid: int((mask & (drawn > 0)).sum()) for uid, mask in same.items()}
        best = max(sorted(shares), key=lambda name: shares[name], default=None)
        if best is not None and shares[best] >= 0.3 * min(int(drawn.sum()), int(photo.masks[best].sum())):
            names[finding.uid] = best
    return names


def score(flight: Flight, merged: Merged, findings: Sequence[Finding], names: Mapping[str, str]) -> Scores:
    """Return the pairwise counts over sights that have a name."""
    group = {uid: defect for uid, (defect, _) in merged.sights.items() if uid in names}
    known = {finding.uid: finding for finding in findings}
    right = made = are = met = meeting = 0
    for one, other in combinations(sorted(group), 2):
        together, same = group[one] == group[other], names[one] == names[other]
        right += together and same
        made += together
        are += same
        if same and _meet(flight, known[one], known[other]):
            meeting += 1
            met += together
    return Scores(len(merged.sights), len(merged.defects), len(set(names.values())), right, made, are, met, meeting)


def _meet(flight: Flight, one: Finding, other: Finding) -> bool:
    """Return whether half of the smaller outline lies on the other, by the true views of two pictures."""
    if one.image_uid == other.image_uid:
        return False
    views = {image.uid: photo.matrix for image, photo in zip(flight.images, flight.photos, strict=True)}
    onto = views[other.image_uid] @ np.linalg.inv(views[one.image_uid])
    carried = PictureRegistration(tuple(onto.ravel()), 0, 0.0).carry(one.geometry_px).buffer(3.0)
    shared = carried.intersection(other.geometry_px).area
    return bool(shared > 0.5 * min(carried.area, other.geometry_px.area))


def measure(flight: Flight) -> tuple[Scores, Merged, list[Finding], dict[str, str]]:
    """Return the scores of merging the true sights of a flight, with what was merged."""
    findings, names = true_sights(flight)
    started = perf_counter()
    registrations, pairs, _ = register_survey(flight.images, findings)
    merged = merge(findings, {image.uid: image for image in flight.images}, registrations)
    spent = perf_counter() - started
    counts = score(flight, merged, findings, names)
    return replace(counts, pairs=pairs, registered=len(registrations), seconds=spent), merged, findings, names


def draw(flight: Flight, merged: Merged, findings: Sequence[Finding], folder: Path) -> None:
    """Write each photograph with its sights in the colour of their defect."""
    folder.mkdir(parents=True, exist_ok=True)
    order = {defect.uid: number for number, defect in enumerate(merged.defects)}
    groups = merged.sights
    for photo, image in zip(flight.photos, flight.images, strict=True):
        picture = np.ascontiguousarray(photo.image[..., ::-1])
        for finding in findings:
            if finding.image_uid != image.uid:
                continue
            uid, leads = groups[finding.uid]
            colour = tuple(int(v) for v in np.random.default_rng(order[uid]).integers(60, 255, 3))
            ring = np.asarray(finding.geometry_px.buffer(3).exterior.coords).astype(np.int32)
            cv2.polylines(picture, [ring], True, colour, 4 if leads else 2)
            at = finding.geometry_px.representative_point()
            text = f"{order[uid]}{'*' if leads else ''}"
            cv2.putText(picture, text, (int(at.x) + 6, int(at.y)), cv2.FONT_HERSHEY_SIMPLEX, 0.9, colour, 2)
        cv2.imwrite(str(folder / photo.name), picture)


def with_models(flight: Flight, home: Path) -> tuple[Scores, Merged, list[Finding]]:
    """Return the scores of an inspection with the shipped models: ingest, inspect, merge, as a user does."""
    home.mkdir(parents=True, exist_ok=True)
    with Store(store_url(home), home) as store:
        store.upgrade()
        described = [
            describe(Path(image.path), options=IngestOptions(gsd_mm=image.scale.gsd_mm)) for image in flight.images
        ]
        survey, _ = store.open_survey("flight", None, described)
        inspect_survey(store, "flight", registry=Registry(home), device=torch.device("cpu"), home=home)
        started = perf_counter()
        found = merge_survey(store, survey)
        spent = perf_counter() - started
        findings = active_findings(store, "flight")
        paths = {image.uid: image.path for image in store.images(survey.uid)}
    groups: dict[str, list[str]] = {}
    for finding in sorted(findings, key=lambda finding: not finding.leads):
        groups.setdefault(finding.defect_uid or finding.uid, []).append(finding.uid)
    merged = Merged(tuple(Defect(uid, tuple(sights)) for uid, sights in groups.items()))
    by_path = {image.path: image.uid for image in flight.images}
    here = [replace(finding, image_uid=by_path[paths[finding.image_uid]]) for finding in findings]
    counts = score(flight, merged, here, named_by_masks(here, flight))
    return replace(counts, pairs=found.pairs, registered=found.registered, seconds=spent), merged, here


def row(name: str, found: Scores) -> str:
    """Return a row of the table."""
    cells = (
        name,
        found.sights,
        found.named,
        found.defects,
        f"{found.registered} of {found.pairs}",
        f"{found.precision:.3f}",
        f"{found.recall:.3f}",
        f"{found.recall_meeting:.3f}",
        f"{found.seconds:.1f}",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description="Merging on generated flights with known identity.")
    options.add_argument("--seeds", type=int, default=6, help="walls for each row")
    options.add_argument("--models", action="store_true", help="sights as the shipped models see them; slow")
    options.add_argument("--pictures", type=Path, help="folder for photographs with their defects drawn in")
    given = options.parse_args()
    print("| flight | sights | true defects | found | registered | precision | recall | where they meet | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    cases = (("0 deg, 30 %", 0.0, 0.3), ("15 deg, 30 %", 15.0, 0.3), ("20 deg, 30 %", 20.0, 0.3),
             ("25 deg, 30 %", 25.0, 0.3), ("15 deg, 60 %", 15.0, 0.6))  # fmt: skip
    for name, tilt, overlap in cases[1:2] if given.models else cases:
        total: list[Scores] = []
        for seed in range(1, given.seeds + 1):
            with tempfile.TemporaryDirectory() as folder:
                flight = make_flight(Path(folder), seed, tilt_deg=tilt, overlap=overlap)
                if given.models:
                    found, merged, findings = with_models(flight, Path(folder) / "home")
                else:
                    found, merged, findings, _ = measure(flight)
                total.append(found)
                if given.pictures is not None:
                    draw(flight, merged, findings, given.pictures / f"{tilt:g}-{overlap:g}-{seed}")
        print(row(f"{name}, {given.seeds} walls", _sum(total)), flush=True)


def _sum(parts: Sequence[Scores]) -> Scores:
    names = [field.name for field in fields(Scores)]
    return Scores(**{name: sum(getattr(part, name) for part in parts) for name in names})


if __name__ == "__main__":
    main()
