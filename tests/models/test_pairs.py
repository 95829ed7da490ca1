"""Models of two dates: what their cards may say, which images they refuse, and normalisation by groups of bands."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from findings.errors import MissingBands
from imagery.flood_planes import PLANES
from inference.engine import require_bands
from models.card import Normalisation
from models.normalise import normalise
from tests.inference.fakes import make_card

GROUPS = Normalisation(method="per_group", groups=(("a", "b"), ("c",)))
BANDS = ("a", "b", "c")


def test_a_pair_needs_no_single_band_and_an_image_with_none_of_them_is_refused() -> None:
    card = make_card(PLANES, image_kind="pair", required_bands=())
    require_bands(card, ("s1_after",))
    with pytest.raises(MissingBands, match="the image has green, nir"):
        require_bands(card, ("green", "nir"))


def test_only_a_pair_may_do_without_required_bands() -> None:
    with pytest.raises(ValidationError, match="required_bands is empty"):
        make_card(("green",), image_kind="scene", required_bands=())


@pytest.mark.parametrize(
    "rule",
    [
        {"method": "per_group"},
        {"method": "per_band", "groups": (("green", "nir"),)},
        {"method": "per_group", "groups": (("green", "red"),)},
        {"method": "per_group", "groups": (("green",), ("green", "nir"))},
    ],
)
def test_groups_are_for_per_group_name_bands_of_the_card_and_share_none(rule: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="groups"):
        make_card(("green", "nir"), normalisation=Normalisation.model_validate(rule))


def test_a_stretch_of_one_group_changes_nothing_and_bands_of_a_group_keep_their_relation() -> None:
    pixels = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 100 + 50
    pixels[:, 1] += 200
    planes = normalise(pixels, GROUPS, BANDS)
    stretched = pixels.clone()
    stretched[:, :2] = 3 * stretched[:, :2] + 40
    stretched[:, 2] = 0.2 * stretched[:, 2] - 7
    torch.testing.assert_close(normalise(stretched, GROUPS, BANDS), planes, atol=1e-3, rtol=1e-3)
    assert planes[:, 1].mean() > 0.5 > -0.5 > planes[:, 0].mean()
    assert abs(float(planes[:, 2].mean())) < 1e-4


def test_a_missing_date_is_the_mean_and_leaves_the_other_planes_alone() -> None:
    pixels = torch.rand(1, 3, 16, 16) * 100
    without = pixels.clone()
    without[:, 2] = torch.nan
    planes = normalise(without, GROUPS, BANDS)
    assert planes[:, 2].abs().max() == 0
    torch.testing.assert_close(planes[:, :2], normalise(pixels, GROUPS, BANDS)[:, :2])
