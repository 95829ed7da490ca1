"""Which measures a budget buys: the agency's unit costs, what is due first, then the most risk removed.

The risk of a defect is its priority score. A measure removes ``score x (1 - v(effect) / v(grade))`` of it, where ``v``
is the profile's value of a grade. A measure of the plan's n-th year counts with the share of the plan's years that
remain. Due are the reviewed defects of assets with an OFFICIAL class IV or an engineer's E1 or E2 (in the first
year), and of class III by their deadline (until then; first year if it has passed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from findings.asset import Asset
from findings.budget_solver import REST, Option, Solution, greedy, mobilisations, solve
from findings.budget_values import Budget, Choice, Due, Mobilisation, Needed, Plan, Reason, Undone
from findings.finding import Finding, FindingStatus, Priority
from findings.fiscal_year import fiscal_year
from findings.priority_dates import deadline_of
from findings.profile import Profile
from findings.taxonomy import damage_type
from findings.unit_costs import UnitCost, UnitCostTable, effect_of, possible_units, quantity

AS_MEASURED = "quantities are as measured: no margin around a damage and no least quantity of works is added"
CLOSED = (FindingStatus.REJECTED, FindingStatus.DUPLICATE)


@dataclass(slots=True)
class _Defect:
    """One defect that may be treated, and how."""

    finding: Finding
    risk: float
    due: tuple[Due, int] | None  # and the last year of the plan in which it may be done
    ways: list[tuple[UnitCost, Choice]] = field(default_factory=list)


def make_plan(
    items: Sequence[tuple[Finding, Priority]],
    assets: Mapping[str, Asset],
    costs: UnitCostTable,
    budget: Budget,
    profile: Profile,
    *,
    include_unreviewed: bool = False,
    bundle: bool = True,
) -> Plan:
    """Return what the budget buys.

    Args:
        items: defects (leading findings) with their priorities; their order does not matter.
        assets: by uid.
        costs: the agency's own table.
        budget: yen by fiscal year.
        profile: whose grade values say how much of a score an effect removes.
        include_unreviewed: plan also for what no engineer has confirmed.
        bundle: pay mobilisation once for an asset and year, not for each measure.
    """
    open_items = sorted(
        ((f, p) for f, p in items if f.status not in CLOSED), key=lambda item: (-item[1].score, item[0].uid)
    )
    defects: list[_Defect] = []
    undone: list[Undone] = []
    unpriced: list[Finding] = []
    for finding, priority in open_items:
        reviewed = finding.status is FindingStatus.CONFIRMED
        defect = _Defect(finding, priority.score, _due(finding, assets, budget) if reviewed else None)
        known = reviewed or include_unreviewed
        reason = _find_ways(defect, costs, profile) if known else Reason.UNREVIEWED
        if reason is Reason.NO_UNIT_COST:
            unpriced.append(finding)
        if reason is None:
            defects.append(defect)
        else:
            undone.append(_undone(defect, reason))
    made = _solved(defects, budget, bundle)
    undone += [_undone(defect, Reason.BUDGET) for n, defect in enumerate(defects) if n not in made.treated]
    return Plan(
        budget, costs.label, profile.label, made.chosen,
        tuple(sorted(undone, key=lambda row: (-row.risk, row.finding_uid))), made.mobilisations,
        {budget.years[year]: yen for year, yen in made.solution.shortfall_yen.items()},
        sum(priority.score for _, priority in open_items), sum(choice.risk_removed for choice in made.chosen),
        made.solution.objective, made.greedy, made.solution.status, made.solution.gap, needed(unpriced),
        include_unreviewed, sum(finding.status is not FindingStatus.CONFIRMED for finding, _ in open_items),
        len(items) - len(open_items), (*costs.notes, *_price_notes(costs, budget)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Made:
    """What the solver chose, in terms of the plan."""

    treated: frozenset[int]
    chosen: tuple[Choice, ...]
    mobilisations: tuple[Mobilisation, ...]
    solution: Solution
    greedy: float


def _solved(defects: Sequence[_Defect], budget: Budget, bundle: bool) -> _Made:
    """Return the measures that the solver picks: every method of every defect in every year is an option."""
    groups = {uid: n for n, uid in enumerate(sorted({d.finding.asset_uid or "" for d in defects}))}
    options: list[Option] = []
    meaning: list[Choice] = []
    years = len(budget.yen)
    for number, defect in enumerate(defects):
        for row, choice in defect.ways:
            for year in range(years):
                options.append(_option(number, defect, row, choice, year, years, groups, bundle))
                fixed = 0 if bundle else round(row.fixed_yen)
                meaning.append(replace(choice, fiscal_year=budget.years[year], yen=choice.yen + fixed))
    solution = solve(options, budget.yen)
    taken = solution.taken
    names = sorted(groups)
    fixed_costs = tuple(
        Mobilisation(names[group] or None, budget.years[year], yen)
        for (group, year), yen in mobilisations(options, taken).items()
    )
    chosen = sorted((meaning[k] for k in taken), key=lambda c: (c.fiscal_year, -c.risk, c.finding_uid))
    reached = sum(options[k].value for k in greedy(options, budget.yen))
    return _Made(frozenset(options[k].defect for k in taken), tuple(chosen), fixed_costs, solution, reached)


def _option(
    number: int,
    defect: _Defect,
    row: UnitCost,
    choice: Choice,
    year: int,
    years: int,
    groups: Mapping[str, int],
    bundle: bool,
) -> Option:
    """Return one way in one year; what is done early counts for all the years that remain."""
    fixed = round(row.fixed_yen)
    tier, last = REST, years
    if defect.due is not None:
        tier, last = (0 if defect.due[0] is Due.URGENT else 1), defect.due[1]
    return Option(
        number, year, choice.yen + (0 if bundle else fixed), fixed if bundle else 0,
        groups[defect.finding.asset_uid or ""], choice.risk_removed * (years - year) / years, tier, year <= last,
    )  # fmt: skip


def needed(findings: Sequence[Finding]) -> tuple[Needed, ...]:
    """Return which unit costs a plan for these findings asks for, by damage."""
    found = []
    for damage in sorted({finding.damage for finding in findings if damage_type(finding.damage).grades}):
        own = [finding for finding in findings if finding.damage == damage]
        measured: dict[str, float] = {}
        for unit in possible_units(damage):
            values = [value for f in own if (value := quantity(f, unit).value) is not None]
            if values:
                measured[unit] = sum(values)
        found.append(Needed(damage, len(own), possible_units(damage), measured))
    return tuple(found)


def _price_notes(costs: UnitCostTable, budget: Budget) -> list[str]:
    years = sorted({row.fiscal_year for row in costs.rows})
    if years == [budget.first_year]:
        return [AS_MEASURED]
    return [
        AS_MEASURED,
        f"prices of FY{', FY'.join(map(str, years))} as they stand in the table: no correction to other years",
    ]


def _due(finding: Finding, assets: Mapping[str, Asset], budget: Budget) -> tuple[Due, int] | None:
    """Return why and until which year of the plan (0 is the first) a defect must be treated, or None."""
    asset = assets.get(finding.asset_uid or "")
    if asset is None:
        return None
    if asset.soundness == "IV" or asset.attributes.get("measure_class") in ("E1", "E2"):
        return Due.URGENT, 0
    deadline = deadline_of(asset) if asset.soundness == "III" else None
    if deadline is None:
        return None
    last = max(_last_year(deadline) - budget.first_year, 0)
    return (Due.DEADLINE, last) if last < len(budget.yen) else None


def _last_year(deadline: date) -> int:
    """Return the last fiscal year whose works end by a day: works of a year end on its 31 March."""
    year = fiscal_year(deadline)
    return year if (deadline.month, deadline.day) == (3, 31) else year - 1


def _find_ways(defect: _Defect, costs: UnitCostTable, profile: Profile) -> Reason | None:
    """Fill in the methods that can be priced and improve the defect; return why there is none."""
    finding = defect.finding
    given = finding.details.get("measure_class")
    rows = costs.of(finding.damage, given if isinstance(given, str) else None)
    if not rows:
        return Reason.NO_UNIT_COST
    removes = [(row, _share_removed(finding, effect_of(row), profile)) for row in rows]
    if all(share <= 0 for _, share in removes):
        return Reason.NO_EFFECT
    for row, share in removes:
        measured = quantity(finding, row.unit)
        if share > 0 and measured.value is not None:
            low, high = (None if end is None else round(end * row.yen) for end in (measured.low, measured.high))
            defect.ways.append(
                (
                    row,
                    Choice(
                        finding.uid, finding.asset_uid, finding.damage, row.method, row.where, row.unit,
                        measured.value, measured.low, measured.high, round(measured.value * row.yen), low, high,
                        0, defect.risk, defect.risk * share, effect_of(row), defect.due[0] if defect.due else None,
                    ),
                )
            )  # fmt: skip
    return None if defect.ways else Reason.NOT_MEASURED


def _share_removed(finding: Finding, effect: str | None, profile: Profile) -> float:
    """Return how much of a finding's score a measure removes, 0 to 1."""
    if effect is None:
        return 0.0
    grade = finding.grade
    scheme = grade.scheme if grade else damage_type(finding.damage).scheme
    table = profile.data["likelihood"]["river_rating" if scheme == "river_rating" else "grade"]
    codes = (finding.final_grade,) if finding.final_grade else grade.codes if grade else ()
    values = [float(table[code]) for code in codes if code in table]
    now = sum(values) / len(values) if values else float(profile.data["missing"]["grade"])
    after = float(table.get(effect, 0.0))
    return max(1.0 - after / now, 0.0) if now > 0 else 0.0


def _undone(defect: _Defect, reason: Reason) -> Undone:
    finding = defect.finding
    prices = [(choice.yen, round(row.fixed_yen)) for row, choice in defect.ways]
    yen, fixed = min(prices, key=sum, default=(None, 0))
    due = defect.due[0] if defect.due else None
    return Undone(finding.uid, finding.asset_uid, finding.damage, defect.risk, reason, yen, due, fixed)
