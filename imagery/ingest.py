"""From a file to the record of an image: what it is, how big, where, when, at which scale and how good."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from shapely.geometry import Polygon

from findings.errors import InputError
from findings.survey import Image, ImageKind, ImageStatus, Quality, Radiometry, Scale
from imagery.clouds import CloudOptions, refined
from imagery.dates import SceneRecord, find_item, mask_of_item, product_notes, scene_record
from imagery.digest import sha256_file
from imagery.footprint import edited_note, photo_footprint, scene_footprint, scene_to_lonlat
from imagery.mask_files import write_mask
from imagery.masks import Classes
from imagery.photo import PhotoMetadata, read_metadata
from imagery.quality import examine
from imagery.radiometry import radiometry_of
from imagery.reader import ImageReader, open_image
from imagery.sanity import doubts
from imagery.scale import ground_sample_distance, is_nadir, scene_scale
from imagery.scene_mask import scene_mask
from imagery.view import PhotoView, Stated, photo_view

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".jp2")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "mizuhashi:image")


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """What the user says about the files of one ingest; None: the files say it themselves, or nobody does."""

    gsd_mm: float | None = None
    gsd_sigma_mm: float | None = None
    stand_off_m: float | None = None
    bands: tuple[str, ...] | None = None
    captured_at: datetime | None = None
    mask_folder: Path | None = None  # where masks of photographs and out of quality bands are written; None: nowhere
    clouds: CloudOptions = field(default_factory=CloudOptions)  # of scenes: rims, and a second opinion
    shown: Stated = field(default_factory=Stated)  # what photographs show: an upright face, a terrain, level ground


@dataclass(frozen=True, slots=True)
class Collected:
    """Files to take, in order, and files of folders that are no images."""

    files: tuple[Path, ...]
    ignored: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What photographs and scenes know in different ways."""

    scale: Scale
    captured_at: datetime | None
    position_lonlat: tuple[float, float] | None = None
    footprint: Polygon | None = None
    incidence_deg: float | None = None
    platform: str | None = None
    notes: tuple[str, ...] = ()
    radiometry: Radiometry = Radiometry.DISPLAY  # of photographs
    mask_path: str | None = None
    view: Mapping[str, Any] | None = None


def collect_files(paths: Sequence[Path], *, leave_out: Sequence[Path] = ()) -> Collected:
    """Return the image files under some paths: files as given, folders with everything below, in name order.

    In folders, links, hidden files, suffixes of no image and the masks of scenes are left out and listed as ignored.

    Args:
        paths: files and folders.
        leave_out: files and folders whose contents are taken elsewhere (product folders); neither taken nor ignored.

    Raises:
        InputError: a path does not exist, or nothing but ``leave_out`` could be taken and that is empty.
    """
    files: list[Path] = []
    ignored: list[Path] = []
    elsewhere = {path.absolute() for path in leave_out}
    for path in paths:
        if not _exists(path):
            raise InputError(f"{path}: no such file or folder; check the path")
        if not elsewhere.isdisjoint((path.absolute(), *path.absolute().parents)):
            continue
        if not path.is_dir():
            files.append(path)
            continue
        for found in _below(path):
            if found.is_dir() or not elsewhere.isdisjoint((found.absolute(), *found.absolute().parents)):
                continue
            hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
            taken = found.suffix.lower() in SUFFIXES and not hidden and not found.is_symlink() and not _is_mask(found)
            (files if taken else ignored).append(found)
    if not files and not leave_out:
        raise InputError(f"no image in {', '.join(map(str, paths))}; expected files with one of {' '.join(SUFFIXES)}")
    return Collected(tuple(dict.fromkeys(files)), tuple(dict.fromkeys(ignored)))


def _below(folder: Path) -> list[Path]:
    try:
        return sorted(folder.rglob("*"))
    except RecursionError as error:
        raise InputError(f"{folder}: folders nested too deeply; give the one that holds the pictures") from error


