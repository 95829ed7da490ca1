from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from findings.errors import ConfigError, MissingBands, NotAssessable
from inference.device import pick_device
from inference.engine import ArraySink, EngineStats, infer
from models.base import PixelModel
from tests.inference.fakes import ArrayReader, PointwiseModel, make_card


def picture(height: int, width: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0, 255, (3, height, width)).astype(np.float32)


def run(
    model: PixelModel, reader: ArrayReader, *, window: int = 64, overlap: int = 16, batch: int = 4, strip: int = 64
) -> tuple[NDArray[np.float32], EngineStats]:
    sink = ArraySink(len(model.card.classes), reader.height_px, reader.width_px)
    stats = infer(model, reader, sink, window=window, overlap=overlap, batch=batch, strip=strip)
    return sink.scores, stats


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 220),
    width=st.integers(1, 220),
    overlap=st.integers(0, 32),
    strip=st.integers(1, 150),
    seed=st.integers(0, 99),
)
def test_a_pointwise_model_gives_what_it_gives_applied_directly(
    height: int, width: int, overlap: int, strip: int, seed: int
) -> None:
    values = picture(height, width, seed)
    values[:, : height // 3, : width // 2] = np.nan
    scores, _ = run(PointwiseModel(), ArrayReader(values), window=64, overlap=overlap, strip=strip)
    np.testing.assert_allclose(scores[0], 1 - values[0] / 255, atol=2e-6)


class Blurring(PointwiseModel):
    """Each pixel depends on the whole window, so that seams would show."""

    def predict(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().predict(pixels) * 0 + pixels[:, :1].mean(dim=(2, 3), keepdim=True) / 255


def test_the_result_does_not_depend_on_the_strip_and_each_row_is_read_once() -> None:
    values = picture(300, 130)
    results = []
    for strip in (7, 64, 100, 1000):
        reader = ArrayReader(values)
        scores, stats = run(Blurring(), reader, window=64, overlap=16, strip=strip)
        results.append(scores)
        assert (reader.reads == 1).all()
        assert stats.rows_read == 300
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_blending_leaves_no_step_at_a_seam() -> None:
    values = np.tile(np.linspace(0, 255, 400, dtype=np.float32), (3, 64, 1))
    scores, _ = run(Blurring(), ArrayReader(values), window=64, overlap=32)
    assert np.abs(np.diff(scores[0, 30])).max() < 0.01  # a hard seam would jump by 0.08


def test_memory_follows_the_strip_and_never_the_height_of_the_image() -> None:
    for height in (400, 1600):
        _, stats = run(PointwiseModel(), ArrayReader(picture(height, 40)), window=64, overlap=16, strip=48)
        assert stats.peak_rows_held <= 64 + 48


def test_windows_without_any_observation_never_reach_the_model() -> None:
    values = picture(64, 256)
    values[:, :, :128] = np.nan
    model = PointwiseModel()
    scores, stats = run(model, ArrayReader(values), window=64, overlap=0, batch=3)
    assert (stats.windows, stats.skipped, model.batches) == (2, 2, [2])
    assert np.isnan(scores[0, :, :128]).all()
    assert np.isfinite(scores[0, :, 128:]).all()


class Cramped(PointwiseModel):
    """Runs out of memory with more than two windows at once."""

    def predict(self, pixels: torch.Tensor) -> torch.Tensor:
        if len(pixels) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return super().predict(pixels)


def test_a_full_device_halves_the_batch_and_goes_on() -> None:
    values = picture(64, 64 * 9)
    model = Cramped()
    scores, stats = run(model, ArrayReader(values), window=64, overlap=0, batch=8)
    assert stats.batch == 2
    assert stats.windows == 9
    np.testing.assert_allclose(scores[0], 1 - values[0] / 255, atol=2e-6)


def test_a_required_band_that_is_absent_is_refused_with_the_remedy_and_an_optional_one_is_not() -> None:
    card = make_card(bands=("red", "nir"), required_bands=("red",))
    reader = ArrayReader(picture(40, 40)[:1], bands=("red",))
    scores, _ = run(PointwiseModel(card), reader, window=64, overlap=0)
    assert np.isfinite(scores).all()
    with pytest.raises(MissingBands, match=r"requires band nir.*--bands"):
        run(PointwiseModel(make_card(bands=("red", "nir"))), reader)


def test_scores_too_large_for_memory_are_refused_before_they_are_allocated() -> None:
    with pytest.raises(NotAssessable, match="MiB"):
        ArraySink(1, 100_000, 100_000)


def test_cuda_on_a_machine_without_it_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"
    with pytest.raises(ConfigError, match="--device cpu"):
        pick_device("cuda")
    with pytest.raises(ConfigError, match="auto, cpu, cuda"):
        pick_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (pick_device("auto").type, pick_device("cpu").type) == ("cuda", "cpu")
