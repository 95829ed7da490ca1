"""How fast pictures come in, beside the peers and the bare decoder; every figure is a ratio within one run.

Run from the project's root, as a module (as a file it would stand for the package ``imagery``); it writes about 10 GB
below a temporary folder and takes some minutes::

    .venv/bin/python -m benchmarks.imagery > runs/imagery.md      # all parts
    .venv/bin/python -m benchmarks.imagery --side 4000 --photos 400   # quicker

Each contender runs in a process of its own, one after the other, in rounds; the median of the rounds counts, and the
peak memory is that of the process.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

SIZE, OVERLAP, BLOCK = 512, 128, 512
ROUNDS = 3
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


# --- contenders: windows of a COG ---------------------------------------------------------------------------------


def by_strips(path: Path, side: int) -> int:
    """Return the windows that `imagery.stream` gives."""
    from imagery.reader import open_image
    from imagery.stream import stream_windows

    with open_image(path, bands=("blue", "green", "red", "nir")) as reader:
        return sum(1 for _ in stream_windows(reader, reader.bands, SIZE, OVERLAP))


def by_strips_raw(path: Path, side: int) -> int:
    """Return the windows of strips read by rasterio and cut in memory: the physical limit of this way."""
    import rasterio

    from imagery.tiles import positions

    count = 0
    with rasterio.open(path) as data:
        held, have = np.empty((data.count, 0, side), np.float32), 0
        top = 0
        for row in positions(side, SIZE, OVERLAP):
            parts = [held[:, row - top :]]
            while have < row + SIZE:
                height = min(BLOCK, side - have)
                parts.append(data.read(window=rasterio.windows.Window(0, have, side, height)).astype(np.float32))
                have += height
            held, top = np.concatenate(parts, axis=1), row
            count += len(positions(side, SIZE, OVERLAP))
    return count


def naive(path: Path, side: int) -> int:
    """Return the windows read one by one with rasterio, to float32 as every model needs them."""
    import rasterio

    from imagery.tiles import windows

    count = 0
    with rasterio.open(path) as data:
        for w in windows(side, side, SIZE, OVERLAP):
            data.read(window=rasterio.windows.Window(w.col, w.row, w.width, w.height)).astype(np.float32)
            count += 1
    return count


def by_strips_small(path: Path, side: int) -> int:
    """Return the windows that `imagery.stream` gives, with a block cache of 64 MiB."""
    import rasterio

    with rasterio.Env(GDAL_CACHEMAX=64):
        return by_strips(path, side)


def naive_small(path: Path, side: int) -> int:
    """Return the windows read one by one with rasterio, with a block cache of 64 MiB: less than a row of blocks."""
    import rasterio

    with rasterio.Env(GDAL_CACHEMAX=64):
        return naive(path, side)


def naive_reopening(path: Path, side: int) -> int:
    """Return the windows read one by one, the file opened for each, as data loaders of random crops do."""
    import rasterio

    from imagery.tiles import windows

    count = 0
    for w in windows(side, side, SIZE, OVERLAP):
        with rasterio.open(path) as data:
            data.read(window=rasterio.windows.Window(w.col, w.row, w.width, w.height)).astype(np.float32)
        count += 1
    return count


def by_rioxarray(path: Path, side: int) -> int:
    """Return the windows sliced from rioxarray without its cache."""
    import rioxarray

    from imagery.tiles import windows

    count = 0
    with rioxarray.open_rasterio(path, cache=False, lock=False) as data:
        for w in windows(side, side, SIZE, OVERLAP):
            data.isel(y=slice(w.row, w.bottom), x=slice(w.col, w.right)).to_numpy().astype(np.float32)
            count += 1
    return count


# --- contenders: photographs --------------------------------------------------------------------------------------


def our_decode(paths: list[Path]) -> int:
    """Return the bytes of photographs as the inspection decodes them: checked, then decoded."""
    from imagery.decode import decode_rgb

    return sum(rgb.nbytes for path in paths if (rgb := decode_rgb(path)) is not None)


def bare_decode(paths: list[Path]) -> int:
    """Return the bytes of photographs as OpenCV decodes them."""
    import cv2

    total = 0
    for path in paths:
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        total += 0 if pixels is None else pixels.nbytes
    return total


def index(paths: list[Path]) -> int:
    """Return how many photographs the metadata index takes."""
    from imagery.index import index_photographs

    return sum(1 for _ in index_photographs(paths))


# --- inputs, all generated ----------------------------------------------------------------------------------------


def write_cog(path: Path, side: int, seed: int = 0) -> None:
    """Write a four-band uint16 COG with texture, DEFLATE with predictor as satellite products have it."""
    import rasterio
    import rasterio.shutil
    from rasterio.windows import Window

    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 1, (4, side // 100 + 2, side // 100 + 2))
    place = {"crs": "EPSG:32652", "transform": rasterio.Affine(0.1, 0, 600_000, 0, -0.1, 3_780_000)}
    shape = {"width": side, "height": side, "count": 4, "dtype": "uint16", "nodata": 0}
    tiled = path.with_suffix(".tiled.tif")
    block = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "bigtiff": "if_safer"}
    with rasterio.open(tiled, "w", driver="GTiff", **place, **shape, **block) as out:
        for row in range(0, side, BLOCK):
            height = min(BLOCK, side - row)
            lines = coarse[:, row // 100 : row // 100 + 2].mean(axis=1)
            smooth = np.stack([np.interp(np.arange(side) / 100, np.arange(len(line)), line) for line in lines])
            noise = rng.normal(0, 40, (4, height, side))
            out.write(
                np.clip(1500 + 300 * smooth[:, None] + noise, 1, 60_000).astype(np.uint16),
                window=Window(0, row, side, height),
            )
    options = {"compress": "DEFLATE", "predictor": "YES", "blocksize": BLOCK, "num_threads": "2"}
    rasterio.shutil.copy(tiled, path, driver="COG", **options)
    tiled.unlink()


def write_photographs(folder: Path, count: int, *, distinct: int, side: tuple[int, int] = (2250, 4000)) -> list[Path]:
    """Write generated photographs with a drone's EXIF and XMP; ``distinct`` are encoded, the others repeat them."""
    from datetime import UTC, datetime, timedelta

    from imagery.synthetic.concrete import generate_concrete
    from imagery.synthetic.photograph import write_photograph
    from imagery.synthetic.spec import ConcreteSpec

    rng = np.random.default_rng(1)
    small = generate_concrete(rng, ConcreteSpec(width_px=500, height_px=450))
    pictures = []
    for number in range(distinct):
        image = np.tile(small.image, (side[0] // 450 + 1, side[1] // 500 + 1, 1))[: side[0], : side[1]]
        image = np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8)
        photo = replace(small, image=image, spec=replace(small.spec, width_px=side[1], height_px=side[0]))
        path = folder / f"distinct_{number}.jpg"
        when = datetime(2026, 5, 1, tzinfo=UTC) + timedelta(seconds=2 * number)
        write_photograph(photo, path, captured_at=when, lonlat=(131.47 + number * 1e-4, 34.16))
        pictures.append(path.read_bytes())
        path.unlink()
    paths = []
    for number in range(count):
        path = folder / f"DJI_{number:04d}.JPG"
        # a few bytes behind the picture's end give each file a digest of its own
        path.write_bytes(pictures[number % distinct] + f"picture {number}".encode())
        paths.append(path)
    return paths


# --- running ------------------------------------------------------------------------------------------------------


def _child(pipe: Any, function: Callable[..., int], arguments: tuple[Any, ...]) -> None:
    warnings.simplefilter("ignore")
    for name in ("cv2", "rasterio", "imagery.decode", "imagery.stream", "imagery.index", function.__name__[3:]):
        with contextlib.suppress(ImportError):  # imports are not what is measured; rioxarray is the last contender's
            importlib.import_module(name)
    import cv2

    cv2.setNumThreads(1)
    before = _peak_mib()
    started, cpu = time.perf_counter(), time.process_time()
    result = function(*arguments)
    seconds, cpu, peak = time.perf_counter() - started, time.process_time() - cpu, _peak_mib()
    pipe.send((result, seconds, cpu, peak - before, peak))


def _peak_mib() -> float:
    """Return the largest resident memory of this process; getrusage would count its parent's too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return float(status.split("VmHWM:")[1].split()[0]) / 1024


def run(function: Callable[..., int], *arguments: Any) -> tuple[int, float, float, float, float]:
    """Return result, seconds, processor seconds, MiB on top of imports and peak MiB of a call in its own process."""
    context = multiprocessing.get_context("spawn")  # a fork after GDAL drivers are registered can hang
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(theirs, function, arguments))
    process.start()
    theirs.close()
    found: tuple[int, float, float, float, float] = ours.recv()
    process.join()
    return found


def contest(contenders: dict[str, Callable[..., int]], *arguments: Any) -> Iterator[dict[str, Any]]:
    """Yield for each contender its median seconds, processor seconds and peak MiB over interleaved rounds."""
    found: dict[str, list[tuple[int, float, float, float, float]]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, function in contenders.items():
            found[name].append(run(function, *arguments))
    for name, rounds in found.items():
        yield {
            "name": name,
            "result": rounds[0][0],
            "seconds": statistics.median(r[1] for r in rounds),
            "cpu_s": statistics.median(r[2] for r in rounds),
            "spread": max(r[2] for r in rounds) / min(r[2] for r in rounds),
            "peak_mib": max(r[3] for r in rounds),
        }


def table(title: str, rows: list[dict[str, Any]], base: str) -> None:
    """Print one contest: seconds by the clock, where threads count, and of the processors, where they do not."""
    against = next(row for row in rows if row["name"] == base)
    print(f"\n### {title}\n")
    print("| | seconds | ratio | CPU seconds | ratio | spread of rounds | memory on top of imports |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        clock, cpu = row["seconds"] / against["seconds"], row["cpu_s"] / against["cpu_s"]
        print(
            f"| {row['name']} | {row['seconds']:.2f} | {clock:.2f} | {row['cpu_s']:.2f} | {cpu:.2f} | "
            f"{row['spread']:.2f} | {row['peak_mib']:.0f} MiB |"
        )
    print(f"\nRatios against {base}.")


def bench_windows(folder: Path, side: int) -> None:
    """Print windows of a big COG: strips against naive reads against rioxarray."""
    path = folder / "big.tif"
    write_cog(path, side)
    contenders = {
        "mizuhashi strips": by_strips,
        "rasterio strips, bare": by_strips_raw,
        "rasterio windows": naive,
        "mizuhashi strips, cache 64 MiB": by_strips_small,
        "rasterio windows, cache 64 MiB": naive_small,
        "rasterio windows, reopened": naive_reopening,
        "rioxarray windows": by_rioxarray,
    }
    rows = list(contest(contenders, path, side))
    assert len({row["result"] for row in rows}) == 1, "contenders read different numbers of windows"
    size = path.stat().st_size / 2**20
    table(
        f"{rows[0]['result']} windows of {SIZE} px, overlap {OVERLAP}, of {side} x {side} px x 4 uint16 "
        f"({size:.0f} MiB COG, DEFLATE)",
        rows,
        "rasterio windows",
    )
    path.unlink()


def bench_decode(folder: Path) -> None:
    """Print the decoding of photographs against OpenCV's bare decode."""
    real = sorted((DATA / "drone" / "brighton_beach").rglob("*.JPG")) if DATA.is_dir() else []
    sets = {"generated 4000 x 2250 px": write_photographs(folder, 24, distinct=8)}
    if real:
        sets["real 4000 x 2250 px drone photographs"] = real * 3
    for name, paths in sets.items():
        rows = list(contest({"mizuhashi decode_rgb": our_decode, "OpenCV imread": bare_decode}, paths))
        table(f"{len(paths)} photographs decoded, {name}", rows, "OpenCV imread")
        for row in rows:
            print(f"\n{row['name']}: {len(paths) / row['cpu_s']:.1f} photographs per CPU second", end="")
        print()


def bench_index(folder: Path, photos: int) -> None:
    """Print photographs indexed a second, and the memory for a tenth of the files and for all of them."""
    paths = write_photographs(folder, photos, distinct=6)
    few = run(index, paths[: photos // 10])
    all_of_them = run(index, paths)
    print(f"\n### Metadata of {photos} photographs\n")
    print("| photographs | seconds | a second | memory on top of imports | peak memory |")
    print("|---|---|---|---|---|")
    for count, (_, seconds, _, more, peak) in ((photos // 10, few), (photos, all_of_them)):
        print(f"| {count} | {seconds:.2f} | {count / seconds:.0f} | {more:.1f} MiB | {peak:.0f} MiB |")
    print(f"\npeak memory for ten times the files: {all_of_them[4] / few[4]:.2f} times")


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=10_000, help="pixels of the COG's side")
    parser.add_argument("--photos", type=int, default=2000, help="photographs of the index")
    parser.add_argument("--only", choices=("windows", "decode", "index"), help="one part")
    given = parser.parse_args()
    print(f"<!-- {json.dumps(vars(given))}; Python {sys.version.split()[0]} -->")
    with tempfile.TemporaryDirectory() as name:
        if given.only in (None, "windows"):
            bench_windows(Path(name), given.side)
        if given.only in (None, "decode"):
            bench_decode(Path(name))
        if given.only in (None, "index"):
            bench_index(Path(name), given.photos)


if __name__ == "__main__":
    main()
