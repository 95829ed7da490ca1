"""The check of a flight from its pictures: generated ones with exact truth, and the real flight."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from findings.errors import InputError
from findings.survey import ImageKind
from imagery.flight import features
from imagery.flight.check import check_flight
from imagery.flight.features import Features, FeatureStore, find_features
from imagery.flight.pairs import MOST_NEIGHBOURS, candidate_pairs
from imagery.flight.register import LEAST_INLIERS, match, register
from imagery.flight.report import COLUMNS, FlightReport, Verdict, rows, summary
from imagery.flight.stations import flight_of, natural
from imagery.flight.turn import TurnKind
from tests.imagery.flight.flights import GSD_M, WIDTH, Generated, Lies, generate

LIES = {0: Lies(stored="mirror"), 2: Lies(stored="half"), 4: Lies(ground=99), 6: Lies(blank=True)}


@pytest.fixture(scope="module")
def lying(tmp_path_factory: pytest.TempPathFactory) -> tuple[Generated, FlightReport]:
    flight = generate(tmp_path_factory.mktemp("lying"), 21, lies=LIES)
    return flight, check_flight(flight.images)


def test_each_lie_is_said_by_name_and_the_others_agree(lying: tuple[Generated, FlightReport]) -> None:
    _, report = lying
    verdicts = [image.verdict for image in report.images]
    agrees = Verdict.AGREES
    assert verdicts == [
        Verdict.TURNED, agrees, Verdict.TURNED, agrees, Verdict.ALONE, agrees, Verdict.ALONE, agrees,
    ]  # fmt: skip
    assert report.images[0].words.startswith("mirrored left to right against its flight record")
    half = report.images[2]
    assert half.turn is not None
    assert half.turn.kind is TurnKind.HALF
    assert half.words.startswith(
        f"turned by 180 degrees against its flight record: {half.neighbours} of {half.neighbours} neighbours agree"
    )
    assert "another flight" in report.images[4].words
    assert "hardly any texture" in report.images[6].words
    assert any("IMG_0005.png, IMG_0007.png" in note for note in report.notes)


def test_residuals_from_pixels_are_the_errors_of_the_record(lying: tuple[Generated, FlightReport]) -> None:
    flight, report = lying
    found = {k: complex(*image.residual_en_m) for k, image in enumerate(report.images) if image.residual_en_m}
    assert set(found) == {0, 1, 2, 3, 5, 7}
    mean = sum(flight.errors_m[k] for k in found) / len(found)
    for k, residual in found.items():
        sigma = report.images[k].sigma_m
        assert sigma is not None
        assert abs(residual - (flight.errors_m[k] - mean)) < 3.5 * sigma
    assert report.gsd is not None
    assert abs(report.gsd.measured_mm - 1000 * GSD_M) < 3 * report.gsd.sigma_mm


def test_every_picture_has_its_row(lying: tuple[Generated, FlightReport]) -> None:
    _, report = lying
    table = rows(report)
    assert [row["image"] for row in table] == [f"IMG_{k + 1:04d}.png" for k in range(8)]
    assert all(tuple(row) == COLUMNS for row in table)
    assert any(row["residual_m"] is not None for row in table)
    assert any("median residual" in line for line in summary(report))
    assert any("a shift that all share does not show in overlaps" in line for line in summary(report))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40, 46))
def test_no_false_alarm_over_seeds_of_pictures(tmp_path: Path, seed: int) -> None:
    flight = generate(tmp_path, seed, heading_deg=37.0 * seed)
    report = check_flight(flight.images)
    assert {image.verdict for image in report.images} == {Verdict.AGREES}
    assert report.notes == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "kind"), [("clockwise", TurnKind.CLOCKWISE), ("anticlockwise", TurnKind.ANTICLOCKWISE)]
)
def test_quarter_turns_are_told_apart_from_pixels(tmp_path: Path, how: str, kind: TurnKind) -> None:
    report = check_flight(generate(tmp_path, 31, lies={3: Lies(stored=how)}).images)
    assert [image.turn.kind for image in report.images if image.turn] == [kind]
    assert report.images[3].turn is not None


def test_a_registration_knows_the_true_offset_turn_and_scale(tmp_path: Path) -> None:
    flight = generate(tmp_path, 5, lines=1, on_line=2)
    one, two = (find_features(image) for image in flight.images)
    pair = register(0, one, 1, two)
    assert pair is not None
    a, b = flight.truths
    assert pair.rotation_deg == pytest.approx(b.yaw_deg - a.yaw_deg, abs=0.05)
    assert abs(pair.factor) == pytest.approx(a.gsd_m / b.gsd_m, abs=0.001)
    turn = np.exp(-1j * np.radians([a.yaw_deg, b.yaw_deg])) * [a.gsd_m, b.gsd_m]
    offset = turn[0] * pair.centroid_first - turn[1] * pair.centroid_second
    assert abs(offset - (b.place_m - a.place_m)) < 0.3 * GSD_M


def test_pictures_of_different_ground_do_not_register(tmp_path: Path) -> None:
    flight = generate(tmp_path, 6, lines=1, on_line=2, lies={1: Lies(ground=77)})
    one, two = (find_features(image) for image in flight.images)
    assert len(one) > 300
    assert register(0, one, 1, two) is None


def two_pictures(p: NDArray[np.complex128], q: NDArray[np.complex128]) -> tuple[Features, Features]:
    """Return two pictures of 480 px whose k-th features look alike, at p and q, and others all over that do not."""
    rng = np.random.default_rng(3)
    alike = rng.integers(0, 120, (len(p), 128)).astype(np.uint8)
    found = []
    for points in (p, q):
        places = rng.uniform(-200, 200, 300) + 1j * rng.uniform(-150, 150, 300)
        others = rng.integers(0, 120, (300, 128)).astype(np.uint8)
        found.append(Features(np.r_[points, places], np.vstack([alike, others]), WIDTH, 1.0))
    return found[0], found[1]


def test_few_agreeing_features_are_no_registration_however_well_they_agree() -> None:
    rng = np.random.default_rng(4)
    p = rng.uniform(-200, 200, 30) + 1j * rng.uniform(-150, 150, 30)
    for agreeing, expected in ((LEAST_INLIERS - 1, False), (LEAST_INLIERS + 1, True)):
        q = rng.uniform(-200, 200, 30) + 1j * rng.uniform(-150, 150, 30)
        q[:agreeing] = 1j * p[:agreeing] + 5
        assert (register(0, two_pictures(p, q)[0], 1, two_pictures(p, q)[1]) is not None) is expected


def test_agreement_that_chance_would_give_is_no_registration() -> None:
    rng = np.random.default_rng(5)
    p, q = (rng.uniform(-25, 25, 1500) + 1j * rng.uniform(-25, 25, 1500) for _ in range(2))
    one, two = (Features(f.points_px[:1500], f.descriptors[:1500], WIDTH, 1.0) for f in two_pictures(p, q))
    assert len(match(one, two)) > 1000
    assert register(0, one, 1, two) is None


def test_agreement_on_one_spot_says_nothing_about_turn_and_scale() -> None:
    x, y = np.meshgrid(np.arange(0.0, 12.0, 2.0), np.arange(4.0, 16.0, 2.0))  # on both sides of a border of spots
    p = (x + 1j * y).ravel()
    assert register(0, two_pictures(p, p + 40)[0], 1, two_pictures(p, p + 40)[1]) is None
    wide = 8 * p
    assert register(0, two_pictures(wide, wide + 40)[0], 1, two_pictures(wide, wide + 40)[1]) is not None


def test_two_pictures_alone_check_turn_and_scale_but_not_their_places(tmp_path: Path) -> None:
    report = check_flight(generate(tmp_path, 17, lines=1, on_line=2).images)
    assert [image.verdict for image in report.images] == [Verdict.UNCHECKED] * 2
    assert len(report.pairs) == 1
    assert not report.place_sigma_estimated


def test_features_are_computed_once_a_picture_within_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight = generate(tmp_path, 7, lines=1, on_line=4)
    calls = []
    real = features.find_features

    def counted(image, *, mirrored=False):  # type: ignore[no-untyped-def]
        calls.append(image.uid)
        return real(image, mirrored=mirrored)

    monkeypatch.setattr(features, "find_features", counted)
    with FeatureStore(flight.images, kept=2) as store:
        for index in (0, 1, 2, 3, 0, 1, 2, 3):
            found = store.get(index)
            assert len(found) > 100
            assert len(store._memory) <= 2
        folder = Path(store._folder.name)
        assert folder.is_dir()
    assert calls == [image.uid for image in flight.images]
    assert not folder.exists()


def test_masked_pixels_bear_no_features(tmp_path: Path) -> None:
    image = generate(tmp_path, 8, lines=1, on_line=1).images[0]
    mask = np.zeros((image.height_px, image.width_px), np.uint8)
    mask[:, : image.width_px // 2] = 4
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    masked = replace(image, mask_path=str(tmp_path / "mask.png"))
    grey = cv2.imread(image.path, cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    for one in (masked, replace(masked, path=str(tmp_path / "grey.png"))):  # RGB, and what only the reader takes
        found = find_features(one)
        assert len(found) > 50
        assert found.points_px.real.min() > -5
    assert find_features(image).points_px.real.min() < -100


def test_candidates_are_bounded_and_follow_each_other(tmp_path: Path) -> None:
    image = generate(tmp_path, 9, lines=1, on_line=1).images[0]
    dense = [replace(image, uid=str(k), path=f"/p/IMG_{k}.png") for k in range(60)]
    moved = [replace(one, position_lonlat=(131.47 + k * 1e-5, 34.18), footprint=None) for k, one in enumerate(dense)]
    pairs = candidate_pairs(flight_of(moved).stations)
    assert len(pairs) <= 60 * (MOST_NEIGHBOURS + 1)
    assert {(k, k + 1) for k in range(59)} <= set(pairs)
    assert sorted(["DJI_10.JPG", "DJI_2.JPG"], key=natural) == ["DJI_2.JPG", "DJI_10.JPG"]


def test_a_flight_that_cannot_check_itself_says_why(tmp_path: Path) -> None:
    images = generate(tmp_path, 10, lines=1, on_line=3).images
    with pytest.raises(InputError, match=r"1 photograph\(s\)"):
        check_flight(images[:1])
    with pytest.raises(InputError, match="0 of 3 photographs have a recorded position"):
        check_flight([replace(image, position_lonlat=None, footprint=None) for image in images])
    with pytest.raises(InputError, match="the receiver stood still"):
        check_flight([replace(image, position_lonlat=(131.47, 34.18), footprint=None) for image in images])
    with pytest.raises(InputError, match="looks 60 degrees off the vertical"):
        check_flight([replace(image, incidence_deg=60.0) for image in images])
    with pytest.raises(InputError, match="no photograph"):
        check_flight([replace(image, kind=ImageKind.SCENE) for image in images])


def test_a_file_that_is_gone_or_another_one_is_told_and_the_rest_is_checked(tmp_path: Path) -> None:
    images = generate(tmp_path, 12, lines=1, on_line=4).images
    Path(images[1].path).unlink()
    cv2.imwrite(images[3].path, np.zeros((40, 60, 3), np.uint8))
    report = check_flight(images)
    assert report.images[1].verdict is Verdict.NOT_READ
    assert "no such file" in report.images[1].words
    assert report.images[3].verdict is Verdict.NOT_READ
    assert "another file lies there now" in report.images[3].words
    assert report.images[0].neighbours + report.images[2].neighbours == 2


def test_a_picture_without_place_is_placed_by_its_neighbours(tmp_path: Path) -> None:
    flight = generate(tmp_path, 13, lines=1, on_line=4)
    images = [replace(image, position_lonlat=None, footprint=None) if k == 1 else image
              for k, image in enumerate(flight.images)]  # fmt: skip
    check = check_flight(images).images[1]
    assert check.verdict is Verdict.UNCHECKED
    assert check.residual_m is None
    assert check.adjusted_lonlat is not None
    place = flight_of(images).place(check.adjusted_lonlat) - flight_of(images).place((131.47, 34.18))
    assert abs(place - flight.truths[1].place_m) < 4.0


@pytest.mark.realdata
@pytest.mark.slow
def test_the_real_flight_finds_its_two_turned_pictures(shared_data: Path) -> None:
    from imagery.ingest import describe

    folder = shared_data / "drone" / "brighton_beach" / "images"
    report = check_flight([describe(path) for path in sorted(folder.glob("*.JPG"))])
    turned = {image.name: image.words for image in report.images if image.verdict is Verdict.TURNED}
    assert set(turned) == {"DJI_0028.JPG", "DJI_0029.JPG"}
    assert all(words.startswith("turned by 180 degrees against its flight record") for words in turned.values())
    assert all(image.turn.agreeing == image.turn.neighbours >= 2 for image in report.images if image.turn)
    assert {image.verdict for image in report.images} == {Verdict.TURNED, Verdict.AGREES}
    assert report.median_pair_m is not None
    assert report.median_image_m is not None
    assert report.median_pair_m < 2.5
    assert report.median_image_m < 1.5
    assert report.gsd is not None
    assert 16.0 < report.gsd.measured_mm < 17.8
    assert all(abs(image.yaw_error_deg or 0.0) < 4.0 for image in report.images if image.turn is None)
