"""A survey in AASHTO states and UK scores, through the program's own door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from findings.errors import GradingError
from findings.finding import FindingStatus
from findings.measure import Measure
from findings.store import Store, store_url
from findings.survey import ImageStatus
from mizuhashi.elements import element_views, view_cells
from tests.findings.factories import a_bridge, a_grade
from tests.findings.factories import a_finding as plain_finding
from tests.findings.store.samples import RUN, a_finding
from tests.mizuhashi.conftest import Program

SIZES = (Measure("width_p95", 0.5, "mm", 0.5, 0.5, "test"), Measure("length", 10.0, "m", 10.0, 10.0, "test"))
UIDS = ("5a5a5a5a-0000-5000-8000-000000000001", "5a5a5a5a-0000-5000-8000-000000000002")


@pytest.fixture
def surveyed(program: Program, home: Path, photo: Callable[..., Path]) -> Program:
    """A survey of one photograph of a deck with a crack, and one finding whose member nobody knows."""
    assert program("ingest", photo("a.jpg").parent, "--survey", "bridge").status == 0
    with Store(store_url(home), home) as store:
        image = store.images(store.survey("bridge").uid)[0]
        found = [
            a_finding(image, uid, member=member, damage="6", measures=SIZES, grade=a_grade("d"), evidence={})
            for uid, member in zip(UIDS, ("Ds", None), strict=True)
        ]
        store.record_image(replace(image, status=ImageStatus.INSPECTED), RUN, found)
    return program


def test_a_survey_is_shown_by_element_with_what_the_total_makes_known(surveyed: Program) -> None:
    told = surveyed("findings", "elements", "bridge", "--total", "12=100", "--json").document
    deck, psc = told["elements"][:2]
    assert (deck["number"], deck["total"], deck["or_elements"]) == ("12", 100.0, ["13", "30"])
    assert deck["states"][2]["value"] == pytest.approx(3.048)  # without RC or PC the worse of both
    assert deck["uk"]["extents"] == ["B"]
    assert psc["states"][0]["value"] is None
    assert told["on_no_element"] == [UIDS[1]]
    assert "never for an official record" in told["note"]


def test_the_table_says_what_is_unknown_and_that_it_is_for_display_only(surveyed: Program) -> None:
    told = surveyed("findings", "elements", "bridge")
    assert told.status == 0
    assert "unknown" in told.out
    assert "never for an official record" in told.out + told.err
    assert "1 findings lie on no element" in told.out + told.err


@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        (["12"], "NUMBER=QUANTITY"),
        (["12=much"], "NUMBER=QUANTITY"),
        (["12=5", "12=6"], "given twice"),
        (["110=5"], "leave it out"),
        (["12=-5"], "positive"),
    ],
)
def test_a_total_that_cannot_be_is_refused(surveyed: Program, totals: list[str], expected: str) -> None:
    words = [word for total in totals for word in ("--total", total)]
    told = surveyed("findings", "elements", "bridge", *words)
    assert told.status != 0
    assert expected in told.err


def test_a_rejected_finding_is_on_no_element_and_a_known_structure_leaves_one() -> None:
    crack = plain_finding("1", damage="6", member="床版", measures=SIZES, grade=a_grade("d"))
    rejected = replace(crack, uid="2", grade=a_grade("e"), status=FindingStatus.REJECTED)
    views, left = element_views([crack, rejected], a_bridge(), {"12": 50.0})
    assert ([view.states.number for view in views], left) == (["12"], [])
    assert view_cells(views[0])[:6] == ("12 RC deck RC床版", "m2", "50.0", "47.0", "3.05", "0")
    assert view_cells(views[0])[7] == "3/4"
    with pytest.raises(GradingError, match="leave it out"):
        element_views([], None, {"12": 1.0})
