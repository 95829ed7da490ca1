from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from findings.errors import InputError
from findings.survey import Image
from imagery.catalog.check import Kind
from imagery.catalog.search import Wanted, search
from tests.fakes.products import HLS_S30, SAFE, make_hls, make_safe
from tests.imagery.catalog.conftest import Maker, Shelves


def images(shelves: Shelves) -> list[Image]:
    return shelves.images[shelves.surveys[0].uid]


def item_file(shelves: Shelves, image: Image) -> Path:
    return next(shelves.folder.glob(f"*/{image.uid}.json"))


def test_a_fresh_catalogue_has_nothing_wrong(shelves: Shelves) -> None:
    shelves.write()
    checked = shelves.check()
    assert (checked.items, checked.files, checked.problems) == (3, 3, [])


def test_a_folder_without_a_catalogue_is_told_how_to_get_one(shelves: Shelves, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no catalogue; `mizuhashi catalog write --out"):
        shelves.check()


def test_a_deleted_file_is_missing(shelves: Shelves) -> None:
    shelves.write()
    Path(images(shelves)[0].path).unlink()
    (problem,) = shelves.check().problems
    assert (problem.kind, problem.where, problem.image_uid) == (
        Kind.MISSING,
        images(shelves)[0].path,
        images(shelves)[0].uid,
    )


def test_a_renamed_and_moved_file_is_recognised_by_its_content(shelves: Shelves) -> None:
    shelves.write()
    old = Path(images(shelves)[0].path)
    new = old.parent / "bridge 1" / "new name.jpg"
    new.parent.mkdir()
    old.rename(new)
    (problem,) = shelves.check().problems
    assert (problem.kind, problem.where, problem.found) == (Kind.MOVED, str(old), str(new))


def test_a_renamed_folder_is_found_beside_its_old_place(shelves: Shelves) -> None:
    shelves.write()
    folder = Path(images(shelves)[0].path).parent
    folder.rename(folder.with_name("renamed"))
    assert shelves.kinds() == ["moved", "moved", "moved"]


def test_a_file_moved_out_of_sight_is_found_with_a_root(shelves: Shelves, tmp_path: Path) -> None:
    shelves.write()
    away = tmp_path / "elsewhere"
    away.mkdir()
    old = Path(images(shelves)[0].path)
    old.rename(away / "x.jpg")
    assert shelves.kinds() == ["missing"]
    assert shelves.kinds(roots=[away]) == ["moved"]


def test_two_files_that_swapped_their_names_are_both_moved(shelves: Shelves) -> None:
    shelves.write()
    a, b = (Path(image.path) for image in images(shelves))
    spare = a.with_name("spare")
    a.rename(spare)
    b.rename(a)
    spare.rename(b)
    found = {problem.where: problem.found for problem in shelves.check().problems}
    assert found == {str(a): str(b), str(b): str(a)}


def test_one_picture_of_two_surveys_is_moved_in_both(shelves: Shelves) -> None:
    first = images(shelves)[0]
    shelves.add("again", [replace(first, uid="aaaaaaaa-0000-4000-8000-000000000000")])
    shelves.write()
    Path(first.path).rename(Path(first.path).with_name("z.jpg"))
    assert shelves.kinds() == ["moved", "moved"]


def test_a_changed_file_is_noticed_by_its_digest_even_at_the_same_size(shelves: Shelves) -> None:
    shelves.write()
    path = Path(images(shelves)[0].path)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert shelves.kinds() == ["changed"]
    assert shelves.kinds(quick=True) == []
    path.write_bytes(content + b"more")
    assert shelves.kinds(quick=True) == ["changed"]


def test_new_pictures_and_copies_in_the_folders_are_told(shelves: Shelves) -> None:
    shelves.write()
    folder = Path(images(shelves)[0].path).parent
    shutil.copy(images(shelves)[0].path, folder / "copy of a.jpg")
    (folder / "new.png").write_bytes(b"png")
    (folder / ".hidden.jpg").write_bytes(b"x")
    (folder / "notes.txt").write_bytes(b"x")
    (folder / "a_mask.png").write_bytes(b"x")
    assert [(p.kind, Path(p.where).name) for p in shelves.check().problems] == [
        (Kind.NEW, "copy of a.jpg"),
        (Kind.NEW, "new.png"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON object"),
        ('{"type": "Feature"}', "has no id"),
        ("[]", "is no JSON object"),
    ],
)
def test_a_torn_item_is_broken(shelves: Shelves, text: str, words: str) -> None:
    shelves.write()
    item_file(shelves, images(shelves)[0]).write_text(text)
    (problem,) = shelves.check().problems
    assert problem.kind is Kind.BROKEN
    assert words in problem.words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "x"}, "its id is 'x'"),
        ({"bbox": [0, 0, 1, 1]}, "bbox and geometry do not go together"),
        ({"stac_version": "1.0.0"}, "stac_version is '1.0.0'"),
        ({"assets": {}}, "has no asset with a link"),
        ({"properties": {"datetime": None}}, "has neither a time nor a range"),
    ],
)
def test_an_item_that_lacks_what_stac_requires_is_broken(
    shelves: Shelves, change: dict[str, object], words: str
) -> None:
    shelves.write()
    path = item_file(shelves, images(shelves)[0])
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **change}))
    (problem,) = shelves.check().problems
    assert problem.kind is Kind.BROKEN
    assert words in problem.words


def test_items_behind_the_store_absent_and_unknown_ones_are_told(shelves: Shelves, photo: Maker) -> None:
    shelves.write()
    shelves.change(0, span=2)
    images(shelves).append(replace(photo("d.jpg", 7), survey_uid=shelves.surveys[0].uid))
    gone = images(shelves).pop(1)
    assert shelves.kinds() == ["absent", "behind", "new", "unknown"]
    assert [p.where for p in shelves.check().problems if p.kind is Kind.UNKNOWN] == [str(item_file(shelves, gone))]


def test_an_item_without_a_link_and_a_link_without_an_item_are_orphans(shelves: Shelves) -> None:
    shelves.write()
    path = next(shelves.folder.glob("*A-1*/collection.json"))
    collection = json.loads(path.read_text("utf-8"))
    first = next(link for link in collection["links"] if link["rel"] == "item")
    first["href"] = "./nothing.json"
    path.write_text(json.dumps(collection))
    assert shelves.kinds() == ["orphaned", "orphaned"]


def test_a_collection_that_is_gone_or_no_longer_linked_is_told(shelves: Shelves) -> None:
    shelves.write()
    root = shelves.folder / "catalog.json"
    document = json.loads(root.read_text("utf-8"))
    document["links"] = [link for link in document["links"] if link["rel"] != "child"]
    root.write_text(json.dumps(document))
    assert shelves.kinds() == ["broken", "broken"]
    shelves.write()
    next(shelves.folder.glob("other*/collection.json")).unlink()
    assert shelves.kinds() == ["broken"]


def test_a_survey_that_the_store_has_no_more_is_told(shelves: Shelves) -> None:
    shelves.write()
    shelves.surveys.pop(1)
    assert "unknown" in shelves.kinds()


def test_writing_again_cures_what_it_says_it_cures(shelves: Shelves, photo: Maker) -> None:
    shelves.write()
    shelves.change(0, span=2)
    item_file(shelves, images(shelves)[1]).write_text("{")
    next(shelves.folder.glob("other*/collection.json")).unlink()
    images(shelves).append(replace(photo("d.jpg", 7), survey_uid=shelves.surveys[0].uid))
    assert shelves.kinds() == ["absent", "behind", "broken", "broken"]
    shelves.write()
    assert shelves.kinds() == []


def test_a_damaged_copy_is_noticed(shelves: Shelves) -> None:
    shelves.write(copies=True)
    assert shelves.kinds() == []
    copy = next(shelves.folder.glob("*/files/*/a.jpg"))
    copy.write_bytes(copy.read_bytes()[:-1] + b"\0")
    assert shelves.kinds() == ["broken"]
    shelves.write(copies=True)
    assert shelves.kinds() == []


def test_a_mask_that_moved_along_is_found_and_one_that_stayed_stays(shelves: Shelves, scene: Maker) -> None:
    mask, picture = scene("s_20260501_mask.tif", bands=("mask",)), scene("s_20260501.tif")
    shelves.add("scenes", [replace(picture, mask_path=mask.path)])
    shelves.write()
    new = Path(picture.path).parent / "sub"
    new.mkdir()
    Path(picture.path).rename(new / "s_20260501.tif")
    assert [p.found_mask for p in shelves.check().problems] == [mask.path]
    Path(mask.path).rename(new / "s_20260501_mask.tif")
    assert [p.found_mask for p in shelves.check().problems] == [str(new / "s_20260501_mask.tif")]


def test_a_search_reads_only_files_of_the_right_size_and_never_climbs_to_a_disks_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.jpg").write_bytes(b"1")
    (tmp_path / "right.jpg").write_bytes(b"12")
    read: list[str] = []

    def digest(path: Path) -> str:
        read.append(path.name)
        return "digest"

    monkeypatch.setattr("imagery.catalog.search.sha256_file", digest)
    found = search([str(tmp_path)], [Wanted("digest", 2, "x")], set(), skip=tmp_path / "catalog")
    assert read == ["right.jpg"]
    assert found.places == {"digest": [str(tmp_path / "right.jpg")]}
    assert search(["/nowhere-at-all/x"], [Wanted("digest", 2, "x")], set(), skip=tmp_path).fresh == []


def test_a_folder_that_is_too_large_to_search_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(b"1")
    monkeypatch.setattr("imagery.catalog.search.MAX_FILES", 3)
    found = search([str(tmp_path)], [], set(), skip=tmp_path / "catalog")
    assert found.notes == [str(tmp_path)]
    assert len(found.fresh) == 3


def test_a_survey_of_two_far_places_has_only_these_searched(
    shelves: Shelves, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "desk"
    flight, scenes = home / "flights" / "may", home / ".local" / "mizuhashi" / "scenes"
    for folder in (flight, scenes, home / "private"):
        folder.mkdir(parents=True)
    for number, folder in enumerate((flight, scenes)):
        image = images(shelves)[number]
        Path(image.path).rename(folder / "p.jpg")
        shelves.change(number, path=str(folder / "p.jpg"))
    (home / "private" / "holiday.jpg").write_bytes(b"x")
    (flight / "new.jpg").write_bytes(b"x")
    shelves.root = scenes.parent
    shelves.write()
    assert [Path(p.where).name for p in shelves.check().problems] == ["new.jpg"]
    shelves.root = tmp_path / "elsewhere"
    shelves.write()
    monkeypatch.setattr(Path, "home", lambda: home)
    assert [Path(p.where).name for p in shelves.check().problems] == ["new.jpg"]


def test_a_product_is_one_picture_and_known_by_its_scene(tmp_path: Path) -> None:
    make_safe(tmp_path)
    make_hls(tmp_path / "hls")
    known = {str(tmp_path / "scenes" / f"{HLS_S30}.tif")}
    found = search([str(tmp_path)], [], known, skip=tmp_path / "catalog")
    assert found.fresh == [(str(tmp_path / SAFE), None)]
    found = search([str(tmp_path)], [], {str(tmp_path / SAFE.replace(".SAFE", ".tif"))}, skip=tmp_path / "catalog")
    assert found.fresh == [(str(tmp_path / "hls" / HLS_S30), None)]


def test_a_survey_that_was_never_written_is_told_by_its_pictures_alone(shelves: Shelves, photo: Maker) -> None:
    shelves.write()
    shelves.add("later", [photo("d.jpg", 9)])
    assert shelves.kinds() == ["absent"]
