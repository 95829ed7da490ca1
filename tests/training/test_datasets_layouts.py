from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from findings.errors import ConfigError
from imagery.types import Window
from tests.training import layouts
from tests.training.layouts import RGB, SIX, box, samples, source
from training.datasets import open_source
from training.datasets.shapes import Shape, draw_shapes, from_runs, polygon, runs_of_text

HERE = Path("labels.json")


def plane(name: str) -> int:
    return SIX.index(name)


def test_an_outline_along_pixel_corners_gives_back_its_pixels() -> None:
    drawn = draw_shapes([polygon(box(2, 3, 7, 5), HERE, "shape")], Window(0, 0, 10, 8))
    expected = np.zeros((8, 10), bool)
    expected[3:5, 2:7] = True
    np.testing.assert_array_equal(drawn, expected)


def test_a_pixel_belongs_to_a_shape_when_its_centre_is_inside() -> None:
    drawn = draw_shapes([polygon(box(2.6, 3.4, 6.4, 5.6), HERE, "shape")], Window(0, 0, 10, 8))
    assert [tuple(map(int, where)) for where in np.argwhere(drawn)[[0, -1]]] == [(3, 3), (5, 5)]


def test_a_window_of_a_drawing_is_the_same_part_of_the_whole_drawing() -> None:
    shapes = [
        polygon([[1.2, 1.7], [18.3, 4.1], [9.9, 16.6]], HERE, "shape"),
        Shape(mask=np.ones((3, 4), bool), corner=(9, 12)),
    ]
    whole = draw_shapes(shapes, Window(0, 0, 20, 20))
    np.testing.assert_array_equal(draw_shapes(shapes, Window(5, 6, 9, 11)), whole[6:17, 5:14])


def test_a_shape_thinner_than_a_pixel_does_not_vanish() -> None:
    drawn = draw_shapes([polygon([[2, 4.6], [17, 4.7], [17, 4.8]], HERE, "shape")], Window(0, 0, 20, 10))
    assert drawn[4, 3:16].all()
    assert drawn.sum() < 40


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # inside pycocotools
def test_a_drawing_agrees_with_pycocotools_in_area() -> None:
    ring = [3.0, 4.0, 50.5, 8.2, 44.1, 33.3, 10.7, 30.0]
    ours = draw_shapes([polygon(list(zip(ring[::2], ring[1::2], strict=True)), HERE, "shape")], Window(0, 0, 60, 40))
    theirs = coco_mask.decode(coco_mask.frPyObjects([ring], 40, 60))[..., 0].astype(bool)
    assert (ours != theirs).sum() <= 25  # on the outline of 110 px the rules of rounding differ


def test_run_lengths_are_those_of_pycocotools() -> None:
    rng = np.random.default_rng(1)
    for share in (0.02, 0.5, 0.97):
        mask = rng.random((37, 53)) < share
        stored = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        counts = runs_of_text(stored["counts"].decode(), HERE, "annotation")
        np.testing.assert_array_equal(from_runs(counts, 37, 53, HERE, "annotation", by_columns=True), mask)


@pytest.mark.parametrize("text", ["a\x7f", "0p", "Q" * 20])
def test_a_damaged_run_length_code_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"run-length|runs of"):
        from_runs(runs_of_text(text, HERE, "annotation"), 4, 4, HERE, "annotation", by_columns=True)


def test_folders_and_files_of_other_names_are_read_by_options(tmp_path: Path) -> None:
    truth = layouts.pair(tmp_path, "wall_01_3", "train/img", "train/lab", "_mask", value=1)
    options = {
        "images_dir": "{split}/img", "masks_dir": "{split}/lab", "mask_suffix": "_mask", "threshold": 0,
        "group_pattern": r"^(.+)_\d+$",
    }  # fmt: skip
    (sample,) = samples(source("mask_pairs", tmp_path, "train", options=options))
    assert (sample.name, sample.group) == ("wall_01_3", "wall_01")
    np.testing.assert_array_equal(sample.target[0] > 0.5, truth)
    assert sample.known[0].all()
    assert not sample.known[1:].any()


