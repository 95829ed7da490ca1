"""STAC 1.1 items of scenes: what they are, where, when, of which bands, and the digests of their files.

Extensions: projection 2.0, electro-optical 2.0, view 1.0, SAR 1.0, file 2.1, raster 2.0. STAC 1.1 names bands in one
common list `bands`, which eo 2.0 and raster 2.0 add to; the older eo:bands and raster:bands are not written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pystac
from shapely.geometry import mapping
from shapely.geometry.polygon import orient

from findings.errors import OutputError
from imagery.digest import sha256_file
from imagery.footprint import scene_footprint
from imagery.scale import scene_scale

EXTENSIONS = {
    "proj:": "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "eo:": "https://stac-extensions.github.io/eo/v2.0.0/schema.json",
    "view:": "https://stac-extensions.github.io/view/v1.0.0/schema.json",
    "sar:": "https://stac-extensions.github.io/sar/v1.0.0/schema.json",
    "file:": "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "raster:": "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
}
# eo 2.0, "Common Band Names", where they differ from ours; a name that stands in neither list has no common name.
COMMON_NAMES = {
    "rededge1": "rededge071", "rededge2": "rededge075", "rededge3": "rededge078",
    "swir1": "swir16", "swir2": "swir22", "grey": "pan",
}  # fmt: skip
_SAME_NAMES = frozenset({"coastal", "blue", "green", "red", "nir", "nir08", "nir09", "cirrus"})
MULTIHASH_SHA256 = "1220"  # function code 0x12, 32 bytes (multiformats.io/multihash), as file:checksum wants it


@dataclass(frozen=True, slots=True)
class SceneFile:
    """A raster of a scene, for the item's assets.

    Attributes:
        path: the finished file; it lies beside the item.
        dtype: of the stored values.
        nodata: stored value of "not observed", ``nan`` as text for floats.
        bands: names, in order.
        scale: of stored to physical values.
        roles: of the asset.
        title: of the asset.
        common_names: False for rasters whose bands are no spectral ones.
        band_fields: more fields of a band, by its name.
    """

    path: Path
    dtype: str
    nodata: float | str | None
    bands: tuple[str, ...]
    scale: float | None = None
    roles: tuple[str, ...] = ("data",)
    title: str = ""
    common_names: bool = True
    band_fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """The grid of a scene as an item states it; an empty ``crs`` means that nobody knows the place."""

    crs: str
    transform: Sequence[float]
    width_px: int
    height_px: int


def scene_item(
    scene_id: str,
    captured_at: datetime,
    place: Place,
    properties: Mapping[str, Any],
    assets: Mapping[str, SceneFile],
) -> pystac.Item:
    """Return the item of a scene whose files are finished; hrefs are relative to the folder that they lie in.

    Args:
        scene_id: of the item.
        captured_at: aware.
        place: of all assets.
        properties: without ``proj:``, ``gsd`` and time, which follow from the other arguments; None values are left
            out.
        assets: by key.
    """
    outline = None
    if place.crs:
        outline = scene_footprint(tuple(place.transform), place.crs, place.width_px, place.height_px)
    facts = {name: value for name, value in properties.items() if value is not None} | _projection(place)
    item = pystac.Item(
        id=scene_id,
        geometry=mapping(orient(outline)) if outline is not None else None,
        bbox=list(outline.bounds) if outline is not None else None,
        datetime=captured_at,
        properties=facts,
    )
    for key, file in assets.items():
        item.add_asset(key, _asset(file))
    item.stac_extensions = _extensions(item)
    return item


def write_item(item: pystac.Item, path: Path) -> None:
    """Write an item as JSON; the caller sees to it that a torn file is not taken for a whole one.

    Raises:
        OutputError: the place cannot be written.
        ValueError: a property that JSON has no word for, such as NaN.
    """
    text = json.dumps(item.to_dict(include_self_link=False), ensure_ascii=False, indent=1, allow_nan=False)
    try:
        path.write_text(text + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(
            f"{path}: could not be written ({error.strerror or error}); free some space or choose another folder"
        ) from error


def _projection(place: Place) -> dict[str, Any]:
    facts: dict[str, Any] = {"proj:shape": [place.height_px, place.width_px]}
    if not place.crs:
        return facts
    if place.crs.startswith("EPSG:"):
        facts["proj:code"] = place.crs
    else:
        facts |= {"proj:code": None, "proj:wkt2": place.crs}
    facts["proj:transform"] = [*map(float, place.transform), 0.0, 0.0, 1.0]
    scale = scene_scale(place.crs, place.transform, place.width_px, place.height_px)
    if scale.gsd_mm is not None and math.isfinite(scale.gsd_mm):
        facts["gsd"] = float(f"{scale.gsd_mm / 1000.0:.3g}")  # along the ellipsoid, not exact to more
    return facts


def _asset(file: SceneFile) -> pystac.Asset:
    fields: dict[str, Any] = {
        "bands": [_band(name, file) for name in file.bands],
        "data_type": file.dtype,
        "file:size": file.path.stat().st_size,
        "file:checksum": MULTIHASH_SHA256 + sha256_file(file.path),
    }
    if file.nodata is not None:
        fields["nodata"] = file.nodata
    if file.scale is not None:
        fields |= {"raster:scale": file.scale, "raster:offset": 0.0}
    return pystac.Asset(
        href=f"./{file.path.name}",
        title=file.title or None,
        media_type=pystac.MediaType.COG,
        roles=list(file.roles),
        extra_fields=fields,
    )


def _band(name: str, file: SceneFile) -> dict[str, Any]:
    band: dict[str, Any] = {"name": name}
    common = COMMON_NAMES.get(name, name if name in _SAME_NAMES else None)
    if common is not None and file.common_names:
        band["eo:common_name"] = common
    return band | dict(file.band_fields.get(name, {}))


def _extensions(item: pystac.Item) -> list[str]:
    """Return the extensions whose fields the item uses, and no others."""
    used = set(item.properties)
    for asset in item.assets.values():
        used |= set(asset.extra_fields) | {key for band in asset.extra_fields["bands"] for key in band}
    return [uri for prefix, uri in EXTENSIONS.items() if any(key.startswith(prefix) for key in used)]
