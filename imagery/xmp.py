"""Fields of a picture's XMP packet, by vendor name.

Packets are searched with regular expressions for the few names that are wanted: no XML parser, so no entities, no
external references and no depth to blow up. Prefixes are resolved by the packet's own ``xmlns`` declarations.
"""

from __future__ import annotations

import math
import re

from imagery.plain import plain_text

MAX_PACKET_BYTES = 256 << 10
MAX_VALUE = 2000  # characters
# Namespaces by URI, and the name by which the rest of the code knows them. Sources: TagNames/DJI.html and
# config_files/pix4d.config of exiftool; docs/file_formats/exif_xmp.rst of leftfield-geospatial/orthority; "Embedded
# photo metadata" of Parrot's developer documentation (drone-parrot, Camera).
NAMESPACES = {
    "http://www.dji.com/drone-dji/1.0/": "drone-dji",
    "http://pix4d.com/camera/1.0/": "Camera",
    "http://pix4d.com/camera/1.0": "Camera",
    "http://ns.sensefly.com/Camera/1.0/": "sensefly",
    "http://www.parrot.com/drone-parrot/1.0/": "drone-parrot",
}
_PREFIXES = ("drone-dji", "drone-parrot", "drone", "Camera", "sensefly", "tiff", "xmp", "exif", "xmpNote")
_XMLNS = re.compile(rb'xmlns:([A-Za-z][\w-]{0,30})\s{0,8}=\s{0,8}["\']([^"\'<>]{1,120})["\']')
_ATTRIBUTE = re.compile(rb'\b([A-Za-z][\w-]{0,30}):([A-Za-z]\w{0,40})\s{0,8}=\s{0,8}["\']([^"\'<>]{0,400})["\']')
_ELEMENT = re.compile(rb"<([A-Za-z][\w-]{0,30}):([A-Za-z]\w{0,40})>([^<>]{0,400})</")
_LIST = re.compile(
    rb"<([A-Za-z][\w-]{0,30}):([A-Za-z]\w{0,40})>\s{0,80}<rdf:(?:Seq|Bag|Alt)>(.{0,2000}?)</rdf:(?:Seq|Bag|Alt)>", re.S
)
_ITEM = re.compile(rb"<rdf:li[^<>]{0,80}>([^<>]{0,200})</rdf:li>")


def read_fields(packet: bytes) -> dict[str, str]:
    """Return ``prefix:Name -> text`` of the known vendors in an XMP packet, written as attributes, elements or lists.

    A list's items are joined by commas. The prefix is the one that `NAMESPACES` gives to the declared URI; a prefix
    without declaration counts as it stands.
    """
    head = packet[:MAX_PACKET_BYTES]
    names = {short: NAMESPACES.get(uri.decode("latin-1")) for short, uri in _XMLNS.findall(head)}
    found: dict[str, str] = {}
    for short, name, text in (*_lists(head), *_ELEMENT.findall(head), *_ATTRIBUTE.findall(head)):
        prefix = names.get(short) or short.decode("ascii", "replace")
        if prefix in _PREFIXES:
            value = plain_text(text.decode("utf-8", "replace"), MAX_VALUE)
            found[f"{prefix}:{name.decode('ascii', 'replace')}"] = value or ""
    return found


def _lists(head: bytes) -> list[tuple[bytes, bytes, bytes]]:
    return [(short, name, b",".join(_ITEM.findall(body))) for short, name, body in _LIST.findall(head)]


def number(text: str | None) -> float | None:
    """Return the finite number that a field holds (``+40.10``, ``845389/2097152``), or None."""
    if not text:
        return None
    over, _, under = text.partition("/")
    try:
        value = float(over) / float(under) if under else float(over)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def numbers(text: str | None) -> tuple[float, ...]:
    """Return the finite numbers of a field that lists them by commas; empty if one of them is none."""
    found = [number(part.strip()) for part in re.split(r"[,\s]+", text.strip())] if text and text.strip() else []
    return tuple(value for value in found if value is not None) if None not in found else ()
