"""DJI's flight record in a picture's XMP packet.

The packet is searched with regular expressions for the few names that are wanted: no XML parser, so no entities, no
external references and no depth to blow up.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

MAX_PACKET_BYTES = 256 << 10
_ATTRIBUTE = re.compile(rb'drone-dji:([A-Za-z]{1,40})\s*=\s*["\']([^"\'<>]{0,80})["\']')
_ELEMENT = re.compile(rb"<drone-dji:([A-Za-z]{1,40})>([^<>]{0,80})</drone-dji:")


def find_packet(path: Path) -> bytes:
    """Return the XMP packet in the first 256 KiB of a file, or ``b""``; for files whose container does not name it."""
    with path.open("rb") as file:
        head = file.read(MAX_PACKET_BYTES)
    start = head.find(b"<x:xmpmeta")
    end = head.find(b"</x:xmpmeta>", start)
    return head[start:end] if 0 <= start < end else b""


def read_fields(packet: bytes) -> dict[str, str]:
    """Return the ``drone-dji:`` fields of an XMP packet, written as attributes or as elements."""
    head = packet[:MAX_PACKET_BYTES]
    found = {**dict(_ELEMENT.findall(head)), **dict(_ATTRIBUTE.findall(head))}
    return {name.decode("ascii"): value.decode("utf-8", "replace").strip() for name, value in found.items()}


def number(text: str | None) -> float | None:
    """Return the finite number that a field holds (``+40.10``), or None."""
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None
