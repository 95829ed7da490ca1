"""Pictures that lie on the ground another way than their flight record says: which way, and how to put it right."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass, replace
from enum import StrEnum

from findings.survey import Image
from imagery.flight import join
from imagery.flight.stations import wrapped

CLOSE_DEG = 25.0  # of a multiple of 90: far beyond any gimbal's error, well inside half way to the next
SIGN_DEG = 20.0
MARK = "flight check: "
"""How every note of the flight check begins; a new check replaces the old ones."""
PUT_RIGHT = "; put right"
_DOUBTS = ("saved again by ", "mirrored about its centre")  # notes that the check answers


class TurnKind(StrEnum):
    """How a stored picture differs from its record."""

    HALF = "turned_180"
    CLOCKWISE = "turned_90_clockwise"
    ANTICLOCKWISE = "turned_90_anticlockwise"
    MIRRORED = "mirrored"
    YAW_SIGN = "yaw_sign"
    OTHER = "direction_off"


@dataclass(frozen=True, slots=True)
class Turn:
    """A picture that is turned against its flight record.

    Attributes:
        kind: which way.
        error_deg: recorded minus true direction of the upper edge, clockwise; to be taken off the record.
        mirrored: the stored picture is flipped left to right (before it is turned).
        agreeing: neighbours that say so.
        neighbours: neighbours that it was registered with.
    """

    kind: TurnKind
    error_deg: float
    mirrored: bool
    agreeing: int
    neighbours: int

    @property
    def words(self) -> str:
        """What is wrong, with the witnesses."""
        return f"{self._what} against its flight record: {self.agreeing} of {self.neighbours} neighbours agree"

    @property
    def _what(self) -> str:
        if self.kind is TurnKind.MIRRORED:
            quarter = round(self.error_deg / 90.0) * 90 % 360
            turned = f", and turned by {wrapped(quarter):g} degrees clockwise"
            return {0: "mirrored left to right", 180: "mirrored top to bottom"}.get(
                quarter, f"mirrored left to right{turned}"
            )
        return {
            TurnKind.HALF: "turned by 180 degrees",
            TurnKind.CLOCKWISE: "turned by 90 degrees clockwise",
            TurnKind.ANTICLOCKWISE: "turned by 90 degrees anticlockwise",
            TurnKind.YAW_SIGN: "direction with the wrong sign (counted anticlockwise)",
            TurnKind.OTHER: f"direction off by {self.error_deg:.0f} degrees",
        }[self.kind]


def classify(error_deg: float, recorded_yaw_deg: float, mirrored: bool) -> tuple[TurnKind, float] | None:
    """Return the kind of turn and the error it stands for, or None where record and overlap agree.

    A multiple of 90 degrees comes first: that is what viewers and camera mounts do. A wrong sign of the recorded
    direction (error = twice the recorded direction) is told apart from it only where it differs.

    Args:
        error_deg: recorded minus measured direction.
        recorded_yaw_deg: recorded direction of the upper edge.
        mirrored: whether the picture fits its neighbours only when it is flipped.
    """
    quarter = wrapped(round(error_deg / 90.0) * 90.0)
    near = abs(wrapped(error_deg - quarter)) <= CLOSE_DEG
    if mirrored:
        return TurnKind.MIRRORED, quarter if near else error_deg
    if near:
        kinds = {180.0: TurnKind.HALF, 90.0: TurnKind.CLOCKWISE, -90.0: TurnKind.ANTICLOCKWISE}
        return (kinds[quarter], quarter) if quarter in kinds else None
    by_sign = wrapped(2.0 * recorded_yaw_deg)
    if abs(wrapped(error_deg - by_sign)) <= SIGN_DEG:
        return TurnKind.YAW_SIGN, by_sign
    return TurnKind.OTHER, error_deg


def corrected_factor(factor: complex, turn: Turn | None) -> complex:
    """Return the recorded factor with the error taken off its direction."""
    return factor if turn is None else factor * cmath.rect(1.0, math.radians(turn.error_deg))


def apply_turn(image: Image, turn: Turn) -> Image:
    """Return the image with its outline and view as the neighbours say: the same ground, the right way round.

    Corners stay in the order of the stored picture: top left, top right, bottom right, bottom left. What was turned in
    the file is turned in the pose too; a wrong recorded direction is put right there.

    Raises:
        InputError: the view cannot be read.
    """
    in_file = turn.kind not in (TurnKind.YAW_SIGN, TurnKind.OTHER)
    found = join.turned(image, turn.error_deg, in_file=in_file, mirrored=turn.mirrored)
    return replace(found, notes=tuple(note for note in image.notes if not any(doubt in note for doubt in _DOUBTS)))


def with_note(image: Image, words: str) -> Image:
    """Return the image with one note of the flight check in place of earlier ones; what was put right stays told."""
    kept = tuple(note for note in image.notes if not note.startswith(MARK) or PUT_RIGHT in note)
    return replace(image, notes=tuple(dict.fromkeys([*kept, f"{MARK}{words}"])))
