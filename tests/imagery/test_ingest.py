"""From files to records of images."""

from __future__ import annotations

import json
import os
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import rasterio

from findings.errors import InputError, UnreadableImage
from findings.survey import ImageKind, ImageStatus, ScaleSource
from imagery.ingest import IngestOptions, collect_files, describe
from tests.imagery.files import UTM, grey_picture, write_photo, write_tif

RNG = np.random.default_rng(2)


def _scene(path: Path) -> Path:
    return write_tif(path, RNG.integers(1, 3000, (4, 20, 30), dtype=np.uint16), **UTM)


def test_a_photo_without_exif_is_taken_with_sizes_in_pixels(tmp_path: Path) -> None:
    image = describe(write_photo(tmp_path / "a.jpg", grey_picture(RNG)), "s1")
    assert (image.kind, image.width_px, image.height_px) == (ImageKind.PHOTO, 160, 120)
    assert (image.scale.source, image.captured_at, image.footprint) == (ScaleSource.UNKNOWN, None, None)
    assert image.status is ImageStatus.PENDING
    assert image.quality.warnings[-1].startswith("no scale: sizes in pixels only")
    assert Path(image.path).is_absolute()


def test_the_uid_depends_on_the_survey_and_the_bytes_alone(tmp_path: Path) -> None:
    first = write_photo(tmp_path / "a.jpg", grey_picture(RNG))
    copy = tmp_path / "renamed.jpg"
    copy.write_bytes(first.read_bytes())
    assert describe(first, "s1").uid == describe(copy, "s1").uid != describe(first, "s2").uid
    assert uuid.UUID(describe(first, "s1").uid).version == 5


def test_what_the_user_states_is_taken(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", grey_picture(RNG), taken="2025:06:01 10:00:00")
    when = datetime(2025, 6, 1, 10, tzinfo=timezone(timedelta(hours=9)))
    image = describe(path, options=IngestOptions(gsd_mm=0.4, captured_at=when))
    assert image.captured_at == datetime(2025, 6, 1, 1, tzinfo=UTC)
    assert image.captured_at.utcoffset() == timedelta(0)
    assert (image.scale.gsd_mm, image.scale.source) == (0.4, ScaleSource.GIVEN_GSD)
    assert not any("unknown zone" in note for note in image.notes)
    with pytest.raises(InputError, match="without zone"):
        describe(path, options=IngestOptions(captured_at=when.replace(tzinfo=None)))


def test_an_all_nodata_scene_is_recorded_as_not_assessed(tmp_path: Path) -> None:
    image = describe(write_tif(tmp_path / "a.tif", np.zeros((3, 9, 9), np.int16), nodata=0, **UTM))
    assert (image.status, image.reason) == (ImageStatus.NOT_ASSESSED, "all pixels are nodata")


@pytest.mark.parametrize(
    ("name", "when", "words"),
    [
        ("T52_20200512T021559_B.tif", datetime(2020, 5, 12, 2, 15, 59, tzinfo=UTC), "date and time from the file name"),
        ("river_2020-05-12_l2a.tif", datetime(2020, 5, 12, 12, tzinfo=UTC), "noon taken"),
        ("1985.tif", datetime(1985, 7, 2, 12, tzinfo=UTC), "only the year is known"),
        ("scene_20201399.tif", None, "--captured-at"),
        ("tile12345678.tif", None, "--captured-at"),
    ],
)
def test_a_date_in_the_name_counts_with_its_exactness(
    name: str, when: datetime | None, words: str, tmp_path: Path
) -> None:
    image = describe(_scene(tmp_path / name))
    assert image.captured_at == when
    assert any(words in note for note in image.notes)


def test_a_stac_item_beside_the_scene_knows_better_than_its_name(tmp_path: Path) -> None:
    path = _scene(tmp_path / "1985.tif")
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "properties": {"datetime": "2021-03-04T01:02:03Z", "platform": "sentinel-2a", "view:off_nadir": 3.5},
        "assets": {"data": {"href": "./1985.tif"}},
    }
    (tmp_path / "0-broken.json").write_text("[" * 100_000)
    (tmp_path / "another-item.json").write_text(json.dumps(item))
    image = describe(path)
    assert image.captured_at == datetime(2021, 3, 4, 1, 2, 3, tzinfo=UTC)
    assert (image.platform, image.incidence_deg) == ("sentinel-2a", 3.5)
    item["assets"] = {"data": {"href": "./other.tif"}}
    (tmp_path / "another-item.json").write_text(json.dumps(item))
    assert describe(path).captured_at == datetime(1985, 7, 2, 12, tzinfo=UTC)


def test_folders_give_their_images_in_order_and_name_the_rest(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "sub/c.tif", "notes.txt", "item.json", ".hidden.jpg", "half.tif.partial"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "b.JPG")
    found = collect_files([tmp_path, tmp_path / "a.png"])
    assert [path.relative_to(tmp_path).as_posix() for path in found.files] == ["a.png", "b.JPG", "sub/c.tif"]
    ignored = {path.name for path in found.ignored}
    assert ignored == {"notes.txt", "item.json", ".hidden.jpg", "half.tif.partial", "link.jpg"}
    with pytest.raises(InputError, match="no such file"):
        collect_files([tmp_path / "none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no image in"):
        collect_files([tmp_path / "empty"])


@pytest.mark.realdata
def test_real_scenes_carry_scale_place_and_time(shared_data: Path) -> None:
    options = IngestOptions(bands=("swir1", "nir", "red", "green"))
    ucayali = describe(shared_data / "water/ucayali_landsat/1990.tif", options=options)
    assert ucayali.scale.gsd_mm == pytest.approx(89_225, abs=50)  # README: about 89 m
    assert ucayali.captured_at == datetime(1990, 7, 2, 12, tzinfo=UTC)
    assert ucayali.position_lonlat == pytest.approx((-74.44, -8.43), abs=0.01)
    tile = describe(shared_data / "water/tiles30m/images/0.tif")
    assert (tile.crs, tile.scale.source) == (None, ScaleSource.UNKNOWN)
    assert "no CRS: image coordinates only" in tile.notes


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_transform_that_is_no_number_leaves_image_coordinates(tmp_path: Path, number: float) -> None:
    transform = rasterio.Affine(10, 0, number, 0, -10, 4_000_000)
    path = write_tif(
        tmp_path / "a.tif", RNG.integers(1, 3000, (4, 20, 30), dtype=np.uint16), **UTM | {"transform": transform}
    )
    image = describe(path)
    assert (image.crs, image.transform) == (None, None)
    assert any("image coordinates only" in note for note in image.notes)


def test_a_time_at_the_end_of_the_calendar_is_ignored(tmp_path: Path) -> None:
    xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><d drone-dji:UTCAtExposure="9999-12-31T23:59:59-14:00"/></x:xmpmeta>'
    path = write_photo(tmp_path / "a.jpg", grey_picture(RNG), xmp=xmp, taken="9999:12:31 23:59:59", offset="-14:00")
    assert describe(path).captured_at is None


def test_a_name_that_is_not_utf_8_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode("橋.jpg".encode("cp932"))
    write_photo(tmp_path / "a.jpg", grey_picture(RNG)).rename(path)
    with pytest.raises(UnreadableImage, match="rename"):
        describe(path)


def test_a_path_too_long_for_the_system_is_no_such_file() -> None:
    with pytest.raises(InputError, match="no such file"):
        collect_files([Path("x" * 5000)])
