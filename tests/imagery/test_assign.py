from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from findings.asset import Asset, AssetKind, Span
from findings.errors import InputError, RecordError
from findings.survey import Assignment, AssignmentSource, Image, ImageKind, Quality, Scale
from imagery.assign import AssetNames, Outcome, by_hand, find_images, from_folders, span_number
from imagery.assign_table import from_table
from imagery.nearest import CAP, confidence, from_distance

LON, LAT = 131.0, 34.0
DEGREE_M = 111_195.0  # of latitude, mean radius


def bridge(uid: str, name: str = "水橋", north_m: float = 0.0, **changes: Any) -> Asset:
    lat = LAT + north_m / DEGREE_M
    values: dict[str, Any] = {"geometry": LineString([(LON - 0.0005, lat), (LON + 0.0005, lat)])}
    return Asset(uid, AssetKind.BRIDGE, name, **(values | changes))


def picture(path: str = "/p/a.jpg", north_m: float | None = 0.0, **changes: Any) -> Image:
    values: dict[str, Any] = {
        "position_lonlat": None if north_m is None else (LON, LAT + north_m / DEGREE_M),
        "sha256": f"{abs(hash(path)):064x}"[:64],
    }
    return Image(
        path, "s", path, kind=changes.pop("kind", ImageKind.PHOTO), width_px=10, height_px=10,
        band_names=("red", "green", "blue"), scale=Scale(), quality=Quality(True), **(values | changes),
    )  # fmt: skip


def facts(outcome: Outcome) -> list[tuple[str | None, int | None, str | None]]:
    return [(found.asset_uid, found.span, found.member) for found in outcome.given.values()]


# --- folders ------------------------------------------------------------------------------------------------------

ASSETS = (
    bridge("b-1", "水橋", spans=(Span(1), Span(2, ("Mg", "Ds"))), external_ids={"xroad": "34.0,131.0"}),
    bridge("b-2", "新橋"),
    bridge("b-3", "新橋"),
    Asset("r-1", AssetKind.RIVER_REACH, "水川"),
)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/data/水橋/径間1/主桁", ("b-1", 1, "Mg")),
        ("/data/b-1/span2/Mg", ("b-1", 2, "Mg")),
        ("/data/B-1/S-02/ds", ("b-1", 2, "Ds")),
        ("/data/34.0,131.0/第２径間/床板", ("b-1", 2, "Ds")),
        ("/data/水 橋/2026-05/1径間/DCIM/100MEDIA", ("b-1", 1, None)),
        ("/data/水川/2026", ("r-1", None, None)),
        ("/data/水橋/Pw/径間1", ("b-1", 1, None)),
    ],
)
def test_folders_name_asset_span_and_member(folder: str, expected: tuple[object, ...]) -> None:
    outcome = from_folders([picture(f"{folder}/a.jpg")], AssetNames(ASSETS))
    assert facts(outcome) == [expected]
    assert outcome.remarks == []
    (given,) = outcome.given.values()
    assert given.source is AssignmentSource.FOLDER
    assert 0.8 < given.confidence < 1.0


def test_an_asset_named_by_id_is_surer_than_one_named_by_name() -> None:
    outcome = from_folders([picture("/d/b-1/a.jpg"), picture("/d/水橋/b.jpg")], AssetNames(ASSETS))
    by_id, by_name = outcome.given.values()
    assert by_id.confidence > by_name.confidence


def test_a_name_of_two_bridges_assigns_nothing_and_says_so() -> None:
    outcome = from_folders([picture("/d/新橋/径間1/a.jpg")], AssetNames(ASSETS))
    assert outcome.given == {}
    assert "fits 2 assets (b-2, b-3)" in outcome.remarks[0][1]


def test_a_folder_of_the_machine_is_no_member_and_no_span() -> None:
    images = [picture("/srv/Ts/s1/tower/flight/a.jpg"), picture("/srv/Ts/s1/tower/flight/b.jpg")]
    assert from_folders(images, AssetNames(ASSETS)).given == {}


def test_without_an_asset_folder_the_folders_below_the_surveys_own_count() -> None:
    images = [picture(f"/srv/flight/{name}.jpg") for name in ("径間1/Mg/a", "径間2/ds/b", "c")]
    outcome = from_folders(images, AssetNames(ASSETS), ASSETS[0])
    assert facts(outcome) == [(None, 1, "Mg"), (None, 2, "Ds")]


