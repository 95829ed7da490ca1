"""Two surveys of the store compared: pictures registered across the years, damages matched, absences looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from findings.comparison import GONE_AS_DECIDED, Look, Surface, View, compare, counts, needing_looks
from findings.errors import InputError
from findings.finding import Finding
from findings.links import Defect, Inspected
from findings.matching import Matches, match
from findings.registration import PictureRegistration
from findings.review import Review, standing
from findings.store import Store
from findings.survey import Image, ImageKind, ImageStatus, Survey
from findings.tracking import Track
from imagery.decode import decode_rgb, luma
from imagery.flight.features import FeatureStore
from imagery.reader import open_image
from imagery.types import Window
from inference.cross_pairs import cross_pairs
from inference.look import Looker, Side, turned
from inference.merge import active_findings, ground_places
from inference.register import register_pictures
from inference.reviewed import as_corrected
from inference.shown_before import APPEARED, SHOWN, grown_part_shown, shown_share
from inference.surface_change import surface_change
from models.registry import Registry

Progress = Callable[[str, int, int], None]
Registrar = Callable[[Image, Image, FeatureStore], PictureRegistration | None]
Ways = dict[tuple[str, str], PictureRegistration]
PICTURES_IN_MEMORY = 4


@dataclass(frozen=True, slots=True)
class SurveyComparison:
    """Two surveys compared.

    Attributes:
        before, after: the sides, by which the tracks' findings can be looked up.
        pairs: of pictures that were tried.
        registrations: those that show one place, previous to present.
        gone: findings that people rejected last time and that nobody finds now, as it should be.
        remarks: what the reader must know.
    """

    previous: Survey
    now: Survey
    tracks: tuple[Track, ...]
    before: Inspected
    after: Inspected
    pairs: int
    registrations: Mapping[tuple[str, str], PictureRegistration]
    gone: int
    remarks: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many tracks have each state."""
        return counts(self.tracks)


def compare_surveys(
    store: Store,
    previous_name: str,
    now_name: str,
    *,
    registry: Registry | None = None,
    register: Registrar = register_pictures,
    progress: Progress = lambda _what, _done, _total: None,
) -> SurveyComparison:
    """Return what became of every damage from one survey to the other; nothing is written.

    Args:
        store: at head.
        previous_name: the earlier survey.
        now_name: the later one, of the same asset.
        registry: tells by the models' cards which damages were looked for; without it a model is taken to look for
            what it found in either survey.
        register: joins two pictures.
        progress: called with what is done, pictures done and in all.

    Raises:
        NotFound: no such survey.
        InputError: one survey twice, surveys of different assets or in the wrong order, or not inspected.
    """
    surveys = store.survey(previous_name), store.survey(now_name)
    images = [store.images(survey.uid) for survey in surveys]
    remarks = _check(store, surveys, images)
    sides = [_side(store, survey, found) for survey, found in zip(surveys, images, strict=True)]
    marks = _marks(sides, registry)
    asked = [_looked_for(store, survey, side, marks) for survey, side in zip(surveys, sides, strict=True)]
    before, after = sides
    photos = [_photos(side) for side in sides]
    with FeatureStore([*photos[0], *photos[1]]) as features:
        photos, notes = _readable(photos, features, progress)
        bearing = {sight.image_uid for side in sides for defect in side.defects for sight in defect}
        pairs = cross_pairs(photos[0], photos[1], bearing, features)
        ways: Ways = {}
        for done, (i, j) in enumerate(pairs):
            progress("registering", done, len(pairs))
            found = register(photos[0][i], photos[1][j], features)
            if found is not None:
                ways[photos[0][i].uid, photos[1][j].uid] = found
        progress("registering", len(pairs), len(pairs))
        matches = match(before, after, ways)
        looks = _looks(sides, asked, matches, ways, lambda one, other: register(one, other, features))
    beyond = _beyond(sides, matches)
    reviews: dict[str, Review] = {review.finding_uid: review for review in store.reviews(survey=previous_name)}
    tracks = compare(before, after, matches, looks, reviews, beyond)
    if not ways and photos[0] and photos[1]:
        remarks.append(
            f"none of {len(pairs)} pairs of photographs could be registered: "
            "only places on the ground could be compared"
        )
    return SurveyComparison(
        *surveys, tracks, before, after, len(pairs), ways, _gone(before, tracks), (*remarks, *notes)
    )


def _gone(before: Inspected, tracks: Sequence[Track]) -> int:
    known = {track.previous_uid for track in tracks}
    return sum(defect[0].status in GONE_AS_DECIDED and defect[0].uid not in known for defect in before.defects)


