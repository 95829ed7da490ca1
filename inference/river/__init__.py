"""Findings on rivers from water masks: bars and trees in one scene, change between dates."""

from inference.river.bars import find_bars
from inference.river.change import find_changes
from inference.river.result import RiverFinding, RiverResult

__all__ = ["RiverFinding", "RiverResult", "find_bars", "find_changes"]
