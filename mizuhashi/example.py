"""The worked example: the commands of two inspections and of five years of a river, run one after the other.

Every command is run as a user would run it, in a process of its own, and its words are kept for the page.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from findings.errors import OutputError
from findings.store import Store, store_url
from findings.tracking import TrackState
from mizuhashi.demo import prepare
from mizuhashi.example_inputs import BRIDGE_UID, RIVER_UID, ExampleInputs, ExampleSpec, write_inputs
from mizuhashi.example_pictures import contact_sheet, river_pictures, then_and_now
from mizuhashi.example_review import decide
from mizuhashi.example_truth import Outcome, listed_erosion, outcomes
from mizuhashi.output import Output
from mizuhashi.truth import CRACK

REVIEWER = "generator"
RIVER = "river-2021-2026"
PAGE = "page"
OWN = ("home", "generated", "then-and-now", PAGE)
_ALLOWED = (0, 3)  # done, and done in part


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the example.

    Attributes:
        words: what a reader should know before it.
        command: the words after ``mizuhashi``; empty where the example itself did something.
        said: what it printed, its notes included.
        status: exit status.
        pictures: files that the page shows after it, relative to the example's folder, with what they show.
    """

    words: str
    command: tuple[str, ...]
    said: str = ""
    status: int = 0
    pictures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """Steps under one heading."""

    title: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """What was run, on what, and what came of it.

    Attributes:
        outcomes: what was found of each true damage of the bridge.
        erosion: number of places listed as eroded, and their area in m2.
    """

    inputs: ExampleInputs
    seed: int
    chapters: tuple[Chapter, ...]
    outcomes: tuple[Outcome, ...]
    erosion: tuple[int, float]


class Runner:
    """Runs commands in the example's folder, each in its own process, and shows which one is at work."""

    def __init__(self, folder: Path, output: Output) -> None:
        self.folder = folder
        self._output = output
        self._environment = {**os.environ, "MIZUHASHI_HOME": "home"}

    def __call__(
        self,
        words: str,
        *command: str,
        pictures: Sequence[tuple[str, str]] = (),
        expected: Sequence[int] = _ALLOWED,
    ) -> Step:
        """Return a step that was run and ended with one of the expected statuses.

        Raises:
            OutputError: the command failed.
        """
        self._output.say("mizuhashi " + " ".join(command))
        done = subprocess.run(  # noqa: S603 - our own program with our own words
            [sys.executable, "-m", "mizuhashi", *command],
            cwd=self.folder, env=self._environment, capture_output=True, text=True, encoding="utf-8", check=False,
        )  # fmt: skip
        if done.returncode not in expected:
            raise OutputError(f"`mizuhashi {' '.join(command)}` ended with {done.returncode}: {done.stderr[-2000:]}")
        notes = [line for line in done.stderr.splitlines() if line.startswith("note")]
        return Step(words, command, "\n".join([done.stdout.rstrip(), *notes]), done.returncode, tuple(pictures))


def run_example(out: Path, seed: int, output: Output, spec: ExampleSpec | None = None) -> Example:
    """Generate the pictures, run every command below ``out`` and return what they said.

    A second run replaces what the first one made; nothing outside ``out`` is touched.

    Raises:
        OutputError: ``out`` holds something else or cannot be written, or a command failed.
    """
    prepare(out, seed, "example", OWN)
    output.say("generating two flights and six years of scenes")
    inputs = write_inputs(out / "generated", seed, spec)
    run = Runner(out.resolve(), output)
    chapters = (
        Chapter("First inspection of the bridge, 2021", tuple(_inspection(run, inputs, "2021"))),
        Chapter("Second inspection, 2026", tuple(_inspection(run, inputs, "2026"))),
        Chapter("What became of each damage", tuple(_comparison(run))),
        Chapter("Five years of one river", tuple(_river(run))),
        Chapter("One list over the bridge and the river", tuple(_lists(run))),
        Chapter("What leaves the house", tuple(_exports(run))),
    )
    with Store(store_url(out / "home"), out / "home") as store:
        return Example(inputs, seed, chapters, tuple(outcomes(store, inputs)), listed_erosion(store, RIVER))


