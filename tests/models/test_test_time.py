from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from findings.errors import MissingBands, ModelError
from models.card import Calibration, ClassSpec, ModelCard, Normalisation
from models.card import TestTime as Views  # pytest would collect the name
from models.scorer import Scorer
from models.test_time import is_plain, mean_over_views, resize_observed


class Counting(Scorer):
    """Logits out of a convolution that is not symmetric; counts how often it is asked and remembers the sizes."""

    def __init__(self, card: ModelCard) -> None:
        super().__init__(card, "digest")
        torch.manual_seed(4)
        self.layer = nn.Conv2d(len(card.bands), len(card.classes), 3, padding=1)
        self.seen: list[tuple[int, ...]] = []
        self.holes = 0

    def logits(self, planes: Tensor) -> Tensor:
        self.seen.append(tuple(planes.shape[-2:]))
        self.holes += int(torch.isnan(planes).sum())
        found: Tensor = self.layer(planes) * 3
        return found


def card(views: Views = Views(), calibration: Calibration | None = None) -> ModelCard:  # noqa: B008  frozen
    return ModelCard(
        name="m",
        version="1",
        task="segmentation",
        image_kind="photo",
        bands=("red", "green"),
        required_bands=("red",),
        classes=(ClassSpec(name="crack", damage="6", threshold=0.5), ClassSpec(name="rust", damage="8", threshold=0.5)),
        normalisation=Normalisation(method="fixed", mean=(127.0, 127.0), std=(64.0, 64.0)),
        gsd_range_mm=(0.1, 3.0),
        architecture={},
        test_time=views,
        calibration=calibration,
    )


def pixels(rows: int = 64, cols: int = 96) -> Tensor:
    return torch.rand(1, 2, rows, cols, generator=torch.Generator().manual_seed(7)) * 255


COOL = Calibration(temperatures=(2.0, 0.5), data="d", ece_before=(0.1, 0.1), ece_after=(0.1, 0.1))


def test_without_the_option_a_window_costs_one_pass() -> None:
    model = Counting(card())
    model.predict(pixels())
    assert model.seen == [(64, 96)]
    assert is_plain(Views())


def test_temperatures_divide_the_logits_of_their_class() -> None:
    plain, cool = Counting(card()), Counting(card(calibration=COOL))
    raw = plain.layer((pixels() - 127) / 64) * 3
    torch.testing.assert_close(cool.predict(pixels())[:, 0], torch.sigmoid(raw[:, 0] / 2.0))
    torch.testing.assert_close(cool.predict(pixels())[:, 1], torch.sigmoid(raw[:, 1] / 0.5))


def test_flips_are_the_mean_of_the_four_views_and_turn_with_the_picture() -> None:
    model, plain = Counting(card(Views(flips=True))), Counting(card())
    x = pixels()
    by_hand = torch.stack([plain.predict(x.flip(axes)).flip(axes) for axes in ((), (-1,), (-2,), (-1, -2))]).mean(0)
    torch.testing.assert_close(model.predict(x), by_hand)
    for axes in ((-1,), (-2,), (-1, -2)):
        torch.testing.assert_close(model.predict(x.flip(axes)).flip(axes), by_hand)
    assert not torch.allclose(by_hand, plain.predict(x), atol=1e-3)


def test_the_temperature_speaks_of_the_views_mean() -> None:
    rule = Views(flips=True, scales=(1.0, 0.5))
    mean = Counting(card(rule)).predict(pixels()).double()
    cool = Counting(card(rule, COOL)).predict(pixels())
    expected = torch.sigmoid(torch.logit(mean) / torch.tensor([2.0, 0.5]).view(1, 2, 1, 1))
    torch.testing.assert_close(cool.double(), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("scale", "side"), [(0.5, (32, 64)), (0.7, (64, 96)), (1.5, (96, 160))])
def test_a_scaled_view_has_sides_that_are_multiples_of_32_and_comes_back_to_the_windows_size(
    scale: float, side: tuple[int, int]
) -> None:
    model = Counting(card(Views(scales=(scale,))))
    scores = model.predict(pixels())
    assert model.seen == [side]
    assert scores.shape == (1, 2, 64, 96)
    assert not torch.isnan(scores).any()


def test_a_scaled_view_lies_where_the_window_lies() -> None:
    """A smooth picture through the identity comes back the same, whatever the scale and the padding."""
    rows, cols = torch.linspace(0, 3, 64).sin(), torch.linspace(0, 2, 96).cos()
    x = (0.5 + 0.4 * rows[:, None] * cols[None, :])[None, None]
    for scale in (0.5, 0.7, 1.3, 2.0):
        back = mean_over_views(lambda view: torch.nan_to_num(view), x, Views(scales=(scale,)))
        torch.testing.assert_close(back[..., 2:-2, 2:-2], x[..., 2:-2, 2:-2], atol=2e-2, rtol=0)


def test_what_was_not_observed_stays_so_and_does_not_reach_its_neighbours() -> None:
    x = torch.full((1, 2, 64, 96), 200.0)
    x[..., 10:30, 40:] = torch.nan
    x[:, 1, 50:] = torch.nan  # one band of the two
    for scale in (0.5, 1.5):
        size = (round(64 * scale), round(96 * scale))
        small = resize_observed(x, size)
        seen = ~torch.isnan(small)
        torch.testing.assert_close(small[seen], torch.full_like(small[seen], 200.0))
        assert torch.isnan(small[0, 0, round(20 * scale), round(70 * scale)])
        assert torch.isnan(small[0, 1, -3:]).all()
        assert not torch.isnan(small[0, 0, -3:]).any()
    model = Counting(card(Views(flips=True, scales=(0.5, 1.0, 1.5))))
    scores = model.predict(x)
    hidden = torch.zeros(64, 96, dtype=torch.bool)
    hidden[10:30, 40:] = True
    assert torch.equal(torch.isnan(scores), hidden.expand_as(scores))
    assert model.holes == 0


def test_pixels_of_other_bands_and_networks_of_other_classes_are_refused() -> None:
    with pytest.raises(MissingBands, match="the bands red, green"):
        Counting(card()).predict(torch.zeros(1, 3, 64, 64))
    model = Counting(card())
    model.layer = nn.Conv2d(2, 1, 3, padding=1)
    with pytest.raises(ModelError, match=r"expected \(1, 2, 64, 96\)"):
        model.predict(pixels())
    model.layer = nn.Conv2d(2, 2, 3)
    with pytest.raises(ModelError, match="does not keep the size"):
        model.predict(pixels())


@pytest.mark.parametrize("scales", [(), (0.0,), (float("nan"),), (100.0,)])
def test_impossible_scales_are_refused_by_the_card(scales: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        Views(scales=scales)


def test_a_temperature_that_is_no_divisor_is_refused_by_the_card() -> None:
    with pytest.raises(ValidationError):
        Calibration(temperatures=(0.0,), data="d", ece_before=(0.1,), ece_after=(0.1,))
