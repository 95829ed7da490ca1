"""The model card: what a model version reads, returns, was trained on and measured at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from findings.errors import CardError, GradingError
from findings.survey import Radiometry
from findings.taxonomy import damage_type


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


SURFACES = ("water", "sediment", "vegetation", "built")
"""What covers the ground: classes of scene models that are no damage; river geometry reads them."""


def _known_damage(code: str) -> str:
    if code not in SURFACES:
        try:
            damage_type(code)
        except GradingError as error:
            raise ValueError(f"{error}, or one of the surfaces {', '.join(SURFACES)}") from error
    return code


Damage = Annotated[
    str,
    AfterValidator(_known_damage),
    Field(description="1..26, R01..R22, 'anomaly', or a surface: water, sediment, vegetation, built"),
]


class ClassSpec(_Frozen):
    """One output class: its name, the damage it means and its operating point."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="part of file names")
    damage: Damage
    threshold: float = Field(ge=0, allow_inf_nan=False, description="chosen on the validation split; never on test")
    edge_threshold: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="score at which outlines of known truth lie neither outside nor inside it: widths are cut there",
    )
    minimum_area_px: int = Field(default=1, ge=1)
    grow_threshold: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="a region reaches down to this score from a pixel at the threshold; None: the threshold alone",
    )
    grow_width_px: int = Field(
        default=0, ge=0, le=200, description="the lower score counts only where what reaches it is this broad"
    )
    fill_holes_px: int = Field(default=0, ge=0, description="holes of at most so many pixels belong to the region")
    facts: dict[str, bool] = Field(default={}, description="details that a finding of this class states to the grading")
    tested_on: Literal["real", "generated", "nothing"] = Field(
        default="nothing", description="the best kind of pixels that the test numbers of this class come from"
    )

    @property
    def edge(self) -> float:
        """The score at which outlines are measured: the edge threshold, or the threshold where none was measured."""
        return self.threshold if self.edge_threshold is None else self.edge_threshold

    @property
    def extent(self) -> str:
        """What a region holds besides its pixels at the threshold, and how large it is at least, in words."""
        words = [f"at least {self.minimum_area_px} px"]
        if self.edge_threshold is not None:
            words.append(f"edges measured at {self.edge_threshold:g}")
        if self.grow_threshold is not None:
            broad = f" where {self.grow_width_px} px broad" if self.grow_width_px > 1 else ""
            words.append(f"down to {self.grow_threshold:g}{broad}")
        if self.fill_holes_px:
            words.append(f"with holes up to {self.fill_holes_px} px")
        return ", ".join(words)

    @model_validator(mode="after")
    def _reach(self) -> ClassSpec:
        if self.grow_threshold is not None and self.grow_threshold > self.threshold:
            raise ValueError(f"grow_threshold {self.grow_threshold} above threshold {self.threshold}")
        return self


class Calibration(_Frozen):
    """How logits become probabilities: ``sigmoid(logit / temperature)``, one temperature a class.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks. Fitted on the validation split. A class without a
    known true and a known false pixel there keeps temperature 1, and its errors are None: not measured.
    """

    temperatures: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...]
    data: str
    ece_before: tuple[float | None, ...]
    ece_after: tuple[float | None, ...]
    reliability: tuple[tuple[tuple[float, float, int], ...], ...] = Field(
        default=(), description="per class: bins of (mean probability, share that is true, pixels) after calibration"
    )
    ece_likely_before: tuple[float | None, ...] = Field(
        default=(), description="the same error over pixels with probability >= 0.05 alone; background dominates else"
    )
    ece_likely_after: tuple[float | None, ...] = ()


class TestTime(_Frozen):
    """Test-time augmentation that the thresholds of the card were chosen with: mean probability over the views."""

    flips: bool = False
    scales: tuple[Annotated[float, Field(ge=0.25, le=4, allow_inf_nan=False)], ...] = Field(
        default=(1.0,), min_length=1, max_length=8
    )


class Export(_Frozen):
    """Another form of the same weights in the version's folder, and how far its answers were measured to differ."""

    format: Literal["onnx", "torch_export"]
    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(onnx|pt2)$")
    sha256: str
    largest_difference: float
    measured_on: str


class Normalisation(_Frozen):
    """How raw values become network input.

    ``fixed``: (x - mean) / std per band, values as stored.
    ``per_patch``: one mean and one standard deviation over all observed values of the patch, bands together.
    ``per_band``: a mean and a standard deviation of its own for each band of the patch, for pictures whose bands and
        dates were each stretched for themselves.
    ``per_group``: one pair for each of ``groups``, and one of its own for each band outside them: bands of one sensor
        keep their relations, sensors and dates of other stretches do not disturb them.
    ``none``: raw values.
    ``indices``: further planes (a - b) / (a + b) of raw bands, which no gain common to both bands changes.
    """

    method: Literal["fixed", "per_patch", "per_band", "per_group", "none"]
    mean: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = ()
    std: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] = ()
    indices: tuple[tuple[str, str], ...] = ()
    groups: tuple[tuple[str, ...], ...] = Field(default=(), description="of bands, for per_group; a band is in one")


