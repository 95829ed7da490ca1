"""From the numbers in a STAC asset to reflectance: scale and offset by the item's word, checked on the pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from findings.errors import RecordError
from findings.survey import Radiometry
from imagery.masks import Classes, MaskClass, from_fmask, from_qa_pixel, from_scl
from imagery.radiometry import OFFSET_DN, check_offset
from imagery.sources.stac_assets import BASELINE_WITH_OFFSET, Family, MaskKind, StacScene
from imagery.types import FloatArray

S2_SCALE = 1e-4
LANDSAT_SCALE, LANDSAT_OFFSET = 2.75e-5, -0.2  # Landsat 8-9 Collection 2 Level 2 Science Product Guide, table 6-1
HLS_SCALE = 1e-4  # HLS Product User Guide 2.0, 6.3
HLS_NODATA = -9999.0


@dataclass(frozen=True, slots=True)
class Scaling:
    """What turns stored numbers into values.

    Attributes:
        radiometry: what the values are.
        factors: band to scale and offset; value = stored x scale + offset.
        nodata: stored value of "not observed" where a file does not say it, or None.
        note: how it is known.
    """

    radiometry: Radiometry
    factors: Mapping[str, tuple[float, float]]
    nodata: float | None
    note: str

    def apply(self, stored: FloatArray, bands: Sequence[str]) -> FloatArray:
        """Return values of stored numbers ``(C, H, W)``."""
        out = np.empty_like(stored)
        for place, band in enumerate(bands):
            scale, offset = self.factors[band]
            out[place] = stored[place] * np.float32(scale) + np.float32(offset)
        return out


def claimed_offset(scene: StacScene, bands: Sequence[str]) -> tuple[bool, str]:
    """Return whether a Sentinel-2 item says that the +1000 is still in its numbers, and where it says so.

    The flag of Earth Search counts first: its ``raster:bands`` carry the offset whether or not it was taken out
    (Element84/earth-search #9, #71). Then the offset of the band, then the processing baseline; never the date, as
    earlier dates were reprocessed.

    Raises:
        RecordError: the item says nothing, or an offset that Sentinel-2 does not have.
    """
    properties = scene.properties
    flag = properties.get("earthsearch:boa_offset_applied", properties.get("sentinel:boa_offset_applied"))
    offsets = {scene.bands[band].offset for band in bands}
    if flag is True:
        return False, "flag boa_offset_applied"
    if flag is not False and None not in offsets:
        if offsets <= {0.0}:
            return False, "offset 0 of its bands"
        if all(value is not None and abs(value + OFFSET_DN * S2_SCALE) < 1e-6 for value in offsets):
            return True, "offset -0.1 of its bands"
        raise RecordError(f"{scene.id}: offsets {sorted(map(str, offsets))}; Sentinel-2 has -0.1 in all bands, or 0")
    if scene.baseline is None:
        raise RecordError(
            f"{scene.id}: nothing says whether the +1000 offset is in the values (neither boa_offset_applied, nor "
            "raster:bands, nor s2:processing_baseline); take another service"
        )
    return scene.baseline >= BASELINE_WITH_OFFSET, f"processing baseline {scene.baseline:05.2f}"


def scaling_of(scene: StacScene, bands: Sequence[str], data_types: Sequence[str], sample_dn: FloatArray) -> Scaling:
    """Return what turns the stored numbers of an item into values, checked on a sample of its pixels.

    Args:
        scene: the item.
        bands: canonical names.
        data_types: of their files.
        sample_dn: stored numbers ``(C, H, W)``, NaN = not observed.

    Raises:
        RecordError: nothing says what the numbers mean.
    """
    if scene.family is not Family.OTHER and "uint8" in data_types:
        raise RecordError(f"{scene.id}: a band is an 8-bit picture, no reflectance; tell the service")
    if scene.family is Family.SENTINEL2:
        claimed, source = claimed_offset(scene, bands)
        verdict = check_offset(sample_dn, bands, claimed)
        factors = dict.fromkeys(bands, (S2_SCALE, verdict.add_dn * S2_SCALE))
        return Scaling(Radiometry.REFLECTANCE, factors, 0.0, f"{verdict.note} (claimed by the {source})")
    if scene.family is Family.LANDSAT:
        factors = {band: _factors(scene, band, LANDSAT_SCALE, LANDSAT_OFFSET) for band in bands}
        return Scaling(Radiometry.REFLECTANCE, factors, 0.0, "surface reflectance of Landsat Collection 2")
    if scene.family is Family.HLS:
        factors = {band: _factors(scene, band, HLS_SCALE, 0.0) for band in bands}
        return Scaling(Radiometry.REFLECTANCE, factors, HLS_NODATA, "surface reflectance of HLS")
    return _other(scene, bands, data_types)


def _other(scene: StacScene, bands: Sequence[str], data_types: Sequence[str]) -> Scaling:
    scales = [scene.bands[band].scale for band in bands]
    nodata = scene.bands[bands[0]].nodata
    if all(kind == "uint8" for kind in data_types):
        factors = dict.fromkeys(bands, (1.0, 0.0))
        return Scaling(Radiometry.DISPLAY, factors, nodata, "8-bit values: stretched for the eye, no reflectance")
    if all(scale is not None and 0 < scale < 1 for scale in scales):
        factors = {band: _factors(scene, band, 1.0, 0.0) for band in bands}
        return Scaling(Radiometry.REFLECTANCE, factors, nodata, "scale and offset as the item says")
    raise RecordError(
        f"{scene.id}: nothing says what the values of {','.join(bands)} mean (no scale in the item); take a collection "
        "with surface reflectance"
    )


def _factors(scene: StacScene, band: str, scale: float, offset: float) -> tuple[float, float]:
    source = scene.bands[band]
    if source.scale is None or source.scale == 1.0:
        return scale, offset
    return source.scale, source.offset or 0.0


def classes_of(kind: MaskKind, stored: FloatArray) -> Classes:
    """Return mask classes ``(H, W)`` of the stored numbers of a mask asset; NaN is no data."""
    known = np.isfinite(stored)
    codes = np.where(known, stored, 0).astype(np.int64)
    if kind is MaskKind.SCL:
        classes = from_scl(codes)
    else:
        classes = from_fmask(codes) if kind is MaskKind.FMASK else from_qa_pixel(codes)
    return np.where(known, classes, np.uint8(MaskClass.NO_DATA)).astype(np.uint8)
