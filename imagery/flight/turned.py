"""Pictures whose direction contradicts their neighbours."""

from __future__ import annotations

import cmath
import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from imagery.flight.adjust import Adjusted
from imagery.flight.register import Registration
from imagery.flight.stations import Station, wrapped, yaw_deg
from imagery.flight.turn import CLOSE_DEG, Turn, TurnKind, classify

LEAST_SURE_DEG = 15.0  # 1-sigma of a direction up to which it says something
WHOLE_FLIGHT = 0.8  # share of the pictures from which an error is the flight's
SIGN_BETTER = 2.0  # times: how much closer the wrong sign must be than a turn by 90 degrees, or the other way round


def find_turns(
    stations: Sequence[Station], registrations: Sequence[Registration], adjusted: Adjusted, flipped: Collection[int]
) -> tuple[dict[int, Turn], dict[int, float]]:
    """Return the turned pictures and every direction's error (recorded minus adjusted, clockwise), by index.

    Directions that the adjustment does not know to ``LEAST_SURE_DEG`` are passed over.
    """
    errors: dict[int, float] = {}
    for i, station in enumerate(stations):
        factor, sigma = complex(adjusted.factors[i]), adjusted.factor_sigmas[i]
        if station.factor is not None and cmath.isfinite(factor) and math.degrees(sigma) <= LEAST_SURE_DEG:
            errors[i] = wrapped(yaw_deg(station.factor) - yaw_deg(factor))
    turns = {}
    for i, error in errors.items():
        recorded = stations[i].factor
        found = classify(error, yaw_deg(recorded or 1.0), i in flipped)
        if found is not None:
            agreeing, neighbours = _witnesses(i, stations, registrations, adjusted, error)
            turns[i] = Turn(found[0], found[1], i in flipped, agreeing, neighbours)
    return _by_sign(stations, turns, errors), errors


def _witnesses(
    index: int, stations: Sequence[Station], registrations: Sequence[Registration], adjusted: Adjusted, error: float
) -> tuple[int, int]:
    """Return how many registered neighbours put the picture the same way, and how many there are.

    A neighbour's word is its own adjusted direction carried over by the one registration between the two.
    """
    recorded = stations[index].factor or 1.0
    agreeing = total = 0
    for pair in registrations:
        if index not in (pair.first, pair.second):
            continue
        total += 1
        if pair.first == index:
            said = complex(adjusted.factors[pair.second]) * pair.factor
        else:
            said = complex(adjusted.factors[pair.first]) / pair.factor
        agreeing += abs(wrapped(yaw_deg(recorded) - yaw_deg(said) - error)) <= CLOSE_DEG
    return agreeing, total


def _by_sign(stations: Sequence[Station], turns: dict[int, Turn], errors: dict[int, float]) -> dict[int, Turn]:
    """Return the turns, read as wrong signs where nearly every picture is turned and that explains it better.

    One picture at a direction of 45 degrees cannot tell a wrong sign from a turn by 90 degrees, a whole flight can.
    """
    if len(errors) < 3 or len(turns) < WHOLE_FLIGHT * len(errors):
        return turns
    sign, turn = [], []
    for i in turns:
        yaw = yaw_deg(stations[i].factor or 1.0)
        sign.append(abs(wrapped(errors[i] - 2.0 * yaw)))
        turn.append(abs(wrapped(errors[i] - round(errors[i] / 90.0) * 90.0)))
    if SIGN_BETTER * (np.median(sign) + 0.5) > np.median(turn) + 0.5:  # half a degree: both may be perfect
        return turns
    return {
        i: replace(found, kind=TurnKind.YAW_SIGN, error_deg=wrapped(2.0 * yaw_deg(stations[i].factor or 1.0)))
        for i, found in turns.items()
        if not found.mirrored
    } | {i: found for i, found in turns.items() if found.mirrored}
