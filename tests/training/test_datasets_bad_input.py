from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from findings.errors import ConfigError
from tests.training import layouts
from tests.training.layouts import RGB, SIX, box, source
from training.config import SourceConfig
from training.datasets import open_source
from training.datasets.class_map import class_map_names, read_class_map

BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><annotations><image name="&y;"/></annotations>'
FOREIGN = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations><image name="&x;"/></annotations>'


def refused(config: SourceConfig, *words: str) -> str:
    """Return the message with which a source is refused; it must hold these words."""
    with pytest.raises(ConfigError) as caught:
        open_source(config, RGB, SIX)
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


def test_an_unknown_class_names_file_label_and_remedy(tmp_path: Path) -> None:
    layouts.labelme(tmp_path, "a", [("Crack", box(1, 1, 9, 9)), ("Krack", box(1, 1, 9, 9))])
    refused(
        source("dacl10k", tmp_path, "train"),
        "a.json: shape 2",
        "'Krack'",
        "'dacl10k'",
        "copy the map",
        "unsure or ignored",
    )
    layouts.coco(tmp_path, ["a"], [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2]}], ("Riss",))
    refused(source("coco", tmp_path), "annotations.json: annotation 1 of a", "'Riss'")
    layouts.cvat(tmp_path, '<polygon label="rivet" points="1,1;5,1;5,5"/>')
    refused(source("cvat", tmp_path), "annotations.xml: a, mark 1 (polygon rivet)", "'rivet'")
    path = layouts.codebrim(tmp_path / "b", "x", [((1, 1, 9, 9), {"Crack": 1})])
    path.write_text(path.read_text().replace("CorrosionStain>", "Stain>"))
    refused(source("codebrim", tmp_path / "b"), "x.xml: object 1", "'Stain'")


def test_an_image_without_mask_and_a_mask_without_image_are_refused(tmp_path: Path) -> None:
    layouts.pair(tmp_path, "a")
    layouts.picture(tmp_path / "images" / "b.png")
    refused(source("mask_pairs", tmp_path), "b.png: has no image and mask pair", "all 0 if nothing is there")
    (tmp_path / "images" / "b.png").unlink()
    layouts.mask(tmp_path / "masks" / "c.png")
    refused(source("mask_pairs", tmp_path), "c.png: a mask without an image")


def test_a_mask_of_another_size_is_refused_when_the_set_is_opened(tmp_path: Path) -> None:
    layouts.pair(tmp_path, "a", rows=41)
    refused(source("mask_pairs", tmp_path), "a.png: mask of 60 x 41 px, image of 60 x 40 px", "they must be equal")


def test_splits_that_are_empty_or_name_a_missing_picture_are_refused(tmp_path: Path) -> None:
    layouts.pair(tmp_path, "a")
    (tmp_path / "split.csv").write_text("name,split\na,train\nzz,val\n")
    refused(source("mask_pairs", tmp_path, "test"), "no pictures in split 'test'", "train, val")
    refused(source("mask_pairs", tmp_path, "val"), "split.csv: names 'zz'", "has no such picture")
    (tmp_path / "split.csv").write_text("name,part\na,train\n")
    refused(source("mask_pairs", tmp_path, "train"), "has the columns name, part; split must be among them")
    (tmp_path / "split.csv").write_text("name,split\na,train\na.png,train\n")
    refused(source("mask_pairs", tmp_path, "train"), "names 'a' twice")
    (tmp_path / "split.csv").write_text("name,split\na\n")
    refused(source("mask_pairs", tmp_path, "train"), "line 2 has fewer cells")


@pytest.mark.parametrize("text", ["{", "", "[1, 2", '{"shapes": [NaN]}', '{"shapes": 3}', "[" * 100_000])
def test_broken_json_is_refused(tmp_path: Path, text: str) -> None:
    layouts.labelme(tmp_path, "a", []).write_text(text)
    refused(source("dacl10k", tmp_path, "train"), "a.json: not a")
    layouts.coco(tmp_path, ["a"], []).write_text(text)
    refused(source("coco", tmp_path), "annotations.json: not a")


