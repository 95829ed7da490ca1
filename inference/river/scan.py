"""The scan of a reach: its scenes through the model, onto its transects, into monitors, zones and findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from findings.asset import Asset, AssetKind
from findings.errors import InputError
from findings.river_series import Observation
from findings.store import Store
from findings.survey import Image, ImageKind

Progress = Callable[[str, int, int], None]
SAME_PASS_S = 600
"""Scenes of one reach within so many seconds are one pass: two products or two tiles of one date."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A scene that is not part of the series, and why."""

    name: str
    why: str


@dataclass(slots=True)
class Outcome:
    """What a scan or an update did."""

    reach: str
    observed: list[Observation] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def scenes_of(store: Store, asset: Asset, since: datetime | None, until: datetime | None) -> list[Image]:
    """Return the scenes of a reach in order of time, those without a date last.

    Raises:
        InputError: the asset is no river reach, or no scene is of it.
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
    if not kept and dated:
        days = sorted(str(image.captured_at)[:10] for image in dated)
        raise InputError(f"no scene of {asset.uid} lies between --from and --to; it has {days[0]} to {days[-1]}")
    order = sorted(kept, key=lambda image: (str(image.captured_at), image.uid))
    return order + [image for image in found if image.captured_at is None]


def _within(image: Image, since: datetime | None, until: datetime | None) -> bool:
    at = image.captured_at
    return at is not None and (since is None or at >= since) and (until is None or at <= until)
