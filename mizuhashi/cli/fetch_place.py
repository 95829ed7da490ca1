"""Where and when the ``fetch`` commands look, and how what they fetched comes into a survey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mizuhashi.cli.ingest_checks import about_clouds
from mizuhashi.cli.options import parse_time
from mizuhashi.cli.session import Session

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from findings.survey import Image


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look at.

    Attributes:
        area: WGS84 lon, lat.
        name: for people.
        asset_uid: of the reach, or None for a box.
        cloud_rim_m: masked around clouds and shadows when scenes come into a survey; None: as the source has it.
    """

    area: BaseGeometry
    name: str
    asset_uid: str | None
    cloud_rim_m: float | None = None

    @property
    def box(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        west, south, east, north = self.area.bounds
        return west, south, east, north


def wanted_place(session: Session, reach: str | None, bbox: str | None, buffer_m: float, rim_m: float | None) -> Wanted:
    """Return the surroundings of a reach of the store, or the given box.

    Raises:
        typer.BadParameter: both or neither given, or no four numbers.
        NotFound: no such asset.
        InputError: an asset without geometry, or an impossible box.
    """
    if (reach is None) == (bbox is None):
        raise typer.BadParameter("give --reach ID or --bbox WEST,SOUTH,EAST,NORTH, one of the two")
    from findings.errors import InputError
    from imagery.sources.sentinel_tiles import box_area, buffered

    if bbox is not None:
        try:
            west, south, east, north = (float(part) for part in bbox.split(","))
        except ValueError as error:
            raise typer.BadParameter(f"--bbox {bbox}: expected four numbers west,south,east,north") from error
        return Wanted(box_area((west, south, east, north)), f"box {bbox}", None, rim_m)
    with session.store() as store:
        asset = store.asset(str(reach))
    if asset.geometry is None or asset.geometry.is_empty:
        raise InputError(f"{reach}: has no geometry; import it with one, or give --bbox")
    return Wanted(buffered(asset.geometry, buffer_m), asset.name, asset.uid, rim_m)


def wanted_days(start: str, end: str) -> tuple[datetime, datetime]:
    """Return the first and the last moment, aware; a last day without a time is taken to its end.

    Raises:
        typer.BadParameter: no dates, or in the wrong order.
    """
    first, last = parse_time(start), parse_time(end)
    if first is None or last is None:
        raise typer.BadParameter("--from and --to: expected dates like 2025-06-01")
    if len(end.strip()) <= len("2025-06-01"):
        last += timedelta(days=1, seconds=-1)
    if first > last:
        raise typer.BadParameter(f"--from {start} is after --to {end}: swap them")
    return first, last


def check_reach(buffer_m: float, max_cloud: float | None) -> None:
    """Refuse a buffer or a share of cloud that cannot be meant.

    Raises:
        typer.BadParameter: with what is expected.
    """
    if not 0 <= buffer_m <= 50_000:
        raise typer.BadParameter(f"--buffer {buffer_m:g}: expected 0 to 50000 metres")
    if max_cloud is not None and not 0 <= max_cloud <= 100:
        raise typer.BadParameter(f"--max-cloud {max_cloud:g}: expected 0 to 100 percent")


def take_into_survey(session: Session, survey: str, place: Wanted, paths: Sequence[Path]) -> str:
    """Return one line on what a survey has now; its earlier images are given again, as the store wants it.

    Raises:
        InputError: a scene cannot be read.
        StoreError: the survey belongs to another asset.
    """
    from findings.errors import NotFound
    from imagery.ingest import IngestOptions, describe

    if not paths:
        return f"no scene was taken; survey {survey!r} stays as it was"
    options = IngestOptions(
        mask_folder=session.settings().home / "masks", clouds=about_clouds(place.cloud_rim_m, False)
    )
    images = [describe(path, options=options) for path in paths]
    with session.store() as store:
        try:
            earlier: list[Image] = store.images(store.survey(survey).uid)
        except NotFound:
            earlier = []
        known = {image.sha256 for image in images}
        images = [*(image for image in earlier if image.sha256 not in known), *images]
        kept, counts = store.open_survey(survey, place.asset_uid, images)
    return f"survey {kept.name}: {counts.added} scenes taken, {counts.unchanged} were there already"
