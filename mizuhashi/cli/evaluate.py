"""``mizuhashi evaluate``: the measured numbers of a model version on a data set, alone or against another version."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mizuhashi.cli.options import Device, DeviceOption, JsonOption, new_app
from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from mizuhashi.output import Output
    from training.compare import Comparison

app = new_app()


class Part(StrEnum):
    """Which part of a training configuration is measured."""

    TEST = "test"
    VALIDATION = "validation"
    DEVELOPMENT = "development"
    REPORTS = "reports"


@app.command(
    help="Measure a model version on a data set, at the thresholds of its card; with --against compare it with another "
    "version, picture by picture; with --out write a report."
)
def evaluate(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="NAME or NAME@VERSION.")],
    data: Annotated[Path, typer.Option(help="YAML file of what is measured, or a training configuration.")],
    against: Annotated[
        str | None, typer.Option(metavar="MODEL2", help="Another version, measured on the same pictures.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for evaluation.html and evaluation.json; it is made if missing.")
    ] = None,
    part: Annotated[Part, typer.Option(help="Part of a training configuration that is measured.")] = Part.TEST,
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Print the metrics that the data file's protocol asks for."""
    from inference.device import pick_device
    from mizuhashi.evaluation_page import write_evaluation
    from mizuhashi.evaluation_words import printed_rows
    from training.config import read_evaluations
    from training.evaluation_report import as_json as as_values
    from training.evaluation_report import examine

    session = session_of(ctx)
    configs = read_evaluations(data, part.value)
    where = pick_device(device.value)
    mine = session.registry().load(model, where)
    other = None if against is None else session.registry().load(against, where)
    sections = [examine(mine, config, where, other) for config in configs]
    files = () if out is None else write_evaluation(sections, out)
    if as_json:
        values = [s.metrics if other is None else as_values(s) for s in sections]
        session.output.json(values[0] if len(values) == 1 else values)
        return
    for section in sections:
        split = f", split {section.config.source.split}" if section.config.source.split else ""
        session.output.say(f"{section.model} on {section.config.source.name}{split}: "
                           f"{section.metrics['images']} pictures in {section.metrics['groups']} groups")  # fmt: skip
        columns = ("measure", "value", "95 % interval", "mean over groups")
        session.output.table(columns, printed_rows(section.metrics))
        if section.comparison is not None:
            _print_comparison(section.comparison, session.output)
    for path in files:
        session.output.say(f"wrote {path}")


def _print_comparison(found: Comparison, output: Output) -> None:
    from mizuhashi.evaluation_page import difference_row

    columns = ("measure", found.a, found.b, "difference", "95 % interval", "verdict")
    rows = [difference_row(name, found.measures[name]) for name in found.headline]
    output.table(columns, [[row[c] for c in ("name", "a", "b", "difference", "interval", "verdict")] for row in rows])
    output.result(f"{found.a} against {found.b} on {found.data}: {found.verdict} "
                  f"(95 %, paired bootstrap over {found.count} {found.unit}s)")  # fmt: skip
