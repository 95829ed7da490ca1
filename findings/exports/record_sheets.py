"""Sheets about the survey itself: the header of the forms, what was not seen, and the report on the technology used."""

from __future__ import annotations

from collections.abc import Iterator

from findings.asset import Asset, AssetKind
from findings.exports.encoding import Cell, Row
from findings.exports.form_sheets import form_text
from findings.exports.record import ModelFacts, SurveyRecord, Verified
from findings.exports.sheet import Sheet
from findings.exports.words import damage_ja, member_ja
from findings.finding import FindingStatus
from findings.survey import Image, ImageStatus
from findings.tables import status_ja
from findings.wording import METRE_FROM_MM, SCALE_SOURCES, number

UNSEEN_COLUMNS = ("施設名", "径間番号", "部材名", "部材記号", "画像ファイル", "理由", "内容")
COVERAGE_COLUMNS = ("施設名", "径間番号", "部材名", "部材記号", "写真枚数", "分解能を満たす枚数", "判定済み枚数",
                    "有効面積(m2)", "見ていないものと理由")  # fmt: skip
ANNEX_COLUMNS = ("区分", "項目", "内容")
DAY_COLUMNS = ("河川名", "撮影日(UTC)", "シーン数", "写っている延長の割合(%)", "雲などのない延長の割合(%)", "雲の確認")
SILENCE = "所見がないことは健全を意味しません。見ていない範囲については何も示しません。"
_IN_PIXELS = "検出率・的中率は試験画像の画素単位の値(95%区間)。この橋・この川での値ではありません。"


def header_sheet(record: SurveyRecord) -> Sheet:
    """Return the header of the forms, one row an asset of the survey; what the inventory does not say is empty."""
    shown = [record.assets[uid] for uid in record.asset_uids if record.assets[uid].kind is AssetKind.BRIDGE]
    places = [f"{asset.name}: 台帳の位置 {_position(asset)}" for asset in shown if asset.geometry is not None]
    return Sheet(
        key="header",
        title="表題部(諸元)",
        columns=form_text("header"),
        rows=tuple(_header_row(asset, record) for asset in shown),
        texts=frozenset({"施設ID"}),
        notes=(
            "空欄は台帳にない項目です。所在地・起終点の位置は起点・終点の別が台帳にないため空欄とします。",
            *places,
            f"調書更新年月日は本記録の最終更新日({record.as_of.date().isoformat()} UTC)です。",
        ),
    )


def _position(asset: Asset) -> str:
    point = asset.geometry.representative_point() if asset.geometry is not None else None
    return "" if point is None else f"{point.y:.6f}, {point.x:.6f}"


def _header_row(asset: Asset, record: SurveyRecord) -> Row:
    known = asset.attributes
    row: Row = dict.fromkeys(form_text("header"))
    built = known.get("built_fy")
    row |= {
        "フリガナ": _cell(known.get("name_kana")),
        "橋梁名": asset.name,
        "路線名": _cell(known.get("route_name")),
        "管理者": _cell(known.get("administrator_name")),
        "施設ID": asset.external_ids.get("xroad_shisetsu_id"),
        "橋長": _cell(known.get("length_m")),
        "径間数": len(asset.spans) or _cell(known.get("span_count")),
        "上部構造形式": _cell(known.get("structure_type")),
        "全幅員": _cell(known.get("width_m")),
        "完成年月": f"{built:.0f}年度" if isinstance(built, int | float) else _cell(built),
        "調書更新年月日": record.as_of.date().isoformat(),
    }
    if asset.chainage_km is not None:
        row["距離標(自)"], row["距離標(至)"] = asset.chainage_km
    return row


def _cell(value: object) -> Cell:
    return value if value is None or isinstance(value, int | float | str) else str(value)


