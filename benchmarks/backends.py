"""Times a shipped network in PyTorch, onnxruntime and as an exported program, on this machine's CPU; prints a table.

    python -m benchmarks.backends [--model FOLDER] [--data FOLDER] [--side 256] [--batch 1] [--rounds 15] [--json]

The exports are written into a temporary folder and proven equal first. Every round asks each backend once, in turn, so
that a machine that gets slower does so for all; three rounds of warm-up are not counted. What is timed is the whole
``predict``: holes, normalisation, network, sigmoid. Each backend may use the same number of threads
(``OMP_NUM_THREADS``). Reported: median and quartiles of the time on the wall and of the processors, which a busy
machine disturbs less; time to load, size on disk, largest difference of probabilities.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from models.backends import Backend, load_backend
from models.base import PixelModel
from models.card import read_card
from models.export import FILES, Tile, export
from models.registry import shipped_folder

WARM_UP = 3
BACKENDS: tuple[Backend, ...] = ("torch", "onnx", "torch_export")


def read_tiles(folder: Path | None, side: int, bands: int) -> list[Tile]:
    """Return the upper left squares of the first four pictures of a folder; noise where none is given."""
    if folder is None:
        rng = np.random.default_rng(0)
        return [rng.uniform(0, 255, (bands, side, side)).astype(np.float32) for _ in range(4)]
    tiles: list[Tile] = []
    for path in sorted(folder.iterdir()):
        stored = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if stored is not None and min(stored.shape[:2]) >= side and len(tiles) < 4:
            tiles.append(np.ascontiguousarray(stored[:side, :side, ::-1].transpose(2, 0, 1), dtype=np.float32))
    if not tiles:
        raise SystemExit(f"{folder}: no picture of {side} x {side} px or more")
    return tiles


def timed(model: PixelModel, pixels: torch.Tensor) -> tuple[float, float]:
    """Return the milliseconds of one prediction: on the wall, and of this process's processors."""
    wall, processor = time.perf_counter(), time.process_time()
    model.predict(pixels)
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - processor)


def measure(folder: Path, tiles: list[Tile], batch: int, rounds: int) -> dict[str, Any]:
    """Return a row for each backend."""
    pixels = torch.from_numpy(np.stack([tiles[i % len(tiles)] for i in range(batch)]))
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "exports"
        differences = {form: export(folder, form, out, tiles).largest_difference for form in FILES}
        models: dict[Backend, PixelModel] = {}
        for backend in BACKENDS:
            started = time.perf_counter()
            models[backend] = load_backend(out, backend)
            size = (out / FILES.get(backend, read_card(out).weights_file or "")).stat().st_size
            rows[backend] = {"load_s": time.perf_counter() - started, "size_mb": size / 1e6}
        took: dict[str, list[tuple[float, float]]] = {backend: [] for backend in BACKENDS}
        for done in range(WARM_UP + rounds):
            for backend, model in models.items():
                one = timed(model, pixels)
                if done >= WARM_UP:
                    took[backend].append(one)
    for backend in BACKENDS:
        for kind, milliseconds in zip(("wall", "processor"), zip(*took[backend], strict=True), strict=True):
            rows[backend][f"{kind}_ms_quartiles"] = statistics.quantiles(milliseconds, n=4)
        rows[backend]["largest_difference"] = differences.get(backend, 0.0)
    return rows


def main() -> None:
    """Print the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=shipped_folder() / "crack" / "1")
    parser.add_argument("--data", type=Path, help="folder of pictures")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    tiles = read_tiles(arguments.data, arguments.side, len(read_card(arguments.model).bands))
    rows = measure(arguments.model, tiles, arguments.batch, max(2, arguments.rounds))
    about = f"{torch.get_num_threads()} threads, {platform.machine()}, torch {torch.__version__}"
    if arguments.json:
        print(json.dumps({"about": about, **rows}, indent=2))
        return
    print(f"{arguments.batch} x {arguments.side}² px, {about}")
    for backend, row in rows.items():
        spread = "  ".join(
            f"{kind} {middle:.0f} ms ({low:.0f} to {high:.0f})"
            for kind in ("wall", "processor")
            for low, middle, high in [row[f"{kind}_ms_quartiles"]]
        )
        print(
            f"{backend:13} {spread}  load {row['load_s']:.2f} s  {row['size_mb']:.1f} MB  "
            f"largest difference {row['largest_difference']:.1e}"
        )


if __name__ == "__main__":
    main()
