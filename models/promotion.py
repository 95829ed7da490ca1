"""Who is champion: the rule that a version must pass, and the moves of ``promote`` and ``rollback``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from findings.errors import ModelError
from models.aliases import CHALLENGER, CHAMPION, Action, Move
from models.registry import ModelEntry, Registry, Seat
from models.version_files import changed_files, manifest_sha256


class Interval(Protocol):
    """A difference with its interval; ``low`` is None where none can be had."""

    @property
    def low(self) -> float | None:
        """Lower end of the interval."""
        ...


class Compared(Protocol):
    """What a comparison of two versions on the frozen test must tell; ``training.compare`` makes it."""

    @property
    def worse_beyond_interval(self) -> bool:
        """Whether a measure that decides is worse and the interval of its difference leaves 0 out."""
        ...

    @property
    def headline(self) -> Mapping[str, Interval]:
        """The measures that decide."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rule says of a promotion.

    Attributes:
        passed: whether the version may become champion without being forced.
        words: why, for a reader.
        numbers: what it rests on, as JSON; kept in the history.
    """

    passed: bool
    words: str
    numbers: dict[str, Any] = field(default_factory=dict)


def judge(challenger: ModelEntry, champion: ModelEntry, compared: Compared, numbers: Mapping[str, Any]) -> Verdict:
    """Return what the rule says: a version passes unless it is worse on the frozen test beyond the interval.

    It need not be shown to be better: a version that has learnt from more reviews and measures alike is welcome. It
    does not pass if nothing was shown at all, or if a class of the champion is missing in it, which no measure of the
    other classes can make up for.

    Args:
        challenger: the version that is to become champion.
        champion: the version that is.
        compared: both on the frozen test.
        numbers: what the comparison measured.
    """
    pair, plain = f"{challenger.ref} against {champion.ref} on the frozen test", as_json(numbers)
    lost = {spec.name for spec in champion.card.classes} - {spec.name for spec in challenger.card.classes}
    if lost:
        return Verdict(
            False, f"{challenger.ref} does not know {', '.join(sorted(lost))}, as {champion.ref} does", plain
        )
    if not any(measure.low is not None for measure in compared.headline.values()):
        return Verdict(False, f"{pair}: no interval can be had, the test is too small to show anything", plain)
    if compared.worse_beyond_interval:
        return Verdict(False, f"{pair}: worse beyond the interval", plain)
    return Verdict(True, f"{pair}: not worse beyond the interval", plain)


def uncompared(challenger: ModelEntry, seat: Seat) -> Verdict:
    """Return what the rule says where both were not compared: only the first champion of a name needs no comparison."""
    if seat.entry is not None and seat.entry.ref == challenger.ref:
        return Verdict(True, f"{challenger.ref} ran by default as the highest shipped version; it stays champion")
    if seat.version is None:
        return Verdict(True, f"{challenger.ref} is the first champion of its name; there is none to compare with")
    gone = "" if seat.entry is not None else ", which is no longer there"
    return Verdict(False, f"{challenger.ref} was not compared with the champion {seat.name}@{seat.version}{gone}")


def promote(
    registry: Registry,
    challenger: ModelEntry,
    seat: Seat,
    verdict: Verdict,
    *,
    actor: str,
    reason: str | None = None,
    force: bool = False,
) -> Move:
    """Make a version the champion of its name and return the line of the history.

    If it was the challenger, it is that no longer.

    Args:
        registry: where both versions are.
        challenger: the version that becomes champion.
        seat: who was champion when the verdict was made.
        verdict: of the comparison of the two.
        actor: who does it.
        reason: why, in the person's words; kept for ever.
        force: promote against the verdict; needs a reason.

    Raises:
        ModelError: the verdict is against it and no reason is given, its files were changed since they were stored,
            or the champion has moved since the comparison.
        OutputError: the home cannot be written.
    """
    if force and not (reason or "").strip():
        raise ModelError("no reason; say why the rule is overruled: --force --reason TEXT")
    if not verdict.passed and not force:
        raise ModelError(
            f"{verdict.words}; it is not promoted. Train a better one, or overrule this by --force --reason TEXT, "
            "which is kept"
        )
    version = challenger.card.version
    changes: dict[str, str | None] = {CHAMPION: version}
    if registry.aliases.read().get(seat.name, {}).get(CHALLENGER) == version:
        changes[CHALLENGER] = None
    move = _move(challenger, "promoted", actor, (seat.version, version), changes, verdict.words, reason)
    return registry.aliases.record(
        replace(move, numbers=verdict.numbers, forced=not verdict.passed), {CHAMPION: seat.alias}
    )


def nominate(registry: Registry, entry: ModelEntry, *, actor: str) -> Move:
    """Make a version the challenger of its name and return the line of the history; what runs does not change.

    Raises:
        ModelError: it is the champion already, or its files were changed since they were stored.
        OutputError: the home cannot be written.
    """
    seat = registry.seat(entry.card.name)
    if seat.version == entry.card.version:
        raise ModelError(f"{entry.ref} is the champion; a challenger is another version")
    against = "nobody" if seat.version is None else f"{seat.name}@{seat.version}"
    changes: dict[str, str | None] = {CHALLENGER: entry.card.version}
    return registry.aliases.record(
        _move(entry, "nominated", actor, (seat.version, seat.version), changes, f"challenges {against}; not compared")
    )


def rollback(registry: Registry, name: str, *, actor: str, reason: str | None = None) -> Move:
    """Make the version champion again that was it before the last promotion, and return the line of the history.

    Each call takes back one promotion more; a promotion in between counts anew.

    Raises:
        ModelError: no promotion is left to take back, or the version before was changed.
        UnknownModel: the version before is no longer there.
        OutputError: the home cannot be written.
    """
    seat = registry.seat(name)
    earlier = champions_before(registry.aliases.moves(name))
    if seat.alias is None or not earlier:
        runs = "nothing of that name runs by default" if seat.version is None else f"{name}@{seat.version} runs"
        raise ModelError(f"{name}: no promotion is left to take back ({runs}); see: mizuhashi models history {name}")
    entry = registry.resolve(f"{name}@{earlier[-1]}")
    changes: dict[str, str | None] = {CHAMPION: entry.card.version}
    words = f"the promotion of {name}@{seat.alias} is taken back"
    move = _move(entry, "rolled back", actor, (seat.alias, entry.card.version), changes, words, reason)
    return registry.aliases.record(move, {CHAMPION: seat.alias})


def champions_before(moves: tuple[Move, ...]) -> list[str]:
    """Return the versions that a name can be rolled back to, the next one last.

    A promotion lays the version before it on top, a rollback takes the top away.
    """
    stack: list[str] = []
    for move in moves:
        if CHAMPION not in move.aliases:
            continue
        if move.action == "rolled back":
            if stack:
                stack.pop()
        elif move.before is not None and move.before != move.after:
            stack.append(move.before)
    return stack


def as_json(value: Any) -> Any:
    """Return measures as JSON keeps them: numbers that are none as null, tuples as lists, anything else as text."""
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def _move(
    entry: ModelEntry,
    action: Action,
    actor: str,
    champions: tuple[str | None, str | None],
    changes: dict[str, str | None],
    words: str,
    reason: str | None = None,
) -> Move:
    """Return a move of a version whose files agree with its manifest; ``champions`` are the one before and after."""
    if entry.folder is not None and (changed := changed_files(entry.folder)):
        raise ModelError("; ".join(changed))
    return Move(
        actor=actor,
        action=action,
        name=entry.card.name,
        before=champions[0],
        after=champions[1],
        aliases=changes,
        verdict=words,
        reason=reason,
        files_sha256=None if entry.folder is None else manifest_sha256(entry.folder),
    )