@pytest.mark.parametrize("text", ["<annotations>", "", "<a/>", BOMB, FOREIGN, "<annotations><track/></annotations>"])
def test_broken_xml_and_xml_with_a_doctype_are_refused(tmp_path: Path, text: str) -> None:
    layouts.cvat(tmp_path, "").write_text(text)
    message = refused(source("cvat", tmp_path), "annotations.xml: not a")
    assert ("DOCTYPE" in message) == ("DOCTYPE" in text)
    assert "passwd" not in message


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "C:\\secret.png", "a/../../b.png", ""])
def test_a_label_file_cannot_name_pictures_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    layouts.picture(tmp_path / "secret.png")
    path = layouts.coco(tmp_path, ["a"], [])
    content = json.loads(path.read_text())
    content["images"][0]["file_name"] = name
    path.write_text(json.dumps(content))
    refused(source("coco", tmp_path), "is not a path inside")
    layouts.cvat(tmp_path, "", name="a.png")
    (tmp_path / "annotations.xml").write_text(
        f'<annotations><image name="{name}" width="60" height="40"/></annotations>'
    )
    refused(source("cvat", tmp_path), "is not a path inside")


@pytest.mark.parametrize(
    ("points", "word"),
    [
        ([[1, 1], [5, 5]], "an outline of 2 point(s); it needs at least 3"),
        ([[1, 1], [5, "NaN"], [5, 9]], "a coordinate is 'NaN'; expected a finite number"),
        ([[1, 1], [5, 1e999], [5, 9]], "a coordinate is"),
        ([[1, 1], [5], [5, 9]], "expected two numbers"),
        ([[1, 1], 5, [5, 9]], "expected two numbers"),
        ([[1, 1], [5, True], [5, 9]], "a coordinate is True"),
    ],
)
def test_outlines_without_three_finite_points_are_refused(tmp_path: Path, points: list[Any], word: str) -> None:
    path = layouts.labelme(tmp_path, "a", [("Crack", points)])
    if "Infinity" in path.read_text():
        path.write_text(path.read_text().replace("Infinity", "1e999"))  # JSON's own way to overflow
    refused(source("dacl10k", tmp_path, "train"), "a.json: shape 1", word)


def test_an_outline_far_out_of_the_picture_marks_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    layouts.labelme(
        tmp_path, "a", [("Crack", box(1e12, 1e12, 2e12, 2e12)), ("Crack", [[-1e15, 3.1], [1e15, 3.2], [0, 3.3]])]
    )
    opened = open_source(source("dacl10k", tmp_path, "train"), RGB, SIX)
    (sample,) = opened.whole()
    assert set(np.flatnonzero(sample.target[0].any(axis=1))) <= {2, 3}
    assert len(opened.notes) == 2  # type: ignore[attr-defined]


def test_marks_that_have_no_inside_are_refused_with_what_to_draw(tmp_path: Path) -> None:
    layouts.cvat(tmp_path, '<polyline label="crack" points="1,1;5,5"/>')
    refused(source("cvat", tmp_path), "width_px, or set options.line_width_px")
    layouts.cvat(tmp_path, '<points label="crack" points="1,1;5,5"/>')
    refused(source("cvat", tmp_path), "draw a polygon, polyline, mask or box")
    layouts.cvat(tmp_path, '<mask label="crack" left="0" top="0" width="3" height="2" rle="1,2"/>')
    refused(source("cvat", tmp_path), "runs of 3 px for a mask of 3 x 2 px")
    layouts.cvat(tmp_path, '<mask label="crack" left="0" top="0" width="3" height="2" rle="1,x"/>')
    refused(source("cvat", tmp_path), "a run of 'x' px")
    layouts.cvat(tmp_path, '<box label="crack" xtl="5" ytl="1" xbr="2" ybr="9"/>')
    refused(source("cvat", tmp_path), "has no area")
    layouts.cvat(tmp_path, '<box label="crack" xtl="1" ytl="1" xbr="2" ybr="9" rotation="30"/>')
    refused(source("cvat", tmp_path), "a turned box")


