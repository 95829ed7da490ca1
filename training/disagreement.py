"""What to review first: the findings about which two models, or turned views of one, disagree most.

Query by committee (Seung, Opper and Sompolinsky 1992, COLT, pp. 287-294): what a committee disagrees about teaches
most. The committee is the champion and a second model; with one model alone it is its own mirrored and turned views
(consistency as in Gal et al. 2017 and Gao et al. 2020, simplified to the mean absolute difference). Disagreement of a
finding is the mean over its outline of ``|p_a - p_b|``; places that only one of the models calls damage count as well.
Ties go to the score that lies nearest to the threshold (uncertainty sampling, Lewis and Gale 1994).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from findings.errors import InputError, UnknownModel
from findings.finding import Finding, FindingStatus
from findings.identity import MATCH_OVERLAP, overlap
from findings.labels import label_named, label_of
from findings.store import Store
from findings.survey import Image, ImageKind
from imagery.decode import DecodedPhoto
from imagery.masks import hidden
from imagery.reader import open_image
from inference.engine import ArraySink, infer
from inference.photographs import Picture, load_picture
from inference.regions import regions
from models.base import PixelModel
from models.card import ClassSpec, ModelCard
from models.registry import Registry
from training.datasets.sample import FloatArray
from training.outlines import around, outline_mask

CHALLENGER = "challenger"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Queued:
    """One place to review.

    Attributes:
        finding_uid: None: only the second model calls it damage, and the record does not have it.
        disagreement: mean absolute difference of the probabilities inside the outline, 0..1.
        score: mean probability of the first model inside the outline.
        margin: how far that is from the threshold.
    """

    image_uid: str
    picture: str
    finding_uid: str | None
    label: str
    disagreement: float
    score: float
    margin: float
    reason: str

    def cells(self) -> tuple[object, ...]:
        """Return picture, what, disagreement, score, why, finding for a table."""
        uid = "not recorded" if self.finding_uid is None else self.finding_uid[:12]
        return (self.picture, self.label, f"{self.disagreement:.2f}", f"{self.score:.2f}", self.reason, uid)

    def record(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "image_uid": self.image_uid,
            "picture": self.picture,
            "finding_uid": self.finding_uid,
            "label": self.label,
            "disagreement": round(self.disagreement, 4),
            "score": round(self.score, 4),
            "reason": self.reason,
        }


def queue(
    store: Store,
    survey: str,
    registry: Registry,
    *,
    device: torch.device,
    against: str | None = None,
    progress: Progress = lambda what, done, total: None,
) -> list[Queued]:
    """Return the open findings of a survey's photographs, the least certain first.

    Raises:
        NotFound: no such survey.
        UnknownModel: no such model, or none reads photographs.
        InputError: the second model tells no class that the first one tells.
    """
    images = [image for image in store.images(store.survey(survey).uid) if image.kind is ImageKind.PHOTO]
    models: dict[str, Committee] = {}
    found: list[Queued] = []
    for done, image in enumerate(images):
        progress(Path(image.path).name, done, len(images))
        findings = _open(store, image)
        names = {finding.provenance.model for finding in findings}
        for name in sorted(names):
            if name not in models:
                models[name] = Committee.of(registry, name, against, device)
            found += _of_picture(models[name], image, [f for f in findings if f.provenance.model == name], findings)
    progress("", len(images), len(images))
    return sorted(found, key=lambda row: (-round(row.disagreement, 3), row.margin, row.picture, row.finding_uid or ""))


@dataclass(frozen=True, slots=True)
class Committee:
    """Two opinions about the same pixels: two models, or one model and its turned views."""

    first: PixelModel
    second: PixelModel | None
    device: torch.device

    @classmethod
    def of(cls, registry: Registry, name: str, against: str | None, device: torch.device) -> Committee:
        """Return the committee for a model's findings: its champion and ``against``, else the challenger, else views.

        Raises:
            UnknownModel: no such model.
            InputError: they have no class in common, or read other bands.
        """
        first = registry.load(name, device)
        ref = against
        if ref is None:
            try:
                ref = registry.resolve(f"{name}@{CHALLENGER}").ref
            except UnknownModel:  # nobody stands against the champion
                ref = None
        if ref is None or registry.resolve(ref).ref == _ref(first.card):
            return cls(first, None, device)
        second = registry.load(ref, device)
        if not {c.name for c in first.card.classes} & {c.name for c in second.card.classes}:
            raise InputError(
                f"{_ref(second.card)} tells {', '.join(c.name for c in second.card.classes)} and {_ref(first.card)} "
                f"{', '.join(c.name for c in first.card.classes)}: no class in common; name another with --against"
            )
        return cls(first, second, device)

    def opinions(self, picture: Picture) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return both opinions and their mean absolute difference, ``(K, H, W)`` in the classes of the first model.

        Classes that the second model does not tell are NaN in its opinion and in the difference.
        """
        plain = _scores(self.first, picture, self.device)
        if self.second is not None:
            theirs = _scores(self.second, picture, self.device)
            names = [c.name for c in self.second.card.classes]
            other = np.full_like(plain, np.nan)
            for plane, spec in enumerate(self.first.card.classes):
                if spec.name in names:
                    other[plane] = theirs[names.index(spec.name)]
            return plain, other, np.abs(plain - other)
        views = [_turned_scores(self.first, picture, self.device, axes) for axes in ((0,), (1,), (0, 1))]
        difference = np.mean([np.abs(view - plain) for view in views], axis=0)
        return plain, np.mean(views, axis=0), np.asarray(difference, np.float32)


