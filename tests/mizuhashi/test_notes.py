"""Notes of many pictures: what is common is said once, what is special stays with its picture, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from mizuhashi.notes import common_notes, without_repeats
from tests.imagery.files import UTM, write_tif
from tests.mizuhashi.conftest import Program


def test_a_note_that_most_pictures_have_is_said_once_with_the_range_of_its_numbers() -> None:
    plane = "places on a level plane {} m below the camera (nadir altitude); FC300S from a table, cut to 1.78:1"
    turned = "saved again by a viewer 10.0.1: the picture may have been turned"
    notes = [[plane.format(height)] for height in ("9.9", "40.1", "40.2")]
    notes[1].append(turned)
    left, lines = common_notes(notes)
    assert left == [[], [turned], []]
    assert lines == ["all 3: " + plane.format("9.9 to 40.2")]


def test_times_are_ranges_too_and_a_minority_keeps_its_notes() -> None:
    taken = [[f"taken at 2016-06-23T16:33:{second} local time of an unknown zone"] for second in (27, 11, 41)]
    left, lines = common_notes([*taken, ["only here"], []])
    assert left == [[], [], [], ["only here"], []]
    assert lines == ["3 of 5: taken at 2016-06-23T16:33:11 to 2016-06-23T16:33:41 local time of an unknown zone"]
    assert common_notes([*taken, *[[]] * 4])[1] == []
    assert common_notes(taken[:2]) == (taken[:2], [])


def test_names_are_not_taken_for_numbers() -> None:
    notes = [[f"copy of DJI_{number:04}.tif"] for number in range(3)]
    assert common_notes(notes) == (notes, [])


def test_a_note_that_another_one_says_as_well_is_left_out() -> None:
    why = "no distance is known: give --gsd-mm or --stand-off"
    assert without_repeats([why, f"no scale: sizes in pixels only ({why})", why]) == [
        f"no scale: sizes in pixels only ({why})"
    ]


def test_ingest_says_common_notes_once_and_times_no_finer_than_they_are_known(
    program: Program, tmp_path: Path, photo: Callable[..., Path]
) -> None:
    said = program("ingest", *[photo(f"{number}.jpg", number) for number in range(3)], "--survey", "photos").out
    assert said.count("no scale: sizes in pixels only") == 1
    assert "note on all 3: no scale: sizes in pixels only (no distance is known" in said
    names = {"s_1985.tif": "taken 1985;", "s_20240501.tif": "taken 2024-05-01;"}
    names["s_20240501T020649.tif"] = "taken 2024-05-01 02:06 UTC;"
    for number, name in enumerate(names):
        values = np.random.default_rng(number).integers(300, 3000, (2, 32, 40)).astype(np.uint16)
        (tmp_path / "scenes").mkdir(exist_ok=True)
        write_tif(tmp_path / "scenes" / name, values, ("green", "nir"), nodata=0, **UTM)
    lines = program("ingest", tmp_path / "scenes", "--survey", "scenes").out.splitlines()
    for name, taken in names.items():
        assert next(line for line in lines if line.startswith(f"{name}:")).count(taken) == 1
    shown = program("surveys", "list", "scenes").out
    assert all(f"\t{taken.removeprefix('taken ').removesuffix(';')}\t" in shown for taken in names.values())
