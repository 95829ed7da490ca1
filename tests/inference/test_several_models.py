from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from findings.store import Store, store_url
from inference.engine import answered_by
from inference.pipeline import inspect_survey
from models.card import ClassSpec, ModelCard
from tests.inference.test_pipeline import CPU, Dark, Shelf, survey_of, wall


class Both(Dark):
    """A model of two classes: dark pixels are cracks, and the same pixels are also called efflorescence and rust."""

    def __init__(self) -> None:
        super().__init__("concrete", "6", 90)
        classes = (
            ClassSpec(name="crack", damage="6", threshold=0.5, minimum_area_px=20),
            ClassSpec(name="efflorescence", damage="8", threshold=0.5, facts={"efflorescence": True}),
            ClassSpec(name="rust", damage="8", threshold=0.5, facts={"rust_or_mud": True}),
        )
        self.card = self.card.model_copy(update={"classes": classes})

    def predict(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().predict(pixels).repeat(1, 3, 1, 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    home = tmp_path / "home"
    with Store(store_url(home), home) as opened:
        opened.upgrade()
        yield opened


def test_a_crack_that_two_models_see_is_one_finding_of_the_model_made_for_it(store: Store, tmp_path: Path) -> None:
    survey_of(store, wall(tmp_path / "a.png", (60, 80)))
    shelf: Any = Shelf(Both(), Dark("crack", "6", 90))
    inspect_survey(store, "s", registry=shelf, device=CPU, home=tmp_path / "home")
    found = [finding for finding, _ in store.list_findings().items]
    assert sorted((f.damage, f.provenance.model, f.details.get("class")) for f in found) == [
        ("6", "crack", None),
        ("8", "concrete", "efflorescence"),
        ("8", "concrete", "rust"),
    ]


def test_classes_of_one_damage_keep_their_own_ids_and_what_they_state_decides_the_grade(
    store: Store, tmp_path: Path
) -> None:
    survey_of(store, wall(tmp_path / "a.png", (60, 80)))
    shelf: Any = Shelf(Both())
    inspect_survey(store, "s", registry=shelf, device=CPU, home=tmp_path / "home")
    first = {f.details.get("class"): f for f, _ in store.list_findings().items}
    inspect_survey(store, "s", registry=shelf, device=CPU, home=tmp_path / "home")
    second = {f.details.get("class"): f for f, _ in store.list_findings().items}
    assert {k: f.uid for k, f in first.items()} == {k: f.uid for k, f in second.items()}
    assert len({f.uid for f in first.values()}) == 3
    rust, lime = first["rust"].grade, first["efflorescence"].grade
    assert rust is not None
    assert lime is not None
    assert rust.codes == ("e",)
    assert lime.codes == ("d", "e")  # nobody has looked for rust or icicles in it


def test_the_model_with_the_fewest_classes_answers_for_a_shared_class() -> None:
    def card(name: str, *classes: str) -> ModelCard:
        specs = tuple(ClassSpec(name=c, damage="6", threshold=0.5) for c in classes)
        return Dark(name, "6", 90).card.model_copy(update={"classes": specs})

    wide, narrow = card("concrete", "crack", "rust"), card("crack", "crack")
    assert answered_by([wide, narrow]) == [frozenset({"crack"}), frozenset()]
    assert answered_by([narrow, wide]) == [frozenset(), frozenset({"crack"})]
    assert answered_by([narrow, narrow]) == [frozenset(), frozenset({"crack"})]
