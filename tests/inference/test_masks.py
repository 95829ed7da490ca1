"""What a mask hides is never judged: no crack below it, no bank below a cloud; people still see the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from shapely.geometry import box

from findings.finding import Finding
from findings.store import Store, store_url
from findings.survey import Image, ImageStatus
from imagery.coverage import cover
from imagery.ingest import IngestOptions, describe
from imagery.mask_files import write_mask
from imagery.masks import MaskClass
from imagery.types import Pixels
from inference.overlay import HATCH, display_rgb, hatched, overlay_image
from inference.segment import segment_file
from models.base import PixelModel
from models.card import ClassSpec
from models.indices import WaterIndex, index_card
from tests.imagery.files import UTM, write_tif
from tests.inference.fakes import PointwiseModel
from tests.inference.test_pipeline import Dark, found, inspect, river_scene, wall


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    home = tmp_path / "home"
    with Store(store_url(home), home) as opened:
        opened.upgrade()
        yield opened


def masked_wall(tmp_path: Path, *, hide: bool) -> Image:
    """Return a wall with a crack left and a crack right; the right one is masked where ``hide`` says so."""
    image = describe(wall(tmp_path / "a.png", (60, 50), (150, 140)), options=IngestOptions(gsd_mm=0.5))
    if not hide:
        return image
    classes = np.zeros((200, 200), np.uint8)
    classes[:, 110:] = MaskClass.BLUR
    mask = write_mask(tmp_path / "m.png", classes)
    return replace(image, mask_path=str(mask), quality=replace(image.quality, masked_share=0.45))


def test_a_crack_below_a_mask_gives_no_finding_and_lowers_the_coverage(store: Store, tmp_path: Path) -> None:
    areas = []
    for hide in (False, True):
        image = masked_wall(tmp_path, hide=hide)
        store.open_survey("s" if hide else "open", None, [image])
        (part,) = cover([image], {}, None, 0.2)
        areas.append(part.members[0].area_m2)
    assert (
        "1 pictures that are fine enough are masked in part, a.png by 45%: what lies there was not seen" in part.remarks
    )
    assert areas[0] == pytest.approx(0.01)
    assert areas[1] == pytest.approx(0.55 * 0.01)
    inspect(store, Dark("crack", "6", 90))
    (finding,) = found(store)
    assert finding.geometry_px.bounds[2] < 110
    assert not finding.geometry_px.intersects(box(110, 0, 200, 200))


def test_a_crack_that_a_mask_cuts_in_two_is_not_bridged_below_it(store: Store, tmp_path: Path) -> None:
    image = describe(wall(tmp_path / "a.png", (100, 100)), options=IngestOptions(gsd_mm=0.5))
    classes = np.zeros((200, 200), np.uint8)
    classes[98:103] = MaskClass.OVEREXPOSED
    store.open_survey("s", None, [replace(image, mask_path=str(write_mask(tmp_path / "m.png", classes)))])
    inspect(store, Dark("crack", "6", 90))
    assert len(found(store)) == 2
    assert not any(finding.geometry_px.intersects(box(0, 98.6, 200, 102.4)) for finding in found(store))


def test_a_mask_that_is_gone_or_does_not_fit_fails_the_picture_and_never_judges_it_whole(
    store: Store, tmp_path: Path
) -> None:
    image = masked_wall(tmp_path, hide=True)
    other = describe(wall(tmp_path / "b.png", (60, 50), seed=3), options=IngestOptions(gsd_mm=0.5))
    small = write_mask(tmp_path / "small.png", np.zeros((9, 9), np.uint8))
    store.open_survey("s", None, [image, replace(other, mask_path=str(small))])
    Path(str(image.mask_path)).unlink()
    report = inspect(store, Dark("crack", "6", 90))
    assert {name for name, _ in report.failures} == {"a.png", "b.png"}
    assert found(store) == []
    assert {kept.status for kept in store.images(store.survey("s").uid)} == {ImageStatus.FAILED}


def scenes(tmp_path: Path, *, cloud_rows: slice | None) -> list[Image]:
    """Return a river that is 50 m wider in 2022, with a cloud over some rows of the late scene."""
    images = []
    for year, bottom in ((2018, 45), (2022, 50)):
        path = river_scene(tmp_path / f"{year}.tif", bottom)
        image = describe(path, options=IngestOptions(captured_at=datetime(year, 6, 1, tzinfo=UTC)))
        if year == 2022 and cloud_rows is not None:
            classes = np.zeros((100, 140), np.uint8)
            classes[cloud_rows] = MaskClass.CLOUD
            image = replace(image, mask_path=str(write_mask(tmp_path / "cloud.tif", classes)))
        images.append(image)
    return images


def changes(store: Store, images: list[Image], model: PixelModel) -> list[Finding]:
    store.open_survey("s", None, images)
    inspect(store, model)
    return [finding for finding in found(store) if finding.damage in ("R15", "R16", "R17")]


def test_a_cloud_over_a_bank_gives_no_change_of_that_bank(store: Store, tmp_path: Path) -> None:
    model = WaterIndex(index_card("mndwi"))
    assert changes(store, scenes(tmp_path, cloud_rows=slice(42, 70)), model) == []


def test_the_same_bank_without_the_cloud_has_moved(store: Store, tmp_path: Path) -> None:
    (eroded,) = changes(store, scenes(tmp_path, cloud_rows=None), WaterIndex(index_card("mndwi")))
    assert eroded.damage == "R17"


def test_the_overlay_shows_the_picture_below_the_mask_hatched_and_says_why(store: Store, tmp_path: Path) -> None:
    image = masked_wall(tmp_path, hide=True)
    store.open_survey("s", None, [image])
    inspect(store, Dark("crack", "6", 90))
    (finding,) = found(store)
    with Picture.open(tmp_path / "a.png") as whole:
        rgb = np.asarray(whole)
    mask = np.where(np.arange(200)[None] >= 110, MaskClass.BLUR, MaskClass.CLEAR).astype(np.uint8).repeat(200, axis=0)
    plain, shown = overlay_image(rgb, finding), overlay_image(rgb, finding, mask=mask)
    assert len(shown) == len(plain) + 30  # the legend
    assert not (plain == HATCH).all(axis=2).any()
    assert 0.02 < (shown == HATCH).all(axis=2).mean() < 0.2
    picture = hatched(rgb, mask)
    assert (picture[:, :110] == rgb[:, :110]).all()
    below = (picture[:, 110:] == rgb[:, 110:]).all(axis=2)
    assert below.mean() > 0.7  # the picture can still be seen between the lines
    with Picture.open(store.home / finding.evidence["overlay"]) as stored:
        assert stored.size == (shown.shape[1], shown.shape[0])


def test_clouds_do_not_darken_the_picture_of_a_scene() -> None:
    values = np.random.default_rng(0).uniform(200, 400, (3, 50, 50)).astype(np.float32)
    values[:, :25] = 9000  # cloud
    mask = np.where(np.arange(50)[:, None] < 25, MaskClass.CLOUD, MaskClass.CLEAR).astype(np.uint8).repeat(50, axis=1)
    pixels = Pixels(values, ("red", "green", "blue"))
    assert display_rgb(pixels)[30:].mean() < 10
    assert 100 < display_rgb(pixels, mask=mask)[30:].mean() < 160


def test_a_scene_without_a_single_clear_pixel_is_not_assessed(store: Store, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 9000, (4, 40, 50), dtype=np.int16)
    path = write_tif(tmp_path / "a.tif", values, ("green", "red", "nir", "scl"), **UTM)
    values[3] = 9  # SCL: cloud, high probability
    write_tif(path, values, ("green", "red", "nir", "scl"), **UTM)
    image = describe(path, options=IngestOptions(mask_folder=tmp_path / "masks"))
    assert image.status is ImageStatus.NOT_ASSESSED
    assert image.reason == "100% of the pixels must not be judged: cloud 100%"


def test_a_class_of_the_card_finds_nothing_in_the_frame_of_a_mask(store: Store, tmp_path: Path) -> None:
    model = Dark("crack", "6", 90, grow_px=3)  # looks beyond its own pixel, as networks do
    model.card = model.card.model_copy(
        update={"classes": (ClassSpec(name="crack", damage="6", threshold=0.5, minimum_area_px=5),)}
    )
    image = masked_wall(tmp_path, hide=True)
    store.open_survey("s", None, [image])
    inspect(store, model)
    assert all(finding.geometry_px.bounds[2] <= 110 for finding in found(store))


def test_a_map_of_one_file_shows_masked_pixels_as_not_observed(tmp_path: Path) -> None:
    picture = np.full((64, 64, 3), 102, np.uint8)
    Picture.fromarray(picture).save(tmp_path / "a.png")
    classes = np.zeros((64, 64), np.uint8)
    classes[:, 40:] = MaskClass.OVEREXPOSED
    mask = write_mask(tmp_path / "m.png", classes)
    (made,), _ = segment_file(PointwiseModel(), tmp_path / "a.png", tmp_path / "out", mask=mask)
    with Picture.open(made) as stored:
        values = np.asarray(stored)
    assert (values[:, 40:] == 255).all()
    assert (values[:, :40] == round(0.6 * 254)).all()
