"""Files of the catalogue: written whole or not at all, and only where something differs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from findings.errors import OutputError, UnreadableImage
from imagery.digest import sha256_file
from imagery.plain import is_plain

MAX_JSON_BYTES = 64 << 20
PARTIAL = ".partial"
MAX_HREF = 240  # ours are a folder and a file name; every disk takes as much


def text_of(document: Any) -> str:
    """Return a document as the catalogue writes it: readable, the same for the same content."""
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def put(path: Path, text: str) -> bool:
    """Write a text file unless it holds exactly that already; return whether it was written.

    Raises:
        OutputError: it cannot be written; what was there stays.
    """
    content = text.encode()
    try:
        if path.stat().st_size == len(content) and path.read_bytes() == content:
            return False
    except OSError:
        pass  # not there, or not readable: it is written anew, which tells what is wrong
    with whole(path) as file:
        file.write(content)
    return True


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file to write bytes to; it takes the place of ``path`` only if the block ends well.

    Raises:
        OutputError: the disk is full or the place cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path}: could not be written ({error.strerror or error}); free some space or choose another --out"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # an error before it is the one to report
            partial.unlink(missing_ok=True)


def copy_whole(source: Path, target: Path, sha256: str | None) -> None:
    """Copy a file unless the target is a copy already; what arrives is compared with the digest.

    Raises:
        OutputError: the target cannot be written.
        UnreadableImage: the source cannot be read, or its content is not what the digest says.
    """
    if sha256 is None and source.is_symlink():  # nothing tells that its content is the one that was meant
        raise UnreadableImage(f"{source}: is a link; put the file itself there")
    same_size = target.is_file() and target.stat().st_size == source.stat().st_size
    if same_size and sha256_file(target) == (sha256 or sha256_file(source)):
        return
    try:
        file = source.open("rb")
    except OSError as error:
        raise UnreadableImage(f"{source}: cannot be read ({error.strerror or error}); check the path") from error
    with file, whole(target) as out:
        shutil.copyfileobj(file, out, 1 << 20)
        out.flush()
        if sha256 is not None and sha256_file(Path(out.name)) != sha256:
            raise UnreadableImage(f"{source} has changed since it was taken in; ingest it under a new survey name")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, or None where it is missing, torn, or no JSON."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            return None
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def links_of(document: object, relation: str) -> list[str] | None:
    """Return the links of one relation in a STAC document; None where it has no list of them.

    What is no link, or could be none to a file, is left out.
    """
    links = document.get("links") if isinstance(document, dict) else None
    if not isinstance(links, list):
        return None
    hrefs = [link.get("href") for link in links if isinstance(link, dict) and link.get("rel") == relation]
    return [href for href in hrefs if is_plain(href) and len(href.encode()) <= MAX_HREF]
