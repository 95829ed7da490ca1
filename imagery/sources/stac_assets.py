"""What a STAC item offers: its bands, what their numbers mean, and its mask; for STAC 1.0 and 1.1.

Fields: STAC item specification 1.1 (``bands``, ``nodata``, ``data_type``), the extensions eo 1.x and 2.x (common
names), raster 1.x (``raster:bands``) and 2.x (``raster:scale``), projection 1.x (``proj:epsg``) and 2.x
(``proj:code``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urljoin

from findings.errors import RecordError
from imagery.bands import canonical
from imagery.plain import finite, is_plain, plain_text
from imagery.radiometry import SPECTRAL

LEAST_PIXEL_M, MOST_PIXEL_M = 1e-3, 1e5
BASELINE_WITH_OFFSET = 4.0  # Sentinel-2 processing baseline 04.00


class Family(StrEnum):
    """Products whose radiometry and mask are known."""

    SENTINEL2 = "sentinel-2"
    LANDSAT = "landsat"
    HLS = "hls"
    OTHER = "other"


class MaskKind(StrEnum):
    """How a mask asset encodes clouds."""

    SCL = "scl"
    FMASK = "fmask"
    QA_PIXEL = "qa_pixel"


@dataclass(frozen=True, slots=True)
class BandSource:
    """One band of an item, where it lies and what its numbers mean.

    Attributes:
        href: absolute URL of the file.
        index: of the band in the file, from 1.
        scale: value = stored x scale + offset, as the item says; None: it does not.
        offset: see ``scale``.
        nodata: stored value of "not observed", if the item says it.
        data_type: e.g. ``uint16``, if the item says it.
        pixel_m: side of a pixel, if the item says it.
    """

    href: str
    index: int = 1
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    data_type: str | None = None
    pixel_m: float | None = None


@dataclass(frozen=True, slots=True)
class StacScene:
    """One item of a search, as far as it is used.

    Attributes:
        captured_at: aware UTC.
        cloud_cover: 0..1, or None.
        crs: ``EPSG:n`` as the item says, or None.
        bands: canonical name to where it lies.
        mask: kind and URL of the cloud mask, or None.
        tile: MGRS tile or WRS path and row, or None: two items of one tile and pass are two versions.
        datatake: what the items of one pass share, or None.
        bbox: west, south, east, north in degrees.
        properties: of the item.
    """

    id: str
    collection: str
    family: Family
    captured_at: datetime
    platform: str | None
    cloud_cover: float | None
    crs: str | None
    bands: Mapping[str, BandSource]
    mask: tuple[MaskKind, str] | None
    tile: str | None
    datatake: str | None
    bbox: tuple[float, float, float, float]
    properties: Mapping[str, Any] = field(repr=False)

    @property
    def baseline(self) -> float | None:
        """Processing baseline of Sentinel-2 as a number, e.g. 5.09; None if the item does not say it."""
        text = self.properties.get("s2:processing_baseline", self.properties.get("processing:version"))
        found = re.fullmatch(r"0?(\d{1,2})[._]?(\d{2})", str(text)) if text is not None else None
        return int(found[1]) + int(found[2]) / 100 if found else None


# Landsat 8/9 and HLS L30 number their bands otherwise than Sentinel-2 (HLS Product User Guide 2.0, table 2).
_LANDSAT_NUMBERS = {1: "coastal", 2: "blue", 3: "green", 4: "red", 5: "nir", 6: "swir1", 7: "swir2"}
_MASKS = {"scl": MaskKind.SCL, "fmask": MaskKind.FMASK, "qa_pixel": MaskKind.QA_PIXEL, "qa-pixel": MaskKind.QA_PIXEL}
# Pictures for the eye repeat red, green and blue, stretched to 8 bits: never take them for the bands.
_NO_DATA_ROLES = {"thumbnail", "overview", "metadata", "visual"}
_NO_DATA_KEYS = {"visual", "tci", "preview", "rendered_preview", "thumbnail", "overview"}


def parse_item(item: Mapping[str, Any], base_url: str) -> StacScene:
    """Return what is used of an item; ``base_url``: the page it came on, for relative links.

    Raises:
        RecordError: the item lacks what is needed, or holds what cannot be.
    """
    name = plain_text(item.get("id"), 120) or "?"
    if not is_plain(item.get("id"), 1000):
        raise RecordError(f"{name}: its id is no text, or holds characters that are none; tell the service")
    try:
        return _parsed(name, item, base_url)
    except (ValueError, TypeError, ArithmeticError, AttributeError, LookupError, RecursionError) as error:
        # A stranger wrote it: links that are no URLs, numbers for texts, lists for numbers.
        what = f"{type(error).__name__}: {str(error)[:120]}"
        raise RecordError(f"{name}: no STAC item ({what}); tell the service") from error


def _parsed(name: str, item: Mapping[str, Any], base_url: str) -> StacScene:
    properties, assets = item.get("properties"), item.get("assets")
    if not isinstance(properties, dict) or not isinstance(assets, dict):
        raise RecordError(f"{name}: no STAC item (properties or assets are missing); tell the service")
    collection = str(item.get("collection") or "")
    family = _family(collection, properties)
    _check_level(name, family, collection, properties)
    base_url = urljoin(base_url, _self_link(item))
    return StacScene(
        id=name,
        collection=collection,
        family=family,
        captured_at=_time(name, properties),
        platform=_text(properties.get("platform")),
        cloud_cover=_share(properties.get("eo:cloud_cover")),
        crs=_crs(properties, assets) or _zone_of_name(family, name),
        bands=_bands(family, collection, assets, base_url),
        mask=_mask(assets, base_url),
        tile=_tile(properties),
        datatake=_text(properties.get("s2:datatake_id")),
        bbox=_bbox(name, item),
        properties=properties,
    )


def _family(collection: str, properties: Mapping[str, Any]) -> Family:
    platform = str(properties.get("platform") or properties.get("constellation") or "").lower()
    if collection.lower().startswith("hls"):
        return Family.HLS
    if platform.startswith("sentinel-2") or collection.lower().startswith("sentinel-2"):
        return Family.SENTINEL2
    if platform.startswith("landsat") or collection.lower().startswith("landsat"):
        return Family.LANDSAT
    return Family.OTHER


def _check_level(name: str, family: Family, collection: str, properties: Mapping[str, Any]) -> None:
    """Raise RecordError for what is measured at the top of the atmosphere: no surface reflectance."""
    level = f"{properties.get('s2:product_type', '')} {properties.get('processing:level', '')}".lower()
    top = family is Family.SENTINEL2 and ("1c" in level or "l1c" in collection.lower())
    correction = str(properties.get("landsat:correction", "L2SP"))
    if top or (family is Family.LANDSAT and not correction.startswith("L2")):
        raise RecordError(f"{name}: top-of-atmosphere product; search a level-2 collection, e.g. sentinel-2-l2a")


def _bands(family: Family, collection: str, assets: Mapping[str, Any], base_url: str) -> dict[str, BandSource]:
    found: dict[str, BandSource] = {}
    for key, asset in assets.items():
        if not isinstance(asset, dict) or not _is_tiff(asset) or _is_picture(str(key), asset):
            continue
        several = len(_band_list(asset)) > 1
        for index, band in enumerate(_band_list(asset) or [{}], start=1):
            name = _band_name(family, collection, str(key), band, several=several)
            source = _source(asset, band, index, base_url)
            # Where a file of several bands repeats one, the band's own file counts.
            if name in SPECTRAL and source is not None and (name not in found or not several):
                found[name] = source
    return found


def _is_picture(key: str, asset: Mapping[str, Any]) -> bool:
    roles = asset.get("roles")
    return key.lower() in _NO_DATA_KEYS or (isinstance(roles, list) and bool(_NO_DATA_ROLES & set(map(str, roles))))


def _band_list(asset: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the bands of an asset with the fields of STAC 1.1 ``bands``, or of 1.0 ``eo:bands`` + ``raster:bands``."""
    modern = asset.get("bands")
    if isinstance(modern, list) and modern:
        return [band for band in modern if isinstance(band, dict)]
    eo, raster = asset.get("eo:bands"), asset.get("raster:bands")
    eo, raster = (part if isinstance(part, list) else [] for part in (eo, raster))
    merged: list[dict[str, Any]] = []
    for place in range(max(len(eo), len(raster))):
        parts = [part[place] for part in (raster, eo) if place < len(part) and isinstance(part[place], dict)]
        merged.append({name: value for part in parts for name, value in part.items()})
    return merged


