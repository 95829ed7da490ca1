"""A budget plan in words and as plain JSON values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from findings.asset import Asset
from findings.budget_values import WORDS, Needed, Plan
from findings.errors import InputError
from findings.taxonomy import damage_type
from findings.unit_costs import PLACE
from findings.wording import number

SHOWN = 20
AMOUNT = re.compile(r"-?(?:[0-9]{1,40}|[0-9]{1,3}(?:,[0-9]{3}){1,12})")
NO_TABLE = (
    "no unit cost table was given, so there is no plan: costs are the agency's own and none are invented",
    "give --costs FILE with the columns agency, damage_id, method, unit, yen, fiscal_year, source; needed for:",
)


def _amount(value: float, unit: str) -> str:
    return f"{value:.0f}" if unit == PLACE else number(value)


def no_table_lines(rows: Sequence[Needed]) -> list[str]:
    """Return what a table of unit costs would have to price."""
    return [*NO_TABLE, *(_needed_line(row) for row in rows)]


def _needed_line(row: Needed) -> str:
    sums = ", ".join(f"{_amount(value, unit)} {unit}" for unit, value in row.measured.items())
    units = " or ".join(row.units)
    return f"  {damage_type(row.damage).label()}: {row.defects} defects, per {units}; measured {sums or '-'}"


def needed_record(rows: Sequence[Needed]) -> list[dict[str, Any]]:
    """Return what is needed as plain JSON values."""
    return [{**asdict(row), "measured": dict(row.measured)} for row in rows]


def plan_lines(plan: Plan, assets: Mapping[str, Asset]) -> list[str]:
    """Return the plan as lines for a planner: bought by year, undone with its risk, what is missing."""
    lines = []
    for year, yen in zip(plan.budget.years, plan.budget.yen, strict=True):
        chosen = [choice for choice in plan.choices if choice.fiscal_year == year]
        lines.append(f"FY{year}: {len(chosen)} measures, {_yen(plan.spent_yen(year))} of {_yen(yen)}")
        for choice in chosen[:SHOWN]:
            due = f", {choice.due.value}" if choice.due is not None else ""
            lines.append(
                f"  {_name(assets, choice.asset_uid)} {damage_type(choice.damage).label()}: {choice.method}, "
                f"{choice.quantity:.3g} {choice.unit}, {_yen(choice.yen)}{due}; risk {choice.risk:.0f}, "
                f"less {choice.risk_removed:.0f} [{choice.finding_uid[:8]}]"
            )
        if len(chosen) > SHOWN:
            lines.append(f"  and {len(chosen) - SHOWN} more")
        for row in plan.mobilisations:
            if row.fiscal_year == year:
                lines.append(f"  {_name(assets, row.asset_uid)}: mobilisation {_yen(row.yen)}, once")
    return lines + _totals(plan) + _undone(plan, assets) + [f"note: {note}" for note in plan.notes]


def _totals(plan: Plan) -> list[str]:
    span = plan.interval_yen
    bounds = "" if span is None else f" ({_yen(span[0])} to {_yen(span[1])} by the measures' intervals)"
    lines = [
        f"costs {_yen(plan.yen)}{bounds}; removes {plan.risk_removed:.0f} of {plan.risk_total:.0f} risk",
        f"solver: {plan.status}, gap {plan.gap:.2%}; {_greedy(plan.greedy_objective, plan.objective)}",
        f"by {plan.costs} and {plan.profile}",
    ]
    lines += [f"FY{year}: {_yen(yen)} are missing for what is due" for year, yen in plan.shortfall_yen.items()]
    if plan.unreviewed and not plan.include_unreviewed:
        lines.append(
            f"{plan.unreviewed} findings are not reviewed and not planned for; --include-unreviewed takes them in"
        )
    return lines


def _undone(plan: Plan, assets: Mapping[str, Asset]) -> list[str]:
    if not plan.undone:
        return ["nothing is left undone"]
    lines = [f"left undone: {len(plan.undone)}, risk {sum(row.risk for row in plan.undone):.0f}"]
    for row in plan.undone[:SHOWN]:
        due = f", {row.due.value}" if row.due is not None else ""
        cost = "" if row.yen is None else f", from {_yen(row.yen)}"
        cost += f" and {_yen(row.fixed_yen)} mobilisation" if row.yen is not None and row.fixed_yen else ""
        name = f"{_name(assets, row.asset_uid)} {damage_type(row.damage).label()}"
        lines.append(f"  {name}: risk {row.risk:.0f}, {WORDS[row.reason][1]}{cost}{due} [{row.finding_uid[:8]}]")
    if len(plan.undone) > SHOWN:
        lines.append(f"  and {len(plan.undone) - SHOWN} more")
    return lines + [f"not in the table:{_needed_line(row)}" for row in plan.needed]


def plan_record(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain JSON values."""
    return {
        "plan": {
            "costs": plan.costs,
            "profile": plan.profile,
            "status": plan.status,
            "gap": plan.gap,
            "yen": plan.yen,
            "interval_yen": plan.interval_yen,
            "risk_total": plan.risk_total,
            "risk_removed": plan.risk_removed,
            "objective": plan.objective,
            "greedy_objective": plan.greedy_objective,
            "shortfall_yen": {str(year): yen for year, yen in plan.shortfall_yen.items()},
            "years": [
                {"fiscal_year": year, "budget_yen": yen, "spent_yen": plan.spent_yen(year)}
                for year, yen in zip(plan.budget.years, plan.budget.yen, strict=True)
            ],
            "chosen": [asdict(choice) for choice in plan.choices],
            "mobilisations": [asdict(row) for row in plan.mobilisations],
            "undone": [{**asdict(row), "reason_words": WORDS[row.reason][1]} for row in plan.undone],
            "unreviewed": plan.unreviewed,
            "include_unreviewed": plan.include_unreviewed,
            "closed": plan.closed,
            "notes": list(plan.notes),
        },
        "needed": needed_record(plan.needed),
    }


def _greedy(reached: float, objective: float) -> str:
    if not objective:
        return "nothing can be bought"
    return f"taking the best ratio of risk to cost first would reach {reached / objective:.0%} of this plan"


def record_only_note(names: Sequence[str]) -> str:
    """Return that assets are due by their official record and no measure can be planned for them."""
    shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
    return f"due by the official record but without any finding, so nothing is planned for them: {len(names)} ({shown})"


def whole_yen(text: str) -> int:
    """Return an amount of money as typed, ``30000000`` or ``30,000,000``.

    Raises:
        InputError: anything else; fractions, powers of ten and words are not amounts of a budget.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    if not AMOUNT.fullmatch(plain):
        raise InputError(f"--budget {text!r}: expected whole yen in digits, e.g. 30000000 or 30,000,000")
    return int(plain.replace(",", ""))


def _yen(value: int) -> str:
    return f"{value:,} yen"


def _name(assets: Mapping[str, Asset], uid: str | None) -> str:
    asset = assets.get(uid or "")
    return asset.name if asset is not None else "no asset"
