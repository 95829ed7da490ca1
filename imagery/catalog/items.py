"""The STAC 1.1 item of one picture, from what the store knows, the file's header and the item beside the file.

Extensions, each declared only where its fields are there: projection 2.0, electro-optical 2.0, view 1.0, SAR 1.0,
file 2.1, raster 2.0, classification 2.0. What no extension has a word for stands under ``mizuhashi:``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import rasterio

from findings.errors import InputError
from findings.survey import Image, ImageKind, Radiometry, Survey
from imagery.bands import SKIP
from imagery.catalog.places import geojson_place, href_of
from imagery.masks import MaskClass
from imagery.plain import finite, is_plain
from imagery.safe import SHUT, open_untrusted
from imagery.stac_item import COMMON_NAMES, EXTENSIONS, MULTIHASH_SHA256

STAC_VERSION = "1.1.0"
UID = "mizuhashi:image_uid"
_CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
_SPECTRAL = frozenset(COMMON_NAMES) | {"coastal", "blue", "green", "red", "nir", "nir08", "nir09", "cirrus"}
_MEDIA = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".jp2": "image/jp2",
    ".tif": "image/tiff; application=geotiff", ".tiff": "image/tiff; application=geotiff",
}  # fmt: skip
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
# Nobody knows when: between the first aerial photographs of rivers and the day the picture was taken in.
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LOCAL_TIME = re.compile(r"taken at (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\S* local time of an unknown zone")
MAX_SIDECAR_BYTES = 1 << 20
_TAKEN_OVER = (
    "constellation", "mission", "instruments", "license", "providers", "eo:cloud_cover", "eo:snow_cover", "view:",
    "sar:", "s2:", "mizuhashi:collection", "mizuhashi:source", "mizuhashi:observed_share",
)  # fmt: skip
_SAR_NEEDS = ("sar:instrument_mode", "sar:frequency_band", "sar:polarizations", "sar:product_type")
_RANGES = {
    "eo:cloud_cover": (0, 100), "eo:snow_cover": (0, 100), "view:off_nadir": (0, 90), "view:incidence_angle": (0, 90),
    "view:azimuth": (0, 360), "view:sun_azimuth": (0, 360), "view:sun_elevation": (-90, 90),
}  # fmt: skip
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where items of one survey go, and what they need to know of the rest.

    Attributes:
        survey: of the images.
        folder: of its items.
        collection: id of its collection.
        asset_names: name by uid, for people who read the item.
        copies: whether the files are copied into the catalogue.
    """

    survey: Survey
    folder: Path
    collection: str
    asset_names: Mapping[str, str] = field(default_factory=dict)
    copies: bool = False

    def item_path(self, image_uid: str) -> Path:
        """Return where the item of an image lies."""
        return self.folder / f"{image_uid}.json"

    def file_of(self, image: Image) -> Path:
        """Return the file that the item links to: the picture at its place, or its copy."""
        return self.copy_of(image.uid, Path(image.path)) if self.copies else Path(image.path)

    def copy_of(self, image_uid: str, file: Path) -> Path:
        """Return where a copy of a file of an image lies."""
        return self.folder / "files" / image_uid / file.name


def item_of(image: Image, shelf: Shelf) -> Json:
    """Return the item of an image as plain JSON; the file is opened for its header only, no pixel is decoded.

    Raises:
        InputError: the file is missing or its header cannot be read.
    """
    path = Path(image.path)
    beside = sidecar(path) if image.kind is ImageKind.SCENE else {}
    geometry, bbox = geojson_place(image.footprint, image.position_lonlat)
    properties = {**_times(image, shelf.survey), **_general(image, path), **_ours(image, shelf), **beside}
    properties = {name: value for name, value in properties.items() if value is not None or name == "datetime"}
    properties |= _projection(image) | _view(image)
    item: Json = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [],
        "id": image.uid,
        "collection": shelf.collection,
        "geometry": geometry,
        **({} if bbox is None else {"bbox": bbox}),
        "properties": properties,
        "assets": _assets(image, shelf),
        "links": [
            {"rel": "root", "href": "../catalog.json", "type": "application/json"},
            {"rel": "parent", "href": "./collection.json", "type": "application/json"},
            {"rel": "collection", "href": "./collection.json", "type": "application/json"},
        ],
    }
    item["stac_extensions"] = _extensions(item)
    return item


