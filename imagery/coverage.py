"""Coverage: what of an asset was photographed finely and clearly enough, and what was not. Silence is no soundness.

A picture counts for a crack of the target width if its GSD, sharpness and angle allow it (domain guide 1.10,
``capture_gate``); what does not count is kept with its reason. Whether a model judged the picture is another question
and another number.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from findings.asset import Asset, AssetKind, Structure
from findings.errors import InputError
from findings.survey import Image, ImageKind, ImageStatus
from imagery.coverage_ground import DateCoverage, Ground, date_coverage, ground_coverage
from imagery.quality import BLUR_WARNING_PX, MAX_GSD_MM

MAX_INCIDENCE_DEG = 20.0  # for cracks, domain guide 1.10
GSD_PER_WIDTH = 3.0  # the rule behind MAX_GSD_MM, for other widths
HIDDEN_AT_MOST = 0.5  # a picture of which more must not be judged counts as masked
SAME_GSD = 1e-3  # a GSD this near to the limit is the limit: a laser range is not better known
PARTLY = 0.01  # masked share from which it is told
WIDTH_RANGE_MM = (0.01, 100.0)


class Gap(StrEnum):
    """Why something does not count as seen."""

    NOT_CAPTURED = "not_captured"
    FAILED = "failed"
    UNUSABLE = "unusable"
    NO_SCALE = "no_scale"
    TOO_COARSE = "too_coarse"
    BLURRED = "blurred"
    MASKED = "masked"
    OBLIQUE = "oblique"


WORDS: Mapping[Gap, tuple[str, str]] = {
    Gap.NOT_CAPTURED: ("未撮影", "not captured"),
    Gap.FAILED: ("読込不可", "could not be read"),
    Gap.UNUSABLE: ("判定不可", "cannot be judged"),
    Gap.NO_SCALE: ("縮尺不明", "scale unknown"),
    Gap.TOO_COARSE: ("分解能不足", "resolution insufficient"),
    Gap.BLURRED: ("不鮮明", "not sharp"),
    Gap.MASKED: ("判定対象外", "mostly masked"),
    Gap.OBLIQUE: ("斜め撮影", "seen too obliquely"),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture: why it does not count (None: it does), in words, and how much of it is clear.

    Attributes:
        area_m2: of the clear part, at the GSD of the middle; None without a scale.
        judged: a model looked at it.
    """

    image: Image
    gap: Gap | None
    why: str
    area_m2: float | None
    judged: bool


@dataclass(frozen=True, slots=True)
class MemberCoverage:
    """What is known of one member of one span.

    Attributes:
        span: None: the pictures name none.
        member: symbol; None: the pictures name none.
        listed: the asset's inventory has it.
        pictures: of it.
        fit: those that count for the target width.
        judged: of the fit ones, those that a model looked at.
        area_m2: clear area of the fit ones; overlaps are counted as often as they occur.
        gaps: reasons of the others, and how many.
    """

    span: int | None
    member: str | None
    listed: bool
    pictures: int
    fit: int
    judged: int
    area_m2: float | None
    gaps: Mapping[Gap, int]


@dataclass(frozen=True, slots=True)
class AssetCoverage:
    """Coverage of one asset by one survey.

    Attributes:
        asset: None for pictures that belong to no asset.
        target_width_mm: of cracks.
        max_gsd_mm: that this width needs.
        seen: the photographs.
        members: one row a span and member, the inventory's first.
        ground: of the asset's outline or line as seen from above; None without geometry or placed photographs.
        dates: of river reaches, one row a day with scenes.
        remarks: what the reader must know before trusting the rows.
    """

    asset: Asset | None
    target_width_mm: float
    max_gsd_mm: float
    seen: tuple[Seen, ...]
    members: tuple[MemberCoverage, ...]
    ground: Ground | None = None
    dates: tuple[DateCoverage, ...] = ()
    remarks: tuple[str, ...] = field(default_factory=tuple)

    @property
    def missing(self) -> tuple[MemberCoverage, ...]:
        """Listed members without any picture."""
        return tuple(row for row in self.members if row.listed and row.pictures == 0)


