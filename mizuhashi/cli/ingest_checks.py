"""What ``mizuhashi ingest`` looks at besides each file for itself: copies, the asset's place, what is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from findings.errors import InputError

if TYPE_CHECKING:
    from findings.asset import Asset
    from findings.survey import Image
    from imagery.clouds import CloudOptions
    from imagery.view import Stated
    from mizuhashi.output import Output

FaceOption = Annotated[
    float | None,
    typer.Option(metavar="AZIMUTH", help="They show an upright face that looks there, degrees clockwise from north."),
]
TerrainOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="They show this terrain: a GeoTIFF of heights in metres.")
]
GroundOption = Annotated[
    float | None, typer.Option(metavar="M", help="They show level ground so far above (-: below) the take-off point.")
]

RimOption = Annotated[
    float | None, typer.Option(metavar="M", help="Mask so much around clouds and shadows of scenes too, e.g. 90.")
]
OpinionOption = Annotated[
    bool, typer.Option("--s2cloudless", help="A second opinion on clouds, for scenes with L1C bands; rim 90 m.")
]


def about_clouds(rim_m: float | None, second_opinion: bool) -> CloudOptions:
    """Return what is done about the clouds of scenes.

    Raises:
        typer.BadParameter: an impossible rim.
        ConfigError: s2cloudless is not installed.
    """
    from imagery.clouds import CloudOptions, s2cloudless_detector

    try:
        return CloudOptions(rim_m, s2cloudless_detector() if second_opinion else None)
    except InputError as error:
        raise typer.BadParameter(str(error)) from error


def what_is_shown(face: float | None, terrain: Path | None, ground_height: float | None) -> Stated:
    """Return what the user says that the photographs show.

    Raises:
        typer.BadParameter: two answers, an impossible number, or a terrain model that cannot be used.
    """
    from imagery.terrain import check_terrain
    from imagery.view import Stated

    try:
        shown = Stated(face, terrain, ground_height)
        if terrain is not None:
            check_terrain(terrain)
    except InputError as error:
        raise typer.BadParameter(str(error)) from error
    return shown


def once_each(files: Sequence[Path], output: Output) -> tuple[list[Path], int]:
    """Return the files without those that show what another one shows, each told, and how many there were."""
    from imagery.index import find_duplicates, index_photographs

    twice = {one.path: one for one in find_duplicates(index_photographs(files))}
    for one in twice.values():
        output.remark(f"not taken {one.path}: {one.reason}; taken is {one.kept}")
    return [file for file in files if file not in twice], len(twice)


def with_distance(images: Sequence[Image], asset: Asset | None) -> list[Image]:
    """Return the images, those taken far from the asset with a note."""
    from imagery.sanity import far_from

    if asset is None:
        return list(images)
    notes = [far_from(image, asset) for image in images]
    return [replace(i, notes=(*i.notes, note)) if note else i for i, note in zip(images, notes, strict=True)]


def tell_known(known: Mapping[str, Image], images: Sequence[Image], output: Output) -> None:
    """Tell which of the images a survey has already, by sha256, under another name; their record stays as it is."""
    for image in images:
        before = known.get(image.sha256)
        if before is not None and before.path != image.path:
            output.remark(f"{image.path}: the same bytes as {before.path}, which is in the survey already")
