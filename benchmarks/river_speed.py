"""How fast rivers are read: ``python -m benchmarks.river_speed [--tiles 12]``.

Tiles of 5.12 km (512 px of 10 m, six bands, GeoTIFF) go from the file to observations on transects every 50 m; the
network's part is timed beside it and its work counted, for what a GPU would make of it. Then one new scene is taken
into series of growing length with `river update`: its cost must not grow.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from findings.errors import NotAssessable
from findings.survey import Image
from imagery.ingest import IngestOptions, describe
from imagery.synthetic.river import RiverSpec, generate_river_series, write_river_series
from inference.river.frame import grid_of
from inference.river.lines import centre_line
from inference.river.look import look
from inference.river.objects import bars_of
from inference.river.observe import observe
from inference.river.transects import make_frame
from mizuhashi.__main__ import main as mizuhashi
from mizuhashi.generated_river import RIVER_UID, river_feature_collection
from models.registry import shipped_folder
from models.segmenter import Segmenter

PREFECTURE_TILES = 800
LENGTHS = (24, 96, 240)
ROUNDS = 5


@dataclass
class Spent:
    """Seconds of one tile by part."""

    look_s: float
    network_s: float
    measure_s: float


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        _tiles(options.tiles, Path(name))
        for length in LENGTHS:
            _update(length, Path(name) / str(length))


def _tiles(count: int, folder: Path) -> None:
    model = Segmenter.load(shipped_folder() / "river" / "1")
    files: list[Path] = []
    for seed in range(count):
        spec = RiverSpec(size_px=512, years=1, scenes_per_year=1, width_m=140)
        series = generate_river_series(np.random.default_rng(seed), spec)
        files += write_river_series(series, folder / f"tile{seed}")
    spent = [_tile(describe(path, options=IngestOptions()), model) for path in files]
    spent = spent[1:]  # the first one warms up
    whole = statistics.median(one.look_s + one.measure_s for one in spent)
    looked, network, measured = (
        statistics.median(getattr(one, part) for one in spent) for part in ("look_s", "network_s", "measure_s")
    )
    threads = torch.get_num_threads()
    print(f"{len(spent)} tiles of 512 px, {threads} threads: {1 / whole:.2f} tiles/s, {whole:.2f} s a tile")
    print(f"  file and network {looked:.2f} s (network {network:.2f} s), transects and bars {measured:.2f} s")
    print(f"  {PREFECTURE_TILES} tiles of one date: {PREFECTURE_TILES * whole / 3600:.2f} hours")
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model.predict(torch.rand(1, 6, 512, 512) * 3000)
    print(f"  the network's work: {counter.get_total_flops() / 1e9:.1f} GFLOP a tile")


def _tile(image: Image, model: Segmenter) -> Spent:
    begun = time.perf_counter()
    view = look(image, model, torch.device("cpu"), around=None, crs=str(image.crs))
    looked = time.perf_counter()
    pixels = torch.rand(1, 6, 512, 512) * 3000
    between = time.perf_counter()
    model.predict(pixels)
    network = time.perf_counter() - between
    measured = time.perf_counter()
    grid = grid_of(view)
    water = view.surfaces.water >= 0.5
    try:
        line = centre_line(water, np.isfinite(view.surfaces.water), grid, str(image.crs))
    except NotAssessable as error:
        print(f"  a tile without a line: {error}")
        return Spent(looked - begun, network, 0.0)
    frame = make_frame("tile", line, str(image.crs), spacing_m=50.0, half_length_m=300.0)
    if image.captured_at is None:
        raise SystemExit("a generated scene has a date")
    seen = observe(frame, grid, view.surfaces, image_uid=image.uid, captured_at=image.captured_at)
    bars_of(frame, grid, view.surfaces, seen)
    return Spent(looked - begun, network, time.perf_counter() - measured)


def _update(length: int, folder: Path) -> None:
    """Scan a series, then time one scene more, several times."""
    years = max(length // 12, 2) + 1
    spec = RiverSpec(
        size_px=128, first_year=1990, years=years, scenes_per_year=12, cloudy=0.0, bridge=False,
        erosion_m_per_year=60.0 / years, bar_growth_m_per_year=20.0 / years, tree_growth_per_year=0.0,
    )  # fmt: skip
    series = generate_river_series(np.random.default_rng(4), spec)
    scenes = write_river_series(series, folder / "scenes")[: length + ROUNDS]
    assets = folder / "assets.geojson"
    assets.write_text(json.dumps(river_feature_collection(series)), "utf-8")
    home = ("--home", str(folder / "home"))
    model = ("--model", "mndwi@1")  # the network costs the same for each scene
    _call("assets", "import", str(assets), *home)
    _call("ingest", *map(str, scenes[:length]), "--survey", "sat", "--asset", RIVER_UID, *home)
    _call("river", "scan", "--reach", RIVER_UID, *model, *home)
    spent = []
    for scene in scenes[length:]:
        begun = time.perf_counter()
        _call("river", "update", "--reach", RIVER_UID, str(scene), *home)
        spent.append(time.perf_counter() - begun)
    middle = statistics.median(spent)
    print(f"river update after {length} scenes: median {middle:.2f} s of {len(spent)}, with ingest and ranking")


def _call(*words: str) -> None:
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        status = mizuhashi(list(words))
    if status != 0:
        raise SystemExit(f"{' '.join(words[:4])}: {said.getvalue()[-500:]}")


if __name__ == "__main__":
    main()
