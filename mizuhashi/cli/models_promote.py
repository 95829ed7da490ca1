"""``mizuhashi models promote``, ``rollback``, ``freeze``, ``history``: who is champion, by which test, since when."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from findings.errors import ConfigError
from mizuhashi.cli.models_compare import show_comparison
from mizuhashi.cli.options import Device, DeviceOption, JsonOption
from mizuhashi.cli.session import PARTIAL, session_of

if TYPE_CHECKING:
    from mizuhashi.cli.session import Session
    from models.aliases import Move

MlflowOption = Annotated[
    str | None, typer.Option("--mlflow", metavar="URI", help="Move the alias in MLflow, too, e.g. sqlite:///mlflow.db.")
]
ReasonOption = Annotated[str | None, typer.Option(help="Why; kept in the history.")]


class Alias(StrEnum):
    """What a version is made."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


def promote(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="NAME@challenger works too.")],
    as_: Annotated[Alias, typer.Option("--as", help="A challenger runs only when asked for by name.")] = Alias.CHAMPION,
    data: Annotated[
        Path | None, typer.Option(help="YAML file of the frozen test, where it lies elsewhere or none is kept yet.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Against the verdict or without one; needs --reason.")] = False,
    reason: ReasonOption = None,
    mlflow: MlflowOption = None,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Compare the version with the champion on the frozen test, and make it champion unless it is worse."""
    from inference.device import pick_device
    from mizuhashi.account import account_name
    from models.promotion import nominate
    from models.promotion import promote as move
    from training.promotion import find_test, keep_test, try_version

    if force and not (reason or "").strip():
        raise typer.BadParameter("--force needs --reason TEXT: it is kept in the history")
    session = session_of(ctx)
    registry = session.registry()
    _require_mlflow(mlflow)
    if as_ is Alias.CHALLENGER:
        done = nominate(registry, registry.resolve(model), actor=account_name())
        session.output.say(f"{done.name}@{done.aliases['challenger']} is the challenger; it {done.verdict}")
        _mirror(session, mlflow, done)
        return
    trial = try_version(registry, model, pick_device(device.value), data=data, forced=force)
    if trial.comparison is not None:
        show_comparison(session.output, trial.comparison)
    session.output.say(f"verdict: {trial.verdict.words}")
    test = trial.test
    if test is None and data is not None and trial.verdict.passed:
        test = find_test(registry, trial.seat, trial.challenger.card, data)
    if test is not None and not test.kept and (trial.verdict.passed or force):
        keep_test(registry, trial.seat.name, test.config, test.digest, actor=account_name())
        session.output.say(f"from now on versions of {trial.seat.name} are compared on {test.config.source.name}")
    done = move(registry, trial.challenger, trial.seat, trial.verdict, actor=account_name(), reason=reason, force=force)
    before = "" if done.before in (None, done.after) else f", before {done.name}@{done.before}"
    forced = " against the verdict" if done.forced else ""
    session.output.result(f"{done.name}@{done.after} is champion{forced}{before}")
    if before:
        session.output.say(f"take it back: mizuhashi models rollback {done.name}")
    _mirror(session, mlflow, done)


def rollback(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    reason: ReasonOption = None,
    mlflow: MlflowOption = None,
) -> None:
    """Move the champion back by one promotion; what was promoted stays in the registry."""
    from mizuhashi.account import account_name
    from models.promotion import rollback as move

    session = session_of(ctx)
    _require_mlflow(mlflow)
    done = move(session.registry(), name, actor=account_name(), reason=reason)
    session.output.result(f"{done.name}@{done.after} is champion again, in place of {done.name}@{done.before}")
    _mirror(session, mlflow, done)


def freeze(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    data: Annotated[Path, typer.Option(help="YAML file of what is measured; a training configuration: its test part.")],
    reason: ReasonOption = None,
) -> None:
    """Keep the data set and the digest of its files; another one later needs a reason."""
    from mizuhashi.account import account_name
    from training.promotion import FILE
    from training.promotion import freeze as keep

    session = session_of(ctx)
    registry = session.registry()
    done = keep(registry, name, data, actor=account_name(), reason=reason)
    session.output.result(f"{name}: {done.verdict}, digest {done.numbers['test_digest']}")
    session.output.say(f"kept in {registry.own_folder(name) / FILE}")


def history(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print every move of an alias and every frozen test, oldest first, after the whole chain was verified."""
    session = session_of(ctx)
    moves = session.registry().aliases.moves(name)
    if as_json:
        session.output.json([asdict(move) for move in moves])
    elif not moves:
        session.output.result("no alias was moved yet" if name is None else f"no alias of {name} was moved yet")
    else:
        columns = ("when", "who", "what", "from", "to", "verdict", "reason")
        session.output.table(columns, [_history_row(move) for move in moves])


def _require_mlflow(uri: str | None) -> None:
    """Refuse a URI that cannot be used for want of the extra, before anything is moved here."""
    if uri is not None:
        from training.mirror import open_client

        open_client(uri)


def _mirror(session: Session, uri: str | None, done: Move) -> None:
    """Move the same aliases in MLflow; what was moved in the registry stays moved, whatever becomes of the copy."""
    if uri is None:
        return
    from training.mirror import mirror_aliases

    try:
        mirror_aliases(uri, done.name, done.aliases)
    except ConfigError as error:
        session.output.remark(f"moved here, not in MLflow: {error}")
        raise typer.Exit(PARTIAL) from error
    moved = ", ".join(done.aliases)
    session.output.say(f"MLflow at {uri}: {moved} of {done.name} moved, too")


def _history_row(move: Move) -> tuple[object, ...]:
    what = "forced" if move.forced else move.action
    before = "-" if move.before is None or not move.aliases else f"{move.name}@{move.before}"
    to = "; ".join(
        f"{move.name}@{version}" + ("" if alias == "champion" else f" as {alias}")
        for alias, version in move.aliases.items()
        if version is not None
    )
    return (move.at[:19].replace("T", " "), move.actor, what, before, to or "-", move.verdict, move.reason or "")
