"""The manifest of fetched scenes: what was asked for, what came, and which cache entries it came from.

The cache's own folders have digests for names; this file is what a person reads. One JSON object a line, one line a
scene, written anew as a whole at each change.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from findings.errors import OutputError

NAME = "sentinel_hub.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """One scene.

    Attributes:
        id: of the scene.
        state: ``written``, ``empty`` or ``failed``.
        captured_at: ISO 8601, UTC.
        items: names of the catalogue's items.
        crs: of the tiles.
        tiles: bounds of each.
        requests: folder of each tile's answer in the cache.
        units: processing units that the service charged for it in the run that finished it.
        note: why it is empty or failed.
    """

    id: str
    state: str
    captured_at: str
    items: tuple[str, ...]
    crs: str
    tiles: tuple[tuple[float, float, float, float], ...]
    requests: tuple[str, ...]
    units: float
    note: str = ""


class Manifest:
    """The entries of one folder of scenes; a broken line is passed over, as its scene is only asked for again."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._entries = _read(self.path)

    def get(self, scene_id: str) -> Entry | None:
        """Return what is known of a scene."""
        return self._entries.get(scene_id)

    def put(self, entry: Entry) -> None:
        """Add or replace the entry of a scene.

        Raises:
            OutputError: the file cannot be written.
        """
        # Read again: another run may have added scenes in the meantime.
        self._entries = _read(self.path) | {entry.id: entry}
        text = "".join(json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in self._entries.values())
        partial = self.path.with_name(f".{NAME}.{os.getpid()}.partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(text, encoding="utf-8", newline="\n")
            partial.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise OutputError(
                f"{self.path}: cannot be written ({error.strerror}); make room or choose another --out"
            ) from error


def _read(path: Path) -> dict[str, Entry]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    found = (_entry(line) for line in lines)
    return {entry.id: entry for entry in found if entry is not None}


def _entry(line: str) -> Entry | None:
    try:
        values: dict[str, Any] = json.loads(line)
        known = {name: values[name] for name in (field.name for field in fields(Entry))}
        known["tiles"] = tuple(tuple(bounds) for bounds in known["tiles"])
        return Entry(**known | {"items": tuple(known["items"]), "requests": tuple(known["requests"])})
    except (ValueError, KeyError, TypeError):
        return None