def _check(store: Store, surveys: tuple[Survey, Survey], images: Sequence[Sequence[Image]]) -> list[str]:
    """Return what the reader should know about the two surveys.

    Raises:
        InputError: they cannot be compared.
    """
    previous, now = surveys
    if previous.uid == now.uid:
        raise InputError(f"survey {now.name!r} twice; give the earlier survey and the later one")
    remarks = _check_assets(store, surveys, images)
    for survey, found in zip(surveys, images, strict=True):
        if not any(image.status is ImageStatus.INSPECTED for image in found):
            raise InputError(
                f"survey {survey.name!r} has no inspected picture: nothing can be said to be new or gone; "
                f"run `mizuhashi inspect --survey {survey.name}` first"
            )
    days = [sorted(image.captured_at for image in found if image.captured_at is not None) for found in images]
    if days[0] and days[1]:
        if days[1][-1] < days[0][0]:
            raise InputError(
                f"survey {now.name!r} ({days[1][-1]:%Y-%m-%d}) is older than {previous.name!r} "
                f"({days[0][0]:%Y-%m-%d}); "
                f"give the earlier one first: mizuhashi findings compare {now.name} {previous.name}"
            )
        if days[1][0] < days[0][-1]:
            remarks.append(
                f"the capture dates of {previous.name!r} and {now.name!r} overlap; check which is the earlier"
            )
    for survey, known, found in zip(surveys, days, images, strict=True):
        if len(known) < len(found):
            remarks.append(
                f"{len(found) - len(known)} of {len(found)} pictures of {survey.name!r} have no capture date: "
                "growth on them has no yearly rate"
            )
    return remarks


def _check_assets(store: Store, surveys: tuple[Survey, Survey], images: Sequence[Sequence[Image]]) -> list[str]:
    shown = [
        {
            own
            for image in found
            if (own := (image.assignment.asset_uid if image.assignment is not None else None) or survey.asset_uid)
        }
        for survey, found in zip(surveys, images, strict=True)
    ]
    if shown[0] and shown[1] and not shown[0] & shown[1]:
        names = [", ".join(sorted(store.asset(uid).name for uid in uids)) for uids in shown]
        raise InputError(
            f"survey {surveys[0].name!r} shows {names[0]}, survey {surveys[1].name!r} shows {names[1]}; "
            "expected two surveys of one asset: give its own previous survey"
        )
    loose = [survey.name for survey, uids in zip(surveys, shown, strict=True) if not uids]
    return [f"survey {name!r} names no asset; that both show the same one was taken on trust" for name in loose]


def _side(store: Store, survey: Survey, images: Sequence[Image]) -> Inspected:
    """Return the damages of a survey, with outlines and kinds as people corrected them."""
    reviews: dict[str, list[Review]] = defaultdict(list)
    for review in store.reviews(survey=survey.name):
        reviews[review.finding_uid].append(review)
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in active_findings(store, survey.name):
        now = standing(finding, reviews[finding.uid])
        groups[finding.defect_uid or finding.uid].append(as_corrected(now) if now.latest is not None else finding)
    by_uid = {image.uid: image for image in images}
    defects = tuple(
        tuple(sorted(sights, key=lambda sight: (not sight.leads, sight.uid))) for _, sights in sorted(groups.items())
    )
    every = [sight for defect in defects for sight in defect]
    return Inspected(survey.uid, defects, by_uid, ground_places(every, by_uid))


def _marks(sides: Sequence[Inspected], registry: Registry | None) -> dict[str, frozenset[str]]:
    """Return which damages each model looks for, by its name: as its cards say, and as it has shown."""
    marks: dict[str, set[str]] = defaultdict(set)
    for entry in registry.list() if registry is not None else ():
        marks[entry.card.name] |= {spec.damage for spec in entry.card.classes}
    for side in sides:
        for defect in side.defects:
            for sight in defect:
                marks[sight.provenance.model].add(sight.damage)
    return {model: frozenset(damages) for model, damages in marks.items()}


def _looked_for(store: Store, survey: Survey, side: Inspected, marks: Mapping[str, frozenset[str]]) -> Side:
    """Return the pictures of a survey with the damages that the models that ran on them look for."""
    found = {
        image_uid: frozenset[str]().union(*(marks.get(model, frozenset()) for model in models))
        for image_uid, models in store.models_run(survey.uid).items()
    }
    return Side(side.images, found)


