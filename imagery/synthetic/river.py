"""Generated rivers: endless training pairs, and a multi-year Sentinel-2-like series with exact truth."""

from imagery.synthetic.river_pairs import random_training_pair

__all__ = ["random_training_pair"]
