"""Interrupts and terminations that a run answers between two steps, with a checkpoint."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn


class Interrupted(BaseException):
    """The run was asked to stop while it did what it can do again."""


class Interruption:
    """Notes SIGINT and SIGTERM instead of dying of them; a second one stops at once.

    Outside the main thread signals cannot be taken, and nothing is noted.
    """

    def __init__(self) -> None:
        self._signal: int | None = None
        self._at_once = False
        self._before: dict[int, Any] = {}

    @property
    def came(self) -> bool:
        """Whether the run was asked to stop."""
        return self._signal is not None

    def __enter__(self) -> Interruption:
        """Take the signals."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Raise Interrupted inside the block as soon as a signal comes."""
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    def leave(self) -> NoReturn:
        """End the way that the signal would have ended the program.

        Raises:
            KeyboardInterrupt: SIGINT came.
            SystemExit: SIGTERM came; the status is 143, as after the signal itself.
        """
        if self._signal == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None:
            raise KeyboardInterrupt
        self._signal = number
        if self._at_once:
            raise Interrupted
