"""Turned pictures put right: each pixel must come to lie where it really was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from findings.survey import Image
from imagery.camera import Camera
from imagery.flight.check import check_flight
from imagery.flight.join import corners_lonlat
from imagery.flight.report import Verdict
from imagery.flight.stations import flight_of, wrapped
from imagery.flight.turn import PUT_RIGHT, Turn, TurnKind, apply_turn, classify, with_note
from imagery.footprint import locator
from imagery.pose import Pose, PoseSigma
from imagery.surface import Face, Level
from tests.imagery.flight.flights import HEIGHT, WIDTH, footprint, generate, lonlat

Carry = Callable[[float, float], tuple[float, float]]
NEEDED: list[tuple[str, Turn, Carry]] = [
    ("half", Turn(TurnKind.HALF, 180.0, False, 3, 3), lambda x, y: (WIDTH - x, HEIGHT - y)),
    ("clockwise", Turn(TurnKind.CLOCKWISE, 90.0, False, 3, 3), lambda x, y: (HEIGHT - y, x)),
    ("anticlockwise", Turn(TurnKind.ANTICLOCKWISE, -90.0, False, 3, 3), lambda x, y: (y, WIDTH - x)),
    ("mirror", Turn(TurnKind.MIRRORED, 0.0, True, 3, 3), lambda x, y: (WIDTH - x, y)),
    ("upside down", Turn(TurnKind.MIRRORED, 180.0, True, 3, 3), lambda x, y: (x, HEIGHT - y)),
]


def a_pose(width: int, height: int, yaw_deg: float) -> Pose:
    camera = Camera(width, height, 400.0, (width / 2, height / 2), (), 0.02, "made for a test")
    return Pose(camera, lonlat(3 + 4j), yaw_deg, -90.0, 0.0, Level(40.0, "test"), PoseSigma(1.0, 1.0, 2.0, 1.0))


def stored_image(tmp_path: Path, width: int, height: int, *, posed: bool) -> Image:
    """Return the record of a stored picture of that size whose record says that its upper edge looks to 30 degrees."""
    base = generate(tmp_path, 0, lines=1, on_line=1).images[0]
    view = a_pose(width, height, 30.0).to_json() if posed else None
    outline = footprint(3 + 4j, 30.0, 0.1, width, height)
    notes = ("saved again by a viewer: it may have been turned", "something else")
    return replace(base, width_px=width, height_px=height, footprint=outline, view=view, notes=notes)


@pytest.mark.parametrize("posed", [False, True])
@pytest.mark.parametrize(("how", "turn", "carry"), NEEDED, ids=[row[0] for row in NEEDED])
def test_a_pixel_lies_where_the_untouched_picture_has_it(
    tmp_path: Path, how: str, turn: Turn, carry: Carry, posed: bool
) -> None:
    quarter = how.endswith("clockwise")
    size = (HEIGHT, WIDTH) if quarter else (WIDTH, HEIGHT)
    untouched = locator(stored_image(tmp_path, WIDTH, HEIGHT, posed=posed))
    right = apply_turn(stored_image(tmp_path, *size, posed=posed), turn)
    found = locator(right)
    assert untouched is not None
    assert found is not None
    for x, y in ((100.0, 70.0), (10.0, 300.0), (450.0, 20.0)):
        wanted = untouched[0](np.array([[x, y]]))
        got = found[0](np.array([carry(x, y)], float))
        assert np.abs(got - wanted).max() < 3e-8  # degrees: 3 mm
    assert right.notes == ("something else",)


def test_a_wrong_sign_is_put_right_in_the_direction_not_in_the_file(tmp_path: Path) -> None:
    image = stored_image(tmp_path, WIDTH, HEIGHT, posed=True)
    right = apply_turn(image, Turn(TurnKind.YAW_SIGN, 60.0, False, 3, 3))
    assert right.view is not None
    assert right.view["yaw_deg"] == pytest.approx(-30.0)
    assert right.view["turned_deg"] == 0.0
    half = apply_turn(image, Turn(TurnKind.HALF, 180.0, False, 3, 3))
    assert half.view is not None
    assert (half.view["yaw_deg"], half.view["turned_deg"]) == (30.0, 180.0)


@pytest.mark.parametrize(
    ("error", "yaw", "expected"),
    [
        (3.0, 30.0, None),
        (-20.0, 30.0, None),
        (178.0, 30.0, TurnKind.HALF),
        (-172.0, 30.0, TurnKind.HALF),
        (95.0, 10.0, TurnKind.CLOCKWISE),
        (-88.0, 10.0, TurnKind.ANTICLOCKWISE),
        (62.0, 30.0, TurnKind.YAW_SIGN),
        (-50.0, 30.0, TurnKind.OTHER),
    ],
)
def test_errors_of_direction_have_their_names(error: float, yaw: float, expected: TurnKind | None) -> None:
    found = classify(error, yaw, mirrored=False)
    assert (found[0] if found else None) == expected


def test_what_was_put_right_stays_told_and_other_notes_are_replaced(tmp_path: Path) -> None:
    image = replace(generate(tmp_path, 0, lines=1, on_line=1).images[0], notes=("kept",))
    first = with_note(image, f"turned by 180 degrees{PUT_RIGHT}")
    second = with_note(with_note(first, "agrees with 3 neighbours"), "agrees with 4 neighbours")
    assert second.notes == (
        "kept",
        f"flight check: turned by 180 degrees{PUT_RIGHT}",
        "flight check: agrees with 4 neighbours",
    )


def test_corners_come_from_the_pose_or_from_an_outline_with_bent_sides(tmp_path: Path) -> None:
    posed = stored_image(tmp_path, WIDTH, HEIGHT, posed=True)
    four = corners_lonlat(replace(posed, view=None))
    assert four == [tuple(point) for point in list(posed.footprint.exterior.coords)[:4]]  # type: ignore[union-attr]
    camera = replace(a_pose(WIDTH, HEIGHT, 30.0).camera, distortion=(-0.05, 0.0, 0.0, 0.0, 0.0))
    bent = replace(a_pose(WIDTH, HEIGHT, 30.0), camera=camera)
    outline, _ = bent.outline()
    assert outline is not None
    assert len(outline.exterior.coords) == 33
    from_outline = corners_lonlat(replace(posed, view=None, footprint=outline))
    from_pose = corners_lonlat(replace(posed, view=bent.to_json()))
    assert from_outline is not None
    assert from_pose is not None
    assert np.allclose(from_outline, from_pose, atol=1e-12)


def test_pictures_of_a_face_and_unreadable_views_are_left_out_by_name(tmp_path: Path) -> None:
    images = generate(tmp_path, 3, lines=1, on_line=4).images
    face = replace(a_pose(WIDTH, HEIGHT, 0.0), pitch_deg=0.0, surface=Face(180.0, 8.0))
    images[1] = replace(images[1], view=face.to_json(), footprint=None, incidence_deg=0.0)
    images[2] = replace(images[2], view={"version": 99})
    flight = flight_of(images)
    assert [station.name for station in flight.stations] == ["IMG_0001.png", "IMG_0004.png"]
    assert "looks 90 degrees off the vertical" in flight.left_out[0][1]
    assert "ingest it again" in flight.left_out[1][1]
    report = check_flight(images)
    assert [image.verdict for image in report.images][2:] == [Verdict.LEFT_OUT] * 2


@pytest.mark.parametrize("angle", [-540.0, -180.0, 0.0, 180.0, 359.0])
def test_angles_are_wrapped_above_minus_180(angle: float) -> None:
    found = wrapped(angle)
    assert -180.0 < found <= 180.0
    assert (found - angle) % 360.0 == pytest.approx(0.0)
