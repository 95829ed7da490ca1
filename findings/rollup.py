"""Findings summed up as the record forms do: the worst grade of each damage type on each member, now and last time.

One row an asset, span, member, element and damage type (その3-4, [L4]); a river reach has one row an anomaly type. A
damage that was recorded last time and is absent now is flagged NG: somebody must explain it (repaired, overlooked, not
photographed). What was rejected or is a duplicate does not count, nor do further sights of one defect. The result does
not depend on the order of the findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from findings.errors import GradingError, InputError
from findings.finding import Finding, FindingStatus
from findings.grading.worst import worst_of
from findings.rollup_quantity import Quantity, form_quantity
from findings.standard import load_standard
from findings.taxonomy import ANOMALY, damage_type, damage_types, member_kind
from findings.tracking import TrackState

LEFT_OUT = (FindingStatus.REJECTED, FindingStatus.DUPLICATE)
ABSENT = (TrackState.NOT_FOUND, TrackState.NOT_ASSESSABLE, TrackState.REPAIRED_SUSPECTED)
SEEN_AGAIN = (TrackState.PROGRESSED, TrackState.UNCHANGED)
LAST = 10**6


@dataclass(frozen=True, slots=True)
class Absent:
    """A finding of last time that is not there now; ``state`` None: nobody compared the pictures."""

    finding_uid: str
    state: TrackState | None


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One damage type on one element of one member.

    Attributes:
        member: symbol such as ``Mg``; another name as it was given; None where it is unknown.
        element_no: four digits as text; None where unknown, or where elements are taken together.
        damage: ``"1"`` to ``"26"``, ``"R01"`` to ``"R22"`` or ``"anomaly"``.
        codes: what the worst grade may be, best first; one code where it is certain; () without a grade.
        probabilities: of the codes; () where nobody knows.
        final: the worst grade that a reviewer gave, or None; it counts instead of the suggested one of its finding.
        confirmed: whether a person confirmed or graded the representative finding.
        provisional: whether a rule of a draft standard had a part in it.
        count: findings that count; 0 for a damage of last time alone.
        quantity: 定量値 and 単位, or None.
        pattern: of the representative (損傷パターン), where somebody saw one.
        representative: the worst finding; reviewed before unreviewed, then the larger one; None where count is 0.
        finding_uids: all that count, sorted.
        previous_codes: what the worst grade may have been last time; () where nothing was recorded.
        absent: findings of last time that are not there now.
        ng: recorded last time, absent now: must be explained.
        ng_state: the worst of their states, None where nobody compared or nothing is absent.
    """

    asset_uid: str | None
    span: int | None
    member: str | None
    element_no: str | None
    damage: str
    codes: tuple[str, ...]
    probabilities: tuple[float, ...]
    final: str | None
    confirmed: bool
    provisional: bool
    count: int
    quantity: Quantity | None
    pattern: str | None
    representative: Finding | None
    finding_uids: tuple[str, ...]
    previous_codes: tuple[str, ...]
    absent: tuple[Absent, ...]
    ng: bool
    ng_state: TrackState | None

    @property
    def grade(self) -> str | None:
        """The worst grade if it is certain, else None."""
        return self.codes[0] if len(self.codes) == 1 else None


Key = tuple[str | None, int | None, str | None, str | None, str]


def member_rows(
    findings: Iterable[Finding],
    previous: Iterable[Finding] | None = None,
    states: Mapping[str, TrackState] | None = None,
    *,
    by_element: bool = True,
) -> tuple[MemberRow, ...]:
    """Return the rows, assets by id, then span, member, element, and damage ① to ㉖ (R01 to R22), unnamed last.

    Args:
        findings: of one survey or of several assets' present surveys.
        previous: of the surveys before; None where there were none: then nothing is NG.
        states: what became of a previous finding, by its uid; one that is not there was not compared.
        by_element: False takes the elements of a member together, as the summary sheet does.

    Raises:
        InputError: both lists share a finding, or have no asset in common, or a previous finding is called new.
        GradingError: a damage or a final grade is unknown.
    """
    now, before = _counted(findings), _counted(previous or ())
    states = states or {}
    _check(now, before, states)
    present, past = _grouped(now, by_element), _grouped(before, by_element)
    rows = [_row(key, present.get(key, []), past.get(key, []), states) for key in {*present, *past}]
    order = {kind.code: place for place, kind in enumerate(damage_types())} | {ANOMALY: LAST}
    members = {row["symbol"]: place for place, row in enumerate(load_standard("members")["members"])}
    return tuple(sorted((row for row in rows if row is not None), key=lambda row: _order(row, order, members)))


def _counted(findings: Iterable[Finding]) -> list[Finding]:
    return sorted((f for f in findings if f.leads and f.status not in LEFT_OUT), key=lambda f: f.uid)