def _inspection(run: Runner, inputs: ExampleInputs, year: str) -> Iterator[Step]:
    survey = f"bridge-{year}"
    sheet = f"pictures/flight-{year}.jpg"
    contact_sheet(sorted(inputs.flights[year].rglob("*.jpg")), inputs.columns, run.folder / PAGE / sheet)
    yield Step("", (), pictures=((sheet, f"The photographs of {year}, row by row."),))
    if year == min(inputs.flights):
        yield run("The bridge and the reach come from one GeoJSON.", "assets", "import", "generated/assets.geojson")
    yield run(
        "Scale comes from each photograph's own laser range and focal length.",
        "ingest", f"generated/bridge/{year}", "--survey", survey, "--asset", BRIDGE_UID,
    )  # fmt: skip
    yield run("The folders say span and member.", "surveys", "assign", survey, "--folders")
    yield run("The shipped models look at every photograph.", "inspect", "--survey", survey)
    file = f"review-{year}.json"
    yield run(
        "The marks go out for review.",
        "reviews", "export", "--survey", survey, "--format", "coco", "--out", file,
    )  # fmt: skip
    made = decide(run.folder / file, inputs.shown[year])
    yield Step(
        f"An engineer would decide in a label tool. Here the generator decides, which knows where damage is: "
        f"{made['confirmed']} marks confirmed, {made['rejected']} rejected (they lie on no damage).",
        (),
    )
    yield run("The decisions come back.", "reviews", "import", file, "--format", "coco", "--reviewer", REVIEWER)


def _comparison(run: Runner) -> Iterator[Step]:
    yield run(
        "Photographs of both years are laid over each other by what the surface shows; then damage is matched.",
        "findings", "compare", "bridge-2021", "bridge-2026", "--out", "then-and-now",
    )  # fmt: skip
    grown = fastest_crack(run.folder / "home")
    with _store(run) as store:
        shown = tuple(then_and_now(store, "bridge-2026", run.folder / "then-and-now", run.folder / PAGE, grown))
    yield Step("Both years in one frame, blue as of 2021, yellow as of 2026:", (), pictures=shown)
    if grown is not None:
        curve = "pictures/curve.png"
        yield run("Its growth curve:", "findings", "curve", grown, "--out", f"{PAGE}/{curve}",
                  pictures=[(curve, "Measured, fitted and extrapolated width.")])  # fmt: skip


def _store(run: Runner) -> Store:
    return Store(store_url(run.folder / "home"), run.folder / "home")


def fastest_crack(home: Path) -> str | None:
    """Return the uid of the progressed crack of the second survey that grew most in width or length, or None."""
    with Store(store_url(home), home) as store:
        rates = {
            track.finding_uid: max(growth.per_year or 0.0 for growth in track.growth)
            for track in store.tracks(store.survey("bridge-2026").uid)
            if track.finding_uid and track.growth and track.state is TrackState.PROGRESSED
            and store.finding(track.finding_uid)[0].damage == CRACK
        }  # fmt: skip
    return max(rates, key=lambda uid: rates[uid], default=None)


def _river(run: Runner) -> Iterator[Step]:
    yield run("Scenes and their masks.", "ingest", "generated/river", "--survey", RIVER, "--asset", RIVER_UID)
    yield run("Water, bars and trees of all years.", "inspect", "--survey", RIVER)
    with _store(run) as store:
        shown = tuple(river_pictures(store, RIVER, run.folder / "home", run.folder / PAGE))
    yield Step("", (), pictures=shown)


def _lists(run: Runner) -> Iterator[Step]:
    yield run("Defect by defect, every term told, and what is missing with how far it could move the place:",
              "priorities", "list", "--limit", "12")  # fmt: skip
    yield run("Asset by asset, with what counts together:", "priorities", "assets")
    yield run("The list is issued: [priority-list.csv](priority-list.csv). The next one will say what moved, and why.",
              "priorities", "export", "--out", f"{PAGE}/priority-list.csv", "--actor", "example")  # fmt: skip
    yield run("No prices are invented: without the agency's unit costs there is no plan, but what it needs is told.",
              "priorities", "plan", "--budget", "5000000", expected=(1,))  # fmt: skip


def _exports(run: Runner) -> Iterator[Step]:
    for survey in ("bridge-2026", RIVER):
        pdf, sheets = f"{survey}.pdf", f"{survey}.xlsx"
        yield run(f"The report, here with its first findings alone: [{pdf}]({pdf}).",
                  "report", survey, "--out", f"{PAGE}/{pdf}", "--limit", "6")  # fmt: skip
        command = ("findings", "export", "--survey", survey, "--format", "xlsx", "--out", f"{PAGE}/{sheets}")
        yield run(f"The sheets: [{sheets}]({sheets}).", *command)
