from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from findings.errors import ConfigError
from inference.stitch import lay_windows


@settings(max_examples=80, deadline=None)
@given(length=st.integers(1, 900), window=st.sampled_from([32, 64, 96, 128]), share=st.floats(0, 0.5))
def test_windows_cover_every_pixel_once_in_weight(length: int, window: int, share: float) -> None:
    overlap = int(window * share)
    axis = lay_windows(length, window, overlap)
    total = np.zeros(max(length, axis.size_px))
    for start, weight in zip(axis.starts, axis.weights, strict=True):
        assert (weight > 0).all()
        total[start : start + axis.size_px] += weight
    np.testing.assert_allclose(total[:length], 1, atol=1e-6)
    assert axis.size_px % 32 == 0
    gaps = np.diff(axis.starts)
    assert (gaps <= window - overlap).all()
    assert axis.starts[-1] + axis.size_px >= length


@pytest.mark.parametrize(("window", "overlap"), [(0, 0), (500, 64), (512, 257), (512, -1)])
def test_an_impossible_window_is_refused_with_what_was_expected(window: int, overlap: int) -> None:
    with pytest.raises(ConfigError, match="expected"):
        lay_windows(1000, window, overlap)
