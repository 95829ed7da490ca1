"""XML of other programs, read without what XML can do to a reader: no document types, entities or outside files."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat


class MarkupError(ValueError):
    """Bytes that are no readable XML; the message is a reason without the file's name and without a remedy."""


class UnsafeMarkup(MarkupError):
    """XML that declares a document type, or is deeper or larger than its kind ever is."""


def parse_xml(content: bytes, *, most_deep: int, most_elements: int, namespaces: bool = True) -> Element:
    """Return the root of an XML document.

    Args:
        content: all of its bytes; the caller has bounded their number.
        most_deep: deepest nesting of elements.
        most_elements: most elements; each takes about 200 bytes of memory for as few as 4 in the file.
        namespaces: whether tags keep their prefixes.

    Raises:
        UnsafeMarkup: a document type (entities live there), nested deeper, or more elements.
        MarkupError: it is no XML.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    depth = count = 0

    def name_of(tag: str) -> str:
        return tag if namespaces else tag.rsplit(":", 1)[-1]

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > most_deep:
            raise UnsafeMarkup(f"elements nested more than {most_deep} levels deep")
        if count > most_elements:
            raise UnsafeMarkup(f"more than {most_elements} elements")
        builder.start(name_of(tag), attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name_of(tag))

    def refuse(*_: object) -> int:
        raise UnsafeMarkup("declares a document type (DOCTYPE), which may define entities or read other files")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(content, True)
        return builder.close()
    except MarkupError:
        raise
    except (expat.ExpatError, AssertionError, ValueError, LookupError) as error:
        raise MarkupError(f"no readable XML ({error})") from error
