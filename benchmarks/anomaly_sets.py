"""Measures the anomaly model on folders laid out as MVTec AD with a manifest of groups; prints one JSON object.

    python -m benchmarks.anomaly_sets FOLDER [--grey] [--size PX] [--seed 0] [--limit 4096]

The bank is fitted on ``train/good``; a fifth of its groups (tiles, photos) is held out and alone sets the threshold;
the test pictures are scored once. Bank and pictures are evaluation-only unless the data set says otherwise: the bank is
written to a temporary folder and removed.

Reported: image AUROC, overall and per class; share of normal test pictures that raise an alarm, of defective ones that
do, at the shipped threshold; and, inside the defective pictures alone, where differences between photographers or
cameras cannot help: the mean AUROC of the pixels of one picture against its mask, and the share of pictures whose
hottest pixel lies on the mask, next to the mask's share of the area, which is what chance would give.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from models.patchcore import WINDOW_PX, PatchCore, Picture, fit_bank, split_normals
from training.metrics import auroc

Row = dict[str, str]


def read_picture(path: Path, size: int | None = None) -> Picture:
    """Return an RGB picture, squeezed to ``size`` x ``size`` where a published protocol does so."""
    stored = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if stored is None:
        raise SystemExit(f"{path}: not an image")
    if size is not None:
        stored = cv2.resize(stored, (size, size), interpolation=cv2.INTER_AREA)
    picture: Picture = np.ascontiguousarray(stored[..., ::-1], dtype=np.uint8)
    return picture


def split_groups(rows: list[Row], group: str, rng: np.random.Generator) -> tuple[list[Row], list[Row]]:
    """Return (to fit on, held out) rows, whole groups on one side."""
    names = sorted({row[group] for row in rows})
    mixed = [names[i] for i in rng.permutation(len(names))]
    kept, held = split_normals(mixed)
    return [r for r in rows if r[group] in kept], [r for r in rows if r[group] in held]


def distance_map(model: PatchCore, picture: Picture) -> npt.NDArray[np.float32]:
    """Return the score map ``(H, W)`` of a picture that fits into one window."""
    planes = torch.from_numpy(picture).permute(2, 0, 1).float()
    if len(model.card.bands) == 1:
        planes = (planes * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=0, keepdim=True)
    height, width = planes.shape[1:]
    padded = torch.nn.functional.pad(planes[None], (0, -width % 32, 0, -height % 32), value=torch.nan)
    scores: npt.NDArray[np.float32] = model.predict(padded)[0, 0, :height, :width].numpy()
    return scores


def measure(folder: Path, model: PatchCore, tests: list[Row], size: int | None) -> dict[str, Any]:
    """Return the numbers of the test pictures."""
    top, inside, hits, chance = [], [], [], []
    for row in tests:
        picture = read_picture(folder / row["image"], size)
        if max(picture.shape) > WINDOW_PX:
            top.append(model.image_score(picture))
            continue
        scores = distance_map(model, picture)
        top.append(float(scores.max()))
        mask = read_picture(folder / row["mask"], size)[..., 0] > 127 if row["mask"] else np.zeros(scores.shape, bool)
        if mask.any():
            inside.append(auroc(scores.ravel(), mask.ravel()))
            hits.append(bool(mask.ravel()[scores.argmax()]))
            chance.append(float(mask.mean()))
    scores_, kinds = np.array(top), np.array([row["class"] for row in tests])
    bad = kinds != "good"
    per_class = {
        str(kind): {
            "auroc": auroc(scores_[(kinds == kind) | ~bad], bad[(kinds == kind) | ~bad]),
            "alarms": float((scores_[kinds == kind] >= 0.5).mean()),
            "pictures": int((kinds == kind).sum()),
        }
        for kind in sorted(set(kinds[bad]))
    }
    return {
        "image_auroc": auroc(scores_, bad),
        "alarms_on_normal": float((scores_[~bad] >= 0.5).mean()),
        "alarms_on_defective": float((scores_[bad] >= 0.5).mean()),
        "normal": int((~bad).sum()),
        "defective": int(bad.sum()),
        "per_class": per_class,
        "within_picture": {
            "pictures": len(inside),
            "pixel_auroc_mean": float(np.mean(inside)) if inside else None,
            "hottest_on_mask": float(np.mean(hits)) if hits else None,
            "mask_share": float(np.mean(chance)) if chance else None,
        },
    }


def main() -> None:
    """Fit, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--grey", action="store_true")
    parser.add_argument("--size", type=int, default=None, help="squeeze pictures to this square; default: as they are")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=4096)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with (args.folder / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    group = next(name for name in rows[0] if name.endswith("_group"))
    kept, held = split_groups([r for r in rows if r["split"] == "train"], group, np.random.default_rng(args.seed))

    def pictures(of: list[Row]) -> Iterator[Picture]:
        return (read_picture(args.folder / row["image"], args.size) for row in of)

    with tempfile.TemporaryDirectory() as scratch:
        start = time.perf_counter()
        bundle = fit_bank(
            pictures(kept), pictures(held), "trial", Path(scratch), limit=args.limit, seed=args.seed, grey=args.grey
        )
        fitted = time.perf_counter()
        model = PatchCore.load(bundle)
        tests = [r for r in rows if r["split"] == "test"]
        result = measure(args.folder, model, tests, args.size)
    result |= {
        "fit": {key: model.card.architecture[key] for key in ("pictures", "held_out", "patches", "bank_rows")},
        "raw_threshold": model.card.architecture["raw_threshold"],
        "fit_s": round(fitted - start, 1),
        "test_s_per_picture": round((time.perf_counter() - fitted) / len(tests), 3),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
