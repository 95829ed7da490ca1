"""Spikes out of series: values that leave their neighbours in time and come back at once."""

from __future__ import annotations

import numpy as np

from findings.river_series import Floats

SPIKE = 4.0


def despiked(values: Floats, sigmas: Floats) -> tuple[Floats, np.ndarray]:
    """Return values ``(T, N)`` without spikes (NaN in their place) and where they were.

    A spike differs from the last and from the next seen value by more than ``SPIKE`` times their common 1-sigma, to the
    same side, while those two agree. A step is no spike: its next value stays. The first and the last value cannot be
    told and stay.

    Args:
        values: NaN where nothing was seen.
        sigmas: 1-sigma of the values.
    """
    out, spikes = values.copy(), np.zeros(values.shape, dtype=bool)
    for column in range(values.shape[1]):
        seen = np.flatnonzero(np.isfinite(values[:, column]))
        if seen.size < 3:
            continue
        v = values[seen, column]
        s = np.nan_to_num(sigmas[seen, column], nan=float(np.nanmedian(sigmas[seen, column])) if seen.size else 1.0)
        before, after = v[1:-1] - v[:-2], v[1:-1] - v[2:]
        limit = SPIKE * np.sqrt(s[1:-1] ** 2 + s[:-2] ** 2)
        agree = np.abs(v[2:] - v[:-2]) <= SPIKE / 2 * np.sqrt(s[2:] ** 2 + s[:-2] ** 2)
        lone = (np.abs(before) > limit) & (np.abs(after) > limit) & (np.sign(before) == np.sign(after)) & agree
        spikes[seen[1:-1][lone], column] = True
    out[spikes] = np.nan
    return out, spikes
