"""``mizuhashi measure`` through its real door: numbers against known cracks, and every kind of bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from benchmarks.crack_renderer import Camera, Picture, Wall, render
from imagery.synthetic.concrete import generate_concrete
from imagery.synthetic.spec import ConcreteSpec
from mizuhashi.__main__ import main

KEYS = {"value_px", "low_px", "high_px", "value_mm", "low_mm", "high_mm"}
AREA_KEYS = {f"{key}2" for key in KEYS}


@pytest.fixture(scope="module")
def crack() -> Picture:
    return render(np.random.default_rng(11), 3.0, Camera(quality=95), Wall(core=0.15, stains=1))


@pytest.fixture
def files(tmp_path: Path, crack: Picture) -> tuple[Path, Path]:
    picture, mask = tmp_path / "wall.jpg", tmp_path / "mask.png"
    cv2.imwrite(str(picture), cv2.cvtColor(crack.grey, cv2.COLOR_GRAY2BGR), [cv2.IMWRITE_JPEG_QUALITY, 95])
    cv2.imwrite(str(mask), crack.label.astype(np.uint8) * 255)
    return picture, mask


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    status = main([str(word) for word in words])
    told = capsys.readouterr()
    return status, told.out, told.err


def measured(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    status, out, err = run(capsys, "measure", *words, "--json")
    assert status == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_crack_is_measured_in_pixels_and_millimetres_with_intervals_that_hold_the_truth(
    files: tuple[Path, Path], crack: Picture, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured(capsys, files[0], "--mask", files[1], "--gsd-mm", 0.3, "--gsd-sigma", 0.003, "--material", "RC")
    (one,) = found["findings"]
    assert one["type"] == "crack"
    assert set(one["length"]) == KEYS
    assert set(one["area"]) == AREA_KEYS
    for name, share in (("p50", 50), ("p95", 95), ("max", 100)):
        width, truth = one["width"][name], float(np.percentile(crack.width_px, share))
        assert width["low_px"] <= truth <= width["high_px"]
        assert width["low_mm"] <= 0.3 * truth <= width["high_mm"]
        assert width["value_mm"] == pytest.approx(0.3 * width["value_px"], rel=1e-3)
    assert one["length"]["low_mm"] <= 0.3 * crack.length_px <= one["length"]["high_mm"]
    assert one["area"]["low_px2"] <= crack.label.sum() <= one["area"]["high_px2"]
    xs, ys = np.array(one["outline"]).T
    rows, cols = np.nonzero(crack.label)
    assert (xs.min(), ys.min()) == pytest.approx((cols.min(), rows.min()), abs=1)
    assert one["grade"]["codes"] == ["d", "e"], "large for RC; nobody knows the spacing"
    assert one["grade"]["status"] == "draft"


def test_millimetres_follow_from_the_pictures_own_metadata(
    files: tuple[Path, Path], crack: Picture, capsys: pytest.CaptureFixture[str]
) -> None:
    exif = Pillow.Exif()
    exif.get_ifd(0x8769).update({0xA405: 50, 0x920A: 50.0})  # a lens of 50 mm on a frame 36 mm wide
    with Pillow.open(files[0]) as picture:
        picture.save(files[0], exif=exif, quality=95)
        gsd_mm = 1000 * 0.2 * 36 / (50 * picture.width)
    found = measured(capsys, files[0], "--mask", files[1], "--stand-off", 0.2)
    # a square picture leaves open whether the 35 mm are those of the width or of the diagonal: sigma says so
    read, sigma = found["image"]["gsd_mm"], found["image"]["gsd_sigma_mm"]
    assert abs(read - gsd_mm) <= 1.96 * sigma < 0.3 * read
    width = found["findings"][0]["width"]["p50"]
    assert width["low_mm"] <= gsd_mm * float(np.median(crack.width_px)) <= width["high_mm"]
    assert width["value_mm"] == pytest.approx(read * width["value_px"], rel=1e-3)


def test_without_a_scale_sizes_stay_in_pixels_and_say_why(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured(capsys, files[0], "--mask", files[1])
    (one,) = found["findings"]
    for size in (one["length"], one["width"]["p50"]):
        assert size["value_px"] is not None
        assert (size["value_mm"], size["low_mm"], size["high_mm"]) == (None, None, None)
        assert "--gsd-mm" in size["reason"]
    assert any("no ground sample distance" in line for line in found["remarks"])
    assert any("material unknown" in line for line in found["remarks"])


def test_a_scale_known_to_half_of_itself_gives_bounds_and_a_statement(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured(capsys, files[0], "--mask", files[1], "--gsd-mm", 0.3, "--gsd-sigma", "50%")
    width = found["findings"][0]["width"]["p95"]
    assert found["image"]["gsd_sigma_mm"] == pytest.approx(0.15)
    assert any("50% only" in line for line in found["remarks"])
    assert width["low_mm"] < 0.1 * width["value_mm"]
    assert width["high_mm"] > 1.9 * width["value_mm"]
    assert found["image"]["resolvable_width"]["value_mm"] is None
    assert "infinite" in found["image"]["resolvable_width"]["reason"]
    assert any("resolvable width is infinite" in line for line in found["remarks"])
    vaguer = measured(capsys, files[0], "--mask", files[1], "--gsd-mm", 0.3, "--gsd-sigma", "60%")
    width = vaguer["findings"][0]["width"]["p95"]
    assert width["value_px"] is not None
    assert width["value_mm"] is None, "1.96 times 60 % leaves nothing that excludes zero"
    assert width["high_mm"] > 2 * 0.3 * width["value_px"]
    assert "too uncertain" in width["reason"]


def test_an_unknown_material_is_graded_both_ways(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    found = measured(capsys, files[0], "--mask", files[1], "--gsd-mm", 0.06)
    grade = found["findings"][0]["grade"]
    assert {case["structure"] for case in grade["alternatives"]} >= {"RC", "PC"}
    assert "RC" in grade["trace_en"]
    assert "PC" in grade["trace_en"]


def test_a_crack_in_a_deck_slab_is_slab_cracking(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    (one,) = measured(capsys, files[0], "--mask", files[1], "--gsd-mm", 0.3, "--member", "Ds")["findings"]
    assert (one["type"], one["damage_id"]) == ("crack", "11")
    assert one["details"]["pattern"] == "one_way"


def test_several_classes_of_one_mask_are_measured_each_in_its_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = np.full((200, 300, 3), 150, np.uint8)
    picture += np.random.default_rng(1).integers(0, 4, picture.shape).astype(np.uint8)
    mask = np.zeros((200, 300), np.uint8)
    mask[50:150, 40:160] = 2
    mask[90:94, 60:140] = 3
    mask[20:180, 250:256] = 4
    cv2.imwrite(str(tmp_path / "p.png"), picture)
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    names = "2=spalling,3=exposed_rebar,4=rust"
    found = measured(capsys, tmp_path / "p.png", "--mask", tmp_path / "m.png", "--classes", names, "--gsd-mm", 2)
    spall, bar, rust = found["findings"]
    assert [one["type"] for one in found["findings"]] == ["spalling", "exposed_rebar", "rust"]
    assert spall["area"]["value_px2"] == 100 * 120 - 4 * 80
    assert spall["rebar_length"]["value_mm"] == pytest.approx(160, rel=0.1)
    assert bar["rebar_length"]["low_mm"] <= 160 <= bar["rebar_length"]["high_mm"]
    assert rust["streak_length"]["value_px"] == pytest.approx(160, abs=2)
    assert spall["width"]["p50"] == {**dict.fromkeys(sorted(KEYS)), "reason": "an area has no width"}
    assert spall["perimeter"]["low_px"] <= 440 <= spall["perimeter"]["high_px"]


def test_an_empty_mask_has_no_findings_and_says_so(
    files: tuple[Path, Path], crack: Picture, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(files[1]), np.zeros_like(crack.grey))
    found = measured(capsys, files[0], "--mask", files[1], "--gsd-mm", 0.3)
    assert found["findings"] == []
    assert any("empty" in line for line in found["remarks"])


def test_the_overlay_and_the_table_are_written(
    files: tuple[Path, Path], crack: Picture, capsys: pytest.CaptureFixture[str]
) -> None:
    out = files[0].with_name("overlay.png")
    status, told, _ = run(capsys, "measure", files[0], "--mask", files[1], "--gsd-mm", 0.3, "--overlay", out)
    assert status == 0
    assert "1 places measured" in told
    drawn = np.asarray(cv2.imread(str(out)))
    assert drawn.shape == (*np.asarray(crack.grey).shape, 3)
    assert (np.ptp(drawn, axis=2) > 30).any(), "outlines are coloured on a grey picture"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--gsd-mm", "nan"), "gsd"),
        (("--gsd-mm", "-1"), "gsd"),
        (("--gsd-mm", "0.3", "--gsd-sigma", "much"), "expected mm/px"),
        (("--gsd-mm", "0.3", "--gsd-sigma", "nan"), "finite number above 0"),
        (("--gsd-mm", "0.3", "--gsd-sigma=-5%"), "finite number above 0"),
        (("--gsd-sigma", "0.1"), "belongs to --gsd-mm"),
        (("--gsd-mm", "0.3", "--stand-off", "2"), "two answers"),
        (("--class", "dragon"), "dragon"),
        (("--classes", "1=crack,1=rust"), "different values"),
        (("--classes", "1=crack"), "255"),
        (("--member", "Zz"), "Zz"),
        (("--model", "crack"), "exclude each other"),
        (("--material", "wood"), "wood"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    status, out, err = run(capsys, "measure", files[0], "--mask", files[1], *words)
    assert status in (1, 2)
    assert said in err
    assert out == ""


def test_a_mask_of_another_size_or_in_colour_is_refused(
    files: tuple[Path, Path], crack: Picture, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(files[1]), np.ones((20, 30), np.uint8))
    assert "30 x 20 px" in run(capsys, "measure", files[0], "--mask", files[1])[2]
    coloured = np.zeros((*crack.grey.shape, 3), np.uint8)
    coloured[5:9, 5:9] = (1, 2, 3)
    cv2.imwrite(str(files[1]), coloured)
    assert "coloured" in run(capsys, "measure", files[0], "--mask", files[1])[2]


def test_a_mask_that_is_no_picture_or_not_there_is_refused_by_name(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    files[1].write_text("this is a letter")
    status, out, err = run(capsys, "measure", files[0], "--mask", files[1])
    assert (status, out) == (1, "")
    assert files[1].name in err
    files[1].unlink()
    assert files[1].name in run(capsys, "measure", files[0], "--mask", files[1])[2]


def test_an_exif_orientation_is_not_applied_because_the_mask_is_of_the_pixels_as_stored(
    files: tuple[Path, Path], crack: Picture, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = measured(capsys, files[0], "--mask", files[1], "--gsd-mm", 0.3)["findings"]
    exif = Pillow.Exif()
    exif[0x0112] = 6
    with Pillow.open(files[0]) as picture:
        picture.save(files[0], exif=exif, quality=95, subsampling=0)
    (turned,) = measured(capsys, files[0], "--mask", files[1], "--gsd-mm", 0.3)["findings"]
    assert turned["outline"] == plain[0]["outline"]
    width = turned["width"]["p50"]
    assert width["low_px"] <= float(np.median(crack.width_px)) <= width["high_px"]


def test_rust_on_steel_is_graded_by_its_share_of_the_member(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = np.random.default_rng(1).integers(140, 150, (200, 300, 3)).astype(np.uint8)
    rust, member = np.zeros((200, 300), np.uint8), np.zeros((200, 300), np.uint8)
    rust[50:150, 40:160], member[40:160, 30:170] = 1, 1
    for name, pixels in (("p", picture), ("rust", rust), ("member", member)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), pixels)
    words = (tmp_path / "p.png", "--mask", tmp_path / "rust.png", "--class", "rust", "--material", "S")
    (open_,) = measured(capsys, *words)["findings"]
    assert (open_["type"], open_["damage_id"]) == ("rust", "1")
    assert open_["grade"]["codes"] == ["b", "c", "d", "e"], "what else is in view, nobody said"
    (known,) = measured(capsys, *words, "--member-mask", tmp_path / "member.png")["findings"]
    assert known["grade"]["codes"] == ["c", "e"], "5/7 of the member: large; the depth stays open"
    (bearing,) = measured(capsys, *words, "--member", "支承本体")["findings"]
    assert (bearing["damage_id"], "conflict" in bearing) == ("1", False)
    (concrete,) = measured(capsys, *words[:-2])["findings"]
    assert concrete["damage_id"] == "8"
    cv2.imwrite(str(tmp_path / "member.png"), member[:50])
    assert "300 x 50 px" in run(capsys, "measure", *words, "--member-mask", tmp_path / "member.png")[2]


def test_marks_where_the_picture_cannot_be_judged_are_measured_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = np.random.default_rng(1).integers(120, 160, (600, 800, 3)).astype(np.uint8)
    picture[:, 400:] = 255
    mask = np.zeros((600, 800), np.uint8)
    mask[200:400, 500:700] = 1
    cv2.imwrite(str(tmp_path / "p.png"), picture)
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    found = measured(capsys, tmp_path / "p.png", "--mask", tmp_path / "m.png", "--class", "efflorescence")
    assert found["findings"][0]["area"]["value_px2"] == 200 * 200
    assert any("over-exposed" in line and "less sure" in line for line in found["remarks"])


def test_a_file_that_is_no_picture_is_refused(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    files[0].write_text("this is a letter")
    status, out, err = run(capsys, "measure", files[0], "--mask", files[1])
    assert (status, out) == (1, "")
    assert files[0].name in err


@pytest.mark.parametrize("kind", ["grey", "alpha", "sixteen"])
def test_grey_alpha_and_16_bit_pictures_are_measured_alike(
    files: tuple[Path, Path], crack: Picture, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    picture = files[0].with_suffix(".png")
    rgb = cv2.cvtColor(crack.grey, cv2.COLOR_GRAY2BGR)
    made = {
        "grey": crack.grey,
        "alpha": np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]),
        "sixteen": rgb.astype(np.uint16) * 257,
    }[kind]
    cv2.imwrite(str(picture), made)
    (one,) = measured(capsys, picture, "--mask", files[1], "--gsd-mm", 0.3)["findings"]
    width = one["width"]["p50"]
    assert width["low_px"] <= float(np.median(crack.width_px)) <= width["high_px"]


@pytest.mark.slow
def test_without_a_mask_the_models_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = ConcreteSpec(width_px=640, height_px=480, gsd_mm=0.5, cracks=1, crack_width_mm=(1.5, 2.5), branches=0.0)
    photo = generate_concrete(np.random.default_rng(4), spec)
    Pillow.fromarray(photo.image).save(tmp_path / "wall.png")
    found = measured(capsys, tmp_path / "wall.png", "--gsd-mm", 0.5, "--gsd-sigma", "2%", "--material", "PC")
    cracks = [one for one in found["findings"] if one["type"] == "crack"]
    (truth,) = photo.cracks
    longest = max(cracks, key=lambda one: one["length"]["value_mm"])
    assert longest["width"]["p95"]["low_mm"] <= truth.width_p95_mm <= longest["width"]["p95"]["high_mm"]
