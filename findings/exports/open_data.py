"""Assets as open data: 公共施設一覧 of the municipal standard set (自治体標準オープンデータセット), one row an asset.

Columns in the order of `form_columns`; what the inventory does not say is empty. Findings, grades and soundness stay
out, as the list names facilities. The datum of 緯度 and 経度 is the store's WGS84.
"""

from __future__ import annotations

from collections.abc import Sequence

from findings.asset import Asset, AssetKind
from findings.exports.encoding import Row
from findings.exports.form_sheets import form_text
from findings.exports.sheet import Sheet

KINDS = {AssetKind.BRIDGE: "橋梁", AssetKind.RIVER_REACH: "河川区間"}


def open_data_sheet(assets: Sequence[Asset]) -> Sheet:
    """Return the assets as the municipal list of public facilities."""
    return Sheet(
        key="open-data",
        title="公共施設一覧",
        columns=form_text("municipal_facilities"),
        rows=tuple(_row(asset) for asset in assets),
        wide=frozenset({"備考"}),
    )


def _row(asset: Asset) -> Row:
    known = asset.attributes
    point = asset.geometry.representative_point() if asset.geometry is not None else None
    code = asset.external_ids.get("municipal_code", known.get("municipal_code"))
    place = [str(known[key]) for key in ("prefecture", "municipality") if known.get(key)]
    row: Row = dict.fromkeys(form_text("municipal_facilities"))
    row |= {
        "全国地方公共団体コード": str(code) if code is not None else None,
        "ID": asset.uid,
        "地方公共団体名": _text(known.get("administrator_name")),
        "名称": asset.name,
        "名称_カナ": _text(known.get("name_kana")),
        "名称_英語": _text(known.get("name_en")),
        "所在地_連結表記": "".join(place) or None,
        "所在地_都道府県": _text(known.get("prefecture")),
        "所在地_市区町村": _text(known.get("municipality")),
        "緯度": round(point.y, 7) if point is not None else None,
        "経度": round(point.x, 7) if point is not None else None,
        "備考": KINDS[asset.kind],
    }
    return row


def _text(value: object) -> str | None:
    return str(value) if value is not None else None
