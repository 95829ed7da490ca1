"""What an inspection run did, for the page and for the exit status."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Report:
    """Outcome of one inspection run over a survey.

    Attributes:
        failures: file name and reason of images that could not be read or judged because of an error.
        not_assessed: file name and reason of images that are sound files but cannot be judged.
        seconds: wall time per stage (``read``, ``network``, ``measure``, ``evidence``, ``store``, ``merge``, ``rank``).
        remarks: what else the reader should know, e.g. a river too narrow to be judged.
    """

    survey: str
    models: tuple[str, ...]
    images_ok: int
    findings_new: int
    findings_total: int
    failures: tuple[tuple[str, str], ...]
    not_assessed: tuple[tuple[str, str], ...]
    seconds: Mapping[str, float]
    remarks: tuple[tuple[str, str], ...] = ()

    @property
    def images_failed(self) -> int:
        """Number of images that failed."""
        return len(self.failures)

    @property
    def images_not_assessed(self) -> int:
        """Number of images that cannot be judged."""
        return len(self.not_assessed)


@dataclass(slots=True)
class Stopwatch:
    """Wall time per stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
