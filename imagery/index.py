"""An index of photographs from their first bytes, and photographs that are there twice.

Nothing but the headers is read, one file at a time: a flight of thousands of pictures is listed in seconds, in the
memory of one. Whole files are read only where two have the same size.
"""

from __future__ import annotations

import io
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from findings.errors import UnreadableImage
from imagery.digest import sha256_file
from imagery.photo import UNREADABLE, PhotoMetadata, read_metadata
from imagery.xmp_packets import entries, segments

SAME_THUMBNAIL_BITS = 6  # of 64 that may differ between two JPEG thumbnails of one exposure
SAME_PLACE_DEG = 2e-6  # about 0.2 m: EXIF may be rounded when it is written again
_THUMBNAIL_BYTES, _THUMBNAIL_PX = 1 << 16, 640
_SCENE_SUFFIXES = (".tif", ".tiff", ".jp2")
_JPEG_POINTER, _JPEG_LENGTH = 0x0201, 0x0202


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What the first bytes of a photograph say.

    Attributes:
        path: of the file.
        size_bytes: of the file; 0 if it cannot be read.
        width_px: columns, or None if the header cannot be read.
        height_px: rows.
        captured_at: aware UTC, or None.
        taken_local: the camera's clock, as written.
        position_lonlat: WGS84, or None.
        camera: make and model.
        exposure_s: exposure time.
        software: the camera's firmware, or the program that saved it last.
        thumbnail_hash: 64 bits of the embedded thumbnail, or None.
        notes: what was ignored and why.
    """

    path: Path
    size_bytes: int
    width_px: int | None
    height_px: int | None
    captured_at: datetime | None = None
    taken_local: str | None = None
    position_lonlat: tuple[float, float] | None = None
    camera: str | None = None
    exposure_s: float | None = None
    software: str | None = None
    thumbnail_hash: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A file that shows what another one shows: the same bytes, or the same exposure saved again."""

    path: Path
    kept: Path
    reason: str


def index_photographs(paths: Iterable[Path]) -> Iterator[IndexEntry]:
    """Yield one entry a file in the order given; an unreadable one has notes and no size, a raster its size only."""
    for path in paths:
        try:
            size = path.stat().st_size
        except OSError as error:
            yield IndexEntry(path, 0, None, None, notes=(f"cannot be read ({error.strerror or error})",))
            continue
        if (
            path.suffix.lower() in _SCENE_SUFFIXES
        ):  # headers of huge rasters are long; the same bytes are told all the same
            yield IndexEntry(path, size, None, None)
            continue
        metadata = read_metadata(path)
        yield _entry(path, size, metadata, thumbnail_hash(path) if metadata.taken_local is not None else None)


def _entry(path: Path, size: int, metadata: PhotoMetadata, thumbnail: int | None) -> IndexEntry:
    return IndexEntry(
        path=path,
        size_bytes=size,
        width_px=metadata.width_px,
        height_px=metadata.height_px,
        captured_at=metadata.captured_at,
        taken_local=metadata.taken_local,
        position_lonlat=metadata.position_lonlat,
        camera=" ".join(filter(None, (metadata.make, metadata.model))) or None,
        exposure_s=metadata.exposure_s,
        software=metadata.software,
        thumbnail_hash=thumbnail,
        notes=metadata.notes,
    )


def thumbnail_hash(path: Path) -> int | None:
    """Return 64 bits that two thumbnails of one exposure share nearly all of, or None if a JPEG holds none.

    The difference hash: grey values of 9 x 8 cells, one bit for each pair of neighbours.
    """
    try:
        with path.open("rb") as file:
            if file.read(2) != b"\xff\xd8":
                return None
            block = next(
                (body[6:] for marker, body in segments(file) if marker == 0xE1 and body[:6] == b"Exif\0\0"), b""
            )
        picture = _thumbnail(block)
        if picture is None:
            return None
        with PillowImage.open(io.BytesIO(picture), formats=("JPEG",)) as image:
            if max(image.size) > _THUMBNAIL_PX:
                return None
            cells = np.asarray(image.convert("L").resize((9, 8), PillowImage.Resampling.BOX), int)
    except UNREADABLE:
        return None
    bits = (cells[:, 1:] > cells[:, :-1]).ravel()
    return int("".join("1" if bit else "0" for bit in bits), 2)


