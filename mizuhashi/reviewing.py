"""Findings out to label tools and decisions back into the store: what the commands of `mizuhashi reviews` do."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from findings.asset import Structure
from findings.errors import InputError, OutputError, RecordError
from findings.exports import Pictures, ReviewFormat, read, setup_file, write
from findings.exports.incoming import (
    SETTLED,
    Door,
    Drawn,
    Incoming,
    Known,
    decide,
    match_pictures,
    picture_names,
)
from findings.exports.task import ReviewItem, ReviewPicture, ReviewTask, content_digest
from findings.files import whole_file, write_text
from findings.finding import Domain, Finding, FindingStatus, Provenance
from findings.grading import grade
from findings.labels import CLASSES, class_key, label_named
from findings.review import PERSON, Review, standing
from findings.survey import Image, ImageKind
from findings.taxonomy import TAXONOMY_VERSION
from mizuhashi.files import refusal

if TYPE_CHECKING:
    from findings.store import Counts, Store


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    Attributes:
        files: the export first, then what the tool needs beside it.
        scenes: pictures left out because label tools cannot show them.
        turned: names of pictures that label tools show turned, because of a note of the camera.
    """

    files: tuple[Path, ...]
    pictures: int
    findings: int
    scenes: int
    turned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: the decisions of the file and what the store took of them."""

    survey: str
    found: Incoming
    counts: Counts


def export_reviews(
    store: Store,
    survey: str,
    kind: ReviewFormat,
    out: Path,
    *,
    pictures: Pictures = Pictures.PATHS,
    status: FindingStatus | None = None,
    limit: int | None = None,
    order: Sequence[str] | None = None,
) -> Exported:
    """Write the findings of a survey for a label tool, whole pictures at a time.

    A reviewer sees all open findings of a picture, so that none is drawn twice and "complete" means something; status
    and limit choose pictures.

    Args:
        store: with the survey.
        survey: its name.
        kind: file format.
        out: the file; pictures go into the folder ``images`` beside it.
        pictures: whether they are copied or linked there, or stay.
        status: only pictures with such a finding; rejected ones and duplicates go out only if asked for.
        limit: pictures at most.
        order: image uids in the order in which they should be looked at; None: as ingested.

    Raises:
        NotFound: no such survey.
        InputError: no picture has such a finding.
        OutputError: a file cannot be written.
    """
    everything = store.images(store.survey(survey).uid)
    photos = [image for image in everything if image.kind is ImageKind.PHOTO]
    names = picture_names(everything)
    chosen = []
    for image in _ordered(photos, order):
        findings = _to_show(store, image, status)
        if findings and (status is None or any(finding.status is status for finding in findings)):
            chosen.append((image, findings))
        if len(chosen) == limit:
            break
    if not chosen:
        wanted = f"{status.value} " if status is not None else "open "
        raise InputError(f"survey {survey!r}: no photograph has a {wanted}finding; `mizuhashi inspect` finds some")
    reviews = _by_finding(store.reviews(survey=survey))
    complete = {value.image_uid: value.complete for value in store.picture_reviews(survey=survey)}
    shown: list[ReviewPicture] = []
    for image, findings in chosen:
        name = _placed(image, names[image.uid], kind, pictures, out)
        items = tuple(_item(finding, reviews.get(finding.uid, ())) for finding in findings)
        content = content_digest(finding.uid for finding in findings)
        size = (image.width_px, image.height_px)
        shown.append(ReviewPicture(image.uid, name, *size, items, content, complete.get(image.uid, False)))
    used = {item.label for picture in shown for item in picture.items}
    classes = [label.name for label in CLASSES]
    task = ReviewTask(survey, tuple(shown), (*classes, *sorted(used - set(classes))))
    files = _write(task, kind, out)
    turned = tuple(names[image.uid] for image, _ in chosen if _is_turned(image) and pictures is not Pictures.COPY)
    return Exported(files, len(shown), sum(len(p.items) for p in shown), len(everything) - len(photos), turned)


def import_reviews(
    store: Store,
    file: Path,
    kind: ReviewFormat,
    reviewer: str,
    *,
    survey: str | None = None,
    missing_rejects: bool = False,
    pending_confirms: bool = False,
) -> Imported:
    """Take the decisions of a file into the store, all or nothing.

    Raises:
        InputError: the file cannot be read, or something in it cannot be taken; nothing is taken then.
        NotFound: no such survey.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error})") from error
    try:
        task = read(content, kind)
        name = survey or _survey_of(store, task)
        images = store.images(store.survey(name).uid)
        pictures = match_pictures(task, images)
        known = _known(store, images, pictures)
        door = Door(
            reviewer=reviewer,
            at=datetime.now(UTC),
            source=f"import:{kind.value}",
            file_digest=hashlib.sha256(content).hexdigest(),
            missing_rejects=missing_rejects,
            pending_confirms=pending_confirms,
        )
        found = decide(pictures, known, door)
        drawn = [person_finding(store, name, one) for one in found.drawn]
        counts = store.add_reviews(found.reviews, drawn, found.pictures)
    except RecordError as error:
        raise RecordError(refusal(file, error)) from error
    return Imported(name, found, counts)


