"""Sentinel-2 Level-2A products: SAFE folders and their zips, bottom-of-atmosphere reflectance on the 10 m grid.

Layout and metadata: Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD) 14.9, 4.9 (Level-2A).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from findings.errors import InputError, UnreadableImage, UnsafeImage
from findings.survey import Radiometry
from imagery.bands import canonical
from imagery.masks import Classes, MaskClass, from_scl
from imagery.products.stack import BandStack, scene_id
from imagery.products.xml import number_of, read_xml, text_of, to_number
from imagery.radiometry import OFFSET_DN, OffsetVerdict, check_offset
from imagery.scene_product import SceneProduct
from imagery.types import FloatArray, Window

COLLECTION = "sentinel-2-l2a"
METADATA, LEVEL_1C = "MTD_MSIL2A.xml", "MTD_MSIL1C.xml"
DEFAULT_BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
# band_id of BOA_ADD_OFFSET and bandId of the viewing angles (PSD, table of spectral bands)
BAND_IDS = {"B01": 0, "B02": 1, "B03": 2, "B04": 3, "B05": 4, "B06": 5, "B07": 6, "B08": 7, "B8A": 8, "B09": 9,
            "B10": 10, "B11": 11, "B12": 12}  # fmt: skip
QUANTIFICATION = 10_000.0
SATURATED_DN = 65_535
FIRST_BASELINE_WITH_OFFSET = 4.0
_IMAGE = re.compile(r"_(B\d[\dA]|SCL)_(10|20|60)m\.jp2$")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the XML files of a product say.

    Attributes:
        captured_at: sensing time of the granule, else start of the product.
        platform: e.g. ``sentinel-2b``.
        baseline: of the processing, e.g. ``05.10``.
        quantification: digital numbers for a reflectance of 1.
        offsets: what is added to the digital number of a band, by band id; empty before baseline 04.00.
        cloud_cover: share 0..1 of the whole tile.
        properties: STAC properties.
        notes: what was missing.
    """

    captured_at: datetime
    platform: str | None
    baseline: str | None
    quantification: float
    offsets: Mapping[int, float]
    cloud_cover: float | None
    properties: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def claims_offset(self) -> bool:
        """Whether the digital numbers hold the +1000, by these files."""
        if self.offsets:
            return any(value < 0 for value in self.offsets.values())
        return (to_number(self.baseline) or 0.0) >= FIRST_BASELINE_WITH_OFFSET


def wanted_members(name: str, bands: tuple[str, ...] = DEFAULT_BANDS) -> bool:
    """Return whether a member of a zipped product is needed to read it."""
    if name.endswith((f"/{METADATA}", "/MTD_TL.xml", f"/{LEVEL_1C}")):
        return True
    found = _IMAGE.search(name)
    return found is not None and found[1] in (*bands, "SCL")


@contextmanager
def open_safe(folder: Path, bands: tuple[str, ...] = DEFAULT_BANDS) -> Iterator[SceneProduct]:
    """Yield the product of a SAFE folder; its files stay open inside the block.

    Bands of 20 m and the scene classification are repeated onto the 10 m grid. Digital numbers 0 (no data) and 65535
    (saturated) are not observed.

    Raises:
        InputError: a Level-1C product, a band that is missing, files that contradict each other.
        UnreadableImage: damaged or truncated.
        UnsafeImage: metadata with a document type.
    """
    if (folder / LEVEL_1C).is_file():
        raise InputError(
            f"{folder.name}: Level-1C, reflectance above the atmosphere; take the Level-2A product of the same "
            "acquisition (name with MSIL2A), or run Sen2Cor"
        )
    granule = _granule(folder)
    files = _band_files(folder, granule, bands)
    _check_inside(folder, (folder / METADATA, granule / "MTD_TL.xml", *files.values()))
    metadata = read_metadata(folder / METADATA, granule / "MTD_TL.xml")
    with BandStack(folder.name, files) as stack:
        names = tuple(canonical(band) for band in bands)
        verdict = check_offset(_observed(stack.sample(bands)), names, metadata.claims_offset)
        yield SceneProduct(
            id=scene_id(folder.name.removesuffix(".SAFE")),
            collection=COLLECTION,
            captured_at=metadata.captured_at,
            grid=stack.grid,
            bands=names,
            radiometry=Radiometry.REFLECTANCE,
            read=_Reflectance(stack, bands, metadata, verdict),
            platform=metadata.platform,
            cloud_cover=metadata.cloud_cover,
            properties=metadata.properties,
            source=f"{folder.name}, Level-2A product on disk",
            notes=(*metadata.notes, verdict.note, "bands of 20 m repeated onto the 10 m grid"),
        )


class _Reflectance:
    """Reads windows of a product as reflectance and mask classes."""

    def __init__(self, stack: BandStack, bands: tuple[str, ...], metadata: Metadata, verdict: OffsetVerdict) -> None:
        self._stack = stack
        self._bands = bands
        self._quantification = metadata.quantification
        self._add = [_offset_of(band, metadata, verdict) for band in bands]

    def __call__(self, window: Window) -> tuple[FloatArray, Classes]:
        stored = np.stack([self._stack.read(band, window) for band in self._bands])
        saturated = (stored == SATURATED_DN).any(axis=0)
        values = _observed(stored)
        values += np.array(self._add, np.float32)[:, None, None]
        values /= np.float32(self._quantification)
        codes = self._stack.read("SCL", window)
        classes = from_scl(np.nan_to_num(codes, nan=0.0).astype(np.int64))
        classes[saturated & (classes == MaskClass.CLEAR)] = MaskClass.SATURATED
        return values, classes


