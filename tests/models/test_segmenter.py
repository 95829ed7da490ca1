from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from findings.errors import CardError, DigestMismatch, ModelError
from models.card import ClassSpec, ModelCard, Normalisation, read_card, write_card
from models.checkpoint import file_sha256, save_bundle
from models.normalise import normalise, plane_count
from models.segmenter import Segmenter, build_network, set_gradient_checkpoint, set_prior
from tests.training.conftest import TINY
from training.config import ClassConfig, EvaluationConfig, SourceConfig, TrainConfig
from training.loop import card_of

BANDS = ("blue", "green", "red", "nir")
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
    planes = normalise(pixels, PER_PATCH, BANDS)
    assert torch.isfinite(planes).all()
    assert planes[0, 3].abs().max() == 0
    assert planes[0, 0, 0, 0] == 0


def test_gain_and_offset_of_a_sensor_do_not_change_what_the_network_sees() -> None:
    pixels = torch.rand(1, 4, 8, 8) * 1000 + 200
    torch.testing.assert_close(
        normalise(pixels, PER_PATCH, BANDS), normalise(3.0 * pixels + 500.0, PER_PATCH, BANDS), atol=1e-4, rtol=1e-4
    )


def test_a_patch_of_nothing_but_water_keeps_the_order_of_its_bands() -> None:
    levels = torch.tensor([300.0, 500.0, 200.0, 60.0]).view(1, 4, 1, 1)
    planes = normalise(levels + torch.randn(1, 4, 8, 8), PER_PATCH, BANDS)
    means = planes.mean(dim=(0, 2, 3))
    assert means[1] > means[0] > means[2] > means[3]
    assert (means[1] - means[3]) > 2.0


def test_indices_follow_the_bands_and_no_gain_changes_them() -> None:
    rule = Normalisation(method="per_patch", indices=(("green", "nir"),))
    pixels = torch.rand(2, 4, 8, 8) * 1000 + 200
    planes = normalise(pixels, rule, BANDS)
    assert planes.shape[1] == plane_count(BANDS, rule) == 5
    green, nir = pixels[:, 1], pixels[:, 3]
    torch.testing.assert_close(planes[:, 4], 2 * (green - nir) / (green + nir))
    torch.testing.assert_close(normalise(3 * pixels, rule, BANDS)[:, 4], planes[:, 4])
    pixels[:, 3] = torch.nan
    assert normalise(pixels, rule, BANDS)[:, 4].abs().max() == 0


def test_bands_that_were_each_stretched_for_themselves_are_normalised_for_themselves() -> None:
    rule = Normalisation(method="per_band")
    pixels = torch.rand(1, 4, 8, 8) * 1000 + 200
    stretched = pixels * torch.tensor([1.0, 0.2, 3.0, 0.7]).view(1, 4, 1, 1) + 40
    torch.testing.assert_close(normalise(pixels, rule, BANDS), normalise(stretched, rule, BANDS), atol=1e-3, rtol=1e-3)


def test_a_card_with_indices_of_bands_that_it_lacks_is_refused(tmp_path: Path) -> None:
    card = read_card(tiny_bundle(tmp_path / "m"))
    changed = card.model_dump() | {"normalisation": {"method": "per_patch", "indices": [["green", "swir1"]]}}
    with pytest.raises(ValueError, match=r"indices of \['swir1'\]"):
        ModelCard.model_validate(changed)


def _promise(folder: Path, **changes: object) -> None:
    write_card(read_card(folder).model_copy(update=changes), folder)


def test_a_card_that_promises_other_bands_or_classes_than_the_weights_is_refused_in_words(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "m")
    _promise(folder, bands=("red", "green", "blue", "nir"), normalisation=PER_PATCH)
    with pytest.raises(ModelError, match=r"read 3 bands, the card promises 4 \(red, green, blue, nir\)"):
        Segmenter.load(folder)
    two = tuple(ClassSpec(name=name, damage="6", threshold=0.5) for name in ("crack", "rust"))
    _promise(folder, bands=("red", "green", "blue"), classes=two)
    with pytest.raises(ModelError, match=r"have 1 classes, the card promises 2 \(crack, rust\)"):
        Segmenter.load(folder)


def test_a_pickle_that_bears_the_name_and_the_digest_of_safetensors_is_never_unpickled(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "m")
    torch.save({"a": torch.zeros(1)}, folder / "model.safetensors")
    _promise(folder, weights_sha256=file_sha256(folder / "model.safetensors"))
    with pytest.raises(ModelError, match="pickled weights are never loaded"):
        Segmenter.load(folder)