def person_finding(store: Store, survey: str, drawn: Drawn) -> Finding:
    """Return the finding of a damage that a person drew: placed and graded like any other, without measurements."""
    from inference.judgement import CODE_VERSION, locate

    image, label = drawn.image, label_named(drawn.label)
    own = image.assignment.asset_uid if image.assignment is not None else None
    uid = own or store.survey(survey).asset_uid
    asset = None if uid is None else store.asset(uid)
    place, source = locate(image, asset, drawn.outline_px)
    structure = Structure.UNKNOWN if asset is None else asset.structure
    return Finding(
        uid=drawn.uid,
        survey_uid=image.survey_uid,
        image_uid=image.uid,
        asset_uid=uid,
        domain=Domain.RIVER if label.damage.startswith("R") else Domain.BRIDGE,
        damage=label.damage,
        grade=grade(label.damage, (), structure, label.facts),
        measures=(),
        scale=image.scale,
        geometry_px=drawn.outline_px,
        geometry_lonlat=place,
        position_source=source,
        score=1.0,
        provenance=Provenance(PERSON, "1", "", 0.0, image.sha256, CODE_VERSION),
        captured_at=image.captured_at,
        span=image.span,
        member=image.member,
        taxonomy_version=TAXONOMY_VERSION,
        details={**label.facts, **({} if (key := class_key(label)) is None else {"class": key})},
    )


def review_record(review: Review) -> dict[str, Any]:
    """Return a review as plain JSON values."""
    corrected = [word for word, there in (("outline", review.geometry_px), (review.label, review.label)) if there]
    return {
        "uid": review.uid,
        "finding_uid": review.finding_uid,
        "decision": review.decision.value,
        "reviewer": review.reviewer,
        "at": review.at.isoformat(timespec="seconds"),
        "source": review.source,
        "corrected": ", ".join(str(word) for word in corrected),
        "label": review.label,
        "final_grade": review.final_grade,
        "note": review.note,
        "model": review.model,
        "external_ids": dict(review.external_ids),
    }


def _ordered(images: Sequence[Image], order: Sequence[str] | None) -> list[Image]:
    if order is None:
        return list(images)
    by_uid = {image.uid: image for image in images}
    return [by_uid[uid] for uid in dict.fromkeys(order) if uid in by_uid]


def _to_show(store: Store, image: Image, status: FindingStatus | None) -> list[Finding]:
    settled = status in SETTLED
    findings = store.findings_of_image(image.uid)
    return [finding for finding in findings if settled or finding.status not in SETTLED]


def _by_finding(reviews: Sequence[Review]) -> dict[str, list[Review]]:
    found: dict[str, list[Review]] = {}
    for review in reviews:
        found.setdefault(review.finding_uid, []).append(review)
    return found