def unseen_sheet(record: SurveyRecord) -> Sheet:
    """Return what was not seen: members without pictures, pictures that do not count, each with its reason."""
    rows: list[Row] = [
        {
            "施設名": row.asset_name,
            "径間番号": row.span,
            "部材名": member_ja(row.member),
            "部材記号": row.member,
            "画像ファイル": row.picture or None,
            "理由": row.ja,
            "内容": row.why or None,
        }
        for row in record.unseen
    ]
    return Sheet(
        key="unseen",
        title="確認できなかった範囲",
        columns=UNSEEN_COLUMNS,
        rows=tuple(rows),
        notes=(SILENCE, *(note for one in record.coverage for note, _ in one.notes)),
        wide=frozenset({"内容"}),
    )


def coverage_sheet(record: SurveyRecord) -> Sheet:
    """Return how each member was photographed, for cracks of the smallest class of the rule."""
    rows: list[Row] = []
    for one in record.coverage:
        for seen in one.members:
            rows.append(
                {
                    "施設名": one.asset_name,
                    "径間番号": seen.span,
                    "部材名": member_ja(seen.member) or "未割当",
                    "部材記号": seen.member,
                    "写真枚数": seen.pictures,
                    "分解能を満たす枚数": seen.fit,
                    "判定済み枚数": seen.judged,
                    "有効面積(m2)": round(seen.area_m2, 2) if seen.area_m2 is not None else None,
                    "見ていないものと理由": ", ".join(f"{ja} {count}" for ja, _, count in seen.gaps) or None,
                }
            )
    asked = [
        f"{one.asset_name}: 幅{one.cracks[0]:g} mmのひびわれには{one.cracks[1]:.3g} mm/pxが必要"
        for one in record.coverage
        if one.cracks is not None
    ]
    return Sheet(
        key="coverage",
        title="撮影範囲",
        columns=COVERAGE_COLUMNS,
        rows=tuple(rows),
        notes=(*asked, SILENCE),
        wide=frozenset({"見ていないものと理由"}),
    )


def days_sheet(record: SurveyRecord) -> Sheet:
    """Return how much of each river reach the scenes of each day show."""
    rows: list[Row] = [
        {
            "河川名": one.asset_name,
            "撮影日(UTC)": day.day or "不明",
            "シーン数": day.scenes,
            "写っている延長の割合(%)": round(100 * day.in_view, 1),
            "雲などのない延長の割合(%)": round(100 * day.clear, 1),
            "雲の確認": "未確認(雲がない場合の値)" if day.unmasked else "マスクあり",
        }
        for one in record.coverage
        for day in one.days
    ]
    return Sheet(key="days", title="撮影範囲(河川)", columns=DAY_COLUMNS, rows=tuple(rows), notes=(SILENCE,))


def annex_sheet(record: SurveyRecord) -> Sheet:
    """Return the annex 使用結果報告: technology and version, capture, verified accuracy, limits, who confirmed."""
    rows: list[Row] = [dict(zip(ANNEX_COLUMNS, cells, strict=True)) for cells in annex_rows(record)]
    return Sheet(
        key="annex",
        title="使用結果報告",
        columns=ANNEX_COLUMNS,
        rows=tuple(rows),
        notes=(_IN_PIXELS, SILENCE, "損傷程度は「暫定」の規則による候補です。"),
        wide=frozenset({"内容"}),
    )


def annex_rows(record: SurveyRecord) -> Iterator[tuple[str, str, str]]:
    """Yield group, item and content of the annex."""
    yield "技術", "名称・版", record.software
    yield "技術", "所見を作成したときの版", ", ".join(record.code_versions) or "所見なし"
    for model in record.models:
        digest = f"重み sha256 {model.weights_sha256[:16]}…" if model.weights_sha256 else "重みなし"
        yield "技術", "モデル", f"{model.name} {model.version}版, {digest}, 所見 {model.findings}件"
        if model.note[0]:
            yield "技術", f"モデル {model.name}", model.note[0]
    yield from _capture(record.images)
    for model in record.models:
        yield from _accuracy(model)
    yield from _confirmed(record)


