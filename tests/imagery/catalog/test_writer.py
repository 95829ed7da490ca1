from __future__ import annotations

import json
import shutil
import tracemalloc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pyogrio
import pystac
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from shapely.geometry import box

from findings.errors import InputError, OutputError
from findings.survey import Image, Survey
from imagery.catalog import files
from imagery.catalog.soundness import is_sound
from imagery.catalog.writer import write_catalog
from tests.imagery.catalog.conftest import Maker, Shelves, validate


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and time of change of every file."""
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def size(asset: pystac.Asset) -> tuple[int, int]:
    """Return width and height of the file that an asset leads to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a photograph
        with rasterio.open(asset.get_absolute_href()) as data:
            return data.width, data.height


def is_whole(folder: Path) -> bool:
    """Return whether every link of the catalogue leads to a document that pystac takes, items included."""
    root = folder / "catalog.json"
    if not root.is_file():
        return True  # nothing there yet is not broken
    catalog = pystac.Catalog.from_file(str(root))
    items = [item for child in catalog.get_children() for item in child.get_items()]
    sound = all(is_sound(item.to_dict(include_self_link=False, transform_hrefs=False), item.id) for item in items)
    return sound and len(items) == sum(len(list(child.get_item_links())) for child in catalog.get_children())


def test_pystac_reads_the_catalogue_and_finds_the_files(shelves: Shelves) -> None:
    written = shelves.write()
    assert (written.new, written.changed, written.unchanged, written.removed) == (3, 0, 0, 0)
    catalog = shelves.catalog()
    assert validate(catalog) == 3
    assert [child.title for child in catalog.get_children()] == ["橋 A/1", "other"]
    for item in catalog.get_items(recursive=True):
        (asset,) = item.assets.values()
        assert size(asset) == (48, 32)
    assert not [path for path in shelves.folder.rglob("*.json") if str(shelves.root) in path.read_text("utf-8")]


def test_a_second_write_touches_no_item_and_no_collection(shelves: Shelves) -> None:
    shelves.write()
    before = contents(shelves.folder)
    written = shelves.write()
    assert (written.new, written.changed, written.unchanged) == (0, 0, 3)
    after = contents(shelves.folder)
    assert {name: value for name, value in after.items() if name.endswith(".json")} == {
        name: value for name, value in before.items() if name.endswith(".json")
    }
    assert {name: content for name, (content, _) in after.items()} == {n: content for n, (content, _) in before.items()}


def test_what_changed_in_the_store_is_rewritten_alone(shelves: Shelves) -> None:
    shelves.write()
    before = contents(shelves.folder)
    changed = shelves.change(1, span=3)
    written = shelves.write()
    assert (written.changed, written.unchanged) == (1, 2)
    touched = {Path(name).name for name, value in contents(shelves.folder).items() if before.get(name) != value}
    assert f"{changed.uid}.json" in touched
    assert touched <= {f"{changed.uid}.json", "images.geojson"}


def test_what_the_store_has_no_more_is_removed_and_nothing_else_is(shelves: Shelves) -> None:
    shelves.write()
    gone = shelves.images[shelves.surveys[0].uid].pop(0)
    other = shelves.surveys.pop(1)
    stranger = shelves.folder / "mine"
    stranger.mkdir()
    (stranger / "note.json").write_text('{"properties": {}}')
    assert shelves.write().removed == 2
    assert validate(shelves.catalog()) == 1
    left = {path.name for path in shelves.folder.rglob("*.json")}
    assert f"{gone.uid}.json" not in left
    assert "note.json" in left
    assert not [path for path in shelves.folder.iterdir() if path.name.startswith(other.name)]


def test_one_survey_is_written_without_touching_the_others(shelves: Shelves) -> None:
    shelves.write()
    shelves.change(0, span=1)
    other = shelves.surveys[1]
    shelves.images[other.uid] = [replace(image, span=9) for image in shelves.images[other.uid]]
    assert shelves.write(only="橋 A/1").changed == 1
    assert validate(shelves.catalog()) == 3
    item = shelves.item(shelves.images[other.uid][0])
    assert "mizuhashi:span" not in item.properties
    features = json.loads((shelves.folder / "images.geojson").read_text("utf-8"))["features"]
    assert sorted(feature["properties"]["title"] for feature in features) == ["a.jpg", "b.jpg", "c.jpg"]


def test_a_survey_that_was_never_written_is_not_linked(shelves: Shelves) -> None:
    shelves.write(only="other")
    assert [child.title for child in shelves.catalog().get_children()] == ["other"]
    assert is_whole(shelves.folder)


def test_a_missing_or_changed_file_is_told_and_its_item_from_before_stays(shelves: Shelves) -> None:
    shelves.write()
    first, second = shelves.images[shelves.surveys[0].uid]
    Path(first.path).unlink()
    Path(second.path).write_bytes(b"something else")
    written = shelves.write()
    assert [name for name, _ in written.skipped] == ["a.jpg", "b.jpg"]
    assert ["no longer there" in why for _, why in written.skipped] == [True, False]
    assert "has changed since it was taken in" in written.skipped[1][1]
    assert validate(shelves.catalog()) == 3


def test_a_file_that_changed_before_the_first_write_gets_no_item_with_a_false_digest(shelves: Shelves) -> None:
    first = shelves.images[shelves.surveys[0].uid][0]
    content = Path(first.path).read_bytes()
    Path(first.path).write_bytes(content[:-1] + b"\0")
    assert [name for name, _ in shelves.write().skipped] == ["a.jpg"]
    assert validate(shelves.catalog()) == 2


