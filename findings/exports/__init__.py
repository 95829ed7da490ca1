"""Findings as files of label tools, and what people marked in them back again: COCO, CVAT, Label Studio."""

from __future__ import annotations

import importlib
import io
import zipfile
from enum import StrEnum
from types import ModuleType
from typing import TYPE_CHECKING

from findings.errors import RecordError

if TYPE_CHECKING:
    from findings.exports.task import ReviewTask


class ReviewFormat(StrEnum):
    """File formats of label tools."""

    COCO = "coco"
    CVAT = "cvat"
    LABELSTUDIO = "labelstudio"


class Pictures(StrEnum):
    """How the pictures come along with an export."""

    PATHS = "paths"  # they stay where they are; the file names them
    LINK = "link"
    COPY = "copy"


_SUFFIX = {ReviewFormat.COCO: ".json", ReviewFormat.CVAT: ".xml", ReviewFormat.LABELSTUDIO: ".json"}


def _module(kind: ReviewFormat) -> ModuleType:
    """Return the module of a format; loaded when used, so that `--help` loads no shapely."""
    return importlib.import_module(f"findings.exports.{kind.value}")


def write(task: ReviewTask, kind: ReviewFormat) -> str:
    """Return the text of the file that a label tool reads."""
    text: str = _module(kind).write(task)
    return text


def setup_file(task: ReviewTask, kind: ReviewFormat) -> tuple[str, str] | None:
    """Return (suffix, text) of what the tool wants to know before it reads the file, or None."""
    made: tuple[str, str] | None = _module(kind).setup_file(task)
    return made


def read(content: bytes, kind: ReviewFormat) -> ReviewTask:
    """Return what a label tool wrote: its file, or the archive with that one file in it.

    Raises:
        RecordError: broken, not of that format, or a mark that cannot be taken; the message names it.
    """
    if content.startswith(b"PK\x03\x04"):
        content = _out_of_archive(content, _SUFFIX[kind])
    task: ReviewTask = _module(kind).read(content)
    return task


def _out_of_archive(content: bytes, suffix: str) -> bytes:
    from findings.exports.task import MAX_FILE_BYTES

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [row for row in archive.infolist() if row.filename.lower().endswith(suffix)]
            if len(members) != 1:
                raise RecordError(f"an archive with {len(members)} {suffix} files; expected one: unpack and name it")
            if members[0].file_size > MAX_FILE_BYTES:
                raise RecordError(f"{members[0].file_size >> 20} MiB unpacked; at most {MAX_FILE_BYTES >> 20} are read")
            with archive.open(members[0]) as file:
                return file.read(MAX_FILE_BYTES + 1)  # what the header promises may be a lie
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise RecordError(f"a damaged or locked archive ({error}); export it again") from error