def _is_mask(path: Path) -> bool:
    """Return whether a file is the mask of a scene that lies beside it."""
    if not path.stem.endswith("_mask"):
        return False
    scene = path.with_name(f"{path.stem.removesuffix('_mask')}{path.suffix}")
    mask = mask_of_item(scene, find_item(scene)) if scene.is_file() else None
    return mask is not None and mask.name == path.name


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long; pathlib lets this one through
        return False


def image_uid(survey_uid: str, sha256: str) -> str:
    """Return the uid of an image: the same file in the same survey always has the same."""
    return str(uuid.uuid5(_NAMESPACE, f"{survey_uid}:{sha256}"))


def describe(
    path: Path,
    survey_uid: str = "",
    *,
    options: IngestOptions | None = None,
    known: Mapping[str, Image] | None = None,
) -> Image:
    """Return the record of an image file; the whole file is decoded once.

    An image that is sound as a file but cannot be judged comes back as ``not_assessed`` with its reason.

    Args:
        path: the file.
        survey_uid: of its survey.
        options: what the user says of it.
        known: images described before, by sha256; the verdict on the same bytes at the same scale is taken over, and
            the file is not decoded again.

    Raises:
        InputError: UnsafeImage, UnreadableImage, or an option that does not fit the file.
    """
    options = options or IngestOptions()
    if options.captured_at is not None and options.captured_at.tzinfo is None:
        raise InputError(
            f"captured at {options.captured_at}: without zone; give e.g. --captured-at 2024-05-01T10:00+09:00"
        )
    with open_image(path, bands=options.bands) as reader:
        sha256 = sha256_file(path)
        photo = reader.kind is ImageKind.PHOTO
        facts = _photo_facts(path, reader, options) if photo else _scene_facts(reader, options, sha256)
        if facts.mask_path is not None:
            reader.put_mask(Path(facts.mask_path))
        quality, mask_path, mask_notes = _verdict(reader, facts, options, sha256, (known or {}).get(sha256))
        captured = options.captured_at.astimezone(UTC) if options.captured_at else facts.captured_at
        return Image(
            uid=image_uid(survey_uid, sha256),
            survey_uid=survey_uid,
            path=str(path.resolve()),
            sha256=sha256,
            kind=reader.kind,
            width_px=reader.width_px,
            height_px=reader.height_px,
            band_names=options.bands or reader.bands,  # with the skipped ones, to open it the same way again
            scale=facts.scale,
            quality=quality,
            captured_at=captured,
            position_lonlat=facts.position_lonlat,
            footprint=facts.footprint,
            crs=reader.crs,
            transform=reader.transform,
            incidence_deg=facts.incidence_deg,
            platform=facts.platform,
            status=ImageStatus.PENDING if quality.assessable else ImageStatus.NOT_ASSESSED,
            reason=None if quality.assessable else "; ".join(quality.reasons),
            notes=(*reader.notes, *facts.notes, *mask_notes),
            radiometry=facts.radiometry,
            mask_path=mask_path,
            view=facts.view,
        )


def _verdict(
    reader: ImageReader, facts: _Facts, options: IngestOptions, sha256: str, before: Image | None
) -> tuple[Quality, str | None, tuple[str, ...]]:
    """Return quality, path of the mask and notes on it, by one pass over the file or from an earlier one."""
    if before is not None and _same_verdict(before, reader, facts, options):
        return before.quality, before.mask_path, ()
    quality, classes = examine(reader, facts.scale)
    if classes is None or not quality.masked_share > 0:
        return quality, facts.mask_path, ()
    return quality, *_keep_mask(options.mask_folder, sha256, classes)


def _same_verdict(before: Image, reader: ImageReader, facts: _Facts, options: IngestOptions) -> bool:
    """Return whether another pass over the same bytes could only say what an earlier one said."""
    if (before.scale, before.band_names, before.kind) != (facts.scale, options.bands or reader.bands, reader.kind):
        return False
    if reader.kind is not ImageKind.PHOTO:
        return before.mask_path == facts.mask_path
    if before.quality.haze is None:  # too small to say, or from before photographs had masks
        return False
    if before.mask_path is None:
        return options.mask_folder is None or not before.quality.masked_share > 0
    return Path(before.mask_path).is_file()