def _band_name(family: Family, collection: str, key: str, band: Mapping[str, Any], *, several: bool) -> str:
    common = str(band.get("eo:common_name") or band.get("common_name") or "").lower()
    numbered = re.fullmatch(r"(?:sr_)?b0?(\d{1,2})", key.lower())
    landsat = family is Family.LANDSAT or (family is Family.HLS and "l30" in collection.lower())
    if landsat:
        if numbered and not common:
            return _LANDSAT_NUMBERS.get(int(numbered[1]), "")
        name = canonical(common or key)
        return "nir" if name == "nir08" else name  # its only near infrared
    if common and common != "rededge":  # three bands of Sentinel-2 share that name
        return canonical(common)
    return canonical(str(band.get("name") or "")) if several or not _known(key) else canonical(key)


def _known(key: str) -> bool:
    return canonical(key) in SPECTRAL


def _source(asset: Mapping[str, Any], band: Mapping[str, Any], index: int, base_url: str) -> BandSource | None:
    href = asset.get("href")
    if not isinstance(href, str) or not href:
        return None

    def told(*names: str) -> Any:
        """The band's own word counts before the asset's (STAC 1.1: fields common to all bands stand on the asset)."""
        return next((part[name] for part in (band, asset) for name in names if part.get(name) is not None), None)

    data_type = told("data_type")
    return BandSource(
        href=urljoin(base_url, href),
        index=index,
        scale=_number(told("raster:scale", "scale")),
        offset=_number(told("raster:offset", "offset")),
        nodata=_number(told("nodata")),
        data_type=data_type if isinstance(data_type, str) else None,
        pixel_m=_size(told("raster:spatial_resolution", "spatial_resolution", "gsd")) or _size(_pixel(asset)),
    )


