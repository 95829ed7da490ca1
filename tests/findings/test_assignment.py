from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from findings.asset import Asset, AssetKind, Span
from findings.assignment import check_place, member_symbol, merged
from findings.errors import GradingError, RecordError
from findings.survey import Assignment, AssignmentSource

PERSON, TABLE, FOLDER, NEAREST = (
    AssignmentSource.PERSON,
    AssignmentSource.TABLE,
    AssignmentSource.FOLDER,
    AssignmentSource.NEAREST,
)
BRIDGE = Asset("b", AssetKind.BRIDGE, "水橋", spans=(Span(1, ("Mg", "Ds")), Span(2)))


def said(
    source: AssignmentSource,
    asset: str | None = "b",
    span: int | None = None,
    member: str | None = None,
    confidence: float = 0.9,
) -> Assignment:
    return Assignment(asset, span, member, source, confidence, f"by {source.value}")


opinions = st.builds(
    said,
    st.sampled_from(AssignmentSource),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, "Mg", "Ds"]),
    st.sampled_from([0.3, 0.9]),
)


@given(st.lists(opinions, max_size=4), opinions)
def test_saying_the_same_again_changes_nothing(before: list[Assignment], again: Assignment) -> None:
    stored = None
    for opinion in before:
        stored = merged(stored, opinion)
    once = merged(stored, again)
    assert merged(once, again) == once


@given(opinions, opinions)
def test_a_weaker_source_never_overwrites_a_stronger_one(first: Assignment, second: Assignment) -> None:
    stronger, weaker = sorted((first, second), key=lambda opinion: list(AssignmentSource).index(opinion.source))
    result = merged(stronger, weaker)
    if stronger.source is not weaker.source:
        assert result.source is stronger.source
        for name in ("asset_uid", "span", "member"):
            assert getattr(stronger, name) in (None, getattr(result, name))


def test_what_a_stronger_source_left_open_is_filled_and_says_so() -> None:
    result = merged(said(PERSON, None, member="Mg", confidence=1.0), said(NEAREST, "b", confidence=0.6))
    assert (result.asset_uid, result.member, result.source, result.confidence) == ("b", "Mg", PERSON, 0.6)
    assert result.note == "by person; asset from nearest: by nearest"


def test_span_and_member_of_another_bridge_or_span_are_not_taken_over() -> None:
    assert merged(said(FOLDER, "a", 2, "Mg"), said(TABLE, "b")) == said(TABLE, "b")
    assert merged(said(FOLDER, "b", 1, "Mg"), said(TABLE, "b", 2)).member is None


@pytest.mark.parametrize(
    ("span", "member", "message"),
    [
        (3, None, "has the spans 1, 2"),
        (0, None, "counted from 1"),
        (1, "Pw", "the inventory lists Ds, Mg for span 1"),
        (None, "Zz", "member 'Zz' is unknown"),
    ],
)
def test_impossible_spans_and_members_are_refused(span: int | None, member: str | None, message: str) -> None:
    with pytest.raises((RecordError, GradingError), match=message):
        check_place(BRIDGE, span, member)


def test_what_the_inventory_does_not_list_is_not_refused() -> None:
    check_place(BRIDGE, 2, "Pw")
    check_place(BRIDGE, None, "Pw")
    check_place(None, 7, "Pw")


def test_a_river_reach_has_no_members() -> None:
    with pytest.raises(RecordError, match="only bridges have spans and members"):
        check_place(Asset("r", AssetKind.RIVER_REACH, "水川"), None, "Mg")


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("Mg", "Mg"), ("ＭＧ", "Mg"), ("主桁", "Mg"), ("main girder", "Mg"), ("Main Girder", "Mg"), ("Mg0101", "Mg"),
        ("Mg_主桁", "Mg"), ("主桁(Mg)", "Mg"), ("床板", "Ds"), ("堅壁", "Ac"), ("Rg", "Rg"), ("主構（桁）", "Rg"),
        ("Mg01", None), ("Mgx", None), ("桁", None), ("", None),
    ],
)  # fmt: skip
def test_members_are_known_in_every_usual_spelling(text: str, symbol: str | None) -> None:
    assert member_symbol(text) == symbol


def test_a_strict_reading_takes_neither_other_case_nor_english() -> None:
    assert [member_symbol(text, exact=True) for text in ("Ts", "ts", "tower", "塔柱")] == ["Ts", None, None, "Ts"]
