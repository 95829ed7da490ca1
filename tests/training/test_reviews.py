from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from shapely.geometry import Polygon, box

from findings.errors import ConfigError
from findings.finding import Finding, FindingStatus, Provenance
from findings.measure import Measure
from findings.review import PictureReview, Review, standing
from findings.store import Store, store_url
from findings.survey import Image, ImageStatus, Quality, Scale
from imagery.types import Window
from models.card import ClassSpec
from tests.findings.store.samples import RUN, a_finding, an_image
from training.config import SourceConfig
from training.datasets import open_source
from training.datasets.reviewed import ABSENT, MANIFEST, PRESENT, REJECTED, UNKNOWN, read_reviewed
from training.datasets.sample import Sample
from training.fingerprint import Fingerprints
from training.leakage import Member
from training.outlines import outline_mask
from training.reviews import MARGIN_PX, Reviewed, build, coded_masks, reviewed_pictures

AT = datetime(2026, 6, 2, tzinfo=UTC)
RGB = ("red", "green", "blue")
CLASSES = (ClassSpec(name="crack", damage="6", threshold=0.5), ClassSpec(name="rust", damage="8", threshold=0.5,
                                                                         facts={"rust_or_mud": True}))  # fmt: skip
CRACK, FALSE, OPEN = box(20, 30, 80, 34), box(120, 100, 180, 104), box(20, 100, 80, 104)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """A picture of 200 x 150 px on disk."""
    path = tmp_path / "photos" / "a.png"
    path.parent.mkdir()
    cv2.imwrite(str(path), np.random.default_rng(3).integers(0, 255, (150, 200, 3), dtype=np.uint8))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(
        an_image("a.png"), path=str(path), sha256=digest, width_px=200, height_px=150, quality=Quality(True),
        status=ImageStatus.INSPECTED,
    )  # fmt: skip


def read(path: str) -> np.ndarray:
    found = cv2.imread(path)
    assert found is not None
    return found


def a_review(uid: str, decision: FindingStatus, **changes: Any) -> Review:
    return Review(f"r-{uid}-{decision}", uid, decision, "hanako", AT, "api", **changes)


def one(image: Image, outline: Polygon, *reviews: Review, **changes: Any) -> Any:
    return standing(a_finding(image, geometry_px=outline, measures=(), **changes), reviews)


def masks(image: Image, *standings: Any, complete: bool = False) -> dict[str, np.ndarray]:
    return coded_masks(Reviewed(image, "2026", "bridge-1", standings, complete), CLASSES)


CONFIRMED = a_review("finding-1", FindingStatus.CONFIRMED)
REJECTION = a_review("finding-1", FindingStatus.REJECTED)


def test_an_outline_covers_the_pixels_whose_centres_lie_inside() -> None:
    drawn = outline_mask(box(2, 1, 5, 3), Window(0, 0, 8, 6))
    assert drawn.sum() == 6
    assert drawn[1:3, 2:5].all()
    shifted = outline_mask(box(2, 1, 5, 3), Window(2, 1, 3, 2))
    assert shifted.all()
    ring = Polygon([(0, 0), (8, 0), (8, 8), (0, 8)], [[(2, 2), (6, 2), (6, 6), (2, 6)]])
    assert outline_mask(ring, Window(0, 0, 8, 8)).sum() == 64 - 16


def test_a_confirmed_outline_is_there_its_surroundings_are_not_and_the_rest_is_unknown(image: Image) -> None:
    found = masks(image, one(image, CRACK, CONFIRMED))
    assert set(found) == {"crack"}, "nobody said anything about rust"
    crack = found["crack"]
    assert (crack[30:34, 20:80] == PRESENT).all()
    assert (crack == PRESENT).sum() == 4 * 60
    assert crack[29, 50] == UNKNOWN, "where exactly the edge lies, an outline does not say"
    assert crack[34 + MARGIN_PX - 1, 50] == ABSENT
    assert crack[34 + MARGIN_PX + 1, 50] == UNKNOWN
    assert crack[120, 150] == UNKNOWN


