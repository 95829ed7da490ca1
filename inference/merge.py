"""The findings of a stored survey merged into defects: pictures registered, sights grouped, the result written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from findings.errors import InputError
from findings.finding import Finding
from findings.links import GroundPlace
from findings.merging import Merged, merge
from findings.registration import PictureRegistration
from findings.store import Store
from findings.survey import Image, ImageKind, Survey
from imagery.flight.features import FeatureStore
from imagery.pose import Pose, corner_sigma_m
from inference.picture_pairs import may_show_one, picture_pairs
from inference.register import register_pictures
from inference.register_scene import register_to_scene

SCENE_SIGMA_PX = 2.0  # rasters of one survey against each other
PAGE = 10_000


@dataclass(frozen=True, slots=True)
class SurveyMerge:
    """What a merge did.

    Attributes:
        sights: findings that the survey's pictures show.
        defects: what they are sights of.
        pictures: with findings, whose features were looked at.
        pairs: of pictures that were compared.
        registered: of these, those that show one place.
        notes: what the reader should know: pictures left out, contested identities.
    """

    sights: int
    defects: int
    pictures: int
    pairs: int
    registered: int
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Lines for the report; empty where every picture stands for itself."""
        if self.pairs == 0 and not self.notes:
            return ()
        count = f"{self.sights} sights are {self.defects} defects" if self.sights else "no findings"
        compared = f"{self.registered} of {self.pairs} pairs of pictures show one place"
        return (f"{count} ({compared})", *self.notes)


def merge_survey(store: Store, survey: Survey) -> SurveyMerge:
    """Merge the active findings of a survey and write which sights are one defect and which of them leads.

    Only pictures with findings are looked at, each once; a picture that can no longer be read takes no part, and its
    findings stay defects of their own or keep company by their place on the ground.
    """
    findings = active_findings(store, survey.name)
    bearing = {finding.image_uid for finding in findings}
    images = {image.uid: image for image in store.images(survey.uid) if image.uid in bearing}
    registrations, pairs, notes = register_survey(list(images.values()), findings)
    merged = merge(findings, images, registrations, ground_places(findings, images))
    store.put_defects(survey.uid, merged.sights)
    return _told(merged, len(images), pairs, len(registrations), notes)


def _told(merged: Merged, pictures: int, pairs: int, registered: int, notes: Sequence[str]) -> SurveyMerge:
    every = (*notes, *merged.notes)
    return SurveyMerge(len(merged.sights), len(merged.defects), pictures, pairs, registered, every)


def active_findings(store: Store, survey: str) -> list[Finding]:
    """Return every active finding of a survey, sights that do not lead included."""
    found: list[Finding] = []
    cursor = None
    while True:
        page = store.list_findings(survey=survey, limit=PAGE, cursor=cursor, sights=True)
        found += [finding for finding, _ in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


def register_survey(
    images: Sequence[Image], findings: Sequence[Finding]
) -> tuple[dict[tuple[str, str], PictureRegistration], int, list[str]]:
    """Return the registrations of pictures that may show one damage, how many pairs were tried, and what went wrong.

    Pictures without a common kind of damage are not compared: nothing on them could be merged.
    """
    kinds: dict[str, set[tuple[str, object]]] = defaultdict(set)
    for finding in findings:
        kinds[finding.image_uid].add((finding.damage, finding.details.get("class")))
    photos = [image for image in images if image.kind is ImageKind.PHOTO]
    scenes = [image for image in images if image.kind is ImageKind.SCENE]
    found: dict[tuple[str, str], PictureRegistration] = {}
    tried = 0
    with FeatureStore(photos) as store:
        photos, notes = _readable(photos, store) if len(images) > 1 else ([], [])
        for i, j in picture_pairs(photos, store):
            one, other = photos[i], photos[j]
            if kinds[one.uid] & kinds[other.uid]:
                tried += 1
                registration = register_pictures(one, other, store)
                if registration is not None:
                    found[one.uid, other.uid] = registration
        for scene in scenes:
            alike = [photo for photo in photos if kinds[photo.uid] & kinds[scene.uid] and may_show_one(photo, scene)]
            try:
                for photo in alike:
                    tried += 1
                    registration = register_to_scene(photo, scene, store)
                    if registration is not None:
                        found[photo.uid, scene.uid] = registration
            except InputError as error:
                notes.append(_left_out(scene, error))
    return found, tried, notes


def _readable(photos: Sequence[Image], store: FeatureStore) -> tuple[list[Image], list[str]]:
    """Return the pictures whose features can be found, and a note for each of the others."""
    kept, notes = [], []
    for image in photos:
        try:
            store.of(image)
        except InputError as error:
            notes.append(_left_out(image, error))
        else:
            kept.append(image)
    return kept, notes


def _left_out(image: Image, error: InputError) -> str:
    return f"{Path(image.path).name} takes no part in the merge: {error}"


def ground_places(findings: Sequence[Finding], images: Mapping[str, Image]) -> dict[str, GroundPlace]:
    """Return the places of findings that are outlines on the ground with a known sigma, by finding uid."""
    sigma: dict[str, float | None] = {uid: _sigma_m(image) for uid, image in images.items()}
    places = {}
    for finding in findings:
        spread = sigma.get(finding.image_uid)
        if finding.geometry_lonlat is not None and spread is not None and finding.geometry_lonlat.area > 0:
            places[finding.uid] = GroundPlace(finding.geometry_lonlat, spread)
    return places


def _sigma_m(image: Image) -> float | None:
    """Return the 1-sigma of a place that a picture gives, or None where nobody can say."""
    if image.kind is ImageKind.SCENE:
        return None if image.scale.gsd_mm is None else SCENE_SIGMA_PX * image.scale.gsd_mm / 1000.0
    if image.view is None:
        return None
    pose = Pose.from_json(image.view)
    return corner_sigma_m(pose) if pose.surface is not None and pose.lonlat is not None else None