def _open(store: Store, image: Image) -> list[Finding]:
    findings = store.findings_of_image(image.uid)
    reviewed = {review.finding_uid for review in store.reviews(image_uid=image.uid)}
    return [f for f in findings if f.status is FindingStatus.CANDIDATE and f.uid not in reviewed]


def _of_picture(
    committee: Committee, image: Image, findings: Sequence[Finding], every: Sequence[Finding]
) -> list[Queued]:
    with open_image(Path(image.path), mask=None if image.mask_path is None else Path(image.mask_path)) as reader:
        picture = load_picture(reader)
    first, second, difference = committee.opinions(picture)
    rows = []
    for finding in findings:
        plane = class_plane(finding, committee.first.card.classes)
        if plane is not None:
            rows.append(_row(committee, image, finding, plane, first[plane], second[plane], difference[plane]))
    if committee.second is not None:
        rows += _only_second(committee, image, every, first, second, difference)
    return rows


def class_plane(finding: Finding, classes: Sequence[ClassSpec], label: str | None = None) -> int | None:
    """Return which class of a model a finding, or a label, belongs to; None if the model does not tell it."""
    wanted = label_of(finding.damage, finding.details) if label is None else label_named(label)
    by_name = [n for n, spec in enumerate(classes) if spec.name == wanted.name]
    by_damage = [n for n, spec in enumerate(classes) if spec.damage == wanted.damage and spec.facts == wanted.facts]
    return next(iter(by_name or by_damage), None)


def _row(
    committee: Committee,
    image: Image,
    finding: Finding,
    plane: int,
    first: FloatArray,
    second: FloatArray,
    difference: FloatArray,
) -> Queued:
    spec = committee.first.card.classes[plane]
    outline = finding.geometry_px
    window = around(outline, image.width_px, image.height_px)
    inside = outline_mask(outline, window)
    cut = (slice(window.row, window.row + window.height), slice(window.col, window.col + window.width))
    score, other, apart = (_mean(values[cut], inside) for values in (first, second, difference))
    return Queued(
        image_uid=image.uid,
        picture=Path(image.path).name,
        finding_uid=finding.uid,
        label=spec.name,
        disagreement=apart,
        score=score,
        margin=abs(score - spec.threshold),
        reason=_reason(committee, spec, score, other),
    )


def _reason(committee: Committee, spec: ClassSpec, score: float, other: float) -> str:
    if committee.second is None:
        return f"turned views say {other:.2f}"
    ref = _ref(committee.second.card)
    theirs = next((c for c in committee.second.card.classes if c.name == spec.name), None)
    if theirs is None:
        return f"{ref} does not tell {spec.name}"
    return f"{ref} says {other:.2f}" if other >= theirs.threshold else f"{ref} does not see it ({other:.2f})"


def _only_second(
    committee: Committee,
    image: Image,
    every: Sequence[Finding],
    first: FloatArray,
    second: FloatArray,
    difference: FloatArray,
) -> list[Queued]:
    if committee.second is None:
        return []
    rows = []
    for plane, spec in enumerate(committee.first.card.classes):
        theirs = next((c for c in committee.second.card.classes if c.name == spec.name), None)
        if theirs is None:
            continue
        for region in regions(second[plane], theirs):
            outline = region.polygon_px
            if any(overlap(outline, f.geometry_px) >= MATCH_OVERLAP for f in every if f.damage == spec.damage):
                continue
            box = region.bbox
            cut = (slice(box.row, box.row + box.height), slice(box.col, box.col + box.width))
            score = _mean(first[plane][cut], region.mask)
            rows.append(
                Queued(
                    image_uid=image.uid,
                    picture=Path(image.path).name,
                    finding_uid=None,
                    label=spec.name,
                    disagreement=_mean(difference[plane][cut], region.mask),
                    score=score,
                    margin=abs(score - spec.threshold),
                    reason=f"only {_ref(committee.second.card)} sees it ({region.score:.2f})",
                )
            )
    return rows


def _mean(values: FloatArray, inside: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    seen = values[inside & np.isfinite(values)]
    return float(seen.mean()) if seen.size else 0.0


def _scores(model: PixelModel, picture: Picture, device: torch.device) -> FloatArray:
    sink = ArraySink(len(model.card.classes), picture.source.height_px, picture.source.width_px)
    infer(model, picture.source, sink, device=device)
    return np.asarray(sink.scores, np.float32)


def _turned_scores(model: PixelModel, picture: Picture, device: torch.device, axes: tuple[int, ...]) -> FloatArray:
    unseen = None if picture.mask is None else np.ascontiguousarray(np.flip(hidden(picture.mask), axes))
    view = DecodedPhoto(np.ascontiguousarray(np.flip(picture.rgb, axes)), unseen)
    sink = ArraySink(len(model.card.classes), view.height_px, view.width_px)
    infer(model, view, sink, device=device)
    return np.asarray(np.flip(sink.scores, tuple(axis + 1 for axis in axes)), np.float32)


def _ref(card: ModelCard) -> str:
    return f"{card.name}@{card.version}"
