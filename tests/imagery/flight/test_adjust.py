"""Adjustment, turns and verdicts on registrations of exactly known flights: no pixels, many seeds."""

from __future__ import annotations

import cmath
import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from findings.survey import Image
from imagery.flight.check import Evidence, Solution, solve
from imagery.flight.register import Registration
from imagery.flight.report import Agreement, FlightReport, Verdict
from imagery.flight.stations import flight_of
from imagery.flight.turn import TurnKind
from imagery.flight.verdicts import report_of
from tests.imagery.flight.flights import HEIGHT, WIDTH, footprint, generate, lonlat

SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 30))]


def factor(yaw_deg: float, gsd_m: float) -> complex:
    return cmath.rect(gsd_m, -math.radians(yaw_deg))


def seen(
    tmp_path: Path,
    seed: int,
    *,
    place_sigma_m: float = 1.0,
    yaw_sigma_deg: float = 2.0,
    recorded_scale: float = 1.0,
    turned: dict[int, float] | None = None,
    moved: dict[int, complex] | None = None,
    yaw_sign: bool = False,
    false_pair: bool = False,
    lines: int = 3,
    on_line: int = 6,
) -> tuple[Evidence, np.ndarray, list[complex]]:
    """Return what exact registration sees of a flight, the errors of the recorded places, and the true factors."""
    rng = np.random.default_rng([seed, 1])
    truths = generate_truths(seed, lines, on_line)
    errors = np.array([place_sigma_m * complex(*rng.standard_normal(2)) for _ in truths])
    for index, shift in (moved or {}).items():
        errors[index] += shift
    images, factors = [], []
    for index, (place, yaw, gsd) in enumerate(truths):
        recorded = yaw + yaw_sigma_deg * rng.standard_normal() + (turned or {}).get(index, 0.0)
        recorded = -recorded if yaw_sign else recorded
        images.append(an_image(tmp_path, index, place + errors[index], recorded, gsd * recorded_scale))
        factors.append(factor(yaw, gsd))
    evidence = Evidence(flight_of(images), features=dict.fromkeys(range(len(images)), 2000))
    for i, j in itertools.combinations(range(len(truths)), 2):
        pair = registered(rng, i, j, truths[i][0], truths[j][0], factors[i], factors[j])
        if pair is not None:
            evidence.candidates.append((i, j))
            evidence.registrations.append(pair)
    if false_pair:
        good = evidence.registrations[3]
        evidence.registrations[3] = replace(good, centroid_second=good.centroid_second + 150 + 80j)
    return evidence, errors, factors


def generate_truths(seed: int, lines: int, on_line: int) -> list[tuple[complex, float, float]]:
    rng = np.random.default_rng(seed)
    found = []
    for line, step in itertools.product(range(lines), range(on_line)):
        place = complex(26.4 * line + rng.normal(0, 0.5), 12.8 * step + rng.normal(0, 0.5)) * cmath.rect(1, -0.6)
        heading = math.degrees(0.6) + (180.0 if line % 2 else 0.0) + rng.normal(0, 1.5)
        found.append((place, heading, 0.1 * (1 + rng.normal(0, 0.01))))
    return found


def an_image(folder: Path, index: int, place: complex, yaw: float, gsd: float) -> Image:
    base = generate_record(folder)
    return replace(
        base,
        uid=f"i{index}",
        path=str(folder / f"IMG_{index:04d}.png"),
        position_lonlat=lonlat(place),
        footprint=footprint(place, yaw, gsd, WIDTH, HEIGHT),
        scale=replace(base.scale, gsd_mm=gsd * 1000, sigma_mm=gsd * 100),
    )


_RECORDS: dict[Path, Image] = {}


def generate_record(folder: Path) -> Image:
    if folder not in _RECORDS:
        _RECORDS[folder] = generate(folder, 0, lines=1, on_line=1).images[0]
    return _RECORDS[folder]


