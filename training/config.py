"""The training configuration: one YAML file, validated, with ``key=value`` overrides."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from findings.errors import ConfigError
from findings.plain_yaml import PlainYamlError, parse_yaml
from findings.survey import Radiometry
from models.card import Damage, Normalisation, TestTime


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)
    # numbers become text: --set version=2 is a version


_ModelT = TypeVar("_ModelT", bound=_Strict)


SourceKind = Literal[
    "mask_pairs", "clean_pictures", "pasted_cracks", "hairlines", "water_tiles",
    "generated_concrete", "generated_river", "generated_radar", "generated_flood", "flood_pairs", "dacl10k", "codebrim",
    "sen1floods11", "coco", "cvat", "reviews",
]  # fmt: skip


class SourceConfig(_Strict):
    """Where samples come from.

    ``mask_pairs``: ``images/``, ``masks/`` and ``split.csv`` (columns name, split) under ``root``; also folders
        laid out as CrackSeg9k or OmniCrack30k (``options``).
    ``clean_pictures``: pictures without any damage, every class known to be absent.
    ``pasted_cracks``: crack-free windows of ``mask_pairs`` with generated cracks and joints drawn into them.
    ``hairlines``: fixed pictures, ``clean_pictures`` with generated hairlines drawn in, for evaluation only.
    ``water_tiles``: the 12-band tiles of ``water/tiles30m``; labels derived from the quality flag and indices.
    ``generated_concrete``, ``generated_river``, ``generated_radar``, ``generated_flood``: drawn on the fly from seeded
        generators.
    ``flood_pairs``: radar and optical pictures of one place before and after a flood, laid out as OMBRIA.
    ``dacl10k``, ``codebrim``, ``sen1floods11``, ``coco``, ``cvat``: folders as those sets and tools lay them out.
    ``reviews``: a data-set version built from engineers' reviews (``mizuhashi train --from-reviews``).
    """

    kind: SourceKind
    name: str
    licence: str
    ships: bool = Field(description="True only where the licence lets shipped weights be trained on it")
    root: Path | None = None
    split: str | None = None
    weight: float = Field(default=1.0, gt=0, description="share of the crops, relative to the other sources")
    classes: str | None = Field(default=None, description="class map: a name in training/class_maps/ or a YAML path")
    match: str | None = Field(default=None, description="only pictures whose name matches this glob, e.g. CPFD*")
    scale: float = Field(default=1.0, ge=0.01, le=4, description="pictures are resized by this factor when read")
    seed: int = Field(default=0, description="of sources that draw fixed pictures")
    options: dict[str, Any] = Field(default={}, description="of the kind; an unknown key is an error")


class EvaluationConfig(_Strict):
    """What is measured, and how.

    ``crack``: strict IoU and F1, F1@2px, clIoU@4px, false-alarm length. ``water``: IoU and boundary error, against
    ``labels``. ``classes``: the same for every class of the model that the source labels; area classes have IoU.
    """

    protocol: Literal["crack", "water", "classes"]
    source: SourceConfig
    labels: Literal["given", "derived"] = "given"
    pixel_size_m: float | None = Field(default=None, gt=0)
    goals: tuple[str, ...] = Field(
        default=(), description="measures whose mean chooses step and threshold; () is the protocol's own choice"
    )
    weight: float = Field(default=1.0, gt=0, description="of this set in that choice")


class LossConfig(_Strict):
    """Weights of the parts of the loss; see ``training.losses`` for each part's equation and source."""

    cross_entropy: float = Field(default=1.0, ge=0)
    positive_weight: float = Field(default=1.0, gt=0, description="of damaged pixels in the cross-entropy")
    dice: float = Field(default=1.0, ge=0)
    focal: float = Field(default=0.0, ge=0)
    focal_gamma: float = Field(default=2.0, ge=0)
    cldice: float = Field(default=0.0, ge=0)
    skeleton_recall: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _teaches(self) -> LossConfig:
        if not any((self.cross_entropy, self.dice, self.focal, self.cldice, self.skeleton_recall)):
            raise ValueError("every part weighs 0, so nothing is learnt; give one a weight, e.g. loss.cross_entropy=1")
        return self


class ClassConfig(_Strict):
    """An output class, the damage that it means, and how pixels become its regions (see `ClassSpec`)."""

    name: str
    damage: Damage
    edge_threshold: float | None = Field(default=None, gt=0, lt=1)
    minimum_area_px: int = Field(default=1, ge=1)
    grow_threshold: float | None = Field(default=None, ge=0, le=1)
    grow_width_px: int = Field(default=0, ge=0, le=200)
    fill_holes_px: int = Field(default=0, ge=0)
    least_threshold: float = Field(default=0.0, ge=0, le=0.97, description="no threshold below it is chosen")
    facts: dict[str, bool] = {}
    tested_on: Literal["real", "generated", "nothing"] = "nothing"


class BandSet(_Strict):
    """Bands that a crop may come with, all others missing, and how often."""

    bands: tuple[str, ...] = Field(min_length=1)
    weight: float = Field(default=1.0, gt=0)


