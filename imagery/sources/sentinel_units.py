"""Processing units: what a request to Sentinel Hub costs, known before it is sent.

Rules: docs.sentinel-hub.com/api/latest/api/overview/processing-unit. One unit is 512 x 512 px of output, 3 input bands,
one sample a pixel, at most 16 bits a value, no further processing.
"""

from __future__ import annotations

UNIT_PX = 512 * 512
UNIT_BANDS = 3
LEAST_AREA = 0.01  # "the minimum value of this multiplication factor is 0.01"
LEAST_PROCESS = 0.005
LEAST_STATISTICS = 0.01
ORTHORECTIFIED = 2.0
WIDE = 2.0  # more than 16 bits a value


def processing_units(
    width_px: int,
    height_px: int,
    bands: int,
    *,
    bits: int = 16,
    samples: int = 1,
    orthorectified: bool = False,
    least: float = LEAST_PROCESS,
) -> float:
    """Return the processing units of one request.

    Args:
        width_px: columns of the output.
        height_px: rows of the output.
        bands: input bands; ``dataMask`` is free, ``SCL`` counts.
        bits: of one output value.
        samples: acquisitions that are read for one pixel.
        orthorectified: whether radar is put on the terrain.
        least: the API's smallest charge.
    """
    units = max(width_px * height_px / UNIT_PX, LEAST_AREA) * (bands / UNIT_BANDS) * samples
    if bits > 16:
        units *= WIDE
    if orthorectified:
        units *= ORTHORECTIFIED
    return max(units, least)