def registered(
    rng: np.random.Generator, i: int, j: int, one: complex, two: complex, a: complex, b: complex
) -> Registration | None:
    """Return the registration of two pictures that overlap by a third, to a tenth of a pixel."""
    shift = (two - one) / a
    cover = max(0.0, 1 - abs(shift.real) / WIDTH) * max(0.0, 1 - abs(shift.imag) / HEIGHT)
    if cover < 0.3:
        return None
    middle = shift / 2
    other = (one + a * middle - two) / b + complex(*rng.normal(0, 0.1, 2))
    turn = a / b * cmath.rect(1 + rng.normal(0, 0.0005), rng.normal(0, 0.0005))
    return Registration(i, j, middle, other, turn, 100, 200, 0.5, 80.0, 60)


def judged(evidence: Evidence) -> tuple[Solution, FlightReport]:
    solution = solve(evidence)
    return solution, report_of(evidence, solution)


def without_gauge(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Take off what no overlap can see: the mean, and the turn and scale that positions alone carry."""
    columns = np.column_stack([np.ones(len(at), complex), at - at.mean()])
    return np.asarray(values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_residual_of_each_picture_is_the_error_of_its_recorded_place(tmp_path: Path, seed: int) -> None:
    evidence, errors, _ = seen(tmp_path, seed)
    solution, report = judged(evidence)
    residuals = np.array([complex(*image.residual_en_m) for image in report.images if image.residual_en_m])
    assert len(residuals) == len(errors)
    at = np.array([station.place_m for station in evidence.flight.stations])
    assert abs(residuals.mean()) < 0.4  # the gauge; robust weights move it a little
    difference = without_gauge(residuals - errors, at)
    assert np.sqrt(np.mean(np.abs(difference) ** 2)) < 0.35  # recorded places err by 1.4 m
    assert solution.adjusted is not None
    assert solution.adjusted.place_sigma_m == pytest.approx(1.0, abs=0.45)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_sound_flight_raises_no_alarm(tmp_path: Path, seed: int) -> None:
    _, report = judged(seen(tmp_path, seed)[0])
    assert {image.verdict for image in report.images} == {Verdict.AGREES}
    assert report.notes == ()
    assert report.gsd is not None
    assert report.gsd.agreement is not Agreement.DISAGREES


def test_stated_sigmas_are_those_of_the_truth(tmp_path: Path) -> None:
    scaled, ratios = [], []
    for seed in range(10):
        evidence, errors, factors = seen(tmp_path, seed)
        solution, report = judged(evidence)
        assert solution.adjusted is not None
        assert report.gsd is not None
        residuals = np.array([complex(*image.residual_en_m) for image in report.images if image.residual_en_m])
        difference = residuals - errors
        scaled.append(np.abs(difference) / np.sqrt(2) / solution.adjusted.sigmas_m)
        true = 1000 * float(np.median(np.abs(factors)))
        ratios.append((report.gsd.measured_mm - true) / report.gsd.sigma_mm)
    assert 0.6 < np.sqrt(np.mean(np.square(scaled))) < 1.5
    assert np.sqrt(np.mean(np.square(ratios))) < 1.6


@pytest.mark.parametrize("seed", SEEDS)
def test_turned_pictures_are_found_and_nobody_else(tmp_path: Path, seed: int) -> None:
    wrong = {4: 180.0, 5: 180.0, 9: 90.0, 12: -90.0}
    _, report = judged(seen(tmp_path, seed, turned=wrong)[0])
    kinds = {k: image.turn.kind for k, image in enumerate(report.images) if image.turn is not None}
    assert kinds == {
        4: TurnKind.HALF,
        5: TurnKind.HALF,
        9: TurnKind.CLOCKWISE,
        12: TurnKind.ANTICLOCKWISE,
    }
    for k, image in enumerate(report.images):
        assert (image.verdict is Verdict.TURNED) == (k in wrong)
        if image.turn is not None:
            assert image.turn.agreeing == image.turn.neighbours == image.neighbours
            assert f"{image.neighbours} of {image.neighbours} neighbours agree" in image.words


def test_a_whole_flight_of_turned_pictures_is_told_by_its_positions(tmp_path: Path) -> None:
    _, report = judged(seen(tmp_path, 3, turned=dict.fromkeys(range(18), 180.0))[0])
    assert {image.turn.kind for image in report.images if image.turn} == {TurnKind.HALF}
    assert all(image.turn for image in report.images)
    assert "all 18 pictures have the same error" in report.notes[0]


def test_directions_counted_the_wrong_way_are_told_from_turns(tmp_path: Path) -> None:
    _, report = judged(seen(tmp_path, 4, yaw_sign=True)[0])
    assert {image.turn.kind for image in report.images if image.turn} == {TurnKind.YAW_SIGN}
    assert "anticlockwise" in report.notes[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_wrong_place_is_found_and_does_not_pull_at_the_others(tmp_path: Path, seed: int) -> None:
    evidence, errors, _ = seen(tmp_path, seed, moved={7: 18 - 9j})
    _, report = judged(evidence)
    assert [k for k, image in enumerate(report.images) if image.verdict is Verdict.OFF_PLACE] == [7]
    off = report.images[7].residual_en_m
    assert off is not None
    assert complex(*off) == pytest.approx(complex(errors[7]), abs=2.0)
    others = [image.residual_m for k, image in enumerate(report.images) if k != 7]
    assert max(value for value in others if value is not None) < 4.5


def test_a_registration_that_contradicts_the_rest_hardly_counts(tmp_path: Path) -> None:
    _, sound = judged(seen(tmp_path, 5)[0])
    evidence, _, _ = seen(tmp_path, 5, false_pair=True)
    solution, report = judged(evidence)
    assert solution.adjusted is not None
    assert solution.adjusted.weights[3] < 0.1
    assert report.notes == (f"1 of {len(report.pairs)} registrations contradict the rest and hardly count",)
    for one, two in zip(sound.images, report.images, strict=True):
        assert two.residual_m == pytest.approx(one.residual_m, abs=0.5)
        assert two.verdict is Verdict.AGREES


@pytest.mark.parametrize(("recorded", "expected"), [(1.0, Agreement.AGREES), (1.4, Agreement.DISAGREES)])
def test_the_scale_follows_from_positions_whatever_the_altitude_says(
    tmp_path: Path, recorded: float, expected: Agreement
) -> None:
    _, report = judged(seen(tmp_path, 6, place_sigma_m=0.3, recorded_scale=recorded)[0])
    assert report.gsd is not None
    assert report.gsd.measured_mm == pytest.approx(100.0, abs=2.0)
    assert report.gsd.recorded_mm == pytest.approx(100.0 * recorded, rel=0.01)
    assert report.gsd.agreement is expected
    assert ("DISAGREE" in report.gsd.words) == (expected is Agreement.DISAGREES)


def test_pairs_are_predicted_and_registered_with_their_residual(tmp_path: Path) -> None:
    evidence, errors, _ = seen(tmp_path, 8, yaw_sigma_deg=0.0, turned={2: 180.0})
    _, report = judged(evidence)
    for pair, seen_pair in zip(report.pairs, evidence.registrations, strict=True):
        i, j = seen_pair.first, seen_pair.second
        assert pair.residual_m == pytest.approx(abs(errors[j] - errors[i]), abs=0.2)
        assert pair.as_recorded_m is not None
        if 2 in (i, j):
            assert pair.as_recorded_m > 5.0
            assert abs(abs(pair.rotation_error_deg or 0.0) - 180.0) < 0.2
        else:
            assert pair.as_recorded_m == pytest.approx(pair.residual_m)
            assert pair.rotation_error_deg == pytest.approx(0.0, abs=0.2)
        assert pair.scale_ratio_error == pytest.approx(0.0, abs=0.003)


def test_turned_pictures_do_not_pull_at_the_others_though_they_are_half_of_the_line(tmp_path: Path) -> None:
    for seed in range(3):
        wrong = dict.fromkeys(range(3), 90.0)
        evidence, _, _ = seen(tmp_path, seed, turned=wrong, lines=1, on_line=6, place_sigma_m=2.0)
        _, report = judged(evidence)
        kinds = {k: image.turn.kind for k, image in enumerate(report.images) if image.turn is not None}
        assert kinds == dict.fromkeys(range(3), TurnKind.CLOCKWISE)
