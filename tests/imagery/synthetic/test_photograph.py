from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from findings.assets_file import read_assets
from findings.errors import OutputError
from findings.survey import ScaleSource
from imagery.photo import read_metadata
from imagery.scale import ground_sample_distance
from imagery.synthetic.bridge_survey import generate_bridge_survey
from imagery.synthetic.concrete import ConcretePhoto, ConcreteSpec, generate_concrete
from imagery.synthetic.photograph import write_photograph

TAKEN = datetime(2026, 5, 12, 10, 30, tzinfo=timezone(timedelta(hours=9)))


@pytest.fixture(scope="module")
def photo() -> ConcretePhoto:
    spec = ConcreteSpec(width_px=320, height_px=240, gsd_mm=0.37, jpeg_quality=None)
    return generate_concrete(np.random.default_rng(0), spec)


def test_pillow_reads_back_the_time_the_place_and_the_ground_sample_distance(
    photo: ConcretePhoto, tmp_path: Path
) -> None:
    path = tmp_path / "a.jpg"
    write_photograph(photo, path, captured_at=TAKEN, lonlat=(131.47, -34.16))
    with Image.open(path) as image:
        exif, gps = image.getexif().get_ifd(0x8769), image.getexif().get_ifd(0x8825)
        xmp = image.info["xmp"].decode()
        assert np.abs(np.asarray(image).astype(int) - photo.image).mean() < 4
    assert (exif[36867], exif[36881]) == ("2026:05:12 10:30:00", "+09:00")
    degrees, minutes, seconds = map(float, gps[2])
    assert gps[1] == "S"
    assert degrees + minutes / 60 + seconds / 3600 == pytest.approx(34.16, abs=1e-7)
    found = re.search(r'LRFTargetDistance="([\d.]+)"', xmp)
    assert found is not None
    assert float(found[1]) * 1000 * 36 / (exif[41989] * 320) == pytest.approx(0.37, rel=2e-3)


def test_the_ingest_step_derives_the_same_ground_sample_distance(photo: ConcretePhoto, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    write_photograph(photo, path, captured_at=TAKEN, lonlat=(131.47, 34.16), gimbal_pitch_deg=90.0)
    metadata = read_metadata(path)
    scale = ground_sample_distance(metadata, 320)
    assert scale.source is ScaleSource.LASER_RANGE
    assert scale.gsd_mm == pytest.approx(0.37, rel=2e-3)
    assert metadata.captured_at == TAKEN
    assert metadata.position_lonlat == pytest.approx((131.47, 34.16), abs=1e-6)
    assert metadata.notes == ()


def test_a_time_without_offset_is_refused(photo: ConcretePhoto, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="offset"):
        write_photograph(photo, tmp_path / "a.jpg", captured_at=TAKEN.replace(tzinfo=None), lonlat=(0.0, 0.0))


def test_a_photograph_that_cannot_be_written_says_so_and_leaves_nothing(photo: ConcretePhoto, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_photograph(photo, tmp_path / "absent" / "a.jpg", captured_at=TAKEN, lonlat=(0.0, 0.0))
    assert list(tmp_path.iterdir()) == []


def test_a_survey_writes_photographs_an_asset_and_the_truth_that_agree(tmp_path: Path) -> None:
    truth = generate_bridge_survey(np.random.default_rng(2), tmp_path, 3, width_px=240, height_px=180)
    rows = json.loads(truth.truth_path.read_text(encoding="utf-8"))["photos"]
    assert [row["file"] for row in rows] == [f"photos/{photo.path.name}" for photo in truth.photos]
    assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == sorted(p.path.name for p in truth.photos)
    for row, photo in zip(rows, truth.photos, strict=True):
        scale = ground_sample_distance(read_metadata(photo.path), 240)
        assert scale.gsd_mm == pytest.approx(row["gsd_mm"], rel=2e-3)
        assert re.fullmatch(rf"span{row['span']}_{row['member']}{row['element_no']}_\d{{3}}\.jpg", photo.path.name)
    assert rows[0]["cracks"][0]["width_max_mm"] <= 0.5
    assert rows[2]["cracks"] == []
    assert rows[2]["area_mm2"]["crack"] == 0
    (bridge,), errors = read_assets(truth.assets_path)
    assert errors == []
    assert (bridge.uid, len(bridge.spans), bridge.attributes["emergency_route"]) == (truth.asset_uid, 3, "2")
    (feature,) = json.loads(truth.assets_path.read_text(encoding="utf-8"))["features"]
    assert feature["properties"]["generated"] is True
    assert "生成" in feature["properties"]["name"]


def test_more_photographs_change_no_earlier_one(tmp_path: Path) -> None:
    few = generate_bridge_survey(np.random.default_rng(2), tmp_path / "few", 1, width_px=160, height_px=120)
    more = generate_bridge_survey(np.random.default_rng(2), tmp_path / "more", 2, width_px=160, height_px=120)
    assert few.photos[0].path.read_bytes() == more.photos[0].path.read_bytes()
