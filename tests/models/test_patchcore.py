"""The anomaly bank: what it finds, what its threshold means, and that it can be made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from findings.errors import ModelError
from models.card import TrainingData, read_card
from models.patchcore import PatchCore, Picture, fit_bank, score_of, split_normals
from models.registry import Registry


def plaster(seed: int, height: int = 96, width: int = 128) -> Picture:
    """A wall of vertical board marks with grain."""
    rng = np.random.default_rng(seed)
    boards = 150 + 20 * np.sin(np.arange(width) / 6 + rng.uniform(0, 6))
    grain = rng.normal(0, 6, (height, width, 1))
    return np.clip(boards[None, :, None] + grain + np.zeros(3), 0, 255).astype(np.uint8)


def scarred(seed: int) -> Picture:
    picture = plaster(seed)
    picture[40:56, 60:84] = (30, 20, 60)
    return picture


NORMALS = [plaster(seed) for seed in range(14)]


def fit(out: Path, **options: object) -> Path:
    kept, held = split_normals(NORMALS)
    return fit_bank(iter(kept), iter(held), "plaster", out, **{"limit": 200, **options})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fit(tmp_path_factory.mktemp("bank"))


@pytest.fixture(scope="module")
def model(folder: Path) -> PatchCore:
    return PatchCore.load(folder)


def tensor(picture: Picture) -> torch.Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()


def test_a_scar_is_hot_where_it_is_and_normal_wall_is_not(model: PatchCore) -> None:
    scores = model.predict(tensor(scarred(90)))[0, 0]
    row, column = divmod(int(scores.argmax()), scores.shape[1])
    assert 32 <= row < 64
    assert 52 <= column < 92
    assert scores.max() > 0.5
    assert scores[:, :24].max() < scores[40:56, 60:84].mean()


def test_the_picture_score_is_the_maximum_of_its_map(model: PatchCore) -> None:
    picture = scarred(91)
    assert model.image_score(picture) == pytest.approx(float(model.predict(tensor(picture)).max()), abs=1e-4)
    assert model.image_score(picture) > 0.5 > model.image_score(plaster(92)) - 0.1


def test_the_threshold_is_the_stated_quantile_of_the_held_out_normals(model: PatchCore) -> None:
    _, held = split_normals(NORMALS)
    maxima = [model.image_distance(picture) for picture in held]
    facts = model.card.architecture
    assert facts["held_out"] == len(held) == 3
    assert facts["raw_threshold"] == pytest.approx(np.quantile(maxima, facts["quantile"]), rel=1e-4)
    assert float(score_of(torch.tensor(facts["raw_threshold"]), facts["raw_threshold"])) == 0.5


@given(st.lists(st.floats(0, 1e3, width=32), min_size=2, max_size=20), st.floats(0.01, 100))
def test_showing_distances_as_scores_keeps_their_order_and_range(distances: list[float], threshold: float) -> None:
    raw = torch.tensor(sorted(distances), dtype=torch.float64)
    scores = score_of(raw, threshold)
    assert bool((scores.diff() >= 0).all())
    assert bool(((scores >= 0) & (scores < 1)).all())
    assert bool(((scores >= 0.5) == (raw >= threshold)).all())


def test_the_same_seed_gives_the_same_bank_and_another_seed_another(folder: Path, tmp_path: Path) -> None:
    digest = read_card(folder).weights_sha256
    assert read_card(fit(tmp_path / "a")).weights_sha256 == digest
    assert read_card(fit(tmp_path / "b", seed=1)).weights_sha256 != digest


def test_the_bank_is_capped_and_says_how_it_was_made(model: PatchCore) -> None:
    facts = model.card.architecture
    assert facts["bank_rows"] == 200
    assert facts["pictures"] == 11
    assert facts["patches"] == 11 * 12 * 16
    assert not model.card.training_data[0].ships
    assert "Apache" not in model.card.licence


def test_pictures_that_may_ship_must_be_declared_so(tmp_path: Path) -> None:
    data = TrainingData(name="generated walls", licence="Apache-2.0", role="normals", items=14, ships=True)
    card = read_card(fit(tmp_path, data=data, command="mizuhashi anomaly fit"))
    assert card.training_data == (data,)
    assert (card.licence, card.commands) == ("Apache-2.0", ("mizuhashi anomaly fit",))


def test_unobserved_pixels_have_no_score_and_do_not_disturb_the_rest(model: PatchCore) -> None:
    whole = tensor(plaster(93))
    holed = whole.clone()
    holed[:, :, :, 96:] = torch.nan
    scores = model.predict(holed)
    assert scores[..., 96:].isnan().all()
    assert not scores[..., :96].isnan().any()
    torch.testing.assert_close(scores[..., :40], model.predict(whole)[..., :40], atol=0.15, rtol=0)
    assert float(scores[..., :96].max()) < 0.6
    assert model.predict(torch.full((1, 3, 32, 32), torch.nan)).isnan().all()


def test_a_missing_colour_is_taken_from_the_others(model: PatchCore) -> None:
    pixels = tensor(plaster(94))
    pixels[:, 2] = torch.nan
    scores = model.predict(pixels)
    assert not scores.isnan().any()
    assert float(scores.max()) < 0.65


@pytest.mark.parametrize("shape", [(40, 40), (33, 70, 1), (7, 5, 3), (600, 530, 3)])
def test_grey_small_and_large_pictures_are_scored(model: PatchCore, shape: tuple[int, ...]) -> None:
    score = model.image_score(np.full(shape, 150, np.uint8))
    assert 0 <= score < 1


def test_a_grey_bank_does_not_see_colours(tmp_path: Path) -> None:
    bank = PatchCore.load(fit(tmp_path, grey=True))
    assert bank.card.bands == ("grey",)
    assert bank.predict(tensor(scarred(95))[:, :1]).max() > 0.5
    picture = plaster(96)
    assert bank.image_score(picture) == pytest.approx(bank.image_score(picture[..., 0]), abs=1e-3)


def test_a_bank_goes_through_the_registry_and_runs_once_it_is_champion(folder: Path, tmp_path: Path) -> None:
    registry = Registry(tmp_path, tmp_path / "shipped")
    registry.add(folder)
    assert registry.champions("photo") == ()
    registry.set_alias("plaster@1")
    assert [e.ref for e in registry.champions("photo")] == ["plaster@1"]
    assert registry.load("plaster").predict(tensor(plaster(97))).shape == (1, 1, 96, 128)


def test_what_no_bank_can_be_made_of_is_refused_with_the_reason(tmp_path: Path) -> None:
    kept, held = split_normals(NORMALS)
    with pytest.raises(ModelError, match="at least 6"):
        split_normals(NORMALS[:5])
    with pytest.raises(ModelError, match="at least one picture"):
        fit_bank([], held, "x", tmp_path)
    with pytest.raises(ModelError, match="at least 3"):
        fit_bank(kept[:2], held[:2], "x", tmp_path)
    with pytest.raises(ModelError, match="expected uint8"):
        fit_bank([np.zeros((8, 8, 4), np.uint8)], held, "x", tmp_path)
    with pytest.raises(ModelError, match="0 < quantile"):
        fit_bank(kept, held, "x", tmp_path, quantile=1.0)
    flat = [np.full((64, 64, 3), 90, np.uint8)] * 4
    with pytest.raises(ModelError, match="all normal pictures are alike"):
        fit_bank(flat, flat, "x", tmp_path)
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_bank_that_contradicts_its_card_is_refused(folder: Path, tmp_path: Path) -> None:
    from models.checkpoint import load_state, save_bundle

    card = read_card(folder)
    state = load_state(folder, card)
    state.pop("bank")
    save_bundle(tmp_path / "plaster" / "2", card, state)
    with pytest.raises(ModelError, match="fit it again"):
        PatchCore.load(tmp_path / "plaster" / "2")
