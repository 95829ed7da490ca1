"""``mizuhashi evaluate``: the measured numbers of a model version on a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mizuhashi.cli.models import flat_metrics
from mizuhashi.cli.options import Device, DeviceOption, JsonOption, new_app
from mizuhashi.cli.session import session_of

app = new_app()


@app.command(help="Measure a model version on a data set, at the thresholds of its card and by the card's protocol.")
def evaluate(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="NAME or NAME@VERSION.")],
    data: Annotated[Path, typer.Option(help="YAML file of what is measured; a training configuration: its test part.")],
    device: DeviceOption = Device.AUTO,
    as_json: JsonOption = False,
) -> None:
    """Print the metrics that the data file's protocol asks for."""
    from inference.device import pick_device
    from training.config import read_evaluation
    from training.evaluate import evaluate as measure

    session = session_of(ctx)
    config = read_evaluation(data)
    where = pick_device(device.value)
    metrics = measure(session.registry().load(model, where), config, where)
    if as_json:
        session.output.json(metrics)
    else:
        session.output.table(("measure", "value"), flat_metrics(metrics))
