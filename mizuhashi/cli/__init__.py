"""The command line: one file a command group, loaded when it is called; heavy imports stand in command bodies."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from findings.errors import MizuhashiError
from mizuhashi.cli.session import Session
from mizuhashi.output import Output, one_line

COMMANDS = {
    "demo": "run the main job on generated imagery",
    "example": "run the worked example: two inspections, five years of a river",
    "assets": "import or list bridges and river reaches",
    "fetch": "fetch scenes from Sentinel Hub or a STAC API",
    "ingest": "take photographs or scenes into a survey",
    "surveys": "list surveys, assign their pictures, check flight and coverage",
    "catalog": "write or check the STAC catalogue",
    "inspect": "find and rank damage in a survey",
    "segment": "write probability maps only",
    "river": "scan river reaches in time, update them, report them",
    "measure": "measure the cracks and areas of one picture",
    "findings": "list, show, compare or export findings",
    "priorities": "list priorities, plan measures within a budget",
    "profiles": "list, validate or compare priority profiles",
    "report": "write the inspection report of a survey",
    "datasets": "list class maps, write or check a data set's manifest",
    "reviews": "export findings for review, import decisions, what to review first",
    "train": "train a model version",
    "evaluate": "measure a model version on a data set",
    "anomaly": "fit a bank of normal pictures",
    "models": "list, show, compare, promote, roll back, export or import model versions",
    "db": "upgrade or check the database",
    "doctor": "check that everything is there",
    "serve": "serve the findings over HTTP on this machine",
}
"""Commands in the order of the work; each has its module ``mizuhashi.cli.NAME`` with a Typer ``app``."""

_GLOBAL_FLAGS = ("--quiet", "-q", "--verbose", "-v", "-vv")


class LazyGroup(typer.core.TyperGroup):
    """The commands, each imported when it is called, and the one place where errors become exit statuses."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of that name, imported now, or None."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"mizuhashi.cli.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name, command.short_help = cmd_name, COMMANDS[cmd_name]
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the arguments call; for a wrong name the base class suggests the nearest."""
        if args and args[0] not in COMMANDS:
            self.commands = {name: self.get_command(ctx, name) for name in COMMANDS}
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; global options may also stand behind the command."""
        return super().parse_args(ctx, _hoist(args))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error of ours is one line and status 1, Ctrl-C is status 130."""
        try:
            return super().invoke(ctx)
        except MizuhashiError as error:
            _report(ctx, f"error: {error}")
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            raise typer.Exit(130) from None
        raise typer.Exit(1)


def _report(ctx: Any, line: str) -> None:
    session = ctx.obj
    if isinstance(session, Session) and session.output.verbosity:
        traceback.print_exc()
    print(one_line(line), file=sys.stderr)


def _hoist(args: list[str]) -> list[str]:
    """Return the arguments with the global options in front; everything after ``--`` stays where it is."""
    front: list[str] = []
    rest: list[str] = []
    queue = list(args)
    while queue:
        word = queue.pop(0)
        if word == "--":
            rest += [word, *queue]
            break
        if word in _GLOBAL_FLAGS or word.startswith("--home="):
            front.append(word)
        elif word == "--home" and queue:
            front += [word, queue.pop(0)]
        else:
            rest.append(word)
    return front + rest


app = typer.Typer(
    cls=LazyGroup,
    help="Ranked inspection findings for bridges and rivers from drone photographs and satellite scenes.",
    epilog="Global options may stand behind the command too. Exit status: 0 done, 1 failed, 2 wrong usage, "
    "3 done in part, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Boxes are for terminals; a log or a program gets plain lines.
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
)


@app.callback()
def _start(
    ctx: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(help="Folder of the database and its pictures [MIZUHASHI_HOME; ~/.local/share/mizuhashi]."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Results and errors only.")] = False,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="More lines; with an error its traceback.")
    ] = 0,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
) -> None:
    if version:
        from mizuhashi import __version__

        print(f"mizuhashi {__version__}")
        raise typer.Exit
    from mizuhashi.logging import configure_logging

    configure_logging(verbose, quiet=quiet)
    ctx.obj = Session(output=Output(quiet=quiet, verbosity=verbose), home=home)
