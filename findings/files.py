"""Writing files whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from findings.errors import OutputError


@contextmanager
def whole_file(path: Path, *, remedy: str = "free some space or choose another place") -> Iterator[Path]:
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
        _remove(partial)
        raise OutputError(f"{path}: could not be written ({error.strerror or error}); {remedy}") from error
    except BaseException:
        _remove(partial)
        raise


def _remove(partial: Path) -> None:
    with suppress(OSError):  # the error that led here is the one to report
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, encoding: str = "utf-8") -> None:
    """Write a text file whole or not at all.

    Raises:
        OutputError: the disk is full or the place cannot be written.
    """
    with whole_file(path) as partial:
        partial.write_text(text, encoding=encoding, newline="")
