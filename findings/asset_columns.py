"""Which column of a list of assets means what: our names, the municipal ones and the road-structure database's."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from findings.errors import RecordError

# Our field: every heading that means it (domain guide 1.9 and 4; [L18][L77][L78]). Compared after `heading`.
HEADINGS: Mapping[str, tuple[str, ...]] = {
    "uid": ("uid", "id", "asset_id", "橋梁id", "橋梁番号", "施設番号", "県管理番号", "管理番号"),
    "kind": ("kind", "種別", "施設種別", "asset_class", "rsdb:shisetsu_kubun"),
    "name": ("name", "名称", "施設名", "施設名称", "rsdb:syogen_shisetsu_meisyou"),
    "bridge_name": ("橋梁名", "橋名", "bridge_name"),
    "river_name": ("河川名", "w05_004", "river_name"),
    "name_kana": ("name_kana", "名称_カナ", "フリガナ", "rsdb:syogen_shisetsu_furigana"),
    "lat": ("lat", "latitude", "緯度", "緯度(10進)", "rsdb:syogen_ichi_ido"),
    "lon": ("lon", "lng", "longitude", "経度", "経度(10進)", "rsdb:syogen_ichi_keido"),
    "structure": ("structure", "構造", "構造形式", "上部構造形式", "材料", "橋種"),
    "soundness": ("soundness", "判定区分", "健全性", "健全性の診断の区分", "rsdb:tenken_kiroku_hantei_kubun"),
    "span_count": ("spans", "span_count", "径間数"),
    "chainage_from_km": ("chainage_from_km", "距離標(自)", "距離標自"),
    "chainage_to_km": ("chainage_to_km", "距離標(至)", "距離標至"),
    "xroad_shisetsu_id": ("xroad_shisetsu_id", "施設id", "施設id(xroad)", "rsdb:shisetsu_id"),
    "xroad_shisetsu_bangou": ("xroad_shisetsu_bangou", "rsdb:shisetsu_bangou"),
    "w05_river_code": ("w05_river_code", "河川コード", "河川コード(w05_002)", "w05_002"),
    "poi_code": ("poiコード",),
    "route_name": ("route_name", "路線名", "rsdb:syogen_rosen_meisyou"),
    "administrator_name": ("administrator_name", "管理者", "rsdb:syogen_kanrisya_meisyou"),
    "administrator_class": ("administrator_class", "rsdb:syogen_kanrisya_kubun"),
    "office_name": ("office_name", "管理事務所", "rsdb:syogen_kanrisya_jimusyo"),
    "prefecture": ("prefecture", "都道府県名", "所在地_都道府県", "rsdb:syogen_gyousei_kuiki_todoufuken_mei"),
    "municipality": (
        "municipality", "市区町村名", "市町", "所在地_市区町村", "rsdb:syogen_gyousei_kuiki_shikuchouson_mei",
    ),
    "length_m": ("length_m", "橋長", "橋長(m)", "rsdb:syogen_kyouchou"),
    "width_m": ("width_m", "幅員", "幅員(m)", "全幅員", "rsdb:syogen_fukuin"),
    "built_fy": ("built_fy", "架設年度", "架設年", "rsdb:syogen_kasetsu_nendo"),
    "inspection_fy": ("inspection_fy", "点検年度", "前回点検年度", "rsdb:tenken_nendo"),
    "measure_deadline": ("measure_deadline", "措置期限"),
    "measure_class": ("measure_class", "対策区分"),
    "emergency_route": ("emergency_route", "緊急輸送道路"),
    "third_party_below": ("third_party_below", "第三者被害"),
    "aadt": ("aadt", "交通量", "traffic"),
    "detour_km": ("detour_km", "迂回路", "迂回路(km)"),
    "population_flood": ("population_flood", "浸水想定人口", "浸水想定内人口"),
    "replaceability": ("replaceability",),
    "flood_defence_class": ("flood_defence_class", "重要水防箇所"),
    "crossing_bridge": ("crossing_bridge",),
    "backwater": ("backwater", "背水区間"),
    "specific_events": ("specific_events", "特定事象"),
    "crosses_river_id": ("crosses_river_id",),
    "pier_in_channel": ("pier_in_channel",),
}  # fmt: skip
BY_HEADING = {alias: field for field, aliases in HEADINGS.items() for alias in aliases}
OLD_DATUM = ("日本測地系", "旧測地系", "tokyo")


def heading(text: str) -> str:
    """Return a heading as it is compared: NFKC, no spaces, lower case."""
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
            field = BY_HEADING.get(heading(text.lstrip("\ufeff")))
            fields.append(field if field not in fields else None)
        return cls(tuple(fields), tuple(headings))

    @property
    def count(self) -> int:
        """How many columns the header has."""
        return len(self.headings)

    def check(self, file: str) -> None:
        """Refuse a header without any name, or with positions in the old Japanese datum.

        Raises:
            RecordError: the table cannot be a list of assets.
        """
        if not {"name", "bridge_name", "river_name"} & set(self.fields):
            shown = ", ".join(self.headings[:8])
            raise RecordError(
                f"{file}: no column holds a name (columns: {shown}); expected name, 名称, 橋梁名 or 河川名"
            )
        if old := [text for text in self.headings if any(word in heading(text) for word in OLD_DATUM)]:
            raise RecordError(f"{file}: column {old[0]!r} is in the old Tokyo datum; convert the positions to JGD2011")

    def values(self, cells: Sequence[Any]) -> dict[str, Any]:
        """Return the known, non-empty cells of a row by our field names."""
        found: dict[str, Any] = {}
        for field, cell in zip(self.fields, cells, strict=False):
            value = cell.strip() if isinstance(cell, str) else cell
            if field is not None and value is not None and value != "":
                found[field] = value
        return found
