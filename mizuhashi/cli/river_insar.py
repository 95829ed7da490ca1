"""``mizuhashi river insar``: external InSAR points on the 20 m segments of a bridge's deck."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from findings.insar import DeckMotion, DeckSegment
    from mizuhashi.output import Output

COLUMNS = ("segment", "from", "to", "points", "dates", "mm/yr (95 %)", "thermal", "z", "remark")
SUFFIXES = (".csv", ".geojson", ".json")


class Unit(StrEnum):
    """Of displacements."""

    MM = "mm"
    CM = "cm"
    M = "m"


def insar(
    ctx: typer.Context,
    bridge: Annotated[str, typer.Option(metavar="ID", help="The bridge; it needs a line or outline.")],
    points: Annotated[
        Path, typer.Option(metavar="FILE", help="CSV or GeoParquet: a row a point, or a point and date.")
    ],
    temperature: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV of date and temperature in degrees C; without: a yearly wave."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the segments: .csv or .geojson.")] = None,
    within: Annotated[float, typer.Option(metavar="M", help="Points up to so far beside the deck line count.")] = 10.0,
    crs: Annotated[str | None, typer.Option(help="Of easting and northing, e.g. EPSG:3035.")] = None,
    unit: Annotated[Unit | None, typer.Option(help="Of the displacements [as the headings say; mm].")] = None,
) -> None:
    """Print velocity, thermal movement and z-score of every 20 m of the deck; nothing is stored."""
    if out is not None and out.suffix.lower() not in SUFFIXES:
        raise typer.BadParameter(f"--out {out.name}: expected a name that ends in .csv or .geojson")
    from findings.asset import AssetKind
    from findings.errors import RecordError
    from findings.imports.dated import read_temperature
    from findings.imports.insar import read_points
    from findings.insar import deck_line, deck_motion

    session = session_of(ctx)
    with session.store() as store:
        asset = store.asset(bridge)
    if asset.kind is not AssetKind.BRIDGE:
        raise RecordError(f"{bridge} is a {asset.kind.value}; expected a bridge: deck segments lie along its deck")
    read = read_points(points, deck_line(asset).bounds, crs=crs, unit=None if unit is None else unit.value)
    degrees, said = (None, []) if temperature is None else read_temperature(temperature, read.dates)
    motion = deck_motion(asset, read, degrees, within_m=within)
    _tell(session.output, motion, said)
    if out is not None:
        _write(motion, out)
        session.output.say(f"wrote {out}")


def _tell(output: Output, motion: DeckMotion, said: list[str]) -> None:
    for note in (*motion.notes, *said):
        output.say(f"note: {note}")
    if motion.thermal_model != "temperature":
        output.say("note: no temperatures: what repeats every year counts as thermal (a yearly wave was fitted)")
    output.table(COLUMNS, [_cells(segment) for segment in motion.segments])
    assessed = sum(segment.velocity is not None for segment in motion.segments)
    span = "" if motion.first is None else f", {motion.first} to {motion.last}"
    output.say(
        f"{motion.asset_uid}: {motion.length_m:.0f} m of deck, {assessed} of {len(motion.segments)} segments assessed "
        f"from {motion.on_deck} points within {motion.within_m:g} m{span}; movement along the direction of the file "
        "(line of sight unless its publisher says otherwise), a screening and no finding of damage"
    )


def _cells(segment: DeckSegment) -> list[object]:
    velocity, thermal = segment.velocity, segment.thermal
    told = thermal is not None and thermal.value is not None
    return [
        segment.number,
        f"{segment.from_m:.0f} m",
        f"{segment.to_m:.0f} m",
        segment.points,
        segment.dates or "",
        "" if velocity is None else f"{velocity.value:+.1f} ({velocity.low:+.1f} to {velocity.high:+.1f})",
        f"{thermal.value:.2f} {thermal.unit.replace('degC', '°C')}" if thermal is not None and told else "",
        "" if segment.z is None else f"{segment.z:+.1f}",
        segment.reason.en if segment.reason else "stands out" if segment.striking else "",
    ]


def _write(motion: DeckMotion, out: Path) -> None:
    from findings.exports.encoding import encoded
    from findings.exports.insar import segments_csv, segments_geojson
    from findings.files import whole_file

    if out.suffix.lower() == ".csv":
        content = encoded(segments_csv(motion))[0]
    else:
        content = json.dumps(segments_geojson(motion), ensure_ascii=False, indent=1, allow_nan=False).encode()
    with whole_file(out) as partial:
        partial.write_bytes(content)
