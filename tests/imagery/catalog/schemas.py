"""What STAC and its extensions demand of our documents, as JSON schemas that need no network.

The core schemas of STAC 1.1 and GeoJSON come with pystac. Those of the extensions would be loaded from the web; here
their rules are written down anew from the extensions' published tables of fields (stac-extensions: projection 2.0.0,
eo 2.0.0, view 1.0.0, sar 1.0.0, file 2.1.0, raster 2.0.0, classification 2.0.0), in the form that they all share: the
extension is declared, and a field with its prefix is one that it knows, of the right type and range.
"""

from __future__ import annotations

from typing import Any

from pystac.validation import JsonSchemaSTACValidator

Schema = dict[str, Any]
_NUMBER: Schema = {"type": "number"}
_POSITIVE: Schema = {"type": "number", "minimum": 0}
_TEXT: Schema = {"type": "string", "minLength": 1}
_ANGLE: Schema = {"type": "number", "minimum": 0, "maximum": 360}
_QUARTER: Schema = {"type": "number", "minimum": 0, "maximum": 90}
_PERCENT: Schema = {"type": "number", "minimum": 0, "maximum": 100}


def _numbers(*counts: int) -> Schema:
    return {"type": "array", "items": _NUMBER, "oneOf": [{"minItems": n, "maxItems": n} for n in counts]}


_COMMON_NAMES = [
    "pan", "coastal", "blue", "green", "green05", "yellow", "red", "rededge", "rededge071", "rededge075", "rededge078",
    "nir", "nir08", "nir09", "cirrus", "swir16", "swir22", "lwir", "lwir11", "lwir12",
]  # fmt: skip

FIELDS: dict[str, dict[str, Schema]] = {
    "projection/v2.0.0": {
        "proj:code": {"type": ["string", "null"], "pattern": "^[A-Za-z]+:[0-9A-Za-z.]+$"},
        "proj:wkt2": {"type": ["string", "null"]},
        "proj:shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2},
        "proj:transform": _numbers(6, 9),
    },
    "eo/v2.0.0": {
        "eo:cloud_cover": _PERCENT,
        "eo:snow_cover": _PERCENT,
        "eo:common_name": {"enum": _COMMON_NAMES},
        "eo:center_wavelength": _POSITIVE,
    },
    "view/v1.0.0": {
        "view:off_nadir": _QUARTER,
        "view:incidence_angle": _QUARTER,
        "view:azimuth": _ANGLE,
        "view:sun_azimuth": _ANGLE,
        "view:sun_elevation": {"type": "number", "minimum": -90, "maximum": 90},
    },
    "sar/v1.0.0": {
        "sar:instrument_mode": _TEXT,
        "sar:frequency_band": {"enum": ["P", "L", "S", "C", "X", "Ku", "K", "Ka"]},
        "sar:center_frequency": _NUMBER,
        "sar:polarizations": {
            "type": "array", "minItems": 1, "maxItems": 4, "uniqueItems": True,
            "items": {"enum": ["HH", "VV", "HV", "VH"]},
        },
        "sar:product_type": _TEXT,
        "sar:observation_direction": {"enum": ["left", "right"]},
    },
    "file/v2.1.0": {
        "file:size": {"type": "integer", "minimum": 0},
        "file:checksum": {"type": "string", "pattern": "^1220[a-f0-9]{64}$"},  # the extension: any multihash
        "file:local_path": {"type": "string", "pattern": "^[^\\r\\n\\t\\\\:'\"/]+(/[^\\r\\n\\t\\\\:'\"/]+)*/?$"},
    },
    "raster/v2.0.0": {
        "raster:scale": _NUMBER,
        "raster:offset": _NUMBER,
        "raster:spatial_resolution": _POSITIVE,
        "raster:sampling": {"enum": ["area", "point"]},
    },
    "classification/v2.0.0": {
        "classification:classes": {
            "type": "array", "minItems": 1,
            "items": {
                "type": "object", "required": ["value", "name"],
                "properties": {"value": {"type": "integer"}, "name": {"type": "string", "pattern": "^[0-9A-Za-z_-]+$"}},
            },
        },
    },
}  # fmt: skip
_REQUIRED = {"sar/v1.0.0": ["sar:instrument_mode", "sar:frequency_band", "sar:polarizations", "sar:product_type"]}
_ANY_IN_PROPERTIES = {"view/v1.0.0"}


def extension_schemas() -> dict[str, Schema]:
    """Return the schema of each extension by its address."""
    return {_address(name): _schema(name, fields) for name, fields in FIELDS.items()}


def _address(name: str) -> str:
    return f"https://stac-extensions.github.io/{name}/schema.json"


def _schema(name: str, fields: dict[str, Schema]) -> Schema:
    prefix = next(iter(fields)).partition(":")[0]
    known: Schema = {
        "type": "object",
        "properties": fields,
        "patternProperties": {f"^(?!{prefix}:)": {}},
        "additionalProperties": False,
    }
    properties: Schema = {"allOf": [known], "required": _REQUIRED.get(name, [])}
    if name in _ANY_IN_PROPERTIES:
        properties["anyOf"] = [{"required": [field]} for field in fields]
    band = {"type": "object", "properties": {"bands": {"type": "array", "items": known}}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": _address(name),
        "type": "object",
        "required": ["type", "properties", "assets", "stac_extensions"],
        "properties": {
            "stac_extensions": {"type": "array", "contains": {"const": _address(name)}},
            "properties": properties,
            "assets": {"type": "object", "additionalProperties": {"allOf": [known, band]}},
        },
    }


def offline_validator() -> JsonSchemaSTACValidator:
    """Return pystac's own validator with every schema in its cache: it asks no server."""
    validator = JsonSchemaSTACValidator()
    validator.schema_cache |= extension_schemas()
    return validator
