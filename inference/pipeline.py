"""The inspection of a survey: every picture through the models that fit it, into the store, ranked.

A picture that fails is recorded with its reason and the rest goes on. Each picture and model is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from findings.asset import Asset, Structure
from findings.errors import GradingError, InputError, MizuhashiError, NotAssessable, StoreError, UnreadableImage
from findings.finding import Finding
from findings.profile import DEFAULT, load_profile
from findings.store import ModelRun, Store
from findings.store.rank import rank_all
from findings.survey import Image, ImageKind, ImageStatus, Survey
from imagery.digest import sha256_file
from imagery.reader import ImageReader, open_image
from imagery.stream import PixelSource
from inference.engine import BATCH, OVERLAP_PX, WINDOW_PX, answered_by, score_picture
from inference.evidence import photo_evidence, scene_evidence
from inference.judgement import CODE_VERSION, Place, judge
from inference.merge import merge_survey
from inference.outcome import Report, Stopwatch
from inference.photographs import find_places, load_picture
from inference.reviewed import known_findings, without_parts
from inference.river.surfaces import best_water, water_class
from inference.scenes import Scene, change_places, scene_places, stacks
from models.base import PixelModel
from models.registry import Registry

Progress = Callable[[str, int, int], None]
ONE_PICTURE = (InputError, NotAssessable, GradingError, StoreError)  # these end one picture; all others end the run


@dataclass(slots=True)
class _Run:
    """What one inspection carries along."""

    store: Store
    survey: Survey
    home: Path
    device: torch.device
    profile: str
    named: bool
    watch: Stopwatch = field(default_factory=Stopwatch)
    failures: list[tuple[str, str]] = field(default_factory=list)
    not_assessed: list[tuple[str, str]] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)
    inspected: int = 0
    new: int = 0
    assets: dict[str, Asset] = field(default_factory=dict)

    def asset_of(self, image: Image) -> Asset | None:
        """Return the asset that a picture shows: its own, as assigned, else that of the survey."""
        own = image.assignment.asset_uid if image.assignment is not None else None
        uid = own or self.survey.asset_uid
        if uid is not None and uid not in self.assets:
            self.assets[uid] = self.store.asset(uid)
        return self.assets[uid] if uid is not None else None


def inspect_survey(
    store: Store,
    survey_name: str,
    *,
    registry: Registry,
    model_refs: Sequence[str] = (),
    device: torch.device,
    home: Path,
    progress: Progress = lambda _name, _done, _total: None,
    profile: str = DEFAULT,
    today: date | None = None,
) -> Report:
    """Inspect every picture of a survey and rank all findings of the store anew.

    Args:
        store: at head.
        survey_name: an existing survey.
        registry: where models come from.
        model_refs: ``NAME[@VERSION]``; none means the champions that fit the kind of each picture.
        device: where networks run.
        home: evidence pictures are written below ``home/evidence``.
        progress: called with file name, pictures done and pictures in all.
        profile: name or path of the priority profile; refused before anything is inspected.
        today: for deadlines; see `rank_all`.

    Raises:
        NotFound: no such survey.
        UnknownModel: no such model.
        StandardError: no such profile, or one that is refused.
    """
    load_profile(profile)
    survey = store.survey(survey_name)
    run = _Run(store, survey, home, device, profile, bool(model_refs))
    images = store.images(survey.uid)
    models = _models(registry, model_refs, {image.kind for image in images}, device)
    scenes: list[Scene] = []
    for done, image in enumerate(images):
        progress(Path(image.path).name, done, len(images))
        scenes += _inspect_image(run, image, models)
    _finish_scenes(run, scenes)
    progress("", len(images), len(images))
    with run.watch.stage("merge"):
        run.remarks += [(survey_name, words) for words in merge_survey(store, survey).words]
    with run.watch.stage("rank"):
        total = rank_all(store, survey_name, profile, today)
    return Report(
        survey=survey_name,
        models=tuple(f"{m.card.name}@{m.card.version}" for m in models),
        images_ok=run.inspected,
        findings_new=run.new,
        findings_total=total,
        failures=tuple(run.failures),
        not_assessed=tuple(run.not_assessed),
        seconds=dict(run.watch.seconds),
        remarks=tuple(run.remarks),
    )


def _models(
    registry: Registry, refs: Sequence[str], kinds: set[ImageKind], device: torch.device
) -> tuple[PixelModel, ...]:
    wanted = list(refs) or [entry.ref for kind in sorted(kinds) for entry in registry.champions(kind.value)]
    return tuple(registry.load(ref, device) for ref in dict.fromkeys(wanted))


def _inspect_image(run: _Run, image: Image, models: Sequence[PixelModel]) -> list[Scene]:
    """Inspect one picture by every model that fits; return the scenes among its results, for the stacks."""
    try:
        if not image.quality.assessable:
            raise NotAssessable("; ".join(image.quality.reasons))
        fitting = _fitting(run, image, models)
        _check_file(image)
        with open_image(Path(image.path), bands=_bands_to_name(image), mask=_mask_of(image)) as reader:
            found = _photograph if image.kind is ImageKind.PHOTO else _scene
            scenes = found(run, image, reader, fitting)
    except ONE_PICTURE as error:
        _set_aside(run, image, error)
        return []
    run.inspected += 1
    return scenes


def _set_aside(run: _Run, image: Image, error: MizuhashiError) -> None:
    """Record why a picture has no answer; a store that cannot even take this ends the run."""
    judged = isinstance(error, NotAssessable)
    (run.not_assessed if judged else run.failures).append((Path(image.path).name, str(error)))
    status = ImageStatus.NOT_ASSESSED if judged else ImageStatus.FAILED
    run.store.record_image(replace(image, status=status, reason=str(error)), None, ())


def _fitting(run: _Run, image: Image, models: Sequence[PixelModel]) -> list[PixelModel]:
    """Return the models for this kind of picture, its scale and the meaning of its values.

    A model that was named runs on any scale and radiometry, with a remark.

    Raises:
        NotAssessable: none fits.
    """
    fitting = [model for model in models if model.card.image_kind == image.kind.value]
    if not fitting:
        raise NotAssessable(f"no model for a {image.kind.value} was given or is champion")
    beyond = {id(model): reason for model in fitting if (reason := _misfit(image, model)) is not None}
    if run.named:
        run.remarks += [(Path(image.path).name, reason) for reason in beyond.values()]
        return fitting
    if len(beyond) == len(fitting):
        raise NotAssessable("; ".join(beyond.values()))
    return _one_water([model for model in fitting if id(model) not in beyond])


def _one_water(models: list[PixelModel]) -> list[PixelModel]:
    """Return the models without those that tell water beside the one that tells the most surfaces.

    Two of them would list each bar and each bank twice.
    """
    best = best_water([model.card for model in models])
    return [m for i, m in enumerate(models) if i == best or water_class(m.card.classes) is None]


def _misfit(image: Image, model: PixelModel) -> str | None:
    """Return why a model was not made for such a picture, or None."""
    return "; ".join(filter(None, (_scale_reason(image, model), _radiometry_reason(image, model)))) or None


def _radiometry_reason(image: Image, model: PixelModel) -> str | None:
    """Return why a scene's values are not what a model's card accepts, or None; photographs are not asked."""
    card = model.card
    if image.kind is not ImageKind.SCENE or image.radiometry in card.radiometry:
        return None
    accepted = ", ".join(what.value for what in card.radiometry)
    return f"its values are {image.radiometry.value}, {card.name}@{card.version} accepts {accepted}"


def _scale_reason(image: Image, model: PixelModel) -> str | None:
    """Return why a picture's scale is not one that a model was made for, or None; an unknown scale is no reason."""
    card, gsd_mm = model.card, image.scale.gsd_mm
    low, high = card.gsd_range_mm
    if gsd_mm is None or low <= gsd_mm <= high:
        return None
    return f"{gsd_mm:.3g} mm/px is outside the {low:g} to {high:g} mm/px that {card.name}@{card.version} was made for"


