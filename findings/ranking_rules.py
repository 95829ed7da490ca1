"""In which section of the list a finding stands, and which hard rule put it there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from findings.asset import Asset
from findings.finding import Finding
from findings.priority_dates import deadline_of
from findings.profile import Profile, normalised
from findings.status import FindingStatus

OFFICIAL, CONFIRMED, CANDIDATE = "official", "confirmed", "candidate"
BANDS = {
    (OFFICIAL, "top"): 0,
    (OFFICIAL, ""): 1,
    (CONFIRMED, "third_party"): 2,
    (CONFIRMED, ""): 3,
    (CANDIDATE, "third_party"): 4,
    (CANDIDATE, ""): 5,
    (CANDIDATE, "rejected_before"): 6,
    (CANDIDATE, "closed"): 7,
}
LAST_BAND = 7
SECTIONS = {band: section for (section, _), band in BANDS.items()}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding stands, and why.

    Attributes:
        section: ``official``, ``confirmed`` or ``candidate``.
        band: part of the list; no score leads out of it.
        rules: that put it there, in words (ja, en).
        if_people_below: the band it would have if people were known to be below; None where that changes nothing.
    """

    section: str
    band: int
    rules: tuple[tuple[str, str], ...] = ()
    if_people_below: int | None = None


def place_of(
    finding: Finding, asset: Asset | None, profile: Profile, today: date | None, rejected_before: bool
) -> Place:
    """Return where a finding stands.

    What nobody confirmed stays among the candidates, whatever its asset: it never outranks an official record silently.
    In its section, what may fall on third parties comes first, because E2 has to be checked (domain guide 1.3, 3.2).
    """
    rules = profile.data["hard_rules"]
    falls = falls_on_third_parties(finding, asset, profile)
    said = (THIRD_PARTY,) if falls else ()
    if finding.status.value in rules["separate_statuses"]:
        if finding.status in (FindingStatus.REJECTED, FindingStatus.DUPLICATE):
            return Place(CANDIDATE, BANDS[CANDIDATE, "closed"])
        if rejected_before and rules["rejected_before_last"] and not falls:
            return Place(CANDIDATE, BANDS[CANDIDATE, "rejected_before"], (REJECTED,))
        section = CANDIDATE
    elif (official := official_place(asset, profile, today)) is not None:
        return Place(official.section, official.band, (*official.rules, *said))
    else:
        section = CONFIRMED
    raised = BANDS[section, "third_party"]
    return Place(section, raised if falls else BANDS[section, ""], said, raised if falls is None else None)


THIRD_PARTY = (
    "第三者被害のおそれ: 対策区分E2に当たるか確認",
    "may fall on third parties: check for measure class E2",
)
REJECTED = ("前回の点検で棄却済み(進行なし)", "rejected at the last inspection and not grown since")


def falls_on_third_parties(finding: Finding, asset: Asset | None, profile: Profile) -> bool | None:
    """Return whether pieces of this damage may fall on people: ⑦ ⑨ ⑫ above a railway, road or park.

    None where it may fall and nobody knows whether people are below.
    """
    rule = profile.data["hard_rules"]["third_party"]
    if finding.damage not in rule["damages"] or finding.member in rule["not_members"]:
        return False
    codes = (finding.final_grade,) if finding.final_grade else finding.grade.codes if finding.grade else ()
    if codes == ("a",):
        return False
    row = profile.data["consequence"].get(rule["input"], {"kind": "share"})
    share = normalised(row, asset.attributes.get(rule["input"]) if asset is not None else None)
    return None if share is None else share > 0


def official_place(asset: Asset | None, profile: Profile, today: date | None) -> Place | None:
    """Return the place that the official record of an asset gives to its confirmed findings; None: no rule holds."""
    rules = profile.data["hard_rules"]
    soundness = asset.soundness if asset else None
    measure_class = asset.attributes.get("measure_class") if asset else None
    if soundness in rules["top_soundness"] or measure_class in rules["top_measure_class"]:
        cause = soundness if soundness in rules["top_soundness"] else measure_class
        words = (f"判定区分等 {cause}(公式): 最上位", f"official class {cause} (official): top band")
        return Place(OFFICIAL, BANDS[OFFICIAL, "top"], (words,))
    if soundness in rules["raised_soundness"]:
        deadline = deadline_of(asset)
        if today is None or deadline is None or (deadline - today).days < rules["raised_within_days"]:
            ja = f"措置期限{deadline.isoformat()}" if deadline else "措置期限不明"
            en = f"due {deadline.isoformat()}" if deadline else "deadline unknown"
            words = (
                f"判定区分等 {soundness}(公式)・{ja}: 上位",
                f"official class {soundness} (official), {en}: raised",
            )
            return Place(OFFICIAL, BANDS[OFFICIAL, ""], (words,))
    return None
