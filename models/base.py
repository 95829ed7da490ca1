"""What every pixel model promises, whatever is inside it."""

from __future__ import annotations

from typing import Protocol

import torch

from models.card import ModelCard


class PixelModel(Protocol):
    """A model that gives each pixel a score for each of its classes.

    NaN means "no observation", on the way in and on the way out: a band that the image lacks is NaN everywhere,
    a nodata pixel is NaN in every band. Normalisation is the model's own business (its card says which).
    """

    @property
    def card(self) -> ModelCard:
        """The card that came with the weights."""
        ...

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights file; of the card for models without weights."""
        ...

    def predict(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return scores ``(B, K, H, W)`` in [0, 1], NaN where nothing was observed.

        Args:
            pixels: ``(B, C, H, W)`` float32, bands in the order of ``card.bands``, raw values as stored
                (0..255 for photographs, digital numbers for scenes), H and W multiples of 32.
        """
        ...

    def to(self, device: torch.device) -> PixelModel:
        """Move the model to a device and return it."""
        ...
