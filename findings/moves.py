"""Why findings stand elsewhere than in the last issued list: data, review, model, inventory, rule, weights, or others.

The difference of two scores is split over the terms. What a term gained goes to the cause that changed it; what terms
gained whose own value stayed as it was (the consequence of a finding whose likelihood rose) goes to the causes that
did change something, in proportion to what they gained. Where the profile is another one, terms whose value stayed
moved because of its weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from findings.finding import Finding, Priority
from findings.issued import IssuedList, IssuedRow
from findings.standard import load_standard
from findings.tracking import Track

SMALL = 0.05  # points: less is not told, lists show whole points


class Cause(StrEnum):
    """What moved a finding."""

    NEW = "new"
    REVIEW = "review"
    DATA = "data"
    MODEL = "model"
    INVENTORY = "inventory"
    RULE = "rule"
    PROFILE = "profile"
    OTHERS = "others"


WORDS: Mapping[Cause, tuple[str, str]] = {
    Cause.NEW: ("前回の一覧にない", "not in the last list"),
    Cause.REVIEW: ("確認状況", "review"),
    Cause.DATA: ("計測・程度", "measurement or grade"),
    Cause.MODEL: ("モデルの版", "model version"),
    Cause.INVENTORY: ("台帳の値", "inventory"),
    Cause.RULE: ("優先規則", "hard rule"),
    Cause.PROFILE: ("重み(プロファイル)", "weights of the profile"),
    Cause.OTHERS: ("ほかの所見の移動", "others moved"),
}
OWN = ("grade", "extent", "confidence", "progression")
REVIEWED = ("grade", "confidence")  # what a decision of a person changes


@dataclass(frozen=True, slots=True)
class Move:
    """Where a finding stood in the last issued list, and why it stands elsewhere now.

    Attributes:
        previous_rank: None where it was not in that list.
        causes: with the points that each brought, the largest first; rules and others bring none.
        words_ja: one line, e.g. ``12位→5位: 計測・程度(c→d) +8.2点``.
        words_en: the same in English.
    """

    finding_uid: str
    previous_rank: int | None
    rank: int
    causes: tuple[tuple[Cause, float], ...]
    words_ja: str
    words_en: str

    @property
    def places(self) -> int:
        """How many places it rose; negative where it fell, 0 where it is new."""
        return 0 if self.previous_rank is None else self.previous_rank - self.rank


def issued_rows(priorities: Sequence[Priority], findings: Mapping[str, Finding]) -> tuple[IssuedRow, ...]:
    """Return the rows of a list to issue, in its order, with what `moves` will ask of them."""
    return tuple(
        _issued(priority, findings[priority.finding_uid], place) for place, priority in enumerate(priorities, start=1)
    )


def _issued(priority: Priority, finding: Finding, rank: int) -> IssuedRow:
    known = [term for term in priority.terms if term.name != "hard_rule"]
    return IssuedRow(
        rank,
        finding.uid,
        finding.asset_uid,
        priority.score,
        priority.section,
        {term.name: term.contribution for term in known},
        {term.name: term.value for term in known},
        _facts(finding, priority),
    )


def predecessors(tracks: Iterable[Track]) -> dict[str, str]:
    """Return by finding the one of the previous inspection that shows the same damage."""
    return {t.finding_uid: t.previous_uid for t in tracks if t.finding_uid is not None and t.previous_uid is not None}


def moves(
    previous: IssuedList | None,
    priorities: Sequence[Priority],
    findings: Mapping[str, Finding],
    older: Mapping[str, str] | None = None,
) -> dict[str, Move]:
    """Return by finding where it stood in the last issued list and why it moved, in the order given.

    Args:
        previous: the list to compare with; None where none was issued: every finding is new then.
        priorities: of the list now, or of some of its rows; each knows its rank.
        findings: of these rows, by uid.
        older: `predecessors`: where the finding itself was not in the list, the place of its predecessor counts.
    """
    rows = {} if previous is None else {row.finding_uid: row for row in previous.rows}
    older, label = older or {}, "" if previous is None else previous.profile
    found: dict[str, Move] = {}
    for priority in priorities:
        new = _issued(priority, findings[priority.finding_uid], priority.rank)
        old = rows.get(new.finding_uid) or rows.get(older.get(new.finding_uid, ""))
        found[new.finding_uid] = _new(new) if old is None else _move(old, new, label != priority.profile)
    return found


def gone(
    previous: IssuedList, priorities: Sequence[Priority], older: Mapping[str, str] | None = None
) -> list[IssuedRow]:
    """Return the rows of the last issued list that have no place in this one: their damage is to be accounted for."""
    older = older or {}
    here = {priority.finding_uid for priority in priorities}
    here |= {older[uid] for uid in here if uid in older}
    return [row for row in previous.rows if row.finding_uid not in here]


def _facts(finding: Finding, priority: Priority) -> dict[str, str]:
    codes = (finding.final_grade,) if finding.final_grade else finding.grade.codes if finding.grade else ()
    rules = [term for term in priority.terms if term.name == "hard_rule"]
    return {
        "status": finding.status.value,
        "final_grade": finding.final_grade or "",
        "grade": "/".join(codes),
        "model": f"{finding.provenance.model}@{finding.provenance.model_version}",
        "rule_ja": "・".join(term.words_ja for term in rules),
        "rule_en": "; ".join(term.words_en for term in rules),
    }


def _new(row: IssuedRow) -> Move:
    ja, en = WORDS[Cause.NEW]
    return Move(row.finding_uid, None, row.rank, ((Cause.NEW, 0.0),), f"新規({ja})", f"new: {en}")


def _move(old: IssuedRow, new: IssuedRow, other_profile: bool) -> Move:
    points = _points(old, new, other_profile)
    if (old.section, old.facts.get("rule_ja", "")) != (new.section, new.facts.get("rule_ja", "")):
        cause = Cause.REVIEW if _reviewed(old, new) else Cause.RULE
        points.setdefault(cause, 0.0)
    if not points and old.rank != new.rank:
        points[Cause.OTHERS] = 0.0
    causes = tuple(sorted(points.items(), key=lambda item: (-abs(item[1]), item[0])))
    ja, en = (_line(old, new, causes, language) for language in (0, 1))
    return Move(new.finding_uid, old.rank, new.rank, causes, ja, en)


def _points(old: IssuedRow, new: IssuedRow, other_profile: bool) -> dict[Cause, float]:
    """Return what each cause brought of the difference of the scores; nothing for less than `SMALL` points."""
    caused: dict[Cause, float] = {}
    carried = 0.0
    for name in sorted({*old.terms, *new.terms}):
        gained = new.terms.get(name, 0.0) - old.terms.get(name, 0.0)
        cause = _cause(name, old, new)
        if cause is None and other_profile:
            cause = Cause.PROFILE
        if cause is None:
            carried += gained
        elif gained:
            caused[cause] = caused.get(cause, 0.0) + gained
    total = sum(abs(gained) for gained in caused.values())
    if total:
        caused = {cause: gained + carried * abs(gained) / total for cause, gained in caused.items()}
    elif abs(carried) >= SMALL:  # only a review's weight or an unrecorded value can do that
        caused = {Cause.REVIEW if _reviewed(old, new) else Cause.DATA: carried}
    return {cause: gained for cause, gained in caused.items() if abs(gained) >= SMALL}


def _cause(name: str, old: IssuedRow, new: IssuedRow) -> Cause | None:
    """Return what changed a term's own value, or None where it is as it was."""
    if name in REVIEWED and _reviewed(old, new):
        return Cause.REVIEW
    before, after = old.values.get(name), new.values.get(name)
    same = before is after or (before is not None and after is not None and abs(before - after) < 1e-9)
    if same and (name in old.values) == (name in new.values):
        return None
    if name not in OWN:
        return Cause.INVENTORY
    return Cause.MODEL if name != "progression" and old.facts.get("model") != new.facts.get("model") else Cause.DATA


