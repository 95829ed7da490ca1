"""Looks through folders for files by content, and for images that nobody knows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from findings.errors import InputError
from imagery.digest import sha256_file
from imagery.ingest import SUFFIXES
from imagery.products.landsat import find_layers

SAFE = ".SAFE"
MAX_FILES = 500_000
"""Files looked at below one root; a root that holds more is no folder of pictures."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is looked for: its digest, its size if known, and the name it had."""

    sha256: str
    size: int | None
    name: str


@dataclass(slots=True)
class Found:
    """What was found.

    Attributes:
        places: paths by digest, of the wanted ones.
        fresh: (path, digest) of images that nobody knows; the digest only where it is that of a wanted file.
        notes: folders that were not searched to their end.
    """

    places: dict[str, list[str]] = field(default_factory=dict)
    fresh: list[tuple[str, str | None]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def search(roots: Sequence[str], wanted: Sequence[Wanted], known: AbstractSet[str], *, skip: Path) -> Found:
    """Return where wanted files lie below some roots, and which images below them nobody knows.

    A file is read only if its size is that of a wanted one, or a wanted one's size is unknown. Where a root is gone,
    the nearest folder above it that exists is searched, but never a whole disk or a whole home.

    Args:
        roots: folders.
        wanted: what to look for.
        known: paths of files that belong to a survey, which are not new; they may still be what is wanted.
        skip: the catalogue's own folder.
    """
    found = Found()
    digests = {one.sha256 for one in wanted}
    sizes = {one.size for one in wanted}
    scenes = {PurePath(path).stem for path in known}
    seen: set[str] = set()
    for root in _distinct(roots):
        count = 0
        for path, product in _images(root, skip):
            count += 1
            if count > MAX_FILES:
                found.notes.append(str(root))
                break
            text = str(path)
            if text in seen:
                continue
            seen.add(text)
            if product:
                if path.name.removesuffix(SAFE) not in scenes:
                    found.fresh.append((text, None))
                continue
            digest = _digest(path, sizes) if wanted else None
            if digest in digests and digest is not None:
                found.places.setdefault(digest, []).append(text)
            if text not in known and not path.stem.endswith("_mask"):
                found.fresh.append((text, digest if digest in digests else None))
    return found


def _digest(path: Path, sizes: AbstractSet[int | None]) -> str | None:
    try:
        return sha256_file(path) if None in sizes or path.stat().st_size in sizes else None
    except (OSError, InputError):
        return None


def _distinct(roots: Sequence[str]) -> list[Path]:
    """Return existing folders to search, none below another."""
    there = {_existing(Path(root)) for root in roots}
    folders = sorted(folder for folder in there if folder is not None)
    return [folder for folder in folders if not any(other in folder.parents for other in folders)]


def _existing(folder: Path) -> Path | None:
    """Return a folder, or the nearest one above it that exists; None where that is a disk's root or a home."""
    if folder.is_dir():
        return folder
    for parent in folder.parents:
        if parent.is_dir():
            return parent if len(parent.parts) > 2 and parent != Path.home() else None
    return None


def _images(root: Path, skip: Path) -> Iterator[tuple[Path, bool]]:
    """Yield image files below a folder in name order; hidden folders, links and the catalogue are left out.

    What the files of a satellite product make up is one image, told by True: a folder, or the name of all its layers.
    """
    for place, folders, names in os.walk(root, onerror=lambda _error: None):
        folder = Path(place)
        kept = sorted(name for name in folders if not name.startswith(".") and folder / name != skip)
        folders[:] = [name for name in kept if not name.endswith(SAFE)]
        yield from ((folder / name, True) for name in kept if name.endswith(SAFE))
        products = find_layers([folder / name for name in names])
        yield from ((folder / product.id, True) for product in products)
        layers = {path for product in products for path in product.files.values()}
        for path in sorted({folder / name for name in names} - layers):
            name = path.name
            if path.suffix.lower() in SUFFIXES and not name.startswith(".") and not path.is_symlink():
                yield path, False
