from __future__ import annotations

from pathlib import Path

import pytest

from findings.errors import ConfigError
from training.config import SourceConfig, read_config, read_evaluation
from training.datasets import open_source

ROOT = Path(__file__).resolve().parents[2]


def test_an_override_reaches_into_a_group_of_settings(config_file: Path) -> None:
    config = read_config(config_file, ("steps=9", "architecture.encoder=tu-resnet18"))
    assert (config.steps, config.architecture["encoder"]) == (9, "tu-resnet18")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("stepz=9", "stepz: Extra inputs are not permitted"),
        ("steps=0", "steps: Input should be greater than or equal to 1"),
        ("crop_px=100", "crop_px"),
        ("steps", "expected key=value"),
        ("steps.more=1", "not a group of settings"),
        ("batch=[1", "the value is no YAML"),
        ("name=!!python/object/apply:os.system [id]", "the value is no YAML"),
        ("learning_rate=.inf", "learning_rate: Input should be a finite number"),
        ("gsd_range_mm=[.nan, 1]", "gsd_range_mm.0: Input should be a finite number"),
        ("crop_px=3200000", "crop_px: Input should be less than or equal to 8192"),
        ("batch=100000000000", "batch: Input should be less than or equal to 4096"),
        ("seed=-1", "seed: Input should be greater than or equal to 0"),
        ("seed=18446744073709551616", "seed: Input should be less than"),
        ("train=[]", "train: Tuple should have at least 1 item"),
        ("bands=[red, red, blue]", "bands red, red, blue name one twice"),
        ("classes=[{name: a, damage: '6'}, {name: a, damage: '6'}]", "classes a, a name one twice"),
        ("classes=[{name: crack, damage: '99'}]", "classes.0.damage: .*'99' is unknown"),
        ("validation.source.scale=1.0e-300", "validation.source.scale: Input should be greater than"),
        ("normalisation.std=[.nan, 64, 64]", "normalisation.std.0: Input should be"),
        ("normalisation.std=[64, 0, 64]", "normalisation.std.1: Input should be greater than 0"),
        ("normalisation.mean=[64, .inf, 64]", "normalisation.mean.1: Input should be a finite number"),
        ("loss={cross_entropy: 0, dice: 0}", "loss: .*every part weighs 0"),
        ("warmup_steps=7", "warmup_steps 7 of 6 steps never ends"),
        ("validation.pixel_size_m=-10", "validation.pixel_size_m: Input should be greater than 0"),
        ("clip_norm=.inf", "clip_norm: Input should be a finite number"),
        ("validation.source.weight=.inf", "validation.source.weight: Input should be a finite number"),
    ],
)
def test_a_wrong_setting_is_named_in_the_error(config_file: Path, override: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        read_config(config_file, (override,))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mask_pairs", {"threshold": float("nan")}),
        ("mask_pairs", {"cache_mb": float("inf")}),
        ("coco", {"cache_mb": float("inf")}),
        ("cvat", {"line_width_px": float("inf")}),
    ],
)
def test_an_option_that_is_no_finite_number_is_refused(kind: str, options: dict[str, float], tmp_path: Path) -> None:
    content = {"kind": kind, "name": "walls", "licence": "MIT", "ships": False, "root": tmp_path, "options": options}
    with pytest.raises(ConfigError, match=f"{next(iter(options))}: Input should be a finite number"):
        open_source(SourceConfig.model_validate(content), ("red", "green", "blue"), ("crack",))


def test_a_version_may_be_given_as_a_number(config_file: Path) -> None:
    assert read_config(config_file, ("version=2",)).version == "2"


def test_a_missing_or_broken_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    for name in ("none.yaml", "list.yaml", "broken.yaml"):
        with pytest.raises(ConfigError, match=name):
            read_config(tmp_path / name)


def test_the_test_part_of_a_training_configuration_is_what_evaluate_measures(config_file: Path) -> None:
    assert read_evaluation(config_file) == read_config(config_file).test


@pytest.mark.parametrize("name", ["crack-1", "crack-2", "concrete-2", "water-1"])
def test_shipped_configurations_train_only_on_data_that_may_ship(name: str) -> None:
    config = read_config(ROOT / "training" / "configs" / f"{name}.yaml")
    assert all(source.ships for source in config.train)
    remembered = {"dem_merit", "dem_copernicus", "worldcover", "occurrence"}  # bands by which a place is recognised
    assert remembered.isdisjoint(config.bands)
