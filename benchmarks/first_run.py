"""The first run on real pictures: inspect the real sets, and count what carries a grade, a trace and a picture.

Run from the project's root, with the folder of real data beside it::

    .venv/bin/python -m benchmarks.first_run --home runs/first-run > runs/first-run.md
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from findings.store import Store, store_url
from mizuhashi.__main__ import main as mizuhashi

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TILE_BANDS = "coastal,blue,green,red,nir,swir1,swir2,-,-,-,-,-"


@dataclass(frozen=True, slots=True)
class Job:
    """One survey of real pictures and how it is taken in."""

    survey: str
    files: tuple[Path, ...]
    options: tuple[str, ...]
    about: str
    model: str | None = None  # None: the champions


def jobs() -> tuple[Job, ...]:
    """Return the surveys of the first run."""
    cracks, tiles = DATA / "cracks" / "uav_concrete", DATA / "water" / "tiles30m"
    return (
        Job("brighton-beach", (DATA / "drone" / "brighton_beach",), (), "eight nadir drone photographs"),
        Job(
            "brighton-beach", (DATA / "drone" / "brighton_beach",), (),
            "the same, with the crack model named, at a scale it was not made for", "crack@1",
        ),
        Job(
            "uav-concrete-test", _of_split(cracks, "name", "images/{}.webp"), ("--gsd-mm", "1.0", "--gsd-sigma", "0.3"),
            "test split; 1.0 +- 0.3 mm/px is an assumption, the set states no scale",
        ),
        Job(
            "ucayali", tuple(sorted((DATA / "water" / "ucayali_landsat").glob("*.tif"))),
            ("--bands", "swir1,nir,red,green"), "eight scenes, 1985 to 2020, 8-bit display stretch",
        ),
        Job(
            "tiles30m-test", _of_split(tiles, "tile", "images/{}.tif"), ("--bands", TILE_BANDS),
            "test split; no georeference in the files: image coordinates only",
        ),
    )  # fmt: skip


def _of_split(root: Path, column: str, pattern: str) -> tuple[Path, ...]:
    with (root / "split.csv").open(encoding="utf-8", newline="") as file:
        return tuple(root / pattern.format(row[column]) for row in csv.DictReader(file) if row["split"] == "test")


def call(*words: str) -> tuple[int, str]:
    """Return exit status and standard output of one command."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = mizuhashi(list(words))
    return status, out.getvalue()


def tally(store: Store, survey: str, home: Path) -> dict[str, Any]:
    """Return what the store holds for a survey: findings by kind of answer, and pictures by fate."""
    answers: Counter[str] = Counter()
    damages: Counter[str] = Counter()
    complete = 0
    cursor = None
    while True:
        page = store.list_findings(survey=survey, limit=1000, cursor=cursor)
        for finding, _ in page.items:
            damages[finding.damage] += 1
            codes = finding.grade.codes if finding.grade is not None else ()
            kind = "one grade" if len(codes) == 1 else "set of grades" if codes else "no rule"
            answers[kind] += 1
            overlay = home / finding.evidence.get("overlay", "none")
            complete += bool(codes and finding.grade and finding.grade.trace_ja and overlay.is_file())
        cursor = page.next_cursor
        if cursor is None:
            break
    images = store.images(store.survey(survey).uid)
    fates = Counter(f"{image.status.value}: {image.reason}" if image.reason else image.status.value for image in images)
    return {"answers": answers, "damages": damages, "complete": complete, "fates": fates, "images": images}


def main() -> int:
    """Run the surveys and print the tables of docs/first-run.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    home = parser.parse_args().home.resolve()
    for job in jobs():
        started = time.perf_counter()
        at = ("--home", str(home))
        taken, _ = call(*at, "ingest", *map(str, job.files), "--survey", job.survey, *job.options)
        model = ("--model", job.model) if job.model is not None else ()
        inspected, said = call(*at, "inspect", "--survey", job.survey, *model, "--json")
        report = json.loads(said)
        with Store(store_url(home), home) as store:
            found = tally(store, job.survey, home)
        print(f"## {job.survey}: {job.about}\n")
        print(f"models {', '.join(report['models'])}; exit status {taken} and {inspected}; "
              f"{time.perf_counter() - started:.0f} s\n")  # fmt: skip
        print("| pictures | count |\n|---|---|")
        for fate, count in found["fates"].most_common():
            print(f"| {fate} | {count} |")
        print("\n| findings | count |\n|---|---|")
        for name, count in [*found["answers"].most_common(), *sorted(found["damages"].items())]:
            print(f"| {name} | {count} |")
        print(f"| with grade or set, trace and overlay | {found['complete']} |")
        reasons = Counter(row["remark"] for row in report["remarks"])
        for reason, count in reasons.most_common():
            print(f"| remark: {reason} | {count} |")
        print()
        if job.survey == "brighton-beach" and job.model is None:
            print("| photograph | GSD | source | footprint, corner by corner (lon lat) |\n|---|---|---|---|")
            for image in found["images"]:
                corners = list(image.footprint.exterior.coords)[:4] if image.footprint is not None else []
                outline = "; ".join(f"{lon:.6f} {lat:.6f}" for lon, lat in corners)
                scale = image.scale
                size = f"{scale.gsd_mm:.1f} +- {scale.sigma_mm:.1f} mm | {scale.source.value}"
                print(f"| {Path(image.path).name} | {size} | {outline} |")
            print()
    status, table = call("--home", str(home), "findings", "list", "--limit", "15")
    print("## First of the ranked list over all surveys\n\n```\n" + table + "```")
    return status


if __name__ == "__main__":
    sys.exit(main())
