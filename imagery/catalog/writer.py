"""Writes the catalogue: what has not changed is not touched, and at every moment each link leads somewhere.

The order makes it so: new and changed items first, then the collection that links them, then the catalogue and the
index, and only then items that nothing links any more are removed. Each file is whole or not there.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from findings.errors import InputError, OutputError, UnreadableImage
from findings.survey import Image, Survey
from imagery.catalog.collections import CATALOG_ID, MARK, Summary, catalog_of, collection_of
from imagery.catalog.files import PARTIAL, copy_whole, links_of, put, read_json, text_of
from imagery.catalog.index import INDEX, join_indexes, write_index
from imagery.catalog.items import UID, Shelf, item_of
from imagery.catalog.places import folder_name, href_of
from imagery.catalog.soundness import is_sound, main_asset
from imagery.digest import sha256_file

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # a torn item still has its name
Pages = Callable[[str], Iterator[Sequence[Image]]]
Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Written:
    """What one call did.

    Attributes:
        new: items that were not there; changed: rewritten; unchanged: left alone; removed: linked by nothing.
        skipped: (file, why) of pictures whose file is missing or has changed: an item from before stays as it was.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)

    @property
    def items(self) -> int:
        """How many items were looked at and are in the catalogue."""
        return self.new + self.changed + self.unchanged


def write_catalog(
    folder: Path,
    surveys: Sequence[Survey],
    pages: Pages,
    asset_names: Mapping[str, str],
    *,
    only: str | None = None,
    copies: bool = False,
    total: int = 0,
    progress: Progress = lambda _what, _done, _total: None,
) -> Written:
    """Write the catalogue of all surveys, or bring the part of one survey up to date.

    Args:
        folder: empty, new, or a catalogue written before.
        surveys: of the store.
        pages: the images of a survey by its uid, some at a time.
        asset_names: name by uid.
        only: name of the one survey to write; the others stay as they are.
        copies: copy the files into the catalogue, so that it can be carried away.
        total: how many images there are, for the progress.
        progress: called with survey, images done, total.

    Raises:
        InputError: the folder holds something else.
        OutputError: a file cannot be written; the catalogue stays whole, a second run finishes it.
    """
    _check_folder(folder)
    written = Written()
    done = 0
    children: list[tuple[str, str]] = []
    for survey in surveys:
        shelf = shelf_of(folder, survey, asset_names, copies=copies)
        if only in (None, survey.name):
            summary = Summary()
            for page in pages(survey.uid):
                progress(survey.name, done, total)
                for image in page:
                    _write_item(image, shelf, summary, written)
                done += len(page)
            if not summary.links:
                continue
            write_index(shelf.folder / INDEX, shelf, summary)
            put(shelf.folder / "collection.json", text_of(collection_of(shelf, summary)))
        elif not (shelf.folder / "collection.json").is_file():
            continue
        children.append((shelf.folder.name, survey.name))
    put(folder / "catalog.json", text_of(catalog_of(children)))
    join_indexes(folder, [name for name, _ in children])
    written.removed = _prune(folder, [name for name, _ in children])
    return written


def shelf_of(folder: Path, survey: Survey, asset_names: Mapping[str, str], *, copies: bool = False) -> Shelf:
    """Return where the items of a survey go."""
    name = folder_name(survey.name, survey.uid)
    return Shelf(survey, folder / name, name, asset_names, copies)


def _check_folder(folder: Path) -> None:
    try:
        if not folder.exists():
            return
        if not folder.is_dir():
            raise InputError(f"{folder}: is a file; choose a folder for the catalogue by --out")
        root = read_json(folder / "catalog.json")
        ours = isinstance(root, dict) and root.get("id") == CATALOG_ID
        strange = [path.name for path in folder.iterdir() if not path.name.endswith(PARTIAL)]
        begun = all(_is_ours(folder / name) for name in strange)  # a first write that was cut off
    except OSError as error:
        raise OutputError(f"{folder}: cannot be read ({error.strerror or error}); choose another --out") from error
    if not ours and not begun:
        raise InputError(
            f"{folder}: holds {strange[0]!r} and no catalogue of ours; choose an empty folder or a new one by --out"
        )


