"""An exported version through the command line: it finds what the checkpoint finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.card import Normalisation, read_card
from models.checkpoint import save_bundle
from models.segmenter import build_network
from tests.mizuhashi.conftest import Program
from tests.mizuhashi.versions import ARCHITECTURE, make_lines, make_version


def make_uneven(tmp_path: Path) -> Path:
    """Return a version with random weights, whose scores differ from pixel to pixel."""
    card = read_card(make_version(tmp_path, "1"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = dict(build_network(ARCHITECTURE, 3, 1).state_dict())
    updates = {"normalisation": Normalisation(method="fixed", mean=(127,) * 3, std=(16,) * 3)}
    save_bundle(tmp_path / "uneven", card.model_copy(update=updates), state)
    return tmp_path / "uneven"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the exporters
@pytest.mark.parametrize("form", ["onnx", "torch_export"])
def test_an_export_by_the_command_line_finds_what_the_checkpoint_finds(
    program: Program, photo: Callable[..., Path], home: Path, tmp_path: Path, form: str
) -> None:
    picture, lines = photo(), make_lines(tmp_path / "lines")
    assert program("models", "import", make_uneven(tmp_path)).status == 0
    assert program("ingest", picture, "--survey", "s", "--gsd-mm", 1).status == 0
    first = program("inspect", "--survey", "s", "--model", "tiny@1", "--json").document
    assert first["findings_total"] > 0, "a comparison of nothing shows nothing"
    before = program("inspect", "--survey", "s", "--model", "tiny@1", "--backend", form)
    assert before.status == 1, "nothing is exported yet, and the checkpoint does not step in"
    assert "mizuhashi models export" in before.err
    out = home / "exports/tiny/1"
    ran = program("models", "export", "tiny@1", "--format", form, "--out", out, "--data", lines)
    assert ran.status == 0, ran.err
    assert "differ from the checkpoint's by at most" in ran.out
    again = program("inspect", "--survey", "s", "--model", "tiny@1", "--backend", form, "--json").document
    assert (again["images_ok"], again["findings_new"]) == (1, 0)
    assert again["findings"] == first["findings"]
    maps = []
    for backend in ("torch", form):
        assert program(
            "segment", picture, "--model", "tiny@1", "--out", tmp_path / backend, "--backend", backend
        ).status == 0  # fmt: skip
        maps.append(np.asarray(Image.open(tmp_path / backend / "photo.png")).astype(int))
    assert maps[0].std() > 1, "a map of one value shows nothing"
    assert np.abs(maps[0] - maps[1]).max() <= 1
    exported = next(out.glob("model.onnx" if form == "onnx" else "model.pt2"))
    exported.write_bytes(exported.read_bytes()[:-1] + b"?")
    changed = program("segment", picture, "--model", "tiny@1", "--out", tmp_path / "m", "--backend", form)
    assert changed.status == 1
    assert exported.name in changed.err
