"""Models see only values that their cards accept, unless somebody names them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rasterio import Affine

from findings.store import Store, store_url
from findings.survey import ImageStatus, Radiometry
from imagery.ingest import describe
from inference.outcome import Report
from inference.pipeline import inspect_survey
from models.card import ModelCard, read_card
from models.indices import WaterIndex, index_card
from models.registry import shipped_folder
from tests.imagery.files import write_tif
from tests.inference.test_pipeline import Shelf

BANDS = ("green", "red", "nir", "swir1")


def river(path: Path, *, display: bool) -> Path:
    """Write land and a river, as reflectance x 10000 or as an 8-bit stretch."""
    values = np.empty((4, 64, 90))
    values[:] = np.array([700, 500, 3000, 1500])[:, None, None] + np.random.default_rng(1).normal(0, 9, (4, 64, 90))
    values[:, 30:45] -= np.array([-200, 0, 2800, 1450])[:, None, None]
    stored = (values / 15).clip(1, 255).astype(np.uint8) if display else values.astype(np.int16)
    return write_tif(path, stored, BANDS, crs="EPSG:32652", transform=Affine(10, 0, 600_000, 0, -10, 3_780_000))


def inspect(tmp_path: Path, picture: Path, model: WaterIndex, *refs: str) -> tuple[Report, ImageStatus, str]:
    home = tmp_path / "home"
    with Store(store_url(home), home) as store:
        store.upgrade()
        store.open_survey("s", None, [describe(picture)])
        report = inspect_survey(
            store, "s", registry=Shelf(model), model_refs=refs, device=torch.device("cpu"), home=home  # type: ignore[arg-type]
        )  # fmt: skip
        (image,) = store.images(store.survey("s").uid)
    return report, image.status, image.reason or ""


def accepting(*values: Radiometry) -> WaterIndex:
    return WaterIndex(index_card("mndwi").model_copy(update={"radiometry": values}))


def test_a_picture_whose_values_the_card_refuses_is_not_assessed_with_the_reason(tmp_path: Path) -> None:
    picture = river(tmp_path / "a.tif", display=True)
    report, status, reason = inspect(tmp_path, picture, WaterIndex(index_card("mndwi")))
    assert status is ImageStatus.NOT_ASSESSED
    assert "its values are display, mndwi@1 accepts reflectance, unknown" in reason
    assert report.images_ok == 0


def test_reflectance_is_judged_without_a_remark(tmp_path: Path) -> None:
    report, status, _ = inspect(tmp_path, river(tmp_path / "a.tif", display=False), WaterIndex(index_card("mndwi")))
    assert status is ImageStatus.INSPECTED
    assert not any("its values are" in text for _, text in report.remarks)


def test_a_model_that_is_named_runs_all_the_same_with_a_remark(tmp_path: Path) -> None:
    picture = river(tmp_path / "a.tif", display=True)
    report, status, _ = inspect(tmp_path, picture, WaterIndex(index_card("mndwi")), "mndwi@1")
    assert status is ImageStatus.INSPECTED
    assert any("its values are display" in text for _, text in report.remarks)


def test_a_card_that_accepts_display_judges_it(tmp_path: Path) -> None:
    model = accepting(Radiometry.DISPLAY)
    report, status, _ = inspect(tmp_path, river(tmp_path / "a.tif", display=True), model)
    assert (status, report.images_ok) == (ImageStatus.INSPECTED, 1)


def test_the_shipped_cards_say_what_they_accept() -> None:
    water = read_card(shipped_folder() / "water" / "1")
    assert set(water.radiometry) == {Radiometry.REFLECTANCE, Radiometry.DISPLAY, Radiometry.UNKNOWN}
    assert any("only looked at" in limit for limit in water.limits)
    for name in ("ndwi", "mndwi"):
        assert Radiometry.DISPLAY not in index_card(name).radiometry
        assert Radiometry.BACKSCATTER_DB not in index_card(name).radiometry


@pytest.mark.parametrize("wrong", [[], ["pretty"], ["display", "display"]])
def test_a_card_with_an_impossible_radiometry_is_refused(wrong: list[str]) -> None:
    with pytest.raises(ValueError, match="radiometry"):
        ModelCard.model_validate(index_card("ndwi").model_dump() | {"radiometry": wrong})
