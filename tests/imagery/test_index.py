"""The index of photographs, and photographs that are there twice."""

from __future__ import annotations

import io
import shutil
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imagery.index import IndexEntry, find_duplicates, index_photographs, thumbnail_hash
from tests.imagery.files import write_photo

SHOT: dict[str, Any] = {
    "make": "DJI", "model": "FC6310", "taken": "2025:06:01 10:00:00", "exposure": 0.001, "software": "v01.0",
    "lat_ref": "N", "lat": (35.0, 0.0, 0.0), "lon_ref": "E", "lon": (139.0, 0.0, 0.0),
}  # fmt: skip


def _scene(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def _photo(path: Path, picture: Image.Image, *, thumbnail: bool = True, quality: int = 95, **changed: Any) -> Path:
    """Write a photograph with an embedded thumbnail, as cameras do."""
    values = SHOT | changed
    exposure = values.pop("exposure")
    plain = write_photo(path, np.asarray(picture), **values)
    with Image.open(plain) as image:
        exif = image.getexif()
    exif.get_ifd(0x8769)[0x829A] = exposure
    block = exif.tobytes()
    if thumbnail:
        block = _with_thumbnail(block, picture)
    picture.save(path, quality=quality, exif=block)
    return path


def _with_thumbnail(block: bytes, picture: Image.Image) -> bytes:
    """Append a second directory with a JPEG to an Exif block (Exif 2.32, 4.6.4)."""
    small = io.BytesIO()
    picture.resize((160, 120)).save(small, "JPEG", quality=80)
    order = "<" if block[6:8] == b"II" else ">"
    body = bytearray(block[6:] + b"\0" * (len(block) % 2))
    (first,) = struct.unpack_from(order + "I", body, 4)
    (count,) = struct.unpack_from(order + "H", body, first)
    second = len(body)
    struct.pack_into(order + "I", body, first + 2 + 12 * count, second)
    start = second + 2 + 24 + 4
    body += struct.pack(order + "HHHIIHHIII", 2, 0x0201, 4, 1, start, 0x0202, 4, 1, small.tell(), 0) + small.getvalue()
    return b"Exif\0\0" + bytes(body)


def _index(*paths: Path) -> list[IndexEntry]:
    return list(index_photographs(paths))


def test_an_entry_says_what_the_header_says(tmp_path: Path) -> None:
    (entry,) = _index(_photo(tmp_path / "a.jpg", _scene(0)))
    assert (entry.width_px, entry.height_px, entry.camera, entry.exposure_s) == (320, 240, "DJI FC6310", 0.001)
    assert entry.position_lonlat == (139.0, 35.0)
    assert entry.captured_at is not None
    assert entry.size_bytes == (tmp_path / "a.jpg").stat().st_size
    assert entry.thumbnail_hash is not None
    missing, text = _index(tmp_path / "absent.jpg", Path(shutil.copy(__file__, tmp_path / "b.jpg")))
    assert (missing.size_bytes, missing.width_px, text.width_px) == (0, None, None)
    assert missing.notes
    assert text.notes


def test_the_same_bytes_under_another_name_are_told_once(tmp_path: Path) -> None:
    first = _photo(tmp_path / "a.jpg", _scene(0))
    other = _photo(tmp_path / "c.jpg", _scene(1), taken="2025:06:01 10:00:09")
    copy = Path(shutil.copy(first, tmp_path / "b.jpg"))
    (found,) = find_duplicates(_index(first, copy, other))
    assert (found.path, found.kept) == (copy, first)
    assert "same bytes" in found.reason
    assert find_duplicates(_index(first, other)) == []


def test_files_of_the_same_size_are_not_the_same_photograph(tmp_path: Path) -> None:
    for name, letter in (("a.tif", b"a"), ("b.tif", b"b")):
        (tmp_path / name).write_bytes(letter * 100)
    assert find_duplicates(_index(tmp_path / "a.tif", tmp_path / "b.tif")) == []


def test_an_exposure_that_was_saved_again_is_told_and_the_larger_one_kept(tmp_path: Path) -> None:
    original = _photo(tmp_path / "DJI_0001.jpg", _scene(0))
    smaller = _photo(tmp_path / "mail.jpg", _scene(0).resize((160, 120)), quality=70)
    edited = _photo(tmp_path / "edited.jpg", _scene(0), quality=60, software="Some Photo Viewer")
    found = {one.path: one for one in find_duplicates(_index(smaller, edited, original))}
    assert set(found) == {smaller, edited}
    assert {one.kept for one in found.values()} == {original}
    assert "Some Photo Viewer" in found[edited].reason


@pytest.mark.parametrize(
    "changed",
    [{"taken": "2025:06:01 10:00:01"}, {"exposure": 0.004}, {"lat": (35.0, 0.0, 0.1)}, {"model": "FC220"}],
)
def test_another_exposure_is_not_a_copy(changed: dict[str, Any], tmp_path: Path) -> None:
    first = _photo(tmp_path / "a.jpg", _scene(0))
    second = _photo(tmp_path / "b.jpg", _scene(0).resize((160, 120)), **changed)
    assert find_duplicates(_index(first, second)) == []


def test_a_burst_within_one_second_keeps_every_frame(tmp_path: Path) -> None:
    frames = [_photo(tmp_path / f"{quality}.jpg", _scene(0), quality=quality) for quality in (95, 94, 93)]
    assert find_duplicates(_index(*frames)) == []  # one clock, one place, one picture, but nobody saved them again


def test_without_a_thumbnail_or_with_another_one_nothing_is_taken_for_a_copy(tmp_path: Path) -> None:
    first = _photo(tmp_path / "a.jpg", _scene(0))
    other = _photo(tmp_path / "b.jpg", _scene(5).resize((160, 120)))
    bare = _photo(tmp_path / "c.jpg", _scene(0).resize((80, 60)), thumbnail=False)
    assert thumbnail_hash(bare) is None
    assert find_duplicates(_index(first, other, bare)) == []


def test_the_index_streams_in_the_memory_of_one_file(tmp_path: Path) -> None:
    path = _photo(tmp_path / "a.jpg", _scene(0))
    stream = index_photographs(path for _ in range(10**9))
    next(stream)
    tracemalloc.start()
    for _ in range(20):
        next(stream)
    _, early = tracemalloc.get_traced_memory()
    for _ in range(60):
        next(stream)
    _, late = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert late < early + 200_000


@pytest.mark.realdata
def test_real_photographs_are_indexed_at_more_than_100_a_second_without_reading_their_pixels(shared_data: Path) -> None:
    files = sorted((shared_data / "drone/brighton_beach/images").iterdir())
    list(index_photographs(files))
    start = time.process_time()
    entries = list(index_photographs(files * 5))
    assert len(entries) / (time.process_time() - start) > 100
    hashes = [entry.thumbnail_hash for entry in entries[: len(files)]]
    assert None not in hashes
    assert len(set(hashes)) == len(files)
    assert find_duplicates(entries[: len(files)]) == []
