"""What is asked of each Sentinel collection: bands, evalscript, processing, cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from findings.errors import InputError
from findings.survey import Radiometry
from imagery.bands import canonical

SCL = "SCL"
DATA_MASK = "dataMask"
PIXEL_M = 10.0

_S2_BANDS = {
    "coastal": "B01", "blue": "B02", "green": "B03", "red": "B04", "rededge1": "B05", "rededge2": "B06",
    "rededge3": "B07", "nir": "B08", "nir08": "B8A", "nir09": "B09", "swir1": "B11", "swir2": "B12",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection as it is asked for here.

    Attributes:
        key: the name on the command line.
        stac_id: the id in catalogue and folder.
        member: the name in sentinelhub's ``DataCollection``.
        band_codes: canonical name -> the service's name.
        default_bands: canonical names.
        extra: codes that are always read besides the bands; ``dataMask`` comes last.
        units: of the values in the evalscript.
        sample_type: of the output.
        bits: of one output value.
        radiometry: of the scenes that it becomes.
        processing: the ``processing`` part of a request.
        orthorectified: whether that costs double.
        clouded: whether clouds hide the ground.
    """

    key: str
    stac_id: str
    member: str
    band_codes: dict[str, str]
    default_bands: tuple[str, ...]
    extra: tuple[str, ...]
    units: str
    sample_type: str
    bits: int
    radiometry: Radiometry
    processing: dict[str, Any] = field(default_factory=dict)
    orthorectified: bool = False
    clouded: bool = False

    def charged_bands(self, bands: Sequence[str]) -> int:
        """Return how many input bands are charged: all but ``dataMask``."""
        return len(bands) + len([code for code in self.extra if code != DATA_MASK])


S2_L2A = Collection(
    key="s2-l2a",
    stac_id="sentinel-2-l2a",
    member="SENTINEL2_L2A",
    band_codes=_S2_BANDS,
    # What the water and river models read.
    default_bands=("blue", "green", "red", "nir", "swir1", "swir2"),
    extra=(SCL, DATA_MASK),
    units="DN",  # with UINT16 half the price of reflectance in FLOAT32, and exact
    sample_type="UINT16",
    bits=16,
    radiometry=Radiometry.REFLECTANCE,
    # True is the service's own default; said aloud, because the radiometric contract hangs on it. Nearest: the 20 m
    # bands keep their values, and classes of SCL must not be averaged.
    processing={"harmonizeValues": True, "upsampling": "NEAREST", "downsampling": "NEAREST"},
    clouded=True,
)
S1_GRD = Collection(
    key="s1-grd",
    stac_id="sentinel-1-grd",
    member="SENTINEL1_IW",
    band_codes={"vv": "VV", "vh": "VH"},
    default_bands=("vv", "vh"),
    extra=(DATA_MASK,),
    units="LINEAR_POWER",  # averaged and resampled as power, turned into dB here
    sample_type="FLOAT32",
    bits=32,
    radiometry=Radiometry.BACKSCATTER_DB,
    processing={"backCoeff": "SIGMA0_ELLIPSOID", "orthorectify": True, "demInstance": "COPERNICUS_30"},
    orthorectified=True,
)
COLLECTIONS = {collection.key: collection for collection in (S2_L2A, S1_GRD)}


def check_bands(collection: Collection, bands: Sequence[str] | None) -> tuple[str, ...]:
    """Return canonical names of the bands to ask for; None: the collection's usual ones.

    Raises:
        InputError: a band that the collection does not have, or one twice.
    """
    if bands is None:
        return collection.default_bands
    names = tuple(canonical(band) for band in bands)
    unknown = [name for name in names if name not in collection.band_codes]
    if unknown or len(set(names)) != len(names) or not names:
        raise InputError(
            f"bands {','.join(bands)}: {collection.key} has {', '.join(collection.band_codes)}; name each band once"
        )
    return names


def codes(collection: Collection, bands: Sequence[str]) -> tuple[str, ...]:
    """Return the service's names of what one answer holds, in the order of its channels."""
    return (*(collection.band_codes[band] for band in bands), *collection.extra)


