"""Thresholds of the river monitors by simulation: ``python -m benchmarks.river_thresholds`` writes their table anew.

About two minutes on one core; the table is committed, so that a scan simulates nothing.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import inference.river.monitor
from inference.river.monitor.thresholds import TABLE, make_table


def main() -> None:
    """Simulate quiet reaches and write the table beside the monitors."""
    begun = time.perf_counter()
    path = Path(inference.river.monitor.__file__).with_name(TABLE)
    path.write_text(json.dumps(make_table()) + "\n", encoding="utf-8")
    print(f"wrote {path.name} in {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
