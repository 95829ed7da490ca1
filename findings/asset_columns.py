"""Which column of a list of assets means what: our names, the municipal ones and the road-structure database's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from findings.errors import RecordError

# Our field: every heading that means it (domain guide 1.9 and 4; [L17][L18][L77][L78]). Compared after `heading`,
# which brings the spellings of the road-structure database (RSDB:syogen_ichi_ido, syogen.ichi.ido ...) to one.
HEADINGS: Mapping[str, tuple[str, ...]] = {
    "uid": ("uid", "id", "asset_id", "橋梁id", "橋梁番号", "施設番号", "県管理番号", "管理番号"),
    "kind": ("kind", "種別", "施設種別", "asset_class"),
    "rsdb_kind": ("shisetsu_kubun",),
    "name": ("name", "名称", "施設名", "施設名称", "syogen_shisetsu_meisyou"),
    "bridge_name": ("橋梁名", "橋名", "bridge_name"),
    "river_name": ("河川名", "w05_004", "river_name"),
    "name_kana": ("name_kana", "名称_カナ", "フリガナ", "syogen_shisetsu_furigana"),
    "lat": ("lat", "latitude", "緯度", "緯度(10進)", "緯度(度)", "syogen_ichi_ido"),
    "lon": ("lon", "lng", "longitude", "経度", "経度(10進)", "経度(度)", "syogen_ichi_keido"),
    "structure": ("structure", "構造", "構造形式", "上部構造形式", "材料", "橋種", "syogen_kouzou_keishiki_joubu"),
    "soundness": ("soundness", "判定区分", "健全性", "健全性の診断の区分", "tenken_kiroku_hantei_kubun"),
    "span_count": ("spans", "span_count", "径間数"),
    "chainage_from_km": ("chainage_from_km", "距離標(自)", "距離標自"),
    "chainage_to_km": ("chainage_to_km", "距離標(至)", "距離標至"),
    "xroad_shisetsu_id": ("xroad_shisetsu_id", "施設id", "施設id(xroad)", "shisetsu_id"),
    "xroad_shisetsu_bangou": ("xroad_shisetsu_bangou", "shisetsu_bangou"),
    "w05_river_code": ("w05_river_code", "河川コード", "河川コード(w05_002)", "w05_002"),
    "poi_code": ("poiコード",),
    "municipal_code": ("全国地方公共団体コード", "都道府県コード又は市区町村コード"),
    "serial": ("no",),
    "w05_area_code": ("w05_area_code", "水系域コード", "w05_001"),
    "w05_section_type": ("w05_section_type", "区間種別", "w05_003"),
    "route_name": ("route_name", "路線名", "syogen_rosen_meisyou"),
    "administrator_name": ("administrator_name", "管理者", "syogen_kanrisya_meisyou"),
    "administrator_class": ("administrator_class", "syogen_kanrisya_kubun"),
    "office_name": ("office_name", "管理事務所", "syogen_kanrisya_jimusyo"),
    "prefecture": (
        "prefecture", "都道府県名", "所在地_都道府県", "syogen_gyousei_kuiki_todoufuken_mei",
        "syogen_ichi_todofuken_meisyou",
    ),
    "municipality": (
        "municipality", "市区町村名", "市町", "所在地_市区町村", "syogen_gyousei_kuiki_shikuchouson_mei",
        "syogen_ichi_shikutyouson_meisyou",
    ),
    "length_m": ("length_m", "橋長", "橋長(m)", "syogen_kyouchou"),
    "width_m": ("width_m", "幅員", "幅員(m)", "全幅員", "syogen_fukuin"),
    "built_fy": ("built_fy", "架設年度", "架設年", "syogen_kasetsu_nendo"),
    "inspection_fy": ("inspection_fy", "点検年度", "前回点検年度", "tenken_nendo"),
    "measure_deadline": ("measure_deadline", "措置期限"),
    "measure_class": ("measure_class", "対策区分"),
    "emergency_route": ("emergency_route", "緊急輸送道路"),
    "third_party_below": ("third_party_below", "第三者被害"),
    "aadt": ("aadt", "交通量", "traffic"),
    "detour_km": ("detour_km", "迂回路", "迂回路(km)"),
    "population_flood": ("population_flood", "浸水想定人口", "浸水想定内人口"),
    "replaceability": ("replaceability",),
    "design_redundancy": ("design_redundancy", "冗長性の不足"),
    "structure_capacity": ("structure_capacity", "耐荷力の不足"),
    "cost_effectiveness": ("cost_effectiveness", "費用対効果"),
    "fatigue_risk": ("fatigue_risk",),
    "flooding_risk": ("flooding_risk",),
    "truck_damage_risk": ("truck_damage_risk",),
    "flood_defence_class": ("flood_defence_class", "重要水防箇所"),
    "crossing_bridge": ("crossing_bridge",),
    "backwater": ("backwater", "背水区間"),
    "specific_events": ("specific_events", "特定事象"),
    "crosses_river_id": ("crosses_river_id",),
    "pier_in_channel": ("pier_in_channel",),
}  # fmt: skip
BY_HEADING = {alias: field for field, aliases in HEADINGS.items() for alias in aliases}
OLD_DATUM = ("日本測地系", "旧測地系", "tokyo")
# A datum in brackets behind 緯度 or 経度; those of the first line are WGS84 to within what a finding needs.
DATUM = re.compile(
    r"\((世界測地系|測地成果2000|測地成果2011|jgd2000|jgd2011|wgs84|wgs-84"
    r"|日本測地系|旧日本測地系|旧測地系|tokyo)\)$"
)
RSDB = re.compile(r"^(?:meta_)?(?:rsdb[:_])?(?=(?:syogen|tenken|shisetsu|kanrisya|koushin)[._])")

# How a known list is told by name: the headings that only it has, each set enough by itself.
SCHEMAS: Mapping[str, tuple[frozenset[str], ...]] = {
    "KSJ W05 (国土数値情報 河川)": (frozenset({"w05_001", "w05_002"}),),
    "xROAD / MLIT-DPF (全国道路施設点検データベース)": (
        frozenset({"syogen_shisetsu_meisyou"}), frozenset({"shisetsu_id", "shisetsu_bangou"}),
    ),
    "自治体標準オープンデータセット": (
        frozenset({"全国地方公共団体コード", "名称"}), frozenset({"全国地方公共団体コード", "橋梁名"}),
    ),
    "推奨データセット": (frozenset({"都道府県コード又は市区町村コード", "名称"}),),
}  # fmt: skip


def heading(text: str) -> str:
    """Return a heading as it is compared: NFKC, no spaces, lower case, no datum, one spelling of xROAD's names."""
    plain = DATUM.sub("", _plain(text.lstrip("\ufeff")))
    bare = RSDB.sub("", plain)
    return bare.replace(".", "_") if bare.startswith(("syogen", "tenken", "shisetsu")) else plain


