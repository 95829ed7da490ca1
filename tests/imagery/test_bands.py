"""Which band is which: names that a file gives, the colours that it declares, and what a user says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagery.bands import are_known, from_colours
from imagery.reader import open_image
from imagery.types import Window
from tests.imagery.files import UTM, write_tif

VALUES = np.random.default_rng(0).integers(0, 256, (4, 30, 40), dtype=np.uint8)
WHOLE = Window(0, 0, 40, 30)


def test_near_infrared_that_gdal_declared_transparent_is_kept_if_it_has_a_name(tmp_path: Path) -> None:
    path = write_tif(
        tmp_path / "a.tif", VALUES, ("Red", "Green", "Blue", "NIR"), **UTM
    )  # GDAL: red, green, blue, alpha
    with open_image(path) as reader:
        assert reader.bands == ("red", "green", "blue", "nir")
        np.testing.assert_array_equal(reader.read(WHOLE).values, VALUES)


def test_names_win_over_the_colours_that_gdal_assumed(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", VALUES[:3], ("SWIR1", "NIR", "Red"), photometric="RGB", **UTM)
    with open_image(path) as reader:
        assert reader.bands == ("swir1", "nir", "red")


def test_names_that_say_nothing_leave_the_colours(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", VALUES[:3], ("Band 1", "Band 2", "Band 3"), photometric="RGB", **UTM)
    with open_image(path) as reader:
        assert reader.bands == ("red", "green", "blue")


def test_a_fourth_band_without_a_name_asks_for_one_and_leaves_the_colours(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", VALUES, photometric="RGB", alpha="UNSPECIFIED", **UTM)
    with open_image(path) as reader:
        assert reader.bands == ("red", "green", "blue", "band4")
        assert any("--bands" in note for note in reader.notes)
    with open_image(path, bands=("red", "green", "blue", "nir")) as reader:
        np.testing.assert_array_equal(reader.read(WHOLE, ["nir"]).values[0], VALUES[3])


@pytest.mark.parametrize(
    ("colours", "expected"),
    [
        (["red", "green", "blue", "nir"], ("red", "green", "blue", "nir")),
        (["gray", "undefined"], ("band1", "band2")),
        (["red", "red"], ("band1", "band2")),
    ],
)
def test_colours_give_names_only_where_they_are_plain(colours: list[str], expected: tuple[str, ...]) -> None:
    assert from_colours(colours) == expected


def test_only_canonical_names_are_known() -> None:
    assert are_known(("red", "nir"))
    assert not are_known(("red", "band 2"))
    assert not are_known(None)
    assert not are_known(())
