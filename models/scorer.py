"""From raw pixels to calibrated probabilities: the one path that every backend of a network shares.

::

    pixels, NaN = no observation ─▶ normalise (card) ─▶ logits (network, ONNX session, exported program)
        ─▶ sigmoid, temperatures, test-time views (card) ─▶ probabilities, NaN where nothing was observed

A backend holds the middle alone: normalised planes in, logits out. What is around it stands here once, so that a
network, its ONNX file and its exported program cannot disagree about holes, units or calibration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from findings.errors import MissingBands, ModelError
from models.card import ModelCard
from models.normalise import normalise
from models.test_time import is_plain, mean_over_views

# Probabilities this near to 0 or 1 are as sure as float32 can say; their logits (+-16) stay finite.
_SURE = 1e-7


class Scorer(ABC):
    """A pixel model (`models.base.PixelModel`) around something that turns normalised planes into logits."""

    def __init__(self, card: ModelCard, weights_sha256: str) -> None:
        self._card = card
        self._digest = weights_sha256

    @property
    def card(self) -> ModelCard:
        """The card that came with the weights."""
        return self._card

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights file of the version, whatever backend runs them."""
        return self._digest

    @abstractmethod
    def logits(self, planes: Tensor) -> Tensor:
        """Return logits ``(B, K, H, W)`` for normalised planes ``(B, C, H, W)`` without NaN."""

    @torch.inference_mode()
    def predict(self, pixels: Tensor) -> Tensor:
        """Return scores ``(B, K, H, W)`` in [0, 1], NaN where every band is unobserved.

        One view: ``sigmoid(logit / T)``. Several (``card.test_time``): with p the mean of their ``sigmoid(logit)``,
        ``sigmoid(log(p / (1 - p)) / T)``; temperatures are fitted to what the views say together.

        Args:
            pixels: ``(B, C, H, W)`` float32 in the card's band order, NaN for no observation, H and W multiples of 32.

        Raises:
            MissingBands: another number of bands than the card's.
            ModelError: the network gives other planes than the card has classes, or of another size.
        """
        card = self._card
        if pixels.ndim != 4 or pixels.shape[1] != len(card.bands):
            raise MissingBands(
                f"pixels of shape {tuple(pixels.shape)} for {card.name}@{card.version}; "
                f"expected (B, {len(card.bands)}, H, W) with the bands {', '.join(card.bands)}"
            )
        unseen = torch.isnan(pixels).all(dim=1, keepdim=True)
        if is_plain(card.test_time):
            scores = torch.sigmoid(self._cooled(self._raw(pixels)))
        else:
            mean = mean_over_views(lambda view: torch.sigmoid(self._raw(view)), pixels, card.test_time)
            scores = mean if card.calibration is None else torch.sigmoid(self._cooled(torch.logit(mean, _SURE)))
        return scores.masked_fill(unseen, torch.nan)

    def _raw(self, pixels: Tensor) -> Tensor:
        card = self._card
        logits = self.logits(normalise(pixels, card.normalisation, card.bands)).float()
        expected = (pixels.shape[0], len(card.classes), *pixels.shape[2:])
        if logits.shape != expected:
            raise ModelError(
                f"{card.name}@{card.version}: logits {tuple(logits.shape)} for pixels {tuple(pixels.shape)}, expected "
                f"{expected}; the architecture does not keep the size of a window, or its classes are not the card's"
            )
        return logits

    def _cooled(self, logits: Tensor) -> Tensor:
        """Divide each class's logits by its temperature (Guo et al. 2017, equation 9 for one class)."""
        calibration = self._card.calibration
        if calibration is None:
            return logits
        temperatures = torch.tensor(calibration.temperatures, dtype=logits.dtype, device=logits.device)
        return logits / temperatures.view(1, -1, 1, 1)
