"""Segmentation networks: any encoder and decoder of segmentation-models-pytorch, any band count."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import nn

from findings.errors import CardError, ModelError
from models.backbone import load_encoder
from models.card import ModelCard, read_card
from models.checkpoint import load_state
from models.normalise import normalise

LOCAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")


def build_network(architecture: dict[str, Any], bands: int, classes: int, *, pretrained: bool = False) -> nn.Module:
    """Return the network that a card's ``architecture`` describes.

    Args:
        architecture: ``{"decoder": "Unet", "encoder": "tu-tf_efficientnet_lite0", "options": {...}}``.
        bands: input channels.
        classes: output channels (logits, one a class, not exclusive).
        pretrained: start the encoder from ImageNet weights; decoders always start at random.

    Raises:
        CardError: segmentation-models-pytorch knows no such decoder or encoder.
    """
    decoder, encoder = architecture.get("decoder"), architecture.get("encoder")
    if not all(isinstance(name, str) and LOCAL_NAME.fullmatch(name) for name in (decoder, encoder)):
        # a name with a scheme ("hf-hub:...") would send the library to the network
        raise CardError(f"decoder {decoder!r}, encoder {encoder!r}: expected plain names such as Unet, tu-resnet18")
    try:
        network: Any = smp.create_model(
            decoder,
            encoder_name=encoder,
            encoder_weights=None,
            in_channels=bands,
            classes=classes,
            **architecture.get("options", {}),
        )
    except (KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise CardError(f"no network of decoder {decoder!r} and encoder {encoder!r}: {error}") from error
    if pretrained:
        load_encoder(network.encoder, bands)
    built: nn.Module = network
    return built


class Segmenter:
    """A segmentation network with its card; sigmoid scores, one plane a class."""

    def __init__(self, card: ModelCard, network: nn.Module, weights_sha256: str = "") -> None:
        self._card = card
        self._network = network.eval().to(memory_format=torch.channels_last)  # a third faster on CPUs
        self._digest = weights_sha256

    @classmethod
    def load(cls, folder: Path) -> Segmenter:
        """Return the segmenter of a bundle folder, digest verified.

        Raises:
            ModelError: weights that are missing, altered, not safetensors, or of another architecture.
        """
        card = read_card(folder)
        state = load_state(folder, card)
        network = build_network(card.architecture, len(card.bands), len(card.classes))
        try:
            # stored in half precision to keep the repository small; computed in single precision
            network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
        except RuntimeError as error:
            raise ModelError(f"{folder}: the weights do not fit the card's architecture: {error}") from error
        return cls(card, network, card.weights_sha256 or "")

    @property
    def card(self) -> ModelCard:
        """The card that came with the weights."""
        return self._card

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights file."""
        return self._digest

    def to(self, device: torch.device) -> Segmenter:
        """Move the network to a device and return the segmenter."""
        self._network.to(device)
        return self

    @torch.inference_mode()
    def predict(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return scores ``(B, K, H, W)`` in [0, 1], NaN where every band is unobserved.

        Args:
            pixels: ``(B, C, H, W)`` float32 in the card's band order, NaN for no observation, H and W multiples of 32.
        """
        unseen = torch.isnan(pixels).all(dim=1, keepdim=True)
        planes = normalise(pixels, self._card.normalisation).contiguous(memory_format=torch.channels_last)
        logits = self._network(planes)
        return torch.sigmoid(logits.float()).masked_fill(unseen, torch.nan)
