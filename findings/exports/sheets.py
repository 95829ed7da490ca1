"""The sheets of a survey by their short names, in the order of the workbook."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from findings.asset import AssetKind
from findings.errors import InputError
from findings.exports.form_sheets import grade_sheet, photo_sheet
from findings.exports.record import SurveyRecord
from findings.exports.record_sheets import annex_sheet, coverage_sheet, days_sheet, header_sheet, unseen_sheet
from findings.exports.river_sheet import river_sheet
from findings.exports.sheet import Sheet
from findings.exports.summary_sheet import summary_sheet

SHEETS: Mapping[str, Callable[[SurveyRecord], Sheet]] = {
    "header": header_sheet,
    "3-2": photo_sheet,
    "3-3": grade_sheet,
    "3-4": summary_sheet,
    "river": river_sheet,
    "coverage": coverage_sheet,
    "days": days_sheet,
    "unseen": unseen_sheet,
    "annex": annex_sheet,
}
_OF_BRIDGES = ("header", "3-2", "3-3", "3-4")
_OF_RIVERS = ("river", "days")
_OF_PHOTOGRAPHS = ("coverage",)


def sheet_named(record: SurveyRecord, key: str) -> Sheet:
    """Return one sheet of a survey.

    Raises:
        InputError: there is no sheet of that name.
    """
    if key not in SHEETS:
        raise InputError(f"sheet {key!r}: expected one of {', '.join(SHEETS)}")
    return SHEETS[key](record)


def sheets_of(record: SurveyRecord) -> tuple[Sheet, ...]:
    """Return the sheets that fit a survey: no bridge forms for a river, no river record for a bridge."""
    kinds = {record.assets[uid].kind for uid in record.asset_uids}
    left_out: tuple[str, ...] = ()
    if not record.bridge and AssetKind.BRIDGE not in kinds and (record.river or kinds):
        left_out += _OF_BRIDGES
    if not record.river and AssetKind.RIVER_REACH not in kinds:
        left_out += _OF_RIVERS
    if not any(one.members for one in record.coverage):
        left_out += _OF_PHOTOGRAPHS
    return tuple(make(record) for key, make in SHEETS.items() if key not in left_out)
