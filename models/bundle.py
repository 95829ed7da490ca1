"""A model version as one file: a zip of its folder, the same bytes wherever it is made, opened with suspicion."""

from __future__ import annotations

import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from findings.errors import ModelError, OutputError
from models.card import read_card
from models.registry import ModelEntry, Registry
from models.version_files import CARD, LICENCES, MANIFEST, REPORTS, changed_files, manifest_sha256, read_manifest

MAX_ENTRIES = 16
MAX_TOTAL_BYTES = 2 << 30  # the largest encoders of timm have about 1 GiB of weights
MAX_TEXT_BYTES = 64 << 20  # a report carries its pictures; cards and lists have a few kB
MAX_RATIO = 50  # weights hardly shrink, text by 10
SMALL_BYTES = 1 << 20  # below, a ratio says nothing

_TEXTS = (CARD, MANIFEST, LICENCES, *REPORTS)
_BINARY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(safetensors|onnx|pt2)")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say: the bytes depend on the contents alone
_PIECE = 1 << 20
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError, NotImplementedError)


def write_bundle(entry: ModelEntry, path: Path) -> None:
    """Write a version as one zip; the same version gives the same bytes.

    Raises:
        ModelError: it is an index without files, or its files were changed since they were stored.
    """
    if entry.folder is None:
        raise ModelError(f"{entry.ref} is built in and has no files; every installation has it")
    if changed := changed_files(entry.folder):
        raise ModelError("; ".join(changed))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:  # not packed: zlib's bytes differ by version
        for name in sorted((*read_manifest(entry.folder), MANIFEST)):
            about = zipfile.ZipInfo(name, _EPOCH)
            about.create_system, about.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            about.file_size = (entry.folder / name).stat().st_size
            with (entry.folder / name).open("rb") as source, archive.open(about, "w") as target:
                while piece := source.read(_PIECE):
                    target.write(piece)


def import_bundle(registry: Registry, source: Path) -> tuple[ModelEntry, bool]:
    """Take a version into the home and return its entry, and whether it is new there.

    The digests of all files are compared with the manifest, the card is validated and the weights are loaded once
    before anything is taken in.

    Args:
        registry: takes it in.
        source: a zip of ``write_bundle``, or a folder with card and weights.

    Raises:
        ModelError: the archive or what it holds is not to be trusted, or another version of that name is there.
        OutputError: the home cannot be written.
    """
    if source.is_dir():
        return _taken_in(registry, source)
    with tempfile.TemporaryDirectory(prefix="mizuhashi-import-") as work:
        folder = Path(work)
        unpack(source, folder)
        return _taken_in(registry, folder)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a bundle into an empty folder, after all of its entries were checked.

    Raises:
        ModelError: no zip, a name that no bundle has (paths, links, code), too many or too large, damaged, encrypted.
        OutputError: the folder cannot be written.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except (OSError, *_DAMAGED) as error:
        raise ModelError(
            f"{archive}: no readable zip ({error}); give a file that `mizuhashi models export --format bundle` wrote"
        ) from error
    with opened:
        entries = _checked(archive, opened.infolist())
        for entry in entries:
            _extract(archive, opened, entry, folder / entry.filename)
    if not (folder / MANIFEST).is_file() or not (folder / CARD).is_file():
        raise ModelError(f"{archive}: no {CARD} or no {MANIFEST}; it is no bundle of a model version: export it anew")


def _taken_in(registry: Registry, folder: Path) -> tuple[ModelEntry, bool]:
    card = read_card(folder)
    if not registry.taken(card.name, card.version):
        return registry.add(folder), True
    entry = registry.resolve(f"{card.name}@{card.version}")
    here, given = (None if where is None else manifest_sha256(where) for where in (entry.folder, folder))
    if given is not None and given == here and not changed_files(folder):
        if entry.folder is not None and (changed := changed_files(entry.folder)):
            raise ModelError("; ".join(changed))
        return entry, False
    raise ModelError(
        f"{entry.ref} exists with other contents and versions are immutable; train or export the new one under "
        "another version"
    )


def _checked(archive: Path, entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    total = sum(entry.file_size for entry in entries)
    if len(entries) > MAX_ENTRIES or total > MAX_TOTAL_BYTES:
        raise ModelError(
            f"{archive}: {len(entries)} entries of {total / 2**20:.0f} MiB; a bundle has at most {MAX_ENTRIES} of "
            f"{MAX_TOTAL_BYTES >> 20} MiB: it is not opened"
        )
    if len({entry.filename for entry in entries}) != len(entries):
        raise ModelError(f"{archive}: holds a name twice; it is not opened")
    for entry in entries:
        _check(archive, entry)
    return entries


def _check(archive: Path, entry: zipfile.ZipInfo) -> None:
    member = f"{archive}: member {entry.filename[:120]!r}"
    if entry.filename not in _TEXTS and not _BINARY.fullmatch(entry.filename):
        raise ModelError(f"{member} does not belong into a bundle ({', '.join(_TEXTS)}, weights, exports); not opened")
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        raise ModelError(f"{member} is a link or a device; the archive is not opened")
    if entry.flag_bits & 0x1:
        raise ModelError(f"{member} is encrypted; export it without a password")
    if entry.filename in _TEXTS and entry.file_size > MAX_TEXT_BYTES:
        raise ModelError(f"{member} has {entry.file_size} bytes; at most {MAX_TEXT_BYTES} are unpacked")
    if entry.file_size > SMALL_BYTES and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        raise ModelError(
            f"{member} would grow from {entry.compress_size} to {entry.file_size} bytes; at most {MAX_RATIO} times "
            "are unpacked"
        )


def _extract(archive: Path, opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """Write one member; zipfile itself stops at the declared size and compares the checksum."""
    try:
        with target.open("xb") as out:
            for piece in _pieces(archive, opened, entry):
                out.write(piece)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error}); free some space") from error


def _pieces(archive: Path, opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with opened.open(entry) as source:
            while piece := source.read(_PIECE):
                yield piece
    except (OSError, *_DAMAGED) as error:
        raise ModelError(
            f"{archive}: member {entry.filename!r} is damaged ({error}); export or copy the bundle again"
        ) from error
