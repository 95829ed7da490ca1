"""What a flight says of itself: values, and the rows of its tables."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from imagery.flight.turn import Turn


class Verdict(StrEnum):
    """What the overlap says of one picture."""

    AGREES = "agrees"
    TURNED = "turned"
    OFF_PLACE = "off_place"
    APART = "apart"  # a group of pictures that fits none of the others
    ALONE = "alone"  # registered with nobody
    UNCHECKED = "unchecked"  # registered, but nothing to check against
    NOT_READ = "not_read"
    LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True)
class ImageCheck:
    """One picture.

    Attributes:
        uid: of the image.
        name: file name.
        verdict: in one word.
        words: in a sentence.
        neighbours: pictures that it was registered with.
        candidates: pictures that it should overlap or follow.
        features: found in it; None if it was not read.
        turn: how it is turned against its record, or None.
        residual_en_m: recorded minus adjusted place: east, north.
        residual_m: its length.
        residual_percent: of the recorded distance to its nearest registered neighbour.
        sigma_m: 1-sigma of the adjusted place, an axis, relative to the mean of the flight.
        yaw_error_deg: recorded minus adjusted direction of the upper edge, clockwise.
        scale_ratio: adjusted over recorded ground sample distance.
        adjusted_lonlat: where the overlap puts the middle of the picture.
    """

    uid: str
    name: str
    verdict: Verdict
    words: str
    neighbours: int = 0
    candidates: int = 0
    features: int | None = None
    turn: Turn | None = None
    residual_en_m: tuple[float, float] | None = None
    residual_m: float | None = None
    residual_percent: float | None = None
    sigma_m: float | None = None
    yaw_error_deg: float | None = None
    scale_ratio: float | None = None
    adjusted_lonlat: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class PairCheck:
    """Two registered pictures: what their records predict, and what their overlap shows.

    Attributes:
        first: file name.
        second: file name.
        follows: the second was taken right after the first.
        predicted_en_m: recorded place of the second minus the first: east, north.
        registered_en_m: the same by the overlap, at the recorded scales and directions (turned pictures put right).
        residual_m: length of the difference.
        residual_percent: of the predicted distance.
        as_recorded_m: the residual with every record at its word; differs where a picture is turned.
        rotation_deg: measured turn of the content, anticlockwise, first to second.
        rotation_error_deg: measured minus predicted from the recorded directions as they stand.
        scale_ratio_error: measured over predicted ratio of the ground sample distances, minus 1.
        inliers: features that agree.
        matches: features that look alike.
        weight: 0..1 in the adjustment; low: it contradicts the rest of the flight.
    """

    first: str
    second: str
    follows: bool
    predicted_en_m: tuple[float, float] | None
    registered_en_m: tuple[float, float] | None
    residual_m: float | None
    residual_percent: float | None
    as_recorded_m: float | None
    rotation_deg: float
    rotation_error_deg: float | None
    scale_ratio_error: float | None
    inliers: int
    matches: int
    weight: float


class Agreement(StrEnum):
    """How a measured ground sample distance stands to the recorded one."""

    AGREES = "agrees"  # within two sigma of the measurement
    WITHIN_RECORD = "within_record"  # only within two sigma of measurement and record together
    DISAGREES = "disagrees"


@dataclass(frozen=True, slots=True)
class GsdCheck:
    """Ground sample distance by registered pixels and recorded positions, beside the recorded one.

    Attributes:
        measured_mm: for the picture of median scale.
        sigma_mm: 1-sigma.
        recorded_mm: median, or None.
        recorded_sigma_mm: median, or None.
        source: of the recorded one.
        agreement: of the two; None if nothing is recorded.
    """

    measured_mm: float
    sigma_mm: float
    recorded_mm: float | None
    recorded_sigma_mm: float | None
    source: str
    agreement: Agreement | None

    @property
    def words(self) -> str:
        """One sentence."""
        measured = f"ground sample distance {self.measured_mm:.1f} ± {self.sigma_mm:.1f} mm/px by overlap and positions"
        if self.recorded_mm is None:
            return f"{measured}; none is recorded"
        sigma = f" ± {self.recorded_sigma_mm:.1f}" if self.recorded_sigma_mm else ""
        recorded = f"recorded {self.recorded_mm:.1f}{sigma} mm/px ({self.source.replace('_', ' ')})"
        share = self.measured_mm / self.recorded_mm - 1.0
        verdict = {
            Agreement.AGREES: "they agree",
            Agreement.WITHIN_RECORD: "more than the measurement errs, less than the record may: the measured is surer",
            Agreement.DISAGREES: "THEY DISAGREE: one of height, focal length and positions is wrong",
            None: "",
        }[self.agreement]
        return f"{measured}; {recorded}: {share:+.1%}, {verdict}"


@dataclass(frozen=True, slots=True)
class FlightReport:
    """The whole check.

    Attributes:
        images: in the order in which they were taken, then those that do not take part.
        pairs: registered ones.
        gsd: or None if positions are too few or too close together.
        place_sigma_m: 1-sigma of a recorded place against the others, an axis; a shift of all is not in it.
        place_sigma_estimated: from the residuals; otherwise it is our assumption.
        median_pair_m: median residual of the registered pairs.
        median_pair_percent: the same in percent of the predicted distance.
        median_image_m: median residual of the adjusted pictures.
        median_image_percent: the same in percent of the spacing.
        notes: of the flight as a whole.
    """

    images: tuple[ImageCheck, ...]
    pairs: tuple[PairCheck, ...]
    gsd: GsdCheck | None
    place_sigma_m: float | None
    place_sigma_estimated: bool
    median_pair_m: float | None
    median_pair_percent: float | None
    median_image_m: float | None
    median_image_percent: float | None
    notes: tuple[str, ...]


COLUMNS = (
    "image", "next", "predicted_m", "registered_m", "residual_m", "residual_percent", "as_recorded_m",
    "image_residual_m", "image_residual_percent", "sigma_m", "yaw_error_deg", "scale_ratio", "neighbours", "verdict",
    "words",
)  # fmt: skip


def rows(report: FlightReport) -> list[dict[str, Any]]:
    """Return one row an image, by :data:`COLUMNS`; None where a value does not exist."""
    following = {pair.first: pair for pair in report.pairs if pair.follows}
    table = []
    for image in report.images:
        pair = following.get(image.name)
        offsets = [] if pair is None else [pair.predicted_en_m, pair.registered_en_m]
        lengths = [None if place is None else abs(complex(*place)) for place in offsets] or [None, None]
        values = (
            image.name, pair.second if pair else None, *lengths,
            pair.residual_m if pair else None, pair.residual_percent if pair else None,
            pair.as_recorded_m if pair else None, image.residual_m, image.residual_percent, image.sigma_m,
            image.yaw_error_deg, image.scale_ratio, image.neighbours, image.verdict.value, image.words,
        )  # fmt: skip
        table.append(dict(zip(COLUMNS, values, strict=True)))
    return table


def summary(report: FlightReport) -> list[str]:
    """Return the flight in sentences."""
    lines = []
    if report.median_pair_m is not None and report.median_pair_percent is not None:
        lines.append(
            f"registered against predicted offsets: median residual {report.median_pair_m:.2f} m "
            f"({report.median_pair_percent:.1f} %) over {len(report.pairs)} pairs, turned pictures put right"
        )
    if report.median_image_m is not None:
        share = f" ({report.median_image_percent:.1f} % of the spacing)" if report.median_image_percent else ""
        lines.append(
            f"places after adjustment of the whole flight: median residual {report.median_image_m:.2f} m{share}"
        )
    if report.place_sigma_m is not None:
        how = "from the residuals" if report.place_sigma_estimated else "assumed, too few places to estimate it"
        lines.append(
            f"recorded places hold against each other to {report.place_sigma_m:.2f} m an axis (1 sigma, {how}); "
            "a shift that all share does not show in overlaps"
        )
    if report.gsd is not None:
        lines.append(report.gsd.words)
    return [*lines, *report.notes]
