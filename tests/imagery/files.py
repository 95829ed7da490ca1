"""Makers of small files: rasters, photographs with metadata, and files that are not what they say."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from rasterio.errors import NotGeoreferencedWarning

UTM = {"crs": "EPSG:32652", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 4_000_000)}


def write_tif(path: Path, values: NDArray[Any], names: tuple[str, ...] = (), **profile: Any) -> Path:
    """Write a GeoTIFF of ``(C, H, W)``; ``names`` become the band descriptions."""
    count, height, width = values.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="GTiff", width=width, height=height, count=count, dtype=values.dtype, **profile
        ) as data:
            data.write(values)
            if names:
                data.descriptions = names
    return path


def grey_picture(rng: np.random.Generator, height: int = 120, width: int = 160) -> NDArray[np.uint8]:
    """Return noise around mid-grey: decodes like a photograph and compresses badly."""
    return np.clip(rng.normal(128, 40, (height, width)), 0, 255).astype(np.uint8)


def write_photo(path: Path, values: NDArray[np.uint8], *, xmp: str = "", **exif: Any) -> Path:
    """Write a photograph; ``exif`` by names of this function's table."""
    image = Image.fromarray(values)
    tags = image.getexif()
    for name, value in exif.items():
        folder, tag = _TAGS[name]
        (tags if folder is None else tags.get_ifd(folder))[tag] = value
    options: dict[str, Any] = {"exif": tags}
    if xmp and path.suffix == ".png":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp)
    elif xmp:
        options["xmp"] = xmp.encode()
    if path.suffix in (".jpg", ".webp"):
        options["quality"] = 95
    image.save(path, **options)
    return path


_TAGS: dict[str, tuple[int | None, int]] = {
    "make": (None, 0x010F),
    "model": (None, 0x0110),
    "orientation": (None, 0x0112),
    "software": (None, 0x0131),
    "taken": (0x8769, 0x9003),
    "offset": (0x8769, 0x9011),
    "focal": (0x8769, 0x920A),
    "focal35": (0x8769, 0xA405),
    "zoom": (0x8769, 0xA404),
    "plane_x": (0x8769, 0xA20E),
    "plane_unit": (0x8769, 0xA210),
    "exif_width": (0x8769, 0xA002),
    "exif_height": (0x8769, 0xA003),
    "lat_ref": (0x8825, 1),
    "lat": (0x8825, 2),
    "lon_ref": (0x8825, 3),
    "lon": (0x8825, 4),
    "gps_clock": (0x8825, 7),
    "gps_date": (0x8825, 29),
}


def dji(**fields: str) -> str:
    """Return an XMP packet as DJI writes it."""
    body = " ".join(f'drone-dji:{name}="{value}"' for name, value in fields.items())
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {body}/></x:xmpmeta>'


def huge_png(path: Path, width: int = 40_000, height: int = 25_000) -> Path:
    """Write a small PNG whose header declares a gigapixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1 + width) * 50)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return path


def vrt_text(secret: Path) -> str:
    """Return a VRT that reads any file as pixels."""
    return (
        '<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="Byte" band="1" '
        f'subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="0">{secret}</SourceFilename>'
        "<ImageOffset>0</ImageOffset><PixelOffset>1</PixelOffset><LineOffset>4</LineOffset></VRTRasterBand></VRTDataset>"
    )
