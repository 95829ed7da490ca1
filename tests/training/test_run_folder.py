from __future__ import annotations

from pathlib import Path

import pytest

from findings.errors import OutputError
from training.run_folder import RunFolder


def test_a_line_of_metrics_that_finds_no_room_is_told_with_the_remedy(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.append({"step": 1})
    (tmp_path / "metrics.jsonl").unlink()
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")  # every write to it finds a full disk
    with pytest.raises(OutputError, match=r"metrics.jsonl: could not be written \(No space left.*--resume"):
        run.append({"step": 2})
