"""Fingerprints of pictures: the digest of the bytes, and 64 bits of what the picture shows.

The perceptual hash is the signs of the 8 x 8 lowest frequencies of the discrete cosine transform of a 32 x 32 grey
reduction, without the constant one (after Zauner 2010, Implementation and Benchmarking of Perceptual Image Hash
Functions, section 3.2, with the sign instead of the median). The signs of a mirrored or turned picture follow from the
picture's own (a mirror image changes the sign of the odd frequencies, a transposed one transposes), so one number tells
all eight orientations.

Two pictures are taken for one where at most `NEAR_BITS` of the 63 bits differ in the best orientation. The numbers that
this was chosen by stand in docs/decisions/0022.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import rasterio

from findings.errors import ConfigError, InputError
from imagery.digest import sha256_file
from imagery.reader import open_image
from imagery.safe import SHUT, open_untrusted, sniff_driver
from imagery.types import FloatArray, Window
from training.datasets.picture_file import picture_size

NEAR_BITS = 8
CELLS = 32
FLAT = 0.005  # of the mean: a grey reduction that varies less shows nothing to tell it by
_ODD = np.arange(8) % 2 == 1
_SCENE_BANDS = 3  # the first ones: further bands may hold maps of the place, which are the same at every date
_REDUCE_PX = 2048

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells a picture.

    Attributes:
        sha256: of the file's bytes.
        width_px: columns as stored.
        height_px: rows as stored.
        hash: 16 hex digits; None where the picture is too flat (open water, one colour) to be told by what it shows.
    """

    sha256: str
    width_px: int
    height_px: int
    hash: str | None


