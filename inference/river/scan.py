"""The scan of a reach: its scenes through the model, onto its transects, into monitors, zones and findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from findings.asset import Asset, AssetKind
from findings.errors import InputError, NotAssessable
from findings.finding import Finding
from findings.river_context import CROSSINGS
from findings.river_series import Floats, Observation, ReachFrame
from findings.store import ReachRecord, SceneObservation, Store
from findings.survey import Image, ImageKind
from inference.river.crossing import river_contexts
from inference.river.events import Event, scene_measures, turbidity_events, turbidity_season
from inference.river.frame import LineSource, asset_line, grid_of, make_reach_frame, metric_crs
from inference.river.grid import Grid
from inference.river.look import SceneView, look
from inference.river.monitor import Baseline, Covariate
from inference.river.objects import Bar, KnownBar, bars_of, follow
from inference.river.observe import assessed, observe
from inference.river.outcome import Site, record_findings
from inference.river.series import Series, Settings, moments
from models.base import PixelModel

Progress = Callable[[str, int, int], None]
FRAME_SCENES = 7
"""Scenes whose median water gives the line of the transects."""
SAME_PASS_S = 600
"""Scenes of one reach within so many seconds are one pass: two products or two tiles of one date."""
BESIDE_M = 1000.0
"""Read so far to either side of the asset's line."""
TREND_SCENES = 200
"""An update reads at most so many observations for trends, however long the series is."""


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What a scan is asked to do.

    Attributes:
        settings: of the series.
        since, until: only scenes between them.
        line: where the transects' line comes from.
        covariate: water level or rain.
        anew: throw an earlier frame away.
    """

    settings: Settings
    since: datetime | None = None
    until: datetime | None = None
    line: LineSource = "water"
    covariate: Covariate | None = None
    anew: bool = False


@dataclass(slots=True)
class Outcome:
    """What a scan or an update did.

    Attributes:
        frame: of the reach.
        observed: by this run, oldest first.
        series: as it is now.
        findings: of the reach as it is now, active.
        left_out: name of a scene that is not part of the series, and why.
        not_assessed: name of a scene that is part of it and shows too little, and how much.
        events: scenes that stand out of their season for once, as turbid water.
        bars: of the reach through the dates.
    """

    frame: ReachFrame
    observed: list[Observation]
    series: Series
    findings: list[Finding] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    not_assessed: list[tuple[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    bars: list[KnownBar] = field(default_factory=list)


def scan_reach(
    store: Store,
    asset: Asset,
    model: PixelModel,
    device: torch.device,
    home: Path,
    options: ScanOptions,
    progress: Progress = lambda _name, _done, _total: None,
) -> Outcome:
    """Scan every scene of a reach and write its series and findings.

    A reach that was scanned before keeps its transects, unless the options say otherwise or the spacing is another.

    Args:
        store: at head.
        asset: a river reach.
        model: that tells water.
        device: where it runs.
        home: evidence is written below it.
        options: what to do.
        progress: called with a scene's name, scenes done and scenes in all.

    Raises:
        InputError: the asset is no reach, or has no scene in that time.
        NotAssessable: no scene shows a river that is wide enough.
    """
    images = scenes_of(store, asset, options.since, options.until)
    run = _Run(asset, model, device, images, progress)
    frame = None if options.anew else kept_frame(store, asset, options.settings)
    if frame is None:
        run.first_views()
        frame = make_reach_frame(asset, run.crs, run.views, spacing_m=options.settings.spacing_m, source=options.line)
    observed = run.observe_all(frame)
    if not observed:
        raise NotAssessable(f"no scene shows {asset.uid}: " + "; ".join(f"{n}: {why}" for n, why in run.left_out[:3]))
    covariate = [None] * len(observed) if options.covariate is None else options.covariate.at(moments(observed))
    series = Series.learn(observed, options.settings, covariate)
    outcome = Outcome(frame, observed, series, left_out=run.left_out, not_assessed=run.not_assessed)
    ref = f"{model.card.name}@{model.card.version}"
    until = series.reports().history_until
    history = [one for one in observed if until is not None and one.captured_at <= until]
    season = turbidity_season(history)
    outcome.events = turbidity_events(season, observed[len(history) :])
    for one in observed:
        outcome.bars = follow(outcome.bars, run.bars[one.image_uid], one.captured_at)
    state = _state(store, observed, outcome, season)
    record = ReachRecord(frame, options.settings.to_json(), state)
    store.put_river(record, [SceneObservation(ref, one) for one in observed], at=datetime.now(UTC), anew=True)
    site = Site(asset, frame, season, model, device, home)
    outcome.findings = record_findings(store, site, observed, series, options.settings)
    return outcome


def update_reach(
    store: Store,
    asset: Asset,
    image: Image,
    model: PixelModel,
    device: torch.device,
    home: Path,
    covariate: Covariate | None = None,
) -> Outcome:
    """Take one new scene into the series of a reach; only that scene is read, whatever came before.

    Raises:
        NotFound: the reach was never scanned.
        InputError: the scene is not later than the last one, has no date, or the model is another.
        NotAssessable: the scene does not show the reach.
    """
    kept = store.river(asset.uid)
    settings = Settings.from_json(kept.settings)
    ref = f"{model.card.name}@{model.card.version}"
    if ref != settings.model:
        raise InputError(
            f"the series of {asset.uid} was seen by {settings.model}, not by {ref}: two models draw two water lines; "
            f"take --model {settings.model}, or scan the reach anew"
        )
    series = Series.from_json(kept.state["series"])
    view = look(image, model, device, around=frame_corners(kept.frame), crs=kept.frame.crs)
    observation = observe_view(asset, kept.frame, view)
    reading = None if covariate is None else covariate.at(moments([observation]))[0]
    series.update(observation, reading)
    earlier = [one.observation for one in store.river_observations(asset.uid, latest=TREND_SCENES)]
    observed = [*earlier, observation][-TREND_SCENES:]
    row = kept.state.get("turbidity")
    season = None if row is None else Baseline.from_json(row)
    outcome = Outcome(kept.frame, [observation], series)
    bars = bars_of(kept.frame, grid_of(view), view.surfaces, observation)
    known = [KnownBar.from_json(row) for row in kept.state.get("bars", ())]
    outcome.bars = follow(known, bars, observation.captured_at)
    record = ReachRecord(kept.frame, kept.settings, _state(store, observed, outcome, season))
    store.put_river(record, [SceneObservation(ref, observation)], at=datetime.now(UTC))
    seen = assessed(observation)
    if seen.ok == 0:
        outcome.not_assessed.append((Path(image.path).name, seen.words))
    outcome.events = turbidity_events(season, [observation])
    site = Site(asset, kept.frame, season, model, device, home)
    outcome.findings = record_findings(store, site, observed, series, settings)
    return outcome


def _state(store: Store, observed: Sequence[Observation], outcome: Outcome, season: Baseline | None) -> dict[str, Any]:
    """Return what is kept of a reach: monitors, bars, the season of its turbidity, the river near each bridge."""
    frame = outcome.frame
    contexts = river_contexts(store.crossings(river_uid=frame.asset_uid), frame, observed)
    return {
        "series": outcome.series.to_json(),
        "bars": [bar.to_json() for bar in outcome.bars],
        "turbidity": None if season is None else season.to_json(),
        CROSSINGS: [context.to_json() for context in contexts],
    }


def scenes_of(store: Store, asset: Asset, since: datetime | None = None, until: datetime | None = None) -> list[Image]:
    """Return the scenes of a reach in order of time, those without a date last.

    Raises:
        InputError: the asset is no river reach, or no scene is of it, or none lies in that time.
    """
    if asset.kind is not AssetKind.RIVER_REACH:
        raise InputError(f"{asset.uid} is a {asset.kind.value}; a river scan needs a river_reach")
    found = []
    for survey in store.surveys():
        for image in store.images(survey.uid):
            own = image.assignment.asset_uid if image.assignment is not None else None
            if image.kind is ImageKind.SCENE and (own or survey.asset_uid) == asset.uid:
                found.append(image)
    if not found:
        raise InputError(f"no scene of {asset.uid} is in the store; `mizuhashi ingest FILES --asset {asset.uid}` first")
    dated = [image for image in found if image.captured_at is not None]
    kept = [image for image in dated if _within(image, since, until)]
    if dated and not kept:
        days = sorted(str(image.captured_at)[:10] for image in dated)
        raise InputError(f"no scene of {asset.uid} lies between --from and --to; it has {days[0]} to {days[-1]}")
    order = sorted(kept, key=lambda image: (str(image.captured_at), image.uid))
    return order + [image for image in found if image.captured_at is None]


def kept_frame(store: Store, asset: Asset, settings: Settings) -> ReachFrame | None:
    """Return the frame of an earlier scan with the same spacing, or None."""
    if asset.uid not in store.rivers():
        return None
    kept = store.river(asset.uid)
    return kept.frame if kept.frame.spacing_m == settings.spacing_m else None


def frame_corners(frame: ReachFrame) -> Floats:
    """Return the ends of all transects ``(2 N, 2)``."""
    return np.concatenate([frame.points(frame.half_length_m), frame.points(-frame.half_length_m)])


def observe_view(asset: Asset, frame: ReachFrame, view: SceneView) -> Observation:
    """Return what a scene says about a reach.

    Raises:
        InputError: the scene has no date.
    """
    image = view.image
    if image.captured_at is None:
        raise InputError(f"{Path(image.path).name} has no date; ingest it with --captured-at")
    measures, notes = scene_measures(asset, frame, view)
    found = observe(
        frame,
        grid_of(view),
        view.surfaces,
        image_uid=image.uid,
        captured_at=image.captured_at,
        sensor=image.platform or "",
        geolocation_sigma_m=view.geolocation_sigma_m,
        notes=notes,
    )
    return replace(found, reach={**found.reach, **measures})


class _Run:
    """The scenes of one scan, each looked at once."""

    def __init__(
        self, asset: Asset, model: PixelModel, device: torch.device, images: Sequence[Image], progress: Progress
    ) -> None:
        self._asset, self._model, self._device, self._images = asset, model, device, images
        self._progress = progress
        self.views: list[SceneView] = []
        self.left_out: list[tuple[str, str]] = []
        self.not_assessed: list[tuple[str, str]] = []
        self.bars: dict[str, list[Bar]] = {}
        self._waiting = list(images)
        self.crs = metric_crs(asset, _middle(asset, images))

    def first_views(self) -> None:
        """Look at the first scenes, whose water gives the line."""
        line = asset_line(self._asset, self.crs)
        around = None if line is None else _beside(line, BESIDE_M)
        while self._waiting and len(self.views) < FRAME_SCENES:
            view = self._next(around)
            if view is not None:
                self.views.append(view)
        if not self.views:
            raise NotAssessable("; ".join(f"{name}: {why}" for name, why in self.left_out[:3]))

    def observe_all(self, frame: ReachFrame) -> list[Observation]:
        """Return the observations of all scenes, oldest first, one a pass."""
        around = frame_corners(frame)
        found: list[Observation] = []
        while self.views or self._waiting:
            view = self.views.pop(0) if self.views else self._next(around)
            if view is not None:
                one = observe_view(self._asset, frame, view)
                self.bars[one.image_uid] = bars_of(frame, grid_of(view), view.surfaces, one)
                self._take(found, one, Path(view.image.path).name)
        self._progress("", len(self._images), len(self._images))
        return found

    def _next(self, around: Floats | None) -> SceneView | None:
        image = self._waiting.pop(0)
        name = Path(image.path).name
        self._progress(name, len(self._images) - len(self._waiting) - 1, len(self._images))
        if image.captured_at is None:
            self.left_out.append((name, "no date: it has no place in a series; ingest it with --captured-at"))
            return None
        try:
            if not image.quality.assessable:
                raise NotAssessable("; ".join(image.quality.reasons))
            return look(image, self._model, self._device, around=around, crs=self.crs)
        except (InputError, NotAssessable) as error:
            self.left_out.append((name, str(error)))
            return None

    def _take(self, found: list[Observation], one: Observation, name: str) -> None:
        """Add an observation; of two of one pass the one that shows more stays."""
        seen = assessed(one)
        if found and (one.captured_at - found[-1].captured_at).total_seconds() < SAME_PASS_S:
            better = one.assessed_share > found[-1].assessed_share
            shows = "less; this one is taken" if better else "as much or more"
            self.left_out.append((name, f"two scenes of one time: the other shows {shows}"))
            if better:
                found[-1] = one
            return
        if seen.ok == 0:
            self.not_assessed.append((name, seen.words))
        found.append(one)


def _within(image: Image, since: datetime | None, until: datetime | None) -> bool:
    at = image.captured_at
    return at is not None and (since is None or at >= since) and (until is None or at <= until)


def _middle(asset: Asset, images: Sequence[Image]) -> tuple[float, float]:
    """Return a point of the reach in longitude and latitude."""
    if asset.geometry is not None:
        point = asset.geometry.representative_point()
        return float(point.x), float(point.y)
    for image in images:
        if image.footprint is not None:
            return float(image.footprint.centroid.x), float(image.footprint.centroid.y)
        if image.crs is not None and image.transform is not None:
            grid = Grid(image.crs, image.transform, image.height_px, image.width_px, 1.0)
            lon, lat = grid.points(np.array([[image.width_px / 2, image.height_px / 2]]), "EPSG:4326")[0]
            return float(lon), float(lat)
    raise InputError(f"neither {asset.uid} nor its scenes have a place; import the reach with its line")


def _beside(line: Floats, metres: float) -> Floats:
    """Return points that hold a line and so many metres around it."""
    return np.concatenate([line + np.array([dx, dy]) for dx in (-metres, metres) for dy in (-metres, metres)])
