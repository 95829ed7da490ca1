"""From reviews in the store to the next version of a data set: what people confirmed, mended, drew and rejected.

What a mask says of a pixel, class by class:

- inside a confirmed outline, as corrected: the damage is there;
- inside a rejected outline, or one that is of another class: a model said so and was wrong (a hard negative);
- within `MARGIN_PX` of these: not there, except inside outlines that are still open;
- on a picture that a person marked as complete, with no finding open: not there wherever nothing is marked;
- everywhere else, and inside findings left open, to be looked at closely or called duplicates: nobody knows.

A model's outline of a crack has its holes filled. Deeper inside it than the crack was measured wide, nobody knows.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from findings.errors import ConfigError, OutputError
from findings.finding import Finding, FindingStatus
from findings.measure import by_name
from findings.review import Review, Standing, standing
from findings.store import Store
from findings.survey import Image, ImageKind
from imagery.digest import sha256_file
from imagery.masks import hidden
from imagery.reader import open_image
from imagery.types import Window
from inference.regions import LINEAR_DAMAGES
from models.card import ClassSpec
from training.datasets.reviewed import (
    ABSENT,
    MANIFEST,
    PRESENT,
    REJECTED,
    UNKNOWN,
    ReviewedItem,
    ReviewedManifest,
    Values,
    read_reviewed,
)
from training.datasets.sample import BoolArray
from training.disagreement import class_plane
from training.fingerprint import Fingerprints
from training.leakage import Member, find_leaks
from training.outlines import around, outline_mask

MARGIN_PX = 16
EDGE_PX = 1  # beyond a confirmed outline: where exactly damage ends, an outline does not say
_DEPTH = 1.5  # of the measured width, half of which lies on each side of the middle


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A reviewed picture: its findings with what holds for each.

    Attributes:
        group: structure, or survey where none is known.
        standings: of every finding, reviewed or not.
        complete: a person says that every damage is marked.
    """

    image: Image
    survey: str
    group: str
    standings: tuple[Standing, ...]
    complete: bool


@dataclass(slots=True)
class Built:
    """What a build made.

    Attributes:
        new: False if the version before holds the same and is used again.
        left_out: reason to number of pictures or findings.
    """

    root: Path
    manifest: ReviewedManifest
    new: bool
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def confirmed(self) -> int:
        """Findings that are there."""
        return sum(item.confirmed for item in self.manifest.items)

    @property
    def rejected(self) -> int:
        """Findings that are not."""
        return sum(item.rejected for item in self.manifest.items)


def reviewed_pictures(store: Store, surveys: Sequence[str] = ()) -> list[Reviewed]:
    """Return the photographs on which something was reviewed, by survey and age.

    Args:
        store: with the reviews.
        surveys: only these; () takes all.

    Raises:
        NotFound: no such survey.
    """
    chosen = [store.survey(name) for name in surveys] if surveys else store.surveys()
    found = []
    for survey in chosen:
        reviews: dict[str, list[Review]] = {}
        for review in store.reviews(survey=survey.name):
            reviews.setdefault(review.finding_uid, []).append(review)
        complete = {value.image_uid: value.complete for value in store.picture_reviews(survey=survey.name)}
        for image in store.images(survey.uid):
            if image.kind is not ImageKind.PHOTO:
                continue
            listed = {finding.uid for finding in store.findings_of_image(image.uid)}
            findings = [
                finding
                for finding in store.findings_of_image(image.uid, inactive=True)
                if finding.uid in listed or finding.uid in reviews
            ]
            whole = complete.get(image.uid, False)
            if whole or any(finding.uid in reviews for finding in findings):
                own = image.assignment.asset_uid if image.assignment is not None else None
                group = own or survey.asset_uid or f"survey {survey.name}"
                standings = tuple(standing(finding, reviews.get(finding.uid, ())) for finding in findings)
                found.append(Reviewed(image, survey.name, group, standings, whole))
    return found


