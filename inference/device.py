"""Where a network runs: the processor that was asked for, or a clear refusal."""

from __future__ import annotations

import torch

from findings.errors import ConfigError

DEVICES = ("auto", "cpu", "cuda")


def pick_device(name: str = "auto") -> torch.device:
    """Return the device that a user named.

    Args:
        name: ``auto`` (CUDA where there is a usable one, else the CPU), ``cpu`` or ``cuda``.

    Raises:
        ConfigError: an unknown name, or ``cuda`` on a machine where PyTorch sees no CUDA device.
    """
    if name not in DEVICES:
        raise ConfigError(f"device {name!r} is unknown; choose one of {', '.join(DEVICES)}")
    present = torch.cuda.is_available()
    if name == "cuda" and not present:
        raise ConfigError("device 'cuda' was asked for, but PyTorch sees no CUDA device; use --device cpu or auto")
    return torch.device("cuda" if present and name != "cpu" else "cpu")
