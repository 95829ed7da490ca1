"""The whole store ranked: every defect of bridges and rivers in one list, with what the last inspection says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from findings.asset import Crossing
from findings.finding import Finding
from findings.profile import DEFAULT, load_profile
from findings.ranking import Ranking
from findings.river_context import CROSSINGS, RiverContext, with_context
from findings.status import FindingStatus
from findings.store.store import Store
from findings.tracking import Track, TrackState


def rank_all(store: Store, survey_name: str | None = None, profile: str = DEFAULT, today: date | None = None) -> int:
    """Rank every leading finding of the store and write the list; return how many of them the named survey has.

    Args:
        store: at head.
        survey_name: of the survey to count, or None for all.
        profile: id or path of the priority profile.
        today: for deadlines; by default they count as due, which never hides one.

    Raises:
        NotFound: no survey of that name.
        StandardError: no such profile, or one that is refused.
    """
    ranking = whole_ranking(store, profile, today)
    store.put_priorities(ranking.priorities())
    if survey_name is None:
        return len(ranking)
    uid = store.survey(survey_name).uid
    return sum(finding.survey_uid == uid for finding in every_finding(store, survey_name))


def whole_ranking(store: Store, profile: str = DEFAULT, today: date | None = None) -> Ranking:
    """Return the ranking of every leading finding of the store; nothing is written.

    A finding that a later inspection has found again stands in the list as its successor.
    """
    tracks = store.tracks()
    crossings = store.crossings()
    assets = {asset.uid: asset for asset in with_context(store.assets(), river_contexts(store, crossings))}
    return Ranking(
        every_finding(store), assets, load_profile(profile), today=today, tracks=latest_states(tracks),
        crossings=crossings, rejected_before=rejected_before(tracks),
    )  # fmt: skip


def river_contexts(store: Store, crossings: Sequence[Crossing]) -> list[RiverContext]:
    """Return what the scans of rivers say of the bridges that cross them, as the reaches' states hold it."""
    wanted = {crossing.river_uid for crossing in crossings}
    pairs = {(crossing.bridge_uid, crossing.river_uid) for crossing in crossings}
    rows = [row for uid in store.rivers() if uid in wanted for row in store.river(uid).state.get(CROSSINGS, ())]
    found = [RiverContext.from_json(row) for row in rows]
    return [context for context in found if (context.bridge_uid, context.river_uid) in pairs]


def every_finding(store: Store, survey: str | None = None) -> list[Finding]:
    """Return the leading findings of the store, or of one survey, in list order."""
    found: list[Finding] = []
    cursor = None
    while True:
        page = store.list_findings(survey=survey, limit=10_000, cursor=cursor)
        found += [finding for finding, _ in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


def latest_states(tracks: list[Track]) -> dict[str, TrackState]:
    """Return what the comparison written last says of each finding; a previous one speaks where it was not found."""
    states: dict[str, TrackState] = {}
    for track in tracks:
        uid = track.finding_uid or track.previous_uid
        if uid is not None:
            states[uid] = track.state
    return states


def rejected_before(tracks: list[Track]) -> frozenset[str]:
    """Return the findings whose counterpart people rejected at the last inspection."""
    closed = (FindingStatus.REJECTED, FindingStatus.DUPLICATE)
    return frozenset(t.finding_uid for t in tracks if t.finding_uid is not None and t.previous_status in closed)
