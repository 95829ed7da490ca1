"""Products on disk: which folders, archives and files are one scene, and how each becomes a COG with mask and item.

A path that is no product is left alone: plain photographs and rasters are ingested as they are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from findings.errors import InputError, OutputError
from imagery.products import sentinel1, sentinel2
from imagery.products.archive import extract, is_zip, member_names
from imagery.products.landsat import find_layers, open_hls, open_landsat
from imagery.products.orthomosaic import needs_cog, to_cog
from imagery.radiometry import RADAR, radar_scale, sample_of
from imagery.reader import open_image
from imagery.scene_product import SceneProduct, is_complete, write_product

RASTERS = (".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class ProductRef:
    """A product that was recognised by its name and contents, and not read yet.

    Attributes:
        path: the folder, archive or first file; for messages.
        kind: in words.
        claims: files and folders that belong to it and are no pictures of their own.
        open: a context manager that yields the scene; its argument is a folder for what must be unpacked, and the
            time that the user gave.
        copy: for rasters that only need another layout: makes the COG in a folder and returns it.
    """

    path: Path
    kind: str
    claims: tuple[Path, ...]
    open: Callable[[Path, datetime | None], AbstractContextManager[SceneProduct]] | None = None
    copy: Callable[[Path], Path] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Products among some paths, and everything that they lay claim to."""

    products: tuple[ProductRef, ...]
    refused: tuple[tuple[Path, InputError], ...] = field(default=())

    @property
    def claims(self) -> tuple[Path, ...]:
        """Files and folders that must not be taken for plain pictures."""
        return tuple(path for product in self.products for path in product.claims) + tuple(p for p, _ in self.refused)


def find_products(paths: Sequence[Path]) -> Found:
    """Return the products among files and folders (with everything below them), in name order.

    Recognised are Sentinel-2 SAFE folders and zips, Sentinel-1 SAFE (to be refused with the remedy), Landsat Collection
    2 and HLS v2.0 scenes by the names of their files, Sentinel-1 chips by the names of files or bands, and large
    GeoTIFFs without tiles or overviews. What is no product is left to the caller.
    """
    folders, archives, files = _walk(paths)
    products = [_safe_folder(folder) for folder in folders]
    refused: list[tuple[Path, InputError]] = []
    for archive in archives:
        try:
            ref = _archive(archive, given=archive in paths)
        except InputError as error:
            refused.append((archive, error))
        else:
            products += [ref] if ref is not None else []
    layered = find_layers(files)
    for layers in layered:
        opened = open_hls if layers.hls else open_landsat
        first = next(iter(layers.files.values()))
        products.append(
            ProductRef(
                first.with_name(layers.id), "HLS scene" if layers.hls else "Landsat scene",
                tuple(layers.files.values()), partial(_without_folder, partial(opened, layers)),
            )
        )  # fmt: skip
    taken = {path for layers in layered for path in layers.files.values()}
    rest = [path for path in files if path not in taken and path.suffix.lower() in RASTERS]
    products += _polarisations(rest)
    taken = {path for product in products for path in product.claims}
    products += [ref for path in rest if path not in taken and (ref := _raster(path)) is not None]
    return Found(tuple(sorted(products, key=lambda product: str(product.path))), tuple(refused))


def take_product(ref: ProductRef, scenes: Path, captured_at: datetime | None = None) -> Path:
    """Return the raster of a product below ``scenes/<collection>/``, written now unless it is there already.

    Args:
        ref: out of `find_products`.
        scenes: folder of all scenes.
        captured_at: when, for products that say nothing of it.

    Raises:
        InputError: the product cannot be read, or not as it is.
        NotAssessable: the scene arrived empty.
        OutputError: it could not be written; nothing of it stays behind.
    """
    if ref.copy is not None:
        return ref.copy(scenes / "orthomosaic")
    if ref.open is None:
        raise ValueError(f"{ref.path}: neither a way to open nor to copy it")
    try:
        scenes.mkdir(parents=True, exist_ok=True)
        work = tempfile.TemporaryDirectory(prefix=".unpacked-", dir=scenes)
    except OSError as error:
        raise OutputError(f"{scenes}: cannot be written ({error.strerror}); choose another --home") from error
    with work, ref.open(Path(work.name), captured_at) as product:
        folder = scenes / product.collection
        if is_complete(folder, product.id):
            return folder / f"{product.id}.tif"
        return write_product(product, folder)


# --- recognition ----------------------------------------------------------------------------------------------------


