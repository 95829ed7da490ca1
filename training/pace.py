"""How fast a run goes, what it waits for, and when it will be done."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import torch

SPEAK_EVERY_S = 30.0


class Pace:
    """Clock of the loop.

    Args:
        steps: of the whole run.
        step: where it begins now.
        device: where it computes.
        before_s: seconds that its earlier parts took.
    """

    def __init__(self, steps: int, step: int, device: torch.device, before_s: float) -> None:
        self._steps, self._first, self._device, self._before_s = steps, step, device, before_s
        self._row_step = step
        self._waited = self._apart = 0.0
        self.begin()

    def begin(self) -> None:
        """Start the clock."""
        self._started = self._row_at = self._said_at = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds that the run took so far, with its earlier parts."""
        return self._before_s + time.perf_counter() - self._started

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the block as time in which nothing is computed because no crops are ready."""
        began = time.perf_counter()
        yield
        self._waited += time.perf_counter() - began

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Leave the block out of the time per step."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._apart += time.perf_counter() - began

    def row(self, step: int) -> dict[str, float]:
        """Return seconds per step and the share of them without crops since the last row, and start a new one."""
        now = time.perf_counter()
        spent = max(now - self._row_at - self._apart, 1e-9)
        steps = max(step - self._row_step, 1)
        row = {
            "seconds": round(self.seconds(), 2),
            "seconds_per_step": round(spent / steps, 4),
            "waiting": round(min(self._waited / spent, 1.0), 3),
        }
        busy = self._utilisation()
        if busy is not None:
            row["device_busy"] = busy
        row["memory_gib"] = round(self._memory_gib(), 2)
        self._row_at, self._row_step, self._waited, self._apart = now, step, 0.0, 0.0
        self._last = row
        return row

    def speaks(self) -> bool:
        """Return whether it is time to say something; at most twice a minute."""
        return time.perf_counter() - self._said_at >= SPEAK_EVERY_S

    def line(self, step: int, means: Mapping[str, float], rate: float) -> str:
        """Return the last row as a person reads it, with the time that is left."""
        self._said_at = time.perf_counter()
        row = self._last
        parts = ", ".join(f"{name} {value:.3f}" for name, value in means.items() if name != "loss")
        busy = f", device {row['device_busy']:.0%} busy" if "device_busy" in row else ""
        return (
            f"step {step}/{self._steps}: loss {means['loss']:.4f} ({parts}), rate {rate:.1e}, "
            f"{row['seconds_per_step']:.2f} s a step, {row['waiting']:.0%} of it waiting for crops{busy}, "
            f"{row['memory_gib']:.1f} GiB, {_duration(self._left_s(step))} left"
        )

    def _left_s(self, step: int) -> float:
        """Return the seconds left at the mean pace of this part, measurements included."""
        done = max(step - self._first, 1)
        return (time.perf_counter() - self._started) / done * (self._steps - step)

    def _memory_gib(self) -> float:
        """Return the largest memory so far: of the device on a GPU, else of this process."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 2**30
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    def _utilisation(self) -> float | None:
        """Return the share of the last moments in which the GPU computed; None where no driver tells it."""
        if self._device.type == "cuda":
            with suppress(ModuleNotFoundError, RuntimeError):
                return float(torch.cuda.utilization(self._device)) / 100.0
        return None


def _duration(seconds: float) -> str:
    """Return ``45 s``, ``12 min`` or ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
