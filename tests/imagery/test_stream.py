"""Windows cut out of strips are the windows that the file would give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from imagery.reader import open_image
from imagery.stream import StripFeed, stream_windows
from imagery.tiles import windows
from imagery.types import Pixels, Window
from tests.imagery.files import write_tif


class Counting:
    """An image in memory that counts what is read of it."""

    def __init__(self, height: int, width: int) -> None:
        self.values = np.arange(2 * height * width, dtype=np.float32).reshape(2, height, width)
        self.height_px, self.width_px = height, width
        self.bands = ("a", "b")
        self.rows: list[int] = []

    def read(self, window: Window, bands: object = None) -> Pixels:
        self.rows += range(window.row, window.bottom)
        part = self.values[:, window.row : window.bottom, window.col : window.right]
        return Pixels(part, ("a", "b"))


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 90), width=st.integers(1, 90), size=st.integers(1, 40), strip=st.integers(1, 70),
    share=st.floats(0, 0.95),
)  # fmt: skip
def test_every_window_is_what_the_image_holds_there_and_every_row_is_read_once(
    height: int, width: int, size: int, strip: int, share: float
) -> None:
    image, overlap = Counting(height, width), int(share * (size - 1))
    planned = [w.clip(width, height) for w in windows(width, height, size, overlap)]
    seen = []
    for window, values in stream_windows(image, ("a", "b"), size, overlap, strip=strip):
        expected = image.values[:, window.row : window.bottom, window.col : window.right]
        np.testing.assert_array_equal(values, expected)
        seen.append(window)
    assert seen == planned
    assert image.rows == list(range(height))


def test_only_the_rows_that_are_needed_stay_in_memory() -> None:
    image = Counting(1000, 8)
    feed = StripFeed(image, ("a", "b"), 16)
    for top in range(0, 960, 20):
        feed.rows(top, top + 40)
    assert feed.peak_rows_held <= 40 + 16


def test_a_file_streams_like_it_is_read(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", np.random.default_rng(3).integers(1, 9000, (4, 130, 97)).astype("uint16"))
    with open_image(path, bands=("blue", "green", "red", "nir")) as reader:
        for window, values in stream_windows(reader, ("nir", "blue"), 48, 16, strip=32):
            np.testing.assert_array_equal(values, reader.read(window, ("nir", "blue")).values)
