from __future__ import annotations

from pathlib import Path

import pytest
import torch

from findings.errors import CardError, DigestMismatch, ModelError
from models.card import Normalisation, read_card
from models.checkpoint import save_bundle
from models.normalise import normalise
from models.segmenter import Segmenter, build_network
from tests.training.conftest import TINY
from training.config import ClassConfig, EvaluationConfig, SourceConfig, TrainConfig
from training.loop import card_of

PER_PATCH = Normalisation(method="per_patch")


def tiny_bundle(folder: Path) -> Path:
    source = SourceConfig(kind="generated_concrete", name="g", licence="Apache-2.0", ships=True)
    evaluation = EvaluationConfig(protocol="crack", source=source)
    config = TrainConfig.model_validate({**TINY, "train": [source], "validation": evaluation, "test": evaluation})
    assert isinstance(config.classes[0], ClassConfig)
    torch.manual_seed(3)
    network = build_network(config.architecture, 3, 1)
    save_bundle(folder, card_of(config, [0.5]), network.state_dict())
    return folder


def test_a_bundle_predicts_the_same_after_a_round_trip_and_nothing_where_nothing_was_seen(tmp_path: Path) -> None:
    model = Segmenter.load(tiny_bundle(tmp_path / "m"))
    pixels = torch.rand(1, 3, 64, 64) * 255
    pixels[:, :, :10] = torch.nan
    scores = model.predict(pixels)
    assert scores.shape == (1, 1, 64, 64)
    assert torch.isnan(scores[:, :, :10]).all()
    assert ((scores[:, :, 10:] >= 0) & (scores[:, :, 10:] <= 1)).all()
    assert torch.equal(torch.nan_to_num(scores), torch.nan_to_num(Segmenter.load(tmp_path / "m").predict(pixels)))


def test_altered_truncated_and_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "m")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4] + b"\0\1\2\3")
    with pytest.raises(DigestMismatch, match="install the model again"):
        Segmenter.load(folder)
    torch.save({"a": torch.zeros(1)}, weights)
    with pytest.raises(ModelError):
        Segmenter.load(folder)
    weights.unlink()
    with pytest.raises(ModelError, match="missing"):
        Segmenter.load(folder)


def test_versions_are_immutable(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "m")
    with pytest.raises(ModelError, match="immutable"):
        save_bundle(folder, read_card(folder), {})


@pytest.mark.parametrize("encoder", ["tu-hf-hub:someone/something", "no-such-encoder", None])
def test_an_encoder_that_is_unknown_or_would_reach_the_network_is_refused(encoder: str | None) -> None:
    with pytest.raises(CardError):
        build_network({"decoder": "Unet", "encoder": encoder}, 3, 1)


def test_a_missing_band_and_a_hole_become_the_mean_and_leave_the_rest_as_it_is() -> None:
    pixels = torch.rand(1, 4, 8, 8) * 1000 + 200
    pixels[:, 3] = torch.nan
    pixels[0, 0, 0, 0] = torch.nan
    planes = normalise(pixels, PER_PATCH)
    assert torch.isfinite(planes).all()
    assert planes[0, 3].abs().max() == 0
    assert planes[0, 0, 0, 0] == 0


def test_gain_and_offset_of_a_sensor_do_not_change_what_the_network_sees() -> None:
    pixels = torch.rand(1, 4, 8, 8) * 1000 + 200
    torch.testing.assert_close(
        normalise(pixels, PER_PATCH), normalise(3.0 * pixels + 500.0, PER_PATCH), atol=1e-4, rtol=1e-4
    )


def test_a_patch_of_nothing_but_water_keeps_the_order_of_its_bands() -> None:
    levels = torch.tensor([300.0, 500.0, 200.0, 60.0]).view(1, 4, 1, 1)
    planes = normalise(levels + torch.randn(1, 4, 8, 8), PER_PATCH)
    means = planes.mean(dim=(0, 2, 3))
    assert means[1] > means[0] > means[2] > means[3]
    assert (means[1] - means[3]) > 2.0