def test_a_torn_item_is_written_anew(shelves: Shelves) -> None:
    shelves.write()
    path = next(path for path in shelves.folder.glob("*/*.json") if path.name != "collection.json")
    path.write_text('{"type": "Feat')
    written = shelves.write()
    assert (written.new, written.changed, written.unchanged) == (1, 0, 2)
    assert validate(shelves.catalog()) == 3


class Stop(Exception):
    """Stands in for a cable that is pulled."""


def test_wherever_a_write_is_cut_off_the_catalogue_is_whole(
    shelves: Shelves, photo: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves.write()
    shelves.change(0, span=2)
    shelves.images[shelves.surveys[0].uid].pop(1)
    shelves.add("third", [photo("d.jpg", 5)])
    real, pristine = files.whole, shelves.root / "pristine"
    shutil.copytree(shelves.folder, pristine)
    left = 0

    @contextmanager
    def whole(path: Path) -> Iterator[IO[bytes]]:
        nonlocal left
        if left == 0:
            raise Stop
        left -= 1
        with real(path) as file:
            yield file

    monkeypatch.setattr("imagery.catalog.files.whole", whole)
    monkeypatch.setattr("imagery.catalog.index.whole", whole)
    for steps in range(20):
        left = steps
        shutil.rmtree(shelves.folder)
        shutil.copytree(pristine, shelves.folder)
        try:
            shelves.write()
            break
        except Stop:
            assert is_whole(shelves.folder), f"cut off after {steps} files"
        left = 100
        shelves.write()  # a second run finishes it
        assert is_whole(shelves.folder)
    assert validate(shelves.catalog()) == 3
    # two items, two collections, three indexes of surveys, the catalogue and the index of all
    assert steps == 9


def test_a_first_write_that_was_cut_off_can_be_finished(shelves: Shelves, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("imagery.catalog.writer.collection_of", lambda *_: (_ for _ in ()).throw(Stop))
        with pytest.raises(Stop):
            shelves.write()
    assert not (shelves.folder / "catalog.json").exists()
    assert shelves.write().new == 1  # the two of the first survey were there already
    assert validate(shelves.catalog()) == 3


def test_a_full_disk_is_one_clear_error_and_leaves_nothing_half_written(
    shelves: Shelves, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves.write()
    before = {name: content for name, (content, _) in contents(shelves.folder).items()}
    shelves.change(0, span=2)

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OutputError, match=r"No space left on device.*free some space or choose another --out"):
            shelves.write()
    assert {name: content for name, (content, _) in contents(shelves.folder).items()} == before


def test_a_folder_of_somebody_else_is_refused(shelves: Shelves) -> None:
    shelves.folder.mkdir()
    (shelves.folder / "thesis.docx").write_text("precious")
    with pytest.raises(InputError, match=r"holds 'thesis\.docx' and no catalogue of ours"):
        shelves.write()
    (shelves.folder / "thesis.docx").rename(shelves.folder / "catalog.json")
    with pytest.raises(InputError, match="no catalogue of ours"):
        shelves.write()
    with pytest.raises(InputError, match="is a file"):
        write_catalog(shelves.folder / "catalog.json", shelves.surveys, shelves.pages, {})


def test_copies_make_a_catalogue_that_can_be_carried_away(shelves: Shelves, scene: Maker, tmp_path: Path) -> None:
    mask = scene("s_20260501_mask.tif", bands=("mask",))
    shelves.add("scenes", [scene("s_20260501.tif", mask_path=mask.path)])
    assert shelves.write(copies=True).skipped == []
    before = contents(shelves.folder)
    assert shelves.write(copies=True).unchanged == 4
    assert {n: v for n, v in contents(shelves.folder).items() if "/files/" in n} == {
        n: v for n, v in before.items() if "/files/" in n
    }
    away = shelves.folder.rename(tmp_path / "carried")
    for image in (image for images in shelves.images.values() for image in images):
        Path(image.path).unlink()
    catalog = pystac.Catalog.from_file(str(away / "catalog.json"))
    assert validate(catalog) == 4
    for item in catalog.get_items(recursive=True):
        for asset in item.assets.values():
            assert size(asset) in ((48, 32), (40, 32))
    assert all((away / a.extra_fields["file:local_path"]).is_file() for i in catalog.get_items(recursive=True)
               for k, a in i.assets.items() if k != "mask")  # fmt: skip


def test_the_index_opens_as_a_vector_layer_with_every_picture(shelves: Shelves) -> None:
    shelves.change(0, footprint=box(131, 34, 131.01, 34.01))
    shelves.write()
    about, _, geometries, columns = pyogrio.raw.read(shelves.folder / "images.geojson")
    table = dict(zip(about["fields"], columns, strict=True))
    assert sorted(table["title"]) == ["a.jpg", "b.jpg", "c.jpg"]
    assert about["crs"] in ("EPSG:4326", "OGC:CRS84")
    assert [geometry is None for geometry in geometries] == [False, False, True]
    assert all((shelves.folder / place).is_file() for place in [*table["item"], *table["file"]])


def test_memory_holds_a_link_an_item_and_not_the_items(tmp_path: Path, photo: Maker) -> None:
    survey = Survey("12345678-0000-4000-8000-000000000000", "many", None, datetime(2026, 6, 1, tzinfo=UTC))
    one = photo(notes=("x" * 4000,))

    def peak(folder: Path, count: int) -> int:
        def pages(_: str) -> Iterator[list[Image]]:
            for start in range(0, count, 50):
                yield [replace(one, uid=f"{start + k:08d}-0000-4000-8000-000000000000") for k in range(50)]

        tracemalloc.start()
        write_catalog(folder, [survey], pages, {})
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    few, many = peak(tmp_path / "few", 50), peak(tmp_path / "many", 250)
    assert (many - few) / 200 < 2500  # bytes a picture; an item is over 5000
