"""What is inspected: a bridge with spans and members, or a river reach with its chainage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shapely.geometry.base import BaseGeometry


class AssetKind(StrEnum):
    """Which of the two kinds of asset this is."""

    BRIDGE = "bridge"
    RIVER_REACH = "river_reach"


class Structure(StrEnum):
    """Structural material of a bridge, as far as the crack rule asks for it."""

    RC = "RC"
    PC = "PC"
    STEEL = "S"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Span:
    """One span (径間) and the member symbols it has, e.g. ``("Mg", "Ds")``."""

    number: int
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """A bridge or a river reach.

    Attributes:
        uid: our stable id.
        external_ids: e.g. ``{"xroad_shisetsu_id": "..."}``; never used as key.
        geometry: shapely geometry in WGS84 lon, lat, or None.
        chainage_km: from, to of a river reach (距離標), or None.
        soundness: last OFFICIAL diagnosis I to IV, imported and read-only; no model writes it.
        attributes: inventory values that the priority profile reads (``emergency_route``, ``third_party_below``,
            ``aadt``, ``detour_km``, ``population_flood`` ...); a key that is absent counts as missing, not as 0.
    """

    uid: str
    kind: AssetKind
    name: str
    structure: Structure = Structure.UNKNOWN
    geometry: BaseGeometry | None = None
    spans: tuple[Span, ...] = ()
    chainage_km: tuple[float, float] | None = None
    soundness: str | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


class PierInChannel(StrEnum):
    """Whether a bridge has a pier in the water; a question that drawings or a visit answer, so it starts unknown."""

    UNKNOWN = "unknown"
    YES = "yes"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Crossing:
    """A bridge over a river, found by geometry or stated.

    Attributes:
        bridge_uid: of the bridge.
        river_uid: of the river reach.
        lonlat: where, WGS84.
        pier_in_channel: unknown until somebody says so.
        distance_m: between the two geometries; 0 where they meet.
        source: ``geometry`` or ``stated``.
        note: doubts, e.g. ``bridge is a point``.
    """

    bridge_uid: str
    river_uid: str
    lonlat: tuple[float, float]
    pier_in_channel: PierInChannel = PierInChannel.UNKNOWN
    distance_m: float = 0.0
    source: str = "geometry"
    note: str = ""
