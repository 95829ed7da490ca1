"""Zip archives, unpacked without trust: no name from inside reaches the disk, and no archive fills it."""

from __future__ import annotations

import contextlib
import lzma
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from findings.errors import RecordError

SUFFIXES = (".shp", ".shx", ".dbf", ".prj", ".cpg", ".gpkg", ".geojson", ".json", ".csv", ".tsv", ".txt")
MAX_ENTRIES = 2_000
MAX_TOTAL_BYTES = 2 * 1024**3
MAX_RATIO = 200
"""Text packs to a tenth, a shapefile to a third; a bomb to a thousandth."""
SMALL_BYTES = 10 * 1024**2
"""Below this an entry may pack as well as it likes."""
_CHUNK = 1024**2
# ValueError: a name that is not the UTF-8 it says; the others are what zipfile and its decompressors raise on damage.
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError, RuntimeError)


def unpack(path: Path, folder: Path) -> list[Path]:
    """Return the files of an archive that may hold assets, unpacked flat into a folder.

    The parts of a shapefile keep a common stem; two entries of one name in different folders stay apart.

    Args:
        path: the archive.
        folder: empty, ours alone.

    Raises:
        RecordError: no archive, one that is encrypted or damaged, a name that leaves the folder, a link, or more
            bytes than the caps allow.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _check(path.name, entries)
            wanted = [entry for entry in entries if _name(entry).suffix.lower() in SUFFIXES]
            if any(entry.filename == "xl/workbook.xml" for entry in entries):
                raise RecordError(f"{path.name}: is an Excel file; save its sheet as CSV UTF-8")
            if not wanted:
                raise RecordError(f"{path.name}: holds no list of assets; expected one of {', '.join(SUFFIXES)}")
            return _extracted(path.name, archive, wanted, folder)
    except _DAMAGED as error:
        raise RecordError(f"{path.name}: the archive cannot be unpacked ({error}); unpack it by hand") from error
    except OSError as error:
        raise RecordError(f"{path.name}: the archive cannot be unpacked ({error.strerror or error})") from error


def _name(entry: zipfile.ZipInfo) -> PurePosixPath:
    """Return an entry's name; archives made in Japan hold cp932 without saying so, which zipfile reads as cp437."""
    name = entry.filename
    if not entry.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("cp932")
    return PurePosixPath(name.replace("\\", "/"))


def _check(archive: str, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise RecordError(f"{archive}: holds {len(entries)} files; expected at most {MAX_ENTRIES}")
    if sum(entry.file_size for entry in entries) > MAX_TOTAL_BYTES:
        raise RecordError(f"{archive}: unpacks to more than {MAX_TOTAL_BYTES // 2**30} GiB; unpack it by hand")
    for entry in entries:
        name = _name(entry)
        if name.is_absolute() or ".." in name.parts or (name.parts and ":" in name.parts[0]) or "\0" in str(name):
            raise RecordError(f"{archive}: entry {str(name)!r} leaves its folder; such an archive is not opened")
        if (entry.external_attr >> 16) & 0o170000 == 0o120000:
            raise RecordError(f"{archive}: entry {str(name)!r} is a link; such an archive is not opened")
        if entry.flag_bits & 0x1:
            raise RecordError(f"{archive}: entry {str(name)!r} is encrypted; unpack it by hand")
        if entry.file_size > SMALL_BYTES and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise RecordError(f"{archive}: entry {str(name)!r} unpacks {MAX_RATIO} times its size or more; not opened")


def _extracted(name: str, archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], folder: Path) -> list[Path]:
    left = MAX_TOTAL_BYTES
    numbers: dict[PurePosixPath, int] = {}
    files: list[Path] = []
    for entry in entries:
        inside = _name(entry)
        number = numbers.setdefault(inside.with_suffix(""), len(numbers))
        # Our own folder for each stem; the stem itself stays, for the user knows a layer by it.
        target = folder / f"{number:04}" / (_safe(inside.stem) + inside.suffix.lower())
        target.parent.mkdir(exist_ok=True)
        with archive.open(entry) as source, target.open("xb") as sink:
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                if left < 0:  # the directory of the archive may lie about sizes
                    raise RecordError(f"{name}: unpacks to more than {MAX_TOTAL_BYTES // 2**30} GiB; not opened")
                sink.write(chunk)
        files.append(target)
    return files


def _safe(stem: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_" else "_" for c in stem)[:60]
    return kept or "layer"