def _photos(side: Inspected) -> list[Image]:
    return [image for image in side.images.values() if image.kind is ImageKind.PHOTO]


def _readable(
    photos: Sequence[Sequence[Image]], features: FeatureStore, progress: Progress
) -> tuple[list[list[Image]], list[str]]:
    """Return the photographs whose features can be found, and a note for each of the others."""
    notes: list[str] = []
    kept: list[list[Image]] = []
    if not photos[0] or not photos[1]:
        return [list(side) for side in photos], notes
    total, done = sum(len(side) for side in photos), 0
    for side in photos:
        kept.append([])
        for image in side:
            progress(Path(image.path).name, done, total)
            done += 1
            try:
                features.of(image)
            except InputError as error:
                notes.append(f"{Path(image.path).name} takes no part in the comparison: {error}")
            else:
                kept[-1].append(image)
    return kept, notes


def _looks(
    sides: Sequence[Inspected],
    asked: Sequence[Side],
    matches: Matches,
    ways: Ways,
    between: Callable[[Image, Image], PictureRegistration | None],
) -> dict[str, Look]:
    """Return a look at the place of each damage that has no counterpart."""
    lost, appeared = needing_looks(sides[0], sides[1], matches)
    once = lru_cache(maxsize=4096)(lambda one, other: between(sides_images[one], sides_images[other]))
    sides_images = {**sides[0].images, **sides[1].images}

    def joined(one: Image, other: Image) -> PictureRegistration | None:
        return once(one.uid, other.uid)

    forth = Looker(asked[0], asked[1], ways, joined)
    back = Looker(asked[1], asked[0], {(b, a): way.inverse() for (a, b), way in ways.items()}, joined)
    greys = lru_cache(maxsize=PICTURES_IN_MEMORY)(lambda uid: _grey(sides_images[uid]))
    looks = {defect[0].uid: turned(_with_trace(back.look(defect), defect, ways, greys)) for defect in appeared}
    for defect in lost:
        looks[defect[0].uid] = _with_surface(forth.look(defect), defect, ways, greys)
    return looks


def _with_surface(look: Look, defect: Defect, ways: Ways, greys: Callable[[str], NDArray[np.float32]]) -> Look:
    """Return a clear look with what the surface looks like against last time."""
    if look.view is not View.CLEAR or look.registration is None or look.image_uid is None:
        return look
    here = [sight for sight in defect if (sight.image_uid, look.image_uid) in ways]
    if not here:  # by way of a neighbour: its registration is too rough for texture
        return look
    sight = here[0]
    way = ways[sight.image_uid, look.image_uid]
    found = surface_change(greys(sight.image_uid), greys(look.image_uid), sight.geometry_px, way)
    return look if found is None else replace(look, surface=found.surface, why=found.why)


def _with_trace(look: Look, defect: Defect, ways: Ways, greys: Callable[[str], NDArray[np.float32]]) -> Look:
    """Return a clear look at the place of a new damage with whether the picture of last time shows it too."""
    sight = next((sight for sight in defect if (look.image_uid, sight.image_uid) in ways), None)
    if look.view is not View.CLEAR or sight is None or look.image_uid is None:
        return look
    way = ways[look.image_uid, sight.image_uid]
    share = shown_share(greys(sight.image_uid), greys(look.image_uid), sight.geometry_px, way)
    return look if share is None or share < SHOWN else replace(look, surface=Surface.TRACE)


def _beyond(sides: Sequence[Inspected], matches: Matches) -> dict[str, bool]:
    """Return by present leader whether last time's picture shows what lies beyond the outline of last time."""
    images = {**sides[0].images, **sides[1].images}
    greys = lru_cache(maxsize=PICTURES_IN_MEMORY)(lambda uid: _grey(images[uid]))
    found = {}
    for one in sorted(matches.matched, key=lambda one: (one.link.now.image_uid, one.link.previous.image_uid)):
        link = one.sizes or one.link
        if link.registration is None:
            continue
        share = grown_part_shown(link.previous, link.now, link.registration, greys)
        if share is not None and not APPEARED < share < SHOWN:
            found[one.now[0].uid] = share >= SHOWN
    return found


def _grey(image: Image) -> NDArray[np.float32]:
    rgb = decode_rgb(Path(image.path))
    if rgb is not None:
        return np.asarray(luma(rgb), np.float32)
    with open_image(Path(image.path)) as reader:
        values = reader.read(Window(0, 0, reader.width_px, reader.height_px), (reader.bands[0],), masked=False).values[
            0
        ]
    return np.asarray(np.nan_to_num(values), np.float32)
