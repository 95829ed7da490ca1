"""The pictures of a survey's sheets and report: the place of each finding, outlined, with a scale bar.

Photographs are drawn anew from the original, with the outline as people corrected it. Scenes, and photographs whose
file is no longer at its place, are shown by the evidence picture that the inspection wrote; what is in neither place is
stated as missing.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from findings.errors import InputError, OutputError
from findings.exports.record import Entry, Jpeg, Shot
from findings.review import standing
from findings.survey import Image, ImageKind
from imagery.digest import sha256_file
from imagery.reader import open_image
from inference.overlay import panels
from inference.photographs import load_picture
from inference.then_now import then_now

QUALITY = 85
LETTERING = 2.0  # the pictures are printed 8 cm wide
PARTS = ("detail", "whole")
PAIR = "pair"
MISSING = (
    "写真なし(原画像・保存画像とも見つからない、または変わった)",
    "no picture: neither the original nor a kept one is at its place unchanged",
)
EVIDENCE = (
    "点検時に保存した画像(原画像は見つからない)",
    "picture kept at the inspection: the original is not at its place",
)
CHANGED = (
    "点検時に保存した画像(原画像の内容が変わった、または読めない)",
    "picture kept at the inspection: the original changed since, or cannot be read",
)


class RecordPictures:
    """Gives the picture of each finding; a context manager, as drawn pictures wait in a temporary folder.

    Args:
        home: the store's home, below which evidence pictures lie.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._folder = TemporaryDirectory(prefix="mizuhashi-")
        self.missing: list[str] = []

    def __enter__(self) -> RecordPictures:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def prepare(self, entries: Sequence[Entry], progress: Callable[[str, int, int], None] | None = None) -> None:
        """Draw the pictures of these entries, each photograph opened once, however the ranking mixes them."""
        groups: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.image is not None and entry.image.kind is ImageKind.PHOTO:
                groups.setdefault(entry.image.uid, []).append(entry)
        for done, group in enumerate(groups.values()):
            if progress is not None:
                progress(group[0].picture_name, done, len(groups))
            self._draw(group)
        if progress is not None and groups:
            progress("", len(groups), len(groups))

    def __call__(self, entry: Entry) -> Shot:
        """Return the picture of an entry; one that cannot be had is listed in ``missing``."""
        image = entry.image
        if image is None or image.kind is not ImageKind.PHOTO:
            return self._kept(entry, ("", ""))
        uid = entry.finding.uid
        detail, whole, pair = (Path(self._folder.name) / f"{uid}-{part}.jpg" for part in (*PARTS, PAIR))
        if not detail.is_file():
            self._draw([entry])
        if detail.is_file():
            return Shot(_read(detail), _read(whole), _read(pair) if pair.is_file() else None)
        return self._kept(entry, CHANGED if Path(image.path).is_file() else EVIDENCE)

    def _draw(self, entries: Sequence[Entry]) -> None:
        """Write the pictures of findings of one photograph, unless the file is not the one that was ingested."""
        image = entries[0].image
        if image is None:
            return
        known = Path(image.mask_path) if image.mask_path is not None else None
        rgb, mask = _decoded(Path(image.path), image.sha256, known)
        if rgb is None:
            return
        load = lru_cache(maxsize=3)(_pixels)
        for entry in entries:
            then = _then_now(entry, rgb, load)
            if then is not None:
                self._save(entry, PAIR, then)
            outline = standing(entry.finding, entry.reviews).outline_px
            drawn = panels(rgb, outline, entry.finding.scale.gsd_mm, mask=mask, lettering=LETTERING)
            for part, picture in zip(PARTS, drawn, strict=True):
                self._save(entry, part, picture)

    def _save(self, entry: Entry, part: str, rgb: NDArray[np.uint8]) -> None:
        file = Path(self._folder.name) / f"{entry.finding.uid}-{part}.jpg"
        if not cv2.imwrite(str(file), rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
            raise OutputError(f"{file.parent}: pictures cannot be kept there; free some space or set TMPDIR")

    def _kept(self, entry: Entry, note: tuple[str, str]) -> Shot:
        """Return the evidence picture that the inspection wrote."""
        evidence = entry.finding.evidence.get("overlay")
        path = self._home / evidence if evidence is not None else None
        try:
            if path is not None and path.resolve().is_relative_to(self._home.resolve()):
                content = path.read_bytes()
                with Pillow.open(io.BytesIO(content)) as picture:
                    size = picture.size
                    picture.verify()
                return Shot(Jpeg(content, *size), note=note)
        except (OSError, SyntaxError, ValueError):  # what Pillow raises for files that are no picture
            pass
        self.missing.append(entry.finding.uid)
        return Shot(None, note=MISSING)


def _then_now(
    entry: Entry, rgb: NDArray[np.uint8], load: Callable[[str, str], NDArray[np.uint8] | None]
) -> NDArray[np.uint8] | None:
    """Return the place then and now in the frame of the present picture, or None.

    Args:
        entry: a finding.
        rgb: its own picture; the one that is registered may be another one.
        load: decodes a file of that path and digest, or returns None.
    """
    joined = entry.joined
    if joined is None:
        return None
    same = joined.now_image.uid == entry.finding.image_uid
    now = rgb if same else load(joined.now_image.path, joined.now_image.sha256)
    then = load(joined.then_image.path, joined.then_image.sha256)
    if then is None or now is None:
        return None
    outline = standing(joined.now, entry.reviews if joined.now.uid == entry.finding.uid else ()).outline_px
    titles = (_title("then", joined.then_image), _title("now", joined.now_image))
    outlines = (joined.then.geometry_px, outline)
    return then_now(then, now, joined.registration, outlines, titles, joined.now.scale.gsd_mm)


def _title(word: str, image: Image) -> str:
    day = "no date" if image.captured_at is None else f"{image.captured_at:%Y-%m-%d}"
    return f"{word} {day} {Path(image.path).name}".encode("ascii", "replace").decode()


def _pixels(path: str, sha256: str) -> NDArray[np.uint8] | None:
    """Return the pixels of the file that was ingested, or None."""
    return _decoded(Path(path), sha256, None)[0]


def _decoded(path: Path, sha256: str, mask: Path | None) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    """Return the pixels and the mask of the file that was ingested, or Nones: another note stands in then."""
    try:
        if not path.is_file() or sha256_file(path) != sha256:
            return None, None
        with open_image(path, mask=mask if mask is not None and mask.is_file() else None) as reader:
            picture = load_picture(reader)
    except (InputError, OSError):
        return None, None
    return picture.rgb, picture.mask


def _read(path: Path) -> Jpeg:
    content = path.read_bytes()
    with Pillow.open(io.BytesIO(content)) as picture:
        return Jpeg(content, *picture.size)
