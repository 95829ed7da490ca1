"""The seasonal baseline of N transects: level, yearly wave and covariate, fitted robustly on a stable history.

    v(t) = b0 + b1 cos(2 pi t) + b2 sin(2 pi t) + b3 c(t) + e

Iteratively reweighted least squares with Huber's weights (Huber 1964; k = 1.345), as harmonic models of satellite
series are fitted in CCDC (Zhu and Woodcock 2014) and nrt (Dutrieux et al.), vectorised over transects. A wave that the
scenes of a transect do not span (three of the four quarters of the year and eight scenes are asked for) is borrowed
from the others of the reach; where none spans the year nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from findings.errors import NotAssessable
from findings.river_series import Floats
from inference.river.monitor.values import History, Moments, years_since

LEAST_SCENES = 5
"""Scenes of a transect for a level and its scatter (anchors: at least five clear observations)."""
LEAST_FOR_WAVE = 8
QUARTERS_FOR_WAVE = 3
HUBER_K = 1.345
ROUNDS = 8
LEAST_SHARE = 0.4
"""A scatter under this share of the stated 1-sigma is luck of few scenes."""
SPIKE = 4.0
"""Residuals beyond so many scales are spikes: they take no part in the fit."""
EPOCH = np.datetime64("2000-01-01T00:00:00", "s")


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What is expected of each transect.

    Attributes:
        beta: ``(N, P)`` level, cosine, sine, and covariate where there is one; 0 where a term was not fitted.
        covariance: ``(N, P, P)`` of beta in units of the noise variance.
        scale: ``(N,)`` 1-sigma of one scene about the baseline, metres; NaN where there is no baseline.
        typical: ``(N,)`` median 1-sigma that its scenes state; a later scene that states more counts less.
        scenes: ``(N,)`` behind it.
        covariate_mean: subtracted from the covariate; None where there is none.
    """

    beta: Floats
    covariance: Floats
    scale: Floats
    typical: Floats
    scenes: Floats
    covariate_mean: float | None

    def expected(self, time: np.datetime64, covariate: float | None) -> tuple[Floats, Floats]:
        """Return the expected values ``(N,)`` of a scene and the 1-sigma of that expectation."""
        row = design(np.asarray([time]), self.covariate_mean, None if covariate is None else np.array([covariate]))[0]
        value = self.beta @ row
        spread = np.sqrt(np.maximum(np.einsum("p,npq,q->n", row, self.covariance, row), 0.0)) * self.scale
        return np.asarray(value), np.asarray(spread)

    def to_json(self) -> dict[str, Any]:
        """Return the baseline as plain lists."""
        return {
            "beta": np.round(self.beta, 4).tolist(),
            "covariance": np.round(self.covariance, 6).tolist(),
            "scale": [None if not np.isfinite(v) else round(float(v), 4) for v in self.scale],
            "typical": [None if not np.isfinite(v) else round(float(v), 4) for v in self.typical],
            "scenes": self.scenes.astype(int).tolist(),
            "covariate_mean": self.covariate_mean,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Baseline:
        """Return the baseline that ``to_json`` wrote."""
        scale, typical = (
            np.array([np.nan if v is None else v for v in row[name]], dtype=float) for name in ("scale", "typical")
        )
        return cls(
            np.asarray(row["beta"], dtype=float),
            np.asarray(row["covariance"], dtype=float),
            scale,
            typical,
            np.asarray(row["scenes"], dtype=float),
            row["covariate_mean"],
        )


def design(times: Moments, covariate_mean: float | None, covariate: Floats | None) -> Floats:
    """Return the design matrix ``(T, P)``; an unknown covariate counts as its mean."""
    phase = 2 * np.pi * years_since(times, EPOCH)
    columns = [np.ones(len(times)), np.cos(phase), np.sin(phase)]
    if covariate_mean is not None:
        known = np.full(len(times), np.nan) if covariate is None else covariate
        columns.append(np.nan_to_num(known - covariate_mean, nan=0.0))
    return np.stack(columns, axis=1)


def fit_baseline(history: History) -> Baseline:
    """Return the baseline of a stable history.

    Raises:
        NotAssessable: no transect has ``LEAST_SCENES`` scenes, or none spans the year.
    """
    seen = np.isfinite(history.values)
    count = seen.sum(axis=0)
    if count.size == 0 or count.max() < LEAST_SCENES:
        most = int(count.max()) if count.size else 0
        raise NotAssessable(
            f"the history shows no transect more than {most} times; a baseline needs {LEAST_SCENES} scenes, and "
            f"{LEAST_FOR_WAVE} over the year for its seasons"
        )
    mean = _covariate_mean(history)
    matrix = design(history.times, mean, history.covariate)
    values, weights = np.where(seen, history.values, 0.0), seen.astype(float)
    used = _terms(history, seen, matrix.shape[1])
    level = np.nanmedian(np.where(seen, history.values, np.nan)[:, count > 0], axis=0)
    centre = np.zeros(len(count))
    centre[count > 0] = level
    beta = np.zeros((len(count), matrix.shape[1]))
    residual = np.where(seen, history.values - centre, 0.0)
    scale = _scale(residual, seen, history.sigmas)
    covariance = np.zeros((len(count), matrix.shape[1], matrix.shape[1]))
    for _ in range(ROUNDS):
        with np.errstate(invalid="ignore", divide="ignore"):
            far = np.abs(residual) / scale
            robust = np.where(far <= HUBER_K, 1.0, HUBER_K / np.maximum(far, 1e-12)) * (far <= SPIKE)
        beta, covariance = _solve(matrix, values, weights * np.nan_to_num(robust), used)
        residual = np.where(seen, values - matrix @ beta.T, 0.0)
        scale = _scale(residual, seen, history.sigmas)
    # a bank that already drifts must not pass for a noisy one: the drift is no scatter, and stays in the residuals
    scale = _scale(_without_drift(history, residual, seen), seen, history.sigmas)
    freedom = np.maximum(count - used.sum(axis=1) - 1, 1)
    scale = scale * np.sqrt(np.maximum(count / freedom, 1.0))
    own = used[:, 1] & (count >= LEAST_SCENES)
    if not own.any():
        raise NotAssessable(
            f"no transect was seen {LEAST_FOR_WAVE} times in {QUARTERS_FOR_WAVE} quarters of the year; without its "
            "seasons a high water would be taken for a change"
        )
    beta, covariance, scale = _borrowed(matrix, history, own, beta, covariance, scale)
    scale = np.where(count >= LEAST_SCENES, scale, np.nan)
    typical = _nanmedian(np.where(seen, history.sigmas, np.nan))
    return Baseline(beta, covariance, scale, typical, count.astype(float), mean)


def _without_drift(history: History, residual: Floats, seen: np.ndarray) -> Floats:
    """Return residuals ``(T, N)`` without their straight line in time."""
    years = years_since(history.times, history.times[0])[:, None]
    count = np.maximum(seen.sum(axis=0), 1)
    centred = np.where(seen, years - np.where(seen, years, 0.0).sum(axis=0) / count, 0.0)
    slope = (centred * residual).sum(axis=0) / np.maximum((centred**2).sum(axis=0), 1e-9)
    return np.asarray(residual - centred * slope)


def _borrowed(
    matrix: Floats, history: History, own: np.ndarray, beta: Floats, covariance: Floats, scale: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the fit with the reach's median wave where a transect's own scenes do not span the year.

    How much the waves of the others differ is part of what is expected there.
    """
    lent = np.median(beta[own], axis=0)
    spread = 1.4826 * np.median(np.abs(beta[own] - lent), axis=0)
    common = float(np.median(scale[own]))
    for row in np.flatnonzero(~own):
        known = np.isfinite(history.values[:, row])
        if not known.any():
            continue
        rest = history.values[known, row] - matrix[known, 1:] @ lent[1:]
        beta[row] = lent
        beta[row, 0] = float(np.median(rest))
        covariance[row] = 0.0
        covariance[row, 0, 0] = 1.0 / int(known.sum())
        for term in range(1, beta.shape[1]):
            covariance[row, term, term] = (spread[term] / max(common, 1e-9)) ** 2
        scale[row] = max(common, 1.4826 * float(np.median(np.abs(rest - beta[row, 0]))))
    return beta, covariance, scale


def _covariate_mean(history: History) -> float | None:
    if history.covariate is None or np.isfinite(history.covariate).sum() < LEAST_FOR_WAVE:
        return None
    return float(np.nanmean(history.covariate))


def _terms(history: History, seen: np.ndarray, terms: int) -> np.ndarray:
    """Return which terms ``(N, P)`` each transect's scenes can tell."""
    months = history.times.astype("datetime64[M]").astype(int) % 12
    quarters = np.stack([(seen & (months // 3 == q)[:, None]).any(axis=0) for q in range(4)]).sum(axis=0)
    wave = (seen.sum(axis=0) >= LEAST_FOR_WAVE) & (quarters >= QUARTERS_FOR_WAVE)
    used = np.ones((seen.shape[1], terms), dtype=bool)
    used[:, 1:3] = wave[:, None]
    if terms > 3:
        used[:, 3] = wave
    return used


def _solve(matrix: Floats, values: Floats, weights: Floats, used: np.ndarray) -> tuple[Floats, Floats]:
    """Return weighted least squares ``(N, P)`` and the inverse normal matrices; unused terms stay 0."""
    normal = np.einsum("tn,tp,tq->npq", weights, matrix, matrix)
    right = np.einsum("tn,tp,tn->np", weights, matrix, values)
    both = used[:, :, None] & used[:, None, :]
    terms = matrix.shape[1]
    identity = np.eye(terms)
    normal = np.where(both, normal, 0.0) + identity * (~used)[:, :, None] + 1e-6 * identity
    inverse = np.linalg.inv(normal)
    inverse = np.where(both, inverse, 0.0)
    return np.asarray(np.einsum("npq,nq->np", inverse, np.where(used, right, 0.0))), np.asarray(inverse)


def _scale(residual: Floats, seen: np.ndarray, sigmas: Floats) -> Floats:
    """Return the 1-sigma of residuals: their root mean square, clipped at ``SPIKE`` robust scatters.

    The robust scatter is 1.4826 times the median absolute residual, not under ``LEAST_SHARE`` of what the scenes state.
    It alone would be blind to a bank that is seen at one of two places, now at the bar and now at the willows behind.
    """
    with np.errstate(all="ignore"):
        spread = 1.4826 * _nanmedian(np.where(seen, np.abs(residual), np.nan))
        own = _nanmedian(np.where(seen, sigmas, np.nan))
    robust = np.fmax(spread, LEAST_SHARE * np.nan_to_num(own, nan=0.0))
    clipped = np.where(seen, np.clip(residual, -SPIKE * robust, SPIKE * robust), 0.0)
    mean_square = (clipped**2).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.asarray(np.fmax(robust, np.sqrt(mean_square)))


def _nanmedian(values: Floats) -> Floats:
    """Return the median over scenes, NaN (without a warning) where there is none."""
    out = np.full(values.shape[1], np.nan)
    known = np.isfinite(values).any(axis=0)
    if known.any():
        out[known] = np.nanmedian(values[:, known], axis=0)
    return out