def _check(now: Sequence[Finding], before: Sequence[Finding], states: Mapping[str, TrackState]) -> None:
    if shared := {f.uid for f in now} & {f.uid for f in before}:
        raise InputError(
            f"{len(shared)} findings, e.g. {min(shared)}, stand in this and in the previous survey; "
            "expected two different surveys: name another previous survey"
        )
    assets, past = {f.asset_uid for f in now}, {f.asset_uid for f in before}
    if assets and past and not assets & past:
        raise InputError(
            f"the previous survey is of {_names(past)}, this one of {_names(assets)}; "
            "expected a previous survey of the same asset"
        )
    for finding in before:
        if states.get(finding.uid) == TrackState.NEW:
            raise InputError(f"previous finding {finding.uid} is called new; expected what became of it: compare again")


def _names(assets: Iterable[str | None]) -> str:
    return ", ".join(sorted(name or "no asset" for name in assets))


def _grouped(findings: Iterable[Finding], by_element: bool) -> dict[Key, list[Finding]]:
    groups: dict[Key, list[Finding]] = {}
    for one in findings:
        element = one.element_no if by_element else None
        groups.setdefault((one.asset_uid, one.span, _symbol(one.member), element, one.damage), []).append(one)
    return groups


def _symbol(member: str | None) -> str | None:
    try:
        return member_kind(member).symbol if member else None
    except GradingError:  # a name that the standard does not know is shown as it is, in a row of its own
        return member


def _row(
    key: Key, now: Sequence[Finding], before: Sequence[Finding], states: Mapping[str, TrackState]
) -> MemberRow | None:
    ladder = damage_type(key[4]).grades
    codes, probabilities = worst_of(ladder, [_verdict(f, ladder) for f in now])
    recorded = [f for f in before if _verdict(f, ladder)[0] != ("a",)]
    absent = tuple(_absent(recorded, bool(now), states))
    if not now and not absent:
        return None
    leader = max(now, key=lambda f: _weight(f, ladder), default=None)
    finals = [f.final_grade for f in now if f.final_grade is not None]
    told = [one.state for one in absent if one.state is not None]
    return MemberRow(
        *key,
        codes=codes,
        probabilities=probabilities,
        final=max(finals, key=ladder.index, default=None),
        confirmed=leader is not None and _reviewed(leader),
        provisional=any(f.final_grade is None and f.grade is not None and f.grade.status == "draft" for f in now),
        count=len(now),
        quantity=form_quantity(key[4], now),
        pattern=None if leader is None or leader.details.get("pattern") is None else str(leader.details["pattern"]),
        representative=leader,
        finding_uids=tuple(f.uid for f in now),
        previous_codes=worst_of(ladder, [_verdict(f, ladder) for f in before])[0],
        absent=absent,
        ng=not now,
        ng_state=min(told, key=ABSENT.index, default=None),
    )


def _absent(recorded: Sequence[Finding], any_now: bool, states: Mapping[str, TrackState]) -> Iterable[Absent]:
    """Yield what is gone: what the comparison says is gone; without one, everything where nothing is left."""
    for finding in recorded:
        state = states.get(finding.uid)
        if state in ABSENT or (state is None and not any_now):
            yield Absent(finding.uid, None if state is None else TrackState(state))


def _verdict(finding: Finding, ladder: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return what counts as the grade of a finding: a reviewer's final one before everything else."""
    if finding.final_grade is not None:
        if finding.final_grade not in ladder:
            raise GradingError(
                f"finding {finding.uid}: final grade {finding.final_grade!r}; expected one of {', '.join(ladder)}"
            )
        return (finding.final_grade,), (1.0,)
    if finding.grade is None:
        return (), ()
    if outside := set(finding.grade.codes) - set(ladder):
        raise GradingError(
            f"finding {finding.uid}: suggested {sorted(outside)} is not among {', '.join(ladder)}; grade it again"
        )
    return finding.grade.codes, finding.grade.probabilities


def _reviewed(finding: Finding) -> bool:
    return finding.final_grade is not None or finding.status is FindingStatus.CONFIRMED


def _weight(finding: Finding, ladder: tuple[str, ...]) -> tuple[object, ...]:
    codes, chance = _verdict(finding, ladder)
    ranks = [ladder.index(code) for code in codes]
    shares = chance or tuple(1 / len(codes) for _ in codes)
    mean = sum(rank * share for rank, share in zip(ranks, shares, strict=True))
    return (max(ranks, default=-1), _reviewed(finding), round(mean, 9), _size(finding), finding.score, finding.uid)


def _size(finding: Finding) -> float:
    """Return a number that orders findings of one damage by size: the first measure that has a value."""
    found = (m.value for name in ("width_p95", "area", "length") for m in finding.measures if m.name == name)
    return next((value for value in found if value is not None), 0.0)


def _order(row: MemberRow, damages: Mapping[str, int], members: Mapping[str, int]) -> tuple[object, ...]:
    return (
        row.asset_uid is None,
        row.asset_uid or "",
        LAST if row.span is None else row.span,
        LAST if row.member is None else members.get(row.member, LAST - 1),
        row.member or "",
        row.element_no is None,
        row.element_no or "",
        damages[row.damage],
    )
