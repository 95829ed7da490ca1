"""Shapefiles: only the parts that belong to one, in a folder of our own, with the encoding told from the data.

ESRI Shapefile Technical Description (1998): the file code 9994 and version 1000 at its head. The `.dbf` says in byte 29
which code page it is in, the `.cpg` says it in words, and both are often missing or wrong: text is read as UTF-8 where
it is UTF-8, else as cp932, as the software of Japanese agencies writes it.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from findings.asset_columns import BY_HEADING, heading
from findings.errors import RecordError
from findings.imports.values import MAX_FEATURES, Layer

MAGIC = struct.pack(">i", 9994)
PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
MAX_BROKEN = 100
"""Damaged features one after the other, each read by itself, before the rest of a file is given up."""
_BATCH = 10_000
_NAME_BYTES = 10  # a .dbf cuts the names of its columns here
_CODE_PAGES = {0x13: "cp932", 0x7B: "cp932"}  # byte 29 of the .dbf: Japanese Shift-JIS
MAX_WORDS_BYTES = 64 << 10  # of .prj and .cpg; a reference system takes some hundred
_SAMPLE_BYTES = 16 << 20  # of the table, to tell its encoding
# Python's codecs that are no encoding of a table: two bytes a letter, escapes, names of hosts.
_NO_TABLE = ("utf-16", "utf-32", "utf-7", "idna", "punycode", "undefined", "unicode-escape", "unicode_escape",
             "raw-unicode-escape", "raw_unicode_escape", "mbcs", "oem")  # fmt: skip


def is_shapefile(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a ``.shp``."""
    return len(head) >= 32 and head.startswith(MAGIC) and struct.unpack("<i", head[28:32])[0] == 1000


def parts_of(path: Path) -> dict[str, Path]:
    """Return the files of a shapefile by suffix, whatever their case.

    Raises:
        RecordError: the index or the table is not there.
    """
    found: dict[str, Path] = {}
    for file in sorted(path.parent.iterdir()):
        if file.stem == path.stem and file.suffix.lower() in PARTS and file.is_file():
            found.setdefault(file.suffix.lower(), file)
    found[".shp"] = path
    for suffix, what in ((".dbf", "table"), (".shx", "index")):
        if suffix not in found:
            raise RecordError(
                f"{path.name}: its {what} {path.stem}{suffix} is missing; copy all parts of the shapefile"
            )
    return found


def open_shapefile(path: Path, folder: Path) -> Layer:
    """Return the layer of a shapefile.

    Args:
        path: the ``.shp``.
        folder: empty, ours alone; links to the parts are made in it, so that nothing else beside the file is read.

    Raises:
        RecordError: a part is missing, damaged or of another driver.
    """
    import pyogrio
    from pyogrio.errors import DataSourceError, FieldError

    parts = parts_of(path)
    for suffix in (".shp", ".shx", ".dbf"):  # the reference system and the encoding are read by us
        (folder / f"layer{suffix}").symlink_to(parts[suffix].resolve())
    own = folder / "layer.shp"
    try:
        info: dict[str, Any] = pyogrio.read_info(own, encoding="ISO-8859-1")
    except (DataSourceError, FieldError) as error:
        raise RecordError(f"{path.name}: the shapefile cannot be opened ({error}); export it again") from error
    if info["driver"] != "ESRI Shapefile":
        raise RecordError(f"{path.name}: opens as {info['driver']}; expected a shapefile")
    encoding, guessed = _encoding(parts)
    names = tuple(_word(str(name), encoding) for name in info["fields"])
    notes = (f"{path.name}: text was read as {encoding}, which it does not declare",) if guessed else ()
    prj = _words(parts[".prj"]) if ".prj" in parts else None
    return Layer(path.stem, prj or None, untruncated(names), _rows(own, int(info["features"]), encoding), notes)


def _words(part: Path) -> str:
    if part.stat().st_size > MAX_WORDS_BYTES:
        raise RecordError(f"{part.name}: more than {MAX_WORDS_BYTES >> 10} KiB; copy all parts of the shapefile again")
    return part.read_text("utf-8", "replace").strip()


def _is_encoding(name: str) -> bool:
    """Return whether a codec of Python's is one of text in a table: each ASCII letter one byte, and bytes to text."""
    if name.startswith(_NO_TABLE):
        return False
    try:
        return b"Az09_ ".decode(name) == "Az09_ "
    except (LookupError, ValueError):  # rot13 and zlib are codecs too
        return False


def _encoding(parts: Mapping[str, Path]) -> tuple[str, bool]:
    """Return the codec of the table, and whether it had to be guessed."""
    if ".cpg" in parts:
        declared = _words(parts[".cpg"])
        word = {"932": "cp932", "SJIS": "cp932", "SHIFT_JIS": "cp932", "65001": "utf-8"}.get(declared.upper(), declared)
        try:
            name = codecs.lookup(word).name
        except (LookupError, ValueError):
            name = ""
        if name and _is_encoding(name):
            return ("cp932" if name == "shift_jis" else name), False
    with parts[".dbf"].open("rb") as file:
        content = file.read(_SAMPLE_BYTES)
    if len(content) > 29 and content[29] in _CODE_PAGES:
        return _CODE_PAGES[content[29]], False
    body = content[32:]
    if body.isascii():
        return "utf-8", False
    return ("utf-8" if _is_utf8(body) else "cp932"), True