CHOSE = "threshold and best step"
"""The role of pictures that chose and did not teach."""


class TrainingData(_Frozen):
    """One source of training pixels or labels, with the grant that allows its use."""

    name: str
    licence: str
    role: str = Field(description="what it was used for, e.g. 'training pairs', 'pixels; labels derived from QA'")
    items: int
    ships: bool = Field(
        description="False: evaluation-only pictures; they may choose among weights that ship, not train them"
    )
    digest: str | None = Field(default=None, description="of pictures, labels and how they were read")

    @property
    def taught(self) -> bool:
        """Whether weights were learnt from it; else it only chose the best step and the threshold."""
        return not self.role.startswith(CHOSE)


class ModelCard(_Frozen):
    """A model version on one page; stored as ``card.json`` beside the weights."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    version: str = Field(pattern=r"^[0-9][0-9a-z.]{0,31}$")
    task: Literal["segmentation", "index", "anomaly"]
    image_kind: Literal["photo", "scene", "pair"] = Field(
        description="'pair': planes of one place at two dates, put together by whoever asks; no file is one"
    )
    bands: tuple[str, ...] = Field(min_length=1)
    required_bands: tuple[str, ...] = Field(
        description="() of pairs alone: any subset of their planes is an answer's base"
    )
    classes: tuple[ClassSpec, ...] = Field(min_length=1)
    normalisation: Normalisation
    gsd_range_mm: tuple[float, float]
    architecture: dict[str, Any]
    weights_file: str | None = Field(  # a plain name: it is copied and opened below the model's folder
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.safetensors$"
    )
    weights_sha256: str | None = None
    training_data: tuple[TrainingData, ...] = ()
    commands: tuple[str, ...] = ()
    metrics: dict[str, Any] = {}
    limits: tuple[str, ...] = ()
    licence: str = "Apache-2.0"
    radiometry: tuple[Radiometry, ...] = Field(
        default=(Radiometry.REFLECTANCE, Radiometry.UNKNOWN),
        min_length=1,
        description="what a scene's values may mean; photographs are not asked",
    )
    calibration: Calibration | None = None
    test_time: TestTime = TestTime()
    exports: tuple[Export, ...] = ()
    based_on: str | None = Field(default=None, description="NAME@VERSION whose weights this version started from")
    test_digest: str | None = Field(
        default=None, description="digest of the frozen test set that `metrics.test` was measured on"
    )

    @model_validator(mode="after")
    def _agree(self) -> ModelCard:
        if not self.required_bands and self.image_kind != "pair":
            raise ValueError("required_bands is empty; name the bands that a picture must have")
        missing = set(self.required_bands) - set(self.bands)
        if missing:
            raise ValueError(f"required bands {sorted(missing)} are not among bands {list(self.bands)}")
        if self.normalisation.method == "fixed" and not (
            len(self.normalisation.mean) == len(self.normalisation.std) == len(self.bands)
        ):
            raise ValueError("fixed normalisation needs one mean and one std per band")
        strangers = {band for pair in self.normalisation.indices for band in pair} - set(self.bands)
        if strangers:
            raise ValueError(f"indices of {sorted(strangers)}, which are not among bands {list(self.bands)}")
        grouped = [band for group in self.normalisation.groups for band in group]
        if bool(grouped) != (self.normalisation.method == "per_group"):
            raise ValueError(f"method {self.normalisation.method} with groups {list(self.normalisation.groups)}; "
                             "per_group needs groups, other methods have none")  # fmt: skip
        if len(set(grouped)) != len(grouped) or set(grouped) - set(self.bands):
            raise ValueError(
                f"groups {grouped} of bands {list(self.bands)}; each must be one of them, and in one group"
            )
        if len(set(self.radiometry)) != len(self.radiometry):
            raise ValueError(f"radiometry {[what.value for what in self.radiometry]} names one twice")
        if self.calibration is not None and len(self.calibration.temperatures) != len(self.classes):
            raise ValueError("calibration needs one temperature per class")
        if (self.weights_file is None) != (self.weights_sha256 is None):
            raise ValueError("weights_file and weights_sha256 come together")
        return self


def read_card(folder: Path) -> ModelCard:
    """Return the card of a model folder.

    Raises:
        CardError: there is no readable, complete card.json.
    """
    path = folder / "card.json"
    try:
        return ModelCard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CardError(f"{path}: no readable card.json; a model folder holds card.json and its weights") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "card"
        raise CardError(f"{path}: {where}: {first['msg']}") from error


def write_card(card: ModelCard, folder: Path) -> None:
    """Write ``card.json`` into a model folder, readable and in field order."""
    text = json.dumps(card.model_dump(mode="json"), ensure_ascii=False, indent=2)
    (folder / "card.json").write_text(text + "\n", encoding="utf-8")
