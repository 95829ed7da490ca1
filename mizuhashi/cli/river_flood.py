"""``mizuhashi river flood``: a map of new water between two dates, or of all water at one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mizuhashi.cli.options import Device, DeviceOption, JsonOption
from mizuhashi.cli.session import session_of

HELP = "Map new water between pictures before and after a flood, radar, optical or both; without before, all water."
_S2, _S1 = "Optical: short-wave infrared, near infrared, visible; or a GeoTIFF with named bands.", "Radar: grey, or VV."


def flood(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The map, .png or .tif: 0..254, 255 is not observed.")],
    after: Annotated[Path | None, typer.Option(metavar="FILE", help=_S2)] = None,
    s1_after: Annotated[Path | None, typer.Option("--s1-after", metavar="FILE", help=_S1)] = None,
    before: Annotated[Path | None, typer.Option(metavar="FILE", help=_S2)] = None,
    s1_before: Annotated[Path | None, typer.Option("--s1-before", metavar="FILE", help=_S1)] = None,
    model: Annotated[str, typer.Option(metavar="NAME[@VERSION]", help="What tells new water.")] = "flood",
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Write the map, and print what it shows."""
    from inference.device import pick_device
    from inference.river.flood import MEANING, map_flood

    given = {"s1_before": s1_before, "s1_after": s1_after, "s2_before": before, "s2_after": after}
    session = session_of(ctx)
    where = pick_device(device.value)
    registry = session.registry()
    files = {kind: path for kind, path in given.items() if path is not None}
    found = map_flood(files, out, lambda name: registry.load(name, where), where, flood_model=model)
    output = session.output
    if as_json:
        output.json(
            {
                "map": str(found.path), "shows": found.shows, "meaning": MEANING[found.shows],
                "models": list(found.models), "threshold": found.threshold, "share": found.share,
                "observed": found.observed, "notes": list(found.notes),
            }
        )  # fmt: skip
        return
    for note in found.notes:
        output.remark(note)
    output.say(f"{found.path.name}: {MEANING[found.shows]} ({', '.join(found.models)})")
    if found.share is None:
        output.result("nothing was observed")
    else:
        what = "new water" if found.shows == "new_water" else "water"
        output.result(f"{what} on {100 * found.share:.1f} % of what was observed ({100 * found.observed:.0f} %), "
                      f"from {found.threshold:.2f} on")  # fmt: skip
    output.say(f"wrote {found.path}")
