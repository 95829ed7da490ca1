"""Water indices as pixel models: no weights, two bands, a published formula; the baseline that a network must beat.

NDWI = (green - NIR) / (green + NIR), McFeeters 1996, Int. J. Remote Sensing 17(7), 1425-1432.
MNDWI = (green - SWIR1) / (green + SWIR1), Xu 2006, Int. J. Remote Sensing 27(14), 3025-3033.
Both authors take index > 0 as water. The score is (index + 1) / 2, so that threshold is 0.5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

import torch

from findings.errors import CardError
from findings.survey import Radiometry
from models.card import ClassSpec, ModelCard, Normalisation

_SOURCES = MappingProxyType(
    {
        "ndwi": ("nir", "McFeeters 1996, (green - nir) / (green + nir)"),
        "mndwi": ("swir1", "Xu 2006, (green - swir1) / (green + swir1)"),
    }
)


def index_card(name: str) -> ModelCard:
    """Return the card of an index baseline.

    Raises:
        CardError: no index of that name.
    """
    if name not in _SOURCES:
        raise CardError(f"no index {name!r}; expected one of {sorted(_SOURCES)}")
    other, source = _SOURCES[name]
    return ModelCard(
        name=name,
        version="1",
        task="index",
        image_kind="scene",
        bands=("green", other),
        required_bands=("green", other),
        classes=(ClassSpec(name="water", damage="water", threshold=0.5),),
        normalisation=Normalisation(method="none"),
        gsd_range_mm=(1_000.0, 100_000.0),
        architecture={"index": name, "formula": source},
        limits=(
            "bands must be reflectances of one common scale: an 8-bit stretch per band moves the threshold away from 0",
            "shadows, dark roofs and snow can exceed the threshold; turbid or shallow water can stay below it",
        ),
        radiometry=(Radiometry.REFLECTANCE, Radiometry.UNKNOWN),  # never display: each band has its own stretch
    )


def index_cards() -> Mapping[str, ModelCard]:
    """Return the cards of all index baselines by name."""
    return MappingProxyType({name: index_card(name) for name in sorted(_SOURCES)})


class WaterIndex:
    """A normalised difference of two bands behind the protocol of pixel models."""

    def __init__(self, card: ModelCard) -> None:
        """Take the card of an index.

        Raises:
            CardError: the card's bands are not those of the index that it names.
        """
        expected = index_card(str(card.architecture.get("index")))
        if card.bands != expected.bands or len(card.classes) != 1:
            raise CardError(f"{card.name}: bands {card.bands}, expected {expected.bands} and one class")
        self._card = card

    @property
    def card(self) -> ModelCard:
        """The card of the index."""
        return self._card

    @property
    def weights_sha256(self) -> str:
        """Digest of the card, as there are no weights."""
        return hashlib.sha256(self._card.model_dump_json().encode()).hexdigest()

    def to(self, device: torch.device) -> WaterIndex:
        """Return the index itself: it computes where its pixels lie."""
        return self

    def predict(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return scores ``(B, 1, H, W)`` in [0, 1] from ``(B, 2, H, W)``, NaN where a band is NaN or both sum to <= 0.

        Small negative reflectances, which atmospheric correction leaves over dark water, count as 0.
        """
        green, other = pixels[:, :1].float().clamp(min=0), pixels[:, 1:2].float().clamp(min=0)
        total = green + other
        index = torch.where(total > 0, (green - other) / total, torch.nan)
        return (index + 1) / 2
