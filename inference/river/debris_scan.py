"""R19 on the pictures of a survey: rafts of driftwood, the bridge opening that they block, and the findings of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from shapely.geometry import LineString

from findings.asset import Asset, AssetKind
from findings.errors import InputError, NotAssessable, UnreadableImage
from findings.finding import Finding
from findings.insar import deck_line
from findings.measure import Measure
from findings.store import Store
from findings.store.rank import rank_all
from findings.survey import Image, ImageStatus
from imagery.reader import open_image
from imagery.types import Window
from inference.evidence import photo_evidence, series_evidence
from inference.overlay import display_rgb
from inference.pixel_size import pixel_size_m
from inference.river import debris
from inference.river.debris import Opening, blocked_openings, find_debris
from inference.river.grid import reproject
from inference.river.look import ScenePart, moved, window_around
from inference.river.opening import BridgeView, bridge_view
from inference.river.records import scene_findings
from inference.river.rules import rule_digest, rule_run

MODEL, VERSION = "driftwood-texture", "1"
"""Under this name rafts are kept: a rule with the limits of `inference.river.debris`, experimental."""
LIMITS = {
    name: getattr(debris, name)
    for name in ("LIMITS", "SOFTNESS", "COARSER", "THRESHOLD", "LEAST_M2", "BREADTH_M", "LONGEST", "LEAST_TOUCH")
}
MAX_PX = 60_000_000
"""A larger picture is read around its bridge only."""
MAX_TILT_DEG = 20.0
"""Off straight down: lengths in an oblique picture are no lengths on the water (our proposal)."""
AROUND_BRIDGE_M = 60.0
BANKS_OF = 24
"""The banks are those of the latest so many scenes that shows most."""


@dataclass(frozen=True, slots=True)
class DebrisOptions:
    """What a look for driftwood is asked to do.

    Attributes:
        bridge: whose opening is judged on georeferenced pictures; None: no bridge.
        opening: of the only picture, in its pixels; None: that of the bridge, or none.
    """

    bridge: Asset | None = None
    opening: Opening | None = None


@dataclass(slots=True)
class PictureOutcome:
    """What one picture showed: findings as recorded, blocked width by opening, or why it cannot tell."""

    name: str
    findings: list[Finding] = field(default_factory=list)
    blocked: dict[str, Measure] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    not_assessed: str = ""


def scan_debris(
    store: Store, asset: Asset, images: Sequence[Image], home: Path, options: DebrisOptions
) -> list[PictureOutcome]:
    """Look for rafts on pictures of a reach, write what is found, and rank.

    Args:
        store: at head.
        asset: the reach; a bridge near a finding shares it through the reach.
        images: of a survey; each is judged by itself.
        home: evidence is written below it.
        options: the bridge or opening.

    Raises:
        InputError: no reach, no picture, an opening for several pictures, or a bridge without breadth.
    """
    if asset.kind is not AssetKind.RIVER_REACH:
        raise InputError(f"{asset.uid} is a {asset.kind.value}; driftwood lies in a river_reach: give --reach")
    if not images:
        raise InputError("the survey has no picture; ingest some first")
    if options.opening is not None and len(images) > 1:
        raise InputError(f"one opening and {len(images)} pictures; an opening is given in the pixels of one picture")
    outcomes = [_picture(store, asset, image, home, options) for image in images]
    rank_all(store)
    return outcomes


def _picture(store: Store, asset: Asset, image: Image, home: Path, options: DebrisOptions) -> PictureOutcome:
    out = PictureOutcome(Path(image.path).name)
    try:
        part = _read(image, options.bridge)
        site = None if options.bridge is None else _site(store, asset, options.bridge, part, out)
    except (InputError, NotAssessable, UnreadableImage) as error:
        out.not_assessed = str(error)
        return out
    openings = [o for o in (options.opening, None if site is None else site.opening) if o is not None]
    channel = None if site is None else site.channel
    report = find_debris(part.bands, part.pixel_m, channel=channel, openings=openings)
    if report.refusals:
        out.not_assessed = "; ".join(report.refusals)
        return out
    out.blocked = blocked_openings(report, openings, part.rgb.shape[:2], part.pixel_m)
    asked = {"bridge": None if options.bridge is None else options.bridge.uid, "openings": [o.name for o in openings]}
    run = rule_run((MODEL, VERSION), LIMITS, asked)
    known = store.findings_of_images([image.uid], inactive=True)[image.uid]
    mine = [one for one in known if one.provenance.model == MODEL]
    digest, rule = rule_digest(LIMITS), (MODEL, VERSION)
    found = scene_findings(report.findings, part, asset, mine, digest, run.parameters, model=rule)
    out.findings = [_evidence(home, one, part) for one in found]
    store.record_image(replace(image, status=ImageStatus.INSPECTED, reason=None), run, out.findings)
    return out


def _evidence(home: Path, one: Finding, part: ScenePart) -> Finding:
    if part.image.crs is None:
        return photo_evidence(home, part.rgb, one, mask=part.mask)
    return series_evidence(home, one, part, None)


def _read(image: Image, bridge: Asset | None) -> ScenePart:
    """Return a picture, or its part around the bridge where it has a place.

    Raises:
        NotAssessable: unfit for judging, oblique, of unknown pixel size, too large, or away from the bridge.
    """
    if not image.quality.assessable:
        raise NotAssessable("; ".join(image.quality.reasons))
    if image.incidence_deg is not None and image.incidence_deg > MAX_TILT_DEG:
        raise NotAssessable(
            f"taken {image.incidence_deg:.0f} degrees off straight down; blocked widths need {MAX_TILT_DEG:.0f} at most"
        )
    pixel_m = pixel_size_m(image)
    if pixel_m is None:
        raise NotAssessable("the pixel size is unknown; ingest the picture with --gsd-mm")
    window = Window(0, 0, image.width_px, image.height_px)
    if bridge is not None and image.crs is not None:
        window = window_around(image, _corners(bridge), "EPSG:4326")
    if window.width * window.height > MAX_PX:
        raise NotAssessable(
            f"{window.width * window.height / 1e6:.0f} megapixels, at most {MAX_PX / 1e6:.0f} are judged at a time; "
            "give --bridge, or cut the picture"
        )
    mask_path = None if image.mask_path is None else Path(image.mask_path)
    with open_image(Path(image.path), bands=image.band_names, mask=mask_path) as reader:
        names = [name for name in ("red", "green", "blue", "nir") if name in reader.bands]
        bands = dict(zip(names, reader.read(window, names).values, strict=True)) if names else {}
        mask = reader.read_mask(window)
        rgb = display_rgb(reader.read(window, masked=False), mask=mask)
    transform = moved(image.transform or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), window)
    return ScenePart(
        image=image, window=window, transform=transform, bands=bands, rgb=rgb, mask=mask, pixel_m=pixel_m
    )  # fmt: skip


def _corners(bridge: Asset) -> np.ndarray:
    """Return the corners of a box around a bridge's deck, lon, lat ``(4, 2)``."""
    west, south, east, north = deck_line(bridge).bounds
    high = AROUND_BRIDGE_M / 111_320.0
    wide = high / max(np.cos(np.radians((south + north) / 2)), 1e-3)
    west, south, east, north = west - wide, south - high, east + wide, north + high
    return np.array([[west, south], [west, north], [east, south], [east, north]])