def _observed(stored: FloatArray) -> FloatArray:
    return np.where((stored == 0) | (stored == SATURATED_DN), np.float32(np.nan), stored).astype(np.float32)


def _offset_of(band: str, metadata: Metadata, verdict: OffsetVerdict) -> float:
    """Return what to add to a band's digital number: the product's own offset if the pixels agree that it is there."""
    if not verdict.present:
        return 0.0
    return metadata.offsets.get(BAND_IDS[band], -OFFSET_DN) or -OFFSET_DN


def read_metadata(product: Path, granule: Path) -> Metadata:
    """Return what ``MTD_MSIL2A.xml`` and the granule's ``MTD_TL.xml`` say.

    Raises:
        UnreadableImage: a file is absent or damaged, or neither says when the scene was taken.
        UnsafeImage: a file declares a document type.
    """
    root, tile = read_xml(product), read_xml(granule)
    notes = []
    quantification = number_of(root, "BOA_QUANTIFICATION_VALUE")
    if quantification is None or quantification <= 0:
        quantification = QUANTIFICATION
        notes.append("metadata without BOA_QUANTIFICATION_VALUE: 10000 taken")
    baseline = text_of(root, "PROCESSING_BASELINE")
    offsets = _offsets(root)
    if not offsets and (to_number(baseline) or 0.0) >= FIRST_BASELINE_WITH_OFFSET:
        notes.append(f"metadata of baseline {baseline} without BOA_ADD_OFFSET: -1000 expected")
    when = _time(text_of(tile, "SENSING_TIME")) or _time(text_of(root, "PRODUCT_START_TIME"))
    if when is None:
        raise UnreadableImage(f"{product}: says no sensing time; download the product again")
    platform = text_of(root, "SPACECRAFT_NAME")
    cloud = number_of(root, "Cloud_Coverage_Assessment")
    return Metadata(
        captured_at=when,
        platform=platform.lower() if platform else None,
        baseline=baseline,
        quantification=quantification,
        offsets=offsets,
        cloud_cover=cloud / 100.0 if cloud is not None and 0 <= cloud <= 100 else None,
        properties=_properties(tile, baseline),
        notes=tuple(notes),
    )


def _offsets(root: Element) -> dict[int, float]:
    found = {}
    for element in root.iter("BOA_ADD_OFFSET"):
        number, value = to_number(element.get("band_id")), to_number(element.text)
        if number is not None and value is not None:
            found[int(number)] = value
    return found


def _properties(tile: Element, baseline: str | None) -> dict[str, Any]:
    """Return the view extension's angles: of the sun at the granule's middle, and of the view over all bands."""
    properties: dict[str, Any] = {"s2:processing_baseline": baseline}
    sun = next(tile.iter("Mean_Sun_Angle"), None)
    if sun is not None:
        zenith, azimuth = number_of(sun, "ZENITH_ANGLE"), number_of(sun, "AZIMUTH_ANGLE")
        properties["view:sun_elevation"] = round(90.0 - zenith, 3) if zenith is not None else None
        properties["view:sun_azimuth"] = round(azimuth % 360.0, 3) if azimuth is not None else None
    views = list(tile.iter("Mean_Viewing_Incidence_Angle"))
    zeniths = [value for view in views if (value := number_of(view, "ZENITH_ANGLE")) is not None]
    if zeniths:
        properties["view:incidence_angle"] = round(float(np.mean(zeniths)), 3)
    return properties


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _check_inside(folder: Path, paths: Iterable[Path]) -> None:
    """Raise UnsafeImage if a folder on the way to a file is a link that leads out of the product."""
    root = folder.resolve()
    outside = next((path for path in paths if not path.resolve().is_relative_to(root)), None)
    if outside is not None:
        raise UnsafeImage(f"{outside}: a link leads out of the product; copy the product again, whole")


def _granule(folder: Path) -> Path:
    granules = [path for path in sorted((folder / "GRANULE").glob("*")) if path.is_dir() and not path.is_symlink()]
    if len(granules) != 1:
        raise InputError(
            f"{folder.name}: {len(granules)} granules below GRANULE/; expected one: download the product again, "
            "or split an old product of many tiles"
        )
    return granules[0]


def _band_files(folder: Path, granule: Path, bands: tuple[str, ...]) -> dict[str, Path]:
    """Return the finest file of each band and the scene classification."""
    found: dict[str, tuple[int, Path]] = {}
    for path in sorted((granule / "IMG_DATA").rglob("*.jp2")):
        name = _IMAGE.search(path.name)
        if name is not None and (name[1] not in found or int(name[2]) < found[name[1]][0]):
            found[name[1]] = (int(name[2]), path)
    missing = [name for name in (*bands, "SCL") if name not in found]
    if missing:
        raise InputError(f"{folder.name}: lacks the file(s) of {', '.join(missing)}; download the product again, whole")
    return {name: found[name][1] for name in (*bands, "SCL")}
