"""The damage types of bridges and rivers, the members they occur on, and how they are written."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from findings.errors import GradingError
from findings.finding import Domain, Grade
from findings.standard import load_standard, use_standards

__all__ = [
    "TAXONOMY_VERSION",
    "DamageType",
    "Member",
    "check_member",
    "damage_type",
    "damage_types",
    "load_standard",
    "member_kind",
    "normalise_soundness",
    "use_standards",
]

TAXONOMY_VERSION = "mlit26-1.0.0"

ANOMALY = "anomaly"


@dataclass(frozen=True, slots=True)
class DamageType:
    """One damage (損傷) of a bridge, one anomaly (変状) of a river, or an anomaly without a name.

    Attributes:
        code: ``"1"`` to ``"26"``, ``"R01"`` to ``"R22"`` or ``"anomaly"``.
        number: the glyph of the forms, ①..㉖; the code itself for rivers; empty for an unnamed anomaly.
        grades: the ladder, best first: e.g. ``("a", "c", "d", "e")``.
        camera: ``Y``, ``part`` or ``N``: can a photograph support a candidate (our proposal).
    """

    code: str
    number: str
    ja: str
    en: str
    group: str
    grades: tuple[str, ...]
    domain: Domain
    camera: str
    scheme: str
    meanings: Mapping[str, Mapping[str, str]]

    def label(self, grade: str | Grade | None = None) -> str:
        """Return the token of drawings and forms: ``⑦剥離・鉄筋露出-d``, for a set ``-b～d`` or ``-c/e``."""
        codes = grade.codes if isinstance(grade, Grade) else (grade,) if grade else ()
        name = f"{self.number}{self.ja}"
        return f"{name}-{code_range(codes, self.grades)}" if codes else name


def code_range(codes: tuple[str, ...], ladder: tuple[str, ...]) -> str:
    """Return codes as ``d``, as ``b～e`` when they are neighbours on the ladder, else as ``c/e``."""
    if len(codes) < 3:
        return "/".join(codes)
    start = ladder.index(codes[0]) if codes[0] in ladder else -1
    if start >= 0 and ladder[start : start + len(codes)] == codes:
        return f"{codes[0]}～{codes[-1]}"
    return "/".join(codes)


@dataclass(frozen=True, slots=True)
class Member:
    """A kind of structural member: its symbol (``Mg``), names and group."""

    symbol: str
    ja: str
    en: str
    group: str


def damage_types() -> tuple[DamageType, ...]:
    """Return all damage types: ① to ㉖, then R01 to R22."""
    bridge = tuple(_bridge_type(row) for row in load_standard("damage_types_mlit26")["types"])
    stages = load_standard("river_rating")["stages"]
    return bridge + tuple(_river_type(row, stages) for row in load_standard("river_defects")["defects"])


def _bridge_type(row: Mapping[str, Any]) -> DamageType:
    return DamageType(
        row["code"], row["number"], row["ja"], row["en"], row["group"], row["ladder"],
        Domain.BRIDGE, row["camera"], "mlit_damage", row["grades"],
    )  # fmt: skip


def _river_type(row: Mapping[str, Any], stages: tuple[Mapping[str, Any], ...]) -> DamageType:
    meanings = {stage["code"]: {"ja": stage["ja"], "en": stage["en"]} for stage in stages}
    return DamageType(
        row["code"], row["code"], row["ja"], row["en"], row["structure"], tuple(meanings),
        Domain.RIVER, row["drone"], "river_rating", meanings,
    )  # fmt: skip


_ANOMALY = DamageType(
    ANOMALY,
    "",
    "要確認(種類不明の変化)",
    "Needs check (unnamed anomaly)",
    "other",
    (),
    Domain.BRIDGE,
    "Y",
    "mlit_damage",
    {},
)


def damage_type(code: str) -> DamageType:
    """Return the damage type of a code.

    Raises:
        GradingError: there is no such damage type.
    """
    if not isinstance(code, str):
        raise GradingError(f'damage {code!r} is a {type(code).__name__}; expected text such as "7" or "R15": quote it')
    if code == ANOMALY:
        return _ANOMALY
    if code.isascii() and code.isdigit() and 1 <= int(code) <= 26 and str(int(code)) == code:
        return _bridge_type(load_standard("damage_types_mlit26")["types"][int(code) - 1])
    stages = load_standard("river_rating")["stages"]
    for row in load_standard("river_defects")["defects"]:
        if row["code"] == code:
            return _river_type(row, stages)
    raise GradingError(f'damage {code!r} is unknown; expected "1" to "26", "R01" to "R22" or "anomaly"')


def member_kind(symbol: str) -> Member:
    """Return the member of a symbol such as ``Mg``, or of its Japanese name such as 主桁.

    Raises:
        GradingError: there is no such member.
    """
    wanted = unicodedata.normalize("NFKC", symbol).strip()
    wanted = load_standard("damage_types_mlit26")["aliases"].get(wanted, wanted)
    rows = load_standard("members")["members"]
    for row in rows:
        if wanted in (row["symbol"], unicodedata.normalize("NFKC", row["ja"])):
            return Member(row["symbol"], row["ja"], row["en"], row["group"])
    symbols = ", ".join(row["symbol"] for row in rows)
    raise GradingError(f"member {symbol!r} is unknown; expected one of {symbols}")


def check_member(damage: str, member: str | None, material: str | None) -> None:
    """Refuse a damage that cannot occur on a member and material ([L4]); what is unknown is not refused.

    Args:
        damage: ``"1"`` to ``"26"``, ``"R01"`` to ``"R22"`` or ``"anomaly"``.
        member: e.g. ``Mg``, or None.
        material: ``S``, ``C``, ``A``, ``R``, ``V``, ``X`` (``RC`` and ``PC`` count as ``C``), or None.

    Raises:
        GradingError: the damage, member or material is unknown, or they cannot occur together.
    """
    kind = damage_type(damage)
    standard = load_standard("members")
    code = standard["material_aliases"].get(material, material)
    if code is not None and code not in {row["code"] for row in standard["materials"]}:
        raise GradingError(f"material {material!r} is unknown; expected S, C, A, R, V, X, RC or PC")
    part = member_kind(member) if member is not None else None
    if kind.domain is Domain.RIVER and part is not None:
        raise GradingError(
            f"{kind.label()} is an anomaly of a river; a bridge member ({part.symbol} {part.ja}) cannot have it"
        )
    if kind.domain is Domain.RIVER or damage == ANOMALY or damage in standard["always"]:
        return
    possible = _possible(standard, kind, part, code)
    if not possible:
        words = [f"{part.symbol} {part.ja}"] if part else []
        place = " ".join([*words, f"material {code}"] if code else words)
        raise GradingError(
            f"{kind.label()} ({kind.en}) cannot occur on {place}; check the member, the material or the damage type"
        )


def _possible(standard: Mapping[str, Any], kind: DamageType, part: Member | None, material: str | None) -> bool:
    rows = [row for row in standard["targets"] if part is not None and part.symbol in row["members"]]
    if rows:
        rows = [row for row in rows if material in (None, row["material"])]
        return any(kind.code in row["damages"] for row in rows)
    return material is None or material in standard["group_materials"][kind.group]


def normalise_soundness(text: object) -> str | None:
    """Return ``I`` to ``IV`` for Ⅲ, III, 3, 早期措置段階 and the like; None if it is not a soundness class."""
    wanted = unicodedata.normalize("NFKC", str(text)).strip().upper()
    for row in load_standard("soundness")["classes"]:
        if wanted in (row["code"], str(row["number"]), f"{row['number']}.0", row["ja"]):
            return str(row["code"])
    return None