def test_without_an_asset_or_a_span_above_only_symbols_as_the_forms_write_them_count() -> None:
    images = [picture(f"/srv/flight/{name}/x.jpg") for name in ("st", "tower", "MEDIAN", "Pw", "高欄")]
    assert facts(from_folders(images, AssetNames(ASSETS))) == [(None, None, "Pw"), (None, None, "Ra")]


def test_an_impossible_member_is_left_out_and_said_the_rest_stays() -> None:
    outcome = from_folders([picture("/d/水橋/径間2/Pw/a.jpg"), picture("/d/水橋/径間9/Mg/b.jpg")], AssetNames(ASSETS))
    assert facts(outcome) == [("b-1", 2, None), ("b-1", None, None)]
    assert "left out: member Pw: the inventory lists Ds, Mg" in outcome.remarks[0][1]
    assert "has the spans 1, 2" in outcome.remarks[1][1]


def test_of_two_assets_in_one_path_the_nearer_folder_counts_with_less_confidence() -> None:
    outcome = from_folders([picture("/d/水川/水橋/a.jpg")], AssetNames(ASSETS))
    (given,) = outcome.given.values()
    assert (given.asset_uid, given.confidence) == ("b-1", 0.45)


@pytest.mark.parametrize("text", ["径間3", "第3径間", "3径間", "span 03", "SPAN_3", "s-3", "ｓｐａｎ３", "スパン3"])
def test_spans_are_known_in_every_usual_spelling(text: str) -> None:
    assert span_number(text) == 3


@pytest.mark.parametrize("text", ["3", "S", "spare3", "IMG3", "2026", "S2026"])
def test_other_folders_are_no_spans(text: str) -> None:
    assert span_number(text) is None


# --- nearest ------------------------------------------------------------------------------------------------------


def test_the_nearest_bridge_is_taken_and_the_next_one_is_named() -> None:
    assets = [bridge("far", "遠橋", 90), bridge("near", "近橋", 20)]
    outcome = from_distance([picture()], assets)
    (given,) = outcome.given.values()
    assert (given.asset_uid, given.source) == ("near", AssignmentSource.NEAREST)
    assert given.note == "20 m away; next 遠橋 (far) at 90 m"


def test_of_two_equally_near_bridges_neither_is_more_than_even() -> None:
    outcome = from_distance([picture()], [bridge("a", north_m=20), bridge("b", north_m=-20)])
    assert next(iter(outcome.given.values())).confidence == pytest.approx(0.5, abs=0.01)


def test_a_bridge_at_the_largest_distance_is_even_and_beyond_it_nothing_is_assigned() -> None:
    at, beyond = (from_distance([picture()], [bridge("a", north_m=metres)]) for metres in (99.9, 101))
    assert next(iter(at.given.values())).confidence == pytest.approx(0.5, abs=0.01)
    assert beyond.given == {}
    assert "no asset within 100 m; the nearest is 水橋 (a) at 101 m" in beyond.remarks[0][1]


def test_the_distance_holds_east_and_west_too() -> None:
    road = bridge("a", geometry=LineString([(LON + 0.001, LAT - 0.001), (LON + 0.001, LAT + 0.001)]))
    (given,) = from_distance([picture()], [road]).given.values()
    assert given.note == "92 m away"  # 0.001 degrees at 34 N, pyproj.Geod: 92.4 m


def test_a_footprint_that_touches_the_bridge_is_nearer_than_the_camera() -> None:
    reach = 80 / DEGREE_M
    shown = picture(footprint=box(LON - 0.0002, LAT, LON + 0.0002, LAT + reach))
    (given,) = from_distance([shown], [bridge("a", north_m=70)]).given.values()
    assert given.note == "in view"
    both = from_distance([shown], [bridge("a", north_m=70), bridge("b", north_m=30)])
    (found,) = both.given.values()
    assert found.asset_uid == "b"
    assert found.confidence == pytest.approx(0.5, abs=0.01)


def test_a_bridge_goes_before_the_river_below_it() -> None:
    river = Asset("r", AssetKind.RIVER_REACH, "水川", geometry=LineString([(LON, LAT - 0.01), (LON, LAT + 0.01)]))
    assert facts(from_distance([picture()], [river, bridge("b", north_m=30)])) == [("b", None, None)]
    assert facts(from_distance([picture()], [river])) == [("r", None, None)]


