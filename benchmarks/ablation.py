"""What each source of training crops brings: short trainings that differ in nothing else, on val and development sets.

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive python -m benchmarks.ablation --out /tmp/ablation --only real
    python -m benchmarks.ablation --out /tmp/ablation --table

Each variant is ``training/configs/crack-2.yaml`` with fewer steps and other sources. The frozen test is never read: a
few generated pictures stand in its place.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from models.card import read_card
from training.config import EvaluationConfig, TrainConfig, read_config
from training.train import train

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "training" / "configs" / "crack-2.yaml"
REAL, DRAWN, GENERATED = "mask_pairs", "pasted_cracks", "generated_concrete"
VARIANTS: dict[str, dict[str, Any]] = {
    "real": {"kinds": {REAL}},
    "real-drawn": {"kinds": {REAL, DRAWN}},
    "real-generated": {"kinds": {REAL, GENERATED}},
    "all": {"kinds": {REAL, DRAWN, GENERATED}},
    "all-plain": {"kinds": {REAL, DRAWN, GENERATED}, "plain": True},
}


def variant(name: str, steps: int) -> TrainConfig:
    """Return the configuration of a variant; ``plain`` leaves out soft targets and the skeleton term."""
    config = read_config(CONFIG)
    wanted = VARIANTS[name]
    update: dict[str, Any] = {
        "name": f"ablation-{name}",
        "train": tuple(source for source in config.train if source.kind in wanted["kinds"]),
        "test": stand_in(config),
        "reports": (),
        "steps": steps,
        "evaluate_every": steps,
    }
    if wanted.get("plain"):
        update |= {"soft_targets": False, "loss": config.loss.model_copy(update={"skeleton_recall": 0.0})}
    return config.model_copy(update=update)


def stand_in(config: TrainConfig) -> EvaluationConfig:
    """Return a test that costs nothing and says nothing."""
    generated = next(source for source in config.train if source.kind == GENERATED)
    source = generated.model_copy(update={"seed": 99, "options": {"whole": 4, "whole_px": 128}})
    return EvaluationConfig(protocol="crack", source=source)


def row(folder: Path) -> list[str]:
    """Return the cells of a trained variant: its threshold, F1 and clIoU of val, three numbers a development set."""
    metrics = read_card(folder).metrics
    cells = [f"{metrics['validation']['threshold']:g}"]
    cells += [f"{metrics['validation'][key]:.3f}" for key in ("f1", "cliou@4px")]
    for one in metrics["development"].values():
        cells += [f"{one['cliou@4px']:.3f}", f"{one['cl_recall@4px']:.3f}", f"{one['false_alarm_px_per_mp']:.0f}"]
    return cells


def main() -> None:
    """Train the variants that are asked for, and print the table of those that are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--only", choices=sorted(VARIANTS), action="append", default=[])
    parser.add_argument("--table", action="store_true", help="train nothing")
    given = parser.parse_args()
    for name in [] if given.table else given.only or list(VARIANTS):
        config = variant(name, given.steps)
        train(config, given.out, command="python -m benchmarks.ablation", device=torch.device("cpu"), log=print)
    print("| trained on | threshold | val F1 | val clIoU | hairlines clIoU | length found | false alarms |"
          " frames clIoU | length found | false alarms |")  # fmt: skip
    print("|---|" + "---|" * 9)
    for name in VARIANTS:
        folder = given.out / f"ablation-{name}" / "2"
        if folder.is_dir():
            print(f"| {name} | " + " | ".join(row(folder)) + " |")


if __name__ == "__main__":
    main()
