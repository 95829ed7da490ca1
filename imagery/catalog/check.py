"""Compares the catalogue with the store and with the files as they are now."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePath

from findings.errors import InputError, MizuhashiError
from findings.survey import Image, Survey
from imagery.catalog.collections import CATALOG_ID, MARK
from imagery.catalog.files import links_of, read_json, text_of
from imagery.catalog.items import UID, Json, Shelf, item_of
from imagery.catalog.places import path_of
from imagery.catalog.search import Wanted, search
from imagery.catalog.soundness import faults, main_asset
from imagery.catalog.writer import Pages, Progress, shelf_of
from imagery.digest import sha256_file


class Kind(StrEnum):
    """What can be wrong, or new."""

    MISSING = "missing"  # the file is gone, and no file of its content was found
    MOVED = "moved"  # the file is gone, and lies elsewhere now
    CHANGED = "changed"  # a file of that name is there with another content
    NEW = "new"  # an image lies in the folders that no survey knows
    ABSENT = "absent"  # the store has an image that the catalogue has not
    BEHIND = "behind"  # the store knows more, or otherwise, than the item says
    BROKEN = "broken"  # an item or collection that cannot be read or lacks what STAC requires
    ORPHANED = "orphaned"  # an item that its collection does not link, or a link to no item
    UNKNOWN = "unknown"  # an item whose image the store has no more


CURED_BY_WRITING = frozenset({Kind.ABSENT, Kind.BEHIND, Kind.BROKEN, Kind.ORPHANED, Kind.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: which of them.
        where: the file or item it is about.
        words: what is wrong, and what to do.
        image_uid: of the image, if it is about one.
        found: where a moved file lies now.
        found_mask: where its mask lies now, or None.
    """

    kind: Kind
    where: str
    words: str
    image_uid: str | None = None
    found: str | None = None
    found_mask: str | None = None


@dataclass(slots=True)
class Checked:
    """What a check found; memory holds the problems and the names of the files, not the items."""

    items: int = 0
    files: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(self, kind: Kind, where: Path | str, words: str, image: Image | None = None) -> None:
        """Note one problem."""
        self.problems.append(Problem(kind, str(where), words, image.uid if image else None))


@dataclass(slots=True)
class _State:
    """What one walk through the images gathers."""

    checked: Checked
    known: set[str] = field(default_factory=set)  # files that belong to an image, and their masks
    lost: list[Image] = field(default_factory=list)  # whose file is not at its place or is another
    sizes: dict[str, int] = field(default_factory=dict)  # by digest, as their items say
    roots: dict[str, None] = field(default_factory=dict)
    quick: bool = False
    done: int = 0
    total: int = 0


def check_catalog(
    folder: Path,
    surveys: Sequence[Survey],
    pages: Pages,
    asset_names: Mapping[str, str],
    *,
    roots: Sequence[Path] = (),
    quick: bool = False,
    total: int = 0,
    progress: Progress = lambda _what, _done, _total: None,
) -> Checked:
    """Return what is wrong with the catalogue and its files; nothing is written.

    Args:
        folder: of the catalogue.
        surveys: of the store.
        pages: the images of a survey by its uid, some at a time.
        asset_names: name by uid.
        roots: where to look for moved and new files, besides the folders that the surveys' files share.
        quick: compare sizes instead of digests; a change that keeps the size goes unnoticed.
        total: how many images there are, for the progress.
        progress: called with survey, images done, total.

    Raises:
        InputError: there is no catalogue of ours.
    """
    root = read_json(folder / "catalog.json")
    if not isinstance(root, dict) or root.get("id") != CATALOG_ID:
        raise InputError(f"{folder}: holds no catalogue; `mizuhashi catalog write --out {folder}` makes one")
    state = _State(Checked(), roots=dict.fromkeys(str(path.resolve()) for path in roots), quick=quick, total=total)
    children = set(links_of(root, "child") or ())
    for survey in surveys:
        _check_survey(state, shelf_of(folder, survey, asset_names), children, pages, progress)
    _check_strays(state, folder, children, {shelf_of(folder, one, {}).folder.name for one in surveys})
    _find_files(state, folder)
    return state.checked