def _reviewed(old: IssuedRow, new: IssuedRow) -> bool:
    return any(old.facts.get(key) != new.facts.get(key) for key in ("status", "final_grade"))


def _line(old: IssuedRow, new: IssuedRow, causes: tuple[tuple[Cause, float], ...], language: int) -> str:
    place = (f"{old.rank}位→{new.rank}位", f"from {old.rank} to {new.rank}")[language]
    if old.rank == new.rank:
        place = (f"{new.rank}位のまま", f"still {new.rank}")[language]
    said = [_said(cause, gained, old, new, language) for cause, gained in causes]
    return f"{place}: {('、', '; ')[language].join(said)}" if said else place


def _said(cause: Cause, gained: float, old: IssuedRow, new: IssuedRow, language: int) -> str:
    words = WORDS[cause][language]
    pair = {
        Cause.REVIEW: _states(old, new, language),
        Cause.DATA: (old.facts.get("grade", ""), new.facts.get("grade", "")),
        Cause.MODEL: (old.facts.get("model", ""), new.facts.get("model", "")),
    }.get(cause)
    if pair is not None and pair[0] != pair[1]:
        words += f"({pair[0] or '-'}→{pair[1] or '-'})" if language == 0 else f" ({pair[0] or '-'} to {pair[1] or '-'})"
    if cause is Cause.RULE:
        key = ("rule_ja", "rule_en")[language]
        now, then = new.facts.get(key, ""), old.facts.get(key, "")
        words += f": {now}" if now else f": {then}" + ("の適用が終わった", " no longer holds")[language]
    if abs(gained) < SMALL:
        return words
    return f"{words} {gained:+.1f}" + ("点", " points")[language]


def _states(old: IssuedRow, new: IssuedRow, language: int) -> tuple[str, str]:
    words = {row["code"]: row[("ja", "en")[language]] for row in load_standard("ui_words")["statuses"]}
    first, second = (words.get(row.facts.get("status", ""), "") for row in (old, new))
    if first != second:
        return first, second
    return old.facts.get("final_grade", ""), new.facts.get("final_grade", "")