def _pixel(asset: Mapping[str, Any]) -> Any:
    transform = asset.get("proj:transform")
    return transform[0] if isinstance(transform, list) and transform else None


def _size(value: Any) -> float | None:
    """Return the side of a pixel in metres, None for what no sensor has: the estimate of a download divides by it."""
    size = finite(value)
    return size if size is not None and LEAST_PIXEL_M <= size <= MOST_PIXEL_M else None


def _mask(assets: Mapping[str, Any], base_url: str) -> tuple[MaskKind, str] | None:
    for key, asset in assets.items():
        kind = _MASKS.get(str(key).lower())
        if kind is not None and isinstance(asset, dict) and _is_tiff(asset) and isinstance(asset.get("href"), str):
            return kind, urljoin(base_url, asset["href"])
    return None


def _is_tiff(asset: Mapping[str, Any]) -> bool:
    kind, href = str(asset.get("type") or ""), str(asset.get("href") or "")
    return "tiff" in kind.lower() if kind else href.split("?", 1)[0].lower().endswith((".tif", ".tiff"))


def _tile(properties: Mapping[str, Any]) -> str | None:
    if properties.get("s2:mgrs_tile"):
        return str(properties["s2:mgrs_tile"])
    if properties.get("grid:code"):
        return str(properties["grid:code"]).removeprefix("MGRS-")
    if properties.get("landsat:wrs_row") and properties.get("landsat:wrs_path"):
        return f"{properties['landsat:wrs_path']}/{properties['landsat:wrs_row']}"
    parts = [properties.get(f"mgrs:{part}") for part in ("utm_zone", "latitude_band", "grid_square")]
    return "".join(map(str, parts)) if all(parts) else None


def _crs(properties: Mapping[str, Any], assets: Mapping[str, Any]) -> str | None:
    for part in (properties, *(asset for asset in assets.values() if isinstance(asset, dict))):
        code = part.get("proj:code")
        if isinstance(code, str) and code:
            return code.upper()
        if isinstance(part.get("proj:epsg"), int) and not isinstance(part["proj:epsg"], bool):
            return f"EPSG:{part['proj:epsg']}"
    return None


def _zone_of_name(family: Family, name: str) -> str | None:
    """Return the CRS of an HLS tile: its items carry none, and all its zones count north (User Guide 2.0, 5.2)."""
    tile = re.search(r"\.T(\d{2})[C-X][A-Z]{2}\.", name) if family is Family.HLS else None
    return f"EPSG:326{tile[1]}" if tile else None


def _time(name: str, properties: Mapping[str, Any]) -> datetime:
    text = properties.get("datetime") or properties.get("start_datetime")
    try:
        when = datetime.fromisoformat(str(text))
        return when.replace(tzinfo=when.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RecordError(f"{name}: time {text!r} cannot be read; expected RFC 3339") from error


def _bbox(name: str, item: Mapping[str, Any]) -> tuple[float, float, float, float]:
    box = item.get("bbox")
    numbers = [_number(value) for value in box] if isinstance(box, list) else []
    kept = [value for value in numbers if value is not None]
    if len(kept) == 6:  # with heights (GeoJSON, RFC 7946, 5)
        kept = [kept[0], kept[1], kept[3], kept[4]]
    if len(kept) != 4 or not (-90 <= kept[1] <= kept[3] <= 90):
        raise RecordError(f"{name}: bbox {box!r} is none; expected west, south, east, north")
    return kept[0], kept[1], kept[2], kept[3]


def _self_link(item: Mapping[str, Any]) -> str:
    links = item.get("links")
    links = links if isinstance(links, list) else []
    return next((str(link["href"]) for link in links if isinstance(link, dict) and link.get("rel") == "self"), "")


def _number(value: Any) -> float | None:
    number = finite(value)
    return number if number is not None and abs(number) < 1e300 else None


def _share(value: Any) -> float | None:
    number = _number(value)
    return number / 100 if number is not None and 0 <= number <= 100 else None


def _text(value: Any) -> str | None:
    return plain_text(value, 60)