def _check_survey(state: _State, shelf: Shelf, children: set[str], pages: Pages, progress: Progress) -> None:
    collection = read_json(shelf.folder / "collection.json")
    links = _item_links(collection)
    uids: set[str] = set()
    roots: list[str] = []
    for page in pages(shelf.survey.uid):
        progress(shelf.survey.name, state.done, state.total)
        for image in page:
            uids.add(image.uid)
            _join(roots, str(PurePath(image.path).parent), shelf.folder.parent.parent)
            _check_image(state, shelf, image, linked=links is None or f"./{image.uid}.json" in links)
        state.done += len(page)
    state.roots |= dict.fromkeys(roots)
    linked = f"./{shelf.folder.name}/collection.json" in children
    # a survey that was never written is told by its images
    if roots and (links is None or not linked) and (linked or shelf.folder.is_dir()):
        words = "cannot be read" if shelf.folder.is_dir() else "is not there"
        state.checked.add(Kind.BROKEN, shelf.folder / "collection.json", f"{words}; write the catalogue again")
    for path in sorted(shelf.folder.glob("*.json")):
        if path.stem not in uids and path.name != "collection.json":
            _check_stray_item(state, path)
    for href in sorted(links or ()):
        if not (shelf.folder / href).is_file() and href.removeprefix("./").removesuffix(".json") not in uids:
            state.checked.add(Kind.ORPHANED, shelf.folder / href, "is linked but not there; write the catalogue again")


def _join(roots: list[str], parent: str, home: Path) -> None:
    """Add a folder to those of a survey, or widen one of them to the folder that both lie in.

    Never to a disk, a folder at its top, somebody's home or one that holds the program's own: who has a flight on the
    desk and fetched scenes in one survey does not want the desk searched.
    """
    for number, root in enumerate(roots):
        shared = Path(os.path.commonpath([root, parent]))
        if len(shared.parts) > 2 and shared != Path.home() and shared not in home.parents:
            roots[number] = str(shared)
            return
    roots.append(parent)


def _item_links(collection: object) -> set[str] | None:
    """Return the hrefs of a collection's items, or None if it cannot be read or is not ours."""
    hrefs = links_of(collection, "item")
    return set(hrefs) if hrefs is not None and isinstance(collection, dict) and MARK in collection else None


def _check_image(state: _State, shelf: Shelf, image: Image, *, linked: bool) -> None:
    state.known.add(image.path)
    if image.mask_path is not None:
        state.known.add(image.mask_path)
    path = shelf.item_path(image.uid)
    item = read_json(path)
    wrong = faults(item, image.uid) if path.exists() else []
    if not path.exists():
        state.checked.add(Kind.ABSENT, image.path, "has no item yet; write the catalogue", image)
    elif wrong:
        state.checked.add(Kind.BROKEN, path, f"{'; '.join(wrong)}; write the catalogue again", image)
    else:
        state.checked.items += 1
        if not _copy_is_whole(state, shelf, image, item):
            words = "the copy that it links to is missing or damaged; write the catalogue again with --copy"
            state.checked.add(Kind.BROKEN, path, words, image)
        if not linked:
            state.checked.add(Kind.ORPHANED, path, "its collection does not link it; write the catalogue again", image)
    size = main_asset(item).get("file:size") if isinstance(item, dict) and not wrong else None
    if isinstance(size, int):
        state.sizes[image.sha256] = size
    if not _is_whole(state, image, size):
        state.lost.append(image)
    elif isinstance(item, dict) and not wrong and not _agrees(path, image, shelf, item):
        state.checked.add(Kind.BEHIND, path, "does not say what the store knows now; write the catalogue again", image)


def _copy_is_whole(state: _State, shelf: Shelf, image: Image, item: Json) -> bool:
    """Return whether the copy that an item links to is there with the right content; True where it is no copy."""
    asset = main_asset(item)
    if "file:local_path" not in asset:
        return True
    copy = path_of(asset["href"], shelf.folder)
    try:
        if not copy.is_file() or copy.stat().st_size != asset.get("file:size"):
            return False
        return state.quick or sha256_file(copy) == image.sha256
    except (OSError, InputError):
        return False