class Fingerprints:
    """Fingerprints of files, kept in a side file under a folder so that unchanged files are read once.

    Args:
        folder: where ``fingerprints.json`` is kept; None keeps nothing. A broken side file is made anew.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = None if folder is None else folder / "fingerprints.json"
        self._known: dict[str, dict[str, object]] = _kept(self._path)
        self._changed = False

    def picture(self, path: Path) -> Fingerprint:
        """Return the fingerprint of a picture.

        Raises:
            ConfigError: the file cannot be read.
        """
        found = self._look_up(path)
        if found is None or "width_px" not in found:
            try:
                rows, cols = picture_size(path)
                print_ = Fingerprint(sha256_file(path), cols, rows, perceptual_hash(path))
            except InputError as error:
                raise ConfigError(f"{error}. It is part of a data set: replace it or take it out") from error
            found = self._keep(path, asdict(print_))
        return Fingerprint(*(found[name] for name in ("sha256", "width_px", "height_px", "hash")))  # type: ignore[arg-type]

    def digest(self, path: Path) -> str:
        """Return the sha256 of a label file.

        Raises:
            ConfigError: the file cannot be read.
        """
        found = self._look_up(path)
        if found is None:
            try:
                found = self._keep(path, {"sha256": sha256_file(path)})
            except InputError as error:
                raise ConfigError(f"{error}. It is part of a data set: replace it or take it out") from error
        return str(found["sha256"])

    def save(self) -> None:
        """Write the side file; a folder that cannot be written costs time the next time, nothing else."""
        if self._path is None or not self._changed:
            return
        partial = self._path.with_suffix(f".{os.getpid()}.partial")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(self._known), encoding="utf-8")
            partial.replace(self._path)
        except OSError:
            with suppress(OSError):
                partial.unlink(missing_ok=True)

    def _look_up(self, path: Path) -> dict[str, object] | None:
        found = self._known.get(str(path.absolute()))
        return found if found is not None and found.get("stamp") == _stamp(path) else None

    def _keep(self, path: Path, values: dict[str, object]) -> dict[str, object]:
        self._changed = True
        self._known[str(path.absolute())] = {**values, "stamp": _stamp(path)}
        return self._known[str(path.absolute())]


def _stamp(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error}); it is part of a data set") from error
    return [found.st_size, found.st_mtime_ns]


def _kept(path: Path | None) -> dict[str, dict[str, object]]:
    if path is None or not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # nothing but time is lost: every entry is computed again
    return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}


def perceptual_hash(path: Path) -> str | None:
    """Return the hash of a picture as 16 hex digits, or None where it is too flat.

    Raises:
        InputError: the file cannot be read.
    """
    return hash_of(grey_cells(path))


def hash_of(cells: FloatArray) -> str | None:
    """Return the hash of a grey reduction ``(32, 32)``, or None where it is too flat."""
    mean, spread = float(np.abs(cells).mean()), float(cells.std())
    if spread <= FLAT * max(mean, 1e-6):
        return None
    signs = cv2.dct(cells.astype(np.float32))[:8, :8] > 0
    signs[0, 0] = False
    return np.packbits(signs.ravel()).tobytes().hex()


def orientations(hashes: Sequence[str]) -> Hashes:
    """Return the hashes ``(N, 8)`` of the pictures in all eight orientations, their own first."""
    packed = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, 8)
    signs = np.unpackbits(packed, axis=1).reshape(-1, 8, 8).astype(bool)
    columns, rows = np.broadcast_to(_ODD[None, :], (8, 8)), np.broadcast_to(_ODD[:, None], (8, 8))
    turned = [signs ^ flip for flip in (np.zeros((8, 8), bool), columns, rows, columns ^ rows)]
    turned += [each.transpose(0, 2, 1) for each in turned]
    bits = np.stack(turned, axis=1).copy()
    bits[..., 0, 0] = False
    return np.packbits(bits.reshape(len(packed), 8, 64), axis=2).reshape(-1, 64).view(np.uint64).reshape(-1, 8)


def distances(some: Hashes, others: Hashes) -> npt.NDArray[np.uint8]:
    """Return the bits ``(N, M)`` by which pictures differ in the best orientation."""
    best = np.full((len(some), len(others)), 64, np.uint8)
    for turn in range(8):
        np.minimum(best, np.bitwise_count(some[:, turn, None] ^ others[None, :, 0]), out=best)
    return best


def grey_cells(path: Path) -> FloatArray:
    """Return the grey reduction ``(32, 32)`` of a picture.

    Raises:
        InputError: the file cannot be read.
    """
    if sniff_driver(path) in ("JPEG", "PNG", "WEBP"):
        with rasterio.Env(**SHUT), open_untrusted(path) as data:
            large = min(data.width, data.height) > _REDUCE_PX
        flag = cv2.IMREAD_REDUCED_GRAYSCALE_4 if large else cv2.IMREAD_GRAYSCALE
        grey = cv2.imdecode(np.fromfile(path, np.uint8), flag | cv2.IMREAD_IGNORE_ORIENTATION)
        if grey is not None:
            return np.asarray(cv2.resize(grey, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float32)
    return _scene_cells(path)


def _scene_cells(path: Path) -> FloatArray:
    """Return the cells of a raster, read strip by strip; holes are filled with the mean."""
    with open_image(path) as reader:
        bands = reader.bands[:_SCENE_BANDS]
        edges = np.linspace(0, reader.height_px, CELLS + 1).round().astype(int)
        cells = np.full((CELLS, CELLS), np.nan, np.float32)
        for number, (top, bottom) in enumerate(zip(edges, np.maximum(edges[1:], edges[:-1] + 1), strict=False)):
            window = Window(0, min(int(top), reader.height_px - 1), reader.width_px, int(bottom - top))
            values = reader.read(window, bands).values
            seen = np.isfinite(values).all(axis=0)
            grey = np.where(seen, np.nan_to_num(values).mean(axis=0), 0.0).sum(axis=0)
            total = _columns(np.asarray(grey, np.float32))
            count = _columns(seen.sum(axis=0).astype(np.float32))
            cells[number] = np.divide(total, count, out=np.full(CELLS, np.nan, np.float32), where=count > 0)
    mean = float(np.nanmean(cells)) if np.isfinite(cells).any() else 0.0
    return np.asarray(np.nan_to_num(cells, nan=mean), np.float32)


def _columns(row: FloatArray) -> FloatArray:
    return np.asarray(cv2.resize(row[None], (CELLS, 1), interpolation=cv2.INTER_AREA)[0], np.float32)
