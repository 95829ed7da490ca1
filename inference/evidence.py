"""Evidence pictures of findings: what the reader sees beside the numbers."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from findings.errors import OutputError
from findings.finding import Finding
from findings.survey import Image
from imagery.masks import Classes
from inference.overlay import Earlier, overlay_image
from inference.river.look import ScenePart
from inference.scenes import Scene

FOLDER = "evidence"


def photo_evidence(home: Path, rgb: NDArray[np.uint8], finding: Finding, *, mask: Classes | None = None) -> Finding:
    """Return the finding with its overlay picture written below ``home/evidence``; what ``mask`` hides is hatched."""
    return _written(home, finding, {"overlay": overlay_image(rgb, finding, mask=mask)})


def scene_evidence(home: Path, scene: Scene, finding: Finding, *, before: Scene | None = None) -> Finding:
    """Return the finding with its overlay written; a change is shown beside its place at the first date."""
    earlier = None
    if before is not None and "early_dates" in finding.details:
        earlier = Earlier(before.rgb, _day(before.image), _day(scene.image), before.mask)
    pictures = {"overlay": overlay_image(scene.rgb, finding, mask=scene.mask, earlier=earlier)}
    if earlier is not None:
        pictures["before"] = overlay_image(earlier.rgb, finding, mask=earlier.mask)
    return _written(home, finding, pictures)


def series_evidence(home: Path, finding: Finding, after: ScenePart, before: ScenePart | None) -> Finding:
    """Return a finding of a series with its overlay: the place in the latest scene beside an early one of the season.

    Args:
        home: pictures are written below it.
        finding: with its outline on the ground.
        after: the latest scene that shows the reach.
        before: an early one, or None; on another grid it is left out.
    """
    moved = _in_view(finding, after)
    earlier = None
    if before is not None and before.rgb.shape == after.rgb.shape and before.transform == after.transform:
        earlier = Earlier(before.rgb, _day(before.image), _day(after.image), before.mask)
    pictures = {"overlay": overlay_image(after.rgb, moved, mask=after.mask, earlier=earlier)}
    if earlier is not None:
        pictures["before"] = overlay_image(earlier.rgb, moved, mask=earlier.mask)
    return _written(home, finding, pictures)


def _in_view(finding: Finding, view: ScenePart) -> Finding:
    """Return the finding with its outline in the pixels of a view."""
    place = finding.geometry_lonlat
    if not isinstance(place, Polygon):
        return finding
    px = view.grid.pixels(np.asarray(place.exterior.coords)[:, :2], "EPSG:4326")
    return replace(finding, geometry_px=Polygon(px).buffer(0))


def _day(image: Image) -> str:
    return "no date" if image.captured_at is None else f"{image.captured_at:%Y-%m-%d}"


def _written(home: Path, finding: Finding, pictures: dict[str, NDArray[np.uint8]]) -> Finding:
    folder = home / FOLDER / finding.survey_uid
    evidence = {}
    for name, picture in pictures.items():
        path = folder / f"{finding.uid}-{name}.jpg"
        evidence[name] = path.relative_to(home).as_posix()
        write_jpeg(path, picture)
    return replace(finding, evidence=evidence)


def write_jpeg(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Write a JPEG whole or not at all."""
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 88])
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")  # two inspections may write one picture
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data.tobytes() if done else b"")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(
            f"{path.name}: evidence could not be written ({error.strerror}); free space or --home"
        ) from error