def _times(image: Image, survey: Survey) -> Json:
    """Return the time, or the range in which it lies, as far as anybody knows."""
    notes = " ".join(image.notes)
    when = image.captured_at
    if when is not None:
        if "only the year is known" in notes:
            first = datetime(when.year, 1, 1, tzinfo=UTC)
            return {"datetime": _utc(when), **_range(first, datetime(when.year, 12, 31, 23, 59, 59, tzinfo=UTC))}
        if "hour unknown" in notes:
            first = when.replace(hour=0, minute=0, second=0, microsecond=0)
            return {"datetime": _utc(when), **_range(first, first + timedelta(days=1, seconds=-1))}
        return {"datetime": _utc(when)}
    local = _LOCAL_TIME.search(notes)
    if local is not None:
        with suppress(ValueError, OverflowError):  # the note may be a stranger's
            clock = datetime.fromisoformat(local[1]).replace(tzinfo=UTC)
            # the zones of the Earth run from UTC-12 to UTC+14
            return {"datetime": None, **_range(clock - timedelta(hours=14), clock + timedelta(hours=12))}
    return {
        "datetime": None,
        **_range(_EARLIEST, survey.created_at),
        "mizuhashi:time_note": "nobody knows when; the range ends when the picture was taken in",
    }


def _range(first: datetime, last: datetime) -> Json:
    return {"start_datetime": _utc(first), "end_datetime": _utc(last)}


def _utc(moment: datetime) -> str:
    timespec = "milliseconds" if moment.microsecond else "seconds"  # Qt, and with it QGIS, reads no more
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def _general(image: Image, path: Path) -> Json:
    gsd = image.scale.gsd_mm
    facts: Json = {"title": path.name, "gsd": _digits(gsd / 1000.0) if gsd and math.isfinite(gsd) else None}
    if image.platform:  # of a photograph the store knows the camera, of a scene the satellite
        facts |= {"instruments": [image.platform]} if image.kind is ImageKind.PHOTO else {"platform": image.platform}
    return facts


def _ours(image: Image, shelf: Shelf) -> Json:
    assigned = image.assignment
    owner = (assigned.asset_uid if assigned else None) or shelf.survey.asset_uid
    facts: Json = {
        UID: image.uid,
        "mizuhashi:survey": shelf.survey.name,
        "mizuhashi:kind": image.kind.value,
        "mizuhashi:radiometry": image.radiometry.value,
        "mizuhashi:gsd_mm": _digits(image.scale.gsd_mm),
        "mizuhashi:gsd_sigma_mm": _digits(image.scale.sigma_mm),
        "mizuhashi:gsd_source": image.scale.source.value,
        "mizuhashi:gsd_note": image.scale.note or None,
        "mizuhashi:quality": {name: value for name, value in asdict(image.quality).items() if value not in (None, ())},
        "mizuhashi:asset_uid": owner,
        "mizuhashi:asset_name": shelf.asset_names.get(owner or ""),
        "mizuhashi:span": image.span,
        "mizuhashi:member": image.member,
        "mizuhashi:incidence_deg": _digits(image.incidence_deg),
        "mizuhashi:notes": list(image.notes) or None,
        "mizuhashi:view": dict(image.view) if image.view else None,
    }
    if assigned is not None:
        facts["mizuhashi:assignment"] = {
            "source": assigned.source.value, "confidence": assigned.confidence, "note": assigned.note,
        }  # fmt: skip
    elif owner is not None:
        facts["mizuhashi:assignment"] = {"source": "survey", "note": "the asset of the whole survey"}
    return facts


