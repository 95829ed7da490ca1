"""Cards that come from elsewhere are refused when they promise what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from findings.errors import CardError
from models.bundle import import_bundle
from models.card import read_card
from models.registry import Registry
from tests.mizuhashi.versions import make_version


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        (("classes", 0, "damage"), "99", "classes.0.damage: .*damage '99' is unknown; expected"),
        (("normalisation",), {"method": "fixed", "mean": [1, 1, 1], "std": [1, 0, 1]}, "normalisation.std.1: "),
    ],
)
def test_a_card_of_an_unknown_damage_or_a_spread_of_0_is_not_taken_in(
    tmp_path: Path, where: tuple[Any, ...], value: object, said: str
) -> None:
    folder = make_version(tmp_path / "made", "1")
    card = json.loads((folder / "card.json").read_text())
    part = card
    for key in where[:-1]:
        part = part[key]
    part[where[-1]] = value
    (folder / "card.json").write_text(json.dumps(card))
    registry = Registry(tmp_path / "home", tmp_path / "shipped")
    with pytest.raises(CardError, match=said):
        import_bundle(registry, folder)
    with pytest.raises(CardError, match=said):
        read_card(folder)
    assert not any(entry.card.name == card["name"] for entry in registry.list())
