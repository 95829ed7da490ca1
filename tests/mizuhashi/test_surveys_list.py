"""``mizuhashi surveys list`` through its own door, and quality records of an earlier version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from PIL import Image

from findings.store import Store, store_url
from tests.imagery.files import UTM, write_tif
from tests.mizuhashi.conftest import Program


def test_surveys_are_counted_by_what_became_of_their_pictures(
    program: Program, tmp_path: Path, photo: Callable[..., Path]
) -> None:
    assert program("surveys", "list").out.strip() == "no survey yet: take pictures in by mizuhashi ingest"
    dark = tmp_path / "dark.png"
    Image.fromarray(np.zeros((60, 60), np.uint8) + np.arange(3, dtype=np.uint8).repeat(20)).save(dark)
    assert program("ingest", photo("a.jpg"), dark, "--survey", "s").status == 0
    header, row = (line.split("\t") for line in program("surveys", "list").out.splitlines())
    found = dict(zip(header, row, strict=True))
    assert (found["survey"], found["pictures"], found["pending"], found["not assessed"]) == ("s", "2", "1", "1")
    (record,) = program("surveys", "list", "--json").document["surveys"]
    assert (record["pictures"], record["pending"], record["not_assessed"], record["failed"]) == (2, 1, 1, 0)


def test_pictures_are_listed_with_scale_place_quality_and_mask(
    program: Program, home: Path, tmp_path: Path, photo: Callable[..., Path]
) -> None:
    burnt = np.random.default_rng(0).normal(130, 12, (200, 200, 3)).clip(0, 240).astype(np.uint8)
    burnt[:100] = 255
    Image.fromarray(burnt).save(tmp_path / "burnt.png")
    assert program("ingest", photo("a.jpg"), tmp_path / "burnt.png", "--survey", "s", "--gsd-mm", "0.5").status == 0
    lines = program("surveys", "list", "s").out.splitlines()
    table = [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]
    shown = next(row for row in table if row["picture"] == "burnt.png")
    assert shown["masked"] == "50 %"
    assert shown["scale"].startswith("0.5")
    assert "over-exposed 50%" in shown["notes"]
    assert next(row for row in table if row["picture"] == "a.jpg")["masked"] == "0 %"
    records = {row["name"]: row for row in program("surveys", "list", "s", "--json").document["pictures"]}
    assert records["burnt.png"]["masked_share"] == 0.5
    assert Path(records["burnt.png"]["mask_path"]).parent == home.resolve() / "masks"
    assert records["a.jpg"]["mask_path"] is None


def test_a_scene_in_which_nobody_looked_for_clouds_is_not_called_clear(program: Program, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(300, 3000, (2, 32, 40)).astype(np.uint16)
    write_tif(tmp_path / "s.tif", values, ("green", "nir"), nodata=0, **UTM)
    assert program("ingest", tmp_path / "s.tif", "--survey", "s").status == 0
    header, row = (line.split("\t") for line in program("surveys", "list", "s").out.splitlines())
    assert dict(zip(header, row, strict=True))["masked"] == "not looked for"


def test_a_quality_record_of_an_earlier_version_still_loads(
    program: Program, home: Path, photo: Callable[..., Path]
) -> None:
    assert program("ingest", photo("a.jpg"), "--survey", "s").status == 0
    old = '{"assessable": true, "reasons": [], "warnings": [], "blur_px": 0.9, "noise": 1.5, "valid_share": 1.0}'
    engine = sa.create_engine(store_url(home))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE image SET quality = :old"), {"old": old})
    engine.dispose()
    with Store(store_url(home), home) as store:
        (image,) = store.images(store.survey("s").uid)
    assert (image.quality.masked_share, image.quality.motion_px, image.quality.haze) == (0.0, None, None)
    assert program("surveys", "coverage", "s").status == 0
    assert program("surveys", "list", "s").status == 0
