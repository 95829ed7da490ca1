"""The smallest crack width that an image can resolve.

A width is resolved when its 95 % interval excludes zero. Derivation (docs/decisions/0006-crack-width.md): the integral
of the darkness over a reach of ``2 r`` px, with the surface taken from ``2 b`` px beside it, has the standard
deviation ::

    s_D = (noise / contrast) * sqrt((2 r + (2 r)**2 / (2 b)) / n)         [px]

for ``n`` independent profiles along the crack. With the relative uncertainty ``c`` of the core and ``g`` of the ground
sample distance the lower end of the interval is ``w - sqrt((1.96 s_D)**2 + m**2 + (c w)**2 + (1.96 g w)**2)``, which
is zero at ::

    w_min = sqrt((1.96 s_D)**2 + m**2) / sqrt(1 - c**2 - (1.96 g)**2)
"""

from __future__ import annotations

import math

from findings.survey import Scale
from inference.measure.light import UNKNOWN_BLUR_PX
from inference.measure.profile import BLOCK, LOCAL_PX

Z95 = 1.96
MODEL_PX = 0.05  # sampling and interpolation, measured in the decision record
CORE_LOW = 0.30  # by how much less the width may be when the core is as dark as the prior allows
UNKNOWN_NOISE = 4.0
TYPICAL_CONTRAST = 0.75
FINEST_PX = 0.3  # narrower cracks were never measured against a known width; half have no value there


def reach_px(blur_px: float | None) -> float:
    """Return how far a hairline's darkness is integrated to either side."""
    return max(1.5, 2.5 * (UNKNOWN_BLUR_PX if blur_px is None else blur_px)) + 0.5


def resolvable_width_px(
    noise: float | None, blur: float | None, contrast: float, *, gsd_relative: float = 0.0
) -> float:
    """Return the smallest width in px whose 95 % interval excludes zero, over a stretch of 9 px of a crack.

    What noise and blur alone would allow, but at least ``FINEST_PX``: a smooth picture promises more than the texture
    beside a real crack lets anybody keep. Each finding states its own limit, from the surface beside it.

    Args:
        noise: 1-sigma of the grey values near the surface's level, in the same unit as ``contrast``; None: 4 of 255.
        blur: 1-sigma of the point spread in px; None: 0.9.
        contrast: surface minus core, in the unit of ``noise``; linear light is best, because only there do pixels mix.
        gsd_relative: 1-sigma of the ground sample distance over its value.
    """
    reach = 2 * reach_px(blur)
    profile = math.sqrt((reach + reach**2 / (2 * LOCAL_PX)) / BLOCK)
    return max(FINEST_PX, from_sigma((UNKNOWN_NOISE if noise is None else noise) / contrast * profile, gsd_relative))


def from_sigma(sigma_px: float, gsd_relative: float) -> float:
    """Return the smallest width in px whose interval excludes zero, for a 1-sigma of the width in px."""
    room = 1 - CORE_LOW**2 - (Z95 * gsd_relative) ** 2
    if room <= 0:
        return math.inf
    return math.hypot(Z95 * sigma_px, MODEL_PX) / math.sqrt(room)


def resolvable_width_mm(
    scale: Scale, noise: float | None, blur: float | None, contrast: float = 255 * TYPICAL_CONTRAST
) -> float | None:
    """Return the same in mm; None where the ground sample distance is unknown, infinite where it is too uncertain.

    Args:
        scale: ground sample distance with its 1-sigma.
        noise: as ``Quality.noise``, 0..255; None if unknown.
        blur: as ``Quality.blur_px``; None if unknown.
        contrast: of the cracks, in the unit of ``noise``.
    """
    if scale.gsd_mm is None:
        return None
    relative = (scale.sigma_mm or 0.0) / scale.gsd_mm
    return resolvable_width_px(noise, blur, contrast, gsd_relative=relative) * scale.gsd_mm