def _walk(paths: Sequence[Path]) -> tuple[list[Path], list[Path], list[Path]]:
    """Return SAFE folders, zip archives and all other files; nothing below a SAFE folder, no links, no hidden files."""
    folders: list[Path] = []
    archives: list[Path] = []
    files: list[Path] = []

    def visit(path: Path, *, given: bool) -> None:
        if path.is_symlink() or (path.name.startswith(".") and not given):
            return
        if path.is_dir():
            if _is_safe(path):
                folders.append(path)
                return
            for inside in sorted(path.iterdir()):
                visit(inside, given=False)
        elif path.is_file():  # to open a pipe would wait for ever
            (archives if path.suffix.lower() == ".zip" and is_zip(path) else files).append(path)

    for path in paths:
        try:
            visit(path, given=True)
        except OSError:  # a name that is too long, a folder that cannot be listed: the caller tells
            continue
        except RecursionError as error:
            raise InputError(f"{path}: folders nested too deeply; give the one that holds the pictures") from error
    return list(dict.fromkeys(folders)), list(dict.fromkeys(archives)), list(dict.fromkeys(files))


def _is_safe(folder: Path) -> bool:
    return folder.suffix == ".SAFE" or any(
        (folder / name).is_file() for name in (sentinel2.METADATA, sentinel2.LEVEL_1C, "manifest.safe")
    )


def _without_folder(
    opened: Callable[[], AbstractContextManager[SceneProduct]], _work: Path, _captured_at: datetime | None
) -> AbstractContextManager[SceneProduct]:
    return opened()


def _safe_folder(folder: Path) -> ProductRef:
    return ProductRef(folder, "SAFE folder", (folder,), partial(_without_folder, partial(_open_safe, folder)))


def _open_safe(folder: Path) -> AbstractContextManager[SceneProduct]:
    if folder.name.startswith("S1"):
        raise InputError(f"{folder.name}: Sentinel-1 digital numbers without calibration; {sentinel1.REMEDY}")
    return sentinel2.open_safe(folder)


def _archive(archive: Path, *, given: bool) -> ProductRef | None:
    """Return the product in a zip, or None for another zip that merely lies in a folder.

    Raises:
        InputError: an archive that is not safe to open, or that holds no product.
    """
    roots = {name.split("/")[0] for name in member_names(archive) if name.split("/")[0].endswith(".SAFE")}
    if not roots and not given:
        return None
    if len(roots) != 1:
        raise InputError(
            f"{archive}: holds {len(roots) or 'no'} SAFE products; expected one Sentinel-2 product: unpack it and give "
            "the folder"
        )
    root = roots.pop()
    return ProductRef(archive, "zipped SAFE", (archive,), lambda work, _when: _open_archive(archive, root, work))


@contextmanager
def _open_archive(archive: Path, root: str, work: Path) -> Iterator[SceneProduct]:
    if root.startswith("S1"):
        raise InputError(f"{archive.name}: Sentinel-1 digital numbers without calibration; {sentinel1.REMEDY}")
    extract(archive, work, lambda name: name.startswith(f"{root}/") and sentinel2.wanted_members(name))
    with sentinel2.open_safe(work / root) as product:
        yield product


def _polarisations(files: Sequence[Path]) -> list[ProductRef]:
    """Return Sentinel-1 chips of one file a polarisation: names that differ in vv, vh, hh or hv alone."""
    groups: dict[tuple[Path, str], dict[str, Path]] = {}
    for path in files:
        name = sentinel1.polarisation_of(path)
        if name is not None and _is_one_band(path):
            groups.setdefault((path.parent, name[0]), {})[name[1]] = path
    return [_chip(dict(sorted(group.items(), reverse=True))) for group in groups.values()]  # vv before vh


def _is_one_band(path: Path) -> bool:
    """Return whether a file could be one polarisation: a band with a place, or Sentinel-1's own name."""
    try:
        with open_image(path) as reader:
            return len(reader.bands) == 1 and (reader.crs is not None or path.name[:2].upper() == "S1")
    except InputError:
        return False  # the plain way tells what is wrong with it


def _chip(files: dict[str, Path]) -> ProductRef:
    return ProductRef(
        next(iter(files.values())),
        "Sentinel-1 chip",
        tuple(files.values()),
        lambda _work, when: sentinel1.open_chip(files, when),
    )


def _raster(path: Path) -> ProductRef | None:
    """Return what a single GeoTIFF is: a chip of ratios, a raster to lay out anew, or None for a plain picture."""
    try:
        if _is_linear_chip(path):
            return _chip({"": path})
        reason = needs_cog(path)
    except InputError:
        return None  # the plain way tells what is wrong with it
    return ProductRef(path, reason, (path,), copy=partial(to_cog, path)) if reason is not None else None


def _is_linear_chip(path: Path) -> bool:
    """Return whether a file's bands are polarisations as ratios or digital numbers; dB is fit as it is."""
    with open_image(path) as reader:
        names = [name for name in reader.bands if name in RADAR]
        if not names or len(names) != len(reader.bands) or reader.tags.get("RADIOMETRY") is not None:
            return False
        values = [sample_of(reader, name) for name in names]
    return any(radar_scale(plane)[0] in ("linear", "dn") for plane in values)
