from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from findings.errors import ConfigError
from imagery.synthetic.concrete_scene import CLASSES
from training.datasets import generated
from training.datasets.generated import GeneratedConcrete
from training.datasets.sample import Sample


def same(one: Sample, other: Sample) -> bool:
    return (
        one.name == other.name
        and np.array_equal(one.pixels, other.pixels)
        and np.array_equal(one.target, other.target)
        and np.array_equal(one.known, other.known)
    )


def test_a_crop_depends_on_seed_and_number_alone_and_not_on_what_was_drawn_before() -> None:
    forward, backward = (GeneratedConcrete(CLASSES, 3, {"pictures": 4}) for _ in range(2))
    wanted = [forward.draw(np.random.default_rng(seed), 48) for seed in (0, 1, 4, 0)]
    got = [backward.draw(np.random.default_rng(seed), 48) for seed in (4, 1, 0)]
    assert len({sample.name for sample in got}) == 3  # three numbers, in the opposite order
    assert all(same(one, other) for one, other in zip(wanted[:3], got[::-1], strict=True))
    assert same(wanted[0], wanted[3])  # the second comes from memory
    other = GeneratedConcrete(CLASSES, 4, {"pictures": 4}).draw(np.random.default_rng(0), 48)
    assert not np.array_equal(other.pixels, got[-1].pixels)


def test_memory_is_bounded_and_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    source = GeneratedConcrete(CLASSES, 1, {"pictures": 6})
    before = [source.draw(np.random.default_rng(seed), 48) for seed in range(8)]
    monkeypatch.setattr(generated, "KEPT_BYTES", 1)
    forgetful = GeneratedConcrete(CLASSES, 1, {"pictures": 6})
    after = [forgetful.draw(np.random.default_rng(seed), 48) for seed in range(8)]
    assert all(same(one, other) for one, other in zip(before, after, strict=True))
    assert len(forgetful._kept) == 1


def test_every_class_of_the_generator_is_known_except_where_people_would_disagree() -> None:
    source = GeneratedConcrete(("water", *CLASSES), 0, {"pictures": 20, "crack": 1.0, "spalling": 1.0})
    samples = [source.draw(np.random.default_rng(seed), 48) for seed in range(20)]
    known = np.stack([sample.known for sample in samples])
    assert not known[:, 0].any()
    assert 0.5 < known[:, 1:].mean() < 1
    assert all(known[:, plane].any() for plane in range(1, 7))
    assert not any((sample.target[1:] * ~sample.known[1:]).any() for sample in samples)
    assert samples[0].pixels.shape == (3, 48, 48)
    assert samples[0].pixels.dtype == np.float32


def test_fixed_pictures_for_evaluation_are_the_same_each_time_and_never_drawn() -> None:
    source = GeneratedConcrete(("crack",), 0, {"whole": 3, "whole_px": 48, "pictures": 3})
    assert len(source) == 3
    first, again = list(source.whole()), list(source.whole())
    assert all(same(one, other) for one, other in zip(first, again, strict=True))
    drawn = [source.draw(np.random.default_rng(seed), 48).pixels for seed in range(12)]
    assert not any(np.array_equal(one.pixels, pixels) for one in first for pixels in drawn)
    assert len({sample.group for sample in first}) == 3


def test_shares_of_damage_can_be_asked_for() -> None:
    clean = GeneratedConcrete(("crack",), 0, {"damage": 0.0, "whole": 6, "whole_px": 48})
    assert not any(sample.target.any() for sample in clean.whole())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colour": 1}, "unknown option 'colour'; expected one of"),
        ({"pictures": 0}, "pictures: 0; expected a whole number of at least 1"),
        ({"whole": True}, "whole: True; expected a whole number"),
        ({"damage": 1.5}, "damage: 1.5; expected a share from 0 to 1"),
        ({"crack": "often"}, "crack: 'often'; expected a share from 0 to 1"),
    ],
)
def test_a_wrong_option_is_refused_with_the_remedy(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GeneratedConcrete(("crack",), 0, options)
