"""Label files that nobody vouches for: JSON, XML and tables, read to a clear answer or a clear refusal."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from xml.etree.ElementTree import Element

from pydantic import BaseModel, ConfigDict, ValidationError

from findings.errors import ConfigError
from findings.markup import MarkupError, parse_xml
from training.config import SourceConfig

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".jp2"})
MAX_XML_BYTES = 256 << 20
MAX_DEPTH = 32
MAX_ELEMENTS = 5_000_000


class Options(BaseModel):
    """Options of a kind of source; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


OptionsT = TypeVar("OptionsT", bound=Options)


def read_options(config: SourceConfig, kind: type[OptionsT]) -> OptionsT:
    """Return the options of a source, checked.

    Raises:
        ConfigError: an unknown key or an impossible value; the message lists the keys that exist.
    """
    try:
        return kind.model_validate(config.options)
    except ValidationError as error:
        rows = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise ConfigError(
            f"{config.name}: options of kind {config.kind}: {'; '.join(rows)}; it takes {', '.join(kind.model_fields)}"
        ) from error


def child(root: Path, name: str, told_by: Path) -> Path:
    """Return the path of a file that a label file names, inside ``root``.

    Raises:
        ConfigError: an absolute path or one that climbs out of the folder; label files come from elsewhere.
    """
    parts = PurePosixPath(name.replace("\\", "/"))
    outside = parts.is_absolute() or ".." in parts.parts or not parts.parts or ":" in parts.parts[0] or "\0" in name
    if outside:
        raise ConfigError(
            f"{told_by}: names the file {name!r}, which is not a path inside {root}; "
            "write names relative to that folder, without .."
        )
    return root / parts


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        ConfigError: it cannot be read, is not JSON, or holds NaN or Infinity, which JSON does not know.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not a readable JSON label file ({error}); export the labels again") from error


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number in JSON")


def read_xml(path: Path) -> Element:
    """Return the root of an XML file.

    Raises:
        ConfigError: it cannot be read, is not XML, or has a DOCTYPE; label tools write none.
    """
    try:
        size = path.stat().st_size
        if size > MAX_XML_BYTES:
            raise ConfigError(f"{path}: {size >> 20} MiB; at most {MAX_XML_BYTES >> 20} are read: export in parts")
        return parse_xml(path.read_bytes(), most_deep=MAX_DEPTH, most_elements=MAX_ELEMENTS)
    except (OSError, MarkupError) as error:
        raise ConfigError(f"{path}: not a readable XML label file ({error}); export the labels again") from error


def read_table(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file that has at least these columns.

    Raises:
        ConfigError: it cannot be read, lacks a column, or a row is shorter than the header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            missing = [name for name in columns if name not in (table.fieldnames or ())]
            if missing:
                raise ConfigError(
                    f"{path}: has the columns {', '.join(table.fieldnames or ()) or 'none'}; "
                    f"{', '.join(missing)} must be among them"
                )
            for number, row in enumerate(table, 2):
                if any(row[name] is None for name in columns):
                    raise ConfigError(f"{path}: line {number} has fewer cells than the header; fill it or delete it")
                yield row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read as a CSV table ({error})") from error


def number(value: object, path: Path, what: str) -> float:
    """Return a finite number out of a label file.

    Raises:
        ConfigError: text, NaN or infinity.
    """
    try:
        found = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise ConfigError(f"{path}: {what} is {value!r}; expected a finite number: correct or delete this entry")
    return found
