"""The demo: the main job from generated files to the ranked list, in a home of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from findings.errors import OutputError
from findings.files import write_text
from findings.finding import Finding
from findings.store import Store, store_url
from findings.survey import Image
from imagery.coverage import cover
from imagery.ingest import IngestOptions, describe
from imagery.synthetic.bridge_survey import BridgeTruth, PhotoTruth, generate_bridge_survey
from inference.device import pick_device
from inference.outcome import Report, Stopwatch
from inference.pipeline import inspect_survey
from mizuhashi.coverage_words import in_words
from mizuhashi.generated_river import RIVER_UID, make_river
from mizuhashi.listing import COLUMNS, Row, cells, export_csv, export_geojson, ranked
from mizuhashi.output import Output, seconds
from mizuhashi.report import PageData, SurveyPart, write_report
from mizuhashi.truth import Comparison, compare, true_photo
from models.registry import Registry

PHOTOS = 8
SHOWN = 10
BRIDGE, RIVER = "demo-bridge", "demo-river"
OWN = ("home", "generated", "overlays")
FILES = (
    ("findings.geojson", "all findings for a map"),
    ("findings.csv", "all findings for a spreadsheet"),
    ("overlays/", "one picture a finding, numbered by rank"),
    ("generated/", "the generated photographs and scenes, with what they really show"),
    ("home/", "the store of this demo: mizuhashi --home DIR findings list"),
)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo made."""

    out: Path
    findings: int
    failed: int


def run_demo(out: Path, seed: int, output: Output) -> DemoResult:
    """Generate a bridge and a river, inspect both, and write list, overlays and page into ``out``.

    A second run replaces what the first one made; nothing outside ``out`` is touched.

    Raises:
        OutputError: ``out`` holds something else, or cannot be written.
    """
    watch = Stopwatch()
    prepare(out, seed)
    home = out / "home"
    with Store(store_url(home), home, actor="demo") as store:
        store.upgrade()
        with watch.stage("generate the bridge's photographs"), output.progress("generate") as progress:
            bridge = generate_bridge_survey(
                np.random.default_rng([seed, 1]),
                out / "generated" / "bridge",
                PHOTOS,
                on_photo=lambda done, total: progress("photograph", done, total),
            )
        with watch.stage("generate the river's scenes"):
            river = make_river(np.random.default_rng([seed, 2]), out / "generated" / "river")
        with watch.stage("ingest"):
            _ingest(store, output, home, bridge, river.assets_path, river.scenes)
        reports = _inspect(store, output, home, watch)
        rows = list(ranked(store))
        parts = tuple(_part(store, report) for report in reports)
    with watch.stage("write list, overlays and page"):
        truth = (compare_cracks(rows, parts, bridge), river.eroded_m2)
        result = _write(out, seed, rows, parts, watch, truth)
    _say(output, out, rows, reports, watch)
    return replace(result, failed=sum(report.images_failed for report in reports))


def prepare(out: Path, seed: int, what: str = "demo", own: Sequence[str] = OWN) -> None:
    """Make ``out`` empty of an earlier run, and mark it as the command's folder.

    Args:
        out: the folder.
        seed: written into the mark.
        what: the command, ``demo`` or ``example``.
        own: folders below ``out`` that the command makes.

    Raises:
        OutputError: it holds something that the command did not make, or cannot be written.
    """
    marker = out / f"{what}.json"
    if out.exists() and not marker.is_file() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out}: holds something else than an earlier {what}; choose a new folder by --out")
    try:
        for name in own:
            if (out / name).exists():
                shutil.rmtree(out / name)
    except OSError as error:
        raise OutputError(
            f"{out}: an earlier {what} cannot be removed ({error.strerror}); choose another --out"
        ) from error
    write_text(marker, json.dumps({"made_by": f"mizuhashi {what}", "seed": seed}) + "\n")


def _ingest(
    store: Store, output: Output, home: Path, bridge: BridgeTruth, river_assets: Path, scenes: Sequence[Path]
) -> None:
    from findings.assets_file import read_assets

    options = IngestOptions(mask_folder=home / "masks")
    for path in (bridge.assets_path, river_assets):
        assets, errors = read_assets(path)
        if errors:
            raise errors[0]
        store.put_assets(assets)
    with output.progress("ingest") as progress:
        total = len(bridge.photos) + len(scenes)
        photographs = []
        for done, photo in enumerate(bridge.photos):
            progress(photo.path.name, done, total)
            photographs.append(_placed(describe(photo.path, options=options), photo))
        pictures = []
        for done, scene in enumerate(scenes, len(photographs)):
            progress(scene.name, done, total)
            pictures.append(describe(scene, options=options))
        progress("", total, total)
    store.open_survey(BRIDGE, bridge.asset_uid, photographs)
    store.open_survey(RIVER, RIVER_UID, pictures)


