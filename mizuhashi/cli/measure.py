"""``mizuhashi measure``: every crack and area of one picture, in millimetres with intervals, and its grade."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from findings.errors import OutputError
from mizuhashi.cli.options import BackendOption, Device, DeviceOption, JsonOption, Runner, new_app
from mizuhashi.cli.session import Session, session_of

if TYPE_CHECKING:
    from inference.one_picture import Given, Measured
    from models.base import PixelModel

app = new_app()
VAGUE = 0.2  # 1-sigma of the scale over its value from which the command says so


class Material(StrEnum):
    """What the rules ask of a structure; on steel rust is ① corrosion."""

    RC = "RC"
    PC = "PC"
    S = "S"


@app.command(help="Measure and grade the cracks and areas of one photograph, from a mask or by models.")
def measure(
    ctx: typer.Context,
    image: Annotated[Path, typer.Argument(metavar="IMAGE")],
    mask: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the damage is: not 0, in IMAGE's size.")
    ] = None,
    class_: Annotated[str, typer.Option("--class", metavar="NAME", help="What the mask marks.")] = "crack",
    classes: Annotated[
        str | None, typer.Option(metavar="1=NAME,...", help="What the values of a mask of several classes mean.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[@VERSION]", help="Instead of a mask; default: the champions for photographs."),
    ] = None,
    gsd_mm: Annotated[float | None, typer.Option(help="Ground sample distance in mm/px [metadata of IMAGE].")] = None,
    gsd_sigma: Annotated[
        str | None, typer.Option(metavar="MM|N%", help="Its 1-sigma, in mm/px or in percent [5 %].")
    ] = None,
    stand_off: Annotated[
        float | None, typer.Option(metavar="M", help="Distance of camera and surface; the lens is in the metadata.")
    ] = None,
    material: Annotated[Material | None, typer.Option(help="RC, PC or S (steel); unknown: graded both ways.")] = None,
    member: Annotated[str | None, typer.Option(metavar="SYMBOL", help="What IMAGE shows, e.g. Mg, Ds, Pw.")] = None,
    member_mask: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the member is: not 0; shares are relative to it.")
    ] = None,
    overlay: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Write the picture with outlines.")] = None,
    device: DeviceOption = Device.AUTO,
    backend: BackendOption = Runner.TORCH,
    as_json: JsonOption = False,
) -> None:
    """Print what is measured; nothing is stored."""
    _check(mask, model, classes, class_, stand_off, gsd_mm)
    sigma_mm = parse_sigma(gsd_sigma, gsd_mm)
    from findings.asset import Structure
    from imagery.ingest import IngestOptions
    from inference.device import pick_device
    from inference.one_picture import measure_one

    session = session_of(ctx)
    session.settings()  # the agency's own standards are in force
    measured = measure_one(
        image,
        IngestOptions(gsd_mm=gsd_mm, gsd_sigma_mm=sigma_mm, stand_off_m=stand_off),
        mask=None if mask is None else _given(mask, class_, classes),
        models=() if mask is not None else _models(session, model, device, backend),
        device=pick_device(device.value),
        structure=Structure.UNKNOWN if material is None else Structure(material.value),
        member=member,
        member_mask=member_mask,
    )
    if overlay is not None:
        _draw(measured, overlay)
    _tell(session, measured, material, as_json)


def _check(
    mask: Path | None,
    model: list[str] | None,
    classes: str | None,
    class_: str,
    stand_off: float | None,
    gsd_mm: float | None,
) -> None:
    if mask is not None and model:
        raise typer.BadParameter("--mask and --model exclude each other: a mask says where the damage is already")
    if mask is None and (classes is not None or class_ != "crack"):
        raise typer.BadParameter("--class and --classes say what a mask means; give --mask too")
    if stand_off is not None and gsd_mm is not None:
        raise typer.BadParameter("--stand-off and --gsd-mm are two answers to one question: give one of them")


def _tell(session: Session, measured: Measured, material: Material | None, as_json: bool) -> None:
    from mizuhashi.measuring import COLUMNS, document, table

    said = remarks(measured, material)
    for line in said:
        session.output.remark(line)
    if as_json:
        session.output.json(document(measured) | {"remarks": said})
        return
    if measured.places:
        session.output.table(COLUMNS, table(measured))
    session.output.say(f"{Path(measured.image.path).name}: {len(measured.places)} places measured")


def parse_sigma(text: str | None, gsd_mm: float | None) -> float | None:
    """Return the 1-sigma of a ground sample distance in mm/px from ``0.02`` or ``5%``.

    Raises:
        typer.BadParameter: no number, a negative one, or nothing that it could belong to.
    """
    if text is None:
        return None
    if gsd_mm is None:
        raise typer.BadParameter("--gsd-sigma belongs to --gsd-mm: give both, or leave the scale to the metadata")
    percent = text.strip().endswith("%")
    try:
        number = float(text.strip().rstrip("%"))
    except ValueError:
        raise typer.BadParameter(f"--gsd-sigma {text!r}: expected mm/px like 0.02, or a share like 5%") from None
    if not 0 < number < float("inf"):
        raise typer.BadParameter(f"--gsd-sigma {text!r}: expected a finite number above 0")
    return number / 100 * gsd_mm if percent else number


def remarks(measured: Measured, material: Material | None) -> list[str]:
    """Return what the reader should know: about mask and picture, scale and material."""
    from mizuhashi.measuring import resolvable_of

    scale = measured.image.scale
    said = list(measured.remarks)
    if scale.gsd_mm is None:
        said.append(f"no ground sample distance ({scale.note or 'the metadata tell none'}): sizes stay in pixels")
    elif (scale.sigma_mm or 0.0) > VAGUE * scale.gsd_mm:
        share = (scale.sigma_mm or 0.0) / scale.gsd_mm
        said.append(
            f"the scale is known to {share:.0%} only (1-sigma): sizes in mm may be off by {1.96 * share:.0%}, "
            "and what cannot be told from zero has no value; measure the distance or put a scale into the picture"
        )
        if resolvable_of(measured.image)[1] == float("inf"):
            said.append("at that uncertainty the resolvable width is infinite: no width in mm can be told from zero")
    elif scale.note:
        said.append(f"scale: {scale.note}")
    if material is None and any(place.damage == "6" for place in measured.places):
        said.append("material unknown: cracks are graded as RC and as PC, the worse counts; give --material")
    return said


def _given(mask: Path, name: str, classes: str | None) -> Given:
    from inference.one_picture import Given

    if classes is None:
        return Given(mask, {None: name})
    given: dict[int | None, str] = {}
    for part in classes.split(","):
        value, _, word = part.partition("=")
        if not value.strip().isdigit() or int(value) == 0 or not word.strip() or int(value) in given:
            raise typer.BadParameter(f"--classes {classes!r}: expected different values like 1=crack,2=spalling")
        given[int(value)] = word.strip()
    return Given(mask, given)


def _models(session: Session, model: list[str] | None, device: Device, backend: Runner) -> tuple[PixelModel, ...]:
    from findings.survey import ImageKind
    from inference.device import pick_device

    registry = session.registry(backend.value)
    refs = model or [entry.ref for entry in registry.champions(ImageKind.PHOTO.value)]
    return tuple(registry.load(ref, pick_device(device.value)) for ref in dict.fromkeys(refs))


def _draw(measured: Measured, path: Path) -> None:
    import cv2

    from findings.files import whole_file
    from inference.overlay import outlined

    if path.suffix.lower() != ".png":
        raise typer.BadParameter(f"--overlay {path.name}: expected a name that ends in .png")
    picture = outlined(measured.picture.rgb, [place.outline_px for place in measured.places])
    done, data = cv2.imencode(".png", picture[..., ::-1])
    if not done:
        raise OutputError(f"{path.name}: the picture could not be encoded; try a smaller one")
    with whole_file(path) as partial:
        partial.write_bytes(data.tobytes())