def test_a_rejected_outline_is_a_hard_negative_with_a_margin(image: Image) -> None:
    crack = masks(image, one(image, FALSE, REJECTION))["crack"]
    assert (crack[100:104, 120:180] == REJECTED).all()
    assert crack[90, 150] == ABSENT
    assert not (crack == PRESENT).any()


def test_a_corrected_outline_counts_and_what_it_leaves_out_is_not_there(image: Image) -> None:
    better = box(20, 30, 50, 33)
    crack = masks(image, one(image, CRACK, replace(CONFIRMED, geometry_px=better)))["crack"]
    assert (crack == PRESENT).sum() == 30 * 3
    assert crack[32, 70] == ABSENT


@pytest.mark.parametrize(
    "decision", [FindingStatus.CANDIDATE, FindingStatus.DUPLICATE, FindingStatus.NEEDS_CLOSE_INSPECTION]
)
def test_what_was_left_open_trains_nothing_even_beside_what_was_decided(image: Image, decision: FindingStatus) -> None:
    near = box(20, 36, 80, 40)
    crack = masks(image, one(image, CRACK, CONFIRMED), one(image, near, replace(CONFIRMED, decision=decision)))["crack"]
    assert (crack[37:40, 20:80] == UNKNOWN).all()
    assert (crack[30:34, 20:80] == PRESENT).all()
    assert masks(image, one(image, near, replace(CONFIRMED, decision=decision))) == {}


def test_an_open_finding_inside_the_margin_stays_unknown(image: Image) -> None:
    crack = masks(image, one(image, CRACK, CONFIRMED), one(image, box(20, 36, 80, 40)))["crack"]
    assert (crack[37:40, 20:80] == UNKNOWN).all()


def test_another_class_is_there_and_the_first_one_was_wrong(image: Image) -> None:
    found = masks(image, one(image, CRACK, replace(CONFIRMED, label="rust")))
    assert (found["crack"][30:34, 20:80] == REJECTED).all()
    assert (found["rust"][30:34, 20:80] == PRESENT).all()


def test_a_complete_picture_is_known_everywhere_once_every_finding_was_looked_at(image: Image) -> None:
    whole = masks(image, one(image, CRACK, CONFIRMED), complete=True)
    assert set(whole) == {"crack", "rust"}
    assert (whole["rust"] == ABSENT).all()
    assert (whole["crack"] == UNKNOWN).mean() < 0.01, "but for the rim of the outline"
    unfinished = masks(image, one(image, CRACK, CONFIRMED), one(image, OPEN), complete=True)
    assert (unfinished["crack"] == UNKNOWN).mean() > 0.5
    nothing = masks(image, complete=True)
    assert all((values == ABSENT).all() for values in nothing.values())


def test_the_filled_hole_of_a_branching_crack_is_unknown_and_not_a_crack(image: Image) -> None:
    wide = Measure("width_p95", 3.0, "px", 2.0, 4.0, "profile")
    around_a_hole = box(20, 20, 100, 90)
    finding = a_finding(image, geometry_px=around_a_hole, measures=(wide,))
    crack = masks(image, standing(finding, [CONFIRMED]))["crack"]
    assert crack[55, 60] == UNKNOWN
    assert crack[21, 60] == PRESENT
    drawn = masks(image, standing(finding, [replace(CONFIRMED, geometry_px=around_a_hole)]))["crack"]
    assert drawn[55, 60] == PRESENT, "a person drew it so"


@pytest.fixture
def store(tmp_path: Path, image: Image) -> Any:
    """A store with one survey: a true crack, a false one and one that nobody has looked at."""
    with Store(store_url(tmp_path), tmp_path) as opened:
        opened.upgrade()
        survey, _ = opened.open_survey("2026", None, [image])
        (stored,) = opened.images(survey.uid)
        findings = [
            a_finding(stored, uid, geometry_px=outline, evidence={})
            for uid, outline in (("true", CRACK), ("false", FALSE), ("open", OPEN))
        ]
        opened.record_image(replace(stored, status=ImageStatus.INSPECTED), RUN, findings)
        yield opened