def _keep_mask(folder: Path | None, sha256: str, classes: Classes) -> tuple[str | None, tuple[str, ...]]:
    """Return where the mask of a photograph was written, and a note where it was not."""
    if folder is None:
        return None, ("no folder for masks: its blurred, clipped and hazy parts are judged like the others",)
    return str(write_mask(folder / f"{sha256}.png", classes).resolve()), ()


def _photo_facts(path: Path, reader: ImageReader, options: IngestOptions) -> _Facts:
    metadata = read_metadata(path)
    scale = ground_sample_distance(
        metadata,
        reader.width_px,
        gsd_mm=options.gsd_mm,
        gsd_sigma_mm=options.gsd_sigma_mm,
        stand_off_m=options.stand_off_m,
    )
    notes = metadata.notes if options.captured_at is None else _without_time(metadata.notes)
    view = photo_view(metadata, reader.width_px, reader.height_px, scale, options.shown)
    if view.pose is None and options.shown.surface is None:
        view = _without_lens(metadata, reader, view)
    elif view.outline is not None:
        view = replace(view, notes=(*view.notes, *edited_note(metadata)))
    if view.sigma_m is not None:
        notes += (f"place of a pixel to about {view.sigma_m:.2g} m (1 sigma)",)
    return _Facts(
        scale=view.scale,
        captured_at=metadata.captured_at,
        position_lonlat=metadata.position_lonlat,
        footprint=view.outline,
        incidence_deg=view.incidence_deg if view.incidence_deg is not None else _incidence(metadata),
        platform=" ".join(filter(None, (metadata.make, metadata.model))) or None,
        notes=(*notes, *view.notes, *doubts(metadata, path)),
        view=view.pose.to_json() if view.pose is not None else None,
    )


def _without_lens(metadata: PhotoMetadata, reader: ImageReader, view: PhotoView) -> PhotoView:
    """Return the outline of a picture that looks straight down at a stated GSD through a lens that nobody knows."""
    flat = photo_footprint(metadata, reader.width_px, reader.height_px, view.scale)
    if flat is None:
        return view
    return replace(view, outline=flat.polygon_lonlat, sigma_m=flat.sigma_m, notes=(*view.notes, *flat.notes))


def _without_time(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(note for note in notes if "--captured-at" not in note)


def _incidence(metadata: PhotoMetadata) -> float | None:
    """Return the angle to the vertical of a camera that looks down on level ground; walls and soffits are unknown."""
    return abs((metadata.gimbal_pitch_deg or 0.0) + 90.0) if is_nadir(metadata) else None


def _scene_facts(reader: ImageReader, options: IngestOptions, sha256: str) -> _Facts:
    scale = scene_scale(
        reader.crs,
        reader.transform,
        reader.width_px,
        reader.height_px,
        gsd_mm=options.gsd_mm,
        gsd_sigma_mm=options.gsd_sigma_mm,
    )
    record = scene_record(reader.path, reader.tags)
    if options.captured_at is not None:
        record = SceneRecord(options.captured_at, record.platform, record.off_nadir_deg)
    footprint, centre = None, None
    if reader.crs is not None and reader.transform is not None:
        footprint = scene_footprint(reader.transform, reader.crs, reader.width_px, reader.height_px)
    if footprint is not None and reader.crs is not None and reader.transform is not None:
        middle = np.array([[reader.width_px / 2, reader.height_px / 2]])
        lon, lat = scene_to_lonlat(reader.transform, reader.crs, middle)[0]
        centre = (float(lon), float(lat))
    item = find_item(reader.path)
    radiometry, radiometry_notes = radiometry_of(reader, reader.tags, item)
    own, own_notes = scene_mask(reader, item, options.mask_folder, sha256)
    mask, mask_notes = refined(reader, own, options.mask_folder, sha256, options.clouds, scale.gsd_mm)
    return _Facts(
        scale=scale,
        captured_at=record.captured_at,
        position_lonlat=centre,
        footprint=footprint,
        incidence_deg=record.off_nadir_deg,
        platform=record.platform,
        notes=(*record.notes, *product_notes(item), *radiometry_notes, *own_notes, *mask_notes),
        radiometry=radiometry,
        mask_path=str(mask) if mask is not None else None,
    )
