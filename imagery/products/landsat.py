"""Landsat Collection 2 Level-2 and HLS v2.0 products: one GeoTIFF a band, named by the product's convention.

Landsat 8-9 Collection 2 Level 2 Science Product Guide (LSDS-1619), table 6-1: reflectance = DN x 0.0000275 - 0.2, 0 is
fill. HLS Product User Guide 2.0, tables 6, 7 and 9: reflectance = DN x 0.0001, -9999 is fill.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from findings.errors import InputError, UnreadableImage
from findings.survey import Radiometry
from imagery.masks import Classes, from_fmask, from_qa_pixel
from imagery.products.stack import BandStack, scene_id
from imagery.products.xml import to_number
from imagery.scene_product import SceneProduct, Strip
from imagery.types import FloatArray, Window

LANDSAT_NAME = re.compile(
    r"(?P<id>L(?P<sensor>[COTEM])(?P<number>\d\d)_(?P<level>L\d[A-Z]{2})_\d{6}_(?P<day>\d{8})_\d{8}_02_(?:T1|T2|RT))"
    r"_(?P<layer>\w+)\.(?P<suffix>tif|json|txt|xml)$",
    re.IGNORECASE,
)
HLS_NAME = re.compile(
    r"(?P<id>HLS\.(?P<sensor>[LS])30\.T\w{5}\.(?P<day>\d{7}T\d{6})\.v2\.\d)\.(?P<layer>\w+)\.(?P<suffix>tif)$"
)
SCALE, OFFSET = 0.0000275, -0.2
OLI = {"coastal": "B1", "blue": "B2", "green": "B3", "red": "B4", "nir": "B5", "swir1": "B6", "swir2": "B7"}
TM = {"blue": "B1", "green": "B2", "red": "B3", "nir": "B4", "swir1": "B5", "swir2": "B7"}
L30 = {"coastal": "B01", "blue": "B02", "green": "B03", "red": "B04", "nir": "B05", "swir1": "B06", "swir2": "B07"}
S30 = {"coastal": "B01", "blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir1": "B11", "swir2": "B12"}
NEEDED = ("blue", "green", "red", "nir", "swir1", "swir2")
HLS_SCALE = 0.0001
MAX_MTL_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Layers:
    """Files of one scene that lie side by side, by their layer.

    Attributes:
        id: of the product.
        folder: that they lie in.
        files: layer such as ``SR_B4``, ``QA_PIXEL``, ``MTL.json``, ``B04`` or ``Fmask`` to file.
        hls: whether it is an HLS product.
    """

    id: str
    folder: Path
    files: Mapping[str, Path]
    hls: bool


def find_layers(paths: Sequence[Path]) -> list[Layers]:
    """Return the Landsat and HLS scenes among some files, in name order; other files are passed over."""
    found: dict[tuple[Path, str, bool], dict[str, Path]] = {}
    for path in sorted(paths):
        for pattern, hls in ((LANDSAT_NAME, False), (HLS_NAME, True)):
            name = pattern.match(path.name)
            if name is None or path.is_symlink():
                continue
            suffix = name["suffix"].lower()
            layer = name["layer"] if suffix == "tif" else f"{name['layer']}.{suffix}"
            found.setdefault((path.parent, name["id"], hls), {})[layer] = path
    return [
        Layers(id, folder, files, hls)
        for (folder, id, hls), files in found.items()
        if any(path.suffix.lower() == ".tif" for path in files.values())
    ]


@contextmanager
def open_landsat(layers: Layers) -> Iterator[SceneProduct]:
    """Yield a Landsat Collection 2 Level-2 scene; its files stay open inside the block.

    Raises:
        InputError: a Level-1 product, a missing band, files that contradict each other.
        UnreadableImage: a damaged file.
    """
    name = LANDSAT_NAME.match(f"{layers.id}_SR_B1.TIF")
    if name is None or not name["level"].upper().startswith("L2"):
        raise InputError(
            f"{layers.id}: not Level 2 (top-of-atmosphere numbers); take the Collection 2 Level-2 product of the same "
            "acquisition (name with L2SP or L2SR)"
        )
    number = int(name["number"])
    bands = {band: f"SR_{layer}" for band, layer in (OLI if number >= 8 else TM).items()}
    facts, notes = _landsat_facts(layers, name["day"])
    multiply, add = facts["scale"]
    with _open_stack(layers, bands, "QA_PIXEL") as (stack, names):
        yield SceneProduct(
            id=scene_id(layers.id),
            collection="landsat-c2-l2",
            captured_at=facts["captured_at"],
            grid=stack.grid,
            bands=names,
            radiometry=Radiometry.REFLECTANCE,
            read=_reader(stack, names, "QA_PIXEL", multiply, add),
            platform=f"landsat-{number}",
            cloud_cover=facts["cloud_cover"],
            properties=facts["properties"],
            source=f"{layers.id}, Collection 2 Level-2 product on disk",
            notes=notes,
        )


@contextmanager
def open_hls(layers: Layers) -> Iterator[SceneProduct]:
    """Yield an HLS v2.0 scene; its files stay open inside the block.

    Raises:
        InputError: a missing band, files that contradict each other.
        UnreadableImage: a damaged file.
    """
    name = HLS_NAME.match(f"{layers.id}.B01.tif")
    if name is None:
        raise InputError(f"{layers.id}: expected a name such as HLS.S30.T52SFB.2024123T020649.v2.0")
    landsat = name["sensor"] == "L"
    when = datetime.strptime(name["day"], "%Y%jT%H%M%S").replace(tzinfo=UTC)
    with _open_stack(layers, L30 if landsat else S30, "Fmask") as (stack, names):
        tags = stack.tags("red")
        zenith, azimuth = to_number(tags.get("MEAN_SUN_ZENITH_ANGLE")), to_number(tags.get("MEAN_SUN_AZIMUTH_ANGLE"))
        cloud = to_number(tags.get("cloud_coverage"))
        yield SceneProduct(
            id=scene_id(layers.id),
            collection="hls-l30-v2.0" if landsat else "hls-s30-v2.0",
            captured_at=when,
            grid=stack.grid,
            bands=names,
            radiometry=Radiometry.REFLECTANCE,
            read=_reader(stack, names, "Fmask", HLS_SCALE, 0.0),
            platform="landsat-8-9" if landsat else "sentinel-2",
            cloud_cover=cloud / 100.0 if cloud is not None and 0 <= cloud <= 100 else None,
            properties={
                "view:sun_elevation": 90.0 - zenith if zenith is not None else None,
                "view:sun_azimuth": azimuth % 360.0 if azimuth is not None else None,
            },
            source=f"{layers.id}, HLS product on disk",
            notes=("nir is the broad band B08",) if not landsat else (),
        )


@contextmanager
def _open_stack(layers: Layers, bands: Mapping[str, str], quality: str) -> Iterator[tuple[BandStack, tuple[str, ...]]]:
    """Yield the open band files by canonical name and the names to read; the coastal band may be absent."""
    present = {band: layers.files[layer] for band, layer in bands.items() if layer in layers.files}
    missing = [bands[band] for band in NEEDED if band not in present]
    if quality not in layers.files:
        missing.append(quality)
    if missing:
        raise InputError(f"{layers.id}: lacks the file(s) of {', '.join(missing)}; download the product again, whole")
    with BandStack(layers.id, present | {quality: layers.files[quality]}) as stack:
        yield stack, tuple(present)


def _reader(stack: BandStack, names: tuple[str, ...], quality: str, multiply: float, add: float) -> Strip:
    """Return a reader of reflectance and mask classes."""
    hls = quality == "Fmask"
    fill, quality_fill = (-9999, 255) if hls else (0, 1)

    def read(window: Window) -> tuple[FloatArray, Classes | None]:
        stored = np.stack([stack.read(name, window) for name in names])
        values = stored * np.float32(multiply) + np.float32(add)
        values[stored == fill] = np.nan
        codes = np.nan_to_num(stack.read(quality, window), nan=quality_fill).astype(np.int64)
        return values.astype(np.float32), from_fmask(codes) if hls else from_qa_pixel(codes)

    return read


def _landsat_facts(layers: Layers, day: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return time, scale, cloud cover and properties out of the MTL file, or out of the name with a note."""
    mtl = _read_mtl(layers)
    notes = []
    try:
        when = datetime.fromisoformat(f"{mtl['DATE_ACQUIRED']}T{mtl['SCENE_CENTER_TIME'][:8]}").replace(tzinfo=UTC)
    except (KeyError, ValueError):
        when = datetime.strptime(day, "%Y%m%d").replace(hour=12, tzinfo=UTC)
        notes.append("date from the product's name, hour unknown (noon taken)")
    multiply, add = to_number(mtl.get("REFLECTANCE_MULT_BAND_4")), to_number(mtl.get("REFLECTANCE_ADD_BAND_4"))
    if multiply is not None and add is not None and not np.allclose((multiply, add), (SCALE, OFFSET), rtol=1e-3):
        raise InputError(
            f"{layers.id}: the MTL file scales reflectance by {multiply:g} and {add:g}, Level 2 of Collection 2 by "
            f"{SCALE:g} and {OFFSET:g}; it belongs to another product"
        )
    sun, azimuth = to_number(mtl.get("SUN_ELEVATION")), to_number(mtl.get("SUN_AZIMUTH"))
    cloud = to_number(mtl.get("CLOUD_COVER"))
    facts = {
        "captured_at": when,
        "scale": (SCALE, OFFSET),
        "cloud_cover": cloud / 100.0 if cloud is not None and 0 <= cloud <= 100 else None,  # -1: not computed
        "properties": {
            "view:sun_elevation": sun,
            "view:sun_azimuth": azimuth % 360.0 if azimuth is not None else None,
            "landsat:correction": layers.id.split("_")[1].upper(),
        },
    }
    return facts, tuple(notes)