def test_scenes_and_pictures_without_a_place_are_told_not_guessed() -> None:
    images = [picture("/p/a.tif", kind=ImageKind.SCENE), picture("/p/b.jpg", None)]
    outcome = from_distance(images, [bridge("a")])
    assert outcome.given == {}
    assert [reason.split(":")[0].split(";")[0] for _, reason in outcome.remarks] == [
        "a scene shows many assets", "no position",
    ]  # fmt: skip


def test_assets_without_geometry_are_nobodys_nearest() -> None:
    outcome = from_distance([picture()], [bridge("a", geometry=None)])
    assert outcome.remarks == [("a.jpg", "no asset within 300 m")]


@given(
    st.lists(st.floats(0, 1000), min_size=1, max_size=5),
    st.floats(0.01, 500),
    st.floats(1, 500),
)
def test_confidence_is_a_probability_that_falls_with_rivals(distances: list[float], sigma: float, most: float) -> None:
    rows = [(distance, bridge(str(number))) for number, distance in enumerate(sorted(distances))]
    alone, together = confidence(rows[:1], sigma, most), confidence(rows, sigma, most)
    assert 0.0 <= together <= alone <= CAP


def test_a_better_receiver_makes_the_nearer_of_two_surer() -> None:
    assets = [bridge("a", north_m=10), bridge("b", north_m=50)]
    rtk, poor = picture(view={"sigma": {"horizontal_m": 0.05}}), picture(view={"sigma": {"horizontal_m": 60.0}})
    values = [next(iter(from_distance([one], assets).given.values())).confidence for one in (rtk, picture(), poor)]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[2] + 0.1


def test_a_bridge_that_is_only_a_point_is_less_sure_than_a_drawn_one() -> None:
    rival = bridge("b", north_m=60)
    drawn = from_distance([picture()], [bridge("a", north_m=10), rival])
    point = from_distance([picture()], [bridge("a", geometry=Point(LON, LAT), attributes={"length_m": 300}), rival])
    assert next(iter(point.given.values())).confidence != next(iter(drawn.given.values())).confidence
    assert next(iter(point.given.values())).confidence < CAP


# --- table --------------------------------------------------------------------------------------------------------

IMAGES = [picture("/p/one/DJI_0001.JPG"), picture("/p/two/DJI_0001.JPG"), picture("/p/two/DJI_0002.JPG")]
JAPANESE = "ファイル名,橋梁名,径間番号,部材名\r\nDJI_0002.JPG,水橋,1,主桁\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16", "utf-16-le"])
def test_tables_are_read_in_the_encodings_of_town_halls(tmp_path: Path, encoding: str) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(JAPANESE.encode(encoding))
    outcome = from_table(table, IMAGES, AssetNames(ASSETS))
    assert outcome.errors == []
    assert outcome.given == {
        "/p/two/DJI_0002.JPG": Assignment("b-1", 1, "Mg", AssignmentSource.TABLE, 0.98, "t.csv row 2")
    }


def test_the_note_of_a_table_whose_name_is_no_text_can_be_stored(tmp_path: Path) -> None:
    table = tmp_path / "t\udcff.csv"
    table.write_text(JAPANESE, encoding="utf-8")
    (assigned,) = from_table(table, IMAGES, AssetNames(ASSETS)).given.values()
    assert assigned.note == "t.csv row 2"


def test_a_broken_row_is_named_and_the_others_are_taken(tmp_path: Path) -> None:
    rows = [
        "file;asset;span;member",
        r"C:\photos\one\dji_0001.jpg;b-1;;Mg",
        "DJI_0001.JPG;b-1;1;Mg",
        "two/DJI_0001.JPG;nowhere;;",
        "DJI_0009.JPG;b-1;;",
        "DJI_0002.JPG;b-1;9;",
        "DJI_0002.JPG;b-1;x;",
        "DJI_0002.JPG;b-1;;Zz",
        "DJI_0002.JPG;;;",
        'DJI_0002.JPG;"b-1;1;Mg',
        "DJI_0002.JPG;b-1;径間2;床版",
        "DJI_0002.JPG;b-1;1;Ds",
    ]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(rows), encoding="utf-8")
    outcome = from_table(table, IMAGES, AssetNames(ASSETS))
    assert {uid: (a.asset_uid, a.span, a.member) for uid, a in outcome.given.items()} == {
        "/p/one/DJI_0001.JPG": ("b-1", None, "Mg"),
        "/p/two/DJI_0002.JPG": ("b-1", 2, "Ds"),
    }
    told = [str(error) for error in outcome.errors]
    assert [text.split(": ")[1] for text in told] == [f"row {number}" for number in (3, 4, 5, 6, 7, 8, 9, 10, 12)]
    words = ["fits 2 pictures", "no asset 'nowhere'", "no picture 'DJI_0009.JPG'", "has the spans 1, 2", "span 'x'",
             "member 'Zz' is unknown", "names no asset, span or member", "", "already given by row 11"]  # fmt: skip
    assert all(word in text for word, text in zip(words, told, strict=True))