def coded_masks(picture: Reviewed, classes: Sequence[ClassSpec]) -> dict[str, Values]:
    """Return the coded mask of each class that was reviewed on a picture, see the head of this module.

    Args:
        picture: with its findings.
        classes: of the model that is to be trained.
    """
    image = picture.image
    shape = (image.height_px, image.width_px)
    whole = _is_whole(picture)
    masks: dict[str, Values] = {}
    for plane, spec in enumerate(classes):
        values = np.full(shape, ABSENT if whole else UNKNOWN, np.uint8)
        touched = whole
        present: list[Standing] = []
        rejected: list[Standing] = []
        unsure: list[Standing] = []
        for one in picture.standings:
            said, now = class_plane(one.finding, classes), class_plane(one.finding, classes, one.label)
            if plane not in (said, now):
                continue
            if one.decision is FindingStatus.CONFIRMED:
                (present if now == plane else rejected).append(one)
            elif one.decision is FindingStatus.REJECTED:
                rejected.append(one)
            else:
                unsure.append(one)
            touched |= one.decision in (FindingStatus.CONFIRMED, FindingStatus.REJECTED)
        if touched:
            _paint(values, image, present, rejected, unsure)
            masks[spec.name] = values
    hide = _hidden(image)
    for values in masks.values() if hide is not None else ():
        values[hide] = UNKNOWN
    return masks


def _is_whole(picture: Reviewed) -> bool:
    return picture.complete and all(one.latest is not None for one in picture.standings)


def _is_open(one: Standing) -> bool:
    return one.decision not in (FindingStatus.CONFIRMED, FindingStatus.REJECTED)


def _paint(
    values: Values, image: Image, present: list[Standing], rejected: list[Standing], unsure: list[Standing]
) -> None:
    """Write a class's findings into its mask; the later step is the surer one."""
    for one in (*present, *rejected):
        for outline in (one.finding.geometry_px, one.outline_px):
            window = around(outline, image.width_px, image.height_px, MARGIN_PX)
            near = _grown(outline_mask(outline, window), MARGIN_PX)
            _cut(values, window)[near] = ABSENT
    for one in unsure:
        window = around(one.outline_px, image.width_px, image.height_px, EDGE_PX)
        _cut(values, window)[_grown(outline_mask(one.outline_px, window), EDGE_PX)] = UNKNOWN
    for one in rejected:
        window = around(one.finding.geometry_px, image.width_px, image.height_px)
        _cut(values, window)[outline_mask(one.finding.geometry_px, window)] = REJECTED
    for one in present:
        window = around(one.outline_px, image.width_px, image.height_px, EDGE_PX)
        inside = outline_mask(one.outline_px, window)
        part = _cut(values, window)
        part[_grown(inside, EDGE_PX) & ~inside & (part != PRESENT)] = UNKNOWN
        part[inside] = PRESENT
        part[_holes(one, inside)] = UNKNOWN


def _cut(values: Values, window: Window) -> Values:
    return values[window.row : window.row + window.height, window.col : window.col + window.width]


def _grown(mask: BoolArray, by_px: int) -> BoolArray:
    side = 2 * by_px + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask.view(np.uint8), kernel) > 0)