def _digits(value: float | None) -> float | None:
    """Return a value with six significant digits."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _projection(image: Image) -> Json:
    if image.crs is None or image.transform is None:
        return {}
    code = {"proj:code": image.crs} if image.crs.startswith("EPSG:") else {"proj:code": None, "proj:wkt2": image.crs}
    return {**code, "proj:shape": [image.height_px, image.width_px], "proj:transform": list(image.transform)}


def _view(image: Image) -> Json:
    """Return off-nadir and azimuth; a camera that looks up at a soffit has neither, straight down has no azimuth."""
    view = image.view or {}
    pitch, yaw = (finite(view.get(name)) for name in ("pitch_deg", "yaw_deg"))
    off_nadir = image.incidence_deg if pitch is None else 90.0 + pitch
    if off_nadir is None or not 0.0 <= off_nadir <= 90.0:
        return {}
    facts = {"view:off_nadir": round(off_nadir, 3)}
    if pitch is not None and yaw is not None and off_nadir >= 2.0:
        facts["view:azimuth"] = round(yaw % 360.0, 3)
    return facts


def sidecar(path: Path) -> Json:
    """Return what the STAC item beside a scene says that the store does not keep; nothing where there is none.

    It may come from anywhere: only known fields are taken, and of those only values of the right form.
    """
    file = path.with_suffix(".json")
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > MAX_SIDECAR_BYTES:
            return {}
        item = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    properties = item.get("properties") if isinstance(item, dict) and item.get("type") == "Feature" else None
    if not isinstance(properties, dict):
        return {}
    return {name: value for name, value in properties.items() if _credible(name, value)}


def _credible(name: str, value: object) -> bool:
    if not name.startswith(_TAKEN_OVER) or not is_plain(name, 100):
        return False
    if name in _RANGES:
        number, (low, high) = finite(value), _RANGES[name]
        return number is not None and low <= number <= high
    if name == "providers":
        return isinstance(value, list) and all(isinstance(one, dict) and _is_provider(one) for one in value)
    if name in ("instruments", "sar:polarizations"):
        return isinstance(value, list) and 0 < len(value) <= 100 and all(is_plain(inner) for inner in value)
    return is_plain(value) or finite(value) is not None


def _is_provider(provider: Mapping[str, Any]) -> bool:
    """Return whether a provider has a name and nothing but texts (STAC 1.1, common metadata, provider object)."""
    roles = provider.get("roles", [])
    texts = [value for name, value in provider.items() if name != "roles"]
    return (
        "name" in provider
        and isinstance(roles, list)
        and all(is_plain(text, 2000) for text in [*provider, *texts, *roles])
    )


def _assets(image: Image, shelf: Shelf) -> Json:
    file = shelf.file_of(image)
    source = file if file.is_file() else Path(image.path)  # a copy that is still to be made
    key, roles = ("image", ["data", "visual"]) if image.kind is ImageKind.PHOTO else ("data", ["data"])
    if image.radiometry is Radiometry.REFLECTANCE:
        roles.append("reflectance")
    asset: Json = {
        "href": href_of(file, shelf.folder),
        "type": _MEDIA.get(file.suffix.lower(), "application/octet-stream"),
        "roles": roles,
        "title": file.name,
        "file:size": _size(source),
        "file:checksum": MULTIHASH_SHA256 + image.sha256,
        "bands": [_band(name) for name in image.band_names],
    }
    if shelf.copies:
        asset["file:local_path"] = file.relative_to(shelf.folder.parent).as_posix()
    if image.kind is ImageKind.SCENE:
        asset |= _raster_facts(source)
        asset["raster:spatial_resolution"] = _digits(image.scale.gsd_mm / 1000.0) if image.scale.gsd_mm else None
    assets = {key: {name: value for name, value in asset.items() if value is not None}}
    mask = Path(image.mask_path) if image.mask_path is not None else None
    if mask is not None and mask.is_file() and not mask.is_symlink():  # a link might lead anywhere since
        assets["mask"] = _mask_asset(image, mask, shelf)
    return assets


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error


def _band(name: str) -> Json:
    if name == SKIP:
        return {"description": "not used"}
    return {"name": name, **({"eo:common_name": COMMON_NAMES.get(name, name)} if name in _SPECTRAL else {})}


def _mask_asset(image: Image, mask: Path, shelf: Shelf) -> Json:
    file = shelf.copy_of(image.uid, mask) if shelf.copies else mask
    return {
        "href": href_of(file, shelf.folder),
        "type": _MEDIA.get(mask.suffix.lower(), "application/octet-stream") if mask.suffix != ".tif" else _tiff(mask),
        "roles": ["data-mask"],
        "title": "why a pixel must not be judged",
        "file:size": _size(mask),
        "classification:classes": [{"value": what.value, "name": what.name.lower()} for what in MaskClass],
    }


def _tiff(path: Path) -> str:
    return str(_raster_facts(path)["type"])


def _raster_facts(path: Path) -> Json:
    """Return media type, data type, nodata and scale as the header states them."""
    facts: Json = {}
    with rasterio.Env(**SHUT), open_untrusted(path) as data:
        if data.driver == "GTiff":
            layout = data.tags(ns="IMAGE_STRUCTURE").get("LAYOUT")
            facts["type"] = COG if layout == "COG" else _MEDIA[".tif"]
        facts["data_type"] = str(data.dtypes[0])
        if data.nodata is not None:
            whole = not math.isnan(data.nodata) and float(data.nodata).is_integer()
            facts["nodata"] = "nan" if math.isnan(data.nodata) else int(data.nodata) if whole else data.nodata
        if set(data.scales) != {1.0} or set(data.offsets) != {0.0}:
            facts |= {"raster:scale": data.scales[0], "raster:offset": data.offsets[0]}
    return facts


def _extensions(item: Json) -> list[str]:
    used = set(item["properties"])
    for asset in item["assets"].values():
        used |= set(asset) | {key for band in asset.get("bands", ()) for key in band}
    declared = [uri for prefix, uri in EXTENSIONS.items() if any(key.startswith(prefix) for key in used)]
    if not all(name in used for name in _SAR_NEEDS):  # SAR 1.0 requires all four; fewer are told without it
        declared = [uri for uri in declared if uri != EXTENSIONS["sar:"]]
    if any(key.startswith("classification:") for key in used):
        declared.append(_CLASSIFICATION)
    return declared