def test_a_digest_finds_a_file_whatever_its_name_and_must_not_contradict_it(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    digest = IMAGES[0].sha256
    table.write_text(f"sha256,file,asset\n{digest},renamed.jpg,b-1\n{digest},DJI_0002.JPG,b-2\n{'f' * 64},,b-1\n")
    outcome = from_table(table, IMAGES, AssetNames(ASSETS))
    assert list(outcome.given) == ["/p/one/DJI_0001.JPG"]
    assert ["are different pictures" in str(e) for e in outcome.errors] == [True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n1,2\n", "expected file"),
        (b"file,note\na,b\n", "expected file"),
        (codecs.BOM_UTF8, "expected file|is empty"),
        (b"\xff\xfe\xff\xff\x81", "not text|expected file"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_as_a_whole(tmp_path: Path, content: bytes, message: str) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(content)
    with pytest.raises(RecordError, match=message):
        from_table(table, IMAGES, AssetNames(ASSETS))
    with pytest.raises(RecordError, match="check the path"):
        from_table(tmp_path / "none.csv", IMAGES, AssetNames(ASSETS))


# --- by hand ------------------------------------------------------------------------------------------------------


def test_pictures_are_found_by_id_name_or_pattern() -> None:
    assert find_images(IMAGES, "/p/two/DJI_0001.JPG") == [IMAGES[1]]
    assert find_images(IMAGES, "DJI_0002.JPG") == [IMAGES[2]]
    assert find_images(IMAGES, "DJI_*.JPG") == IMAGES
    with pytest.raises(InputError, match="fits 2 pictures"):
        find_images(IMAGES, "DJI_0001.JPG")
    with pytest.raises(InputError, match="no picture 'x' in this survey; expected an id or a file name such as DJI_"):
        find_images(IMAGES, "x")


def test_a_person_changes_one_thing_and_keeps_the_rest_with_its_doubt() -> None:
    guessed = Assignment("b-1", None, None, AssignmentSource.NEAREST, 0.6, "12 m away")
    known = {asset.uid: asset for asset in ASSETS}
    (given,) = by_hand([picture(assignment=guessed)], asset=None, span=None, member="Mg", assets=known).given.values()
    assert (given.asset_uid, given.member, given.source, given.confidence) == (
        "b-1",
        "Mg",
        AssignmentSource.PERSON,
        0.6,
    )
    sure = by_hand([picture(assignment=given)], asset=ASSETS[0], span=1, member=None, assets=known).given.values()
    assert [(s.asset_uid, s.span, s.member, s.confidence) for s in sure] == [("b-1", 1, "Mg", 1.0)]


def test_another_span_or_bridge_does_not_keep_the_old_ones_member() -> None:
    known = {asset.uid: asset for asset in ASSETS}
    before = picture(assignment=Assignment("b-1", 1, "Pw", AssignmentSource.PERSON, 1.0))
    other_span = by_hand([before], asset=None, span=2, member=None, assets=known).given.values()
    other_bridge = by_hand([before], asset=ASSETS[1], span=None, member=None, assets=known).given.values()
    assert [(s.asset_uid, s.span, s.member) for s in (*other_span, *other_bridge)] == [
        ("b-1", 2, None), ("b-2", None, None),
    ]  # fmt: skip


def test_a_person_is_told_what_a_bridge_cannot_have() -> None:
    known = {asset.uid: asset for asset in ASSETS}
    with pytest.raises(RecordError, match="has the spans 1, 2"):
        by_hand([picture()], asset=ASSETS[0], span=5, member=None, assets=known)
    with pytest.raises(RecordError, match="river reach"):
        by_hand([picture()], asset=ASSETS[3], span=None, member="Mg", assets=known)