def evalscript(collection: Collection, bands: Sequence[str]) -> str:
    """Return the evalscript (V3) whose one TIFF holds the bands, then SCL where there is one, then ``dataMask``.

    Source: docs.sentinel-hub.com/api/latest/evalscript/v3. Units are given band by band, because SCL and dataMask have
    none of DN.
    """
    wanted = codes(collection, bands)
    units = [DATA_MASK_UNITS.get(code, collection.units) for code in wanted]
    returned = ", ".join(f"sample.{code}" for code in wanted)
    return (
        "//VERSION=3\n"
        "function setup() {\n"
        f"  return {{ input: [{{ bands: {_list(wanted)}, units: {_list(units)} }}],\n"
        f'           output: {{ bands: {len(wanted)}, sampleType: "{collection.sample_type}" }} }};\n'
        "}\n"
        f"function evaluatePixel(sample) {{ return [{returned}]; }}\n"
    )


DATA_MASK_UNITS = {SCL: "DN", DATA_MASK: "DN"}

INDICES = {"ndvi": ("nir", "red"), "ndwi": ("green", "nir"), "mndwi": ("green", "swir1")}
"""Index -> bands a, b of (a - b) / (a + b): NDVI Rouse 1974, NDWI McFeeters 1996, MNDWI Xu 2006."""

_UNCLEAR = (0, 1, 3, 8, 9, 10, 11)  # SCL classes that `imagery.masks.from_scl` does not call clear


def index_evalscript(indices: Sequence[str]) -> str:
    """Return the evalscript of the Statistical API: one output an index, and the ``dataMask`` that the API requires.

    Pixels under cloud, shadow or snow, saturated ones, and those whose two bands are both dark to zero count as
    no data.
    """
    bands = list(dict.fromkeys(_S2_BANDS[band] for index in indices for band in INDICES[index]))
    outputs = [f'{{ id: "{index}", bands: 1, sampleType: "FLOAT32" }}' for index in indices]
    outputs.append('{ id: "dataMask", bands: 1 }')
    pairs = {index: tuple(_S2_BANDS[band] for band in INDICES[index]) for index in indices}
    values = ", ".join(f"{index}: [ratio(sample.{a}, sample.{b})]" for index, (a, b) in pairs.items())
    sums = " && ".join(f"sample.{a} + sample.{b} > 0" for a, b in pairs.values())
    return (
        "//VERSION=3\n"
        "function setup() {\n"
        f"  return {{ input: [{{ bands: {_list((*bands, SCL, DATA_MASK))} }}],\n"
        f"           output: [{', '.join(outputs)}] }};\n"
        "}\n"
        "function ratio(a, b) { return a + b > 0 ? (a - b) / (a + b) : 0; }\n"
        "function evaluatePixel(sample) {\n"
        f"  var clear = {list(_UNCLEAR)}.indexOf(sample.SCL) < 0 && {sums} ? 1 : 0;\n"
        f"  return {{ {values}, dataMask: [sample.dataMask * clear] }};\n"
        "}\n"
    )


def index_band_count(indices: Sequence[str]) -> int:
    """Return how many input bands the indices' evalscript is charged for."""
    return len({band for index in indices for band in INDICES[index]}) + 1  # and SCL


@lru_cache(maxsize=32)
def data_collection(collection_key: str, base_url: str) -> Any:
    """Return sentinelhub's collection bound to one deployment.

    A collection's own ``service_url`` overrules the configured address (sentinelhub ``base_request._get_base_url``):
    CDSE credentials would go to services.sentinel-hub.com (sentinelhub-py #523). ``define_from`` registers for the
    whole process and refuses the same definition under another name, so the name follows from collection and address,
    and this cache keeps it to one call each.
    """
    from sentinelhub.data_collections import DataCollection

    collection = COLLECTIONS[collection_key]
    name = f"MIZUHASHI_{collection.member}_{base_url}"
    member = DataCollection[collection.member]
    if member.service_url == base_url:  # the same definition under another name is refused
        return member
    return member.define_from(name, service_url=base_url)


def _list(words: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