def _placed(image: Image, photo: PhotoTruth) -> Image:
    """Return the image with span and member, which an inspector's photo list would give."""
    return replace(image, span=photo.span, member=photo.member)


def _inspect(store: Store, output: Output, home: Path, watch: Stopwatch) -> list[Report]:
    reports = []
    device = pick_device("auto")
    for name, title in ((BRIDGE, "inspect the bridge"), (RIVER, "inspect the river")):
        with watch.stage(title), output.progress(title) as progress:
            reports.append(
                inspect_survey(store, name, registry=Registry(home), device=device, home=home, progress=progress)
            )
    return reports


def _part(store: Store, report: Report) -> SurveyPart:
    survey = store.survey(report.survey)
    asset = store.asset(survey.asset_uid).name if survey.asset_uid else ""
    images = tuple(store.images(survey.uid))
    covered = cover(images, {asset.uid: asset for asset in store.assets()}, survey.asset_uid)
    return SurveyPart(survey.name, asset, images, report.models, report.remarks, tuple(map(in_words, covered)))


def compare_cracks(rows: Sequence[Row], parts: Sequence[SurveyPart], bridge: BridgeTruth) -> Comparison:
    """Return the found cracks of the bridge against what its photographs really show."""
    names = {image.uid: Path(image.path).name for part in parts for image in part.images}
    found: dict[str, list[Finding]] = {}
    for row in rows:
        found.setdefault(names.get(row.finding.image_uid, ""), []).append(row.finding)
    truth = {photo.path.name: true_photo(photo.cracks, photo.gsd_mm) for photo in bridge.photos}
    return compare(found, truth)


def _write(
    out: Path,
    seed: int,
    rows: list[Row],
    parts: tuple[SurveyPart, ...],
    watch: Stopwatch,
    truth: tuple[Comparison, float],
) -> DemoResult:
    pictures = copy_overlays(rows, out / "home", out / "overlays")
    export_geojson(rows, out / "findings.geojson")
    export_csv(rows, out / "findings.csv")
    page = PageData(
        title="点検所見リスト Ranked inspection findings",
        generated_seed=seed,
        rows=tuple(rows),
        pictures=pictures,
        surveys=parts,
        durations=dict(watch.seconds),
        comparison=truth[0],
        eroded_m2=truth[1],
        files=FILES,
    )
    write_report(page, out / "report.html")
    return DemoResult(out, len(rows), 0)


def copy_overlays(rows: Sequence[Row], home: Path, folder: Path) -> Mapping[str, Path]:
    """Copy each finding's overlay to ``folder``, named by rank, damage and id; return the copies by finding.

    Raises:
        OutputError: the folder cannot be written.
    """
    copies: dict[str, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for row in rows:
            source = row.finding.evidence.get("overlay")
            if source is not None:
                target = folder / f"{row.rank:03d}-{row.finding.damage}-{row.finding.uid[:8]}{Path(source).suffix}"
                shutil.copyfile(home / source, target)
                copies[row.finding.uid] = target
    except OSError as error:
        raise OutputError(f"{folder}: overlays cannot be written ({error.strerror}); free some space") from error
    return copies


def _say(output: Output, out: Path, rows: Sequence[Row], reports: Sequence[Report], watch: Stopwatch) -> None:
    for report in reports:
        for name, reason in (*report.failures, *report.not_assessed, *report.remarks):
            output.remark(f"{name}: {reason}")
    output.table(COLUMNS, [cells(row) for row in rows[:SHOWN]], title=f"the first {SHOWN} of {len(rows)} findings")
    output.say()
    for name, duration in watch.seconds.items():
        output.say(f"{seconds(duration):>12}  {name}")
    output.say(f"{seconds(sum(watch.seconds.values())):>12}  in all")
    output.say()
    output.result(f"open {out / 'report.html'}; the pictures are in {out / 'overlays'}")