def _item(finding: Finding, reviews: Sequence[Review]) -> ReviewItem:
    now = standing(finding, reviews)
    return ReviewItem(
        finding_uid=finding.uid,
        label=now.label,
        outline_px=now.outline_px,
        score=round(finding.score, 4),
        status=now.decision.value,
        model=f"{finding.provenance.model}@{finding.provenance.model_version}",
        final_grade=now.final_grade or "",
        note="" if now.latest is None else now.latest.note,
    )


def _is_turned(image: Image) -> bool:
    return any(note.startswith("EXIF orientation") for note in image.notes)


def _placed(image: Image, name: str, kind: ReviewFormat, pictures: Pictures, out: Path) -> str:
    """Bring a picture to its place and return its name in the file."""
    source = Path(image.path)
    if pictures is Pictures.PATHS:
        return name if kind is ReviewFormat.CVAT else str(source)
    if _is_turned(image) and pictures is Pictures.COPY:
        name = f"{PurePosixPath(name).stem}.png"  # without the camera's note, pixels as stored
    target = out.parent / "images" / name
    if not source.is_file():
        raise InputError(f"{source} is no longer at its place; put it back, or move the image in the survey")
    if pictures is Pictures.LINK:
        _link(source, target)
    elif not (target.is_file() and target.stat().st_size == source.stat().st_size):
        _copy(source, target, turned=_is_turned(image))
    return name


def _link(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.symlink_to(source)
    except OSError as error:
        raise OutputError(
            f"{target}: no link could be made ({error.strerror or error}); use --images copy, or another place"
        ) from error


def _copy(source: Path, target: Path, *, turned: bool) -> None:
    with whole_file(target) as partial:
        if not turned:
            shutil.copyfile(source, partial)
            return
        from PIL import Image as Pillow

        from imagery.decode import decode_rgb

        pixels = decode_rgb(source)
        if pixels is None:
            raise InputError(f"{source}: no plain photograph; export it with --images paths")
        Pillow.fromarray(pixels).save(partial, format="PNG")


def _write(task: ReviewTask, kind: ReviewFormat, out: Path) -> tuple[Path, ...]:
    if kind is ReviewFormat.LABELSTUDIO:  # a URL that Label Studio serves from its document root, or a path as it is
        pictures = tuple(
            picture
            if picture.file_name.startswith("/")
            else replace(picture, file_name=f"/data/local-files/?d=images/{picture.file_name}")
            for picture in task.pictures
        )
        task = replace(task, pictures=pictures)
    write_text(out, write(task, kind))
    beside = setup_file(task, kind)
    if beside is None:
        return (out,)
    path = out.with_name(out.stem + beside[0])
    write_text(path, beside[1])
    return (out, path)


def _survey_of(store: Store, task: ReviewTask) -> str:
    names = {survey.name for survey in store.surveys()}
    if task.survey in names:
        return task.survey
    by_uid = {survey.uid: survey.name for survey in store.surveys()}
    for picture in task.pictures:
        if picture.image_uid:
            return by_uid[store.image(picture.image_uid).survey_uid]
        for item in picture.items:
            if item.finding_uid:
                return by_uid[store.finding(item.finding_uid)[0].survey_uid]
    raise RecordError("the file does not tell its survey; name it with --survey")


def _known(store: Store, images: Sequence[Image], pictures: Mapping[str, ReviewPicture]) -> Known:
    findings: list[Finding] = []
    active: set[str] = set()
    complete: set[str] = set()
    reviews: list[Review] = []
    for uid in pictures:
        findings += store.findings_of_image(uid, inactive=True)
        active.update(finding.uid for finding in store.findings_of_image(uid))
        reviews += store.reviews(image_uid=uid)
        looked = store.picture_reviews(image_uid=uid)
        if looked and looked[-1].complete:
            complete.add(uid)
    by_uid = {image.uid: image for image in images}
    return Known(by_uid, findings, frozenset(active), _by_finding(reviews), frozenset(complete))
