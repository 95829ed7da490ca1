"""What became of every damage between two surveys: the states, their growth and their reasons.

``match`` says which is which; a look at the place in the other survey (`Look`, made from pictures) says what an absence
means. A damage of last time that is absent now is never dropped: either its place could not be judged, with the reason,
or it looks repaired, or it is not found and must be explained (the forms' NG, domain guide 1.8).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from findings import comparison_words as words
from findings.change import SIZES, Change, changes, rates, years_between
from findings.comparison_words import Note
from findings.finding import Finding, FindingStatus
from findings.links import Defect, Inspected, Link
from findings.matching import Match, Matches
from findings.registration import PictureRegistration
from findings.review import Review
from findings.tracking import Growth, Track, TrackState

LEAST_PART = 0.5  # of an outline in common view for its typical widths to be compared
GONE_AS_DECIDED = (FindingStatus.REJECTED, FindingStatus.DUPLICATE)
"""Decisions after which an absence needs no explanation."""


class View(StrEnum):
    """How the place of a damage shows in the other survey."""

    CLEAR = "clear"
    NOT_PHOTOGRAPHED = "not_photographed"
    HIDDEN = "hidden"
    BLURRED = "blurred"
    COARSE = "coarse"
    NOT_JUDGED = "not_judged"
    UNREGISTERED = "unregistered"


class Surface(StrEnum):
    """What the place looks like against last time."""

    CHANGED = "changed"
    SAME = "same"
    TRACE = "trace"  # the damage shows in the other survey too; the model did not mark it there


@dataclass(frozen=True, slots=True)
class Look:
    """A look at the place of a damage in the other survey.

    Attributes:
        image_uid: the picture that shows it best, or None.
        registration: previous picture to present picture.
        surface: None where nobody could compare it.
        why: the share hidden, the width that could be resolved ...: in Japanese, a slash between spaces, in English.
    """

    view: View
    image_uid: str | None = None
    registration: PictureRegistration | None = None
    surface: Surface | None = None
    why: str = ""


def compare(
    previous: Inspected,
    now: Inspected,
    matches: Matches,
    looks: Mapping[str, Look],
    decisions: Mapping[str, Review] | None = None,
    beyond: Mapping[str, bool] | None = None,
) -> tuple[Track, ...]:
    """Return one track for every damage of both surveys, by uid of the present and of the previous leader.

    A previous finding that people rejected, and that nobody finds now, needs no track.

    Args:
        previous: the earlier survey.
        now: the later one.
        matches: of both.
        looks: by uid of the leader, for each damage that no match, piece or junction accounts for.
        decisions: the latest review by finding uid, for the words about rejections.
        beyond: by uid of the present leaders that reach beyond last time's outline, whether the picture of last time
            shows that part already (more was marked, nothing grew) or shows nothing there (it goes on further now).
    """
    maker = _Maker(previous, now, looks, decisions or {}, beyond or {})
    tracks = [maker.matched(one, _broken(one, matches, beyond or {})) for one in matches.matched]
    done = {one.now[0].uid for one in matches.matched}
    gone = {one.previous[0].uid for one in matches.matched}
    for defect, carrier in matches.pieces:
        tracks.append(maker.piece(defect, carrier))
        done.add(defect[0].uid)
    for defect, winner in matches.rivals:
        tracks.append(maker.rival(defect, winner))
        done.add(defect[0].uid)
    for defect, carrier in matches.joined:
        tracks.append(maker.joined(defect, carrier))
        gone.add(defect[0].uid)
    tracks += [maker.appeared(d, matches.ambiguous) for d in now.defects if d[0].uid not in done]
    absent = [d for d in previous.defects if d[0].uid not in gone and d[0].status not in GONE_AS_DECIDED]
    tracks += [maker.vanished(d, matches.ambiguous) for d in absent]
    return tuple(sorted(tracks, key=lambda track: (track.finding_uid or "~", track.previous_uid or "")))


def needing_looks(previous: Inspected, now: Inspected, matches: Matches) -> tuple[list[Defect], list[Defect]]:
    """Return the previous and the present damages whose absence on the other side needs a look at the place."""
    old = {m.previous[0].uid for m in matches.matched} | {d[0].uid for d, _ in matches.joined}
    new = {m.now[0].uid for m in matches.matched} | {d[0].uid for d, _ in (*matches.pieces, *matches.rivals)}
    return (
        [d for d in previous.defects if d[0].uid not in old and d[0].status not in GONE_AS_DECIDED],
        [d for d in now.defects if d[0].uid not in new],
    )


def counts(tracks: Sequence[Track]) -> dict[str, int]:
    """Return how many tracks have each state, every state in its order."""
    found = Counter(track.state for track in tracks)
    return {state.value: found[state] for state in TrackState}


def _broken(one: Match, matches: Matches, beyond: Mapping[str, bool]) -> Note | None:
    """Return why the sizes of a match are not comparable, or None."""
    key = one.now[0].uid
    pieces = sum(match.now[0].uid == key for _, match in matches.pieces)
    joined = sum(match.now[0].uid == key for _, match in matches.joined)
    if pieces:
        return words.in_pieces(pieces)
    if joined:
        return words.grown_together(joined)
    return words.shown_already() if beyond.get(key) else None


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the tracks of one comparison."""

    before: Inspected
    after: Inspected
    looks: Mapping[str, Look]
    decisions: Mapping[str, Review]
    beyond: Mapping[str, bool]

    def matched(self, one: Match, broken: Note | None) -> Track:
        """Return the track of a damage in both surveys."""
        link = one.sizes or one.link
        found, notes = _compared(link, broken)
        years = years_between(link.previous.captured_at, link.now.captured_at)
        if years is None and found:
            notes.append(words.no_rate(link.previous.captured_at, link.now.captured_at))
        deciding = [change for change in found if change.decides]
        grew = [change for change in deciding if change.low > 0]
        further = not grew and not link.whole and self.beyond.get(one.now[0].uid) is False
        if grew or further:
            state = TrackState.PROGRESSED
            notes += [words.goes_on()] if further else []
        elif deciding:
            state = TrackState.UNCHANGED
            notes += [words.smaller(change) for change in deciding if change.high < 0]
        else:
            state = TrackState.NOT_ASSESSABLE
            notes.insert(0, words.not_comparable())
        growth = rates(found, years) if years else ()
        track = self._track(state, one.now, one.previous, notes, growth, one.confidence, link.registration)
        return track if link.registration is None else replace(track, sights=(link.previous.uid, link.now.uid))

    def piece(self, defect: Defect, carrier: Match) -> Track:
        """Return the track of a piece of a damage whose id another piece carries on."""
        note = words.piece_of(carrier.previous[0].uid, carrier.now[0].uid)
        return self._track(TrackState.UNCHANGED, defect, None, [note], decided=carrier.previous)

    def rival(self, defect: Defect, winner: Match) -> Track:
        """Return the track of a finding that claims a previous id which a better one got."""
        note = words.second_claim(winner.previous[0].uid, winner.now[0].uid)
        return self._track(TrackState.NEW, defect, None, [note], decided=winner.previous)

    def joined(self, defect: Defect, carrier: Match) -> Track:
        """Return the track of a previous damage that is part of a larger one now."""
        note = words.part_now(carrier.now[0].uid, carrier.previous[0].uid)
        return self._track(TrackState.UNCHANGED, None, defect, [note])

    def appeared(self, defect: Defect, ambiguous: frozenset[str]) -> Track:
        """Return the track of a present damage without a previous one."""
        if defect[0].uid in ambiguous:
            return self._track(TrackState.NOT_ASSESSABLE, defect, None, [words.ambiguous()])
        look = self.looks[defect[0].uid]
        state = TrackState.NOT_ASSESSABLE if look.view is View.UNREGISTERED else TrackState.NEW
        note = words.first_seen(look.view.value, look.why, shows=look.surface is Surface.TRACE)
        return self._track(state, defect, None, [note], registration=look.registration)

    def vanished(self, defect: Defect, ambiguous: frozenset[str]) -> Track:
        """Return the track of a previous damage without a present one."""
        if defect[0].uid in ambiguous:
            return self._track(TrackState.NOT_ASSESSABLE, None, defect, [words.ambiguous()])
        look = self.looks[defect[0].uid]
        if look.view is not View.CLEAR:
            state = TrackState.NOT_ASSESSABLE
            note = words.not_seen_now(look.view.value, look.why)
        elif look.surface is Surface.CHANGED:
            state, note = TrackState.REPAIRED_SUSPECTED, words.repaired(look.why)
        else:
            state = TrackState.NOT_FOUND
            note = words.not_found(None if look.surface is None else look.surface.value, look.why)
        return self._track(state, None, defect, [note], registration=look.registration)

    def _track(
        self,
        state: TrackState,
        now: Defect | None,
        previous: Defect | None,
        notes: Sequence[Note],
        growth: tuple[Growth, ...] = (),
        confidence: float = 0.0,
        registration: PictureRegistration | None = None,
        decided: Defect | None = None,
    ) -> Track:
        """Return a track; ``decided`` is the previous damage whose decision holds without its id being carried on."""
        known = previous or decided
        said = [*self._decision(known), *notes]
        return Track(
            survey_uid=self.after.survey_uid,
            previous_survey_uid=self.before.survey_uid,
            finding_uid=None if now is None else now[0].uid,
            previous_uid=None if previous is None else previous[0].uid,
            state=state,
            growth=growth,
            confidence=confidence,
            registration=registration,
            note_ja="。".join(note.ja for note in said),
            note_en="; ".join(note.en for note in said),
            previous_status=None if known is None else known[0].status,
            previous_grade=None if known is None else grade_of(known[0]),
        )

    def _decision(self, known: Defect | None) -> list[Note]:
        if known is None or known[0].status not in GONE_AS_DECIDED:
            return []
        reviews = [self.decisions[sight.uid] for sight in known if sight.uid in self.decisions]
        return [words.decided(known[0].status.value, reviews[0] if reviews else None)]


def grade_of(finding: Finding) -> str | None:
    """Return the final grade of a finding, else its worst suggested one."""
    return finding.final_grade or (finding.grade.worst if finding.grade is not None else None)


def _compared(link: Link, broken: Note | None) -> tuple[tuple[Change, ...], list[Note]]:
    """Return what changed of a match, and what the reader must know about it."""
    notes = [] if broken is None else [broken]
    if not link.whole and link.visible < LEAST_PART:
        return (), [*notes, words.only_a_part()]
    found, apart = changes(link.previous, link.now, link.registration, whole=link.whole)
    if broken is not None:
        found = tuple(change for change in found if change.name not in SIZES)
    if not link.whole:
        notes.append(words.only_a_part())
    if apart is not None:
        notes.append(words.scales_disagree(apart))
    return found, notes
