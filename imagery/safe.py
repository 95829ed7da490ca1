"""Opening of files that nobody vouches for: one driver, chosen by the first bytes, and nothing beside the file.

GDAL follows what a file says: a VRT in disguise reads any other file, a TIFF's metadata can name a foreign overview, a
header can promise gigapixels that do not exist. Here the magic bytes choose the one driver that may look at the file,
side files and network are shut off, and the header is compared with the file's size before a pixel is decoded.
"""

from __future__ import annotations

import math
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from findings.errors import UnreadableImage, UnsafeImage

GDAL_ERRORS = (RasterioError, CPLE_BaseError)  # rasterio lets some of GDAL's own errors through
MAGIC = (
    (b"II*\0", "GTiff"),
    (b"MM\0*", "GTiff"),
    (b"II+\0", "GTiff"),
    (b"MM\0+", "GTiff"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JP2OpenJPEG"),
)
SHUT = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # nothing beside the file: .ovr, .msk, .aux.xml, world files
    "GDAL_PAM_ENABLED": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",  # no network from GDAL
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "YES",  # damaged scan data is an error, not a grey area
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",  # GDAL 3.10.3: that path returns noise for a truncated PNG, without an error
}
MAX_DECODED_BYTES = 8 << 30  # of a file that shrank more than LARGE_RATIO times; orthomosaics are large and do not
LARGE_RATIO = 50
MAX_BLOCK_BYTES = 64 << 20
MAX_BANDS = 32
MAX_RATIO = 500  # decoded bytes for each stored byte, above 64 MiB decoded
_TAIL = 1 << 16


def sniff_driver(path: Path) -> str:
    """Return the GDAL driver that the first bytes call for.

    Raises:
        UnreadableImage: the file is absent, empty or unreadable.
        UnsafeImage: the first bytes are of none of the formats that are taken.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise UnreadableImage(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    if not head:
        raise UnreadableImage(f"{path}: the file is empty (0 bytes); copy it again from the camera or source")
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    driver = next((name for magic, name in MAGIC if head.startswith(magic)), None)
    if driver is None:
        raise UnsafeImage(
            f"{path}: not a GeoTIFF, PNG, JPEG, WebP or JPEG 2000 image (first bytes {head[:8]!r}); export it as one"
        )
    return driver


def check_place(path: Path, root: Path | None = None) -> Path:
    """Return the resolved path of a plain file, inside ``root`` if one is given (uploads).

    Raises:
        UnreadableImage: there is no such file.
        UnsafeImage: a link, a folder, a device, or outside ``root``.
    """
    try:
        real = path.resolve(strict=True)
    except OSError as error:
        raise UnreadableImage(f"{path}: no such file; check the path") from error
    if any("\ud800" <= character <= "\udfff" for character in str(real)):  # e.g. a name in cp932 out of a ZIP file
        raise UnreadableImage(f"{str(path)!a}: the name is not UTF-8; rename the file or its folder")
    if path.is_symlink() or not real.is_file() or str(real).startswith("/vsi"):
        raise UnsafeImage(f"{path}: not a plain file (a link, a folder or a device); give the file itself")
    if root is not None and not real.is_relative_to(root.resolve()):
        raise UnsafeImage(f"{path}: lies outside {root}; give a file inside it")
    return real


def open_untrusted(path: Path, root: Path | None = None) -> rasterio.DatasetReader:
    """Return the open dataset; call inside ``rasterio.Env(**SHUT)`` and read windows only, never warp or copy it.

    Raises:
        UnsafeImage: refused before decoding.
        UnreadableImage: truncated or damaged.
    """
    real = check_place(path, root)
    driver = sniff_driver(real)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a photograph has no georeference
            # OVERVIEW_LEVEL: the tags of a TIFF or JPEG 2000 may name a foreign file as its overview
            threads = {"NUM_THREADS": "ALL_CPUS"} if driver == "GTiff" else {}  # the blocks of a strip side by side
            data = rasterio.open(real, driver=driver, OVERVIEW_LEVEL="NONE", **threads)
            data.transform  # noqa: B018  its warning belongs here too
    except GDAL_ERRORS as error:
        raise UnreadableImage(f"{path}: damaged or truncated {driver} file ({error}); copy it again") from error
    try:
        check_header(path, data)
        check_end(path, driver)
    except (UnsafeImage, UnreadableImage):
        data.close()
        raise
    return data


@dataclass(frozen=True, slots=True)
class Labels:
    """What a file says about itself besides pixels."""

    descriptions: tuple[str | None, ...]
    tags: dict[str, str]
    bits: int


def read_labels(data: Any) -> Labels:
    """Return band descriptions, file tags and bits of a value of an open dataset.

    Opening with OVERVIEW_LEVEL hides the band descriptions (GDAL 3.10.3), so the file is opened a second time for them;
    neither pixels, masks nor overviews are asked of that second door.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(data.name, driver=data.driver) as again:
            bits = again.tags(ns="IMAGE_STRUCTURE", bidx=1).get("NBITS", np.dtype(again.dtypes[0]).itemsize * 8)
            tags = dict(again.tags())
            with suppress(*GDAL_ERRORS):  # what GDAL says of a torn XMP packet would be raised by whatever comes next
                again.colorinterp  # noqa: B018
            return Labels(_descriptions(again), tags, int(bits))


