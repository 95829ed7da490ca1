"""Which options a budget buys, by mixed-integer programming (HiGHS through SciPy), and what taking them in turn would.

With ``x_k`` in {0, 1} for every option ``k`` (a defect, a method, a year) and ``z_gy >= 0`` for the mobilisation of a
group ``g`` in year ``y``::

    maximise    sum(value_k x_k)
    subject to  sum(x_k of one defect) <= 1          (= 1 for a defect that is due, over the years that are in time)
                z_gy >= fixed_k x_k                  for the options k of group g and year y
                sum(yen_k x_k) + sum(z_gy) <= budget_y

If the due ones do not fit, the least money that is missing is found first; then the budget goes to what is urgent, then
to what has a deadline, then to the rest, each as much as the ones before leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from findings.errors import MizuhashiError

MONEY_UNITS = 10_000.0
"""Parts of the largest yearly budget in which the solver counts money: in single yen its tolerances are too fine."""
REST = 2
"""The tier of what is not due; 0 is urgent, 1 has a deadline."""

GAP, WIDE_GAP = 1e-6, 1e-3
MANY = 500
"""Above so many options the search ends a thousandth of the risk from the best plan: the last of it takes hours."""
NODES = 20_000
"""Nodes of the search at most: a bound that, other than seconds, gives the same plan on every machine."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way to treat one defect.

    Attributes:
        defect: number of the defect.
        year: of the plan, 0 first.
        yen: in whole yen.
        fixed_yen: mobilisation, shared in the group and year.
        group: number of the asset.
        value: what it brings, above 0.
        tier: 0 urgent, 1 deadline, 2 the rest.
        in_time: whether a due defect is treated in time by it; of no meaning in tier 2.
    """

    defect: int
    year: int
    yen: int
    fixed_yen: int
    group: int
    value: float
    tier: int = REST
    in_time: bool = True


@dataclass(frozen=True, slots=True)
class Solution:
    """What is bought.

    Attributes:
        taken: numbers of options, rising.
        objective: the sum of their values.
        status: ``optimal``, ``stopped`` or ``nothing to choose``.
        gap: how far the objective may be from the best one, as a share.
        shortfall_yen: by year of the plan, what is missing for the due ones; empty if they fit.
    """

    taken: tuple[int, ...]
    objective: float
    status: str
    gap: float
    shortfall_yen: Mapping[int, int]


def spent(options: Sequence[Option], taken: Sequence[int], years: int) -> list[int]:
    """Return the whole yen that options cost by year, each group's largest fixed cost once."""
    yen = [0] * years
    for number in taken:
        yen[options[number].year] += options[number].yen
    for (_, year), fixed in mobilisations(options, taken).items():
        yen[year] += fixed
    return yen


def mobilisations(options: Sequence[Option], taken: Sequence[int]) -> dict[tuple[int, int], int]:
    """Return the largest fixed cost by group and year, where there is one."""
    fixed: dict[tuple[int, int], int] = {}
    for number in taken:
        option = options[number]
        key = (option.group, option.year)
        fixed[key] = max(fixed.get(key, 0), option.fixed_yen)
    return {key: yen for key, yen in sorted(fixed.items()) if yen}


def greedy(options: Sequence[Option], budget: Sequence[int]) -> tuple[int, ...]:
    """Return what taking the best ratio of value to cost first buys, tier by tier; the yardstick of the solver."""
    order = sorted(
        range(len(options)),
        key=lambda k: (options[k].tier, -options[k].value / (options[k].yen + options[k].fixed_yen or 1), k),
    )
    left = list(budget)
    fixed: dict[tuple[int, int], int] = {}
    taken: dict[int, int] = {}
    for number in order:
        option = options[number]
        key = (option.group, option.year)
        more = option.yen + max(option.fixed_yen - fixed.get(key, 0), 0)
        if option.defect not in taken and more <= left[option.year]:
            taken[option.defect] = number
            left[option.year] -= more
            fixed[key] = max(fixed.get(key, 0), option.fixed_yen)
    return tuple(sorted(taken.values()))


