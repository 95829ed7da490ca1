"""Sentinel-1 GRD chips: GeoTIFFs of calibrated backscatter, as ratios or in dB, one file or one for each polarisation.

Backscatter leaves as sigma0 in dB, 10 log10(ratio). Digital numbers of the product itself are amplitudes that need the
calibration tables and a terrain correction (Sentinel-1 Product Specification S1-RS-MDA-52-7441, 2.3): they are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from findings.errors import InputError
from findings.survey import Radiometry
from imagery.dates import scene_record
from imagery.masks import Classes
from imagery.products.stack import BandStack, scene_id
from imagery.radiometry import RADAR, radar_scale, sample_of
from imagery.reader import open_image
from imagery.scene_product import SceneGrid, SceneProduct, Strip
from imagery.types import FloatArray, Window

COLLECTION = "sentinel-1-grd"
MIN_RATIO = 1e-6  # -60 dB, far below the noise floor of about -22 to -30 dB: a ratio of 0 is no observation
SINGLE = re.compile(r"(?P<before>.*?)[_.-](?P<polarisation>vv|vh|hh|hv)(?P<after>([_.-].*)?)$", re.IGNORECASE)
_PLATFORM = re.compile(r"(?<![A-Za-z0-9])S1([A-D])_", re.IGNORECASE)
REMEDY = (
    "calibrate it to sigma0 and correct it for terrain first (ESA SNAP: Calibration, Terrain-Correction, "
    "write GeoTIFF), or fetch it with `mizuhashi fetch sentinel --collection s1-grd`"
)


def polarisation_of(path: Path) -> tuple[str, str] | None:
    """Return the name without its polarisation, and the polarisation, of a file of one polarisation; or None."""
    found = SINGLE.fullmatch(path.stem)
    return (found["before"] + found["after"], found["polarisation"].lower()) if found is not None else None


@contextmanager
def open_chip(files: Mapping[str, Path], captured_at: datetime | None = None) -> Iterator[SceneProduct]:
    """Yield a chip in dB; its files stay open inside the block.

    Whether the values are ratios or dB is decided by the values themselves, and noted.

    Args:
        files: polarisation to file; or ``""`` to the one file whose bands are named after polarisations.
        captured_at: when, if the file says nothing.

    Raises:
        InputError: uncalibrated digital numbers, no time, no georeference, or files of different grids.
    """
    first = next(iter(files.values()))
    name = first.stem if "" in files else (polarisation_of(first) or (first.stem, ""))[0]
    with _open(files) as chip:
        found, note = radar_scale(chip.sample)
        if found not in ("dB", "linear"):
            raise InputError(f"{first}: {note}; {REMEDY}")
        record = scene_record(first, chip.tags)
        when = captured_at or record.captured_at
        if when is None:
            raise InputError(f"{first}: nothing says when it was taken; give --captured-at")
        platform = _PLATFORM.search(first.name)
        yield SceneProduct(
            id=scene_id(name),
            collection=COLLECTION,
            captured_at=when.astimezone(UTC),
            grid=chip.grid,
            bands=chip.bands,
            radiometry=Radiometry.BACKSCATTER_DB,
            read=_decibels(chip.read) if found == "linear" else lambda window: (chip.read(window), None),
            platform=f"sentinel-1{platform[1].lower()}" if platform else record.platform,
            properties=_sar(platform, chip.bands),
            source=f"{name}, calibrated backscatter on disk",
            notes=(note, *record.notes),
        )


@dataclass(frozen=True, slots=True)
class _Chip:
    grid: SceneGrid
    bands: tuple[str, ...]
    read: Callable[[Window], FloatArray]
    sample: FloatArray
    tags: Mapping[str, str]


@contextmanager
def _open(files: Mapping[str, Path]) -> Iterator[_Chip]:
    if "" not in files:
        with BandStack(next(iter(files.values())).name, files) as stack:
            names = tuple(files)
            yield _Chip(
                stack.grid,
                names,
                lambda window: np.stack([stack.read(name, window) for name in names]),
                stack.sample(names).ravel(),
                stack.tags(names[0]),
            )
        return
    with open_image(files[""]) as reader:
        if reader.crs is None or reader.transform is None:
            raise InputError(f"{files['']}: has no georeference; correct it for terrain first")
        names = tuple(name for name in reader.bands if name in RADAR)
        grid = SceneGrid(reader.crs, reader.transform, reader.width_px, reader.height_px)
        sample = np.concatenate([sample_of(reader, name) for name in names])
        yield _Chip(grid, names, lambda window: reader.read(window, names).values, sample, reader.tags)


def _decibels(read: Callable[[Window], FloatArray]) -> Strip:
    """Return a reader of dB out of one of ratios."""

    def strip(window: Window) -> tuple[FloatArray, Classes | None]:
        ratio = read(window)
        known = ratio >= MIN_RATIO
        return np.where(known, 10.0 * np.log10(np.where(known, ratio, 1.0)), np.nan).astype(np.float32), None

    return strip


def _sar(platform: re.Match[str] | None, bands: tuple[str, ...]) -> dict[str, Any]:
    """Return the SAR extension's fields, if the name says that it is Sentinel-1."""
    if platform is None:
        return {}
    mode = re.match(r"_?(IW|EW|WV|S[1-6])_", platform.string[platform.end() - 1 :], re.IGNORECASE)
    if mode is None:
        return {}
    return {
        "sar:instrument_mode": mode[1].upper(),
        "sar:frequency_band": "C",
        "sar:product_type": "GRD",
        "sar:polarizations": [band.upper() for band in bands],
    }
