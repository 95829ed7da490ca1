"""Findings on rivers from water masks: bars, and change between dates."""
