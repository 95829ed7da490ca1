"""What single scenes of a reach say besides its transects: turbid water against the season, a mouth that closes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from findings.asset import Asset
from findings.errors import InputError, NotAssessable
from findings.measure import Measure
from findings.river_series import Observation, ReachFrame
from inference.river.channel import find_channel
from inference.river.finding import Array, RiverFinding
from inference.river.frame import grid_of
from inference.river.look import SceneView
from inference.river.monitor import Baseline
from inference.river.mouth import mouth_finding, read_mouth
from inference.river.turbidity import NAME, SeasonCheck, against_season, season_of, turbidity_finding, turbidity_index

MOUTH = "river_mouth"
"""Attribute of a reach whose downstream end lies at the sea."""


@dataclass(frozen=True, slots=True)
class Event:
    """A scene that stands out of its season: when, which measure, and how far."""

    image_uid: str
    day: str
    kind: str
    words: str

    def to_json(self) -> dict[str, Any]:
        """Return the event as plain values."""
        return {"image_uid": self.image_uid, "day": self.day, "kind": self.kind, "words": self.words}


def scene_measures(asset: Asset, frame: ReachFrame, view: SceneView) -> tuple[dict[str, Measure], list[str]]:
    """Return measures of one scene by name, and why one of them is not assessable.

    Args:
        asset: the reach; ``river_mouth`` among its attributes asks for the mouth.
        frame: its transects.
        view: the scene.
    """
    measures: dict[str, Measure] = {}
    notes: list[str] = []
    try:
        measures[NAME] = turbidity_index(view.bands, _own_water(view), view.pixel_m)
    except NotAssessable as error:
        notes.append(f"turbidity: {error}")
    if asset.attributes.get(MOUTH):
        try:
            mouth = read_mouth(frame, grid_of(view), view.surfaces.water)
            measures[mouth.width.name] = mouth.width
        except NotAssessable as error:
            notes.append(f"mouth: {error}")
    return measures, notes


def turbidity_season(history: Sequence[Observation]) -> Baseline | None:
    """Return the season of a reach's turbidity out of its history, or None where it is too short."""
    known = [one for one in history if NAME in one.reach]
    try:
        return season_of([one.captured_at for one in known], [one.reach[NAME] for one in known])
    except (NotAssessable, InputError):
        return None


def turbidity_check(season: Baseline | None, one: Observation) -> SeasonCheck | None:
    """Return a scene's turbidity against the season, or None where either is unknown."""
    if season is None or NAME not in one.reach:
        return None
    return against_season(season, one.captured_at, one.reach[NAME])


def turbidity_events(season: Baseline | None, watched: Sequence[Observation]) -> list[Event]:
    """Return the scenes more turbid than their season."""
    events = []
    for one in watched:
        check = turbidity_check(season, one)
        if check is not None and check.alarm:
            words = f"index {check.index.value:+.2f}, season {check.expected.value:+.2f}, {check.z:.1f} sigma"
            events.append(Event(one.image_uid, one.captured_at.date().isoformat(), "turbidity", words))
    return events


def latest_findings(
    asset: Asset, frame: ReachFrame, season: Baseline | None, latest: Observation, view: SceneView
) -> list[RiverFinding]:
    """Return what the latest scene shows now: a closed mouth (R20), water more turbid than its season.

    Args:
        asset: the reach.
        frame: its transects.
        season: of its turbidity.
        latest: observation of the scene.
        view: the scene; outlines are in its pixels.
    """
    found: list[RiverFinding] = []
    if asset.attributes.get(MOUTH):
        try:
            closed = mouth_finding(read_mouth(frame, grid_of(view), view.surfaces.water), frame, grid_of(view))
            found += [] if closed is None else [closed]
        except NotAssessable:
            pass  # told among the notes of the scene
    check = turbidity_check(season, latest)
    turbid = None if check is None else turbidity_finding(check, _own_water(view), view.pixel_m)
    return found if turbid is None else [*found, turbid]


def _own_water(view: SceneView) -> Array:
    """Return the water of the river alone, other water and unseen ground as NaN."""
    water = view.surfaces.water
    observed = np.isfinite(water)
    channel, _ = find_channel(observed & (np.nan_to_num(water) >= 0.5), observed)
    if channel is None:
        return np.full(water.shape, np.nan, dtype=np.float32)
    return np.where(channel.water, water, np.nan).astype(np.float32)
