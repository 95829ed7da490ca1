"""The registry: what it lists, what a reference means, and what it refuses."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from findings.errors import CardError, DigestMismatch, ModelError, UnknownModel
from models.card import ClassSpec, ModelCard, Normalisation, TrainingData, read_card, write_card
from models.checkpoint import file_sha256, save_bundle
from models.registry import Registry, shipped_folder, split_ref, version_key
from models.segmenter import Segmenter, build_network

ARCHITECTURE = {
    "decoder": "Unet",
    "encoder": "resnet18",
    "options": {"encoder_depth": 3, "decoder_channels": [8, 8, 4]},
}
OWN = TrainingData(name="generated", licence="Apache-2.0", role="training pairs", items=1, ships=True)

Bundle = Callable[..., Path]


def card(name: str = "crack", version: str = "1", kind: str = "photo") -> ModelCard:
    return ModelCard(
        name=name,
        version=version,
        task="segmentation",
        image_kind="scene" if kind == "scene" else "photo",
        bands=("red", "green", "blue"),
        required_bands=("red",),
        classes=(ClassSpec(name=name, damage="6", threshold=0.5),),
        normalisation=Normalisation(method="none"),
        gsd_range_mm=(0.1, 5.0),
        architecture=ARCHITECTURE,
        training_data=(OWN,),
    )


@pytest.fixture(scope="session")
def weights() -> dict[str, torch.Tensor]:
    return dict(build_network(ARCHITECTURE, 3, 1).state_dict())


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    return tmp_path / "shipped"


@pytest.fixture
def bundle(tmp_path: Path, weights: dict[str, torch.Tensor]) -> Bundle:
    def make(name: str = "crack", version: str = "1", kind: str = "photo", into: Path | None = None) -> Path:
        folder = (into or tmp_path / "made") / name / version
        save_bundle(folder, card(name, version, kind), weights)
        return folder

    return make


@pytest.fixture
def registry(tmp_path: Path, shipped: Path) -> Registry:
    return Registry(tmp_path / "home", shipped)


def test_a_fresh_home_has_the_index_baselines_and_stays_untouched(registry: Registry, tmp_path: Path) -> None:
    assert [e.ref for e in registry.list()] == ["mndwi@1", "ndwi@1"]
    assert all(e.shipped for e in registry.list())
    assert registry.champions("photo") == registry.champions("scene") == ()
    assert registry.load("ndwi").card.bands == ("green", "nir")
    assert not (tmp_path / "home").exists()


def test_an_added_model_is_listed_loaded_and_immutable(registry: Registry, bundle: Bundle) -> None:
    entry = registry.add(bundle("crack", "2"))
    assert (entry.ref, entry.shipped) == ("crack@2", False)
    model = registry.load("crack@2", "cpu")
    assert isinstance(model, Segmenter)
    assert model.predict(torch.zeros(1, 3, 32, 32)).shape == (1, 1, 32, 32)
    assert model.weights_sha256 == entry.card.weights_sha256
    with pytest.raises(ModelError, match="immutable"):
        registry.add(bundle("crack", "2", into=registry_parent(entry.folder)))


def registry_parent(folder: Path | None) -> Path:
    assert folder is not None
    return folder.parents[3] / "again"


def test_a_shipped_version_or_an_index_cannot_be_overwritten(registry: Registry, bundle: Bundle, shipped: Path) -> None:
    bundle("crack", "1", into=shipped)
    with pytest.raises(ModelError, match="immutable"):
        registry.add(bundle("crack", "1"))
    with pytest.raises(ModelError, match="immutable"):
        registry.add(bundle("ndwi", "7"))


def test_without_a_version_the_champion_is_meant_and_else_the_highest(registry: Registry, bundle: Bundle) -> None:
    for version in ("9", "10", "1.2"):
        registry.add(bundle("crack", version))
    assert registry.resolve("crack").ref == "crack@10"
    registry.set_alias("crack@9")
    registry.set_alias("crack@9", "winter")
    assert registry.resolve("crack").ref == registry.resolve("crack@winter").ref == "crack@9"
    assert registry.resolve("crack@10").ref == "crack@10"
    assert registry.resolve("crack").aliases == ("champion", "winter")
    registry.set_alias("crack@1.2")
    assert registry.resolve("crack").ref == "crack@1.2"


def test_a_new_version_runs_by_default_only_once_it_is_champion(
    registry: Registry, bundle: Bundle, shipped: Path
) -> None:
    bundle("crack", "1", into=shipped)
    bundle("water", "1", "scene", into=shipped)
    registry.add(bundle("crack", "2"))
    registry.add(bundle("stain", "1"))
    assert [e.ref for e in registry.champions("photo")] == ["crack@1"]
    assert [e.ref for e in registry.champions("scene")] == ["water@1"]
    registry.set_alias("crack@2")
    registry.set_alias("stain@1")
    registry.set_alias("mndwi")
    assert [e.ref for e in registry.champions("photo")] == ["crack@2", "stain@1"]
    assert [e.ref for e in registry.champions("scene")] == ["mndwi@1", "water@1"]


def test_an_unknown_model_is_told_with_what_exists(registry: Registry, bundle: Bundle) -> None:
    registry.add(bundle())
    for ref in ("rust", "crack@3", "crack@winter"):
        with pytest.raises(UnknownModel, match=r"crack@1, mndwi@1, ndwi@1"):
            registry.resolve(ref)


@pytest.mark.parametrize(
    "ref", ["", "../crack", "crack/1", "crack@../1", "crack@1/..", "Crack", "crack@", "a\\b", "x@1@2"]
)
def test_a_reference_that_could_leave_the_registry_is_refused(registry: Registry, ref: str) -> None:
    with pytest.raises(UnknownModel, match="expected NAME"):
        registry.load(ref)


@given(st.text("ab1@./\\_-A:\n", max_size=12))
def test_no_reference_ever_holds_a_path_separator(text: str) -> None:
    try:
        parts = split_ref(text)
    except UnknownModel:
        return
    assert not any(sign in (part or "") for part in parts for sign in "/\\")
    assert parts[1] != ".."


def test_versions_sort_by_number_and_candidates_before_releases() -> None:
    ordered = ["0.9", "1.0rc1", "1.0rc2", "1.0", "1.0.1", "1.9", "1.10", "2"]
    assert sorted(["1.10", "2", "1.0.1", "0.9", "1.0", "1.9", "1.0rc2", "1.0rc1"], key=version_key) == ordered


@pytest.mark.parametrize("harm", ["pickle", "truncated", "empty"])
def test_weights_that_are_no_safetensors_are_refused_even_with_a_fitting_digest(
    registry: Registry, bundle: Bundle, harm: str
) -> None:
    folder = bundle()
    path = folder / "model.safetensors"
    content = {"pickle": pickle.dumps({"a": 1}), "truncated": path.read_bytes()[:-1000], "empty": b""}[harm]
    path.write_bytes(content)
    write_card(read_card(folder).model_copy(update={"weights_sha256": file_sha256(path)}), folder)
    with pytest.raises(ModelError, match="not a safetensors file"):
        registry.add(folder)
    assert len(registry.list()) == 2


def test_weights_changed_after_they_were_added_are_not_loaded(registry: Registry, bundle: Bundle) -> None:
    folder = registry.add(bundle()).folder
    assert folder is not None
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DigestMismatch):
        registry.load("crack")


def test_weights_outside_the_bundle_are_never_read(registry: Registry, bundle: Bundle) -> None:
    folder = bundle()
    (folder.parent / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    write_card(read_card(folder).model_copy(update={"weights_file": "../model.safetensors"}), folder)
    with pytest.raises(ModelError, match="weights_file"):
        registry.add(folder)


def test_one_damaged_folder_does_not_hide_the_others(registry: Registry, bundle: Bundle, shipped: Path) -> None:
    bundle("water", "1", "scene", into=shipped)
    harmed = bundle("crack", "1", into=shipped)
    (harmed / "card.json").write_text("{}")
    renamed = bundle("rust", "1", into=shipped)
    renamed.rename(renamed.with_name("2"))
    assert [e.ref for e in registry.list()] == ["mndwi@1", "ndwi@1", "water@1"]
    assert len(registry.problems()) == 2
    with pytest.raises(CardError):
        registry.resolve("crack@1")
    with pytest.raises(CardError, match="must agree"):
        registry.resolve("rust@2")


@pytest.mark.parametrize("text", ["{", "[]", '{"crack": "1"}', '{"crack": {"champion": 1}}'])
def test_a_damaged_alias_file_is_told_and_not_taken_as_empty(registry: Registry, tmp_path: Path, text: str) -> None:
    (tmp_path / "home/models").mkdir(parents=True)
    (tmp_path / "home/models/aliases.json").write_text(text)
    with pytest.raises(ModelError, match=r"aliases\.json"):
        registry.list()


def test_an_alias_of_a_version_that_is_gone_is_told(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "home/models").mkdir(parents=True)
    (tmp_path / "home/models/aliases.json").write_text(json.dumps({"crack": {"champion": "3"}}))
    with pytest.raises(UnknownModel, match="alias champion of version 3"):
        registry.champions("photo")


def test_an_alias_cannot_look_like_a_version(registry: Registry) -> None:
    with pytest.raises(ModelError, match="first a letter"):
        registry.set_alias("ndwi", "2")


def test_everything_shipped_loads_and_saw_only_pictures_whose_grant_allows_it(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert not registry.problems()
    for entry in (e for e in registry.list() if e.origin == "shipped"):
        assert entry.card.training_data, f"{entry.ref} does not say what it was trained on"
        # evaluation-only pictures may choose step and threshold; no weight may have been trained on them
        learnt = [data for data in entry.card.training_data if data.taught]
        held = [data.name for data in learnt if not data.ships]
        assert not held, f"{entry.ref} ships but saw evaluation-only pictures: {held}"
        assert registry.load(entry.ref).weights_sha256 == entry.card.weights_sha256
        assert entry.folder is not None
        assert entry.folder.is_relative_to(shipped_folder())
        assert (entry.folder / "model.safetensors").stat().st_size < 25e6


def test_a_card_cannot_name_a_file_outside_its_folder(tmp_path: Path) -> None:
    for wrong in ("../../escaped.safetensors", "/escaped.safetensors", "weights.pkl"):
        with pytest.raises(ValueError, match="weights_file"):
            ModelCard.model_validate(card().model_dump() | {"weights_file": wrong, "weights_sha256": "0" * 64})
    with pytest.raises(ValueError, match="name"):  # it is part of a map's file name
        ClassSpec(name="/../x", damage="6", threshold=0.5)
