from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from findings.errors import ConfigError, OutputError
from imagery.digest import sha256_file
from tests.training import layouts
from tests.training.conftest import TINY
from tests.training.layouts import source
from training import fingerprint
from training.config import TrainConfig, read_config
from training.data_check import check_sources, source_digest
from training.fingerprint import (
    NEAR_BITS,
    Fingerprint,
    Fingerprints,
    distances,
    hash_of,
    orientations,
    perceptual_hash,
)
from training.leakage import Member, find_leaks
from training.manifest import Manifest, check_manifest, read_manifest, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of six different pictures of three walls, split by wall."""
    root = tmp_path / "set"
    rows = ["name,split,group"]
    for number, (split, wall) in enumerate(
        [("train", 1), ("train", 1), ("train", 2), ("val", 3), ("test", 4), ("test", 4)]
    ):
        layouts.pair(root, f"p{number}")
        rows.append(f"p{number},{split},wall {wall}")
    (root / "split.csv").write_text("\n".join(rows) + "\n")
    return root


def written(folder: Path, **more: Any) -> tuple[Manifest, Path]:
    path = folder / "manifest.json"
    return write_manifest(source("mask_pairs", folder), path, **more), path


def resplit(folder: Path, change: Callable[[list[dict[str, str]]], None]) -> None:
    with (folder / "split.csv").open() as file:
        rows = list(csv.DictReader(file))
    change(rows)
    (folder / "split.csv").write_text("name,split,group\n" + "\n".join(",".join(row.values()) for row in rows) + "\n")


def test_a_manifest_names_every_file_by_digest_group_and_split(folder: Path) -> None:
    made, path = written(folder)
    assert read_manifest(path) == made
    assert made.splits == ("train", "val", "test")
    first = made.items[0]
    assert (first.image, first.label, first.group, first.width_px) == ("images/p0.png", "masks/p0.png", "wall 1", 60)
    assert made.root == "."
    assert str(folder) not in path.read_text()
    assert made.shares["val"]["crack"] == pytest.approx(4 * 45 / 2400)
    check_manifest(made, path, splits=("train", "val", "test"))


def test_the_digest_tells_what_the_set_holds_and_not_where_it_lies(folder: Path, tmp_path: Path) -> None:
    made, _ = written(folder)
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    again, path = written(moved)
    assert again.digest == made.digest
    layouts.mask(moved / "masks" / "p0.png", top=20)
    assert written(moved)[0].digest != made.digest
    assert write_manifest(source("mask_pairs", moved), path, parent=made).parent == made.digest


def test_one_group_on_both_sides_of_a_split_is_refused(folder: Path) -> None:
    resplit(folder, lambda rows: rows[1].update(split="val"))
    made, path = written(folder)
    with pytest.raises(ConfigError, match=r"1 leak.*p0 \(train\) and p1 \(val\): both of the group 'wall 1'"):
        check_manifest(made, path)


def test_the_same_file_under_two_names_on_both_sides_is_refused(folder: Path) -> None:
    shutil.copy(folder / "images" / "p0.png", folder / "images" / "p4.png")
    made, path = written(folder)
    with pytest.raises(ConfigError, match=r"p0 \(train\) and p4 \(test\): the same file"):
        check_manifest(made, path)


@pytest.mark.parametrize("turn", range(8))
def test_a_turned_and_recompressed_copy_on_the_other_side_is_refused(folder: Path, turn: int) -> None:
    image = layouts.read_image(folder / "images" / "p0.png")
    image = np.ascontiguousarray(np.rot90(image[:, ::-1] if turn >= 4 else image, turn % 4))
    (folder / "images" / "p4.png").unlink()
    cv2.imwrite(str(folder / "images" / "p4.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 60])
    layouts.mask(folder / "masks" / "p4.png", *image.shape[:2])
    made, path = written(folder)
    with pytest.raises(ConfigError, match=r"p0 \(train\) and p4 \(test\): nearly the same picture"):
        check_manifest(made, path)


def test_copies_on_one_side_are_no_leak(folder: Path) -> None:
    shutil.copy(folder / "images" / "p0.png", folder / "images" / "p2.png")
    made, path = written(folder)
    check_manifest(made, path)


def test_groups_of_two_data_sets_are_different_ones() -> None:
    print_ = [Fingerprint(str(number) * 64, 9, 9, None) for number in range(2)]
    members = [Member("train", "a", "set 1", "wall", print_[0]), Member("test", "b", "set 2", "wall", print_[1])]
    assert find_leaks(members) == []
    assert len(find_leaks([members[0], Member("test", "b", "set 1", "wall", print_[1])])) == 1


def test_missing_and_changed_files_are_named(folder: Path) -> None:
    made, path = written(folder)
    (folder / "images" / "p2.png").unlink()
    layouts.mask(folder / "masks" / "p5.png", top=22)
    with pytest.raises(ConfigError, match=r"2 file\(s\).*p2\.png is missing.*p5\.png was changed.*as its parent"):
        check_manifest(made, path)


def test_an_empty_split_is_refused(folder: Path) -> None:
    made, path = written(folder)
    with pytest.raises(ConfigError, match="the split 'validation' is empty; there are train, val, test"):
        check_manifest(made, path, splits=("train", "validation"))
    with pytest.raises(ConfigError, match="no pictures in split 'validation'"):
        written(folder, splits=("validation",))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda c: c["items"][0].update(image="../x.png"), "lies outside of the root"),
        (lambda c: c["items"][0].update(label="/etc/passwd"), "lies outside of the root"),
        (lambda c: c["items"][0].update(image_sha256="12"), "image_sha256"),
        (lambda c: c.update(items=[]), "items"),
        (lambda c: c.update(surplus=1), "surplus"),
        (lambda c: c.update(format=2), "format"),
    ],
)
def test_a_manifest_that_is_none_is_refused(folder: Path, change: Callable[[dict[str, Any]], None], word: str) -> None:
    _, path = written(folder)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=word):
        read_manifest(path)


def test_a_manifest_that_cannot_be_written_or_read_says_so(folder: Path) -> None:
    (folder / "taken").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_manifest(source("mask_pairs", folder), folder / "taken" / "manifest.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_manifest(folder / "nowhere.json")


def test_unchanged_files_are_read_once_and_changed_ones_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(path: Path) -> str:
        read.append(path.name)
        return sha256_file(path)

    monkeypatch.setattr(fingerprint, "sha256_file", counted)
    cache = folder / "cache"
    first, _ = written(folder, cache=cache)
    assert len(read) == 12
    read.clear()
    assert written(folder, cache=cache)[0] == first
    assert read == []
    layouts.picture(folder / "images" / "p0.png", seed=5)
    (folder / "images" / "p0.png").touch()
    assert written(folder, cache=cache)[0].digest != first.digest
    assert read == ["p0.png"]
    (cache / "fingerprints.json").write_text("{")
    read.clear()
    written(folder, cache=cache)
    assert len(read) == 12


def test_the_hashes_of_all_orientations_follow_from_one(tmp_path: Path) -> None:
    cells = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    own = hash_of(cells)
    assert own is not None
    known = {int(value) for value in orientations([own])[0]}
    for flip in (cells, cells[:, ::-1]):
        for turn in range(4):
            turned = hash_of(np.ascontiguousarray(np.rot90(flip, turn)))
            assert turned is not None
            assert int(orientations([turned])[0, 0]) in known
    assert len(known) == 8


def test_a_flat_picture_has_no_hash_and_leaks_by_its_bytes_only(tmp_path: Path) -> None:
    for name, grey in (("a", 100), ("b", 101)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((50, 50), grey, np.uint8))
    assert perceptual_hash(tmp_path / "a.png") is None
    members = [
        Member(side, name, "", name, Fingerprints().picture(tmp_path / f"{name}.png"))
        for side, name in (("train", "a"), ("test", "b"))
    ]
    assert find_leaks(members) == []


def config(folder: Path, tmp_path: Path, **more: Any) -> TrainConfig:
    def part(split: str) -> dict[str, Any]:
        return {
            "kind": "mask_pairs", "name": "walls", "licence": "own", "ships": True, "root": str(folder), "split": split,
        }  # fmt: skip

    generated = {"kind": "generated_concrete", "name": "g", "licence": "own", "ships": True}
    content = {
        **TINY,
        "train": [part("train"), generated],
        "validation": {"protocol": "crack", "source": part("val")},
        "test": {"protocol": "crack", "source": part("test")},
        **more,
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    return read_config(path)


def test_a_configuration_is_checked_and_its_sources_are_told_by_digests(folder: Path, tmp_path: Path) -> None:
    found = check_sources(config(folder, tmp_path), cache=tmp_path / "cache")
    assert [(s.role, s.pictures, s.groups) for s in found.sources] == [
        ("train", 3, 2), ("train", 0, 0), ("validation", 1, 1), ("test", 2, 1),
    ]  # fmt: skip
    assert len({s.digest for s in found.sources}) == 4
    given = config(folder, tmp_path)
    assert found.test == source_digest(given.test, given.bands, given.class_names)
    assert found.rows()[0]["licence"] == "own"


def test_the_digest_of_the_test_set_changes_with_its_pictures_labels_and_scale(folder: Path, tmp_path: Path) -> None:
    def digest() -> str:
        return check_sources(config(folder, tmp_path)).test

    before = digest()
    assert digest() == before
    layouts.mask(folder / "masks" / "p5.png", top=25)
    assert digest() != before
    given = config(folder, tmp_path).test
    scaled = given.model_copy(update={"source": given.source.model_copy(update={"scale": 0.5})})
    assert source_digest(scaled, ("red", "green", "blue"), ("crack",)) != digest()


@pytest.mark.parametrize("role", ["development", "reports"])
def test_training_pictures_that_also_choose_or_measure_are_refused(folder: Path, tmp_path: Path, role: str) -> None:
    clean = tmp_path / "clean"
    clean.mkdir()
    image = layouts.read_image(folder / "images" / "p1.png")
    cv2.imwrite(str(clean / "wall_7.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 70])
    again = {"kind": "clean_pictures", "name": "clean walls", "licence": "own", "ships": False, "root": str(clean)}
    given = config(folder, tmp_path, **{role: [{"protocol": "crack", "source": again}]})
    with pytest.raises(ConfigError, match=r"walls: p1 \(train\) and clean walls: wall_7 .*nearly the same picture"):
        check_sources(given)


def test_a_picture_that_chooses_must_not_measure(folder: Path, tmp_path: Path) -> None:
    given = config(folder, tmp_path)
    with pytest.raises(ConfigError, match=r"walls: p4 \(chosen by\) and walls: p4 \(test\): the same file"):
        check_sources(given.model_copy(update={"development": (given.test,)}))


def test_the_tiny_training_set_of_the_tests_has_no_leak(config_file: Path) -> None:
    assert len(check_sources(read_config(config_file)).sources) == 3


@pytest.mark.realdata
def test_the_real_splits_pass_and_their_pictures_are_far_apart(shared_data: Path) -> None:
    def hashes(pattern: str) -> fingerprint.Hashes:
        found = [perceptual_hash(path) for path in sorted(shared_data.glob(pattern))[::5]]
        return orientations([each for each in found if each is not None])

    walls, road = hashes("anomaly/concrete_normal/train/good/*.jpg"), hashes("cracks/road_frames/images/*.jpg")
    drone = hashes("cracks/uav_concrete/images/*.webp")
    for one, other in ((walls, drone), (walls, road), (drone, road)):
        assert distances(one, other).min() > NEAR_BITS


@pytest.mark.realdata
def test_exact_duplicates_inside_a_real_photo_would_leak_if_they_were_split(shared_data: Path) -> None:
    root = shared_data / "anomaly" / "concrete_normal"
    some = [
        path for name in ("45_4", "45_5", "47_4") for path in root.glob(f"*/good/noncrack_concrete_wall_{name}.jpg")
    ]
    members = [Member(f"side {i}", p.stem[-4:], "", p.stem, Fingerprints().picture(p)) for i, p in enumerate(some)]
    (leak,) = find_leaks(members)
    assert (leak.one.name, leak.other.name, leak.reason) == ("45_4", "45_5", "the same file")
