"""A small survey record with everything that sheets and reports must survive: hostile names, rare characters, NG."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from PIL import Image as Pillow
from shapely.geometry import Point, box

from findings.asset import Asset, AssetKind, Span, Structure
from findings.exports.record import (
    Coverage,
    DaySeen,
    Entry,
    Jpeg,
    Lost,
    MemberSeen,
    ModelFacts,
    Shot,
    SurveyRecord,
    Unseen,
    Verified,
)
from findings.finding import Finding, FindingStatus, Grade, Priority, Term
from findings.measure import Measure
from findings.review import Review
from findings.survey import Image, ImageKind, ImageStatus, Quality, Scale, ScaleSource, Survey
from findings.tracking import Growth, Track, TrackState
from tests.findings.factories import a_finding

MOMENT = datetime(2026, 5, 12, 1, 0, tzinfo=UTC)
HOSTILE = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\tTAB", "\rCR")
NAME = "髙橋=橋"
SCALE = Scale(0.5, 0.02, ScaleSource.LASER_RANGE)
BRIDGE = Asset(
    "=bridge",
    AssetKind.BRIDGE,
    NAME,
    Structure.RC,
    Point(131.5, 34.2),
    (Span(1, ("Mg", "Ds")),),
    external_ids={"xroad_shisetsu_id": "0101"},
    attributes={"route_name": "=HYPERLINK(1)", "length_m": 12.5, "built_fy": 1985, "municipal_code": "012025"},
)
RIVER = Asset("reach", AssetKind.RIVER_REACH, "水川", chainage_km=(4.0, 6.5))


def a_picture(uid: str = "image", name: str = "a.jpg", kind: ImageKind = ImageKind.PHOTO, **changes: Any) -> Image:
    values = {"status": ImageStatus.INSPECTED, "captured_at": MOMENT, **changes}
    quality = Quality(True)
    return Image(
        uid, "survey", f"/p/{name}", "c" * 64, kind, 400, 300, ("red", "green", "blue"), SCALE, quality, **values
    )


def a_grade(*codes: str, scheme: str = "mlit_damage") -> Grade:
    return Grade(
        scheme, codes, "最大幅0.35mm(RC 大)・密 → e〔暫定〕", "largest width 0.35 mm -> e", "grade_rules", "1", "draft"
    )


def an_entry(rank: int, finding: Finding, asset: Asset | None = BRIDGE, **changes: Any) -> Entry:
    term = Term("grade", 1.0, 1.0, 30.0, "損傷程度", "damage grade")
    priority = Priority(finding.uid, 30.0, 20.0, 40.0, "candidate", (term,), "default-v1")
    values: dict[str, Any] = {"image": a_picture(finding.image_uid), "priority": priority, **changes}
    return Entry(rank, replace(finding, scale=SCALE, captured_at=MOMENT, span=1), asset=asset, **values)


def a_crack(uid: str = "crack", **changes: Any) -> Finding:
    measures = (Measure("width_p95", 0.35, "mm", 0.3, 0.4, "how"), Measure("length", 1.2, "m", 1.1, 1.3, "how"))
    made = a_finding(uid, damage="6", grade=a_grade("d", "e"), measures=measures, asset_uid=BRIDGE.uid, member="Mg")
    values = {"span": 1, "element_no": "0101", "geometry_lonlat": box(131.5, 34.2, 131.51, 34.21), **changes}
    return replace(made, **values)


def entries() -> tuple[Entry, ...]:
    """A tracked crack, damage types ㉑ to ㉖ with hostile notes, a rejected finding, and a river anomaly."""
    growth = Growth("width_p95", "mm/yr", 0.05, 0.02, 0.08, 5.0)
    track = Track("survey", "before", "crack", "old", TrackState.PROGRESSED, (growth,), 0.9, previous_grade="c")
    found = [an_entry(1, a_crack(), track=track, previous=a_crack("old"))]
    for number, note in zip(range(21, 27), HOSTILE, strict=True):
        finding = a_finding(f"f{number}", damage=str(number), asset_uid=BRIDGE.uid, status=FindingStatus.CONFIRMED)
        review = Review(f"r{number}", finding.uid, FindingStatus.CONFIRMED, f"=髙 {number}", MOMENT, "api", note=note)
        found.append(an_entry(number, replace(finding, side="㎥"), reviews=(review,)))
    rejected = a_finding("rejected", damage="7", asset_uid=BRIDGE.uid, status=FindingStatus.REJECTED)
    area = (Measure("area", 29_000.0, "m2", 24_000.0, 34_000.0, "how"),)
    bar = a_finding("bar", damage="R15", grade=a_grade("b", "c", scheme="river_rating"), asset_uid="reach",
                    measures=area, place=Point(131.48, 34.16))  # fmt: skip
    scene = a_picture("scene", "s.tif", ImageKind.SCENE)
    return (*found, an_entry(30, rejected), an_entry(31, bar, RIVER, image=scene))


def a_record(**changes: Any) -> SurveyRecord:
    """A record of one bridge and one river, compared with an earlier survey."""
    found = entries()
    gone = a_crack("gone", element_no="0102")
    lost = Track("survey", "before", None, "gone", TrackState.NOT_FOUND, note_ja="要説明", note_en="explain")
    member = MemberSeen(1, "Ds", 0, 0, 0, None, (("未撮影", "not captured", 1),))
    values: dict[str, Any] = {
        "survey": Survey("survey", "令和8年=点検", BRIDGE.uid, MOMENT),
        "as_of": MOMENT,
        "asset": BRIDGE,
        "assets": {BRIDGE.uid: BRIDGE, RIVER.uid: RIVER},
        "images": (a_picture(), a_picture("scene", "s.tif", ImageKind.SCENE)),
        "entries": found,
        "software": "mizuhashi 0.1.0",
        "lost": (Lost(lost, gone, BRIDGE),),
        "previous": "before",
        "previous_findings": (a_crack("old"), gone),
        "coverage": (
            Coverage(NAME, (0.2, 0.6, 1, 2), (member,), None, (), (("角度不明", "angle unknown"),)),
            Coverage("水川", None, (), None, (DaySeen("2026-05-12", 1, 1.0, 0.5, True),), ()),
        ),
        "unseen": (
            Unseen(NAME, 1, "Ds", "", "未撮影", "not captured", ""),
            Unseen(NAME, 1, "Mg", "b.jpg", "不鮮明", "not sharp", "edges spread 4.0 px"),
        ),
        "models": (
            ModelFacts("crack", "2", "ab" * 32, 1, (Verified("crack", "6", 0.66, (0.56, 0.71), None, None, "walls"),),
                       ("joints can be called cracks",), (0.1, 3.0)),
        ),
        "code_versions": ("0.1.0",),
    }  # fmt: skip
    return SurveyRecord(**{**values, **changes})


def a_jpeg(width: int = 60, height: int = 40, shade: int = 90) -> Jpeg:
    buffer = io.BytesIO()
    Pillow.new("RGB", (width, height), (shade, 110, 120)).save(buffer, "JPEG")
    return Jpeg(buffer.getvalue(), width, height)


def shots(entry: Entry) -> Shot:
    """A picture of every finding but of damage 22."""
    if entry.finding.damage == "22":
        return Shot(None, note=("写真なし(試験)", "no picture (test)"))
    return Shot(a_jpeg(shade=7 * entry.rank), a_jpeg(40, 30, 7 * entry.rank))