def max_gsd_mm(target_width_mm: float) -> float:
    """Return the largest GSD in mm per pixel at which a crack of that width is worth measuring.

    Raises:
        InputError: a width outside 0.01 to 100 mm.
    """
    if not WIDTH_RANGE_MM[0] <= target_width_mm <= WIDTH_RANGE_MM[1]:
        raise InputError(f"target width {target_width_mm:g} mm: expected 0.01 to 100 mm; correct --target-width")
    known = next((gsd for width, gsd in MAX_GSD_MM.items() if math.isclose(width, target_width_mm)), None)
    return known if known is not None else GSD_PER_WIDTH * target_width_mm


def default_width_mm(asset: Asset | None) -> float:
    """Return the smallest bound of the crack rule's width classes: 0.1 mm for PC, else 0.2 mm (domain guide 1.5)."""
    return 0.1 if asset is not None and asset.structure is Structure.PC else 0.2


def look_at(image: Image, target_width_mm: float) -> Seen:
    """Return what a photograph contributes to seeing cracks of the target width."""
    gap, why = _gap(image, max_gsd_mm(target_width_mm))
    gsd = image.scale.gsd_mm
    clear = image.width_px * image.height_px * image.quality.valid_share * (1.0 - image.quality.masked_share)
    area = None if gsd is None else clear * (gsd / 1000.0) ** 2
    return Seen(image, gap, why, area, image.status is ImageStatus.INSPECTED)


def _gap(image: Image, limit_mm: float) -> tuple[Gap | None, str]:
    quality, gsd = image.quality, image.scale.gsd_mm
    if image.status is ImageStatus.FAILED:
        return Gap.FAILED, image.reason or "failed"
    if quality.masked_share > HIDDEN_AT_MOST:
        return Gap.MASKED, f"{quality.masked_share:.0%} of the picture must not be judged"
    if not quality.assessable:
        unsharp = any("blur" in reason for reason in quality.reasons)
        return (Gap.BLURRED if unsharp else Gap.UNUSABLE), "; ".join(quality.reasons)
    if gsd is None:
        return Gap.NO_SCALE, image.scale.note or "no scale"
    if gsd > limit_mm * (1 + SAME_GSD):
        return Gap.TOO_COARSE, f"{gsd:.3g} mm/px, needed {limit_mm:.3g}"
    # a smear of L px is as wide as a blur of L / sqrt(12); a sharp picture of the recipe has up to BLUR_WARNING_PX
    spread = max(quality.blur_px or 0.0, (quality.motion_px or 0.0) / math.sqrt(12))
    if gsd * max(1.0, spread / BLUR_WARNING_PX) > limit_mm * (1 + SAME_GSD):
        return Gap.BLURRED, f"edges spread {spread:.1f} px at {gsd:.3g} mm/px"
    if image.incidence_deg is not None and image.incidence_deg > MAX_INCIDENCE_DEG:
        return Gap.OBLIQUE, f"{image.incidence_deg:.0f} degrees off the normal, at most {MAX_INCIDENCE_DEG:g}"
    return None, ""


def cover(
    images: Sequence[Image],
    assets: Mapping[str, Asset],
    survey_asset_uid: str | None,
    target_width_mm: float | None = None,
) -> tuple[AssetCoverage, ...]:
    """Return the coverage of every asset that a survey shows or was made for, and of the pictures of none.

    Args:
        images: all of the survey.
        assets: by uid.
        survey_asset_uid: asset of pictures that name no other.
        target_width_mm: of cracks; None: the smallest class bound of each asset's structure.

    Raises:
        InputError: an impossible target width.
    """
    groups: dict[str | None, list[Image]] = {} if survey_asset_uid is None else {survey_asset_uid: []}
    for image in images:
        own = image.assignment.asset_uid if image.assignment is not None else None
        groups.setdefault(own or survey_asset_uid, []).append(image)
    return tuple(
        _of_asset(assets.get(uid) if uid is not None else None, group, target_width_mm) for uid, group in groups.items()
    )