def test_a_list_of_names_is_a_split(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        layouts.pair(tmp_path, name, "Images", "Masks")
    (tmp_path / "test.txt").write_text("c.png\na.png\n")
    options = {"images_dir": "Images", "masks_dir": "Masks", "split_file": "{split}.txt"}
    assert [s.name for s in samples(source("mask_pairs", tmp_path, "test", options=options))] == ["a", "c"]


def test_match_takes_names_by_a_glob(tmp_path: Path) -> None:
    for name in ("CPFD_01", "CPVD_01", "CPVD_02"):
        layouts.pair(tmp_path, name)
    assert [s.name for s in samples(source("mask_pairs", tmp_path, match="CPVD*"))] == ["CPVD_01", "CPVD_02"]
    with pytest.raises(ConfigError, match=r"no pictures that match 'X\*'"):
        samples(source("mask_pairs", tmp_path, match="X*"))


def test_scale_resizes_picture_and_mask_together(tmp_path: Path) -> None:
    truth = layouts.pair(tmp_path, "a")
    (half,) = samples(source("mask_pairs", tmp_path, scale=0.5))
    assert half.pixels.shape == (3, 20, 30)
    np.testing.assert_array_equal(half.target[0] > 0.5, truth.reshape(20, 2, 30, 2).mean(axis=(1, 3)) >= 0.5)
    (double,) = samples(source("mask_pairs", tmp_path, scale=2.0))
    assert double.pixels.shape == (3, 80, 120)
    assert double.target[0].sum() == pytest.approx(4 * truth.sum(), rel=0.05)


def test_values_of_a_mask_are_read_by_a_class_map(tmp_path: Path) -> None:
    layouts.pair(tmp_path, "a", value=1)
    content = layouts.read_image(tmp_path / "masks" / "a.png", cv2.IMREAD_GRAYSCALE)
    content[30:34] = 2
    content[36:] = 9
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), content)
    words = tmp_path / "map.yaml"
    words.write_text(
        "{name: own, about: a, source: b, licence: c, ships: true, labels: {1: crack, 2: spalling}, "
        "unsure: {9: [spalling]}, ignored: [0]}"
    )
    (sample,) = samples(source("mask_pairs", tmp_path, classes=str(words)))
    assert sample.target[plane("crack")].sum() == 4 * 45
    assert sample.target[plane("spalling"), 30:34].all()
    assert not sample.known[plane("spalling"), 36:].any()
    assert sample.known[plane("crack")].all()
    content[0, 0] = 77
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), content)
    with pytest.raises(ConfigError, match=r"a\.png: a pixel value: the class '77' is not in the class map 'own'"):
        samples(source("mask_pairs", tmp_path, classes=str(words)))


def test_dacl10k_classes_may_lie_on_one_pixel_and_outlines_of_a_class_are_united(tmp_path: Path) -> None:
    shapes = [("Crack", box(10, 10, 20, 20)), ("ACrack", box(15, 10, 30, 20)), ("Rust", box(10, 10, 20, 20)),
              ("Rockpocket", box(40, 10, 50, 20)), ("Drainage", box(0, 30, 60, 40))]  # fmt: skip
    layouts.labelme(tmp_path, "dacl10k_v2_train_0001", shapes)
    (sample,) = samples(source("dacl10k", tmp_path, "train"))
    crack, rust, spalling = (plane(name) for name in ("crack", "rust", "spalling"))
    assert sample.target[crack].sum() == 20 * 10
    assert sample.target[rust].sum() == 10 * 10
    assert not sample.known[spalling, 10:20, 40:50].any()
    assert sample.known[spalling].sum() == 40 * 60 - 100
    assert sample.known[crack].all()
    assert sample.target[plane("wet_spot")].sum() == 0
    assert sample.known[plane("wet_spot")].all()


