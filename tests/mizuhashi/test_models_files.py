"""``mizuhashi models export``, ``import`` and ``pages``, and what ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from mizuhashi.cli.models import card_lines
from mizuhashi.model_numbers import headline, measured_sets
from mizuhashi.model_pages import INDEX, page_text, page_texts
from models.card import Calibration, ClassSpec, ModelCard, read_card
from models.licences import licence_rows, licences_text
from models.registry import ModelEntry, Registry, shipped_folder
from models.version_files import changed_files
from tests.mizuhashi.conftest import Program
from tests.mizuhashi.versions import make_lines, make_version
from tests.test_layout import ROOT

LARGEST_SHIPPED_BYTES = 30_000_000


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> list[ModelEntry]:
    entries = [e for e in Registry(tmp_path_factory.mktemp("home")).list() if e.origin == "shipped"]
    assert len(entries) >= 2
    return entries


def test_the_pages_are_what_the_cards_of_the_shipped_versions_give(program: Program, tmp_path: Path) -> None:
    ran = program("models", "pages", "--out", tmp_path / "pages")
    assert ran.status == 0, ran.err
    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "pages").iterdir()}
    committed = {path.name: path.read_text("utf-8") for path in (ROOT / "docs/models").iterdir()}
    assert written == committed, "write them anew: mizuhashi models pages --out docs/models"
    assert written == page_texts(Registry(tmp_path / "home"))


def test_every_shipped_file_is_small_unchanged_and_stated(shipped: list[ModelEntry]) -> None:
    assert {path.name for path in shipped_folder().iterdir()} == {entry.card.name for entry in shipped}
    for entry in shipped:
        assert entry.folder is not None
        assert changed_files(entry.folder) == ()
        sizes = {path.name: path.stat().st_size for path in entry.folder.iterdir()}
        assert max(sizes.values()) < LARGEST_SHIPPED_BYTES, (entry.ref, sizes)


def test_shipped_weights_rest_on_nothing_that_may_not_ship_and_their_list_of_licences_is_whole(
    shipped: list[ModelEntry], tmp_path: Path
) -> None:
    registry = Registry(tmp_path)
    for entry in shipped:
        assert entry.folder is not None
        bases = registry.bases(entry.card)
        rows = licence_rows(entry.card, bases)
        assert entry.card.based_on is None or bases, f"{entry.ref}: {entry.card.based_on} does not ship"
        assert rows
        # evaluation-only pictures may choose step and threshold; no weight may have been trained on them
        learnt = [row for row in rows if row.taught]
        assert [row.name for row in learnt if not row.ships] == []
        assert all(row.licence and row.licence != "not stated" for row in rows)
        if entry.card.based_on is None:
            assert any(row.role == "start of the encoder" for row in rows), "ImageNet weights have a licence too"
        text = (entry.folder / "LICENCES.md").read_text("utf-8")
        assert text == licences_text(entry.card, bases)
        assert all(row.name in text and row.licence in text for row in rows)


def test_a_page_says_which_classes_saw_real_pixels_only_generated_ones_or_none(tmp_path: Path) -> None:
    card = read_card(make_version(tmp_path, "1"))
    kinds = [("crack", "6", "real"), ("spalling", "7", "generated"), ("rust", "8", "generated")]
    kinds.append(("wet", "8", "nothing"))
    classes = [{"name": name, "damage": damage, "threshold": 0.5, "tested_on": kind} for name, damage, kind in kinds]
    page = page_text(card.model_copy(update={"classes": tuple(ClassSpec.model_validate(one) for one in classes)}))
    assert "Tested on real pixels: **crack**." in page
    assert "Tested on generated pixels only: **spalling**, **rust**. That they are found on real structures" in page
    assert "Tested on nothing: **wet**." in page
    assert "| spalling | ⑦剥離・鉄筋露出 / Spalling / rebar exposure | 0.5 |" in page


def _classes_card(card: ModelCard) -> ModelCard:
    numbers = {"threshold": 0.4, "images": 9, "groups": 3, "iou": 0.5, "iou_95": [0.4, 0.6]}
    widths = {"1-2px": {"damages": 8.0, "found": 6.0, "finding_recall": 0.75, "length_recall": 0.8}}
    line = {**numbers, "f1": 0.7, "product": {"finding_recall": 0.75, "by_width_px": widths}}
    several = {
        "data": "bridges", "split": "test", "images": 9, "groups": 3, "class_iou_macro": 0.45,
        "classes": {"crack": line, "spalling": {**numbers, "iou": None}},
    }  # fmt: skip
    reports = [{"data": "roads", "images": 1, "groups": 1, "false_alarm_px_per_mp": 1234.5}]
    return card.model_copy(update={"metrics": {"test": several, "reports": reports, "protocol": "test used once"}})


def test_numbers_are_found_wherever_a_card_nests_them(tmp_path: Path) -> None:
    card = _classes_card(read_card(make_version(tmp_path, "1")))
    found = [(measured.path, measured.class_name, dict(measured.rows())) for measured in measured_sets(card.metrics)]
    assert found == [
        (("test",), None, {"class_iou_macro": "0.450"}),
        (("test",), "crack", {"iou": "0.500 (0.400 to 0.600)", "f1": "0.700", "finding_recall": "0.750"}),
        (("test",), "spalling", {"iou": "undefined (0.400 to 0.600)"}),
        (("reports", "roads"), None, {"false_alarm_px_per_mp": "1,234"}),
    ]
    assert headline(card) == "mean IoU of classes 0.450"
    page = page_text(card)
    assert "### Test: bridges, split test, 9 pictures of 3 groups" in page
    assert "| measure | all classes | crack | spalling |" in page
    assert "| 1-2px | 8 | 6 | 0.750 | - | 0.800 |" in page
    assert "### Reports: roads, 1 pictures of 1 group" in page
    assert "* false-alarm length: px of predicted centreline" in page


def test_a_page_shows_whether_scores_are_probabilities(tmp_path: Path) -> None:
    card = read_card(make_version(tmp_path, "1"))
    assert "They are not: a score of 0.7" in page_text(card)
    bins = (((0.1, 0.05, 1000), (0.9, 0.85, 20)),)
    fitted = Calibration(
        temperatures=(1.5,), data="val", ece_before=(0.02,), ece_after=(0.01,), reliability=bins
    )  # fmt: skip
    page = page_text(card.model_copy(update={"calibration": fitted}))
    assert "fitted on val" in page
    assert "| crack | 1.500 | 0.0200 | 0.0100 |" in page
    assert "| 0.900 | 0.850 | 20 |" in page


def test_the_index_says_which_shipped_version_runs_by_default() -> None:
    rows = [line for line in (ROOT / "docs/models" / INDEX).read_text("utf-8").splitlines() if line.startswith("| [")]
    names = [row.split("@")[0] for row in rows]
    assert all([row for row in rows if row.startswith(f"{name}@")][-1].endswith("| yes |") for name in names)
    assert sum(row.endswith("| yes |") for row in rows) == len(set(names))


def test_a_list_of_licences_holds_those_of_the_version_it_was_fine_tuned_from(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "home", tmp_path / "shipped")
    registry.add(make_version(tmp_path, "1"))
    entry = registry.add(make_version(tmp_path, "2", based_on="tiny@1"))
    assert entry.folder is not None
    text = (entry.folder / "LICENCES.md").read_text("utf-8")
    assert "| own 1 | not \\| stated | training (of tiny@1) | 2 | no: evaluation and own use |" in text
    assert "| own 2 |" in text
    assert "started from the weights of tiny@1, whose rows stand above" in text


def test_a_bundle_goes_from_one_installation_to_another(program: Program, tmp_path: Path) -> None:
    from mizuhashi.__main__ import main

    program("models", "import", make_version(tmp_path, "1"))
    ran = program("models", "export", "tiny", "--format", "bundle", "--out", tmp_path)
    assert f"wrote {tmp_path / 'tiny-1.zip'}" in ran.out
    assert main(["models", "import", str(tmp_path / "tiny-1.zip"), "--home", str(tmp_path / "other")]) == 0
    assert "file for file the same" in program("models", "import", tmp_path / "tiny-1.zip").out
    assert not list(tmp_path.glob("*.partial"))


def test_other_forms_are_refused_where_they_cannot_be_or_would_change_a_version(
    program: Program, home: Path, tmp_path: Path
) -> None:
    program("models", "import", make_version(tmp_path, "1"))
    ran = program("models", "export", "tiny", "--format", "onnx", "--out", home / "models/tiny/1")
    assert ran.status == 1
    assert "versions are immutable" in ran.err
    ran = program("models", "export", "ndwi", "--format", "onnx", "--out", tmp_path / "x")
    assert ran.status == 1
    assert "only segmentation networks" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize(("form", "file"), [("onnx", "model.onnx"), ("torch_export", "model.pt2")])
def test_other_forms_are_proven_equal_on_the_frozen_test_or_on_generated_pictures(
    program: Program, tmp_path: Path, form: str, file: str
) -> None:
    program("models", "import", make_version(tmp_path, "1"))
    ran = program("models", "export", "tiny", "--format", form, "--out", tmp_path / "generated")
    assert ran.status == 0, ran.err
    assert "4 tiles: generated pictures, since no frozen test of tiny is known" in ran.out
    program("models", "freeze", "tiny", "--data", make_lines(tmp_path / "lines"))
    ran = program("models", "export", "tiny", "--format", form, "--out", tmp_path / "out")
    assert ran.status == 0, ran.err
    assert "proving on 4 tiles: lines" in ran.out
    assert "differ from the checkpoint's by at most" in ran.out
    assert (tmp_path / "out" / file).is_file()
    (row,) = read_card(tmp_path / "out").exports
    assert (row.format, row.file) == (form, file)
    assert program("doctor").status == 0


def test_a_set_without_damage_shows_its_false_alarms_and_no_overlap_of_nothing() -> None:
    numbers = {"images": 3, "iou": 0.0, "f1": 0.0, "precision": 0.0, "recall": None, "false_alarm_px_per_mp": 12.0}
    bare, damaged = measured_sets({"clean": numbers, "test": numbers | {"recall": 0.0}})
    assert [key for key, _ in bare.rows()] == ["false_alarm_px_per_mp"]
    assert {"iou", "f1", "precision", "recall"} <= {key for key, _ in damaged.rows()}


def test_what_only_chose_is_told_from_what_taught(tmp_path: Path) -> None:
    card = read_card(make_version(tmp_path, "1"))
    row = card.training_data[1].model_copy(update={"role": "threshold and best step, split val"})
    assert (card.training_data[1].taught, row.taught) == (True, False)
    text = licences_text(card.model_copy(update={"training_data": (row,)}))
    assert "Rows of the role 'threshold and best step' chose among finished weights" in text
    assert "chose among" not in licences_text(card)
    lines = card_lines(card.model_copy(update={"training_data": (row,)}))
    assert any(line.startswith("chosen by   own 1") and "may not train weights that ship" in line for line in lines)
