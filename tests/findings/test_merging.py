"""Sights grouped into defects: by place, kind and appearance; stable, order-free, idempotent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon, box

from findings.finding import Finding, FindingStatus
from findings.links import GroundPlace
from findings.merging import Merged, merge
from findings.registration import PictureRegistration
from findings.survey import Image, ImageKind, Quality, Scale
from tests.findings.factories import a_finding, a_measure

SHIFT = 300.0  # the second picture begins so much to the right on the wall, the third twice as much


def shifted(by: float = SHIFT, rms_px: float = 0.5, overlap: Polygon | None = None) -> PictureRegistration:
    return PictureRegistration((1, 0, -by, 0, 1, 0, 0, 0, 1), 100, rms_px, overlap or box(0, 0, 1000 - by, 800))


JOINED = {("a", "b"): shifted(), ("b", "c"): shifted(), ("a", "c"): shifted(2 * SHIFT)}


def picture(uid: str, **changes: Any) -> Image:
    plain = Image(
        uid, "survey", f"/{uid}.jpg", "0", ImageKind.PHOTO, 1000, 800, ("red", "green", "blue"), Scale(), Quality(True)
    )
    return replace(plain, **changes)


PICTURES = {uid: picture(uid) for uid in "abc"}


def sight(uid: str, image: str, outline: Polygon, **changes: Any) -> Finding:
    """A sight whose outline is given on the wall; pictures a, b, c begin at 0, 300 and 600."""
    left = {"a": 0.0, "b": SHIFT, "c": 2 * SHIFT}[image]
    here = Polygon([(x - left, y) for x, y in outline.exterior.coords])
    fields = {"damage": "6", "details": {"class": "crack"}} | {
        key: changes.pop(key) for key in ("damage", "details", "score", "status", "measures") if key in changes
    }
    return replace(a_finding(uid, **fields), image_uid=image, geometry_px=here, **changes)


def line(x0: float, y0: float, x1: float, y1: float, wide: float = 4.0) -> Polygon:
    return LineString([(x0, y0), (x1, y1)]).buffer(wide / 2, cap_style="flat")


def groups(merged: Merged) -> set[frozenset[str]]:
    return {frozenset(defect.sights) for defect in merged.defects}


def together(*findings: Finding, **more: Any) -> set[frozenset[str]]:
    return groups(merge(findings, PICTURES, JOINED, **more))


def test_one_crack_in_two_pictures_is_one_defect_and_others_stay_apart() -> None:
    same = sight("1", "a", line(400, 100, 700, 300)), sight("2", "b", line(401, 102, 700, 301))
    apart = sight("3", "b", line(400, 300, 700, 500))
    assert together(*same, apart) == {frozenset("12"), frozenset("3")}


def test_pictures_that_nothing_registers_are_not_merged() -> None:
    same = sight("1", "a", line(400, 100, 700, 300)), sight("2", "b", line(400, 100, 700, 300))
    assert groups(merge(same, PICTURES, {})) == {frozenset("1"), frozenset("2")}


def test_another_damage_or_another_class_at_the_same_place_is_another_defect() -> None:
    here = box(500, 200, 560, 260)
    spall = sight("1", "a", here, damage="7", details={"class": "spalling"})
    bar = sight("2", "b", here, damage="7", details={"class": "exposed_rebar"})
    lime = sight("3", "b", here, damage="8", details={"class": "efflorescence"})
    assert together(spall, bar, lime) == {frozenset("1"), frozenset("2"), frozenset("3")}


def test_parallel_cracks_close_together_stay_two_in_every_picture() -> None:
    first = [sight(f"1{image}", image, line(620, 100, 690, 400)) for image in "abc"]
    second = [sight(f"2{image}", image, line(640, 100, 710, 400)) for image in "abc"]
    assert together(*first, *second) == {frozenset(s.uid for s in first), frozenset(s.uid for s in second)}


def test_fragments_in_one_picture_are_one_defect_where_another_picture_shows_the_whole() -> None:
    whole = sight("whole", "b", line(400, 100, 700, 100))
    left, right = sight("left", "a", line(400, 100, 530, 100)), sight("right", "a", line(560, 100, 700, 100))
    assert together(whole, left, right) == {frozenset({"whole", "left", "right"})}
    assert together(left, right) == {frozenset({"left"}), frozenset({"right"})}


def test_a_blurred_sight_over_two_parallel_cracks_does_not_make_them_one() -> None:
    blurred = sight("blurred", "b", line(400, 100, 700, 100, wide=30))
    upper, lower = sight("upper", "a", line(400, 90, 700, 90)), sight("lower", "a", line(400, 110, 700, 110))
    found = together(blurred, upper, lower)
    assert frozenset({"upper", "lower", "blurred"}) not in found
    assert len(found) == 2


def test_no_chain_over_other_pictures_joins_two_distinct_findings_of_one_picture() -> None:
    """Four sights that each half-cover the next, as when masks wander: the ends are two cracks of one picture."""
    steps = [sight("1a", "a", line(610, 100, 700, 100)), sight("2b", "b", line(650, 100, 760, 100))]
    steps += [sight("3c", "c", line(700, 100, 810, 100)), sight("4a", "a", line(750, 100, 850, 100))]
    found = together(*steps)
    assert not any({"1a", "4a"} <= group for group in found)
    assert len(found) < 4


def test_a_crack_that_runs_through_three_pictures_is_one_defect_though_the_outer_two_show_other_parts() -> None:
    parts = [sight("1", "a", line(350, 100, 990, 100)), sight("2", "b", line(350, 100, 1250, 100))]
    parts += [sight("3", "c", line(1010, 100, 1300, 100))]
    assert together(*parts) == {frozenset("123")}


def test_widths_that_contradict_each_other_weaken_an_uncertain_overlap() -> None:
    def measured(value: float) -> tuple[Any, ...]:
        return (a_measure("width_p50", value, "mm", 0.9 * value, 1.1 * value),)

    half = line(400, 100, 700, 100), line(545, 100, 845, 100)
    agree = sight("1", "a", half[0], measures=measured(0.5)), sight("2", "b", half[1], measures=measured(0.55))
    differ = sight("1", "a", half[0], measures=measured(0.5)), sight("2", "b", half[1], measures=measured(2.0))
    assert together(*agree) == {frozenset("12")}
    assert together(*differ) == {frozenset("1"), frozenset("2")}


def test_places_on_the_ground_decide_only_where_they_are_known_well() -> None:
    patch = Point(131.0, 34.0).buffer(1e-4)  # some 18 m across
    sights = [sight(uid, image, box(700, 100, 760, 160), damage="R05") for uid, image in (("1", "a"), ("2", "b"))]
    good, poor = ({uid: GroundPlace(patch, sigma) for uid in "12"} for sigma in (0.5, 20.0))
    assert groups(merge(sights, PICTURES, {}, good)) == {frozenset("12")}
    assert groups(merge(sights, PICTURES, {}, poor)) == {frozenset("1"), frozenset("2")}


def sights_of_one(*details: dict[str, Any]) -> list[Finding]:
    fields = [{"scale": Scale(0.5, 0.02)} | detail for detail in details]
    return [sight(f"s{n}", "abc"[n], line(650, 100, 750, 300), **field) for n, field in enumerate(fields)]


def leader(sights: Sequence[Finding], images: dict[str, Image] | None = None) -> str:
    (defect,) = merge(sights, images or PICTURES, JOINED).defects
    return defect.sights[0]


def test_the_finer_picture_leads_unless_it_is_aslant_or_blurred() -> None:
    sights = sights_of_one({}, {"scale": Scale(0.42, 0.02)})
    assert leader(sights) == "s1"
    assert leader(sights, PICTURES | {"b": picture("b", incidence_deg=65.0)}) == "s0"
    assert leader(sights, PICTURES | {"b": picture("b", quality=Quality(True, blur_px=2.0))}) == "s0"


def test_a_sight_that_shows_the_defect_whole_leads_before_a_finer_one_that_is_cut() -> None:
    whole = sight("whole", "a", line(100, 100, 600, 100), scale=Scale(0.5, 0.02))
    cut = sight("cut", "b", line(300, 100, 600, 100), scale=Scale(0.25, 0.02))
    assert leader([replace(whole, scale=Scale(0.33, 0.02)), cut]) == "whole"


def test_a_reviewed_sight_leads_and_a_duplicate_never_does() -> None:
    fine = {"scale": Scale(0.42, 0.01)}
    assert leader(sights_of_one({"status": FindingStatus.REJECTED}, fine)) == "s0"
    assert leader(sights_of_one({"status": FindingStatus.CONFIRMED}, fine)) == "s0"
    assert leader(sights_of_one({}, fine | {"status": FindingStatus.DUPLICATE})) == "s0"


def test_a_confirmed_sight_leads_before_a_rejected_one_and_the_contradiction_is_told() -> None:
    sights = sights_of_one({"status": FindingStatus.REJECTED}, {"status": FindingStatus.CONFIRMED})
    merged = merge(sights, PICTURES, JOINED)
    assert merged.defects[0].sights[0] == "s1"
    assert "rejected" in merged.notes[0]


def kept(sights: Sequence[Finding], merged: Merged) -> list[Finding]:
    """What the store would give back after the merge."""
    return [replace(s, defect_uid=merged.sights[s.uid][0], leads=merged.sights[s.uid][1]) for s in sights]


def test_a_defect_keeps_its_uid_when_pictures_are_added() -> None:
    two = [sight("m", "b", line(650, 100, 750, 300)), sight("n", "c", line(650, 100, 750, 300))]
    before = merge(two, PICTURES, JOINED)
    more = [*kept(two, before), sight("a-first-by-name", "a", line(650, 100, 750, 300))]
    after = merge(more, PICTURES, JOINED)
    assert len(after.defects) == 1
    assert after.defects[0].uid == before.defects[0].uid


def test_of_two_groups_that_claim_one_uid_the_larger_keeps_it_and_that_is_told() -> None:
    far = sight("0", "a", line(650, 500, 750, 700), defect_uid="old")
    near = [sight(uid, image, line(650, 100, 750, 300), defect_uid="old") for uid, image in (("1", "a"), ("2", "b"))]
    merged = merge([far, *near], PICTURES, JOINED)
    assert merged.sights["1"][0] == merged.sights["2"][0] == "old"
    assert merged.sights["0"][0] not in ("old", "")
    assert any("claimed by two" in note for note in merged.notes)


def test_a_new_uid_is_never_one_that_another_defect_bears() -> None:
    alone = sight("1", "a", line(650, 100, 750, 300))
    uid = merge([alone], PICTURES, JOINED).defects[0].uid
    moved = [sight(n, image, line(650, 500, 750, 700), defect_uid=uid) for n, image in (("2", "a"), ("3", "b"))]
    merged = merge([alone, *moved], PICTURES, JOINED)
    assert merged.sights["2"][0] == uid
    assert merged.sights["1"][0] != uid


outlines = st.builds(
    lambda x, y, dx, dy: line(x, y, x + dx, y + dy),
    st.integers(610, 900),
    st.integers(50, 120),
    st.integers(20, 90),
    st.integers(-20, 20),
)


@st.composite
def surveys(draw: st.DrawFn) -> list[Finding]:
    count = draw(st.integers(1, 9))
    return [
        sight(
            f"f{number}",
            draw(st.sampled_from("abc")),
            draw(outlines),
            score=draw(st.sampled_from([0.3, 0.6, 0.9])),
            defect_uid=draw(st.sampled_from([None, None, "x", "y"])),
        )
        for number in range(count)
    ]


@settings(max_examples=60, deadline=None)
@given(surveys(), st.randoms(use_true_random=False))
def test_the_order_of_findings_and_registrations_does_not_matter(findings: list[Finding], random: Any) -> None:
    mixed, pairs = list(findings), list(JOINED.items())
    random.shuffle(mixed)
    random.shuffle(pairs)
    assert merge(mixed, PICTURES, dict(pairs)) == merge(findings, PICTURES, JOINED)


@settings(max_examples=60, deadline=None)
@given(surveys())
def test_a_second_merge_changes_nothing_and_every_finding_is_in_one_defect_with_one_leader(
    findings: list[Finding],
) -> None:
    once = merge(findings, PICTURES, JOINED)
    assert merge(kept(findings, once), PICTURES, JOINED).defects == once.defects
    assert sorted(uid for defect in once.defects for uid in defect.sights) == sorted(f.uid for f in findings)
    assert len({defect.uid for defect in once.defects}) == len(once.defects)
    assert sum(leads for _, leads in once.sights.values()) == len(once.defects)


def test_nothing_to_merge_gives_nothing() -> None:
    assert merge([], {}, {}).defects == ()