class TrainConfig(_Strict):
    """Everything that decides a model version."""

    name: str
    version: str
    image_kind: Literal["photo", "scene", "pair"]
    bands: tuple[str, ...]
    required_bands: tuple[str, ...]
    classes: tuple[ClassConfig, ...]
    normalisation: Normalisation
    gsd_range_mm: tuple[float, float]
    architecture: dict[str, Any]
    pretrained: bool = True
    train: tuple[SourceConfig, ...] = Field(min_length=1)
    validation: EvaluationConfig
    development: tuple[EvaluationConfig, ...] = Field(
        default=(), description="further sets that step and threshold are chosen by; they look like the target"
    )
    test: EvaluationConfig = Field(description="the frozen test: measured once, and what promotion compares by")
    reports: tuple[EvaluationConfig, ...] = Field(default=(), description="further sets, each reported once")
    crop_px: int = Field(default=256, multiple_of=32, ge=32, le=8192)
    batch: int = Field(default=8, ge=1, le=4096)
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
    band_sets: tuple[BandSet, ...] = Field(
        default=(), description="bands that go missing together (a sensor, a date): each crop keeps one of these sets"
    )
    stored_range: float = Field(
        default=10_000.0, gt=0, description="of a scene's values; noise, haze and offsets of augmentation scale with it"
    )
    zoom_chance: float = Field(default=0.35, ge=0, le=1, description="of enlarging a part of a scene's crop")
    evaluate_every: int = Field(default=200, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    limits: tuple[str, ...] = ()
    radiometry: tuple[Radiometry, ...] = (Radiometry.REFLECTANCE, Radiometry.UNKNOWN)
    loss: LossConfig = LossConfig()
    prior: float | None = Field(
        default=None, gt=0, lt=1, description="score that every pixel starts with; None leaves the head as drawn"
    )
    soft_targets: bool = Field(default=False, description="thin cracks as coverage instead of yes or no; see soften")
    accumulate: int = Field(default=1, ge=1, description="batches a step; the gradient is their mean")
    gradient_checkpoint: bool = Field(default=False, description="less memory, a third more time")
    patience: int | None = Field(default=None, ge=1, description="stop after so many measurements without a better one")
    save_every: int = Field(default=100, ge=1, description="steps between checkpoints that a killed run goes on from")
    workers: int | None = Field(
        default=None, ge=0, description="processes that draw crops ahead, 0: the loop draws; None: 1, on a GPU up to 8"
    )
    test_time: TestTime = TestTime()
    based_on: str | None = Field(default=None, description="NAME@VERSION to fine-tune; None starts from ImageNet")
    download_weights: bool = Field(
        default=False, description="let timm fetch ImageNet weights that no installed package holds; needs a network"
    )

    @model_validator(mode="after")
    def _agrees(self) -> TrainConfig:
        for what, names in (("bands", self.bands), ("classes", self.class_names)):
            if len(set(names)) != len(names):
                raise ValueError(f"{what} {', '.join(names)} name one twice; delete one of them")
        strangers = {band for one in self.band_sets for band in one.bands} - set(self.bands)
        if strangers:
            raise ValueError(f"band_sets name {', '.join(sorted(strangers))}, expected names of bands")
        if self.warmup_steps > self.steps:
            raise ValueError(
                f"warmup_steps {self.warmup_steps} of {self.steps} steps never ends; set at most steps, usually a tenth"
            )
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the order of the output planes."""
        return tuple(spec.name for spec in self.classes)


def read_config(path: Path, overrides: tuple[str, ...] = ()) -> TrainConfig:
    """Return the configuration of a YAML file with ``key=value`` overrides (dots reach into mappings).

    Raises:
        ConfigError: no such file, broken YAML, an unknown key or an impossible value.
    """
    content = load_yaml(path)
    for override in overrides:
        _set(content, override)
    return _validated(TrainConfig, content, path)


Part = Literal["test", "validation", "development", "reports"]


def read_evaluation(path: Path) -> EvaluationConfig:
    """Return what to measure: an evaluation file, or the ``test`` part of a training configuration."""
    return read_evaluations(path)[0]


def read_evaluations(path: Path, part: Part = "test") -> tuple[EvaluationConfig, ...]:
    """Return what to measure: an evaluation file, or a part of a training configuration; never empty.

    Raises:
        ConfigError: no such file, broken YAML, an unknown key, or a training configuration without that part.
    """
    content = load_yaml(path)
    if "steps" not in content:
        return (_validated(EvaluationConfig, content, path),)
    chosen = content.get(part)
    rows = chosen if isinstance(chosen, list) else [] if chosen is None else [chosen]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{path}: has no part {part!r} to measure; expected a protocol and a source below that key")
    return tuple(_validated(EvaluationConfig, row, path) for row in rows)


def load_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds.

    Raises:
        ConfigError: no such file, or not a mapping.
    """
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, PlainYamlError) as error:
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
    try:
        content[last] = parse_yaml(value)
    except PlainYamlError as error:
        raise ConfigError(f"--set {override!r}: the value is no YAML ({error}); quote text") from error


def _validated(kind: type[_ModelT], content: dict[str, Any], path: Path) -> _ModelT:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        rows = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise ConfigError(f"{path}: " + "; ".join(rows)) from error
