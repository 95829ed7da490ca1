"""Product metadata in XML, read without what XML can do to a reader: no document types, entities or outside files."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element

from findings.errors import UnreadableImage, UnsafeImage
from findings.markup import MarkupError, UnsafeMarkup, parse_xml
from imagery.plain import plain_text

MAX_XML_BYTES = 64 << 20  # a granule's angle grids take about 0.6 MB
MAX_DEPTH = 64
MAX_ELEMENTS = 500_000  # a granule has about 20,000; each takes 200 bytes of memory for 4 in the file


def read_xml(path: Path) -> Element:
    """Return the root of an XML file, tags without their namespaces.

    Raises:
        UnsafeImage: the file declares a document type (entities live there), is too large or nested too deeply.
        UnreadableImage: it is absent or no XML.
    """
    try:
        if path.is_symlink() or path.stat().st_size > MAX_XML_BYTES:
            raise UnsafeImage(f"{path}: a link, or more than {MAX_XML_BYTES >> 20} MiB; expected a product's metadata")
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableImage(
            f"{path}: cannot be read ({error.strerror or error}); copy the product again, whole"
        ) from error
    try:
        return parse_xml(content, most_deep=MAX_DEPTH, most_elements=MAX_ELEMENTS, namespaces=False)
    except UnsafeMarkup as error:
        raise UnsafeImage(f"{path}: {error}; product metadata never do, and it is not read") from error
    except MarkupError as error:
        raise UnreadableImage(f"{path}: {error}; copy the product again, whole") from error


def text_of(root: Element, tag: str) -> str | None:
    """Return the text of the first element of that name, or None."""
    found = next(root.iter(tag), None)
    return plain_text(found.text) if found is not None else None


def number_of(root: Element, tag: str) -> float | None:
    """Return the number in the first element of that name, or None if there is none or it is no finite number."""
    return to_number(text_of(root, tag))


def to_number(text: str | None) -> float | None:
    """Return a finite number, or None."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
