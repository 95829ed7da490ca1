"""The documents above the items: one collection a survey, and the catalogue that lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from imagery.catalog.items import STAC_VERSION, Json, Shelf
from imagery.catalog.places import Box, joined

CATALOG_ID = "mizuhashi"
MARK = "mizuhashi:survey_uid"
"""Stands in every collection of ours; a folder without it is never touched."""


@dataclass(slots=True)
class Summary:
    """What a collection says of its items, gathered one by one; memory holds a link an item and the extremes.

    Attributes:
        links: (id, title) of the items, in order.
        bbox: around all places, None while there is none.
        first: earliest time as ISO text; last: latest.
    """

    links: list[tuple[str, str]] = field(default_factory=list)
    bbox: Box | None = None
    first: str | None = None
    last: str | None = None
    undated: int = 0
    placeless: int = 0
    gsd: tuple[float, float] | None = None
    words: dict[str, set[str]] = field(default_factory=dict)
    licences: set[str | None] = field(default_factory=set)
    providers: dict[str, Json] = field(default_factory=dict)

    def add(self, item: Json) -> None:
        """Take one item into account."""
        facts = item["properties"]
        self.links.append((item["id"], facts.get("title", item["id"])))
        if "bbox" in item:
            self.bbox = joined(self.bbox, item["bbox"])
        else:
            self.placeless += 1
        if "mizuhashi:time_note" in facts:
            self.undated += 1
        else:
            first = facts.get("start_datetime", facts["datetime"])
            last = facts.get("end_datetime", facts["datetime"])
            self.first, self.last = min(self.first or first, first), max(self.last or last, last)
        if "gsd" in facts:
            low, high = self.gsd or (facts["gsd"], facts["gsd"])
            self.gsd = (min(low, facts["gsd"]), max(high, facts["gsd"]))
        for name in ("platform", "mizuhashi:kind", "mizuhashi:radiometry"):
            if name in facts:
                self.words.setdefault(name, set()).add(facts[name])
        for name in facts.get("instruments", ()):
            self.words.setdefault("instruments", set()).add(name)
        self.licences.add(facts.get("license"))
        self.providers |= {one["name"]: one for one in facts.get("providers", ())}


def collection_of(shelf: Shelf, summary: Summary) -> Json:
    """Return the collection of a survey: the licence is ``other`` unless all its items agree on one."""
    known = next(iter(summary.licences)) if len(summary.licences) == 1 else None
    notes = [f"{len(summary.links)} pictures of the survey {shelf.survey.name}."]
    if known is None:
        notes.append("Licence: not known to this catalogue, or not the same for all; ask whoever took the pictures.")
    if summary.bbox is None:
        notes.append("No picture has a known place: the extent is the whole Earth because STAC requires one.")
    elif summary.placeless:
        notes.append(f"{summary.placeless} pictures have no known place.")
    if summary.undated:
        notes.append(f"{summary.undated} pictures have no known time; the extent leaves them out.")
    summaries: dict[str, Any] = {name: sorted(values) for name, values in sorted(summary.words.items())}
    if summary.gsd is not None:
        summaries["gsd"] = {"minimum": summary.gsd[0], "maximum": summary.gsd[1]}
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": shelf.collection,
        "title": shelf.survey.name,
        "description": " ".join(notes),
        "license": known or "other",
        **({"providers": list(summary.providers.values())} if summary.providers else {}),
        "extent": {
            "spatial": {"bbox": [list(summary.bbox or (-180.0, -90.0, 180.0, 90.0))]},
            "temporal": {"interval": [[summary.first, summary.last]]},
        },
        "summaries": summaries,
        MARK: shelf.survey.uid,
        "links": [
            {"rel": "root", "href": "../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "../catalog.json", "type": "application/json"},
            *(
                {"rel": "item", "href": f"./{uid}.json", "type": "application/geo+json", "title": title}
                for uid, title in summary.links
            ),
        ],
    }


def catalog_of(children: Sequence[tuple[str, str]]) -> Json:
    """Return the root document.

    Args:
        children: (folder, title) of the collections.
    """
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": CATALOG_ID,
        "title": "Mizuhashi",
        "description": "Photographs and scenes of bridges and rivers, one collection a survey. "
        "Assets are links to the files where they lie.",
        "links": [
            {"rel": "root", "href": "./catalog.json", "type": "application/json"},
            *(
                {"rel": "child", "href": f"./{folder}/collection.json", "type": "application/json", "title": title}
                for folder, title in children
            ),
        ],
    }
