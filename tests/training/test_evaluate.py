"""Protocols of the evaluation with a model whose answers are drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from findings.errors import ConfigError, MissingBands, ModelError
from models.segmenter import Segmenter
from tests.training.painted import CRACK, RUST, SPALL, WATER, Painted, band, config, picture, serve
from training.config import read_evaluation, read_evaluations
from training.evaluate import evaluate, measure
from training.evaluation_pictures import Worst, draw
from training.evaluation_report import as_json, examine

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[2]
NOTHING = np.zeros((64, 64), bool)


def test_a_crack_is_measured_raw_and_as_the_product_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    speck = band(50, 1, first=3, last=6)
    serve(monkeypatch, picture("a", "g", [band(20)], [band(20) | speck]), picture("b", "h", [band(30)]))
    result = evaluate(Painted(CRACK), config("crack"), CPU)
    assert result["precision"] == pytest.approx(384 / 387)
    assert result["product"]["precision"] == 1
    assert result["interval_unit"] == "group"
    assert result["product"]["by_width_px"]["2-4px"]["found"] == 2
    assert "by_width_mm" not in result["product"]
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_crack_free_pictures_have_false_alarms_and_no_iou(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, picture("a", "g", [NOTHING], [band(20, 1, first=10, last=31)]), picture("b", "h", [NOTHING]))
    result = evaluate(Painted(CRACK), config("crack"), CPU)
    assert result["recall"] is None
    assert result["iou"] == 0
    assert result["false_alarm_px_per_mp"] == pytest.approx(20 / (2 * 64 * 64) * 1e6)
    assert result["product"]["false_findings_per_mp"] == pytest.approx(1 / (2 * 64 * 64) * 1e6)


def test_widths_come_in_millimetres_where_the_scale_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, picture("a", "g", [band(20, 4)]))
    result = evaluate(Painted(CRACK), config("crack", pixel_size_m=0.0002), CPU)
    assert result["product"]["by_width_mm"]["0.5-1mm"]["damages"] == 1  # 4 px of 0.2 mm


def test_one_group_is_measured_with_pictures_as_the_unit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, picture("a", "g", [band(20)]), picture("b", "g", [band(30)], [band(30, last=20)]))
    result = evaluate(Painted(CRACK), config("crack"), CPU)
    assert (result["interval_unit"], result["groups"]) == ("picture", 1)
    assert result["iou_95"][0] < result["iou_95"][1]
    serve(monkeypatch, picture("a", "g", [band(20)]))
    alone = evaluate(Painted(CRACK), config("crack"), CPU)
    assert alone["interval_unit"] is None
    assert "iou_95" not in alone


def test_every_labelled_class_is_measured_by_its_own_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    known = np.ones((3, 64, 64), bool)
    known[2] = False
    truths = [band(10), band(30, 20), NOTHING]
    serve(monkeypatch, picture("a", "g", truths, [band(10), band(30, 10), NOTHING], known))
    result = evaluate(Painted(CRACK, SPALL, RUST), config("classes"), CPU)
    assert result["not_measured"] == ["rust"]
    assert [c["kind"] for c in result["classes"].values()] == ["line", "area"]
    assert result["classes"]["crack"]["cliou@4px"] == 1
    assert result["classes"]["spalling"]["iou"] == 0.5
    assert "cliou@4px" not in result["classes"]["spalling"]
    assert result["class_iou_macro"] == pytest.approx(0.75)


def test_a_class_that_never_occurs_does_not_enter_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, picture("a", "g", [band(10), NOTHING], [band(10), band(30)]))
    result = evaluate(Painted(CRACK, SPALL), config("classes"), CPU)
    assert result["classes"]["spalling"]["iou"] == 0
    assert result["class_iou_macro"] == 1


def test_water_keeps_its_boundary_error(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, picture("a", "g", [band(0, 20)], [band(0, 22)]), picture("b", "h", [band(0, 20)]))
    result = evaluate(Painted(WATER), config("water", pixel_size_m=30.0), CPU)
    assert result["boundary_mean_px"] == pytest.approx(1)
    assert result["boundary_mean_m"] == pytest.approx(30)
    assert result["iou"] == pytest.approx(40 / 42)


def test_a_network_that_answers_nan_is_refused_and_not_measured_on_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, picture("a", "g", [band(20)]))
    with pytest.raises(ModelError, match=r"NaN at 4096 observed pixels of a.*train or fetch"):
        evaluate(Painted(CRACK, broken=True), config("crack"), CPU)


@pytest.mark.parametrize("protocol", ["crack", "classes"])
def test_a_truth_that_is_unknown_everywhere_is_refused(monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    serve(monkeypatch, picture("a", "g", [band(20)], None, np.zeros((1, 64, 64), bool)))
    with pytest.raises(ConfigError, match=r"truth of crack is unknown at every pixel.*choose another set"):
        evaluate(Painted(CRACK), config(protocol), CPU)


def test_an_empty_split_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch)
    with pytest.raises(ConfigError, match=r"drawn, split test: no pictures"):
        evaluate(Painted(CRACK), config("crack"), CPU)


def test_a_model_of_other_bands_is_refused(crack_folder: Path, config_file: Path) -> None:
    from models.indices import WaterIndex, index_card

    water = read_evaluation(config_file).model_copy(update={"protocol": "water"})
    with pytest.raises(MissingBands, match="nir"):
        evaluate(WaterIndex(index_card("ndwi")), water, CPU)


def test_a_part_that_is_not_there_is_refused(config_file: Path) -> None:
    assert read_evaluations(config_file, "validation")[0].source.split == "val"
    with pytest.raises(ConfigError, match="no part 'reports'"):
        read_evaluations(config_file, "reports")


def test_the_worst_pictures_are_those_with_most_missed_and_false_length(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(
        monkeypatch,
        picture("good", "g", [band(20)]),
        picture("half", "g", [band(20)], [band(20, last=32)]),
        picture("all", "h", [band(20)], [band(50)]),
    )
    worst = Worst(("red", "green", "blue"), most=2)
    measure(Painted(CRACK), config("crack"), CPU, worst)
    found = worst.result()
    assert [bad.name for bad, _ in found] == ["all", "half"]
    assert "missed" in found[0][0].why
    assert "called falsely" in found[0][0].why
    assert sum(share for _, share in found) == pytest.approx(1)
    assert found[0][0].image[:2] == b"\xff\xd8"


def test_a_large_picture_is_drawn_in_part_around_its_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    truth = np.zeros((900, 1500), bool)
    truth[700:704, 1200:1400] = True
    serve(monkeypatch, picture("big", "g", [truth], [np.zeros_like(truth)]))
    drawn: list[bytes] = []
    measure(Painted(CRACK), config("crack"), CPU, lambda judged: drawn.append(draw(judged, ("red", "green", "blue"))))
    image = cv2.imdecode(np.frombuffer(drawn[0], np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (640, 640 + 6 + 640, 3)
    assert (image[..., 0].astype(int) - image[..., 2] > 60).any()  # the missed crack in blue


def test_a_report_is_plain_json_with_curves_and_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, picture("a", "g", [band(20)]), picture("b", "h", [band(30)]))
    section = examine(Painted(CRACK), config("crack"), CPU, Painted(CRACK, version="2", shift=8))
    values = json.loads(json.dumps(as_json(section), allow_nan=False))
    assert values["comparison"]["verdict"] == "better"
    assert set(values["curves"]["crack"]) == {"painted@1", "painted@2"}
    assert values["curves"]["crack"]["painted@1"]["precision_recall"][-1]["recall"] == 1


@pytest.mark.slow
@pytest.mark.realdata
def test_the_shipped_crack_card_is_reproduced_to_the_last_digit(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    model = Segmenter.load(ROOT / "models/weights/crack/1")
    again = evaluate(model, read_evaluation(ROOT / "training/configs/crack-1.yaml"), CPU)
    assert {key: again[key] for key in model.card.metrics["test"]} == model.card.metrics["test"]