def _holes(one: Standing, inside: BoolArray) -> BoolArray:
    """Return the pixels of a model's outline of a crack that lie deeper in it than the crack is wide."""
    width_px = _width_px(one.finding)
    if one.corrected or one.finding.damage not in LINEAR_DAMAGES or width_px is None:
        return np.zeros_like(inside)
    padded = np.pad(inside.view(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.asarray(depth > max(_DEPTH * width_px / 2, 2.0) + 1.0)


def _width_px(finding: Finding) -> float | None:
    """Return a crack's measured width in pixels, its upper bound where the width is only bounded."""
    for measure in (by_name(finding.measures, name) for name in ("width_max", "width_p95")):
        if measure is None:
            continue
        value = measure.value if measure.value is not None else measure.high
        if value is not None and measure.unit == "px":
            return value
        if value is not None and measure.unit == "mm" and finding.scale.gsd_mm:
            return value / finding.scale.gsd_mm
    return None


def _hidden(image: Image) -> BoolArray | None:
    if image.mask_path is None:
        return None
    with open_image(Path(image.path), mask=Path(image.mask_path)) as reader:
        classes = reader.read_mask(Window(0, 0, image.width_px, image.height_px))
    return None if classes is None else np.asarray(hidden(classes))


def build(
    pictures: Sequence[Reviewed],
    folder: Path,
    *,
    based_on: str,
    classes: Sequence[ClassSpec],
    measured: Iterable[Member] = (),
) -> Built:
    """Write the next version of a data set, or return the last one if it holds the same.

    Args:
        pictures: reviewed ones.
        folder: of the data set; its versions are the folders 1, 2, 3 ... in it.
        based_on: NAME@VERSION of the model that is to be trained on.
        classes: of that model.
        measured: pictures that choose or measure; reviewed ones that are among them, or nearly so, are left out.

    Raises:
        ConfigError: nothing remains to train on.
        OutputError: the folder cannot be written; nothing of the version is there then.
    """
    left_out: Counter[str] = Counter()
    kept = _without_measured(_readable(pictures, left_out), measured, left_out)
    before = latest_version(folder)
    version = 1 if before is None else before.version + 1
    partial = folder / f".{version}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        items = [item for picture in kept if (item := _written(picture, partial, classes, left_out)) is not None]
        if not items:
            told = "; ".join(f"{reason}: {count}" for reason, count in left_out.items())
            raise ConfigError(
                f"no review to train {based_on} on ({told or 'nothing was reviewed'}): export findings by `mizuhashi "
                "reviews export`, decide, and import the file by `mizuhashi reviews import`"
            )
        manifest = ReviewedManifest(
            name=folder.name,
            version=version,
            parent=None if before is None else before.digest,
            based_on=based_on,
            surveys=tuple(sorted({picture.survey for picture in kept})),
            left_out=dict(left_out),
            items=tuple(items),
        )
        if before is not None and before.content_digest == manifest.content_digest:
            return Built(folder / str(before.version), before, new=False, left_out=left_out)
        (partial / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
        partial.rename(folder / str(version))
    except OSError as error:
        raise OutputError(
            f"{folder / str(version)}: could not be written ({error.strerror or error}); free space and train again"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Built(folder / str(version), manifest, new=True, left_out=left_out)


def latest_version(folder: Path) -> ReviewedManifest | None:
    """Return the manifest of a data set's highest version, or None."""
    numbers = [int(path.name) for path in folder.glob("*/") if path.name.isdigit()]
    return read_reviewed(folder / str(max(numbers))) if numbers else None


def _readable(pictures: Sequence[Reviewed], left_out: Counter[str]) -> list[Reviewed]:
    kept = []
    for picture in pictures:
        path = Path(picture.image.path)
        if not path.is_file():
            left_out["pictures that are no longer at their place"] += 1
        elif sha256_file(path) != picture.image.sha256:
            left_out["pictures that were changed since their ingest"] += 1
        else:
            kept.append(picture)
    return kept


def _without_measured(
    pictures: Sequence[Reviewed], measured: Iterable[Member], left_out: Counter[str]
) -> list[Reviewed]:
    """Return the pictures that neither choose nor measure: the frozen test never gets into training."""
    prints = Fingerprints()
    members = [
        Member("reviewed", picture.image.uid, "reviews", picture.image.uid, prints.picture(Path(picture.image.path)))
        for picture in pictures
    ]
    leaking = {leak.one.name for leak in find_leaks([*members, *measured])}
    left_out["pictures that are, or nearly are, among those that choose or measure"] += len(leaking)
    if not leaking:
        del left_out["pictures that are, or nearly are, among those that choose or measure"]
    return [picture for picture in pictures if picture.image.uid not in leaking]


def _written(
    picture: Reviewed, partial: Path, classes: Sequence[ClassSpec], left_out: Counter[str]
) -> ReviewedItem | None:
    unknown = [one for one in picture.standings if class_plane(one.finding, classes, one.label) is None]
    decided = [one for one in picture.standings if not _is_open(one)]
    if others := sum(one in unknown for one in decided):
        left_out["findings of classes that the model does not tell"] += others
    masks = coded_masks(picture, classes)
    if not masks:
        left_out["pictures on which nothing was decided for the model's classes"] += 1
        return None
    files: dict[str, tuple[str, str]] = {}
    for name, values in masks.items():
        path = partial / "masks" / picture.image.uid / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        done, data = cv2.imencode(".png", values)
        if not done:  # pragma: no cover
            raise OutputError(f"{path}: OpenCV could not encode the mask")
        path.write_bytes(data.tobytes())
        files[name] = (path.relative_to(partial).as_posix(), sha256_file(path))
    status = Counter(one.decision for one in decided if one not in unknown)
    return ReviewedItem(
        name=picture.image.uid,
        group=picture.group,
        image=str(Path(picture.image.path).absolute()),
        image_sha256=picture.image.sha256,
        width_px=picture.image.width_px,
        height_px=picture.image.height_px,
        masks=files,
        confirmed=status[FindingStatus.CONFIRMED],
        rejected=status[FindingStatus.REJECTED],
        complete=_is_whole(picture),
        decisions={one.finding.uid: one.decision.value for one in picture.standings},
    )
