"""Product archives: what is wanted of a zip, unpacked where it belongs and nowhere else."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from findings.errors import OutputError, UnreadableImage, UnsafeImage

MAX_ENTRIES = 20_000  # a SAFE archive has about 100
MAX_TOTAL_BYTES = 16 << 30  # about 1 GiB
MAX_RATIO = 200  # JPEG 2000 does not shrink any further; XML by 10 to 30
SMALL_BYTES = 1 << 20  # below, a ratio says nothing
_PIECE = 1 << 20
# What zipfile and its decompressors raise on damage and on methods they do not know.
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError, RuntimeError)


def member_names(archive: Path) -> tuple[str, ...]:
    """Return the names of the files in a zip.

    Raises:
        UnsafeImage: a member that would leave its folder, a link, or more than we unpack.
        UnreadableImage: no readable zip.
    """
    with _open(archive) as opened:
        return tuple(member.filename for member in _members(archive, opened))


def extract(archive: Path, folder: Path, wanted: Callable[[str], bool]) -> list[Path]:
    """Unpack the members whose names are wanted below a folder; return their paths.

    All members are checked, wanted or not: an archive that tries to leave its folder is not trusted in part.

    Raises:
        UnsafeImage: a member that would leave its folder, a link, or more than we unpack.
        UnreadableImage: damaged, truncated or encrypted.
        OutputError: the disk is full or the folder cannot be written.
    """
    written = []
    with _open(archive) as opened:
        for member in _members(archive, opened):
            if not wanted(member.filename):
                continue
            target = folder.joinpath(*PurePosixPath(member.filename).parts)
            _extract_member(archive, opened, member, target)
            written.append(target)
    return written


def _open(archive: Path) -> zipfile.ZipFile:
    try:
        if archive.is_symlink():
            raise UnsafeImage(f"{archive}: a link; give the archive itself")
        return zipfile.ZipFile(archive)
    except (OSError, *_DAMAGED) as error:
        raise UnreadableImage(f"{archive}: no readable zip archive ({error}); download it again") from error


def _members(archive: Path, opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the files of an archive after all of its entries were checked."""
    entries = opened.infolist()
    total = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_ENTRIES or total > MAX_TOTAL_BYTES:
        raise UnsafeImage(
            f"{archive}: {len(entries)} entries of {total / 2**20:.0f} MiB; at most {MAX_ENTRIES} of "
            f"{MAX_TOTAL_BYTES >> 20} MiB are unpacked: unpack it yourself and give the folder"
        )
    for entry in entries:
        _check_entry(archive, entry)
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names):
        raise UnsafeImage(f"{archive}: holds a name twice; download it again")
    return [entry for entry in entries if not entry.is_dir()]


def _check_entry(archive: Path, entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = name.rstrip("/").split("/")
    outside = (
        name.startswith(("/", "\\")) or "\\" in name or ":" in name or any(part in ("", ".", "..") for part in parts)
    )
    if outside or any(ord(character) < 32 for character in name):
        raise UnsafeImage(f"{archive}: member {name[:120]!r} would leave its folder; the archive is not opened")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafeImage(f"{archive}: member {name[:120]!r} is a link or a device; the archive is not opened")
    if entry.flag_bits & 0x1:
        raise UnreadableImage(f"{archive}: member {name[:120]!r} is encrypted; unpack it yourself and give the folder")
    if entry.file_size > SMALL_BYTES and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        raise UnsafeImage(
            f"{archive}: member {name[:120]!r} would grow from {entry.compress_size} to {entry.file_size} bytes; "
            f"at most {MAX_RATIO} times are unpacked"
        )


def _extract_member(archive: Path, opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Write one member; zipfile itself stops at the declared size and compares the checksum."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        out = target.open("xb")
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); free some space") from error
    with out:
        try:
            source = opened.open(member)
        except (OSError, *_DAMAGED) as error:
            raise _damaged(archive, member, error) from error
        with source:
            while piece := _read(archive, member, source):
                try:
                    out.write(piece)
                except OSError as error:
                    raise OutputError(
                        f"{target}: cannot be written ({error.strerror or error}); free some space"
                    ) from error


def _read(archive: Path, member: zipfile.ZipInfo, source: IO[bytes]) -> bytes:
    try:
        return source.read(_PIECE)
    except (OSError, *_DAMAGED) as error:
        raise _damaged(archive, member, error) from error


def _damaged(archive: Path, member: zipfile.ZipInfo, error: Exception) -> UnreadableImage:
    reason = str(error) or type(error).__name__
    return UnreadableImage(f"{archive}: member {member.filename!r} is damaged ({reason}); download it again")


def is_zip(path: Path) -> bool:
    """Return whether a file begins like a zip archive."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False
