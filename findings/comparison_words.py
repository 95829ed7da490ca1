"""What a comparison of two inspections says, in Japanese and English."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from findings.review import Review
from findings.wording import measure_name

if TYPE_CHECKING:
    from findings.change import Change

ID_LETTERS = 12


@dataclass(frozen=True, slots=True)
class Note:
    """One statement in both languages, without a full stop."""

    ja: str
    en: str


STATES = {
    "new": Note("新規", "new"),
    "progressed": Note("進行", "progressed"),
    "unchanged": Note("変化なし", "unchanged"),
    "repaired_suspected": Note("補修済?", "repaired?"),
    "not_found": Note("確認できず(NG)", "not found (NG)"),
    "not_assessable": Note("今回判定不可", "not assessable"),
}
"""The states in words (domain guide 5.2)."""

_PLACES = {
    "not_photographed": Note("その箇所は未撮影", "the place was not photographed"),
    "hidden": Note("その箇所は隠れている", "the place is hidden"),
    "blurred": Note("その箇所は不鮮明", "the place is not sharp"),
    "coarse": Note("分解能不足", "resolution insufficient"),
    "not_judged": Note("その写真は未判定", "the picture was not judged"),
    "unregistered": Note("写真の位置合わせができない", "the pictures could not be registered"),
}


def name_of(measure: str) -> Note:
    """Return a measure's name in words."""
    return Note(measure_name(measure, "ja"), measure_name(measure, "en"))


def _with(note: Note, why: str) -> Note:
    """Return a note with its reason; ``why``: both languages parted by a slash between spaces, or one for both."""
    ja, parted, en = why.partition(" / ")
    return note if not why else Note(f"{note.ja}({ja})", f"{note.en} ({en if parted else ja})")


def first_seen(view: str, why: str, *, shows: bool = False) -> Note:
    """Return why a damage counts as new, or cannot be told; ``shows``: the picture of last time has it too."""
    if view == "clear" and shows:
        return Note("前回は記録なしだが、前回の写真にも写っている(前回の見落としの疑い)",
                    "not recorded last time, but the picture of last time shows it: likely missed then")  # fmt: skip
    if view == "clear":
        return Note("前回は同じ箇所を確認したが記録なし", "the place was seen last time and nothing was recorded")
    place = _with(_PLACES[view], why)
    if view == "unregistered":
        return Note(f"前回の有無を判断できない: {place.ja}", f"whether it is new cannot be told: {place.en}")
    return Note(f"初めて確認: 前回、{place.ja}", f"first seen: last time {place.en}")


def not_seen_now(view: str, why: str) -> Note:
    """Return why the place of a previous damage could not be judged this time."""
    place = _with(_PLACES[view], why)
    return Note(f"今回、{place.ja}", f"this time {place.en}")


def not_found(surface: str | None, why: str) -> Note:
    """Return what is known about a previous damage that nobody found, and that must be explained."""
    if surface == "trace":
        note = Note(
            "箇所に痕跡が見えるが検出なし。見落としの疑い。要説明", "a trace still shows but nothing was found: explain"
        )
    elif surface == "same":
        note = Note("箇所を確認したが検出なし。表面は前回と同様。要説明",
                    "the place was seen, nothing found, the surface looks as last time: explain")  # fmt: skip
    else:
        note = Note("箇所を確認したが検出なし。要説明", "the place was seen, nothing found: explain")
    return _with(note, why)


def repaired(why: str) -> Note:
    """Return why a previous damage may have been repaired."""
    return _with(
        Note(
            "検出なし、表面の様子が変化。補修記録を確認",
            "nothing found and the surface looks different: check the repair record",
        ),
        why,
    )  # fmt: skip


def piece_of(previous_uid: str, carrier_uid: str) -> Note:
    """Return that a finding is a piece of a previous damage."""
    old, new = previous_uid[:ID_LETTERS], carrier_uid[:ID_LETTERS]
    return Note(f"前回の{old}の一部(番号は{new}が継承)", f"part of {old} of last time, whose id {new} carries on")


