"""Findings on rivers from water masks: bars, and change between dates."""

from inference.river.bars import find_bars
from inference.river.change import find_changes
from inference.river.finding import RiverFinding, RiverReport

__all__ = ["RiverFinding", "RiverReport", "find_bars", "find_changes"]
