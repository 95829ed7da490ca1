"""What an item of ours must have; quick enough to be asked of every item at every call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

from imagery.catalog.items import UID, Json
from imagery.plain import finite, is_plain


def main_asset(item: Json) -> Json:
    """Return the asset of the picture itself, empty where there is none."""
    return item["assets"].get("image") or item["assets"].get("data") or {}


def is_sound(item: object, uid: str | None = None) -> TypeGuard[Json]:
    """Return whether a document has what an item of ours must have; a torn or foreign one has not."""
    return not faults(item, uid)


def faults(item: object, uid: str | None = None) -> list[str]:
    """Return what a document lacks of an item of ours, in words (STAC 1.1 item specification)."""
    if not isinstance(item, dict):
        return ["is no JSON object"]
    wrong = [f"{name} is {item.get(name)!r}, expected {value!r}" for name, value in _FIXED.items()
             if item.get(name) != value]  # fmt: skip
    wrong += [f"has no {name}" for name, kind in _PARTS.items() if not isinstance(item.get(name), kind)]
    if "geometry" not in item or (item.get("geometry") is None) == ("bbox" in item):
        wrong.append("bbox and geometry do not go together")
    if uid is not None and item.get("id") != uid:
        wrong.append(f"its id is {item.get('id')!r}, expected {uid!r}")
    if wrong:
        return wrong
    properties = item["properties"]
    if properties.get("datetime") is None and not {"start_datetime", "end_datetime"} <= properties.keys():
        wrong.append("has neither a time nor a range of times")
    if properties.get(UID) != item["id"]:
        wrong.append(f"{UID} is {properties.get(UID)!r}, expected its id")
    wrong += [f"{name} is {properties[name]!r:.60}" for name, holds in _READ.items()
              if properties.get(name) is not None and not holds(properties[name])]  # fmt: skip
    box = item.get("bbox", [0, 0, 0, 0])
    if not isinstance(box, list) or len(box) != 4 or any(finite(side) is None for side in box):
        wrong.append(f"bbox is {box!r:.60}")
    assets = item["assets"].values()
    if not all(isinstance(asset, dict) and isinstance(asset.get("href"), str) for asset in assets) or not assets:
        wrong.append("has no asset with a link")
    return wrong


def _is_text(value: object) -> bool:
    return is_plain(value, 2000)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_providers(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and _is_text(one.get("name")) for one in value)


# What collection and index read of an item that stays as it was because its picture is gone.
_READ: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("title", "datetime", "start_datetime", "end_datetime", "platform", "license", "mizuhashi:kind",
                     "mizuhashi:radiometry"), _is_text),
    "gsd": lambda value: finite(value) is not None,
    "instruments": _are_texts,
    "providers": _are_providers,
    "mizuhashi:assignment": lambda value: isinstance(value, dict),
    "mizuhashi:quality": lambda value: isinstance(value, dict),
}  # fmt: skip
_FIXED = {"type": "Feature", "stac_version": "1.1.0"}
_PARTS = {"id": str, "properties": dict, "assets": dict, "links": list, "stac_extensions": list, "collection": str}
