"""Where XMP packets lie in a file: JPEG segments with their extension, TIFF directories of any depth, plain text.

JPEG: APP1 segments named ``http://ns.adobe.com/xap/1.0/`` and, for packets above 64 KiB, numbered pieces named
``http://ns.adobe.com/xmp/extension/`` (XMP specification part 3, 1.1.3). TIFF and the Exif block of a JPEG: tag 700,
which some DJI cameras write in a sub-directory only (drewnoakes/metadata-extractor, pull request 540).
"""

from __future__ import annotations

import io
import itertools
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from imagery.xmp import MAX_PACKET_BYTES

MAX_EXTENDED_BYTES = 1 << 20
MAX_PACKETS, MAX_TOTAL_BYTES = 16, 2 << 20  # of one file: a camera writes one or two, and each is searched
_SEGMENTS, _DIRECTORIES, _ENTRIES = 256, 32, 1000  # more of them are no camera's work
_STANDARD = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED = b"http://ns.adobe.com/xmp/extension/\0"
_XMP, _SUB_IFDS, _EXIF_IFD = 0x02BC, 0x014A, 0x8769


def packets(path: Path) -> list[bytes]:
    """Return the XMP packets of a file, the main one first; pixels are not read.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(4)
        if start.startswith(b"\xff\xd8"):
            found = _of_jpeg(file)
        elif start in (b"II*\0", b"MM\0*"):
            found = _few(_of_tiff(file, 0))
        else:
            found = []
        return _few(found) or _by_text(file)


def _few(found: Iterable[bytes]) -> list[bytes]:
    """Return the first packets, no more than any camera writes: a directory can name one block a thousand times."""
    kept: list[bytes] = []
    left = MAX_TOTAL_BYTES
    for packet in itertools.islice(found, MAX_PACKETS):
        kept.append(packet[:left])
        left -= len(packet)
        if left <= 0:
            break
    return kept


def segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield marker and body of a JPEG's segments up to the first scan; ends quietly where they make no sense."""
    file.seek(2)
    for _ in range(_SEGMENTS):
        head = file.read(2)
        while len(head) == 2 and head == b"\xff\xff":  # fill bytes (ITU-T T.81, B.1.1.2)
            head = head[1:] + file.read(1)
        if len(head) < 2 or head[0] != 0xFF or head[1] in (0xDA, 0xD9):
            return
        size = int.from_bytes(file.read(2), "big") - 2
        if size < 0:
            return
        yield head[1], file.read(size)


def _of_jpeg(file: BinaryIO) -> list[bytes]:
    main: list[bytes] = []
    inner: list[bytes] = []
    pieces: dict[bytes, dict[int, bytes]] = {}
    for marker, body in segments(file):
        if marker != 0xE1:
            continue
        if body.startswith(_STANDARD):
            main.append(body[len(_STANDARD) :][:MAX_PACKET_BYTES])
        elif body.startswith(_EXTENDED) and len(body) > len(_EXTENDED) + 40:
            rest = body[len(_EXTENDED) :]
            pieces.setdefault(rest[:32], {})[int.from_bytes(rest[36:40], "big")] = rest[40:]
        elif body.startswith(b"Exif\0\0"):
            inner += _few(_of_tiff(io.BytesIO(body), 6)) if len(inner) < MAX_PACKETS else []
    return main + [_join(parts) for guid, parts in pieces.items() if any(guid in packet for packet in main)] + inner


def _join(parts: dict[int, bytes]) -> bytes:
    """Return the pieces in the order of their offsets; a gap ends the packet."""
    whole = b""
    for offset in sorted(parts):
        if offset != len(whole) or len(whole) > MAX_EXTENDED_BYTES:
            break
        whole += parts[offset]
    return whole


def _of_tiff(file: BinaryIO, base: int) -> Iterator[bytes]:
    """Yield the XMP packets of every directory: the chain, the sub-directories and the Exif directory."""
    file.seek(base)
    head = file.read(8)
    if len(head) < 8 or head[:2] not in (b"II", b"MM"):
        return
    order = "<" if head[:2] == b"II" else ">"
    waiting, seen = [struct.unpack(order + "I", head[4:])[0]], set[int]()
    while waiting and len(seen) < _DIRECTORIES:
        place = waiting.pop(0)
        if place == 0 or place in seen:
            continue
        seen.add(place)
        for tag, kind, count, value in entries(file, base, place, order, waiting):
            if tag == _XMP and kind in (1, 2, 7) and 4 < count <= MAX_PACKET_BYTES:
                yield _at(file, base + value, count)
            elif tag == _EXIF_IFD:
                waiting.append(value)
            elif tag == _SUB_IFDS and kind in (4, 13) and count <= 16:
                raw = struct.pack(order + "I", value) if count == 1 else _at(file, base + value, 4 * count)
                waiting += struct.unpack(f"{order}{len(raw) // 4}I", raw[: len(raw) // 4 * 4])


def entries(
    file: BinaryIO, base: int, place: int, order: str, waiting: list[int]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, type, count and value of a TIFF directory; the next directory of the chain joins ``waiting``."""
    raw = _at(file, base + place, 2)
    count = min(struct.unpack(order + "H", raw)[0], _ENTRIES) if len(raw) == 2 else 0
    body = _at(file, base + place + 2, 12 * count + 4)
    for start in range(0, min(12 * count, len(body) - 11), 12):
        yield struct.unpack(order + "HHII", body[start : start + 12])
    if len(body) == 12 * count + 4:
        waiting.append(struct.unpack(order + "I", body[-4:])[0])


def _at(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    return file.read(size)


def _by_text(file: BinaryIO) -> list[bytes]:
    """Return the packet in the first 256 KiB of a file whose container does not name it."""
    file.seek(0, os.SEEK_SET)
    head = file.read(MAX_PACKET_BYTES)
    start = head.find(b"<x:xmpmeta")
    end = head.find(b"</x:xmpmeta>", start)
    return [head[start:end]] if 0 <= start < end else []