def _is_whole(state: _State, image: Image, size: int | None) -> bool:
    """Return whether the file of an image lies at its place with the content it was taken in with."""
    path = Path(image.path)
    try:
        if not path.is_file():
            return False
        state.checked.files += 1
        if isinstance(size, int) and path.stat().st_size != size:
            return False
        return (state.quick and isinstance(size, int)) or sha256_file(path) == image.sha256
    except (OSError, InputError):
        return False


def _agrees(path: Path, image: Image, shelf: Shelf, item: Json) -> bool:
    copied = "file:local_path" in main_asset(item)
    try:
        wanted = item_of(image, Shelf(shelf.survey, shelf.folder, shelf.collection, shelf.asset_names, copied))
        return path.read_text(encoding="utf-8") == text_of(wanted)
    except (OSError, ValueError, MizuhashiError):
        return False


def _check_stray_item(state: _State, path: Path) -> None:
    item = read_json(path)
    if not isinstance(item, dict):
        state.checked.add(Kind.BROKEN, path, "cannot be read; write the catalogue again")
    elif isinstance(facts := item.get("properties"), dict) and UID in facts:
        state.checked.add(Kind.UNKNOWN, path, "the store has no such image; write the catalogue again")


def _check_strays(state: _State, folder: Path, children: set[str], names: set[str]) -> None:
    """Note collections of surveys that the store does not have, and children that are not there."""
    for href in sorted(children):
        if not (folder / href).is_file() and PurePath(href).parent.name not in names:
            state.checked.add(Kind.ORPHANED, folder / href, "is linked but not there; write the catalogue again")
    for path in sorted(folder.glob("*/collection.json")):
        if path.parent.name not in names and _item_links(read_json(path)) is not None:
            state.checked.add(Kind.UNKNOWN, path, "the store has no such survey; write the catalogue again")


def _find_files(state: _State, catalog: Path) -> None:
    """Look for the files that are not at their place, and for images that nobody knows."""
    wanted = [Wanted(image.sha256, state.sizes.get(image.sha256), PurePath(image.path).name) for image in state.lost]
    found = search(list(state.roots), wanted, state.known, skip=catalog)
    for note in found.notes:
        state.checked.add(Kind.NEW, note, "was not searched to its end; name the folders to look in by --root")
    claimed: set[str] = set()
    for image in state.lost:
        places = found.places.get(image.sha256, ())
        place = _best(image, places)
        if place is None:
            _note_lost(state, image)
            continue
        claimed.add(place)
        others = f", and {len(places) - 1} more copies" if len(places) > 1 else ""
        state.checked.problems.append(
            Problem(Kind.MOVED, image.path, f"lies at {place} now{others}; --repair takes it over", image.uid, place,
                    _moved_mask(image, place))
        )  # fmt: skip
    for path, digest in found.fresh:
        if path not in claimed:
            words = "is a copy of a picture that is known" if digest else "is in no survey"
            state.checked.add(Kind.NEW, path, f"{words}; `mizuhashi ingest` takes pictures in")


def _best(image: Image, places: Sequence[str]) -> str | None:
    """Return the place whose path agrees most with the old one, from the file name upwards."""
    old = PurePath(image.path).parts

    def shared(place: str) -> int:
        return sum(part in old for part in PurePath(place).parts)

    named = [place for place in places if PurePath(place).name == old[-1]]
    return max(sorted(named or places), key=shared, default=None)


def _note_lost(state: _State, image: Image) -> None:
    path = Path(image.path)
    if path.is_file():
        words = "has another content than when it was taken in; put the file back, or ingest it under a new survey name"
        state.checked.add(Kind.CHANGED, path, words, image)
    else:
        state.checked.add(Kind.MISSING, path, "is gone; put it back, or name the folder to look in by --root", image)


def _moved_mask(image: Image, place: str) -> str | None:
    """Return where the mask lies after a move: still at its place, or moved along beside the picture."""
    if image.mask_path is None or Path(image.mask_path).is_file():
        return image.mask_path
    old, new = PurePath(image.path), PurePath(place)
    mask = PurePath(image.mask_path)
    if mask.parent == old.parent:
        beside = Path(new.parent / mask.name.replace(old.stem, new.stem, 1))
        if beside.is_file():
            return str(beside)
    return image.mask_path