def _of_asset(asset: Asset | None, images: Sequence[Image], target_width_mm: float | None) -> AssetCoverage:
    width = default_width_mm(asset) if target_width_mm is None else target_width_mm
    limit = max_gsd_mm(width)
    seen = tuple(look_at(image, width) for image in images if image.kind is ImageKind.PHOTO)
    scenes = [image for image in images if image.kind is ImageKind.SCENE]
    members = _members(asset, seen)
    remarks = _remarks(asset, seen, members)
    ground: Ground | None = None
    dates: tuple[DateCoverage, ...] = ()
    if asset is not None and asset.geometry is not None:
        fit = [one.image for one in seen if one.gap is None]
        ground, notes = ground_coverage(asset.geometry, [one.image for one in seen], fit)
        remarks += notes
        if asset.kind is AssetKind.RIVER_REACH:
            dates, notes = date_coverage(asset.geometry, scenes)
            remarks += notes
    elif asset is not None:
        remarks.append(f"{asset.name} has no geometry: no share of it can be stated")
    if scenes and (asset is None or asset.kind is not AssetKind.RIVER_REACH):
        remarks.append(
            f"{len(scenes)} scenes belong to no river reach and do not count here (mizuhashi surveys assign)"
        )
    return AssetCoverage(asset, width, limit, seen, members, ground, dates, tuple(dict.fromkeys(remarks)))


def _members(asset: Asset | None, seen: Sequence[Seen]) -> tuple[MemberCoverage, ...]:
    listed = [] if asset is None else [(span.number, name) for span in asset.spans for name in span.members]
    groups: dict[tuple[int | None, str | None], list[Seen]] = {key: [] for key in listed}
    for one in sorted(seen, key=lambda one: (one.image.span or math.inf, one.image.member or "~")):
        groups.setdefault((one.image.span, one.image.member), []).append(one)
    return tuple(_member(key, group, key in listed) for key, group in groups.items())


def _member(key: tuple[int | None, str | None], group: Sequence[Seen], listed: bool) -> MemberCoverage:
    fit = [one for one in group if one.gap is None]
    gaps = Counter(one.gap for one in group if one.gap is not None)
    if not group:
        gaps[Gap.NOT_CAPTURED] = 1
    areas = [one.area_m2 for one in fit if one.area_m2 is not None]
    return MemberCoverage(
        span=key[0],
        member=key[1],
        listed=listed,
        pictures=len(group),
        fit=len(fit),
        judged=sum(one.judged for one in fit),
        area_m2=sum(areas) if areas else None,
        gaps=dict(gaps),
    )


def _remarks(asset: Asset | None, seen: Sequence[Seen], members: Sequence[MemberCoverage]) -> list[str]:
    found = []
    loose = sum(row.pictures for row in members if row.member is None)
    if asset is None and seen:
        found.append(f"{len(seen)} pictures belong to no asset: assign them (mizuhashi surveys assign)")
    elif loose and any(row.listed for row in members):
        found.append(f"{loose} pictures name no member: assign them before reading 未撮影 as a gap")
    if asset is not None and asset.kind is AssetKind.BRIDGE and not any(row.listed for row in members):
        found.append(f"the inventory of {asset.name} lists no members: what was not captured cannot be named")
    unknown = sum(one.gap is None and one.image.incidence_deg is None for one in seen)
    if unknown:
        found.append(f"angle of view unknown for {unknown} pictures that are fine enough")
    if sum(one.area_m2 is not None and one.gap is None for one in seen) > 1:
        found.append("clear m² adds up the pictures: what two of them show counts twice")
    partly = [one.image for one in seen if one.gap is None and one.image.quality.masked_share >= PARTLY]
    if partly:
        worst = max(partly, key=lambda image: image.quality.masked_share)
        found.append(
            f"{len(partly)} pictures that are fine enough are masked in part, {Path(worst.path).name} by "
            f"{worst.quality.masked_share:.0%}: what lies there was not seen"
        )
    waiting = sum(one.gap is None and not one.judged for one in seen)
    if waiting:
        found.append(f"{waiting} pictures that are fine enough were not judged by a model yet (mizuhashi inspect)")
    masked = [one.image for one in seen if one.image.mask_path is not None]
    gone = [Path(image.path).name for image in masked if not Path(str(image.mask_path)).is_file()]
    if gone:
        found.append(f"the mask is no longer at its place: {', '.join(gone[:3])}{' ...' if len(gone) > 3 else ''}")
    return found
