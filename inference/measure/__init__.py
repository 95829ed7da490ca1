"""Sizes of findings in physical units, each with a 95 % interval."""
