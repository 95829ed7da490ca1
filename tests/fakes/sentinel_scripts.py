"""Evalscripts as far as the fake understands them: a picture's bands as they are, or the named indices.

No JavaScript runs. What is read: ``input`` bands and units, ``output`` ids, band counts and sample types, and what
``evaluatePixel`` returns (docs.sentinel-hub.com/api/latest/evalscript/v3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES: dict[str, Any] = {"UINT8": np.uint8, "UINT16": np.uint16, "FLOAT32": np.float32}
INDICES = {"ndvi": ("B08", "B04"), "ndwi": ("B03", "B08"), "mndwi": ("B03", "B11")}
UNCLEAR = (0, 1, 3, 8, 9, 10, 11)


class BadScript(ValueError):
    """An evalscript that the service would refuse with 400."""


@dataclass(frozen=True)
class Script:
    """What an evalscript asks for.

    Attributes:
        bands: input bands.
        units: of each, or empty for the collection's own (reflectance).
        outputs: id -> (number of bands, sample type).
        returned: id -> input bands in order.
    """

    bands: tuple[str, ...]
    units: tuple[str, ...]
    outputs: dict[str, tuple[int, str]]
    returned: dict[str, tuple[str, ...]]


def parse(source: str) -> Script:
    if not source.lstrip().startswith("//VERSION=3"):
        raise BadScript("evalscript: //VERSION=3 is missing")
    bands = _words(_after(source, r"bands\s*:\s*(\[[^\]]*\])"))
    units_text = re.search(r"units\s*:\s*(\[[^\]]*\]|\"\w+\")", source)
    units = _words(units_text[1]) if units_text else ()
    if len(units) == 1:
        units *= len(bands)
    if units and len(units) != len(bands):
        raise BadScript(f"evalscript: {len(bands)} bands and {len(units)} units")
    outputs: dict[str, tuple[int, str]] = {}
    for part in re.findall(r"\{([^{}]*)\}", source[source.index("output") :].split("function evaluatePixel")[0]):
        count = re.search(r"bands\s*:\s*(\d+)", part)
        if count is None:
            continue
        name = re.search(r"id\s*:\s*\"(\w+)\"", part)
        kind = re.search(r"sampleType\s*:\s*\"(\w+)\"", part)
        # Without sampleType the service stretches 0..1 to 8 bit: AUTO (evalscript/v3, sampleType).
        outputs[name[1] if name else "default"] = (int(count[1]), kind[1] if kind else "AUTO")
    body = source.split("function evaluatePixel", 1)[1]
    returned = {}
    for name, inside in re.findall(r"(?:(\w+)\s*:|return)\s*\[([^\]]*)\]", body):
        returned[name or "default"] = tuple(re.findall(r"sample\.(\w+)", inside))
    return Script(bands, units, outputs, returned)


def evaluate(script: Script, planes: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the outputs ``(C, H, W)`` by id; planes hold digital numbers, or power for radar."""
    values = {}
    for place, band in enumerate(script.bands):
        if band not in planes:
            raise BadScript(f"evalscript: the collection has no band {band}")
        spectral = band.startswith("B")
        unit = script.units[place] if script.units else ("REFLECTANCE" if spectral else "")
        values[band] = planes[band] / 10_000 if spectral and unit == "REFLECTANCE" else planes[band]
    out = {}
    for name, (count, kind) in script.outputs.items():
        wanted = script.returned.get(name, ())
        if len(wanted) != count:
            raise BadScript(f"evalscript: output {name} has {count} bands but {len(wanted)} values are returned")
        stack = np.stack([values[band] for band in wanted])
        if kind == "AUTO":
            out[name] = np.rint(np.clip(stack, 0, 1) * 255).astype(np.uint8)
        else:
            most = {"UINT8": 255.0, "UINT16": 65535.0}.get(kind)
            out[name] = (stack if most is None else np.clip(stack, 0, most)).astype(TYPES[kind])
    return out


def index_values(script: Script, planes: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """Return the named indices, NaN where the script's ``dataMask`` is 0 or the pixel is not clear."""
    if "dataMask" not in script.outputs:
        raise BadScript("evalscript: the Statistical API needs an output named dataMask")
    clear = (planes["dataMask"] > 0) & ~np.isin(planes["SCL"], UNCLEAR)
    found = {}
    for name in script.outputs:
        if name in INDICES:
            first, second = (planes[band].astype(float) for band in INDICES[name])
            total = first + second
            found[name] = np.where(clear & (total > 0), (first - second) / np.where(total > 0, total, 1), np.nan)
    return found


def _after(source: str, pattern: str) -> str:
    found = re.search(pattern, source)
    if found is None:
        raise BadScript("evalscript: no input bands")
    return found[1]


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\"(\w+)\"", text))
