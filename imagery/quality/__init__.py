"""The quality gate: can this picture be judged, which of its pixels, and what should its reader know?"""

from imagery.quality.sharpness import edge_spreads, noise_sigma
from imagery.quality.verdict import BLUR_WARNING_PX, MAX_GSD_MM, assess, examine

__all__ = ["BLUR_WARNING_PX", "MAX_GSD_MM", "assess", "edge_spreads", "examine", "noise_sigma"]