def schema(headings: Sequence[str]) -> str:
    """Return the name of the published list that has these headings, or an empty text."""
    found = {heading(text) for text in headings}
    return next((name for name, sets in SCHEMAS.items() if any(needed <= found for needed in sets)), "")


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold()


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one table: which position holds which of our fields."""

    fields: tuple[str | None, ...]
    headings: tuple[str, ...]

    @classmethod
    def of(cls, headings: Sequence[str]) -> Columns:
        """Return the columns of a header; of two columns for the same field the first one counts."""
        fields: list[str | None] = []
        for text in headings:
            field = BY_HEADING.get(heading(text))
            fields.append(field if field not in fields else None)
        return cls(tuple(fields), tuple(headings))

    @property
    def count(self) -> int:
        """How many columns the header has."""
        return len(self.headings)

    def check(self, file: str, *, datum_is_given: bool = False) -> None:
        """Refuse a header without any name, or with positions in the old Japanese datum unless the caller knows that.

        Raises:
            RecordError: the table cannot be a list of assets.
        """
        if not {"name", "bridge_name", "river_name"} & set(self.fields):
            shown = ", ".join(self.headings[:8])
            raise RecordError(
                f"{file}: no column holds a name (columns: {shown}); expected name, 名称, 橋梁名 or 河川名"
            )
        old = [text for text in self.headings if any(word in _plain(text) for word in OLD_DATUM)]
        if old and not datum_is_given:
            raise RecordError(
                f"{file}: column {old[0]!r} is in the old Tokyo datum; give --crs EPSG:4301 to have it converted "
                "(to about 10 m), or convert the positions to JGD2011"
            )

    def values(self, cells: Sequence[Any]) -> dict[str, Any]:
        """Return the known, non-empty cells of a row by our field names."""
        found: dict[str, Any] = {}
        for field, cell in zip(self.fields, cells, strict=False):
            value = cell.strip() if isinstance(cell, str) else cell
            if field is not None and value is not None and value != "":
                found[field] = value
        return found
