"""The manifest of a data set: every file by its digest, with group, split and licence; the check against leakage."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from findings.errors import ConfigError, OutputError
from training.config import SourceConfig
from training.datasets import Item, Source, open_source
from training.datasets.class_map import class_map_names, read_class_map
from training.datasets.label_files import read_table
from training.datasets.pictures import Pictures
from training.datasets.sen1floods11 import S2_BANDS
from training.fingerprint import Fingerprint, Fingerprints
from training.leakage import Member, find_leaks, refuse

Progress = Callable[[str, int, int], None]
RGB = ("red", "green", "blue")
EVERYTHING = "all"
"""Name of the split of a set that has none."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ManifestItem(_Frozen):
    """One picture of a data set; paths are relative to the set's root, with ``/``."""

    name: str
    split: str
    group: str
    image: str
    image_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    label: str | None
    label_sha256: str | None = Field(pattern=r"^[0-9a-f]{64}$")
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)
    hash: str | None = Field(pattern=r"^[0-9a-f]{16}$", description="perceptual; None: too flat to be told by it")


class Manifest(_Frozen):
    """A data-set version on one page.

    Attributes:
        format: of the file.
        name: of the data set.
        kind: of the source that reads it.
        root: folder of the set, relative to the manifest.
        source: where the set comes from.
        licence: as its makers state it.
        ships: whether shipped weights may be trained on it.
        class_map: name of the class map, or None.
        parent: digest of the manifest that this version extends, or None.
        shares: by split and class, the share of the known pixels.
        notes: what was remarked when the labels were read.
        items: one a picture, by split and name.
    """

    format: Literal[1] = 1
    name: str
    kind: str
    root: str
    source: str = ""
    licence: str
    ships: bool
    class_map: str | None = None
    parent: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    shares: dict[str, dict[str, float]] = {}
    notes: tuple[str, ...] = ()
    items: tuple[ManifestItem, ...] = Field(min_length=1)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits, in the order of the items."""
        return tuple(dict.fromkeys(item.split for item in self.items))

    @property
    def digest(self) -> str:
        """Digest of what the set holds: names, splits, groups and file digests; not of where it lies."""
        rows = [(i.split, i.name, i.group, i.image_sha256, i.label_sha256) for i in self.items]
        return digest_of([self.name, self.class_map, self.parent, sorted(rows)])


def digest_of(value: object) -> str:
    """Return the sha256 of a value of plain lists, mappings, texts and numbers."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def write_manifest(
    config: SourceConfig,
    out: Path,
    *,
    splits: tuple[str, ...] = (),
    parent: Manifest | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Write the manifest of a folder source and return it; it is not checked, see `check_manifest`.

    Args:
        config: the source; its ``split`` is the only split unless ``splits`` are given.
        out: the JSON file.
        splits: names of the splits; () takes those of the set's own table, or everything as one.
        parent: the manifest that this version extends.
        cache: folder in which fingerprints of unchanged files are kept.
        progress: called for each picture.

    Raises:
        ConfigError: the set cannot be read, or has no files.
        OutputError: the file cannot be written.
    """
    if config.root is None:
        raise ConfigError(f"{config.name}: sources of kind {config.kind} have no files, so no manifest; name a root")
    root = config.root.absolute()
    chosen = splits or ((config.split,) if config.split else split_names(config))
    prints, items, notes = Fingerprints(cache), [], []
    shares: dict[str, dict[str, float]] = {}
    bands, classes = _read_as(config)
    for split in chosen or (None,):
        source = open_source(config.model_copy(update={"split": split}), bands, classes, "given")
        found = source.items()
        for number, item in enumerate(found, 1):
            if progress is not None:
                progress(f"{split or EVERYTHING} {item.name}", number, len(found))
            items.append(_manifest_item(item, split or EVERYTHING, root, prints))
        shares[split or EVERYTHING] = class_shares(source, classes)
        notes += [note for note in getattr(source, "notes", ()) if note not in notes]
    prints.save()
    class_map = None if config.classes is None else read_class_map(config.classes)
    manifest = Manifest(
        name=config.name,
        kind=config.kind,
        root=Path(os.path.relpath(root, out.absolute().parent)).as_posix(),
        source="" if class_map is None else class_map.source,
        licence=config.licence,
        ships=config.ships,
        class_map=None if class_map is None else class_map.name,
        parent=None if parent is None else parent.digest,
        shares=shares,
        notes=tuple(notes),
        items=tuple(items),
    )
    _save(manifest, out)
    return manifest


def _save(manifest: Manifest, out: Path) -> None:
    text = json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=1)
    partial = out.with_name(out.name + ".partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(out)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OutputError(f"{out}: the manifest cannot be written ({error.strerror or error})") from error


def _read_as(config: SourceConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return bands and classes to open a set by: the set's own classes."""
    name = config.classes or (config.kind if config.kind in class_map_names() else None)
    if name is None and config.kind in ("coco", "cvat"):
        name = "own_classes"
    if name is not None:
        classes = read_class_map(name).classes
    elif config.kind == "water_tiles":
        classes = ("water",)
    else:
        classes = (str(config.options.get("mask_class", "crack")),)
    return (S2_BANDS if config.kind == "sen1floods11" else RGB), classes


