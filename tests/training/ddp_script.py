"""Started by torchrun: trains a tiny network without batch norm and writes the weights of every process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from training import loop
from training.config import read_config
from training.parallel import joined, read_group
from training.run_folder import RunFolder


def tiny_network(*_: object, **__: object) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))


def main(config: str, out: str, *overrides: str) -> None:
    torch.set_num_threads(1)
    setattr(loop, "build_network", tiny_network)  # noqa: B010 - not exported from there
    group = read_group(os.environ)
    folder = Path(out)
    with joined(group, torch.device("cpu")) as device:
        settings = read_config(Path(config), overrides)
        trainer = loop._Trainer(settings, RunFolder(folder), device, print, None, group)
        from training.interruption import Interruption

        trainer.run(Interruption())
        state = {key: value.contiguous() for key, value in trainer._network.state_dict().items()}
        save_file(state, folder / f"rank-{group.rank}.safetensors")


if __name__ == "__main__":
    main(*sys.argv[1:])