def second_claim(previous_uid: str, winner_uid: str) -> Note:
    """Return that another finding fits the previous one better."""
    old, new = previous_uid[:ID_LETTERS], winner_uid[:ID_LETTERS]
    return Note(f"前回の{old}と重なるが、{new}の方が一致するため新規扱い",
                f"also lies on {old} of last time, which {new} fits better; counted as new")  # fmt: skip


def part_now(carrier_uid: str, other_uid: str) -> Note:
    """Return that a previous damage is part of a larger one now."""
    new, old = carrier_uid[:ID_LETTERS], other_uid[:ID_LETTERS]
    return Note(f"今回は{new}の一部(前回の{old}と連続)", f"part of {new} now, which carries on {old}")


def in_pieces(count: int) -> Note:
    """Return that a damage shows in pieces."""
    return Note(
        f"今回は{count + 1}つに分かれて検出、長さ・面積は比較せず",
        f"shows in {count + 1} pieces now: length and area are not compared",
    )


def grown_together(count: int) -> Note:
    """Return that several previous damages are one now."""
    return Note(
        f"前回の{count + 1}件が1つに連続、長さ・面積は比較せず",
        f"{count + 1} of last time are one now: length and area are not compared",
    )


def shown_already() -> Note:
    """Return that what was marked beyond last time's outline is no growth."""
    return Note(
        "前回の範囲を超える部分は前回の写真にも写っている、長さ・面積は比較せず",
        "what reaches beyond last time's outline already shows in the picture of last time: "
        "length and area are not compared",
    )


def goes_on() -> Note:
    """Return that a damage reaches further than last time, by an amount that no picture shows whole."""
    return Note(
        "前回の端より先に伸びている(前回の写真にはない)。全体が写らず量は不明",
        "goes on beyond its end of last time, where that picture shows nothing; by how much in all no picture shows",
    )


def ambiguous() -> Note:
    """Return that the place fits several damages."""
    return Note(
        "地上位置だけでは前回のどの損傷か特定できない",
        "by its place on the ground alone it fits several damages of the other survey",
    )


def not_comparable() -> Note:
    """Return that a damage was found again and its growth cannot be told."""
    return Note("再確認したが進行の有無は判断できない", "found again; whether it grew cannot be told")


def only_a_part() -> Note:
    """Return that the pictures share only a part of a damage."""
    return Note("両回の写真に共通して写るのは一部のみ", "only a part of it shows in both pictures")


def scales_disagree(share: float) -> Note:
    """Return by how much the scales of two pictures disagree, against their registration."""
    text = f"{abs(share):.0%}"
    return Note(
        f"両写真の縮尺が位置合わせと{text}食い違う", f"the pictures' scales disagree by {text} with their registration"
    )


def no_rate(previous: datetime | None, now: datetime | None) -> Note:
    """Return why a growth has no yearly rate."""
    if previous is None or now is None:
        which = Note("前回", "last time") if previous is None else Note("今回", "this time")
        if previous is None and now is None:
            which = Note("両回とも", "both times")
        return Note(f"撮影日不明({which.ja})、年間量なし", f"capture date unknown ({which.en}): no yearly rate")
    return Note("撮影間隔が1か月未満、年間量なし", "less than a month apart: no yearly rate")


def smaller(change: Change) -> Note:
    """Return that a measure is smaller than last time."""
    name = name_of(change.name)
    return Note(
        f"{name.ja}が前回より小さい(光・角度・補修を確認)",
        f"{name.en} is smaller than last time (light, angle or repair: check)",
    )


def decided(status: str, review: Review | None) -> Note:
    """Return what people decided about the previous finding."""
    ja = {"rejected": "棄却", "duplicate": "重複"}[status]
    en = {"rejected": "rejected", "duplicate": "marked a duplicate"}[status]
    if review is None:
        return Note(f"前回{ja}", f"{en} last time")
    reason = (f"、理由: {review.note}", f": {review.note}") if review.note else ("", "")
    day = f"{review.at:%Y-%m-%d}"
    return Note(
        f"前回{ja}({review.reviewer}、{day}{reason[0]})", f"{en} last time by {review.reviewer}, {day}{reason[1]}"
    )
