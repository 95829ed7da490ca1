"""The program through its own door, in a home of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mizuhashi.__main__ import main


@dataclass(frozen=True, slots=True)
class Ran:
    """What one call did."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


Program = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def program(home: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    """Return a function that runs `mizuhashi` with the words given and returns status and output."""

    def run(*words: object) -> Ran:
        capsys.readouterr()
        status = main([*map(str, words), "--home", str(home)])
        said = capsys.readouterr()
        return Ran(status, said.out, said.err)

    return run


@pytest.fixture
def photo(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a small grey-brown photograph without metadata."""

    def write(name: str = "photo.jpg", seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        values = rng.normal(130, 12, (96, 128, 3)).clip(0, 255).astype(np.uint8)
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(values).save(path)
        return path

    return write
