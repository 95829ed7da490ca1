"""What the folders of data sets have in common: files by name, and tables that split them."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

from findings.errors import ConfigError
from training.config import SourceConfig
from training.datasets.label_files import PICTURES, read_table

GROUP_COLUMNS = ("group", "block", "site", "photo_group", "tile_group", "structure", "place")


def pictures_in(folder: Path, suffix: str = "") -> dict[str, Path]:
    """Return the pictures of a folder (not below it) by name: the stem without ``suffix``.

    Raises:
        ConfigError: no such folder, or two pictures of one name.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; root and options name where the files lie")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in PICTURES or not path.stem.endswith(suffix):
            continue
        name = path.stem.removesuffix(suffix) if suffix else path.stem
        if name in found:
            raise ConfigError(f"{folder}: {found[name].name} and {path.name} have one name; rename or remove one")
        found[name] = path
    return found


def split_rows(table: Path, split: str | None) -> dict[str, str | None] | None:
    """Return the names in a split and the group of each (None: its own), or None if there is no table and no split.

    Tables have the columns ``name`` and ``split``, and may have one of `GROUP_COLUMNS`. A ``.txt`` file is the list of
    one split's names. A name may bear its file's extension.

    Raises:
        ConfigError: a split without a table, a table without the columns, a name twice, or an empty split.
    """
    if not table.is_file():
        if split is not None and not table.name.startswith("{"):
            raise ConfigError(
                f"{table}: missing, so split {split!r} is not defined; write a table with the columns name,split "
                "(and group), or leave split out to take every picture"
            )
        return None
    if table.suffix == ".txt":
        lines = [line.strip() for line in table.read_text(encoding="utf-8-sig").splitlines()]
        rows = [{"name": line, "split": split or ""} for line in lines if line]
    else:
        rows = list(read_table(table, ("name", "split")))
    column = next((name for name in GROUP_COLUMNS if rows and name in rows[0]), None)
    found: dict[str, str | None] = {}
    for row in rows:
        if split is not None and row["split"] != split:
            continue
        name = _stem(row["name"])
        if name in found:
            raise ConfigError(f"{table}: names {name!r} twice in split {split!r}; delete one of the lines")
        found[name] = (row.get(column) or None) if column else None
    if not found:
        there = sorted({row["split"] for row in rows})
        raise ConfigError(
            f"{table}: no pictures in split {split!r}; the table has the splits {', '.join(there) or 'none'}"
        )
    return found


def _stem(name: str) -> str:
    path = Path(name.replace("\\", "/").rsplit("/", 1)[-1])  # a name is looked up among the pictures, never opened
    return path.stem if path.suffix.lower() in PICTURES else path.name


def chosen(
    config: SourceConfig, names: Mapping[str, Path], rows: Mapping[str, str | None] | None, table: Path
) -> list[tuple[str, str | None]]:
    """Return the names that a source takes, in order, with the group of the table.

    Raises:
        ConfigError: the table names a picture that is not there, or nothing is left.
    """
    if rows is not None:
        missing = [name for name in rows if name not in names]
        if missing:
            raise ConfigError(
                f"{table}: names {missing[0]!r}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
                + f", but {config.root} has no such picture; download the set again or delete the lines"
            )  # fmt: skip
    taken = sorted(rows if rows is not None else names)
    if config.match is not None:
        taken = [name for name in taken if fnmatch(name, config.match)]
    if not taken:
        where = f" that match {config.match!r}" if config.match else ""
        raise ConfigError(f"{config.name}: no pictures{where} in split {config.split!r} of {config.root}")
    return [(name, rows[name] if rows is not None else None) for name in taken]


def folder_of(config: SourceConfig, name: str) -> Path:
    """Return a folder or file below ``root``, with ``{split}`` filled in.

    Raises:
        ConfigError: no root, or ``{split}`` without a split.
    """
    if config.root is None:
        raise ConfigError(f"{config.name}: a source of kind {config.kind} needs root: the folder that holds it")
    if "{split}" in name and config.split is None:
        raise ConfigError(f"{config.name}: {name!r} needs split: one of the set's splits")
    return config.root / name.replace("{split}", config.split or "")


def label_files(
    config: SourceConfig, images: Mapping[str, Path], images_dir: str, folder: Path, suffix: str
) -> dict[str, Path]:
    """Return the label file of each picture that has one, by the picture's name.

    Raises:
        ConfigError: a label file without a picture.
    """
    labels = {path.stem: path for path in sorted(folder.glob(f"*{suffix}"))}
    lonely = sorted(set(labels) - set(images))
    if lonely:
        raise ConfigError(f"{labels[lonely[0]]}: annotations without an image in {folder_of(config, images_dir)}")
    return labels