def test_a_model_of_other_classes_learns_nothing_from_a_set_that_does_not_label_them(tmp_path: Path) -> None:
    layouts.labelme(tmp_path, "a", [("Crack", box(1, 1, 9, 9))])
    (sample,) = samples(source("dacl10k", tmp_path, "train"), classes=("water", "crack"))
    assert not sample.known[0].any()
    assert sample.known[1].all()


def test_codebrim_boxes_are_unknown_inside_and_absent_outside(tmp_path: Path) -> None:
    layouts.codebrim(
        tmp_path,
        "image_0000005",
        [((10, 5, 30, 25), {"Crack": 1, "ExposedBars": 1}), ((0, 30, 60, 40), {"Background": 1})],
    )
    layouts.picture(tmp_path / "images" / "image_0000006.jpg")
    opened = open_source(source("codebrim", tmp_path), RGB, SIX)
    (sample,) = opened.whole()
    assert sample.target.sum() == 0
    for name in ("crack", "exposed_rebar"):
        assert not sample.known[plane(name), 5:25, 10:30].any()
        assert sample.known[plane(name)].sum() == 40 * 60 - 20 * 20
    assert sample.known[plane("rust")].all()
    assert not sample.known[plane("wet_spot")].any()
    assert opened.notes[0] == "1 of 2 pictures have no annotations and are left out"  # type: ignore[attr-defined]


