"""When a scene was taken: a STAC item beside it, its own tags, or its name; each with a note of where it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imagery.plain import finite, plain_text

MAX_ITEM_BYTES = 1 << 20
MAX_ITEMS = 400
MAX_NOTES, MAX_NOTE = 50, 2000
YEAR_ONLY, DAY_ONLY = "only the year is known", "hour unknown"
"""Notes that hold these words say that the rest of the time is made up."""
_TAGS = ("ACQUISITION_DATETIME", "ACQUISITION_DATE", "DATE_ACQUIRED", "SENSING_TIME", "PRODUCT_START_TIME", "datetime")
_DAY = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?:T([01]\d|2[0-3])([0-5]\d)([0-5]\d))?(?!\d)"
)
_YEAR = re.compile(r"(?<![0-9A-Za-z])(19[5-9]\d|20\d\d)(?![0-9A-Za-z])")


@dataclass(frozen=True, slots=True)
class SceneRecord:
    """What is known of a scene besides its pixels.

    Attributes:
        captured_at: aware UTC, or None.
        platform: e.g. ``sentinel-2a``.
        off_nadir_deg: view angle from straight down.
        notes: where the time comes from, and how exact it is.
    """

    captured_at: datetime | None = None
    platform: str | None = None
    off_nadir_deg: float | None = None
    notes: tuple[str, ...] = ()


def scene_record(path: Path, tags: Mapping[str, str]) -> SceneRecord:
    """Return when and by what a scene was taken; None and a note where nothing says so."""
    item = find_item(path)
    if item is not None:
        properties = item.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        when = _parse(properties.get("datetime")) or _parse(properties.get("start_datetime"))
        angle = finite(properties.get("view:off_nadir"))
        if when is not None:
            return SceneRecord(
                when,
                plain_text(properties.get("platform")),
                angle if angle is not None and 0 <= angle < 90 else None,
                ("time from the STAC item beside the file",),
            )
    for name in _TAGS:
        when = _parse(tags.get(name))
        if when is not None:
            return SceneRecord(when, notes=(f"time from the tag {name}",))
    return _from_name(path.stem) or _from_tiff(tags.get("TIFFTAG_DATETIME"))


def find_item(path: Path) -> dict[str, Any] | None:
    """Return the STAC item named like the file, or one of the same folder with the file among its assets."""
    candidates = [path.with_suffix(".json"), *sorted(path.parent.glob("*.json"))[:MAX_ITEMS]]
    for place, candidate in enumerate(dict.fromkeys(candidates)):
        try:  # a name that is too long for the disk is an OSError too
            if candidate.is_symlink() or not candidate.is_file() or candidate.stat().st_size > MAX_ITEM_BYTES:
                continue
            item = json.loads(candidate.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        if not isinstance(item, dict) or item.get("type") != "Feature" or "stac_version" not in item:
            continue
        if place == 0 or path.name in _asset_names(item):
            return item
    return None


def mask_of_item(path: Path, item: Mapping[str, Any] | None) -> Path | None:
    """Return the mask that an item names for its scene: a plain file in the scene's own folder, or None."""
    assets = item.get("assets") if item is not None else None
    mask = assets.get("mask") if isinstance(assets, dict) else None
    href = mask.get("href") if isinstance(mask, dict) else None
    if not isinstance(href, str):
        return None
    name = href.removeprefix("./")
    if not name or name != Path(name).name or name == path.name:  # an item is somebody's file: it leads nowhere else
        return None
    found = path.parent / name
    try:
        return found if found.is_file() and not found.is_symlink() else None
    except OSError:  # a name that is too long
        return None


def product_notes(item: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return what the item's writer wanted the reader of the scene to know."""
    properties = item.get("properties") if item is not None else None
    notes = properties.get("mizuhashi:notes") if isinstance(properties, dict) else None
    texts = [plain_text(note, MAX_NOTE) for note in notes[:MAX_NOTES]] if isinstance(notes, list) else []
    return tuple(text for text in texts if text is not None)


def _asset_names(item: Mapping[str, Any]) -> set[str]:
    assets = item.get("assets")
    hrefs = (
        [asset.get("href") for asset in assets.values() if isinstance(asset, dict)] if isinstance(assets, dict) else []
    )
    return {href.rsplit("/", 1)[-1] for href in hrefs if isinstance(href, str)}


def _parse(text: object) -> datetime | None:
    """Return an ISO 8601 time in UTC; without a zone it is taken as UTC, as satellite products mean it."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None


def _from_name(stem: str) -> SceneRecord | None:
    day = _DAY.search(stem)
    if day is not None:
        hour, minute, second = (int(part or 0) for part in (day[5] or 12, day[6], day[7]))
        try:
            when = datetime(int(day[1]), int(day[3]), int(day[4]), hour, minute, second, tzinfo=UTC)
        except ValueError:
            return None
        exact = "date and time from the file name" if day[5] else f"date from the file name, {DAY_ONLY} (noon taken)"
        return SceneRecord(when, notes=(exact,))
    year = _YEAR.search(stem)
    if year is not None:
        when = datetime(int(year[1]), 7, 2, 12, tzinfo=UTC)
        return SceneRecord(when, notes=(f"{YEAR_ONLY}, from the file name (middle of the year taken)",))
    return None


def _from_tiff(text: str | None) -> SceneRecord:
    try:
        when = datetime.strptime(text or "", "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return SceneRecord(notes=("time unknown: give --captured-at",))
    if when.year < 1972:  # Landsat 1; 1904 and 1970 are the zero of somebody's clock
        return SceneRecord(notes=(f"TIFF date {text} makes no sense: give --captured-at",))
    return SceneRecord(when, notes=("time from the TIFF header, which may be that of the file, taken as UTC",))