def test_coco_files_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    def said(mark: dict[str, Any], *words: str) -> None:
        layouts.coco(tmp_path, ["a"], [{"image_id": 1, "category_id": 1, **mark}])
        refused(source("coco", tmp_path), "annotations.json", *words)

    said({"image_id": 7, "bbox": [0, 0, 1, 1]}, "image 7")
    said({"category_id": 99, "bbox": [0, 0, 1, 1]}, "category 99")
    said({}, "neither segmentation nor bbox")
    said({"segmentation": [[1, 1, 2]]}, "x, y in turn")
    said({"segmentation": {"size": [4, 4], "counts": [16]}}, "a mask of size [4, 4]")
    said({"segmentation": {"size": [40, 60], "counts": [1, -2]}}, "a run of -2 px")
    said({"segmentation": {"size": [40, 60], "counts": [16]}}, "runs of 16 px")
    layouts.coco(tmp_path, ["a"], [])
    (tmp_path / "images" / "a.png").unlink()
    refused(source("coco", tmp_path), "which is not there")


def test_folders_and_options_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    refused(source("mask_pairs", tmp_path / "nowhere"), "no such folder")
    refused(source("dacl10k", tmp_path), "needs split")
    refused(SourceConfig(kind="coco", name="x", licence="y", ships=False), "needs root")
    layouts.pair(tmp_path, "a")
    refused(source("mask_pairs", tmp_path, options={"mask_dir": "masks"}), "mask_dir", "it takes images_dir, masks_dir")
    refused(source("mask_pairs", tmp_path, options={"group_pattern": "["}), "not a regular expression")
    refused(source("mask_pairs", tmp_path, options={"group_pattern": "^x"}), "does not fit the name 'a'")
    refused(source("mask_pairs", tmp_path, classes="nobody"), "there is none of that name", "dacl10k")
    refused(source("mask_pairs", tmp_path, classes="../config"), "there is none of that name")
    refused(source("generated_concrete", tmp_path, match="*"), "has no use for match")
    refused(source("pasted_cracks", tmp_path, scale=0.5), "has no use for scale")
    refused(source("clean_pictures", tmp_path / "images", options={"absnt": ["crack"]}), "absnt", "it takes absent")
    refused(
        source("clean_pictures", tmp_path / "images", options={"absent": "crack"}), "absent: Input should be a valid"
    )


def test_weights_of_a_set_that_forbids_it_cannot_be_declared_to_ship(tmp_path: Path) -> None:
    layouts.labelme(tmp_path, "a", [])
    refused(source("dacl10k", tmp_path, "train", ships=True), "ships is true", "CC-BY-NC-4.0", "set ships: false")


def test_a_picture_that_is_damaged_says_so(tmp_path: Path) -> None:
    layouts.pair(tmp_path, "a")
    (tmp_path / "images" / "a.png").write_bytes(b"GIF89a")
    refused(source("mask_pairs", tmp_path), "a.png", "replace it or take it out")


@pytest.mark.parametrize("name", class_map_names())
def test_every_class_map_says_where_its_set_comes_from_and_what_may_ship(name: str) -> None:
    found = read_class_map(name)
    assert found.name == name
    assert found.licence
    assert found.source
    assert set(found.classes) <= {*SIX, "water"}
    assert all(set(classes) <= set(found.classes) for classes in found.unsure.values())


def test_dacl10k_has_its_nineteen_labels() -> None:
    found = read_class_map("dacl10k")
    assert len([*found.labels, *found.unsure, *found.ignored]) == 19


def test_a_class_map_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("{name: a, about: b, source: c, licence: d, ships: false, labels: {x: crack}, ignored: [x]}")
    with pytest.raises(ConfigError, match="the labels x stand in more than one"):
        read_class_map(str(path))
    path.write_text("{name: a, about: b, source: c, licence: d, ships: false, labels: {}, x: 1}")
    with pytest.raises(ConfigError, match="x: Extra inputs"):
        read_class_map(str(path))
