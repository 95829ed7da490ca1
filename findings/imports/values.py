"""What an import takes and gives."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shapely.geometry.base import BaseGeometry

from findings.asset import Asset, AssetKind
from findings.errors import RecordError

MAX_FEATURES = 1_000_000
"""Features of one file; a list of all bridges of the country has 0.7 million."""

MAX_VERTICES = 20_000_000
"""Vertices of one file: 320 MB of coordinates."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user says about a file.

    Attributes:
        crs: the reference system of the coordinates, e.g. ``EPSG:6671``; wins over what the file declares.
        layer: which layer of a file of several.
        kind: of rows that do not say it.
    """

    crs: str | None = None
    layer: str | None = None
    kind: AssetKind | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """The assets of one file.

    Attributes:
        assets: what could be taken.
        errors: one for each row or feature that could not.
        notes: what the user should know: how it was read, what was left out, what is doubtful.
    """

    assets: tuple[Asset, ...] = ()
    errors: tuple[RecordError, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """One table of features, before its columns are known by name.

    Attributes:
        name: of the layer.
        crs: what the file declares: an authority's code or WKT; None if it declares nothing.
        headings: of its columns.
        rows: where each feature stands, its cells in the order of ``headings`` and its geometry; or what is wrong.
        notes: what the reader had to guess.
    """

    name: str
    crs: str | None
    headings: tuple[str, ...]
    rows: Iterable[tuple[str, tuple[list[object], BaseGeometry | None] | RecordError]]
    notes: tuple[str, ...] = ()
