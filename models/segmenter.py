"""Segmentation networks: any decoder of segmentation-models-pytorch, any timm encoder, any band count, multi-label."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from findings.errors import CardError, ModelError
from models.backbone import load_encoder, refuse_unpackaged
from models.card import ModelCard, read_card
from models.checkpoint import load_state
from models.normalise import plane_count
from models.scorer import Scorer

LOCAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")
# Options reach the constructors of smp and timm, and timm's take paths and addresses of weights ("checkpoint_path",
# "pretrained_cfg", "cache_dir"): a card is a stranger's file, so what it may set is listed.
_OPTIONS = re.compile(
    r"decoder_[a-z_]+|psp_[a-z_]+|encoder_depth|encoder_output_stride|upsampling|img_size|dynamic_img_size|"
    r"drop_rate|drop_path_rate"
)


def build_network(
    architecture: Mapping[str, Any], bands: int, classes: int, *, pretrained: bool = False, download: bool = False
) -> nn.Module:
    """Return the network that a card's ``architecture`` describes.

    Args:
        architecture: ``{"decoder": "Unet", "encoder": "tu-tf_efficientnet_lite0", "options": {...}}``: a decoder of
            segmentation-models-pytorch, ``tu-`` and a name of timm (or an encoder of smp's own), and the decoder's
            options.
        bands: input channels.
        classes: output channels (logits, one a class, not exclusive).
        pretrained: start the encoder from ImageNet weights; decoders always start at random.
        download: let timm fetch ImageNet weights that no installed package holds; needs a network.

    Raises:
        CardError: segmentation-models-pytorch knows no such decoder or encoder, or an option is not one of theirs.
        ModelError: the ImageNet weights are not at hand.
    """
    decoder, encoder = architecture.get("decoder"), architecture.get("encoder")
    if not all(isinstance(name, str) and LOCAL_NAME.fullmatch(name) for name in (decoder, encoder)):
        # a name with a scheme ("hf-hub:...") would send the library to the network
        raise CardError(f"decoder {decoder!r}, encoder {encoder!r}: expected plain names such as Unet, tu-resnet18")
    if pretrained and not download:
        refuse_unpackaged(str(encoder))  # before minutes are spent on building it
    network = _create(str(decoder), str(encoder), bands, classes, _options(architecture))
    if pretrained:
        load_encoder(network.get_submodule("encoder"), bands, str(encoder), download=download)
    return network


def _options(architecture: Mapping[str, Any]) -> dict[str, Any]:
    options = architecture.get("options", {})
    unknown = set(architecture) - {"decoder", "encoder", "options"}
    if not isinstance(options, Mapping) or unknown:
        raise CardError(f"architecture {dict(architecture)!r}: expected decoder, encoder and a mapping of options")
    refused = sorted(str(key) for key in options if not _OPTIONS.fullmatch(str(key)))
    if refused:
        raise CardError(
            f"architecture option {', '.join(refused)}; allowed are decoder_*, psp_*, encoder_depth, "
            "encoder_output_stride, upsampling, img_size, dynamic_img_size, drop_rate and drop_path_rate"
        )
    return dict(options)


def _create(decoder: str, encoder: str, bands: int, classes: int, options: dict[str, Any]) -> nn.Module:
    try:
        network: nn.Module = smp.create_model(
            decoder, encoder_name=encoder, encoder_weights=None, in_channels=bands, classes=classes, **options
        )
    except (
        KeyError,
        TypeError,
        ValueError,
        RuntimeError,
        AttributeError,
        AssertionError,
        NotImplementedError,
    ) as error:
        raise CardError(f"no network of decoder {decoder!r} and encoder {encoder!r}: {error}") from error
    return network


def set_gradient_checkpoint(network: nn.Module, on: bool = True) -> None:
    """Let the encoder recompute its activations in the backward pass instead of keeping them (Chen et al. 2016).

    Less memory, about a third more time, the same gradients; batch-norm statistics of the encoder are updated twice a
    step, since each block runs twice.

    Raises:
        ModelError: the encoder cannot; encoders of timm (``tu-...``) mostly can.
    """
    inner = getattr(getattr(network, "encoder", None), "model", None)
    switch = getattr(inner, "set_grad_checkpointing", None)
    if switch is None:
        if on:
            encoder = type(getattr(network, "encoder", network)).__name__
            raise ModelError(f"encoder {encoder} has no gradient checkpoints; take one of timm's (tu-...), or switch "
                             "gradient_checkpoint off and lower batch or crop_px")  # fmt: skip
        return
    try:
        switch(on)
    except (AssertionError, NotImplementedError, TypeError) as error:
        raise ModelError(f"this timm encoder has no gradient checkpoints ({error}); switch gradient_checkpoint off "
                         "and lower batch or crop_px") from error  # fmt: skip


def load_network(folder: Path, card: ModelCard) -> nn.Module:
    """Return the network of a bundle folder in single precision and evaluation mode, its weights' digest verified.

    Raises:
        ModelError: weights that are missing, altered, not safetensors, or of another architecture, band or class
            count than the card promises.
    """
    state = load_state(folder, card)
    network = build_network(card.architecture, plane_count(card.bands, card.normalisation), len(card.classes))
    _require_fit(folder, card, network.state_dict(), state)
    # stored in half precision to keep the repository small; computed in single precision
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    return network.eval()


def _require_fit(folder: Path, card: ModelCard, expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    apart = sorted(set(expected) ^ set(state))
    if apart:
        raise ModelError(
            f"{folder}: the weights do not fit the card's architecture: {len(apart)} tensors are missing or too many, "
            f"first {apart[0]}; card.json is of another version: install the model again"
        )
    for name, tensor in state.items():
        wanted, found = tuple(expected[name].shape), tuple(tensor.shape)
        if wanted == found:
            continue
        if name.startswith("segmentation_head.") and wanted[1:] == found[1:]:
            names = ", ".join(spec.name for spec in card.classes)
            raise ModelError(f"{folder}: the weights have {found[0]} classes, the card promises {len(card.classes)} "
                             f"({names}); card.json is of another version")  # fmt: skip
        if len(wanted) == 4 and wanted[0] == found[0] and wanted[1] == plane_count(card.bands, card.normalisation):
            raise ModelError(f"{folder}: the weights read {found[1]} bands, the card promises {len(card.bands)} "
                             f"({', '.join(card.bands)}); card.json is of another version")  # fmt: skip
        raise ModelError(f"{folder}: the weights do not fit the card's architecture: {name} is {found}, "
                         f"expected {wanted}; card.json is of another version")  # fmt: skip


def set_prior(network: nn.Module, prior: float) -> None:
    """Let every pixel of every class start with the score ``prior``.

    A network that starts at a half spends its first steps on learning that damage is rare, and may give rare classes
    up on the way. Source: Lin et al. 2017, Focal Loss for Dense Object Detection, section 4.1.

    Raises:
        ModelError: the network's head has no bias.
    """
    head = getattr(network, "segmentation_head", network)
    heads = [m for m in head.modules() if isinstance(m, nn.Conv2d) and m.bias is not None]
    if not heads:
        raise ModelError("the network's head has no bias to set a prior with; train without prior")
    bias = heads[-1].bias
    if bias is not None:
        nn.init.constant_(bias, math.log(prior / (1.0 - prior)))


class Segmenter(Scorer):
    """A segmentation network with its card; sigmoid scores, one plane a class."""

    def __init__(self, card: ModelCard, network: nn.Module, weights_sha256: str = "") -> None:
        super().__init__(card, weights_sha256)
        self._network = network.eval().to(memory_format=torch.channels_last)  # a third faster on CPUs

    @classmethod
    def load(cls, folder: Path) -> Segmenter:
        """Return the segmenter of a bundle folder, digest verified.

        Raises:
            ModelError: weights that are missing, altered, not safetensors, or of another architecture.
        """
        card = read_card(folder)
        return cls(card, load_network(folder, card), card.weights_sha256 or "")

    def to(self, device: torch.device) -> Segmenter:
        """Move the network to a device and return the segmenter."""
        self._network.to(device)
        return self

    def logits(self, planes: Tensor) -> Tensor:
        """Return the network's logits ``(B, K, H, W)``."""
        found: Tensor = self._network(planes.contiguous(memory_format=torch.channels_last))
        return found
