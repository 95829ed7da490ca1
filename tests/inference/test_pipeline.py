from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rasterio
import torch
from rasterio import Affine

from findings.finding import Finding
from findings.measure import Measure
from findings.store import Store, store_url
from findings.survey import Image, ImageStatus
from imagery.ingest import IngestOptions, describe
from inference import photographs, pipeline
from inference.judgement import Place
from inference.pipeline import inspect_survey
from models.base import PixelModel
from models.card import ClassSpec, ModelCard, Normalisation
from models.indices import WaterIndex, index_card

CPU = torch.device("cpu")


class Dark:
    """A model that calls dark pixels by one name; its threshold lies in the middle."""

    def __init__(self, name: str, damage: str, below: float, grow_px: int = 0) -> None:
        self._below, self._grow_px = below, grow_px
        spec = ClassSpec(name=name, damage=damage, threshold=0.5, minimum_area_px=20)
        bands = ("red", "green", "blue")
        self.card = ModelCard(
            name=name, version="1", task="segmentation", image_kind="photo", bands=bands, required_bands=bands,
            classes=(spec,), normalisation=Normalisation(method="none"), gsd_range_mm=(0.1, 3.0), architecture={},
        )  # fmt: skip
        self.weights_sha256 = "0" * 64

    def predict(self, pixels: torch.Tensor) -> torch.Tensor:
        grey = pixels.mean(dim=1, keepdim=True)
        dark = (grey < self._below).float()
        dark = torch.nn.functional.max_pool2d(dark, 2 * self._grow_px + 1, stride=1, padding=self._grow_px)
        return torch.where(torch.isnan(grey), grey, 0.1 + 0.8 * dark)

    def to(self, device: torch.device) -> Dark:
        return self


@dataclass(frozen=True)
class Entry:
    ref: str


class Shelf:
    """A registry of models in memory; all are champions of their kind of image."""

    def __init__(self, *models: PixelModel) -> None:
        self._models = {f"{m.card.name}@{m.card.version}": m for m in models}

    def champions(self, image_kind: str) -> tuple[Entry, ...]:
        return tuple(Entry(ref) for ref, model in self._models.items() if model.card.image_kind == image_kind)

    def load(self, ref: str, device: torch.device | str = "cpu") -> PixelModel:
        return self._models[ref]


def wall(path: Path, *lines: tuple[int, int], seed: int = 0) -> Path:
    """Write a grey wall with a dark line from x0 at the top to x1 at the bottom for each pair."""
    picture = np.random.default_rng(seed).normal(150, 4, (200, 200, 3))
    for x0, x1 in lines:
        cv2.line(picture, (x0, 0), (x1, 199), (20, 20, 20), 3)
    cv2.imwrite(str(path), picture.clip(0, 255).astype(np.uint8))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    home = tmp_path / "home"
    with Store(store_url(home), home) as opened:
        opened.upgrade()
        yield opened


def survey_of(store: Store, *paths: Path, gsd_mm: float | None = 0.5) -> None:
    images = [describe(path, options=IngestOptions(gsd_mm=gsd_mm)) for path in paths]
    store.open_survey("s", None, images)


def found(store: Store) -> list[Finding]:
    return [finding for finding, _ in store.list_findings(limit=1000).items]


