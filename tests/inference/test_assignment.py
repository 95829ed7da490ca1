"""What a picture shows decides whose finding it is, by which rule it is graded, and where it is ranked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shapely.geometry import Point

from findings.asset import Asset, AssetKind, Span, Structure
from findings.finding import Finding
from findings.grading import grade
from findings.store import Store, store_url
from findings.survey import Assignment, AssignmentSource
from imagery.ingest import IngestOptions, describe
from tests.inference.test_pipeline import Dark, inspect, wall

RC = Asset("rc", AssetKind.BRIDGE, "RC橋", Structure.RC, Point(131, 34), (Span(1), Span(2)))
PC = Asset("pc", AssetKind.BRIDGE, "PC橋", Structure.PC, Point(132, 34), attributes={"detour_km": 30.0})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    home = tmp_path / "home"
    with Store(store_url(home), home) as opened:
        opened.upgrade()
        opened.put_assets([RC, PC])
        images = [
            describe(wall(tmp_path / f"{name}.png", (60, 80), seed=seed), options=IngestOptions(gsd_mm=0.5))
            for seed, name in enumerate("ab")
        ]
        opened.open_survey("s", "rc", images)
        yield opened


def found(store: Store) -> dict[str, Finding]:
    """Return the one finding of each picture by the picture's name."""
    names = {image.uid: Path(image.path).stem for image in store.images(store.survey("s").uid)}
    return {names[finding.image_uid]: finding for finding, _ in store.list_findings().items}


def assign(store: Store, name: str, assignment: Assignment) -> None:
    uid = next(image.uid for image in store.images(store.survey("s").uid) if Path(image.path).stem == name)
    store.assign_images({uid: assignment})


def test_each_picture_is_judged_as_its_own_asset(store: Store) -> None:
    assign(store, "b", Assignment("pc", None, "Mg", AssignmentSource.FOLDER, 0.9))
    inspect(store, Dark("crack", "6", 90))
    a, b = found(store)["a"], found(store)["b"]
    assert (a.asset_uid, a.member) == ("rc", None)
    assert (b.asset_uid, b.member) == ("pc", "Mg")
    # both cracks are judged by the rule of their own bridge: PC tightens the width classes (section 1.5)
    assert a.grade == grade("6", a.measures, Structure.RC, a.details)
    assert b.grade == grade("6", b.measures, Structure.PC, b.details)
    assert a.grade != b.grade
    ranked = {finding.uid: priority for finding, priority in store.list_findings().items if priority is not None}
    detours = [{term.name: term for term in ranked[uid].terms}["detour_km"] for uid in (a.uid, b.uid)]
    assert [term.value is not None for term in detours] == [False, True]  # what is known of each finding's own bridge


def test_inspecting_again_after_a_new_assignment_moves_the_same_findings(store: Store) -> None:
    inspect(store, Dark("crack", "6", 90))
    before = found(store)
    assign(store, "b", Assignment("pc", None, None, AssignmentSource.PERSON, 1.0))
    assert store.findings_behind(store.survey("s").uid) == 1
    report = inspect(store, Dark("crack", "6", 90))
    after = found(store)
    assert report.findings_new == 0
    assert {name: finding.uid for name, finding in after.items()} == {n: f.uid for n, f in before.items()}
    assert [(before[name].asset_uid, after[name].asset_uid) for name in "ab"] == [("rc", "rc"), ("rc", "pc")]
    assert after["b"].grade != before["b"].grade
    assert store.findings_behind(store.survey("s").uid) == 0


def test_a_span_without_an_asset_belongs_to_the_surveys_asset(store: Store) -> None:
    assign(store, "a", Assignment(None, 2, None, AssignmentSource.FOLDER, 0.9))
    inspect(store, Dark("crack", "6", 90))
    assert [(found(store)[name].asset_uid, found(store)[name].span) for name in "ab"] == [("rc", 2), ("rc", None)]
