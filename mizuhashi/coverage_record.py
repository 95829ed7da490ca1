"""Coverage as plain values for sheets and reports: what was seen well enough, and what was not, in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from findings.asset import AssetKind
from findings.exports.record import Coverage, DaySeen, MemberSeen, Unseen
from findings.survey import Image, ImageKind, ImageStatus
from imagery.coverage import WORDS, AssetCoverage, Gap

_REMARKS = (
    (r"(\d+) pictures belong to no asset: .*", r"\1枚の写真は施設に割り当てられていない"),
    (r"(\d+) pictures name no member: .*", r"\1枚の写真は部材が未割当: 割当前の「未撮影」は欠測とは限らない"),
    (r"the inventory of (.*) lists no members: .*", r"\1の台帳に部材がないため、未撮影の部材を挙げられない"),
    (r"angle of view unknown for (\d+) pictures .*", r"分解能を満たす\1枚は撮影角度が不明"),
    (r"clear m² adds up the pictures: .*", "有効面積は写真ごとの合計であり、重複して写る範囲は重ねて数えている"),
    (
        r"(\d+) pictures that are fine enough are masked in part, (.*) by (\d+)%: .*",
        r"分解能を満たす\1枚は一部が判定対象外(最大 \2 の\3 %): その範囲は見ていない",
    ),
    (r"(\d+) pictures that are fine enough were not judged .*", r"分解能を満たす\1枚はまだモデルで判定していない"),
    (r"the mask is no longer at its place: (.*)", r"マスクのファイルが元の場所にない: \1"),
    (r"(.*) has no geometry: .*", r"\1は位置の形状がないため、被覆率を示せない"),
    (r"(\d+) scenes belong to no river reach .*", r"\1シーンは河川区間に割り当てられておらず、集計に含まない"),
    (
        r"shares are of the plan, seen from above; .*",
        "被覆率は平面(上空から見た範囲)の値であり、下面・側面については何も示さない",
    ),
    (r"(\d+) pictures without a footprint .*", r"撮影範囲が不明な\1枚は平面の被覆率に含まない"),
    (r"no photograph has a footprint: .*", "撮影範囲の分かる写真がないため、平面の被覆率を示せない"),
    (r"(\d+) scenes are known by their year alone: .*", r"\1シーンは撮影年のみ判明: 表示日は年の中央"),
    (
        r"(.*): masked parts that show no known ground are not taken off",
        r"\1: 地上位置の不明なマスク部分は差し引いていない",
    ),
    (r"(.*) does not count for the plan: .*", r"\1は平面の被覆率に含まない(マスクを読めない)"),
    (r"(.*) does not count: .*", r"\1は集計に含まない(読めない、または座標がない)"),
)  # fmt: skip
"""What `imagery.coverage` remarks, and the same in Japanese."""


def remark_pair(remark: str) -> tuple[str, str]:
    """Return a remark in Japanese and English; one that has no Japanese form stays English in both."""
    for pattern, words in _REMARKS:
        if (found := re.fullmatch(pattern, remark)) is not None:
            return found.expand(words), remark
    return remark, remark


def coverage_value(found: AssetCoverage) -> Coverage:
    """Return the coverage of one asset as a plain value."""
    river = found.asset is not None and found.asset.kind is AssetKind.RIVER_REACH
    asked = bool(found.seen) or (found.asset is not None and not river)
    fit = sum(one.gap is None for one in found.seen)
    ground = found.ground
    plan = None
    if ground is not None:
        plan = (ground.total, ground.unit, ground.photographed / ground.total, ground.fit / ground.total)
    return Coverage(
        asset_name="" if found.asset is None else found.asset.name,
        cracks=(found.target_width_mm, found.max_gsd_mm, fit, len(found.seen)) if asked else None,
        members=tuple(
            MemberSeen(
                row.span,
                row.member,
                row.pictures,
                row.fit,
                row.judged,
                row.area_m2,
                tuple((*WORDS[gap], count) for gap, count in row.gaps.items()),
            )
            for row in found.members
        )
        if asked
        else (),
        plan=plan,
        days=tuple(
            DaySeen(str(day.day or ""), len(day.scenes), day.in_view, day.clear, bool(day.unmasked))
            for day in found.dates
        )
        if river
        else (),
        notes=tuple(remark_pair(remark) for remark in found.remarks),
    )


def unseen(coverage: Sequence[AssetCoverage], images: Sequence[Image]) -> tuple[Unseen, ...]:
    """Return everything that was not seen: members without a picture, pictures that do not count, scenes unjudged."""
    return tuple([row for found in coverage for row in _of_asset(found)] + list(_scenes(coverage, images)))


def _of_asset(found: AssetCoverage) -> Iterator[Unseen]:
    name = "" if found.asset is None else found.asset.name
    river = found.asset is not None and found.asset.kind is AssetKind.RIVER_REACH
    for row in found.missing:
        yield Unseen(name, row.span, row.member, "", *WORDS[Gap.NOT_CAPTURED], "")
    if river and not found.dates and not found.seen:
        yield Unseen(name, None, None, "", *WORDS[Gap.NOT_CAPTURED], "")
    for one in found.seen:
        image = one.image
        if one.gap is not None:
            yield Unseen(name, image.span, image.member, Path(image.path).name, *WORDS[one.gap], one.why)
        elif image.status is not ImageStatus.INSPECTED:
            yield Unseen(name, image.span, image.member, Path(image.path).name, *_status(image), image.reason or "")


def _scenes(coverage: Sequence[AssetCoverage], images: Sequence[Image]) -> Iterator[Unseen]:
    names = {found.asset.uid: found.asset.name for found in coverage if found.asset is not None}
    for image in images:
        if image.kind is ImageKind.SCENE and image.status is not ImageStatus.INSPECTED:
            own = image.assignment.asset_uid if image.assignment is not None else None
            name = names.get(own or "", next(iter(names.values()), ""))
            yield Unseen(name, None, None, Path(image.path).name, *_status(image), image.reason or "")


def _status(image: Image) -> tuple[str, str]:
    if image.status is ImageStatus.FAILED:
        return WORDS[Gap.FAILED]
    return ("未判定", "not inspected yet") if image.status is ImageStatus.PENDING else WORDS[Gap.UNUSABLE]
