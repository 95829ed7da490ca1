"""The pictures of a survey's sheets and report: the place of each finding, outlined, with a scale bar.

Photographs are drawn anew from the original, with the outline as people corrected it. Scenes, and photographs whose
file is no longer at its place, are shown by the evidence picture that the inspection wrote; what is in neither place is
stated as missing.
"""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from findings.errors import InputError
from findings.exports.record import Entry, Shot
from findings.review import standing
from findings.survey import Image, ImageKind
from imagery.digest import sha256_file
from imagery.reader import open_image
from inference.overlay import panels
from inference.photographs import load_picture

QUALITY = 85
MISSING = ("写真なし(ファイルが見つからない)", "no picture: the file is not at its place")
EVIDENCE = (
    "点検時に保存した画像(原画像は見つからない)",
    "picture kept at the inspection: the original is not at its place",
)
CHANGED = (
    "点検時に保存した画像(原画像の内容が変わった、または読めない)",
    "picture kept at the inspection: the original changed since, or cannot be read",
)


class RecordPictures:
    """Gives the picture of each finding; the photograph decoded last is kept, as findings of one picture follow.

    Args:
        home: the store's home, below which evidence pictures lie.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._open: tuple[str, NDArray[np.uint8] | None, NDArray[np.uint8] | None] = ("", None, None)
        self.missing: list[str] = []

    def __call__(self, entry: Entry) -> Shot:
        """Return the picture of an entry; one that cannot be had is listed in ``missing``."""
        image = entry.image
        if image is not None and image.kind is ImageKind.PHOTO:
            drawn = self._drawn(entry, image)
            if drawn is not None:
                return drawn
            return self._kept(entry, EVIDENCE if not Path(image.path).is_file() else CHANGED)
        return self._kept(entry, ("", ""))

    def _drawn(self, entry: Entry, image: Image) -> Shot | None:
        rgb, mask = self._decoded(image)
        if rgb is None:
            return None
        outline = standing(entry.finding, entry.reviews).outline_px
        detail, whole = panels(rgb, outline, entry.finding.scale.gsd_mm, mask=mask)
        return Shot(_jpeg(detail), _jpeg(whole))

    def _decoded(self, image: Image) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
        """Return the pixels and the mask of the file that was ingested, or Nones."""
        if self._open[0] != image.uid:
            path = Path(image.path)
            mask = Path(image.mask_path) if image.mask_path and Path(image.mask_path).is_file() else None
            rgb = known = None
            try:
                if path.is_file() and sha256_file(path) == image.sha256:
                    with open_image(path, mask=mask) as reader:
                        picture = load_picture(reader)
                    rgb, known = picture.rgb, picture.mask
            except InputError:
                pass  # the note of the evidence picture that stands in says so
            self._open = (image.uid, rgb, known)
        return self._open[1], self._open[2]

    def _kept(self, entry: Entry, note: tuple[str, str]) -> Shot:
        """Return the evidence picture that the inspection wrote."""
        evidence = entry.finding.evidence.get("overlay")
        path = self._home / evidence if evidence is not None else None
        try:
            if path is not None and path.resolve().is_relative_to(self._home.resolve()):
                content = path.read_bytes()
                with Pillow.open(io.BytesIO(content)) as picture:
                    picture.verify()
                return Shot(content, None, note)
        except (OSError, SyntaxError, ValueError):  # what Pillow raises for files that are no picture
            pass
        self.missing.append(entry.finding.uid)
        return Shot(None, None, MISSING)


def _jpeg(rgb: NDArray[np.uint8]) -> bytes:
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return data.tobytes()