def _is_ours(path: Path) -> bool:
    """Return whether a thing in the catalogue's folder was written by us: a collection, or the beginning of one."""
    if path.name in (INDEX, "catalog.json"):
        return path.is_file() and path.name == INDEX
    if not path.is_dir():
        return False
    collection = read_json(path / "collection.json")
    if isinstance(collection, dict):
        return MARK in collection
    return all(
        _is_item(file) or file.name in (INDEX, "files") or file.name.endswith(PARTIAL) for file in path.iterdir()
    )


def _is_item(path: Path) -> bool:
    item = read_json(path) if path.suffix == ".json" else None
    properties = item.get("properties") if isinstance(item, dict) else None
    return isinstance(properties, dict) and UID in properties


def _write_item(image: Image, shelf: Shelf, summary: Summary, written: Written) -> None:
    path = shelf.item_path(image.uid)
    before = read_json(path)
    try:
        _check_content(image, shelf, before)
        item = item_of(image, shelf)
        if shelf.copies:
            copy_whole(Path(image.path), shelf.file_of(image), image.sha256)
            if "mask" in item["assets"] and image.mask_path is not None:
                copy_whole(Path(image.mask_path), shelf.copy_of(image.uid, Path(image.mask_path)), None)
    except InputError as error:
        written.skipped.append((Path(image.path).name, str(error)))
        if is_sound(before, image.uid):
            summary.add(before)
            written.unchanged += 1
        return
    changed = put(path, text_of(item))
    summary.add(item)
    if not changed:
        written.unchanged += 1
    elif before is None:
        written.new += 1
    else:
        written.changed += 1


def _check_content(image: Image, shelf: Shelf, before: object) -> None:
    """Raise unless the file is the one that was taken in: by its digest once, by its size from then on.

    `imagery.catalog.check` compares digests every time; to write what has not changed must be quick.
    """
    path = Path(image.path)
    if not path.is_file():
        raise UnreadableImage(f"{path}: is no longer there; `mizuhashi catalog check --repair` looks for it")
    if is_sound(before, image.uid) and shelf.copies is False:
        asset = main_asset(before)
        if (asset.get("href"), asset.get("file:size")) == (href_of(path, shelf.folder), path.stat().st_size):
            return
    if sha256_file(path) != image.sha256:
        raise UnreadableImage(f"{path}: has changed since it was taken in; ingest it under a new survey name")


# --- what nothing links any more ------------------------------------------------------------------------------------


def _prune(folder: Path, names: Sequence[str]) -> int:
    """Remove items, copies and half-written files that nothing links, in collections of ours only; return the items."""
    removed = 0
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") and path.name.endswith(PARTIAL):
            path.unlink(missing_ok=True)
        elif path.is_dir() and not path.is_symlink() and _is_ours(path):
            removed += _prune_collection(path, linked=path.name in names)
    return removed


def _prune_collection(folder: Path, *, linked: bool) -> int:
    collection = read_json(folder / "collection.json") if linked else None
    kept = {href.removeprefix("./") for href in links_of(collection, "item") or ()}
    removed = 0
    for path in sorted(folder.glob("*.json")):
        if path.name not in kept and (_is_item(path) or _UUID.fullmatch(path.stem)):
            path.unlink()
            removed += 1
    for path in folder.glob(f".*{PARTIAL}"):
        path.unlink(missing_ok=True)
    for path in _copies(folder):
        if f"{path.name}.json" not in kept:
            shutil.rmtree(path)
    if not linked:
        for name in (INDEX, "collection.json"):
            (folder / name).unlink(missing_ok=True)
        for empty in (folder / "files", folder):
            if empty.is_dir() and not empty.is_symlink() and not any(empty.iterdir()):
                empty.rmdir()
    return removed


def _copies(folder: Path) -> list[Path]:
    """Return the folders of copied pictures, which have uids for names; what a link leads to is none of ours."""
    files = folder / "files"
    found = [] if files.is_symlink() or not files.is_dir() else sorted(files.iterdir())
    return [path for path in found if _UUID.fullmatch(path.name) and path.is_dir() and not path.is_symlink()]