def _thumbnail(block: bytes) -> bytes | None:
    """Return the JPEG that the second directory of an Exif block points at (Exif 2.32, 4.6.4)."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return None
    file, chain = io.BytesIO(block), [struct.unpack(order + "I", block[4:8])[0]]
    for _ in range(2):  # the picture's own directory, then the thumbnail's
        place, chain = chain[-1] if chain else 0, []
        if place == 0:
            return None
        tags = {tag: value for tag, _, _, value in entries(file, 0, place, order, chain)}
    start, size = tags.get(_JPEG_POINTER, 0), tags.get(_JPEG_LENGTH, 0)
    return block[start : start + size] if start and 0 < size <= _THUMBNAIL_BYTES else None


def find_duplicates(listed: Iterable[IndexEntry]) -> list[Duplicate]:
    """Return the files that are there twice, each with the one that is kept.

    Two files are one photograph if their bytes are the same; or if camera, clock, exposure time and position are the
    same, their thumbnails agree, and at least one of them was saved again, which another program's name or another size
    tells. Exposures of a burst share everything but that. Kept is the first of the same bytes; of exposures saved again
    the largest in pixels, then in bytes.
    """
    known = list(listed)
    copies = _same_bytes(known)
    gone = {copy.path for copy in copies}
    return copies + _saved_again([entry for entry in known if entry.path not in gone])


def _same_bytes(listed: Sequence[IndexEntry]) -> list[Duplicate]:
    by_size: dict[int, list[Path]] = defaultdict(list)
    for entry in listed:
        by_size[entry.size_bytes].append(entry.path)
    found = []
    for size, paths in by_size.items():
        if size == 0 or len(paths) == 1:
            continue
        first: dict[str, Path] = {}
        for path in paths:
            try:
                digest = sha256_file(path)
            except UnreadableImage:  # it went away since; whoever takes the file will say so
                continue
            if digest in first and path != first[digest]:
                found.append(Duplicate(path, first[digest], "the same bytes under another name"))
            first.setdefault(digest, path)
    return found


def _saved_again(listed: Sequence[IndexEntry]) -> list[Duplicate]:
    groups: dict[tuple[str, str], list[IndexEntry]] = defaultdict(list)
    for entry in listed:
        if entry.camera is not None and entry.taken_local is not None:
            groups[entry.camera, entry.taken_local].append(entry)
    found = []
    for group in groups.values():
        best_first = sorted(group, key=lambda e: (-(e.width_px or 0) * (e.height_px or 0), -e.size_bytes))
        kept: list[IndexEntry] = []
        for entry in best_first:
            original = next((one for one in kept if _one_exposure(one, entry)), None)
            if original is None:
                kept.append(entry)
            else:
                reason = f"the same exposure ({entry.taken_local}) saved again by {_words(original, entry)}"
                found.append(Duplicate(entry.path, original.path, reason))
    return found


def _one_exposure(one: IndexEntry, two: IndexEntry) -> bool:
    again = one.software != two.software or (one.width_px, one.height_px) != (two.width_px, two.height_px)
    if not again or one.exposure_s != two.exposure_s or one.exposure_s is None:
        return False
    if (one.position_lonlat is None) != (two.position_lonlat is None):
        return False
    if one.position_lonlat is not None and two.position_lonlat is not None:
        apart = np.abs(np.subtract(one.position_lonlat, two.position_lonlat))
        if apart.max() > SAME_PLACE_DEG:
            return False
    if one.thumbnail_hash is None or two.thumbnail_hash is None:
        return False
    return (one.thumbnail_hash ^ two.thumbnail_hash).bit_count() <= SAME_THUMBNAIL_BITS


def _words(one: IndexEntry, two: IndexEntry) -> str:
    names = [name for name in (two.software, one.software) if name]
    return names[0] if names and one.software != two.software else "a program that made it smaller"
