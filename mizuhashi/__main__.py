"""The door of the program: ``mizuhashi`` and ``python -m mizuhashi``."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 done, 1 refused or failed, 2 wrong usage, 3 done in part (some images failed), 130 interrupted.
    """
    from mizuhashi.cli import app

    try:
        app(args=list(argv) if argv is not None else None, prog_name="mizuhashi")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