def _capture(images: tuple[Image, ...]) -> Iterator[tuple[str, str, str]]:
    group = "撮影条件"
    judged = sum(image.status is ImageStatus.INSPECTED for image in images)
    yield group, "画像", f"{len(images)}枚 (判定済み {judged}枚)"
    days = sorted(image.captured_at.date().isoformat() for image in images if image.captured_at is not None)
    unknown = sum(image.captured_at is None for image in images)
    text = f"{days[0]}～{days[-1]}" if days else "不明"
    yield group, "撮影日", text + (f" (日時不明 {unknown}枚)" if unknown and days else "")
    platforms = sorted({image.platform for image in images if image.platform})
    yield group, "機材", ", ".join(platforms) or "不明"
    gsds = sorted(image.scale.gsd_mm for image in images if image.scale.gsd_mm is not None)
    sources = sorted({SCALE_SOURCES[image.scale.source] for image in images if image.scale.gsd_mm is not None})
    known = f"{_span(gsds)} ({', '.join(sources)})" if gsds else "不明"
    lacking = len(images) - len(gsds)
    yield group, "画素分解能", known + (f", 縮尺不明 {lacking}枚" if lacking else "")
    angles = [image.incidence_deg for image in images if image.incidence_deg is not None]
    yield group, "撮影角度", f"最大 {max(angles):.0f}度 (不明 {len(images) - len(angles)}枚)" if angles else "不明"
    warned = sum(bool(image.quality.warnings) for image in images)
    refused = sum(not image.quality.assessable for image in images)
    yield group, "画質", f"注意あり {warned}枚, 判定不可 {refused}枚"


def _span(gsds_mm: list[float]) -> str:
    unit, factor = ("m", 1000.0) if gsds_mm[0] >= METRE_FROM_MM else ("mm", 1.0)
    ends = dict.fromkeys(number(value / factor) for value in (gsds_mm[0], gsds_mm[-1]))
    return f"{'～'.join(ends)} {unit}/px"


def _accuracy(model: ModelFacts) -> Iterator[tuple[str, str, str]]:
    for found in model.verified:
        name = "水面" if found.damage == "water" else damage_ja(found.damage)
        yield "検証された性能", f"{model.name} {model.version}版: {name}({found.name})", verified_text(found)
    if not model.verified and not model.note[0]:
        yield "検証された性能", f"{model.name} {model.version}版", "モデルカードに試験の数値がない"
    for limit in model.limits:
        yield "限界", f"{model.name} {model.version}版", limit
    if model.gsd_range_mm is not None:
        low, high = model.gsd_range_mm
        yield "限界", f"{model.name} {model.version}版", f"対象とする画素分解能 {_span([low, high])}"


def verified_text(found: Verified) -> str:
    """Return ``検出率 66 % (56～71), 的中率 91 %, 試験: ...``; what was never measured says so."""
    parts = [_share("検出率", found.recall, found.recall_95), _share("的中率", found.precision, found.precision_95)]
    return f"{', '.join(parts)}, 試験: {found.data}"


def _share(name: str, value: float | None, ends: tuple[float, float] | None) -> str:
    if value is None:
        return f"{name} 未計測"
    return f"{name} {100 * value:.0f} %" + (f" ({100 * ends[0]:.0f}～{100 * ends[1]:.0f})" if ends else "")


def _confirmed(record: SurveyRecord) -> Iterator[tuple[str, str, str]]:
    group = "確認"
    counts = {status: sum(entry.finding.status is status for entry in record.entries) for status in FindingStatus}
    words = [f"{status_ja(status)} {count}件" for status, count in counts.items() if count]
    yield group, "所見", ", ".join(words) or "なし"
    found: dict[str, list[str]] = {}
    for entry in record.entries:
        for review in entry.reviews:
            found.setdefault(review.reviewer, []).append(review.at.date().isoformat())
    for name, days in sorted(found.items()):
        yield group, "確認者", f"{name}: {len(days)}件, {min(days)}～{max(days)}"
    if not found:
        yield group, "確認者", "なし: すべてAI候補(未確認)"