def _descriptions(data: Any) -> tuple[str | None, ...]:
    """Return the names of the bands; none where one is not UTF-8, which rasterio does not hand over as it is."""
    try:
        found: tuple[str | None, ...] = tuple(data.descriptions)
    except UnicodeDecodeError:
        found = (None,) * int(data.count)
    return found


def check_header(path: Path | str, data: Any, stored_bytes: int | None = None) -> None:
    """Raise UnsafeImage if the header promises more than we decode; ``data`` is the open dataset.

    ``stored_bytes``: size of a file that does not lie on this machine.
    """
    stored_bytes = Path(path).stat().st_size if stored_bytes is None else stored_bytes
    if np.dtype(data.dtypes[0]).kind not in "uif":
        raise UnsafeImage(f"{path}: values of type {data.dtypes[0]}; expected real numbers, export the amplitude")
    item = np.dtype(data.dtypes[0]).itemsize
    decoded = data.width * data.height * data.count * item
    block = max(math.prod(shape) for shape in data.block_shapes) * item
    thin = decoded > 64 << 20 and decoded > MAX_RATIO * stored_bytes
    huge = decoded > MAX_DECODED_BYTES and decoded > LARGE_RATIO * stored_bytes
    if thin or huge or block > MAX_BLOCK_BYTES or data.count > MAX_BANDS:
        raise UnsafeImage(
            f"{path}: the header promises {data.width} x {data.height} px x {data.count} bands ({decoded / 2**20:.0f} "
            f"MiB, blocks of {block / 2**20:.1f} MiB) from a file of {stored_bytes} bytes; taken are at most "
            f"{MAX_DECODED_BYTES >> 30} GiB ({LARGE_RATIO} times the file if that is more), {MAX_BANDS} bands and "
            f"blocks of {MAX_BLOCK_BYTES >> 20} MiB: tile it"
        )


def check_end(path: Path, driver: str) -> None:
    """Raise UnreadableImage if a PNG, JPEG or WebP file ends before its end mark; cheap, decodes nothing."""
    checks = {"PNG": _png_ends, "JPEG": _jpeg_ends, "WEBP": _webp_ends}
    if driver not in checks:
        return
    with path.open("rb") as file:
        if not checks[driver](file):
            raise UnreadableImage(f"{path}: the {driver} file is truncated (no end mark); copy it again")


def _png_ends(file: BinaryIO) -> bool:
    """Walk the chunks to IEND (PNG specification, 5.3)."""
    size = file.seek(0, os.SEEK_END)
    offset = 8
    while offset + 12 <= size:
        file.seek(offset)
        head = file.read(8)
        offset += 12 + int.from_bytes(head[:4], "big")
        if head[4:] == b"IEND":
            return offset <= size
    return False


def _jpeg_ends(file: BinaryIO) -> bool:
    """Look for EOI behind the first start of scan: inside scan data FF D9 cannot occur (ITU-T T.81, B.1.1.2)."""
    offset = 2
    while True:
        file.seek(offset)
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF:
            return False
        if head[1] == 0xFF:  # fill byte
            offset += 1
            continue
        if head[1] == 0xDA:
            break
        offset += 2 + int.from_bytes(head[2:], "big")
    start = file.tell()
    file.seek(max(start, file.seek(0, os.SEEK_END) - _TAIL))
    if b"\xff\xd9" in file.read():  # nearly always: only files with much behind the picture are searched whole
        return True
    file.seek(start)
    last = b""
    while piece := file.read(_TAIL):
        if b"\xff\xd9" in last + piece:
            return True
        last = piece[-1:]
    return False


def _webp_ends(file: BinaryIO) -> bool:
    """Compare the size in the RIFF header with the file's."""
    size = file.seek(0, os.SEEK_END)
    file.seek(4)
    return int.from_bytes(file.read(4), "little") + 8 <= size