def split_names(config: SourceConfig) -> tuple[str, ...]:
    """Return the splits that a set's folder names, train first; () if it has none."""
    if config.root is None:
        return ()
    if config.kind == "dacl10k":
        found = {path.name for path in config.root.glob("annotations/*") if path.is_dir()}
    elif config.kind == "sen1floods11":
        tables = config.root.glob("splits/flood_handlabeled/flood_*_data.csv")
        found = {path.stem.removeprefix("flood_").removesuffix("_data") for path in tables}
    else:
        table = config.root / str(config.options.get("split_file", "split.csv"))
        found = {row["split"] for row in read_table(table, ("split",))} if table.is_file() else set()
    order = ("train", "val", "valid", "validation", "test")
    return tuple(sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name)))


def class_shares(source: Source, classes: Iterable[str]) -> dict[str, float]:
    """Return what share of the known pixels each labelled class covers; {} for sources that do not tell."""
    if not isinstance(source, Pictures):
        return {}
    pairs = zip(classes, source.places.shares, strict=True)
    return {name: round(float(share), 8) for name, share in pairs if share == share}


def _manifest_item(item: Item, split: str, root: Path, prints: Fingerprints) -> ManifestItem:
    found = prints.picture(item.image)
    return ManifestItem(
        name=item.name,
        split=split,
        group=item.group,
        image=_below(item.image, root),
        image_sha256=found.sha256,
        label=None if item.label is None else _below(item.label, root),
        label_sha256=None if item.label is None else prints.digest(item.label),
        width_px=found.width_px,
        height_px=found.height_px,
        hash=found.hash,
    )


def _below(path: Path, root: Path) -> str:
    try:
        return path.absolute().relative_to(root).as_posix()
    except ValueError as error:
        raise ConfigError(f"{path}: lies outside of {root}; a manifest names files below the root") from error


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of a file.

    Raises:
        ConfigError: it cannot be read, is not a manifest, or names files outside of its root.
    """
    try:
        found = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise ConfigError(f"{path}: not a manifest: {where}: {first['msg']}; write it anew") from error
    for item in found.items:
        for name in filter(None, (item.image, item.label)):
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise ConfigError(f"{path}: {item.name}: the file {name!r} lies outside of the root; write it anew")
    return found


def check_manifest(
    manifest: Manifest,
    path: Path,
    *,
    splits: tuple[str, ...] = (),
    root: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Check a manifest against itself and against the files.

    Args:
        manifest: what to check.
        path: its file, which ``root`` is relative to.
        splits: that must have pictures.
        root: folder of the set, where it lies elsewhere than the manifest says.
        progress: called for each picture.

    Raises:
        ConfigError: leakage between splits, an empty split, a missing or changed file; the message names examples.
    """
    empty = [split for split in splits if split not in manifest.splits]
    if empty:
        raise ConfigError(f"{path}: the split {empty[0]!r} is empty; there are {', '.join(manifest.splits)}")
    members = [
        Member(i.split, i.name, "", i.group, Fingerprint(i.image_sha256, i.width_px, i.height_px, i.hash))
        for i in manifest.items
    ]
    refuse(
        find_leaks(members),
        str(path),
        "Put all pictures of one photo, structure or place into one split, and write the manifest anew",
    )
    folder = root or path.absolute().parent / manifest.root
    prints, wrong = Fingerprints(), []
    for number, item in enumerate(manifest.items, 1):
        if progress is not None:
            progress(item.name, number, len(manifest.items))
        wrong += _wrong(item, folder, prints)
    if wrong:
        more = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ConfigError(
            f"{path}: {len(wrong)} file(s) are not those of the manifest: {'; '.join(wrong[:5])}{more}. "
            "Restore the files, or write a new version with this manifest as its parent"
        )


def _wrong(item: ManifestItem, folder: Path, prints: Fingerprints) -> list[str]:
    found = []
    for name, digest in ((item.image, item.image_sha256), (item.label, item.label_sha256)):
        if name is None:
            continue
        if not (folder / name).is_file():
            found.append(f"{folder / name} is missing")
        elif prints.digest(folder / name) != digest:
            found.append(f"{folder / name} was changed")
    return found
