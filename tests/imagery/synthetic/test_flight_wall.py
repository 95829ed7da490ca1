"""A generated wall with named defects, its flights, and what the years do to it."""

from __future__ import annotations

import numpy as np
import pytest

from imagery.synthetic.concrete_labels import project
from imagery.synthetic.flight_views import WallView, fly, photograph_wall, view_matrix
from imagery.synthetic.flight_wall import Wall, WallChanges, WallSpec, build_wall

SMALL = WallSpec(width_mm=700.0, height_mm=420.0, gsd_mm=1.0, cracks=2, pairs=1, spalls=2, limes=1, rusts=1)


@pytest.fixture(scope="module")
def before() -> Wall:
    return build_wall(3, SMALL)


@pytest.fixture(scope="module")
def after() -> Wall:
    changes = WallChanges({"crack-1": 1.5}, frozenset({"spalling-1"}), new=1, weathering=0.5)
    return build_wall(3, SMALL, changes)


def named(wall: Wall, uid: str) -> object:
    return next((defect for defect in wall.defects if defect.uid == uid), None)


def test_the_same_seed_gives_the_same_wall_and_another_seed_another(before: Wall) -> None:
    again, other = build_wall(3, SMALL), build_wall(4, SMALL)
    assert np.array_equal(before.surface.colour, again.surface.colour)
    assert [d.uid for d in before.defects] == [d.uid for d in again.defects]
    assert not np.array_equal(before.surface.colour, other.surface.colour)


def test_what_was_not_changed_keeps_its_place_size_and_name(before: Wall, after: Wall) -> None:
    later = {defect.uid: defect for defect in after.defects}
    kept = [d for d in before.defects if not d.uid.startswith(("crack-1", "spalling-1"))]
    assert len(kept) >= 5
    for defect in kept:
        assert later[defect.uid].area_mm2 == defect.area_mm2
        assert np.array_equal(later[defect.uid].share, defect.share)


def test_a_crack_that_grew_is_longer_and_wider_and_starts_where_it_started(before: Wall, after: Wall) -> None:
    first, later = (next(d for d in wall.defects if d.uid == "crack-1") for wall in (before, after))
    assert later.width_max_mm > 1.2 * first.width_max_mm
    assert later.length_mm > 1.3 * first.length_mm
    assert np.array_equal(first.lines[0].centre_px, later.lines[0].centre_px[: len(first.lines[0].centre_px)])


def test_what_was_repaired_is_gone_and_what_is_new_has_a_name_of_its_own(before: Wall, after: Wall) -> None:
    assert named(before, "spalling-1") is not None
    assert named(after, "spalling-1") is None
    assert named(before, "new-1") is None
    assert named(after, "new-1") is not None


def test_a_change_of_a_defect_that_the_wall_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="crack-99"):
        build_wall(3, SMALL, WallChanges({"crack-99": 1.2}))
    with pytest.raises(ValueError, match=r"1\.6"):
        WallChanges({"crack-1": 2.0})


def test_a_view_has_its_ground_sample_distance_in_the_middle_and_looks_at_its_place() -> None:
    view = WallView(300.0, 200.0, 0.5, tilt_deg=20.0, towards_deg=0.0)
    matrix = view_matrix(view, 800, 600)
    at = project(np.array([[300.0, 200.0], [300.0, 201.0], [301.0, 200.0]]), matrix)
    assert at[0] == pytest.approx([400, 300])
    assert np.linalg.norm(at[1] - at[0]) == pytest.approx(2.0, rel=0.01)  # across the tilt
    assert np.linalg.norm(at[2] - at[0]) == pytest.approx(2.0 * np.cos(np.radians(20)), rel=0.01)


def test_a_flight_covers_the_wall_and_its_masks_lie_where_the_wall_says(before: Wall) -> None:
    photos = fly(before, 1, width_px=420, height_px=300, gsd_mm=1.0, overlap=0.3, tilt_deg=15.0)
    assert len(photos) == 4  # 2 x 2 of 420 x 300 mm at steps of 294 x 210 mm
    seen = {uid for photo in photos for uid in photo.masks}
    assert seen >= {d.uid for d in before.defects if d.label == "crack"}
    shown = [(photo, uid) for photo in photos for uid in photo.masks if photo.labels[uid] == "spalling"]
    assert shown
    for photo, uid in shown:
        defect = next(d for d in before.defects if d.uid == uid)
        row, col = np.argwhere(defect.share >= 0.5).T
        on_wall = np.column_stack([col + defect.cols.start, row + defect.rows.start]) + 0.5 - before.origin_px
        at = np.floor(project(on_wall * SMALL.gsd_mm, photo.matrix)).astype(int)
        inside = (at >= 0).all(axis=1) & (at < (420, 300)).all(axis=1)
        assert photo.masks[uid][at[inside, 1], at[inside, 0]].mean() > 0.9


def test_two_pictures_of_one_place_show_the_same_wall_through_their_matrices(before: Wall) -> None:
    views = [WallView(200.0, 120.0, 1.0, noise=0.5), WallView(240.0, 140.0, 1.0, tilt_deg=12.0, noise=0.5)]
    one, two = (photograph_wall(np.random.default_rng(5), before, view, 240, 180) for view in views)
    rows, cols = np.mgrid[60:120:7, 90:150:7]
    first = np.column_stack([cols.ravel(), rows.ravel()]) + 0.5
    second = np.floor(project(first, two.matrix @ np.linalg.inv(one.matrix))).astype(int)
    a = one.image.mean(axis=2)[rows.ravel(), cols.ravel()]
    b = two.image.mean(axis=2)[second[:, 1], second[:, 0]]
    assert np.corrcoef(a, b)[0, 1] > 0.6
