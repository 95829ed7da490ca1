"""The page of the worked example, in Markdown: every command with what it said, pictures, and the truth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from findings.files import write_text
from findings.tracking import TrackState
from findings.wording import measured, number
from mizuhashi.example import Chapter, Example, Step
from mizuhashi.example_truth import Outcome

SHOWN_ROWS = 12
_STATES = {state.value: state.value.replace("_suspected", "?").replace("_", " ") for state in TrackState}


def write_page(example: Example, folder: Path) -> Path:
    """Write ``README.md`` into the page's folder and return its path.

    Raises:
        OutputError: the file cannot be written.
    """
    lines = [*_head(example)]
    for chapter in example.chapters:
        lines += ["", f"## {chapter.title}", *_chapter(chapter)]
    lines += ["", "## What is really there", "", *truth_lines(example.outcomes)]
    lines += ["", *_river_truth(example)]
    path = folder / "README.md"
    write_text(path, "\n".join(lines) + "\n")
    return path


def _head(example: Example) -> list[str]:
    return [
        "# Worked example: one bridge over two inspections, one river over five years",
        "",
        f"Every picture is generated (seed {example.seed}); every line below was printed by the command above it.",
        f"`mizuhashi example --seed {example.seed} --out DIR` runs it all again: other identifiers, the same findings.",
    ]


def _chapter(chapter: Chapter) -> Iterator[str]:
    for step in chapter.steps:
        yield ""
        if step.words:
            yield step.words
            yield ""
        if step.command:
            yield from ("```", "$ mizuhashi " + " ".join(step.command), "```", "")
            yield from said_lines(step.said)
        yield from _pictures(step)


def _pictures(step: Step) -> Iterator[str]:
    for path, words in step.pictures:
        yield from ("", f"![{words}]({path})", "", f"*{words}*")


def said_lines(said: str) -> list[str]:
    """Return what a command printed: tab-separated lines as a table, cut after ``SHOWN_ROWS`` rows, others as text."""
    lines: list[str] = []
    text: list[str] = []
    table: list[list[str]] = []
    for line in [*said.splitlines(), ""]:
        if "\t" in line:
            lines += _text(text)
            text = []
            table.append(line.split("\t"))
            continue
        lines += _table(table)
        table = []
        if line.strip():
            text.append(line)
    return lines + _text(text)


def _text(lines: Sequence[str]) -> list[str]:
    return ["```text", *lines, "```", ""] if lines else []


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    width = max(len(row) for row in rows)
    body = [[*row, *[""] * (width - len(row))] for row in rows]
    lines = [_row(body[0]), "|---" * width + "|", *(_row(row) for row in body[1 : SHOWN_ROWS + 1])]
    left = len(body) - 1 - SHOWN_ROWS
    return [*lines, "", *([f"... and {left} more rows", ""] if left > 0 else [])]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(re.sub(r"([|*_<>])", r"\\\1", cell) for cell in cells) + " |"


def truth_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the table of every true damage beside what was found of it."""
    rows = [["damage", "what happened", "true 2021 -> 2026", "measured 2021", "measured 2026", "listed as",
             "comparison said"]]  # fmt: skip
    for outcome in outcomes:
        truth = outcome.truth
        unit = "mm" if truth.kind == "crack" else "mm²"
        found = [measured(value) if value is not None else "not found" for value in outcome.found.values()]
        pieces = " -> ".join(str(count) for count in outcome.pieces.values())
        said = ", ".join(sorted({_STATES[state] for state in outcome.states})) or "-"
        sizes = f"{_size(truth.before)} -> {_size(truth.after)} {unit}"
        rows.append([f"{truth.name} ({truth.kind})", truth.what, sizes, *found, pieces, said])
    return [
        "Cracks: largest width; others: area. \"Listed as\": as how many defects, 2021 and 2026.",
        "",
        _row(rows[0]), "|---" * len(rows[0]) + "|", *(_row(row) for row in rows[1:]),
    ]  # fmt: skip


def _size(value: float | None) -> str:
    return "none" if value is None else number(value)


def _river_truth(example: Example) -> list[str]:
    places, listed_m2 = example.erosion
    return [
        f"The river took {number(example.inputs.eroded_m2)} m² of ground between the first and the last scene, slivers "
        f"included; {number(listed_m2)} m² at {places} places are listed, those wide enough for pixels of 10 m."
    ]
