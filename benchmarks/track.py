"""Tracking measured on two generated flights over one wall, years apart, whose every damage has a name.

Run from the project's root::

    .venv/bin/python -m benchmarks.track
    .venv/bin/python -m benchmarks.track --seeds 2 --pictures /tmp/years

Sights come from the true masks, as a perfect network would show them, and are measured, merged and stored as any other;
the second flight has other places, tilt, light and weather. Some damages grew, some were repaired, some are new, and
some are struck out of the second survey although they are there, as if a model had missed them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.merge import DAMAGES, LEAST_OTHER_PX, LEAST_PX
from findings.comparison import LEAST_PART
from findings.finding import Domain, Finding, Provenance
from findings.store import ModelRun, Store, store_url
from findings.survey import Image, ImageKind, ImageStatus, Quality, Scale, ScaleSource
from findings.tracking import Track, TrackState
from imagery.reader import open_image
from imagery.synthetic.flight_views import WallPhoto, fly, write_flight
from imagery.synthetic.flight_wall import Wall, WallChanges, WallDefect, WallSpec, build_wall
from inference.merge import merge_survey
from inference.photographs import find_places, load_picture
from inference.then_now import write_pairs
from inference.track import SurveyComparison, compare_surveys
from models.card import ClassSpec, ModelCard, Normalisation

BEFORE, AFTER = "2021", "2026"
DATES = {BEFORE: datetime(2021, 5, 12, 1, tzinfo=UTC), AFTER: datetime(2026, 5, 12, 1, tzinfo=UTC)}
YEARS = (DATES[AFTER] - DATES[BEFORE]).days / 365.25
MODEL = "truth"
SCALE_ERROR = 0.03  # 1-sigma of the stated scale, drawn once a picture


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


@dataclass(slots=True)
class Scores:
    """What a comparison got right.

    Attributes:
        right, made, are: matches that are one damage, all matches, damages seen both times.
        states: counts by true and found state.
        covered: by measure, growth intervals that hold the truth, and all.
        progressed: growth told of damages that did not grow, and all that did not.
    """

    right: int = 0
    made: int = 0
    are: int = 0
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    covered: dict[str, list[int]] = field(default_factory=dict)
    pairs: int = 0
    registered: int = 0
    seconds: float = 0.0

    @property
    def precision(self) -> float:
        """Share of the matches that are one damage."""
        return self.right / self.made if self.made else 1.0

    @property
    def recall(self) -> float:
        """Share of the damages seen both times that were matched."""
        return self.right / self.are if self.are else 1.0

    def add(self, other: Scores) -> None:
        """Add the counts of another wall."""
        for name in ("right", "made", "are", "pairs", "registered", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.states.update(other.states)
        for name, (held, every) in other.covered.items():
            mine = self.covered.setdefault(name, [0, 0])
            mine[0] += held
            mine[1] += every


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
) -> Years:
    """Return two surveys of the wall of a seed in a store below ``home``."""
    first = build_wall(seed, spec)
    rng = np.random.default_rng([seed, 41])
    names = sorted({_plan(defect.uid) for defect in first.defects})
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
        known |= record_flight(
            store, survey, photos, home / "photos" / survey, np.random.default_rng([seed, number]), skipped
        )
        merge_survey(store, store.survey(survey))
    return Years(store, walls, known, changes, gone)


def _grows(name: str) -> bool:
    return name.startswith(("crack", "pair", "spalling"))


def _plan(name: str) -> str:
    """Return which damage of the wall a part belongs to: ``spalling-3`` for its bars and its second piece."""
    return "-".join(name.split(".")[0].split("-")[:2])


def record_flight(
    store: Store,
    survey: str,
    photos: Sequence[WallPhoto],
    folder: Path,
    rng: np.random.Generator,
    skipped: frozenset[str] = frozenset(),
) -> dict[str, str]:
    """Store a flight with the true sights as findings; return whose sight each finding is."""
    paths = write_flight(list(photos), folder, DATES[survey])
    images = [
        _image(survey, number, photo, path, rng) for number, (photo, path) in enumerate(zip(photos, paths, strict=True))
    ]
    kept, _ = store.open_survey(survey, None, images)
    names: dict[str, str] = {}
    for image, photo in zip(store.images(kept.uid), photos, strict=True):
        findings = list(_sights(image, photo, names, skipped))
        run = ModelRun(MODEL, "1", "0" * 64, "0.1.0", DATES[survey], DATES[survey], "cpu", {})
        done = Image(**{**{name: getattr(image, name) for name in Image.__slots__}, "status": ImageStatus.INSPECTED})
        store.record_image(done, run, findings)
    return names


def _image(survey: str, number: int, photo: WallPhoto, path: Path, rng: np.random.Generator) -> Image:
    height, width = photo.image.shape[:2]
    gsd = photo.view.gsd_mm * float(np.exp(SCALE_ERROR * rng.standard_normal()))
    return Image(
        uid=f"{survey}-{number:03d}",
        survey_uid="",
        path=str(path),
        sha256=f"{survey}{number:03d}".ljust(64, "0"),
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
            if photo.labels[uid] == spec.name and _plan(uid) not in skipped
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


def score(years: Years, found: SurveyComparison) -> Scores:
    """Return what a comparison got right."""
    seen = [
        {name for defect in side.defects for sight in defect if _is_named(years, name := years.names[sight.uid])}
        for side in (found.before, found.after)
    ]
    counts = Scores(are=len(seen[0] & seen[1]), pairs=found.pairs, registered=len(found.registrations))
    matched: set[str] = set()
    for track in found.tracks:
        if not _is_named(years, years.names[str(track.finding_uid or track.previous_uid)]):
            continue
        if track.finding_uid is not None and track.previous_uid is not None:
            same = years.names[track.finding_uid] == years.names[track.previous_uid]
            counts.made += 1
            counts.right += same and years.names[track.finding_uid] not in matched
            matched.add(years.names[track.finding_uid])
            if same:
                _score_growth(counts, years, track)
        name = years.names[str(track.finding_uid or track.previous_uid)]
        counts.states[_true_state(years, name, seen), track.state.value] += 1
    return counts


def _is_named(years: Years, name: str) -> bool:
    """Return whether a name means one thing both times: a spall that grows gets other pieces and other bars."""
    return _plan(name) not in years.changes.grown or name == _plan(name)


def _true_state(years: Years, name: str, seen: Sequence[set[str]]) -> str:
    kind = _plan(name)
    if kind in years.changes.repaired:
        return TrackState.REPAIRED_SUSPECTED.value
    if kind in years.missed:
        return TrackState.NOT_FOUND.value
    if name not in seen[0]:
        return TrackState.NEW.value
    if name not in seen[1]:
        return TrackState.NOT_FOUND.value
    return TrackState.PROGRESSED.value if kind in years.changes.grown else TrackState.UNCHANGED.value


def _score_growth(counts: Scores, years: Years, track: Track) -> None:
    for growth in track.growth:
        name = years.names[str(track.finding_uid)]
        ends = [_true_size(years.walls[survey], name, growth.name) for survey in (BEFORE, AFTER)]
        if ends[0] is None or ends[1] is None or growth.low is None or growth.high is None:
            continue
        factor = {"mm/yr": 1.0, "m/yr": 1e-3, "mm2/yr": 1.0, "m2/yr": 1e-6}[growth.unit]
        truth = (ends[1] - ends[0]) * factor / growth.years
        held = counts.covered.setdefault(growth.name, [0, 0])
        held[0] += growth.low <= truth <= growth.high
        held[1] += 1


def _true_size(wall: Wall, name: str, measure: str) -> float | None:
    """Return the true size in mm or mm2; None where the generator has no such number."""
    defect = next((one for one in wall.defects if one.uid == name), None)
    if defect is None:
        return None
    if measure in ("length", "width_max", "width_p95", "width_p50"):
        return _crack_size(wall, defect, measure)
    return defect.area_mm2 if measure == "area" and not defect.lines else None


def _crack_size(wall: Wall, defect: WallDefect, measure: str) -> float | None:
    if not defect.lines:
        return None
    if measure == "length":
        return defect.length_mm
    if measure == "width_max":
        return defect.width_max_mm
    widths = np.concatenate([line.width_px for line in defect.lines]) * wall.spec.gsd_mm
    return float(np.percentile(widths, 95 if measure == "width_p95" else 50))


def measure(years: Years) -> tuple[Scores, SurveyComparison]:
    """Return the scores of the comparison of two surveys, with the comparison."""
    started = perf_counter()
    found = compare_surveys(years.store, BEFORE, AFTER)
    spent = perf_counter() - started
    counts = score(years, found)
    counts.seconds = spent
    return counts, found


def tables(name: str, total: Scores) -> list[str]:
    """Return the rows of one case."""
    lines = [
        f"| {name} | {total.are} | {total.registered} of {total.pairs} | {total.precision:.3f} | {total.recall:.3f} | "
        f"{total.seconds:.1f} |"
    ]
    return lines


def state_table(total: Scores) -> list[str]:
    """Return the confusion of the states: a row a true state."""
    states = [state.value for state in TrackState]
    lines = ["| true \\ found | " + " | ".join(states) + " |", "|---" * (len(states) + 1) + "|"]
    for true in states:
        row = [total.states[true, found] for found in states]
        if any(row):
            lines.append(f"| {true} | " + " | ".join(str(value) for value in row) + " |")
    return lines


def growth_table(total: Scores) -> list[str]:
    """Return how often the growth intervals hold the truth."""
    rows = [f"| {name} | {held} of {every} | {held / every:.3f} |" for name, (held, every) in total.covered.items()]
    return ["| growth of | truth inside | share |", "|---|---|---|", *rows]


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description="Tracking on generated walls with known identity.")
    options.add_argument("--seeds", type=int, default=6)
    options.add_argument("--pictures", type=Path)
    given = options.parse_args()
    cases = (("0 deg, same light", 0.0, 0.3, 0.0), ("15 deg, 30 %", 15.0, 0.3, 1.0), ("20 deg, 30 %", 20.0, 0.3, 1.0))
    print("| case | seen both times | registered | precision | recall | s |\n|---|---|---|---|---|---|")
    whole = Scores()
    for name, tilt, overlap, light in cases:
        total = Scores()
        for seed in range(1, given.seeds + 1):
            with tempfile.TemporaryDirectory() as folder:
                years = make_years(Path(folder), seed, tilt_deg=tilt, overlap=overlap, light_change=light)
                counts, found = measure(years)
                total.add(counts)
                if given.pictures is not None and light > 0:
                    write_pairs(found, given.pictures / f"{tilt:g}-{seed}")
        whole.add(total)
        print("\n".join(tables(name, total)), flush=True)
    print(f"\ntypical widths alone are compared from {LEAST_PART:.0%} of a crack in common view\n")
    print("\n".join([*state_table(whole), "", *growth_table(whole)]))


if __name__ == "__main__":
    main()