def _photograph(run: _Run, image: Image, reader: ImageReader, models: Sequence[PixelModel]) -> list[Scene]:
    with run.watch.stage("read"):
        picture = load_picture(reader)
    answers = answered_by([model.card for model in models])
    asset = run.asset_of(image)
    structure = asset.structure if asset is not None else Structure.UNKNOWN
    for model, left_out in zip(models, answers, strict=True):
        started = datetime.now(UTC)
        scores = _scores(run, picture.source, model)
        with run.watch.stage("measure"):
            places = find_places(image, picture, scores, model.card, left_out, structure)
        findings = _judge(run, image, model, places)
        with run.watch.stage("evidence"):
            findings = [photo_evidence(run.home, picture.rgb, finding, mask=picture.mask) for finding in findings]
        _record(run, image, model, findings, started)
    return []


def _scene(run: _Run, image: Image, reader: ImageReader, models: Sequence[PixelModel]) -> list[Scene]:
    scenes = []
    for model in models:
        started = datetime.now(UTC)
        scores = _scores(run, reader, model)
        with run.watch.stage("measure"):
            scenes.append(Scene.load(image, reader, model, scores, started))
    return scenes


def _finish_scenes(run: _Run, scenes: Sequence[Scene]) -> None:
    """Judge and record scenes, one stack of dates after the other; a stack that fails does not stop the next."""
    for stack in stacks(scenes):
        try:
            _finish_stack(run, stack)
        except ONE_PICTURE as error:
            run.inspected -= 1
            _set_aside(run, stack[-1].image, error)


