"""``mizuhashi ingest``: take pictures into a survey, with scale, place and quality."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mizuhashi.cli.ingest_checks import (
    FaceOption,
    GroundOption,
    OpinionOption,
    RimOption,
    TerrainOption,
    about_clouds,
    once_each,
    what_is_shown,
)
from mizuhashi.cli.options import JsonOption, new_app, parse_bands, parse_time
from mizuhashi.cli.session import PARTIAL, session_of

if TYPE_CHECKING:
    from findings.store.values import Counts
    from findings.survey import Image
    from mizuhashi.output import Output

app = new_app()
TimeOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="When; ISO 8601, read as UTC if it names no zone.")
]


@app.command(
    help="Take photographs, scenes or product folders into a survey; each refused file is told, the others are taken."
)
def ingest(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders with all below them.")],
    survey: Annotated[str, typer.Option(help="Name of the survey; it is made if it is new.")],
    asset: Annotated[str | None, typer.Option(metavar="ID", help="The bridge or river reach.")] = None,
    stand_off: Annotated[float | None, typer.Option(metavar="M", help="Distance of camera and surface.")] = None,
    gsd_mm: Annotated[float | None, typer.Option(metavar="X", help="Millimetres per pixel on the surface.")] = None,
    gsd_sigma: Annotated[float | None, typer.Option(metavar="Y", help="1 sigma of --gsd-mm.")] = None,
    bands: Annotated[str | None, typer.Option(help="Names of the file's bands in their order; - skips one.")] = None,
    face: FaceOption = None,
    terrain: TerrainOption = None,
    ground_height: GroundOption = None,
    captured_at: TimeOption = None,
    cloud_rim: RimOption = None,
    s2cloudless: OpinionOption = False,
    add: Annotated[bool, typer.Option("--add", help="Add to a survey that exists, without its earlier files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Describe every file and write the survey batch by batch."""
    _check_scale(stand_off, gsd_mm, gsd_sigma)
    from imagery.ingest import IngestOptions, collect_files
    from imagery.products import find_products
    from mizuhashi.cli.ingest_products import product_images
    from mizuhashi.cli.ingest_run import Intake, describe_all
    from mizuhashi.describe import image_record

    session = session_of(ctx)
    home = session.settings().home
    options = IngestOptions(
        gsd_mm=gsd_mm,
        gsd_sigma_mm=gsd_sigma,
        stand_off_m=stand_off,
        bands=parse_bands(bands),
        captured_at=parse_time(captured_at),
        mask_folder=home / "masks",
        clouds=about_clouds(cloud_rim, s2cloudless),
        shown=what_is_shown(face, terrain, ground_height),
    )
    with session.store() as store:
        found = find_products(paths)
        collected = collect_files(paths, leave_out=found.claims)
        scenes, lost = product_images(found, options, home, session.output)
        files, copies = once_each(collected.files, session.output)
        intake = Intake(store, survey, store.asset(asset) if asset else None, session.output, add=add)
        intake.check(files, scenes)
        intake.add(scenes)
        refused = lost + describe_all(files, options, session.output, intake)
        counts = intake.write()
    images = intake.images
    if as_json:
        session.output.json({"survey": survey, "images": [image_record(i) for i in images], "refused": refused})
    else:
        _say(session.output, images, len(collected.ignored))
        session.output.say(f"survey {survey}: {_counted(counts, copies)}, {refused} refused")
    _tell_differing(session.output, counts)
    if refused:
        raise typer.Exit(PARTIAL)


def _tell_differing(output: Output, counts: Counts) -> None:
    if counts.differing:
        output.remark(f"{counts.differing} images were in the survey with another scale, place or time; it stays")


def _counted(counts: Counts, copies: int) -> str:
    known = f", {counts.unchanged} were there already" if counts.unchanged else ""
    return f"{counts.added} images taken{known}" + (f", {copies} were copies of others" if copies else "")


def _say(output: Output, images: Sequence[Image], ignored: int) -> None:
    from mizuhashi.describe import image_lines

    for line in image_lines(images):
        output.say(line)
    if ignored:
        output.say(f"{ignored} files that are no images were left out")


def _check_scale(stand_off: float | None, gsd_mm: float | None, gsd_sigma: float | None) -> None:
    given = {"--stand-off": stand_off, "--gsd-mm": gsd_mm, "--gsd-sigma": gsd_sigma}
    for name, value in given.items():
        if value is not None and not 0 < value < float("inf"):
            raise typer.BadParameter(f"{name} {value:g}: expected a number above 0")
    if stand_off is not None and gsd_mm is not None:
        raise typer.BadParameter("--stand-off and --gsd-mm are two answers to one question: give one of them")
    if gsd_sigma is not None and gsd_mm is None:
        raise typer.BadParameter("--gsd-sigma is the uncertainty of --gsd-mm: give both")