def solve(options: Sequence[Option], budget: Sequence[int]) -> Solution:
    """Return the options that bring most within the budget of each year, due ones first.

    Raises:
        MizuhashiError: the solver failed, which is a defect of the program.
    """
    if not options:
        return Solution((), 0.0, "nothing to choose", 0.0, {})
    problem = _Problem(options, budget)
    shortfall = problem.shortfall()
    answer = problem.by_tiers() if shortfall else problem.best(problem.values, due_in_time=True)
    objective = sum(options[number].value for number in answer.taken)
    return Solution(answer.taken, objective, "stopped" if answer.stopped else "optimal", answer.gap, shortfall)


@dataclass(frozen=True, slots=True)
class _Answer:
    taken: tuple[int, ...]
    stopped: bool
    gap: float


class _Problem:
    """The matrices of one plan; columns are the options, then the mobilisations by group and year."""

    def __init__(self, options: Sequence[Option], budget: Sequence[int]) -> None:
        self.options = options
        self.budget = np.asarray(budget, float)
        self._unit = max(float(self.budget.max()) / MONEY_UNITS, 1.0)
        self.values = np.array([option.value for option in options])
        keys = sorted({(o.group, o.year) for o in options if o.fixed_yen})
        self._z = {key: len(options) + n for n, key in enumerate(keys)}
        self._largest: dict[tuple[int, int], int] = {}
        for o in options:
            if o.fixed_yen:
                self._largest[o.group, o.year] = max(self._largest.get((o.group, o.year), 0), o.fixed_yen)
        self._columns = len(options) + len(keys)
        self._once = self._one_method()
        self._shared = self._shares()
        self._money = self._costs()
        self._tiers = np.array([option.tier for option in options])

    def _one_method(self) -> sparse.csr_array:
        defects = [option.defect for option in self.options]
        self._defects = sorted(set(defects))
        number = {defect: n for n, defect in enumerate(self._defects)}
        rows = [number[defect] for defect in defects]
        shape = (len(self._defects), self._columns)
        return sparse.csr_array((np.ones(len(rows)), (rows, range(len(rows)))), shape=shape)

    def _shares(self) -> sparse.csr_array:
        """Return rows of ``fixed_k x_k - z_gy``, not to be above 0, in units of the group's largest fixed cost."""
        fixed = [k for k, option in enumerate(self.options) if option.fixed_yen]
        matrix = sparse.lil_array((len(fixed), self._columns))
        for row, k in enumerate(fixed):
            option = self.options[k]
            key = (option.group, option.year)
            matrix[row, k] = option.fixed_yen / self._largest[key]
            matrix[row, self._z[key]] = -1.0
        return sparse.csr_array(matrix)

    def _costs(self) -> sparse.csr_array:
        rows = [option.year for option in self.options] + [year for _, year in self._z]
        yen = [option.yen for option in self.options] + [self._largest[key] for key in self._z]
        cells = np.array(yen, float) / self._unit
        return sparse.csr_array((cells, (rows, range(self._columns))), shape=(len(self.budget), self._columns))

    def shortfall(self) -> dict[int, int]:
        """Return by year how many yen are missing at least for treating all due defects in time."""
        due = [k for k, option in enumerate(self.options) if option.tier < REST]
        if not due:
            return {}
        years = len(self.budget)
        extra = sparse.csr_array(-np.eye(years))
        money = sparse.hstack([self._money, extra]).tocsr()
        wide = sparse.csr_array((self._once.shape[0], years))
        shared = sparse.hstack([self._shared, sparse.csr_array((self._shared.shape[0], years))]).tocsr()
        low, high = self._picks(due_in_time=True)
        # Money decides; a millionth of a yen per yen and year puts what may be missing any year into the last one.
        cost = np.concatenate([np.zeros(self._columns), 1.0 + 1e-6 * np.arange(years, 0, -1)])
        upper = self._upper(due_in_time=True, only_due=True)
        found = self._run(
            cost,
            np.concatenate([upper, np.full(years, np.inf)]),
            [
                LinearConstraint(sparse.hstack([self._once, wide]).tocsr(), low, high),
                LinearConstraint(shared, -np.inf, 0.0),
                LinearConstraint(money, -np.inf, self.budget / self._unit),
            ],
        )
        taken = self._taken(found.x)
        missing = np.array(spent(self.options, taken, years)) - self.budget
        return {year: round(yen) for year, yen in enumerate(missing) if yen > 0}

    def by_tiers(self) -> _Answer:
        """Return the best plan where not all due ones fit: what is urgent first, then deadlines, then the rest."""
        floors: list[LinearConstraint] = []
        answer = _Answer((), False, 0.0)
        for tier in range(REST + 1):
            weights = np.where(self._tiers == tier, self.values, 0.0)
            if not weights.any():
                continue
            found = self.best(weights, due_in_time=False, floors=floors)
            reached = float(weights[list(found.taken)].sum())
            row = np.concatenate([weights, np.zeros(len(self._z))])[None, :]
            floors.append(LinearConstraint(row, reached - 1e-6 * max(1.0, reached), np.inf))
            answer = _Answer(found.taken, answer.stopped or found.stopped, max(answer.gap, found.gap))
        return answer

    def best(
        self, weights: NDArray[np.float64], *, due_in_time: bool, floors: Sequence[LinearConstraint] = ()
    ) -> _Answer:
        """Return the options of the largest weight in all that the budget buys, to the yen."""
        low, high = self._picks(due_in_time=due_in_time)
        cost = np.concatenate([-weights, np.zeros(len(self._z))])
        upper = self._upper(due_in_time=due_in_time)
        budget = self.budget.copy()
        for _ in range(10):
            found = self._run(
                cost,
                upper,
                [
                    LinearConstraint(self._once, low, high),
                    LinearConstraint(self._shared, -np.inf, 0.0),
                    LinearConstraint(self._money, -np.inf, budget / self._unit),
                    *floors,
                ],
            )
            taken = self._taken(found.x)
            over = np.array(spent(self.options, taken, len(budget))) - self.budget
            if (over <= 0).all():
                gap = float(found.mip_gap) if found.mip_gap is not None else 0.0
                return _Answer(taken, found.status == 1 or gap > GAP, max(gap, 0.0))
            # The solver's whole numbers are whole to a millionth, which of a large cost can be some yen.
            budget = budget - np.where(over > 0, over, 0.0)
        raise MizuhashiError("the budget solver found no plan that keeps to the yen; report it: this is a defect")

    def _picks(self, *, due_in_time: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how often each defect is treated at least and at most."""
        due = {option.defect for option in self.options if option.tier < REST} if due_in_time else set()
        return np.array([float(defect in due) for defect in self._defects]), np.ones(len(self._defects))

    def _upper(self, *, due_in_time: bool, only_due: bool = False) -> NDArray[np.float64]:
        """Return 1 for each option that may be taken and 0 for the others; mobilisations have no bound."""
        may = [
            (option.tier == REST and not only_due) or (option.tier < REST and (option.in_time or not due_in_time))
            for option in self.options
        ]
        return np.concatenate([np.array(may, float), np.full(len(self._z), np.inf)])

    def _run(self, cost: NDArray[np.float64], upper: NDArray[np.float64], rows: list[LinearConstraint]):  # type: ignore[no-untyped-def]
        whole = np.zeros(len(cost))
        whole[: len(self.options)] = 1
        found = milp(
            cost,
            integrality=whole,
            bounds=Bounds(0.0, upper),
            constraints=[row for row in rows if row.A.shape[0]],
            options={"mip_rel_gap": GAP if len(self.options) <= MANY else WIDE_GAP, "node_limit": NODES},
        )
        if found.x is None:
            raise MizuhashiError(f"the budget solver failed ({found.message}); report it: this is a defect")
        return found

    def _taken(self, x: NDArray[np.float64]) -> tuple[int, ...]:
        return tuple(int(k) for k in np.flatnonzero(x[: len(self.options)] > 0.5))