def _site(store: Store, asset: Asset, bridge: Asset, part: ScenePart, out: PictureOutcome) -> BridgeView | None:
    """Return the opening of a bridge in a picture, or None with a note where the picture has no place.

    Raises:
        InputError: the bridge has no breadth, or the reach was never scanned.
        NotAssessable: the banks near the deck are not known.
    """
    if part.image.crs is None:
        out.notes.append("no georeference: the bridge's opening has no place in it; give --opening in pixels")
        return None
    breadth = bridge.attributes.get("width_m")
    if not isinstance(breadth, int | float) or breadth <= 0:
        raise InputError(f"the breadth of {bridge.uid} is not known; give its attribute width_m (全幅員)")
    if asset.uid not in store.rivers():
        raise InputError(f"the banks of {asset.uid} are not known; `mizuhashi river scan --reach {asset.uid}` first")
    observed = [one.observation for one in store.river_observations(asset.uid, latest=BANKS_OF)]
    best = max(observed, key=lambda one: (one.assessed_share, one.captured_at))
    frame = store.river(asset.uid).frame
    deck = deck_line(bridge)
    x, y = reproject("EPSG:4326", frame.crs, *np.asarray(deck.coords)[:, :2].T)
    if LineString(np.stack([x, y], axis=1)).distance(LineString(frame.line_xy)) > frame.half_length_m.max():
        raise NotAssessable(f"{bridge.uid} lies beside the transects of {asset.uid}; give the reach that it crosses")
    out.notes.append(f"banks of {best.captured_at:%Y-%m-%d}; piers are not known and count as open")
    return bridge_view(deck, float(breadth), frame, best, part.grid)
