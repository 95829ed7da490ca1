"""Findings by width, false alarms and lengths against pictures drawn by hand."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from models.card import ClassSpec
from training.counts import line_length_px, near, skeleton
from training.metrics_classes import (
    AREA_PRODUCT,
    LINE_MORE,
    LINE_PRODUCT,
    area_counts,
    crack_mask_counts,
    crack_mask_statistics,
    line_counts,
)
from training.metrics_findings import (
    WIDTH_EDGES_MM,
    WIDTH_EDGES_PX,
    area_findings,
    class_names,
    line_findings,
    pieces,
    width_class,
    width_rows,
)
from training.metrics_pool import Row, summary

Mask = npt.NDArray[np.bool_]
CRACK = ClassSpec(name="crack", damage="6", threshold=0.5, minimum_area_px=10)
SPALL = ClassSpec(name="spalling", damage="7", threshold=0.5, minimum_area_px=10)


def band(row: int, width: int, *, first: int = 0, last: int = 100, size: int = 100) -> Mask:
    mask = np.zeros((size, size), bool)
    mask[row : row + width, first:last] = True
    return mask


def found_at(truth: Mask, detections: Mask) -> dict[str, dict[str, float | None]]:
    table = line_findings(pieces(detections), pieces(truth), 4.0, WIDTH_EDGES_PX)
    return width_rows(table, WIDTH_EDGES_PX, "px")


def test_lengths_count_straight_steps_one_and_diagonal_steps_root_two() -> None:
    straight = band(5, 1, first=10, last=21)
    assert line_length_px(straight) == 10
    assert line_length_px(np.eye(11, dtype=bool)) == pytest.approx(10 * math.sqrt(2))
    assert line_length_px(np.eye(11, dtype=bool)[::-1]) == pytest.approx(10 * math.sqrt(2))
    corner = np.zeros((9, 9), bool)
    corner[4, :5], corner[4:, 4] = True, True
    assert line_length_px(corner) == 8
    assert line_length_px(np.eye(1, dtype=bool)) == 0


@pytest.mark.parametrize("tolerance", [0, 1, 1.5, 2, 4, 5.5])
def test_nearness_is_the_euclidean_distance_between_pixel_centres(tolerance: float) -> None:
    rng = np.random.default_rng(3)
    mask, other = rng.random((2, 30, 33)) > 0.97
    targets = np.argwhere(other)
    for point in np.argwhere(mask):
        assert near(mask, other, tolerance)[tuple(point)] == (np.hypot(*(targets - point).T).min() <= tolerance)


def test_a_parallel_line_far_away_is_a_false_alarm_of_its_length_and_a_close_one_is_none() -> None:
    truth = band(20, 1)
    far, _ = crack_mask_counts(band(60, 1, first=10, last=51), truth, None)
    assert far["alarm"].tolist() == [40, 10_000]
    close, _ = crack_mask_counts(band(23, 1), truth, None)
    assert close["alarm"][0] == 0
    statistic = LINE_MORE["false_alarm_px_per_mp"]
    assert statistic.value(far["alarm"]) == 4000
    assert statistic.lower_is_better


def test_unknown_pixels_neither_alarm_nor_count_as_area() -> None:
    known = band(0, 50)
    counts, _ = crack_mask_counts(band(60, 1) | band(30, 1, last=11), np.zeros((100, 100), bool), known)
    assert counts["alarm"].tolist() == [10, 5000]


def test_a_hole_in_a_broad_crack_is_no_false_alarm() -> None:
    truth = band(40, 30)
    holed = truth & ~band(48, 4, first=20, last=80)
    counts, line = crack_mask_counts(holed, truth, None)
    assert (line & ~near(line, skeleton(truth), 4)).any()  # clIoU does punish it
    assert counts["alarm"][0] == 0


def test_a_crack_is_found_by_half_of_its_length() -> None:
    truth = band(50, 3)
    assert found_at(truth, band(50, 3, last=60))["2-4px"]["finding_recall"] == 1
    assert found_at(truth, band(50, 3, last=40))["2-4px"]["finding_recall"] == 0
    assert found_at(truth, band(50, 3, last=40))["2-4px"]["finding_precision"] == 1
    assert found_at(truth, band(50, 3, last=40))["2-4px"]["length_recall"] == pytest.approx(0.44, abs=0.03)


def test_damages_are_sorted_by_true_width_and_detections_by_their_own() -> None:
    truth = band(10, 2) | band(40, 6) | band(70, 20)
    rows = found_at(truth, band(10, 6) | band(70, 20) | band(55, 3))
    assert [rows[n]["damages"] for n in ("<=1px", "1-2px", "2-4px", "4-8px", ">8px")] == [0, 1, 0, 1, 1]
    assert [rows[n]["found"] for n in ("1-2px", "4-8px", ">8px")] == [1, 0, 1]
    assert [rows[n]["detections"] for n in ("1-2px", "2-4px", "4-8px", ">8px")] == [0, 1, 1, 1]
    assert [rows[n]["correct"] for n in ("2-4px", "4-8px", ">8px")] == [0, 1, 1]
    assert rows["<=1px"]["finding_recall"] is None


@pytest.mark.parametrize(("width", "name"), [(1, "1-2px"), (2, "1-2px"), (3, "2-4px"), (4, "2-4px"), (8, "4-8px")])
def test_a_band_falls_into_the_class_of_its_width(width: int, name: str) -> None:
    truth = band(40, width)
    assert [n for n, row in found_at(truth, truth).items() if row["damages"]] == [name]


def test_exact_widths_replace_those_of_the_mask() -> None:
    truth = band(40, 2)
    exact = np.zeros((100, 100), np.float32)
    exact[41, :] = 0.7  # the drawn centreline lies beside the skeleton
    table = line_findings(pieces(truth), pieces(truth), 4.0, WIDTH_EDGES_PX, width_px=exact)
    assert width_rows(table, WIDTH_EDGES_PX, "px")["<=1px"]["found"] == 1
    mm = line_findings(pieces(truth), pieces(truth), 4.0, WIDTH_EDGES_MM, width_px=exact, scale=0.4)
    assert width_rows(mm, WIDTH_EDGES_MM, "mm")["0.2-0.3mm"]["damages"] == 1


def test_crumbs_of_a_label_are_no_damage_and_a_detection_on_one_is_right() -> None:
    crumb = band(40, 2, first=10, last=14)
    rows = found_at(crumb, band(38, 6, first=8, last=30))
    assert sum(row["damages"] or 0 for row in rows.values()) == 0
    assert sum(row["detections"] or 0 for row in rows.values()) == 1


def test_no_component_loses_its_centreline() -> None:
    rng = np.random.default_rng(0)
    for share in np.linspace(0.3, 0.95, 60):
        found = pieces(rng.random((24, 24)) > share)
        assert found.sizes().min(initial=1) > 0


def test_width_classes_hold_their_upper_end() -> None:
    assert width_class(np.array([0.5, 1.0, 1.01, 2.0, 8.0, 8.1, np.nan]), WIDTH_EDGES_PX).tolist() == [
        0,
        0,
        1,
        1,
        3,
        4,
        -1,
    ]
    assert class_names((1.0, 2.0), "px") == ("<=1px", "1-2px", ">2px")


def test_areas_are_found_by_half_of_their_pixels() -> None:
    truth = band(10, 20, last=20) | band(60, 20, last=20)
    said = band(10, 12, last=20) | band(60, 5, last=20) | band(60, 20, first=60)
    assert area_findings(said, truth).tolist() == [[0, 0, 2, 1, 3, 2]]


def scores_of(mask: Mask) -> npt.NDArray[np.float32]:
    return np.where(mask, 0.9, 0.1).astype(np.float32)


def test_the_product_drops_what_is_smaller_than_the_least_area_and_the_raw_pixels_keep_it() -> None:
    truth, speck = band(20, 3), band(60, 2, first=10, last=14)
    counts, shown = line_counts(scores_of(truth | speck), truth, np.ones_like(truth), CRACK)
    result = summary([Row("p", "g", counts)], crack_mask_statistics(), None)
    product = summary([Row("p", "g", counts)], LINE_PRODUCT, None)
    assert result["precision"] == pytest.approx(300 / 308)
    assert product["precision"] == product["finding_precision"] == product["finding_recall"] == 1
    assert product["false_findings_per_mp"] == product["false_alarm_px_per_mp"] == 0
    assert (shown == truth).all()


def test_the_product_reaches_down_to_the_second_threshold() -> None:
    truth = band(20, 3)
    scores = scores_of(truth)
    scores[20:23, 40:100] = 0.35
    spec = CRACK.model_copy(update={"grow_threshold": 0.3})
    counts, _ = line_counts(scores, truth, np.ones_like(truth), spec)
    assert summary([Row("p", "g", counts)], crack_mask_statistics(), None)["recall"] == pytest.approx(0.4)
    assert summary([Row("p", "g", counts)], LINE_PRODUCT, None)["recall"] == 1


def test_false_findings_are_counted_per_megapixel_of_known_pixels() -> None:
    known = band(0, 80)
    said = band(20, 3) | band(40, 3) | band(90, 3)
    counts, _ = line_counts(scores_of(said), band(20, 3), known, CRACK)
    product = summary([Row("p", "g", counts)], LINE_PRODUCT, None)
    assert product["false_findings_per_mp"] == pytest.approx(1e6 / 8000)  # the third lies where nothing is known
    assert product["finding_precision"] == 0.5


def test_an_area_is_measured_by_pixels_and_by_findings() -> None:
    truth = band(10, 20, last=20)
    counts, _ = area_counts(scores_of(truth | band(60, 20, last=20)), truth, np.ones_like(truth), SPALL)
    product = summary([Row("p", "g", counts)], AREA_PRODUCT, None)
    assert (product["iou"], product["finding_recall"], product["finding_precision"]) == (0.5, 1.0, 0.5)
    assert product["false_findings_per_mp"] == 100


def test_one_pair_of_masks_has_many_scores() -> None:
    """The point of anchors 1.1: the protocol moves the same masks from 0.2 to 1."""
    truth, said = np.zeros((2, 200, 200), np.uint8)
    cv2.line(truth, (0, 30), (199, 150), 1, 3)
    cv2.line(said, (0, 33), (199, 153), 1, 3)
    counts, _ = crack_mask_counts(said > 0, truth > 0, None)
    scores = summary([Row("p", "g", counts)], crack_mask_statistics(), None)
    loop = near_share(said > 0, truth > 0, 2), near_share(truth > 0, said > 0, 2)
    assert scores["iou"] < scores["f1"] < scores["f1@2px"] < scores["cliou@4px"]
    assert scores["f1"] == pytest.approx(2 * scores["iou"] / (1 + scores["iou"]))
    assert scores["f1@2px"] == pytest.approx(2 * loop[0] * loop[1] / sum(loop))
    assert scores["iou"] < 0.35
    assert scores["cliou@4px"] > 0.95


def near_share(mask: Mask, other: Mask, tolerance: float) -> float:
    targets = np.argwhere(other)
    hits: list[Any] = [np.hypot(*(targets - point).T).min() <= tolerance for point in np.argwhere(mask)]
    return float(np.mean(hits))
