"""What the commands say: tables and progress by rich on a terminal, plain lines elsewhere, JSON for programs."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

Progress = Callable[[str, int, int], None]
"""Called as ``progress(what, done, total)``: what is being worked on, and how many of how many are finished."""

Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command writes; results to standard output, remarks to standard error.

    Attributes:
        quiet: only results and errors.
        verbosity: how often ``-v`` was given; tracebacks are shown from 1 on.
    """

    quiet: bool = False
    verbosity: int = 0

    def say(self, line: str = "") -> None:
        """Write one line for the reader unless quiet."""
        if not self.quiet:
            print(one_line(line), flush=True)  # a long run that is piped into a file still shows where it is

    def result(self, line: str) -> None:
        """Write one line that was asked for: it comes even when quiet."""
        print(one_line(line), flush=True)

    def remark(self, line: str) -> None:
        """Write one line to standard error: something was refused or failed."""
        print(one_line(line), file=sys.stderr, flush=True)

    def json(self, value: object) -> None:
        """Write one JSON document to standard output."""
        text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
        # What JSON lets through and a terminal or an encoder does not take can only stand in texts: escape it there.
        lines = (line if line.isprintable() else "".join(map(_escaped, line)) for line in text.split("\n"))
        print("\n".join(lines))

    def table(self, columns: Sequence[str], rows: Sequence[Row], *, title: str | None = None) -> None:
        """Write a table: ruled on a terminal, tab-separated lines with a header elsewhere."""
        texts = [["" if cell is None else one_line(str(cell)) for cell in row] for row in rows]
        if on_terminal(sys.stdout):
            _rich_table(columns, texts, title)
            return
        if title:
            self.say(title)
        for row in [list(columns), *texts]:
            print("\t".join(row))

    @contextmanager
    def progress(self, title: str) -> Iterator[Progress]:
        """Yield a callable for the progress of one job: a bar on a terminal, one plain line an item elsewhere."""
        if self.quiet:
            yield _silent
        elif on_terminal(sys.stderr):
            with _rich_progress(title) as report:
                yield report
        else:
            yield _PlainProgress(title, sys.stderr)


def one_line(text: str) -> str:
    """Return text as one line that does nothing to a terminal: names come from files that nobody vouches for.

    Control and format characters (escape codes, bidirectional overrides) and halves of surrogate pairs are spelled out.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    if character in "\t\r\n":
        return " "
    return character.encode("unicode_escape").decode("ascii") if _is_hidden(character) else character


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if _is_hidden(character) else character


def on_terminal(stream: IO[str]) -> bool:
    """Return whether a stream is a terminal that takes more than plain lines (``TERM=dumb`` does not)."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def share(done: int, total: int) -> str:
    """Return ``3/8``."""
    return f"{done}/{total}"


def seconds(value: float) -> str:
    """Return a duration as a person reads it: ``0.4 s``, ``12 s``, ``2 min 05 s``."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{int(value // 60)} min {int(value % 60):02d} s"


def stages(durations: Mapping[str, float]) -> str:
    """Return one line with how long each stage took."""
    return ", ".join(f"{name} {seconds(value)}" for name, value in durations.items())


def _silent(what: str, done: int, total: int) -> None:
    return


@dataclass(slots=True)
class _PlainProgress:
    """One line for each item, none twice: logs of a service stay readable."""

    title: str
    stream: IO[str]
    last: tuple[str, int] = ("", -1)

    def __call__(self, what: str, done: int, total: int) -> None:
        if (what, done) != self.last:
            self.last = (what, done)
            print(f"{self.title} {share(done, total)} {one_line(what)}".rstrip(), file=self.stream, flush=True)


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: a file named [red] is not markup
    Console(no_color=bool(os.environ.get("NO_COLOR"))).print(table)


@contextmanager
def _rich_progress(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, TextColumn("{task.fields[what]}", markup=False), console=console) as bars:
        task = bars.add_task(title, total=None, what="")

        def report(what: str, done: int, total: int) -> None:
            bars.update(task, completed=done, total=total, what=one_line(what))

        yield report
