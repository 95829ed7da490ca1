"""Length and width of a crack, with 95 % intervals, from the picture itself.

The mask only says where to look: masks are wider than cracks (a label of 10 px over a crack of 2 or 3 is common), so
nothing is read from their area. Below about 4 px the width is the integrated darkness across the crack over the
contrast of its core; above, it is the distance between the mid-points of its two flanks. See
docs/decisions/0006-crack-width.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.special import erf

from findings.measure import Measure
from findings.survey import Quality, Scale
from imagery.types import Window
from inference.measure.light import UNKNOWN_BLUR_PX, Core, estimate_core
from inference.measure.profile import BLOCK, STEP_PX, Array, Profiles, measure_profiles
from inference.measure.resolve import MODEL_PX, Z95, from_sigma
from inference.measure.skeleton import Branch, moved, trace
from inference.measure.world import Interval, to_world
from inference.regions import Region

CROSSING_FROM_PX = 4.0
CROSSING_SIGMA_PX = 0.15  # of a pair of mid-point crossings on block-averaged profiles, alike along a crack
HIDDEN = (0.0, 0.2, 0.45)  # of the spread along the crack: what blocks smooth away of p50, p95 and maximum
STEP_SLACK = 1.3  # point spreads with long tails, and blurs that are not known well
TONE_SHARE = 0.3  # 1-sigma, of the way to the mid-point of encoded values
SAMPLING_BLUR_PX = 0.35  # of bilinear sampling at any phase
CROSSING_NOISE_PX = 0.08  # what differs from one block to the next
MARGIN_PX = 24
LEAST_STATIONS = BLOCK // 2
SOFTEST_BLUR_PX = 1.6


def measure_crack(
    image_grey: NDArray[np.floating],
    probability: NDArray[np.floating],
    region: Region,
    scale: Scale,
    quality: Quality,
    *,
    branches: list[Branch] | None = None,
) -> tuple[tuple[Measure, ...], dict[str, Any]]:
    """Return length and widths of one crack, and facts about how they were found.

    Args:
        image_grey: ``(H, W)`` sRGB-encoded grey values 0..255 of the whole image, NaN where nothing was observed.
        probability: ``(H, W)`` of the model; widths are not read where it saw nothing (bridged gaps).
        region: the crack.
        scale: ground sample distance; widths come in mm and lengths in m where it is known, else both in px.
        quality: blur and noise of the image.
        branches: the centrelines of ``region.mask``, in its pixels, where they were traced before.

    Returns:
        ``length``, ``width_p50``, ``width_p95``, ``width_max``, and details in plain JSON values: the same four in px
        as ``[value, low, high]``, without the uncertainty of the ground sample distance (``width_p95_px``), the number
        of stations and branches, the contrast of the core, the resolvable width.
    """
    box = _around(region.bbox, image_grey.shape)
    mask = np.zeros((box.height, box.width), bool)
    top, left = region.bbox.row - box.row, region.bbox.col - box.col
    mask[top : top + region.bbox.height, left : left + region.bbox.width] = region.mask
    branches = trace(mask) if branches is None else [moved(branch, top, left) for branch in branches]
    grey = image_grey[box.row : box.bottom, box.col : box.right]
    blur = UNKNOWN_BLUR_PX if quality.blur_px is None else quality.blur_px
    found = measure_profiles(grey, branches, blur) if branches else None
    seen = probability[box.row : box.bottom, box.col : box.right] >= region.score / 2
    keep = None if found is None else _where_seen(found, seen)
    details: dict[str, Any] = {"branches": len(branches), "gsd_source": str(scale.source)}
    widths, how = None, "not resolved: no clear profile; upper bound from the mask"
    if found is not None and keep is not None and keep.sum() >= LEAST_STATIONS:
        core = estimate_core(found.integral_px[keep], found.peak[keep], found.noise_px, quality.blur_px)
        profile = station_widths(found, core)
        keep &= _is_dark_enough(profile, found, core)
        if keep.sum() >= LEAST_STATIONS:
            length_px = sum(branch.length_px for branch in branches)
            hairline = _hairline(float(np.percentile(profile[keep], 99))) == 1  # then nothing comes from flanks
            doubt = (0.0, 0.0) if hairline else edge_doubt(found, keep, blur)
            widths = _percentiles(profile, keep, found, core, length_px, doubt)
            how = _describe(profile, keep)
        details |= _describe_core(core, found, keep) | _describe_limit(core, found, scale)
    widths = widths or _bounded_by_mask(mask)
    length = _length(branches, region, widths["width_p50"].value)
    details |= {f"{name}_px": w.rounded() for name, w in (("length", length), *widths.items())}
    measures = [to_world("length", length, scale, "m", f"smoothed centreline of {len(branches)} branches")]
    measures += [to_world(name, width, scale, "mm", how, vanishes=True) for name, width in widths.items()]
    return tuple(measures), details


def _around(box: Window, shape: tuple[int, ...]) -> Window:
    clipped = Window(
        box.col - MARGIN_PX, box.row - MARGIN_PX, box.width + 2 * MARGIN_PX, box.height + 2 * MARGIN_PX
    ).clip(shape[1], shape[0])
    return clipped or box


def _where_seen(found: Profiles, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows, cols = np.rint(found.centre).astype(int).T
    rows, cols = np.clip(rows, 0, seen.shape[0] - 1), np.clip(cols, 0, seen.shape[1] - 1)
    return np.asarray(seen[rows, cols])


def station_widths(found: Profiles, core: Core) -> Array:
    """Return the width in px at every station: integrated darkness, mid-point crossings from 4 px on.

    A profile at half its depth is never narrower than the crack under it, blurred or not. What integrates to more is a
    stain, a shadow or a neighbour beside the crack, and is cut there (with half a pixel for noise).
    """
    crossing = crossings(found)
    integrated = np.minimum(found.integral_px / core.contrast, crossing + 0.5)
    share = np.clip(integrated - CROSSING_FROM_PX + 0.5, 0, 1)  # a soft change-over from 3.5 to 4.5 px
    return np.asarray(np.where(share > 0, share * crossing + (1 - share) * integrated, integrated))


def _is_dark_enough(widths: Array, found: Profiles, core: Core) -> NDArray[np.bool_]:
    """Return which stations are as dark as their width says; broad and shallow ones are shade, not crack."""
    expected = core.contrast * erf(widths / (2 * np.sqrt(2) * SOFTEST_BLUR_PX))
    return np.asarray(found.peak >= 0.5 * expected)


def crossings(found: Profiles, level: float | Array = 0.5) -> Array:
    """Return the distance between the points of that share of the depth, ``(S,)``, on either side of the darkest."""
    offset = found.offset_px
    near = np.abs(offset)[None] <= np.maximum(found.reach_px.max(axis=1, keepdims=True), 1.0)
    top = np.where(near, found.darkness, -np.inf).argmax(axis=1)
    rows = np.arange(len(top))
    widths = np.zeros(len(top))
    for step in (-1, 1):
        place = np.clip(top[:, None] + step * np.arange(len(offset)), 0, len(offset) - 1)
        side = found.darkness[rows[:, None], place] - (level * found.peak)[:, None]
        first = np.where((side < 0).any(axis=1), (side < 0).argmax(axis=1), 1)
        inside, outside = side[rows, first - 1], side[rows, first]
        widths += (first - 1 + np.clip(inside / np.maximum(inside - outside, 1e-9), 0, 1)) * STEP_PX
    return widths


def edge_doubt(found: Profiles, keep: NDArray[np.bool_], blur_px: float) -> tuple[float, float]:
    """Return how much narrower and wider the crack may be because its flanks are no clean steps, 1-sigma in px.

    A step blurred by s runs from 70 to 50 and from 50 to 30 % of its depth within 0.52 s. What takes longer is a broken
    lip, shade or dirt, and where the crack ends in there, nobody can tell. A camera whose tone curve is steeper than
    sRGB moves the mid-point inwards, at most about to where the encoded value is half.
    """
    encoded = np.maximum(1 - found.peak, 0.0) ** (1 / 2.2)  # of the core; the surface is 1
    steep = (1 - ((1 + encoded) / 2) ** 2.2) / np.maximum(found.peak, 1e-6)
    inner, tone, middle, outer = (np.median(crossings(found, level)[keep]) for level in (0.7, steep, 0.5, 0.3))
    clean = 2 * 0.524 * STEP_SLACK * float(np.hypot(blur_px, SAMPLING_BLUR_PX))
    narrower = np.hypot(max(0.0, float(middle - inner) - clean) / 2, TONE_SHARE * max(0.0, float(middle - tone)))
    return float(narrower), max(0.0, float(outer - middle) - clean) / 2


def _percentiles(
    widths: Array,
    keep: NDArray[np.bool_],
    found: Profiles,
    core: Core,
    length_px: float,
    doubt: tuple[float, float],
) -> dict[str, Interval]:
    """Return p50, p95 and maximum along the crack, noise taken out of their spread.

    How the widths vary along the crack makes them uncertain only as far as stretches of it were not measured (the
    correction for a finite population); the maximum may lie in such a stretch.
    """
    values = widths[keep]
    integral = (found.noise_px if np.isfinite(found.noise_px) else 0.3) / core.contrast
    hairline = _hairline(float(np.median(values)))  # mid-points do not feel what the surface adds to an integral
    noise = hairline * integral + (1 - hairline) * CROSSING_NOISE_PX
    # the noise itself is known to a factor of about 1.4: the spread along the crack that is real, at most and at least
    calm = [_without_noise(values, factor * noise) for factor in (1.0, 1.4, 0.7)]
    shares = np.percentile(calm, [50, 95, 100], axis=1)  # (3 percentiles, 3 noises)
    count = np.sqrt(max(1.0, len(values) / BLOCK))
    unseen = float(np.sqrt(np.clip(1 - len(values) / max(length_px, 1.0), 0, 1)))
    selection = found.selection_px / core.contrast
    hidden = [part * float(calm[0].std()) for part in HIDDEN]
    out = {}
    kinds = (("width_p50", 50, 1.25), ("width_p95", 95, 2.11), ("width_max", 100, count))
    for (name, share, factor), beyond, at in zip(kinds, hidden, shares, strict=True):
        value, least, most = (float(v) for v in at)
        error = factor * np.hypot(noise, unseen * calm[0].std()) / count if share < 100 else noise
        chosen = hairline * _selection(value, selection)
        error = float(np.hypot(error, chosen / Z95))
        slack = (error + (value - least) / Z95, float(np.hypot(error, beyond)) + (most - value) / Z95)
        out[name] = _interval(max(value - chosen / 2, 0.0), slack, core, doubt)
    return out


def _hairline(width_px: float) -> float:
    """Return 1 where the width is the integrated darkness's, 0 where it is the mid-points'."""
    return float(np.clip(CROSSING_FROM_PX + 0.5 - width_px, 0, 1))


def _without_noise(values: Array, noise: float) -> Array:
    """Shrink the spread along the crack by its noise: else p95 of a constant hairline is 1.6 sigma too wide."""
    middle, spread = np.median(values), float(values.std())
    kept = np.sqrt(max(0.0, 1 - (noise / spread) ** 2)) if spread > 0 else 0.0
    return np.asarray(middle + kept * (values - middle))


def _selection(width: float, selection_px: float) -> float:
    """Return by how much texture may have widened a hairline; little for one much darker than the texture."""
    return selection_px / (1 + (width / (2 * selection_px)) ** 2) if selection_px > 0 else 0.0


def _interval(value: float, error: tuple[float, float], core: Core, doubt: tuple[float, float]) -> Interval:
    """Join everything that may be wrong, downwards and upwards.

    Args:
        value: in px.
        error: 1-sigma of sampling and noise.
        core: what is unknown of it.
        doubt: 1-sigma of where the flanks end.
    """
    hairline = _hairline(value)  # mid-points do not depend on the core, nor darkness on the flanks
    unknown_core = [np.sqrt(hairline) * value * part for part in (1 - core.low_factor, core.high_factor - 1)]
    sides = []
    for noise, dark, edge in zip(error, unknown_core, doubt, strict=True):
        crossing = (1 - hairline) * float(np.hypot(CROSSING_SIGMA_PX, edge))
        sides.append(float(np.sqrt(MODEL_PX**2 + (Z95 * crossing) ** 2 + (Z95 * noise) ** 2 + dark**2)))
    down, up = sides
    return Interval(value if value > down else None, max(value - down, 0.0), value + up)


def _bounded_by_mask(mask: NDArray[np.bool_]) -> dict[str, Interval]:
    high = 2 * float(distance_transform_edt(np.pad(mask, 1)).max()) + 1
    return {name: Interval(None, 0.0, high) for name in ("width_p50", "width_p95", "width_max")}


def _length(branches: list[Branch], region: Region, width_px: float | None) -> Interval:
    """Return the length of the centreline.

    A skeleton ends about half the mask's width before the mask does. As far as the mask is wider than the crack, it
    also reaches past the crack's tip; what remains is half the crack's width at each free end. How wide the mask is at
    the ends, the interval takes in.
    """
    if not branches:
        side = float(np.hypot(region.bbox.width, region.bbox.height))
        return Interval(side, max(side - 2, 0.0), side + 2)
    ends = [b.half_width_px[k] for b in branches for k, free in ((0, b.free_start), (-1, b.free_end)) if free]
    value = sum(branch.length_px for branch in branches) + len(ends) * (width_px or 0.0) / 2
    slack = float(np.hypot(np.hypot.reduce([0.0, *ends]), 0.01 * value)) + 1
    return Interval(value, max(value - slack, 0.0), value + slack)


def _describe(widths: Array, keep: NDArray[np.bool_]) -> str:
    share = float((widths[keep] >= CROSSING_FROM_PX).mean())
    method = "mid-point crossings" if share > 0.5 else "integrated darkness"
    return f"{method} over {int(keep.sum())} normals in linear light"


def _describe_core(core: Core, found: Profiles, keep: NDArray[np.bool_]) -> dict[str, Any]:
    return {
        "stations": int(keep.sum()),
        "core_contrast": round(core.contrast, 3),
        "core_factor": [round(core.low_factor, 3), round(core.high_factor, 3)],
        "noise_px": None if np.isnan(found.noise_px) else round(found.noise_px / core.contrast, 3),
    }


def _describe_limit(core: Core, found: Profiles, scale: Scale) -> dict[str, Any]:
    """Say which width could just be resolved here: the texture beside this crack included."""
    if not np.isfinite(found.noise_px):
        return {}
    relative = 0.0 if scale.gsd_mm is None else (scale.sigma_mm or 0.0) / scale.gsd_mm
    limit = from_sigma(found.noise_px / core.contrast, relative)
    if not np.isfinite(limit):
        return {}
    mm = {} if scale.gsd_mm is None else {"resolvable_width_mm": round(limit * scale.gsd_mm, 3)}
    return {"resolvable_width_px": round(limit, 3)} | mm