def _read_mtl(layers: Layers) -> dict[str, str]:
    """Return the entries of the MTL file (JSON before text), flat; those of the Level-2 groups win over Level 1."""
    for layer in ("MTL.json", "MTL.txt"):
        path = layers.files.get(layer)
        if path is None:
            continue
        try:
            if path.stat().st_size > MAX_MTL_BYTES:
                raise UnreadableImage(f"{path}: more than {MAX_MTL_BYTES >> 20} MiB; expected a product's metadata")
            text = path.read_text(encoding="utf-8")
            return _flat(json.loads(text)) if layer == "MTL.json" else _flat_text(text)
        except (OSError, ValueError, RecursionError) as error:
            raise UnreadableImage(f"{path}: no readable metadata ({error}); download the product again") from error
    return {}


def _flat(content: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    groups = [("", content)]
    while groups:
        group, entries = groups.pop(0)
        if not isinstance(entries, dict) or group.startswith("LEVEL1"):
            continue
        for name, value in entries.items():
            if isinstance(value, dict):
                groups.append((name, value))
            else:
                found.setdefault(name, str(value))
    return found


def _flat_text(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    groups: list[str] = []
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition("="))
        if name == "GROUP":
            groups.append(value)
        elif name == "END_GROUP" and groups:
            groups.pop()
        elif value and not any(group.startswith("LEVEL1") for group in groups):
            found.setdefault(name, value.strip('"'))
    return found
