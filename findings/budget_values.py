"""What a budget plan says: measures that are bought, defects that are left undone, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from findings.errors import RecordError
from findings.fiscal_year import NEWEST, OLDEST

MOST_YEARS = 30
LARGEST_YEN = 10**13


class Due(StrEnum):
    """Why a measure may not wait."""

    URGENT = "urgent"  # official IV, or an engineer's E1 or E2
    DEADLINE = "deadline"  # official III: before the next inspection


class Reason(StrEnum):
    """Why a defect is left undone."""

    BUDGET = "budget"
    NO_UNIT_COST = "no_unit_cost"
    NOT_MEASURED = "quantity_unmeasured"
    UNREVIEWED = "unreviewed"
    NO_EFFECT = "no_effect"


WORDS: Mapping[Reason, tuple[str, str]] = {
    Reason.BUDGET: ("予算不足", "beyond the budget"),
    Reason.NO_UNIT_COST: ("単価なし", "no unit cost in the agency's table"),
    Reason.NOT_MEASURED: ("数量未計測", "quantity not measured"),
    Reason.UNREVIEWED: ("未確認(AI候補)", "not reviewed by an engineer"),
    Reason.NO_EFFECT: ("改善効果なし", "no method of the table improves its grade"),
}


@dataclass(frozen=True, slots=True)
class Budget:
    """Yen for each fiscal year from the first one on; what one year leaves is not carried over (単年度)."""

    first_year: int
    yen: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse a budget that buys nothing.

        Raises:
            RecordError: not 1 to 30 years, a first year that is none, or yen that are not positive whole numbers.
        """
        if not OLDEST <= self.first_year <= NEWEST:
            raise RecordError(f"a budget from fiscal year {self.first_year}; expected {OLDEST} to {NEWEST}, e.g. 2026")
        if not 1 <= len(self.yen) <= MOST_YEARS:
            raise RecordError(f"a budget of {len(self.yen)} years; expected 1 to {MOST_YEARS}")
        for yen in self.yen:
            if not 0 < yen <= LARGEST_YEN:
                raise RecordError(f"a budget of {yen} yen; expected whole yen above 0, at most {LARGEST_YEN}")

    @property
    def years(self) -> tuple[int, ...]:
        """The fiscal years."""
        return tuple(range(self.first_year, self.first_year + len(self.yen)))


@dataclass(frozen=True, slots=True)
class Choice:
    """One measure that is bought; money in whole yen, without the asset's mobilisation.

    Attributes:
        quantity_low, quantity_high: its 95 % interval; None where unknown. ``yen_low`` and ``yen_high`` follow.
        risk: the score of the defect.
        risk_removed: of that score.
    """

    finding_uid: str
    asset_uid: str | None
    damage: str
    method: str
    row: str
    unit: str
    quantity: float
    quantity_low: float | None
    quantity_high: float | None
    yen: int
    yen_low: int | None
    yen_high: int | None
    fiscal_year: int
    risk: float
    risk_removed: float
    effect: str | None
    due: Due | None


@dataclass(frozen=True, slots=True)
class Undone:
    """One defect that stays as it is, and why.

    Attributes:
        yen: of its cheapest method, without mobilisation; None where no cost is known.
        fixed_yen: the mobilisation of that method, which works on the same asset in the same year share.
        due: why it should not wait, although it does.
    """

    finding_uid: str
    asset_uid: str | None
    damage: str
    risk: float
    reason: Reason
    yen: int | None = None
    due: Due | None = None
    fixed_yen: int = 0


@dataclass(frozen=True, slots=True)
class Mobilisation:
    """What an asset costs once in a fiscal year: the largest fixed cost of the measures done there then."""

    asset_uid: str | None
    fiscal_year: int
    yen: int


@dataclass(frozen=True, slots=True)
class Needed:
    """A damage that no row of the table prices.

    Attributes:
        units: in which its quantity can be given.
        measured: how much of each unit the defects have together; a unit that none of them has is not there.
    """

    damage: str
    defects: int
    units: tuple[str, ...]
    measured: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a budget buys, and what it leaves undone.

    Attributes:
        shortfall_yen: by fiscal year, what is missing for the due measures; empty if all of them are bought.
        risk_removed: of all measures bought; ``objective`` counts it with the years that remain.
        status: ``optimal``, ``stopped`` (a limit of the solver: ``gap`` tells how far off), or ``nothing to choose``.
        greedy_objective: what taking measures by ratio of risk to cost reaches, due ones first.
        closed: rejected and duplicate findings, which no plan looks at.
    """

    budget: Budget
    costs: str
    profile: str
    choices: tuple[Choice, ...]
    undone: tuple[Undone, ...]
    mobilisations: tuple[Mobilisation, ...]
    shortfall_yen: Mapping[int, int]
    risk_total: float
    risk_removed: float
    objective: float
    greedy_objective: float
    status: str
    gap: float
    needed: tuple[Needed, ...]
    include_unreviewed: bool
    unreviewed: int
    closed: int
    notes: tuple[str, ...] = ()

    def spent_yen(self, year: int) -> int:
        """Return what the plan spends in a fiscal year, mobilisation included."""
        bought = sum(choice.yen for choice in self.choices if choice.fiscal_year == year)
        return bought + sum(row.yen for row in self.mobilisations if row.fiscal_year == year)

    @property
    def yen(self) -> int:
        """What the plan costs in all."""
        return sum(self.spent_yen(year) for year in self.budget.years)

    @property
    def interval_yen(self) -> tuple[int, int] | None:
        """The sum of all lower and of all upper ends, as if all quantities erred alike; None if one is unknown."""
        fixed = sum(row.yen for row in self.mobilisations)
        lows, highs = [c.yen_low for c in self.choices], [c.yen_high for c in self.choices]
        if None in lows or None in highs:
            return None
        return fixed + sum(low or 0 for low in lows), fixed + sum(high or 0 for high in highs)
