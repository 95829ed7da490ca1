"""Which files a path means, and writing files whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from findings.errors import InputError, OutputError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".jp2"})


def image_files(paths: Sequence[Path]) -> list[Path]:
    """Return the images that paths mean, absolute and once each: a file itself, a folder with all below it.

    A file that is named is taken whatever its suffix; the reader decides by its content.

    Raises:
        InputError: a path that does not exist, or a folder without images.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
            if not inside:
                raise InputError(f"{path}: no image in this folder; expected {', '.join(sorted(IMAGE_SUFFIXES))}")
            found.update(dict.fromkeys(p.absolute() for p in inside))
        elif path.exists():
            found[path.absolute()] = None
        else:
            raise InputError(f"{path}: no such file or folder; check the path")
    return list(found)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; it takes the place of ``path`` only if the block ends well.

    Raises:
        OutputError: the disk is full or the place cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: could not be written ({error.strerror or error}); free some space or choose another place"
        ) from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str, *, encoding: str = "utf-8") -> None:
    """Write a text file whole or not at all.

    Raises:
        OutputError: the disk is full or the place cannot be written.
    """
    with whole_file(path) as partial:
        partial.write_text(text, encoding=encoding, newline="")