def _finish_stack(run: _Run, stack: Sequence[Scene]) -> None:
    """Record a stack: the latest scene shows the river as it is now and what changed since the first.

    Bars of the earlier dates are history, not findings: they went into the comparison.
    """
    latest = stack[-1]
    with run.watch.stage("measure"):
        changed, remarks = change_places(stack)
        places, more = scene_places(latest)
    run.remarks += [(Path(latest.image.path).name, remark) for remark in (*remarks, *more)]
    for scene in stack[:-1]:
        _record(run, scene.image, scene.model, (), scene.started)
    findings = _judge(run, latest.image, latest.model, [*places, *changed])
    with run.watch.stage("evidence"):
        findings = [scene_evidence(run.home, latest, finding, before=stack[0]) for finding in findings]
    _record(run, latest.image, latest.model, findings, latest.started)


def _scores(run: _Run, reader: PixelSource, model: PixelModel) -> NDArray[np.float32]:
    with run.watch.stage("network"):
        return score_picture(model, reader, run.device)


def _judge(run: _Run, image: Image, model: PixelModel, places: Sequence[Place]) -> list[Finding]:
    stored = run.store.findings_of_image(image.uid, inactive=True)
    known = known_findings(stored, model.card.name, run.store.reviews(image_uid=image.uid))
    places, parts = without_parts(places, known)
    if parts:
        note = f"{parts} places of {model.card.name} are parts of findings that people decided about; not listed again"
        run.remarks.append((Path(image.path).name, note))
    return judge(image, run.asset_of(image), model, places, known, _parameters())


def _record(run: _Run, image: Image, model: PixelModel, findings: Sequence[Finding], started: datetime) -> None:
    card = model.card
    with run.watch.stage("store"):
        done = ModelRun(
            model=card.name,
            model_version=card.version,
            weights_sha256=model.weights_sha256,
            code_version=CODE_VERSION,
            started_at=started,
            finished_at=datetime.now(UTC),
            device=run.device.type,
            parameters=_parameters(),
        )
        inspected = replace(image, status=ImageStatus.INSPECTED, reason=None)
        counts = run.store.record_image(inspected, done, findings)
    run.new += counts.added


def _parameters() -> dict[str, Any]:
    return {"window_px": WINDOW_PX, "overlap_px": OVERLAP_PX, "batch": BATCH}


def _check_file(image: Image) -> None:
    path = Path(image.path)
    if not path.is_file():
        raise UnreadableImage(f"{path.name} is no longer at its place; put it back, or ingest it anew")
    if sha256_file(path) != image.sha256:
        raise UnreadableImage(f"{path.name} has changed since it was ingested; ingest it under a new survey name")


def _mask_of(image: Image) -> Path | None:
    return Path(image.mask_path) if image.mask_path is not None else None


def _bands_to_name(image: Image) -> tuple[str, ...] | None:
    """Return band names to impose on the file: those given or read at ingest, for scenes."""
    return image.band_names if image.kind is ImageKind.SCENE else None
