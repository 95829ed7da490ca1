"""``mizuhashi datasets``: class maps, manifests and the check against leakage, as a user meets them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.mizuhashi.conftest import Program
from tests.training import layouts
from tests.training.conftest import TINY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "walls"
    rows = ["name,split,group"]
    for number, split in enumerate(("train", "train", "val", "test")):
        layouts.pair(root, f"p{number}")
        rows.append(f"p{number},{split},wall {number}")
    (root / "split.csv").write_text("\n".join(rows) + "\n")
    return root


def test_the_class_maps_are_listed_with_what_may_ship(program: Program) -> None:
    ran = program("datasets", "maps")
    assert ran.status == 0
    assert "dacl10k\tcrack, spalling, exposed_rebar, efflorescence, rust, wet_spot\tno\tCC-BY-NC-4.0" in ran.out
    shown = program("datasets", "maps", "codebrim").out
    assert "ExposedBars\texposed_rebar" in shown
    assert "Background\tnothing of ours" in shown
    assert program("datasets", "maps", "sen1floods11", "--json").document[0]["unsure"] == {"-1": ["water"]}
    missing = program("datasets", "maps", "nobody")
    assert missing.status != 0
    assert "there is none of that name" in missing.err


def test_a_manifest_is_written_shown_and_checked(program: Program, folder: Path) -> None:
    out = folder / "manifest.json"
    ran = program(
        "datasets", "manifest", "mask_pairs", str(folder), "--out", str(out), "--licence", "CC0-1.0", "--ships"
    )
    assert ran.status == 0, ran.err
    assert "walls: CC0-1.0; weights may ship: yes" in ran.out
    assert "train\t2\t2\tcrack 7.5 %" in ran.out
    assert "no leakage between splits; digest " in ran.out
    checked = program("datasets", "check", str(out))
    assert checked.status == 0
    assert "all 4 pictures are there" in checked.out
    assert program("datasets", "check", str(out), "--json").document["splits"][0]["pictures"] == 2
    layouts.mask(folder / "masks" / "p3.png", top=20)
    changed = program("datasets", "check", str(out))
    assert changed.status != 0
    assert "p3.png was changed" in changed.err


def test_a_leaking_set_is_refused_with_examples(program: Program, folder: Path) -> None:
    shutil.copy(folder / "images" / "p0.png", folder / "images" / "p3.png")
    out = str(folder / "manifest.json")
    ran = program("datasets", "manifest", "mask_pairs", str(folder), "--out", out, "--licence", "own")
    assert ran.status != 0
    assert "p0 (train) and p3 (test): the same file" in ran.err


def test_options_of_a_layout_are_given_as_key_and_value(program: Program, tmp_path: Path) -> None:
    layouts.pair(tmp_path, "a", "img", "lab", "_mask")
    given = ("mask_pairs", str(tmp_path), "--out", str(tmp_path / "m.json"), "--licence", "own")
    options = ("images_dir=img", "masks_dir=lab", "mask_suffix=_mask")
    ran = program("datasets", "manifest", *given, *(word for each in options for word in ("--option", each)))
    assert ran.status == 0, ran.err
    assert "all\t1\t1" in ran.out
    wrong = program("datasets", "manifest", *given, "--option", "img")
    assert "expected KEY=VALUE" in wrong.err
    assert "kind" in program("datasets", "manifest", "no_kind", *given[1:]).err


def test_a_configuration_is_checked_before_it_trains(program: Program, folder: Path, tmp_path: Path) -> None:
    def part(split: str) -> dict[str, object]:
        about = {"kind": "mask_pairs", "name": "walls", "licence": "own", "ships": False}
        return {**about, "root": str(folder), "split": split}

    path = tmp_path / "config.yaml"
    content = {
        **TINY,
        "train": [part("train")],
        "validation": {"protocol": "crack", "source": part("val")},
        "test": {"protocol": "crack", "source": part("test")},
    }
    path.write_text(yaml.safe_dump(content))
    ran = program("datasets", "check", str(path))
    assert ran.status == 0, ran.err
    assert "train\twalls\ttrain\t2\t2\town\tno" in ran.out
    assert "weights may not ship: trained on walls" in ran.out
    path.write_text(yaml.safe_dump({**content, "test": content["validation"]}))
    leaking = program("datasets", "check", str(path))
    assert leaking.status != 0
    assert "walls: p2 (chosen by) and walls: p2 (test): the same file" in leaking.err
