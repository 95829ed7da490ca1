"""One survey gathered from the store: what its sheets and its report show."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from findings.asset import Asset
from findings.errors import UnknownModel
from findings.exports.record import Entry, Joined, Lost, ModelFacts, SurveyRecord, Verified
from findings.finding import Finding
from findings.review import Review
from findings.survey import Image
from findings.tracking import Track, TrackState
from imagery.coverage import cover
from mizuhashi import __version__
from mizuhashi.coverage_record import coverage_value, unseen
from mizuhashi.listing import ranked

if TYPE_CHECKING:
    from findings.store import Store
    from models.card import ClassSpec, ModelCard
    from models.registry import Registry

MUST_BE_EXPLAINED = (TrackState.NOT_FOUND, TrackState.REPAIRED_SUSPECTED, TrackState.NOT_ASSESSABLE)
PAGE = 1000


def gather(store: Store, survey: str, registry: Registry, *, target_width_mm: float | None = None) -> SurveyRecord:
    """Return one survey whole: findings, earlier ones, reviews, coverage and the models behind it.

    Args:
        store: with the survey.
        survey: its name.
        registry: for the cards of the models; a version that is not there is named as such.
        target_width_mm: of cracks that the coverage asks for; None: the smallest bound of each structure's rule.

    Raises:
        NotFound: no such survey.
        InputError: an impossible target width.
    """
    kept = store.survey(survey)
    images = store.images(kept.uid)
    assets = {asset.uid: asset for asset in store.assets()}
    reviews = _reviews(store.reviews(survey=survey))
    tracks = _latest(store, store.tracks(kept.uid))
    previous_uid = tracks[0].previous_survey_uid if tracks else None
    earlier = {finding.uid: finding for finding in _earlier(store, previous_uid)}
    pictures = {image.uid: image for image in [*images, *(store.images(previous_uid) if previous_uid else [])]}
    entries = tuple(_entries(store, survey, pictures, reviews, tracks, earlier))
    covered = cover(images, assets, kept.asset_uid, target_width_mm)
    previous = next((one.name for one in store.surveys() if one.uid == previous_uid), None)
    return SurveyRecord(
        survey=kept,
        as_of=_as_of(kept.created_at, images, [one for found in reviews.values() for one in found]),
        asset=assets.get(kept.asset_uid or ""),
        assets=assets,
        images=tuple(images),
        entries=entries,
        software=f"mizuhashi {__version__}",
        lost=tuple(_lost(tracks, earlier, assets)),
        previous=previous,
        coverage=tuple(coverage_value(one) for one in covered),
        unseen=unseen(covered, images),
        models=_models(entries, registry),
        code_versions=tuple(sorted({entry.finding.provenance.code_version for entry in entries})),
        previous_findings=tuple(row.finding for row in ranked(store, survey=previous)) if previous else (),
    )


def _reviews(values: Sequence[Review]) -> Mapping[str, tuple[Review, ...]]:
    found: dict[str, list[Review]] = defaultdict(list)
    for review in values:
        found[review.finding_uid].append(review)
    return {uid: tuple(rows) for uid, rows in found.items()}


def _latest(store: Store, tracks: Sequence[Track]) -> list[Track]:
    """Return the tracks against the newest of the surveys that this one was compared with."""
    if not tracks:
        return []
    order = {one.uid: number for number, one in enumerate(store.surveys())}
    newest = max((track.previous_survey_uid for track in tracks), key=lambda uid: order.get(uid, -1))
    return [track for track in tracks if track.previous_survey_uid == newest]


def _earlier(store: Store, survey_uid: str | None) -> Iterator[Finding]:
    """Yield all findings of the previous survey, also those that no model run finds any more: tracks may name them."""
    name = next((one.name for one in store.surveys() if one.uid == survey_uid), None)
    cursor = None
    while name is not None:
        page = store.list_findings(survey=name, limit=PAGE, cursor=cursor, inactive=True, sights=True)
        yield from (finding for finding, _ in page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def _entries(
    store: Store,
    survey: str,
    images: Mapping[str, Image],
    reviews: Mapping[str, tuple[Review, ...]],
    tracks: Sequence[Track],
    earlier: Mapping[str, Finding],
) -> Iterator[Entry]:
    by_finding = {track.finding_uid: track for track in tracks if track.finding_uid is not None}
    sights = _sights(store, survey)
    for row in ranked(store, survey=survey):
        finding = row.finding
        track = by_finding.get(finding.uid)
        before = earlier.get(track.previous_uid or "") if track is not None else None
        others = tuple(sights.get(finding.defect_uid or "", ()))
        yield Entry(
            rank=row.rank,
            finding=finding,
            priority=row.priority,
            asset=row.asset,
            image=images.get(finding.image_uid),
            reviews=reviews.get(finding.uid, ()),
            sights=others,
            sight_pictures=tuple(Path(images[one.image_uid].path).name for one in others if one.image_uid in images),
            track=track,
            previous=before,
            joined=_joined(track, earlier, {one.uid: one for one in (finding, *others)}, images),
        )


def _joined(
    track: Track | None, earlier: Mapping[str, Finding], here: Mapping[str, Finding], images: Mapping[str, Image]
) -> Joined | None:
    if track is None or track.registration is None or track.sights is None:
        return None
    then, now = earlier.get(track.sights[0]), here.get(track.sights[1])
    if then is None or now is None or then.image_uid not in images or now.image_uid not in images:
        return None
    return Joined(then, images[then.image_uid], now, images[now.image_uid], track.registration)


def _sights(store: Store, survey: str) -> Mapping[str, list[Finding]]:
    """Return the sights that do not lead, by defect: one pass over the survey instead of a query a finding."""
    found: dict[str, list[Finding]] = defaultdict(list)
    cursor = None
    while True:
        page = store.list_findings(survey=survey, limit=PAGE, cursor=cursor, sights=True)
        for finding, _ in page.items:
            if not finding.leads and finding.defect_uid is not None:
                found[finding.defect_uid].append(finding)
        cursor = page.next_cursor
        if cursor is None:
            return found


def _lost(tracks: Sequence[Track], earlier: Mapping[str, Finding], assets: Mapping[str, Asset]) -> Iterator[Lost]:
    for track in tracks:
        previous = earlier.get(track.previous_uid or "")
        if track.finding_uid is None and previous is not None and track.state in MUST_BE_EXPLAINED:
            yield Lost(track, previous, assets.get(previous.asset_uid or ""))


def _as_of(created: datetime, images: Sequence[Image], reviews: Sequence[Review]) -> datetime:
    """Return the last time that something shown here came about; the same store gives the same file again."""
    times = [created, *(review.at for review in reviews)]
    return max(times + [image.captured_at for image in images if image.captured_at is not None])


def _models(entries: Sequence[Entry], registry: Registry) -> tuple[ModelFacts, ...]:
    counts = Counter(
        (made.model, made.model_version, made.weights_sha256)
        for made in (entry.finding.provenance for entry in entries)
    )
    return tuple(_facts(*key, count, registry) for key, count in sorted(counts.items()))


def _facts(name: str, version: str, digest: str, count: int, registry: Registry) -> ModelFacts:
    try:
        card = registry.resolve(f"{name}@{version}").card
    except UnknownModel:
        note = (
            "この版のモデルカードはこの環境にない(人が描いた所見、または他で登録された版)",
            "no card of this version is here (drawn by a person, or registered elsewhere)",
        )
        return ModelFacts(name, version, digest, count, note=note)
    if card.weights_sha256 is not None and digest and card.weights_sha256 != digest:
        note = (
            "重みがカードのものと異なるため、カードの数値を示さない",
            "the weights differ from the card's: its numbers are not shown",
        )
        return ModelFacts(name, version, digest, count, note=note)
    return ModelFacts(name, version, digest, count, _verified(card), card.limits, card.gsd_range_mm)


def _verified(card: ModelCard) -> tuple[Verified, ...]:
    test = card.metrics.get("test")
    if not isinstance(test, Mapping):
        return ()
    about = f"{test.get('data', '?')}, {test.get('images', '?')} pictures, {test.get('groups', '?')} groups"
    classes = test.get("classes")
    if isinstance(classes, Mapping):
        return tuple(_of_class(spec, classes[spec.name], about) for spec in card.classes if spec.name in classes)
    return tuple(_of_class(spec, test, about) for spec in card.classes[:1])


def _of_class(spec: ClassSpec, numbers: Mapping[str, Any], about: str) -> Verified:
    ends = {name: tuple(numbers[name]) if numbers.get(name) else None for name in ("recall_95", "precision_95")}
    return Verified(
        name=spec.name,
        damage=spec.damage,
        recall=numbers.get("recall"),
        recall_95=ends["recall_95"],
        precision=numbers.get("precision"),
        precision_95=ends["precision_95"],
        data=about,
    )
