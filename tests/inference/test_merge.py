"""A survey in the store merged into defects, through the inspection and by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from typer.testing import CliRunner

from benchmarks.merge import MADE, make_flight, measure
from findings.review import Review
from findings.status import FindingStatus
from findings.store import Store, store_url
from findings.survey import Survey
from imagery.ingest import IngestOptions, describe
from imagery.synthetic.flight_views import WallView, photograph_wall
from imagery.synthetic.flight_wall import Wall, WallSpec, build_wall
from inference.merge import active_findings, merge_survey
from inference.pipeline import inspect_survey
from mizuhashi.cli import app
from tests.inference.test_pipeline import Dark, Shelf

SPEC = WallSpec(width_mm=500.0, height_mm=300.0, gsd_mm=0.8, cracks=0, pairs=0, spalls=0, limes=0, rusts=0)
SIZE = (480, 360)
SPOT_MM = (220.0, 160.0)  # of a dark square of 24 mm that the test paints on the wall


def taken(folder: Path, wall: Wall, number: int, x_mm: float, **view: float) -> Path:
    path = folder / f"view{number}.jpg"
    seen = WallView(x_mm, 150.0, 0.8, **view)  # type: ignore[arg-type]
    photo = photograph_wall(np.random.default_rng(number), wall, seen, *SIZE)
    Picture.fromarray(photo.image).save(path, quality=93)
    return path


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three views of one wall with a black square, and one of another wall with such a square."""
    folder = tmp_path_factory.mktemp("views")
    walls = [build_wall(seed, SPEC) for seed in (5, 6)]
    for wall in walls:
        x, y = (round(place / 0.8 + wall.origin_px) for place in SPOT_MM)
        wall.surface.colour[y - 15 : y + 15, x - 15 : x + 15] = 0.002
        wall.surface.height[y - 15 : y + 15, x - 15 : x + 15] = 0.0
    shots = [(0, 170.0, 4.0), (0, 250.0, 10.0), (0, 330.0, 8.0), (1, 220.0, 0.0)]
    return [
        taken(folder, walls[wall], number, x, tilt_deg=tilt, towards_deg=40.0)
        for number, (wall, x, tilt) in enumerate(shots)
    ]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(store_url(tmp_path / "home"), tmp_path / "home") as opened:
        opened.upgrade()
        yield opened


def ingest(store: Store, paths: list[Path]) -> Survey:
    images = [describe(path, options=IngestOptions(gsd_mm=0.8)) for path in paths]
    return store.open_survey("wall", None, images)[0]


def inspect(store: Store, version: str = "1") -> list[tuple[str, str]]:
    model = Dark("spalling", "7", below=25.0)
    model.card = model.card.model_copy(update={"version": version})
    report = inspect_survey(
        store, "wall", registry=Shelf(model), device=torch.device("cpu"), home=store.home  # type: ignore[arg-type]
    )  # fmt: skip
    assert "merge" in report.seconds
    return list(report.remarks)


def test_one_spot_in_three_pictures_is_listed_once_and_that_of_another_wall_beside_it(
    store: Store, views: list[Path]
) -> None:
    survey = ingest(store, views)
    remarks = inspect(store)
    every, listed = active_findings(store, "wall"), store.list_findings(survey="wall").items
    assert len(every) == 4
    assert len(listed) == 2
    assert any("4 sights are 2 defects" in words for name, words in remarks if name == "wall")
    by_defect = {finding.defect_uid: store.sights(finding.defect_uid or "") for finding, _ in listed}
    assert sorted(map(len, by_defect.values())) == [1, 3]
    assert all(sights[0].leads and not any(s.leads for s in sights[1:]) for sights in by_defect.values())
    again = merge_survey(store, survey)
    assert (again.sights, again.defects, again.registered) == (4, 2, 3)
    assert {f.uid: (f.defect_uid, f.leads) for f in active_findings(store, "wall")} == {
        f.uid: (f.defect_uid, f.leads) for f in every
    }


def test_a_defect_keeps_its_uid_over_another_model_version_and_further_pictures(
    store: Store, views: list[Path]
) -> None:
    ingest(store, views[:2])
    inspect(store)
    (before,) = {finding.defect_uid for finding in active_findings(store, "wall")}
    ingest(store, views)
    inspect(store, version="2")
    after = active_findings(store, "wall")
    assert len(after) == 4
    assert sum(finding.defect_uid == before for finding in after) == 3


def test_the_sight_that_a_person_rejected_leads_and_keeps_the_defect_rejected(store: Store, views: list[Path]) -> None:
    survey = ingest(store, views[:3])
    inspect(store)
    hidden = next(finding for finding in active_findings(store, "wall") if not finding.leads)
    store.add_reviews([Review("r1", hidden.uid, FindingStatus.REJECTED, "a tester", MADE, "api")])
    inspect(store, version="2")
    ((leader, _),) = store.list_findings(survey="wall").items
    assert leader.uid == hidden.uid
    assert leader.status is FindingStatus.REJECTED
    assert merge_survey(store, survey).defects == 1


def test_a_picture_that_can_no_longer_be_read_stays_apart_and_is_named(
    store: Store, views: list[Path], tmp_path: Path
) -> None:
    copies = [tmp_path / path.name for path in views[:3]]
    for copy, path in zip(copies, views, strict=False):
        copy.write_bytes(path.read_bytes())
    survey = ingest(store, copies)
    inspect(store)
    copies[1].unlink()
    merged = merge_survey(store, survey)
    assert merged.defects == 2
    assert any("view1.jpg takes no part in the merge" in note for note in merged.notes)


def test_a_survey_without_findings_says_nothing_of_merging(store: Store, views: list[Path]) -> None:
    survey = ingest(store, views[:1])
    assert merge_survey(store, survey).words == ()


def test_the_list_and_one_finding_tell_of_the_other_sights(store: Store, views: list[Path]) -> None:
    ingest(store, views)
    inspect(store)
    home = ["--home", str(store.home)]
    listed = CliRunner().invoke(app, [*home, "findings", "list"]).output
    assert "+2 sights" in " ".join(listed.split())
    leader = next(f for f in active_findings(store, "wall") if f.leads and len(store.sights(f.defect_uid or "")) == 3)
    shown = CliRunner().invoke(app, [*home, "findings", "show", leader.uid]).output
    others = [sight for sight in store.sights(leader.defect_uid or "") if sight.uid != leader.uid]
    for sight in others:
        assert sight.uid in shown
        assert Path(store.image(sight.image_uid).path).name in shown


@pytest.mark.slow
def test_pairs_of_sights_on_a_generated_flight_are_merged_with_precision_and_recall_of_95_percent(
    tmp_path: Path,
) -> None:
    """30 % overlap, up to 20 degrees of tilt, light that changes; the whole table: benchmarks/merge.py."""
    spec = WallSpec(width_mm=1000.0, height_mm=560.0, cracks=5, pairs=2, spalls=3, limes=1, rusts=2)
    found, _, _, _ = measure(make_flight(tmp_path, 4, spec, width_px=900, height_px=680, tilt_deg=20.0))
    assert found.are_one >= 25
    assert found.precision >= 0.95
    assert found.recall >= 0.95