def reviewed(store: Store) -> list[Reviewed]:
    store.add_reviews([a_review("true", FindingStatus.CONFIRMED), a_review("false", FindingStatus.REJECTED)])
    return reviewed_pictures(store, ["2026"])


def source(root: Path) -> SourceConfig:
    return SourceConfig(kind="reviews", name="reviews", licence="own", ships=False, root=root)


def test_a_picture_without_a_review_trains_nothing(store: Store, tmp_path: Path) -> None:
    assert reviewed_pictures(store) == []
    with pytest.raises(ConfigError, match=r"nothing was reviewed.*reviews export"):
        build([], tmp_path / "datasets" / "crack-reviews", based_on="crack@1", classes=CLASSES)
    assert not (tmp_path / "datasets").exists() or not list((tmp_path / "datasets" / "crack-reviews").iterdir())


def test_a_version_is_built_once_and_the_next_one_names_its_parent(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "datasets" / "crack-reviews"
    first = build(reviewed(store), folder, based_on="crack@1", classes=CLASSES)
    assert (first.new, first.root, first.confirmed, first.rejected) == (True, folder / "1", 1, 1)
    (item,) = first.manifest.items
    assert (item.group, item.decisions) == (
        "survey 2026", {"true": "confirmed", "false": "rejected", "open": "candidate"},
    )  # fmt: skip
    again = build(reviewed_pictures(store), folder, based_on="crack@1", classes=CLASSES)
    assert (again.new, again.root) == (False, folder / "1")
    store.add_reviews([a_review("open", FindingStatus.REJECTED)])
    second = build(reviewed_pictures(store), folder, based_on="crack@1", classes=CLASSES)
    assert second.manifest.parent == first.manifest.digest
    assert (second.root.name, second.rejected) == ("2", 2)
    assert read_reviewed(folder / "1") == first.manifest
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2"]


def test_half_of_the_crops_lie_where_the_model_was_wrong(store: Store, tmp_path: Path) -> None:
    built = build(reviewed(store), tmp_path / "d" / "c", based_on="crack@1", classes=CLASSES)
    opened = open_source(source(built.root), RGB, ("crack", "rust"))
    rng = np.random.default_rng(0)
    crops: list[Sample] = [opened.draw(rng, 48) for _ in range(200)]
    hard = sum(not crop.target.any() for crop in crops)
    assert 70 <= hard <= 130
    assert all(crop.known[0].any() and not crop.known[1].any() for crop in crops)
    assert all(crop.pixels.shape == (3, 48, 48) for crop in crops)
    (whole,) = list(opened.whole())
    assert whole.target[0].sum() == 4 * 60
    assert not whole.known[0, 100:104, 20:80].any()


def test_a_reviewed_picture_that_measures_is_left_out_even_as_a_near_duplicate(
    store: Store, image: Image, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.jpg"
    smooth = cv2.resize(read(image.path), (20, 15), interpolation=cv2.INTER_AREA)
    cv2.imwrite(image.path, cv2.resize(smooth, (200, 150), interpolation=cv2.INTER_CUBIC))
    picture = reviewed(store)[0]
    digest = hashlib.sha256(Path(image.path).read_bytes()).hexdigest()
    picture = replace(picture, image=replace(picture.image, sha256=digest))
    cv2.imwrite(str(copy), read(image.path), [cv2.IMWRITE_JPEG_QUALITY, 60])
    for path in (Path(image.path), copy):
        member = Member("measures", "test: p1", "test", "g", Fingerprints().picture(path))
        with pytest.raises(ConfigError, match="or nearly are, among those that choose or measure: 1"):
            build([picture], tmp_path / "d" / "c", based_on="crack@1", classes=CLASSES, measured=[member])


def test_a_picture_that_is_gone_or_changed_is_left_out_and_told(store: Store, image: Image, tmp_path: Path) -> None:
    pictures = reviewed(store)
    Path(image.path).write_bytes(b"another")
    with pytest.raises(ConfigError, match="pictures that were changed since their ingest: 1"):
        build(pictures, tmp_path / "d" / "c", based_on="crack@1", classes=CLASSES)
    Path(image.path).unlink()
    with pytest.raises(ConfigError, match="pictures that are no longer at their place: 1"):
        build(pictures, tmp_path / "d" / "c", based_on="crack@1", classes=CLASSES)


def test_findings_of_a_class_that_the_model_does_not_tell_are_counted(store: Store, tmp_path: Path) -> None:
    pictures = reviewed(store)
    with pytest.raises(ConfigError, match="findings of classes that the model does not tell: 2"):
        build(pictures, tmp_path / "d" / "c", based_on="rust@1", classes=CLASSES[1:])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("manifest", "no data set of reviews"),
        ("no manifest", "train --from-reviews"),
        ("image gone", "gone since it was reviewed"),
        ("image changed", "changed since it was reviewed"),
        ("mask changed", "changed since it was reviewed"),
        ("mask outside", "not a path inside"),
    ],
)
def test_a_damaged_version_is_refused_by_name(
    store: Store, image: Image, tmp_path: Path, damage: str, words: str
) -> None:
    root = build(reviewed(store), tmp_path / "d" / "c", based_on="crack@1", classes=CLASSES).root
    manifest, mask = root / MANIFEST, next(root.glob("masks/*/crack.png"))
    if damage == "manifest":
        manifest.write_text('{"items": 3}')
    elif damage == "no manifest":
        manifest.unlink()
    elif damage == "image gone":
        Path(image.path).unlink()
    elif damage == "image changed":
        cv2.imwrite(image.path, np.zeros((150, 200, 3), np.uint8))
    elif damage == "mask changed":
        cv2.imwrite(str(mask), np.zeros((150, 200), np.uint8))
    else:
        manifest.write_text(manifest.read_text().replace("masks/", "../masks/"))
    with pytest.raises(ConfigError, match=words):
        open_source(source(root), RGB, ("crack",))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": "train"}, "no use for split"),
        ({"scale": 0.5}, "no use for scale"),
        ({"root": None}, "needs root"),
        ({"options": {"crop": 1}}, "it takes cache_mb"),
    ],
)
def test_settings_that_would_be_passed_over_are_refused(
    store: Store, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    root = build(reviewed(store), tmp_path / "d" / "c", based_on="crack@1", classes=CLASSES).root
    with pytest.raises(ConfigError, match=words):
        open_source(source(root).model_copy(update=change), RGB, ("crack",))
    with pytest.raises(ConfigError, match="its masks are of crack, the model tells moss"):
        open_source(source(root), RGB, ("moss",))


def test_a_picture_that_was_only_looked_over_is_a_negative(store: Store, tmp_path: Path) -> None:
    (picture,) = reviewed(store)
    store.add_reviews([a_review("open", FindingStatus.CANDIDATE)])
    store.add_reviews([], [], [PictureReview("p", picture.image.uid, True, "hanako", AT, "api")])
    built = build(reviewed_pictures(store), tmp_path / "d" / "c", based_on="crack@1", classes=CLASSES)
    (item,) = built.manifest.items
    assert item.complete
    (whole,) = list(open_source(source(built.root), RGB, ("crack", "rust")).whole())
    assert whole.known[1].all()
    assert not whole.known[0, 100:104, 20:80].any(), "looked at and left open"


def test_a_person_drawn_finding_trains_like_any_other(store: Store, tmp_path: Path) -> None:
    (picture,) = reviewed(store)
    made = Provenance("person", "1", "", 0.0, picture.image.sha256, "0.1.0")
    missed: Finding = a_finding(
        picture.image,
        "drawn",
        geometry_px=box(100, 20, 190, 26),
        provenance=made,
        measures=(),
        scale=Scale(),
        evidence={},
    )
    store.add_reviews([a_review("drawn", FindingStatus.CONFIRMED)], [missed])
    built = build(reviewed_pictures(store), tmp_path / "d" / "c", based_on="crack@1", classes=CLASSES)
    (whole,) = list(open_source(source(built.root), RGB, ("crack",)).whole())
    assert whole.target[0, 20:26, 100:190].all()
    assert built.confirmed == 2
