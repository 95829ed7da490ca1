"""The river record (変状箇所調書): one row an anomaly, with the columns of a prefectural record set."""

from __future__ import annotations

from findings.asset import Asset
from findings.exports.encoding import Row
from findings.exports.form_sheets import day, form_text
from findings.exports.record import Entry, SurveyRecord
from findings.exports.sheet import Sheet
from findings.exports.words import state_words
from findings.standard import load_standard
from findings.survey import ImageKind
from findings.tables import status_ja
from findings.taxonomy import damage_type
from findings.wording import measure_text

EXTRA = ("判定根拠", "暫定", "確認状況", "所見ID")
PROXY = "平面占有率は平面図からの参考値であり、阻害率(必要断面に対する割合)ではありません。"
EMPTY = "台帳・記録にない項目(水系、左右岸、距離標、対応方針など)は空欄です。対応方針は河川管理者が記入します。"
PROVISIONAL = "評価は「暫定」の候補です。AI候補(未確認)は技術者の確認を経ていません。"
_SIDES = {"left": "左岸", "right": "右岸"}


def river_sheet(record: SurveyRecord) -> Sheet:
    """Return the river record of a survey."""
    return Sheet(
        key="river",
        title="変状箇所調書(河川)",
        columns=(*form_text("river_findings"), *EXTRA),
        rows=tuple(_row(entry) for entry in record.river),
        own=len(EXTRA),
        texts=frozenset({"河川コード(W05_002)"}),
        pictures=record.river,
        picture_column="写真",
        notes=(PROXY, EMPTY, PROVISIONAL),
        wide=frozenset({"規模(長さ/幅/深さ/面積/阻害率)", "備考", "判定根拠"}),
    )


def _row(entry: Entry) -> Row:
    finding, asset = entry.finding, entry.asset
    kind = damage_type(finding.damage)
    point = finding.geometry_lonlat.representative_point() if finding.geometry_lonlat is not None else None
    by_satellite = entry.image is not None and entry.image.kind is ImageKind.SCENE
    row: Row = dict.fromkeys((*form_text("river_findings"), *EXTRA))
    row |= {
        "水系": _text(asset, "water_system"),
        "河川名": asset.name if asset is not None else None,
        "河川コード(W05_002)": asset.external_ids.get("w05_river_code") if asset is not None else None,
        "左右岸": _SIDES.get(finding.side or "", finding.side),
        "距離標(k)": _number(finding.details.get("chainage_km")),
        "緯度": round(point.y, 6) if point is not None else None,
        "経度": round(point.x, 6) if point is not None else None,
        "施設種別": _structure(finding.damage),
        "変状種別": f"{kind.code} {kind.ja}",
        "規模(長さ/幅/深さ/面積/阻害率)": "; ".join(measure_text(measure, "ja") for measure in finding.measures),
        "点検日": day(entry),
        "点検種別(出水期前/台風期/出水後/地震後/衛星)": "衛星" if by_satellite else None,
        "評価(a-d)": entry.grade or None,
        "前回評価": entry.previous_grade or None,
        "進行性": state_words(entry.track.state, "ja") if entry.track is not None else None,
        "備考": _remark(entry),
        "判定根拠": finding.grade.trace_ja if finding.grade is not None else None,
        "暫定": "暫定" if entry.draft else None,
        "確認状況": status_ja(finding.status),
        "所見ID": finding.uid,
    }
    return row


def _structure(code: str) -> str | None:
    rows = load_standard("river_defects")["defects"]
    return next((str(row["structure_ja"]) for row in rows if row["code"] == code), None)


def _text(asset: Asset | None, name: str) -> str | None:
    value = asset.attributes.get(name) if asset is not None else None
    return str(value) if value is not None else None


def _number(value: object) -> float | None:
    return round(float(value), 3) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _remark(entry: Entry) -> str | None:
    finding = entry.finding
    parts = [f"位置の根拠: {finding.position_source}"] if finding.geometry_lonlat is not None else ["位置不明"]
    dates = [str(finding.details[key]) for key in ("first_date", "last_date") if finding.details.get(key)]
    parts += [f"比較した期間: {'～'.join(dates)}"] if dates else []
    parts += [f"メモ: {review.note}" for review in entry.reviews[-1:] if review.note]
    return "; ".join(parts)
