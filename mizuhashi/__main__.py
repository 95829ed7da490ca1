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
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the last door: what nobody foresaw is told, with a traceback on demand
        return _confess(error, sys.argv[1:] if argv is None else argv)
    return 0


def _confess(error: Exception, argv: Sequence[str]) -> int:
    import traceback

    from mizuhashi.output import one_line

    if {"-v", "-vv", "--verbose"} & set(argv):
        traceback.print_exception(error)
    hint = "run it again with -v for the traceback, and report it: this is a defect of the program"
    print(one_line(f"error: unexpected {type(error).__name__}: {error}; {hint}"), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
