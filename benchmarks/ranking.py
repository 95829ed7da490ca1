"""How long 100,000 findings on 5,000 assets take to rank: ``python -m benchmarks.ranking [--store]``.

Ranking means order, scores and rank ranges of all, and every term in words for the first 1,000, which is what a page
and a planner's list show. ``--store`` also fills a store of that many findings and tells what ranking it whole takes:
reading, ranking, words for all, writing.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from shapely.geometry import Point, box

from findings.asset import Asset, AssetKind
from findings.finding import Domain, Finding, FindingStatus, Grade, Provenance
from findings.measure import Measure
from findings.profile import load_profile
from findings.ranking import Ranking
from findings.sensitivity import sensitivity
from findings.store import ModelRun, Store, store_url
from findings.store.rank import every_finding
from findings.survey import Image, ImageKind, ImageStatus, Quality, Scale

TARGET_S = 2.0
MADE = Provenance("crack", "2", "0" * 64, 0.9, "0" * 64, "0")
NOW = datetime(2026, 4, 1, tzinfo=UTC)
CODES = (("b",), ("c",), ("c", "d"), ("d",), ("d", "e"), ("e",))
STAGES = (("a", "b"), ("b",), ("b", "c"), ("c", "d"))


def assets(rng: np.random.Generator, count: int) -> dict[str, Asset]:
    """Return bridges, and a river reach in every fifth place, some inventory values missing."""
    made = {}
    for number in range(count):
        river = number % 5 == 4
        values: dict[str, object] = {"population_flood": int(rng.integers(0, 20000))}
        if river:
            values["flood_defence_class"] = str(rng.choice(["A", "B", "watch", "none"]))
        else:
            values |= {"emergency_route": str(rng.integers(0, 4)), "detour_km": float(rng.uniform(0, 60))}
            values |= {"aadt": int(rng.integers(50, 40000))} if rng.random() < 0.7 else {}
        kind = AssetKind.RIVER_REACH if river else AssetKind.BRIDGE
        sound = None if river else (None, "I", "II", "III", "IV")[int(rng.integers(0, 5))]
        uid = f"asset-{number:05d}"
        made[uid] = Asset(uid, kind, uid, soundness=sound, attributes=values)
    return made


def findings(rng: np.random.Generator, count: int, known: dict[str, Asset]) -> list[Finding]:
    """Return findings spread over the assets."""
    owners, outline = list(known.values()), box(0, 0, 10, 10)
    chosen, sizes, sure = rng.integers(0, len(owners), count), rng.exponential(1.0, count), rng.random(count)
    status = rng.choice(np.array(["candidate", "confirmed", "rejected"]), count, p=[0.7, 0.25, 0.05])
    made = []
    for number in range(count):
        asset = owners[chosen[number]]
        river = asset.kind is AssetKind.RIVER_REACH
        codes = STAGES[number % len(STAGES)] if river else CODES[number % len(CODES)]
        grade = Grade("river_rating" if river else "mlit_damage", codes, "", "", "grade_rules", "1", "draft")
        size = float(sizes[number])
        measure = (
            Measure("area", 1e4 * size, "m2", None, None, "") if river else Measure("length", size, "m", None, None, "")
        )
        made.append(
            Finding(
                f"finding-{number:07d}", "survey", f"image-{number % 9999}", asset.uid,
                Domain.RIVER if river else Domain.BRIDGE, "R17" if river else "6", grade, (measure,), Scale(), outline,
                Point(131, 34), "asset", float(sure[number]), MADE, status=FindingStatus(str(status[number])),
            )
        )  # fmt: skip
    return made


def in_store(known: dict[str, Asset], found: list[Finding]) -> dict[str, float]:
    """Return how long reading, ranking, words for all and writing take over a store, first time and again."""
    taken: dict[str, float] = {}
    with TemporaryDirectory() as folder, Store(store_url(Path(folder)), Path(folder)) as store:
        store.upgrade()
        store.put_assets(list(known.values()))
        _fill(store, found)
        for turn in ("first", "again"):
            started = time.process_time()
            kept = every_finding(store)
            read = time.process_time()
            ranking = Ranking(kept, known, load_profile())
            ordered = time.process_time()
            words = ranking.priorities()
            worded = time.process_time()
            store.put_priorities(words)
            written = time.process_time()
            for name, seconds in (
                ("read", read - started), ("rank", ordered - read), ("words", worded - ordered),
                ("write", written - worded),
            ):  # fmt: skip
                taken[f"{turn}: {name}"] = seconds
    return taken


def _fill(store: Store, found: list[Finding]) -> None:
    """Record the findings as candidates on one image a thousand."""
    count = -(-len(found) // 1000)
    images = [
        Image(
            f"image-{n}",
            "",
            f"{n}.jpg",
            f"{n:064x}",
            ImageKind.PHOTO,
            4000,
            3000,
            ("red", "green", "blue"),
            Scale(),
            Quality(True),
        )
        for n in range(count)
    ]
    survey, _ = store.open_survey("benchmark", None, images)
    run = ModelRun("crack", "2", "0" * 64, "0", NOW, NOW)
    for number, image in enumerate(store.images(survey.uid)):
        part = found[number * 1000 : (number + 1) * 1000]
        plain = [replace(f, image_uid=image.uid, survey_uid=survey.uid, status=FindingStatus.CANDIDATE) for f in part]
        store.record_image(replace(image, status=ImageStatus.INSPECTED), run, plain)


def main() -> None:
    """Rank and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--assets", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--store", action="store_true", help="also rank a store of as many findings")
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    known = assets(rng, given.assets)
    found = findings(rng, given.findings, known)
    profile = load_profile()
    taken = []
    for _ in range(given.rounds):
        started = time.process_time()
        ranking = Ranking(found, known, profile)
        ordered = time.process_time() - started
        for index in range(min(1000, len(ranking))):
            ranking.explain(index)
        taken.append((time.process_time() - started, ordered))
    tracemalloc.start()
    Ranking(found, known, profile)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()  # it slows down what is timed below
    whole, ordered = min(taken)
    print(
        f"{given.findings} findings on {given.assets} assets: order, scores and ranges {ordered:.2f} s, with the first "
        f"1,000 in words {whole:.2f} s of processor time, {peak:.0f} MiB on top; target {TARGET_S:g} s"
    )
    started = time.process_time()
    stable = sensitivity(Ranking(found, known, profile))
    print(
        f"stability of the first {stable.head} over {stable.draws} draws, with the ranking: "
        f"{time.process_time() - started:.2f} s; {stable.kept:.0%} stay, {len(stable.fragile)} fragile"
    )
    if given.store:
        times = in_store(known, found)
        told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in times.items())
        print(f"store, seconds of processor time: {told}")


if __name__ == "__main__":
    main()
