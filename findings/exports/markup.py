"""XML of label tools, read without document types, entities or outside files."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from findings.errors import RecordError
from findings.exports.task import check_size

MAX_DEPTH = 32
MAX_ELEMENTS = 5_000_000


def read_xml(content: bytes, what: str) -> Element:
    """Return the root of an XML document.

    Raises:
        RecordError: no XML, a document type (entities live there), or larger or deeper than any export.
    """
    check_size(content, what)
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    depth = count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise RecordError(f"XML of more than {MAX_DEPTH} levels or {MAX_ELEMENTS} elements; no export of {what}")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse(*_: object) -> int:
        raise RecordError(f"the XML declares a document type; {what} writes none, and it is not read")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(content, True)
        return builder.close()
    except (expat.ExpatError, AssertionError, ValueError, LookupError) as error:
        raise RecordError(f"no readable XML ({error}); export the file from {what} again, whole") from error