DECODERS = {
    "Unet": {"decoder_channels": [8] * 5},
    "UnetPlusPlus": {"decoder_channels": [8] * 5},
    "Linknet": {},
    "FPN": {"decoder_pyramid_channels": 8, "decoder_segmentation_channels": 32},
    "PSPNet": {"psp_out_channels": 8},
    "PAN": {"decoder_channels": 8},
    "DeepLabV3Plus": {"decoder_channels": 8},
    "Segformer": {"decoder_segmentation_channels": 8},
    "UPerNet": {"decoder_channels": 8},
}


@pytest.mark.parametrize("decoder", sorted(DECODERS))
def test_decoders_give_a_plane_a_class_for_any_number_of_bands(decoder: str) -> None:
    architecture = {"decoder": decoder, "encoder": "tu-lcnet_035", "options": DECODERS[decoder]}
    network = build_network(architecture, 5, 3).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 5, 128, 160)).shape == (1, 3, 128, 160)


@pytest.mark.parametrize("encoder", ["tu-convnext_atto", "tu-mobilevitv2_050", "resnet18"])
def test_encoders_of_other_kinds_fit_as_well(encoder: str) -> None:
    network = build_network({"decoder": "FPN", "encoder": encoder}, 2, 1).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 2, 64, 64)).shape == (1, 1, 64, 64)


@pytest.mark.parametrize(
    "options", [{"checkpoint_path": "/tmp/x.pth"}, {"pretrained_cfg": {"file": "x"}}, {"aux_params": {}}, ["decoder"]]
)
def test_an_option_that_reads_files_or_changes_the_output_is_refused(options: object) -> None:
    with pytest.raises(CardError, match=r"allowed are decoder_\*|expected decoder, encoder"):
        build_network({"decoder": "Unet", "encoder": "tu-lcnet_035", "options": options}, 3, 1)


def test_an_option_of_the_wrong_length_is_one_clear_error() -> None:
    with pytest.raises(CardError, match="no network of decoder 'Unet'"):
        build_network({"decoder": "Unet", "encoder": "tu-lcnet_035", "options": {"decoder_channels": [8]}}, 3, 1)


def _kept_bytes(network: nn.Module, pixels: torch.Tensor) -> tuple[int, torch.Tensor]:
    """Return what the forward pass keeps for the backward one, and the gradient of the first layer."""
    kept = 0

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += tensor.nbytes
        return tensor

    network.zero_grad()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = network(pixels).square().mean()
    torch.autograd.backward(loss)
    gradient = next(network.parameters()).grad
    assert gradient is not None
    return kept, gradient.clone()


def test_gradient_checkpoints_keep_less_and_give_the_same_gradient() -> None:
    torch.manual_seed(1)
    architecture = {"decoder": "Unet", "encoder": "tu-lcnet_035", "options": {"decoder_channels": [8] * 5}}
    network, pixels = build_network(architecture, 3, 1).eval(), torch.rand(2, 3, 64, 64)
    all_kept, expected = _kept_bytes(network, pixels)
    set_gradient_checkpoint(network, True)
    few_kept, found = _kept_bytes(network, pixels)
    assert few_kept < 0.8 * all_kept
    torch.testing.assert_close(found, expected)
    set_gradient_checkpoint(network, False)
    assert _kept_bytes(network, pixels)[0] == all_kept


def test_an_encoder_without_gradient_checkpoints_is_told() -> None:
    network = build_network({"decoder": "Unet", "encoder": "resnet18"}, 3, 1)
    set_gradient_checkpoint(network, False)
    with pytest.raises(ModelError, match="has no gradient checkpoints; take one of timm's"):
        set_gradient_checkpoint(network, True)


def test_with_a_prior_every_pixel_starts_near_that_score() -> None:
    torch.manual_seed(0)
    tiny = {
        "decoder": "Unet",
        "encoder": "tu-tf_efficientnet_lite0",
        "options": {"decoder_channels": [32, 16, 16, 8, 8]},
    }
    network = build_network(tiny, 3, 2)
    set_prior(network, 0.02)
    with torch.no_grad():
        scores = torch.sigmoid(network.eval()(torch.zeros(1, 3, 64, 64)))
    assert 0.005 < float(scores.median()) < 0.08


def test_a_network_without_a_head_to_set_is_refused() -> None:
    with pytest.raises(ModelError, match="train without prior"):
        set_prior(nn.Linear(2, 2), 0.02)