def test_sen1floods11_reads_optical_and_radar_chips_and_leaves_minus_one_unknown(tmp_path: Path) -> None:
    labels = np.zeros((16, 20), np.int16)
    labels[:4], labels[12:] = 1, -1
    layouts.chip(tmp_path, "Ghana_103272", labels)
    layouts.chip(tmp_path, "Bolivia_23014", labels)
    table = tmp_path / "splits" / "flood_handlabeled" / "flood_train_data.csv"
    table.parent.mkdir(parents=True)
    table.write_text("Ghana_103272_S1Hand.tif,Ghana_103272_LabelHand.tif\n")
    (optical,) = samples(source("sen1floods11", tmp_path, "train"), ("green", "nir", "swir1"), ("water",))
    assert optical.name == "Ghana_103272"
    assert [int(band.mean()) // 100 for band in optical.pixels] == [3, 8, 12]
    assert optical.target[0].sum() == 4 * 20
    np.testing.assert_array_equal(optical.known[0], labels >= 0)
    radar = samples(source("sen1floods11", tmp_path, options={"group": "event"}), ("vv", "vh"), ("water",))
    assert [s.group for s in radar] == ["Bolivia", "Ghana"]
    assert radar[0].pixels.shape == (2, 16, 20)
    assert radar[0].pixels.mean() < 0
    with pytest.raises(ConfigError, match="files of their own"):
        samples(source("sen1floods11", tmp_path), ("green", "vv"), ("water",))


def test_coco_outlines_runs_and_boxes_are_read(tmp_path: Path) -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[20:25, 30:45] = 1
    packed = coco_mask.encode(np.asfortranarray(mask))
    runs = {"size": [40, 60], "counts": packed["counts"].decode()}
    plain = {"size": [40, 60], "counts": [0, 40, 40 * 59]}  # the first column
    marks = [
        {"image_id": 1, "category_id": 1, "segmentation": [[2, 2, 6, 2, 6, 5, 2, 5], [10, 2, 12, 2, 12, 5, 10, 5]]},
        {"image_id": 1, "category_id": 2, "segmentation": runs, "iscrowd": 1},
        {"image_id": 1, "category_id": 5, "segmentation": plain},
        {"image_id": 1, "category_id": 6, "bbox": [40, 0, 10, 8]},
    ]
    layouts.coco(tmp_path, ["a", "b"], marks)
    first, second = samples(source("coco", tmp_path))
    assert first.target[plane("crack")].sum() == 3 * (4 + 2)
    np.testing.assert_array_equal(first.target[plane("spalling")], mask)
    np.testing.assert_array_equal(first.target[plane("rust")].sum(axis=0) > 0, np.arange(60) == 0)
    assert first.target[plane("wet_spot")].sum() == 0
    assert first.known[plane("wet_spot")].sum() == 40 * 60 - 80
    assert second.target.sum() == 0
    assert second.known.all()
    rough = {"crowd": "unsure", "boxes": "filled"}
    changed = samples(source("coco", tmp_path, options=rough))[0]
    assert changed.known[plane("spalling")].sum() == 40 * 60 - mask.sum()
    assert changed.target[plane("wet_spot")].sum() == 80


def test_coco_splits_come_from_a_table_or_from_files_of_their_own(tmp_path: Path) -> None:
    layouts.coco(tmp_path, ["a", "b"], [])
    (tmp_path / "split.csv").write_text("name,split,group\na.png,train,pier 1\nb.png,val,pier 2\n")
    (sample,) = samples(source("coco", tmp_path, "val"))
    assert (sample.name, sample.group) == ("b", "pier 2")
    (tmp_path / "instances_val.json").write_text((tmp_path / "annotations.json").read_text())
    (tmp_path / "split.csv").unlink()
    assert len(samples(source("coco", tmp_path, "val", options={"annotations": "instances_{split}.json"}))) == 2


def test_cvat_polygons_lines_masks_and_boxes_are_read(tmp_path: Path) -> None:
    marks = (
        '<polygon label="spalling" points="2.00,2.00;8.00,2.00;8.00,6.00;2.00,6.00" z_order="0"/>'
        '<polyline label="crack" points="5,20.5;55,20.5"><attribute name="width_px">3</attribute></polyline>'
        '<mask label="rust" left="40" top="30" width="4" height="2" rle="1, 3, 2, 2"/>'
        '<box label="wet_spot" xtl="10" ytl="30" xbr="20" ybr="40"/>'
        '<tag label="nothing"/>'
    )
    layouts.cvat(tmp_path, marks)
    (sample,) = samples(source("cvat", tmp_path))
    assert sample.target[plane("spalling")].sum() == 6 * 4
    assert sample.target[plane("crack"), :, 30].sum() == 3
    assert np.argwhere(sample.target[plane("rust")]).tolist() == [[30, 41], [30, 42], [30, 43], [31, 42], [31, 43]]
    assert sample.known[plane("wet_spot")].sum() == 40 * 60 - 100
    assert sample.target[plane("wet_spot")].sum() == 0


def test_an_outline_that_reaches_out_of_the_picture_is_cut_off_and_noted(tmp_path: Path) -> None:
    layouts.labelme(tmp_path, "a", [("Crack", box(50, 30, 70, 60))])
    opened = open_source(source("dacl10k", tmp_path, "train"), RGB, SIX)
    (sample,) = opened.whole()
    assert sample.target[0].sum() == 10 * 10
    assert "shape 1 (Crack) reaches out of the picture" in opened.notes[0]  # type: ignore[attr-defined]


def test_items_name_the_files_behind_the_pictures(tmp_path: Path) -> None:
    path = layouts.coco(tmp_path, ["a", "b"], [])
    items = open_source(source("coco", tmp_path), RGB, SIX).items()
    assert [item.image for item in items] == [tmp_path / "images" / "a.png", tmp_path / "images" / "b.png"]
    assert {item.label for item in items} == {path}
    assert open_source(source("generated_concrete", tmp_path), RGB, ("crack",)).items() == ()


def test_json_of_labelme_needs_no_size_but_must_not_lie_about_it(tmp_path: Path) -> None:
    path = layouts.labelme(tmp_path, "a", [])
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "imageWidth": 61}))
    with pytest.raises(ConfigError, match=r"made for a picture of 61 x 40 px, but .* has 60 x 40 px"):
        samples(source("dacl10k", tmp_path, "train"))
    path.write_text(json.dumps({"shapes": []}))
    assert len(samples(source("dacl10k", tmp_path, "train"))) == 1
