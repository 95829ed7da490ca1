"""The flight adjusted as a whole: where every picture lies if the pictures' own overlap is to hold.

Each picture i is a scaled, turned map of the ground: a point p (complex, pixels, right + i up from the middle) lies at
``t_i + a_i p``. The unknowns are complex, so that all equations are linear:

* registered pairs, at the middle c, d of what both see: ``t_i + a_i c = t_j + a_j d`` and ``a_i = a_j f``;
* recorded places: ``t_i = g_i``;
* once turned pictures are known, recorded scales and directions r_i, free by one common factor k: ``a_i = k r_i``.

The places are tied by the record alone, so that their mean stays (the gauge), and ``|k|`` is an independent estimate
of the ground sample distance: registered pixels against recorded metres. Weighted least squares, re-weighted after
Cauchy (P. Huber, Robust Statistics, 1981, chapter 7), sparse. The pictures are taken as level ground seen from above:
what tilt, lens and relief do to them stands in ``PAIR_SIGMA_SHARE``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from imagery.flight.register import Registration

PLACE_SIGMA_M = 1.5  # an axis; our assumption: a receiver without correction, from picture to picture of one flight
PLACE_SIGMA_RANGE = (0.1, 10.0)
PAIR_SIGMA_SHARE = 0.005  # of the picture's width on the ground; our assumption: tilt of 1 degree, lens not removed
FACTOR_SIGMA = 0.01  # of scale and direction of one registration; the same
RECORD_SIGMA = 0.04  # our assumption: 2 degrees of a gimbal's yaw and 2 % of a barometer's height
CAUCHY = 2.385  # 95 % as good as least squares where all is well
ROUNDS = 25
FEWEST_FOR_SIGMA = 5  # places from which their sigma is estimated

Complex = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The adjusted flight; arrays by picture, NaN for pictures that are not connected with any other.

    Attributes:
        places_m: ``(N,)`` complex: east + i north of the middle of the picture.
        factors: ``(N,)`` complex: ground metres for one pixel, turned from picture to ground.
        sigmas_m: ``(N,)`` 1-sigma of a place, an axis.
        factor_sigmas: ``(N,)`` 1-sigma of a factor's scale as a share, and of its direction in radians.
        place_sigma_m: 1-sigma of a recorded place, an axis, as the residuals show it (or assumed, see ``estimated``).
        estimated: whether ``place_sigma_m`` was estimated.
        scale: measured ground sample distance over the recorded one; None without recorded ones.
        scale_sigma: its 1-sigma.
        turn_deg: common turn of the measured against the recorded directions, clockwise.
        turn_sigma_deg: its 1-sigma.
        weights: ``(K,)`` of the registrations, 0..1; low ones contradict the rest.
        pair_misfits_m: ``(K,)`` what the adjustment leaves of each registration, at the middle of its overlap.
    """

    places_m: Complex
    factors: Complex
    sigmas_m: NDArray[np.float64]
    factor_sigmas: NDArray[np.float64]
    place_sigma_m: float
    estimated: bool
    scale: float | None
    scale_sigma: float | None
    turn_deg: float | None
    turn_sigma_deg: float | None
    weights: NDArray[np.float64]
    pair_misfits_m: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is adjusted; indices of ``registrations`` point into the other sequences.

    Attributes:
        places_m: recorded, None where there is none.
        factors: recorded, None where there is none or it must not take part.
        registrations: of pairs.
        gsd_m: a first guess, from the record or from places and registrations.
        width_px: of a picture, for the lever of scale and direction.
    """

    places_m: Sequence[complex | None]
    factors: Sequence[complex | None]
    registrations: Sequence[Registration]
    gsd_m: float
    width_px: float


def adjust(problem: Problem, *, use_factors: bool) -> Adjusted:
    """Return the adjusted flight.

    Args:
        problem: places, factors and registrations.
        use_factors: whether recorded scales and directions take part; not before turned pictures are known.
    """
    used = sorted({index for pair in problem.registrations for index in (pair.first, pair.second)})
    solver = _Solver(problem, used, use_factors)
    sigma = PLACE_SIGMA_M
    solver.solve(sigma)
    estimate = solver.place_sigma(sigma)
    if estimate is not None:
        sigma = float(np.clip(estimate, *PLACE_SIGMA_RANGE))
        solver.solve(sigma)
    return solver.result(sigma, estimate is not None)


def first_gsd_m(places: Sequence[complex | None], registrations: Sequence[Registration]) -> float | None:
    """Return metres a pixel from recorded places and registered offsets, or None if no pair has both places."""
    found = []
    for pair in registrations:
        one, two = places[pair.first], places[pair.second]
        offset = abs(pair.centroid_first - pair.centroid_second / pair.factor)
        if one is not None and two is not None and offset > 0 and one != two:
            found.append(abs(two - one) / offset)
    return float(np.median(found)) if found else None


class _Solver:
    """Rows of equations, their weights, and the solution so far. Unknowns: places, factors (in units of the GSD), k."""

    def __init__(self, problem: Problem, used: list[int], use_factors: bool) -> None:
        self.problem = problem
        self.used = used
        self.column = {index: column for column, index in enumerate(used)}
        n = len(used)
        recorded = [i for i in used if problem.factors[i] is not None] if use_factors else []
        self.common = 2 * n if recorded else None
        self.unknowns = 2 * n + (1 if recorded else 0)
        self.rows: list[tuple[list[int], list[complex], complex]] = []
        self.sigmas: list[float] = []
        for pair in problem.registrations:
            self._add_pair(pair, n)
        self.place_rows = len(self.rows)
        self.placed = [i for i in used if problem.places_m[i] is not None]
        for i in self.placed:
            self._add([self.column[i]], [1.0], problem.places_m[i] or 0j, 1.0)
        self.record_rows = len(self.rows)
        for i in recorded:
            unit = (problem.factors[i] or 1.0) / problem.gsd_m
            self._add([n + self.column[i], 2 * n], [1 / unit, -1.0], 0j, RECORD_SIGMA)
        self._assemble()
        self.weights = np.ones(len(self.rows))

    def _add(self, columns: list[int], values: list[complex], right: complex, sigma: float) -> None:
        self.rows.append((columns, values, right))
        self.sigmas.append(sigma)

    def _add_pair(self, pair: Registration, n: int) -> None:
        i, j = self.column[pair.first], self.column[pair.second]
        gsd, width = self.problem.gsd_m, self.problem.width_px
        c, d = pair.centroid_first * gsd, pair.centroid_second * gsd
        noise = pair.rms_px * gsd / math.sqrt(pair.spots)
        self._add([i, n + i, j, n + j], [1, c, -1, -d], 0j, math.hypot(PAIR_SIGMA_SHARE * width * gsd, noise))
        turn = math.hypot(FACTOR_SIGMA, pair.rms_px / (pair.spread_px * math.sqrt(pair.spots)))
        self._add([n + i, n + j], [1 / pair.factor, -1], 0j, turn)

    def _assemble(self) -> None:
        rows = np.repeat(np.arange(len(self.rows)), [len(columns) for columns, _, _ in self.rows])
        columns = np.concatenate([columns for columns, _, _ in self.rows])
        values = np.concatenate([np.asarray(values, complex) for _, values, _ in self.rows])
        shape = (len(self.rows), self.unknowns)
        self.matrix = sparse.csr_matrix((values, (rows, columns)), shape)
        self.right = np.array([right for _, _, right in self.rows])
        self.sigma = np.array(self.sigmas)

    def solve(self, place_sigma: float) -> None:
        """Solve by re-weighted least squares; both rows of a registration share the smaller weight."""
        self.sigma[self.place_rows : self.record_rows] = place_sigma
        self.weights[:] = 1.0
        pairs = self.place_rows // 2
        for _ in range(ROUNDS):
            self._solve_once()
            misfit = np.abs(self.matrix @ self.solution - self.right) / self.sigma
            weights = 1.0 / (1.0 + (misfit / CAUCHY) ** 2)
            shared = weights[: 2 * pairs].reshape(pairs, 2).min(axis=1)
            weights[: 2 * pairs] = np.repeat(shared, 2)
            settled = np.abs(weights - self.weights).max(initial=0.0) < 1e-4
            self.weights = weights
            if settled:
                break
        self._solve_once()

    def _solve_once(self) -> None:
        weighted = sparse.diags(self.weights / self.sigma**2)
        normal = (self.matrix.conj().T @ weighted @ self.matrix).tocsc()
        # What no equation ties (a group of pictures without recorded places) stays near zero instead of failing.
        ridge = sparse.identity(self.unknowns, format="csc") * (1e-12 * float(np.abs(normal.diagonal()).max()))
        self.factorised = splu(normal + ridge)
        self.solution: Complex = self.factorised.solve(self.matrix.conj().T @ (weighted @ self.right))

    def variances(self, columns: Sequence[int]) -> NDArray[np.float64]:
        """Return the variance, an axis, of some unknowns: the diagonal of the inverse, in blocks."""
        found = np.zeros(len(columns))
        for start in range(0, len(columns), 256):
            part = np.asarray(columns[start : start + 256])
            unit = np.zeros((self.unknowns, len(part)), complex)
            unit[part, np.arange(len(part))] = 1.0
            found[start : start + len(part)] = self.factorised.solve(unit)[part, np.arange(len(part))].real
        return np.maximum(found, 0.0)

    def place_sigma(self, assumed: float) -> float | None:
        """Return the sigma of a recorded place, an axis, from the residuals; None if they are too few to say.

        Each residual is brought to full size by its share of redundancy (W. Baarda, 1968); the median of the
        distances, which is 1.177 sigma in two dimensions, is not moved by a few gross errors.
        """
        if len(self.placed) < FEWEST_FOR_SIGMA:
            return None
        columns = [self.column[i] for i in self.placed]
        residual = np.abs(self.solution[columns] - self.right[self.place_rows : self.record_rows])
        redundancy = np.clip(1.0 - self.variances(columns) / assumed**2, 0.05, 1.0)
        return float(np.median(residual / np.sqrt(redundancy)) / 1.17741)

    def result(self, place_sigma: float, estimated: bool) -> Adjusted:
        """Return the solution by picture."""
        n, total, gsd = len(self.used), len(self.problem.places_m), self.problem.gsd_m
        places = np.full(total, complex(np.nan, np.nan))
        factors, sigmas, factor_sigmas = places.copy(), np.full(total, np.nan), np.full(total, np.nan)
        places[self.used] = self.solution[:n]
        factors[self.used] = self.solution[n : 2 * n] * gsd
        sigmas[self.used] = np.sqrt(self.variances(range(n)))
        share = np.sqrt(self.variances(range(n, 2 * n))) / np.maximum(np.abs(self.solution[n : 2 * n]), 1e-9)
        factor_sigmas[self.used] = share
        scale = scale_sigma = turn = turn_sigma = None
        if self.common is not None:
            common = complex(self.solution[self.common])
            spread = float(np.sqrt(self.variances([self.common])[0]))
            scale, scale_sigma = abs(common), spread
            turn, turn_sigma = -math.degrees(np.angle(common)), math.degrees(spread / max(abs(common), 1e-9))
        misfit = np.abs(self.matrix @ self.solution - self.right)[: self.place_rows : 2]
        return Adjusted(
            places, factors, sigmas, factor_sigmas, place_sigma, estimated, scale, scale_sigma, turn, turn_sigma,
            self.weights[: self.place_rows : 2].copy(), misfit,
        )  # fmt: skip