def inspect(store: Store, *models: PixelModel, refs: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    shelf = Shelf(*models)
    return inspect_survey(store, "s", registry=shelf, model_refs=refs, device=CPU, home=store.home)  # type: ignore[arg-type]


def test_a_second_run_adds_nothing_and_a_new_version_keeps_the_ids(store: Store, tmp_path: Path) -> None:
    survey_of(store, wall(tmp_path / "a.png", (60, 80), (150, 140)))
    first = inspect(store, Dark("crack", "6", 90))
    ids = {finding.uid for finding in found(store)}
    assert first.findings_new == len(ids) == 2
    assert inspect(store, Dark("crack", "6", 90)).findings_new == 0
    later = Dark("crack", "6", 90, grow_px=1)  # sees the same cracks a little wider
    later.card = later.card.model_copy(update={"version": "2"})
    assert inspect(store, later).findings_new == 0
    assert {finding.uid for finding in found(store)} == ids
    assert {finding.provenance.model_version for finding in found(store)} == {"2"}


def test_segmentation_and_anomaly_stand_side_by_side(store: Store, tmp_path: Path) -> None:
    survey_of(store, wall(tmp_path / "a.png", (60, 80)))
    report = inspect(store, Dark("crack", "6", 90), Dark("walls", "anomaly", 90))
    assert sorted(finding.damage for finding in found(store)) == ["6", "anomaly"]
    assert report.findings_new == 2
    unruled = next(finding for finding in found(store) if finding.damage == "anomaly")
    assert unruled.grade is not None
    assert unruled.grade.codes == ()


def test_a_file_that_is_gone_fails_alone_with_its_reason_kept(store: Store, tmp_path: Path) -> None:
    gone, good = wall(tmp_path / "a.png", (60, 80)), wall(tmp_path / "b.png", (50, 90), seed=1)
    survey_of(store, gone, good)
    gone.unlink()
    report = inspect(store, Dark("crack", "6", 90))
    assert [name for name, _ in report.failures] == ["a.png"]
    assert report.images_ok == 1
    states = {Path(image.path).name: image for image in store.images(store.survey("s").uid)}
    assert states["a.png"].status is ImageStatus.FAILED
    assert "no longer at its place" in (states["a.png"].reason or "")
    assert states["b.png"].status is ImageStatus.INSPECTED


def test_a_measure_that_the_store_refuses_fails_its_picture_alone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey_of(store, wall(tmp_path / "a.png", (60, 80)), wall(tmp_path / "b.png", (50, 90), seed=1))
    whole = photographs.find_places

    def spoiled(image: Image, *rest: Any) -> list[Place]:
        places = whole(image, *rest)
        broken = Measure("area", float("nan"), "px2", None, None, "test")
        return [replace(p, measures=(broken,)) for p in places] if image.path.endswith("a.png") else places

    monkeypatch.setattr(pipeline, "find_places", spoiled)
    report = inspect(store, Dark("crack", "6", 90))
    assert [name for name, _ in report.failures] == ["a.png"]
    assert report.images_ok == 1
    assert len(found(store)) == 1


def test_findings_carry_size_grade_trace_picture_and_how_they_came_to_be(store: Store, tmp_path: Path) -> None:
    survey_of(store, wall(tmp_path / "a.png", (60, 80)))
    inspect(store, Dark("crack", "6", 90))
    (finding,) = found(store)
    assert {"length", "width_p95", "area"} <= {m.name for m in finding.measures}
    assert finding.grade is not None
    assert finding.grade.trace_ja
    assert set(finding.grade.codes) <= set("abcde")
    assert (store.home / finding.evidence["overlay"]).read_bytes()[:2] == b"\xff\xd8"
    assert finding.provenance.image_sha256 == store.image(finding.image_uid).sha256
    assert finding.position_source == "image_only"
    assert finding.geometry_lonlat is None


def test_without_a_scale_sizes_stay_in_pixels_and_the_grade_stays_a_set(store: Store, tmp_path: Path) -> None:
    survey_of(store, wall(tmp_path / "a.png", (60, 80)), gsd_mm=None)
    inspect(store, Dark("crack", "6", 90))
    (finding,) = found(store)
    assert {m.unit for m in finding.measures} <= {"px", "px2"}
    assert finding.grade is not None
    assert len(finding.grade.codes) > 1


def test_two_parallel_cracks_know_their_spacing(store: Store, tmp_path: Path) -> None:
    survey_of(store, wall(tmp_path / "a.png", (60, 60), (120, 120)))
    inspect(store, Dark("crack", "6", 90))
    spacings = [m.value for f in found(store) for m in f.measures if m.name == "min_spacing"]
    assert spacings == pytest.approx([0.030, 0.030], abs=0.002)


def river_scene(path: Path, bottom: int) -> Path:
    """Write a scene of 10 m pixels: green land, a river from row 30 to ``bottom``."""
    values = np.empty((4, 100, 140), np.float32)
    values[:] = np.array([700, 500, 3000, 1500], np.float32)[:, None, None]
    values[:, 30:bottom] = np.array([900, 500, 200, 50], np.float32)[:, None, None]
    place = {"crs": "EPSG:32652", "transform": Affine(10, 0, 600_000, 0, -10, 3_780_000)}
    with rasterio.open(path, "w", driver="GTiff", width=140, height=100, count=4, dtype="float32", **place) as file:
        file.write(values)
        file.descriptions = ("green", "red", "nir", "swir1")
    return path


def test_dates_of_one_grid_are_compared_and_the_erosion_belongs_to_the_latest(store: Store, tmp_path: Path) -> None:
    images = []
    for year, bottom in ((2018, 45), (2022, 50)):
        path = river_scene(tmp_path / f"{year}.tif", bottom)
        when = IngestOptions(captured_at=datetime(year, 6, 1, tzinfo=UTC))
        images.append(describe(path, options=when))
    store.open_survey("s", None, list(reversed(images)))
    inspect(store, WaterIndex(index_card("mndwi")))
    eroded = [finding for finding in found(store) if finding.damage == "R17"]
    assert len(eroded) == 1
    assert Path(store.image(eroded[0].image_uid).path).name == "2022.tif"
    assert eroded[0].position_source == "georeference"
    shift = next(m for m in eroded[0].measures if m.name == "displacement")
    assert shift.value == pytest.approx(50.0, abs=8)
    assert (store.home / eroded[0].evidence["before"]).is_file()
