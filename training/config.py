"""The training configuration: one YAML file, validated, with ``key=value`` overrides."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from findings.errors import ConfigError
from findings.survey import Radiometry
from models.card import Normalisation


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)  # --set version=2 is a version


_ModelT = TypeVar("_ModelT", bound=_Strict)


class SourceConfig(_Strict):
    """Where samples come from.

    ``mask_pairs``: ``images/``, ``masks/`` and ``split.csv`` (columns name, split) under ``root``.
    ``water_tiles``: the 12-band tiles of ``water/tiles30m``; labels derived from the quality flag and indices.
    ``generated_concrete``, ``generated_river``: drawn on the fly from seeded generators.
    """

    kind: Literal["mask_pairs", "water_tiles", "generated_concrete", "generated_river"]
    name: str
    licence: str
    ships: bool = Field(description="True only where the licence lets shipped weights be trained on it")
    root: Path | None = None
    split: str | None = None
    weight: float = Field(default=1.0, gt=0, description="share of the crops, relative to the other sources")


class EvaluationConfig(_Strict):
    """What is measured, and how.

    ``crack``: strict IoU and F1, F1@2px, clIoU@4px. ``water``: IoU and boundary error, against ``labels``.
    """

    protocol: Literal["crack", "water"]
    source: SourceConfig
    labels: Literal["given", "derived"] = "given"
    pixel_size_m: float | None = None


class ClassConfig(_Strict):
    """An output class and the damage that it means."""

    name: str
    damage: str
    minimum_area_px: int = Field(default=1, ge=1)


class TrainConfig(_Strict):
    """Everything that decides a model version."""

    name: str
    version: str
    image_kind: Literal["photo", "scene"]
    bands: tuple[str, ...]
    required_bands: tuple[str, ...]
    classes: tuple[ClassConfig, ...]
    normalisation: Normalisation
    gsd_range_mm: tuple[float, float]
    architecture: dict[str, Any]
    pretrained: bool = True
    train: tuple[SourceConfig, ...]
    validation: EvaluationConfig
    test: EvaluationConfig
    crop_px: int = Field(default=256, multiple_of=32)
    batch: int = Field(default=8, ge=1)
    steps: int = Field(ge=1)
    learning_rate: float = Field(default=6e-4, gt=0)
    warmup_steps: int = Field(default=50, ge=0)
    weight_decay: float = Field(default=1e-3, ge=0)
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32", description="bf16 pays on GPUs; measured slower than fp32 on CPUs for depthwise convolutions"
    )
    ema: float = Field(default=0.995, ge=0, lt=1)
    clip_norm: float = Field(default=1.0, gt=0)
    drop_band: float = Field(default=0.0, ge=0, lt=1, description="chance that an optional band is missing in a crop")
    evaluate_every: int = Field(default=200, ge=1)
    seed: int = 0
    limits: tuple[str, ...] = ()
    radiometry: tuple[Radiometry, ...] = (Radiometry.REFLECTANCE, Radiometry.UNKNOWN)


def read_config(path: Path, overrides: tuple[str, ...] = ()) -> TrainConfig:
    """Return the configuration of a YAML file with ``key=value`` overrides (dots reach into mappings).

    Raises:
        ConfigError: no such file, broken YAML, an unknown key or an impossible value.
    """
    content = load_yaml(path)
    for override in overrides:
        _set(content, override)
    return _validated(TrainConfig, content, path)


def read_evaluation(path: Path) -> EvaluationConfig:
    """Return what to measure: an evaluation file, or the ``test`` part of a training configuration."""
    content = load_yaml(path)
    return _validated(EvaluationConfig, content.get("test", content) if "steps" in content else content, path)


def load_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds.

    Raises:
        ConfigError: no such file, or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not a readable YAML file: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, found {type(content).__name__}")
    return content


def _set(content: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise ConfigError(f"--set {override!r}: expected key=value, e.g. --set steps=200")
    *parents, last = key.split(".")
    for parent in parents:
        child = content.setdefault(parent, {})
        if not isinstance(child, dict):
            raise ConfigError(f"--set {override!r}: {parent} is not a group of settings")
        content = child
    content[last] = yaml.safe_load(value)


def _validated(kind: type[_ModelT], content: dict[str, Any], path: Path) -> _ModelT:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        rows = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise ConfigError(f"{path}: " + "; ".join(rows)) from error
