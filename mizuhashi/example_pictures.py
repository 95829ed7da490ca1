"""The pictures on the page of the worked example: copies and contact sheets of what the commands wrote."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from findings.errors import OutputError
from findings.files import whole_file
from findings.finding import Finding
from findings.status import FindingStatus
from findings.store import Store
from findings.tracking import Track, TrackState
from imagery.decode import decode_rgb
from inference.evidence import write_jpeg
from mizuhashi.example_truth import EROSION
from mizuhashi.truth import CRACK

SHEET_PX = 420  # width of a photograph on a contact sheet
Picture = tuple[str, str]
"""Path below the page's folder, and what it shows."""


def contact_sheet(photographs: Sequence[Path], columns: int, target: Path) -> None:
    """Write a sheet of small photographs of one size, row by row; the last row may be short.

    Raises:
        OutputError: a photograph cannot be decoded, or the sheet cannot be written.
    """
    tiles = []
    for path in photographs:
        pixels = decode_rgb(path)
        if pixels is None:
            raise OutputError(f"{path}: expected a plain 8-bit RGB photograph")
        height = round(pixels.shape[0] * SHEET_PX / pixels.shape[1])
        tiles.append(cv2.resize(pixels, (SHEET_PX, height), interpolation=cv2.INTER_AREA))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[at : at + columns]) for at in range(0, len(tiles), columns)]
    target.parent.mkdir(parents=True, exist_ok=True)
    write_jpeg(target, np.asarray(np.vstack(rows), np.uint8))


def then_and_now(store: Store, survey: str, written: Path, page: Path, grown: str | None) -> Iterator[Picture]:
    """Copy one picture pair of each thing that can become of a damage; yield what there is.

    Args:
        store: holds the tracks.
        survey: name of the later survey.
        written: where ``findings compare --out`` wrote the pairs.
        page: folder of the page.
        grown: uid of the finding to show as progressed.
    """
    tracks = store.tracks(store.survey(survey).uid)

    def shown(track: Track) -> Finding:
        return store.finding(track.finding_uid or track.previous_uid or "")[0]

    wanted: tuple[tuple[str, str, Callable[[Track], bool]], ...] = (
        ("progressed", "Blue as of 2021, yellow as of 2026: the crack that grew fastest.",
         lambda track: track.finding_uid == grown),
        ("repaired", "Seen clearly, nothing found, and the surface is another: repaired?",
         lambda track: track.state is TrackState.REPAIRED_SUSPECTED and shown(track).damage == CRACK),
        ("new", "The place was seen in 2021 and nothing was recorded: new.",
         lambda track: track.state is TrackState.NEW and shown(track).damage == CRACK
         and shown(track).status is FindingStatus.CONFIRMED),
        ("rejected", "A tie hole that the network takes for a spall: rejected in 2021, and the comparison says so.",
         lambda track: track.previous_status is FindingStatus.REJECTED and track.finding_uid is not None),
    )  # fmt: skip
    for name, words, fits in wanted:
        of_it = [(shown(track), pair) for track in tracks if fits(track) for pair in _pairs(written, track)]
        if of_it:  # the longest: it is the easiest to look at
            _, pair = max(of_it, key=lambda one: (one[0].geometry_px.length, one[1].name))
            yield _copied(pair, page, name, words)


def river_pictures(store: Store, survey: str, home: Path, page: Path) -> Iterator[Picture]:
    """Copy the evidence of the erosion that ranks highest; yield what there is."""
    found = [finding for finding, _ in store.list_findings(survey=survey).items if finding.damage == EROSION]
    if found and "overlay" in found[0].evidence:
        yield _copied(home / found[0].evidence["overlay"], page, "erosion", "The bank that retreated most, both years.")


def _pairs(written: Path, track: Track) -> list[Path]:
    uid = track.finding_uid or track.previous_uid or ""
    return sorted(written.glob(f"*-{uid[:12]}.jpg"))


def _copied(source: Path, page: Path, name: str, words: str) -> Picture:
    target = page / "pictures" / f"{name}{source.suffix}"
    with whole_file(target) as partial:
        shutil.copyfile(source, partial)
    return f"pictures/{target.name}", words