def _is_utf8(body: bytes) -> bool:
    """Return whether the letters beyond ASCII are UTF-8; cells cut in the middle of a character are allowed."""
    text = body.decode("utf-8", "replace")
    beyond = sum(not character.isascii() for character in text)
    return text.count("\N{REPLACEMENT CHARACTER}") * 10 < beyond


def _word(text: str, encoding: str) -> str:
    """Return the text of bytes that GDAL handed through as Latin-1; a cell cut inside a character loses that one."""
    content = text.encode("latin-1")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if error.start >= len(content) - 3 and error.end == len(content):
            return content[: error.start].decode(encoding)
        return content.decode(encoding, "replace")  # U+FFFD is told row by row


def untruncated(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of columns in full where the ten bytes of a .dbf left the beginning of exactly one known heading."""
    full = []
    for name in names:
        key = heading(name)
        cut = any(len(name.encode(codec, "replace")) >= _NAME_BYTES - 2 for codec in ("utf-8", "cp932"))
        fitting = {BY_HEADING[known] for known in BY_HEADING if known.startswith(key)}
        whole = next((known for known in BY_HEADING if known.startswith(key)), name)
        full.append(whole if cut and key not in BY_HEADING and len(fitting) == 1 else name)
    return tuple(full)


Row = tuple[str, tuple[list[object], BaseGeometry | None] | RecordError]


def lost_shapes(path: Path) -> frozenset[int]:
    """Return the features (from 0) whose shape the index places beyond the end of the file.

    GDAL reads these as features without a place, which an empty record (shape type 0) truly is.
    """
    with path.with_suffix(".shx").open("rb") as file:
        content = file.read(100 + 8 * MAX_FEATURES)[100:]
    records = np.frombuffer(content[: len(content) // 8 * 8], ">i4")
    pairs = records.reshape(-1, 2).astype(np.int64) * 2  # offset, length in bytes
    # A record is its header of 8 bytes and its content; both ends must lie in the file.
    ends = pairs[:, 0] + 8 + pairs[:, 1]
    bad = (pairs[:, 0] < 100) | (pairs[:, 1] < 4) | (ends > path.stat().st_size)
    return frozenset(np.flatnonzero(bad).tolist())


def _rows(path: Path, count: int, encoding: str) -> Iterator[Row]:
    """Yield the features in batches, so that memory does not grow with the file beside the assets themselves."""
    lost = lost_shapes(path)
    for number, row in enumerate(_read_rows(path, count, encoding)):
        if number in lost and not isinstance(row[1], RecordError):
            message = "the shapefile is damaged here (its shape lies beyond the end of the .shp); copy the file again"
            yield row[0], RecordError(message)
        else:
            yield row


def _read_rows(path: Path, count: int, encoding: str) -> Iterator[Row]:
    broken = 0
    for start in range(0, min(count, MAX_FEATURES), _BATCH):
        try:
            yield from _batch(path, start, _BATCH, encoding)
        except RecordError:
            for number in range(start, min(start + _BATCH, count, MAX_FEATURES)):
                try:
                    yield from _batch(path, number, 1, encoding)
                    broken = 0
                except RecordError as error:
                    yield f"feature {number + 1}", error
                    broken += 1
                if broken == MAX_BROKEN:
                    message = f"{MAX_BROKEN} features on end are damaged; those from here on were not read"
                    yield f"feature {number + 2}", RecordError(message)
                    return
    if count > MAX_FEATURES:
        message = f"over {MAX_FEATURES} features; those from here on were not read: split the layer"
        yield f"feature {MAX_FEATURES + 1}", RecordError(message)


def _batch(path: Path, start: int, size: int, encoding: str) -> list[Row]:
    """Return some features; RecordError if one of them is damaged."""
    import pyogrio.raw
    from pyogrio.errors import DataSourceError, FeatureError, GeometryError

    try:
        _, _, shapes, columns = pyogrio.raw.read(
            path, encoding="ISO-8859-1", skip_features=start, max_features=size, force_2d=True, datetime_as_string=True
        )
    except (DataSourceError, FeatureError, GeometryError) as error:
        raise RecordError(f"the shapefile is damaged here ({error}); export it again") from error
    found: list[Row] = []
    for i, shape in enumerate(shapes):
        where = f"feature {start + i + 1}"
        try:
            found.append((where, ([_cell(column[i], encoding) for column in columns], _geometry(shape))))
        except RecordError as error:
            found.append((where, error))
    return found


def _cell(value: Any, encoding: str) -> object:
    if isinstance(value, str):
        return _word(value, encoding)
    plain = value.item() if hasattr(value, "item") else value
    return None if plain != plain else plain  # NaN stands for NULL


def _geometry(content: bytes | None) -> BaseGeometry | None:
    if content is None:
        return None
    try:
        geometry: BaseGeometry = shapely.from_wkb(content)
    except ShapelyError as error:
        raise RecordError(f"geometry cannot be read ({error}); export the layer again") from error
    return None if geometry.is_empty else geometry
