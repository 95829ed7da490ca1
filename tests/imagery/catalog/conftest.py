"""A survey's pictures on disk and as the store would hand them out, and the catalogue of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
from PIL import Image as PillowImage

from findings.survey import Image, Survey
from imagery.catalog.check import Checked, check_catalog
from imagery.catalog.writer import Written, write_catalog
from imagery.ingest import IngestOptions, describe
from tests.imagery.catalog.schemas import offline_validator
from tests.imagery.files import UTM, write_tif

CREATED = datetime(2026, 6, 1, tzinfo=UTC)
TAKEN = datetime(2026, 5, 1, 3, 4, 5, tzinfo=UTC)


@dataclass
class Shelves:
    """Surveys with their images; stands in for the store."""

    root: Path
    surveys: list[Survey] = field(default_factory=list)
    images: dict[str, list[Image]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.root / "catalog"

    def add(self, name: str, images: Sequence[Image]) -> Survey:
        uid = f"{len(self.surveys):08d}-0000-4000-8000-000000000000"
        survey = Survey(uid, name, None, CREATED)
        self.surveys.append(survey)
        self.images[uid] = [replace(image, survey_uid=uid) for image in images]
        return survey

    def pages(self, survey_uid: str) -> Iterator[list[Image]]:
        images = self.images[survey_uid]
        yield from (images[start : start + 2] for start in range(0, len(images), 2))

    def change(self, number: int, **changes: Any) -> Image:
        images = self.images[self.surveys[0].uid]
        images[number] = replace(images[number], **changes)
        return images[number]

    def write(self, **options: Any) -> Written:
        return write_catalog(self.folder, self.surveys, self.pages, self.names, **options)

    def check(self, **options: Any) -> Checked:
        return check_catalog(self.folder, self.surveys, self.pages, self.names, **options)

    def kinds(self, **options: Any) -> list[str]:
        return sorted(problem.kind.value for problem in self.check(**options).problems)

    def catalog(self) -> pystac.Catalog:
        return pystac.Catalog.from_file(str(self.folder / "catalog.json"))

    def item(self, image: Image) -> pystac.Item:
        return next(item for item in self.catalog().get_items(recursive=True) if item.id == image.uid)


Maker = Callable[..., Image]


@pytest.fixture
def photo(tmp_path: Path) -> Maker:
    """Return a function that writes a small photograph and describes it; changes go into the record."""

    def make(name: str = "a.jpg", seed: int = 0, **changes: Any) -> Image:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        PillowImage.fromarray(rng.normal(130, 12, (32, 48, 3)).clip(0, 255).astype(np.uint8)).save(path)
        return replace(describe(path, options=IngestOptions(gsd_mm=0.5, gsd_sigma_mm=0.1)), **changes)

    return make


@pytest.fixture
def scene(tmp_path: Path) -> Maker:
    """Return a function that writes a small scene and describes it."""

    def make(name: str = "scene_20260501T030405.tif", bands: Sequence[str] = ("green", "nir"), **changes: Any) -> Image:
        path = tmp_path / "scenes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(1).integers(300, 3000, (len(bands), 32, 40)).astype(np.uint16)
        write_tif(path, values, tuple(bands), nodata=0, **UTM)
        return replace(describe(path), **changes)

    return make


@pytest.fixture
def shelves(tmp_path: Path, photo: Maker) -> Shelves:
    """Two surveys: two photographs and one."""
    made = Shelves(tmp_path)
    made.add("橋 A/1", [photo("a.jpg", 0, captured_at=TAKEN), photo("b.jpg", 1, position_lonlat=(131.5, 34.1))])
    made.add("other", [photo("c.jpg", 2)])
    return made


def validate(catalog: pystac.Catalog) -> int:
    """Validate everything by pystac with the schemas at hand; return the number of items."""
    validator = offline_validator()
    count = 0
    for place, _, items in catalog.walk():
        place.validate(validator=validator)
        for item in items:
            item.validate(validator=validator)
            count += 1
    return count
