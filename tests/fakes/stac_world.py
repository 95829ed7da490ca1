"""A generated river as the files and items of a STAC service: Sentinel-2, Landsat, HLS and 8-bit pictures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from imagery.synthetic.river import RiverScene, RiverSeries, RiverSpec, generate_river_series

BANDS = ("blue", "green", "red", "nir", "swir1", "swir2")
S2_NUMBERS = ("B02", "B03", "B04", "B08", "B11", "B12")
LANDSAT_KEYS = ("blue", "green", "red", "nir08", "swir16", "swir22")
COMMON = ("blue", "green", "red", "nir", "swir16", "swir22")
SIZE = 256
EAST, NORTH = 727_000.0, 3_784_000.0
COG = "image/tiff; application=geotiff; profile=cloud-optimized"


@cache
def series(cloudy: float = 0.0) -> RiverSeries:
    """Return four dates of one river, the same ones every time."""
    spec = RiverSpec(size_px=SIZE, years=1, scenes_per_year=4, cloudy=cloudy)
    return generate_river_series(np.random.default_rng(7), spec)


def cog(values: NDArray[Any], pixel_m: float, *, epsg: int = 32652, east: float = EAST, north: float = NORTH,
        nodata: float | None = 0) -> bytes:  # fmt: skip
    """Return a cloud-optimised GeoTIFF with overviews of ``(C, H, W)`` values."""
    return _cog(values.tobytes(), values.shape, str(values.dtype), (pixel_m, epsg, east, north), nodata)


@cache
def _cog(
    raw: bytes, shape: tuple[int, ...], dtype: str, place: tuple[float, int, float, float], nodata: float | None
) -> bytes:
    values = np.frombuffer(raw, dtype).reshape(shape)
    pixel_m, epsg, east, north = place
    with MemoryFile() as memory:
        with memory.open(
            driver="COG", width=shape[2], height=shape[1], count=shape[0], dtype=dtype, crs=f"EPSG:{epsg}",
            transform=Affine(pixel_m, 0, east, 0, -pixel_m, north), nodata=nodata, compress="DEFLATE", blocksize=64,
            overview_resampling="NEAREST",
        ) as data:  # fmt: skip
            data.write(values)
        return bytes(memory.read())


@dataclass
class Files:
    """Files of a service by path, and the items that name them."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    items: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class S2:
    """How a Sentinel-2 item is published."""

    tile: str = "52SGD"
    offset_in: bool = True  # whether the +1000 is in the files
    flag: bool | None = None  # earthsearch:boa_offset_applied
    band_offset: float | None = -0.1  # raster:bands
    baseline: str | None = "05.09"
    version: str = "1.0.0"
    cols: tuple[int, int] = (0, SIZE)  # columns of the world that the tile shows
    sequence: int = 0
    collection: str = "sentinel-2-l2a"
    platform: str = "sentinel-2b"


def scl_of(scene: RiverScene) -> NDArray[np.uint8]:
    """Return a scene classification at 20 m: 6 water, 5 bare, 9 cloud."""
    fine = np.where(scene.clouds, 9, np.where(scene.water_fraction > 0.5, 6, 5)).astype(np.uint8)
    return np.ascontiguousarray(fine[::2, ::2])


def half(values: NDArray[Any]) -> NDArray[Any]:
    """Return 2 x 2 means, as a 20 m band sees the ground."""
    height, width = values.shape
    blocks = values.reshape(height // 2, 2, width // 2, 2).astype(np.float64).mean(axis=(1, 3))
    return np.asarray(np.rint(blocks), values.dtype)


def add_s2(files: Files, scene: RiverScene, how: S2 | None = None) -> dict[str, Any]:
    """Add one Sentinel-2 item with its files as Earth Search publishes them; return the item."""
    how = how or S2()
    first, last = how.cols
    east = EAST + 10 * first
    name = f"S2B_{how.tile}_{scene.captured_at:%Y%m%d}_{how.sequence}_L2A"
    assets: dict[str, Any] = {
        "thumbnail": {"href": f"{name}/preview.jpg", "type": "image/jpeg", "roles": ["thumbnail"]}
    }
    for place, (band, number) in enumerate(zip(BANDS, S2_NUMBERS, strict=True)):
        dn = scene.bands[place][:, first:last].astype(np.uint16) + np.uint16(1000 if how.offset_in else 0)
        pixel = 20.0 if band.startswith("swir") else 10.0
        files.bodies[f"/files/{name}/{number}.tif"] = cog((half(dn) if pixel == 20 else dn)[None], pixel, east=east)
        assets[COMMON[place]] = _s2_asset(how, f"/files/{name}/{number}.tif", number, COMMON[place], pixel, east)
        assets[f"{COMMON[place]}-jp2"] = {"href": f"s3://sentinel-s2-l2a/{name}/{number}.jp2", "type": "image/jp2"}
    scl = scl_of(scene)[None, :, first // 2 : last // 2]
    files.bodies[f"/files/{name}/SCL.tif"] = cog(scl, 20.0, east=east)
    assets["scl"] = {"href": f"/files/{name}/SCL.tif", "type": COG, "roles": ["data"]}
    files.bodies[f"/files/{name}/TCI.tif"] = cog(np.full((3, SIZE, last - first), 90, np.uint8), 10.0, east=east)
    assets["visual"] = {
        "href": f"/files/{name}/TCI.tif", "type": COG, "roles": ["visual"],
        "eo:bands": [{"name": c, "common_name": c} for c in ("red", "green", "blue")],
    }  # fmt: skip
    properties = _properties(scene, how.platform) | {
        "constellation": "sentinel-2",
        "grid:code": f"MGRS-{how.tile}",
        "s2:datatake_id": f"GS2B_{scene.captured_at:%Y%m%dT%H%M%S}_000001_N05.09",
    }
    if how.baseline is not None:
        properties["s2:processing_baseline"] = how.baseline
    if how.flag is not None:
        properties["earthsearch:boa_offset_applied"] = how.flag
    place_code: dict[str, Any] = {"proj:code": "EPSG:32652"} if how.version == "1.1.0" else {"proj:epsg": 32652}
    return _add(files, name, how.collection, properties | place_code, assets, (east, last - first, 10.0), how.version)


def _s2_asset(how: S2, href: str, number: str, common: str, pixel: float, east: float) -> dict[str, Any]:
    asset: dict[str, Any] = {"href": href, "type": COG, "roles": ["data", "reflectance"]}
    asset["proj:transform"] = [pixel, 0, east, 0, -pixel, NORTH]
    if how.version == "1.1.0":
        band: dict[str, Any] = {"name": number, "eo:common_name": common}
        if how.band_offset is not None:
            band |= {"raster:scale": 0.0001, "raster:offset": how.band_offset}
        return asset | {"bands": [band], "nodata": 0, "data_type": "uint16", "gsd": pixel}
    asset["eo:bands"] = [{"name": common, "common_name": common}]
    if how.band_offset is not None:
        asset["raster:bands"] = [
            {"nodata": 0, "data_type": "uint16", "spatial_resolution": pixel, "scale": 1e-4, "offset": how.band_offset}
        ]
    return asset


def add_landsat(files: Files, scene: RiverScene) -> dict[str, Any]:
    """Add a Landsat Collection 2 Level-2 item (30 m; the world's pixels are taken for 30 m ones)."""
    name = f"LC08_L2SP_112036_{scene.captured_at:%Y%m%d}_02_T1"
    assets: dict[str, Any] = {}
    for place, key in enumerate(LANDSAT_KEYS):
        dn = np.rint((scene.bands[place] / 1e4 + 0.2) / 2.75e-5).astype(np.uint16)
        files.bodies[f"/files/{name}_{key}.TIF"] = cog(dn[None], 30.0)
        assets[key] = {
            "href": f"/files/{name}_{key}.TIF", "type": COG, "roles": ["data"],
            "eo:bands": [{"name": f"OLI_B{place + 2}", "common_name": key}],
            "raster:bands": [{"nodata": 0, "data_type": "uint16", "spatial_resolution": 30, "scale": 2.75e-05,
                              "offset": -0.2}],
        }  # fmt: skip
    qa = np.where(scene.clouds, 1 << 3, 1 << 6).astype(np.uint16)[None]
    files.bodies[f"/files/{name}_QA_PIXEL.TIF"] = cog(qa, 30.0, nodata=1)
    assets["qa_pixel"] = {"href": f"/files/{name}_QA_PIXEL.TIF", "type": COG, "roles": ["cloud"]}
    properties = _properties(scene, "landsat-8") | {
        "landsat:correction": "L2SP", "landsat:wrs_path": "112", "landsat:wrs_row": "036", "proj:epsg": 32652,
    }  # fmt: skip
    return _add(files, name, "landsat-c2-l2", properties, assets, (EAST, SIZE, 30.0), "1.0.0")


def add_hls(files: Files, scene: RiverScene) -> dict[str, Any]:
    """Add an HLS item as NASA publishes them: bare assets, no projection, no bands."""
    name = f"HLS.L30.T52SGD.{scene.captured_at:%Y%jT%H%M%S}.v2.0"
    assets: dict[str, Any] = {}
    for place in range(6):
        path = f"/files/{name}.B{place + 2:02d}.tif"
        files.bodies[path] = cog(scene.bands[place].astype(np.int16)[None], 30.0, nodata=-9999)
        assets[f"B{place + 2:02d}"] = {"href": path, "type": COG}
    fmask = np.where(scene.clouds, 0b10, 0).astype(np.uint8)[None]
    files.bodies[f"/files/{name}.Fmask.tif"] = cog(fmask, 30.0, nodata=255)
    assets["Fmask"] = {"href": f"/files/{name}.Fmask.tif", "type": COG}
    return _add(files, name, "HLSL30_2.0", _properties(scene, None), assets, (EAST, SIZE, 30.0), "1.0.0")


def add_picture(files: Files, scene: RiverScene) -> dict[str, Any]:
    """Add an aerial picture: red, green, blue and near infrared in 8 bits, stretched for the eye."""
    name = f"aerial_{scene.captured_at:%Y%m%d}"
    stretched = np.clip(scene.bands[[2, 1, 0, 3]] / 16, 1, 255).astype(np.uint8)
    files.bodies[f"/files/{name}.tif"] = cog(stretched, 10.0)
    bands = [{"name": c, "common_name": c} for c in ("red", "green", "blue", "nir")]
    assets = {"image": {"href": f"/files/{name}.tif", "type": COG, "roles": ["data"], "eo:bands": bands}}
    properties = _properties(scene, "aircraft") | {"proj:epsg": 32652}
    return _add(files, name, "aerial", properties, assets, (EAST, SIZE, 10.0), "1.0.0")


def _properties(scene: RiverScene, platform: str | None) -> dict[str, Any]:
    cover = round(100 * scene.cloud_cover, 2)
    found = {"datetime": f"{scene.captured_at:%Y-%m-%dT%H:%M:%SZ}", "eo:cloud_cover": cover, "platform": platform}
    return {name: value for name, value in found.items() if value is not None}


def _add(
    files: Files, name: str, collection: str, properties: dict[str, Any], assets: dict[str, Any],
    place: tuple[float, int, float], version: str,
) -> dict[str, Any]:  # fmt: skip
    east, width, pixel = place
    box = box_lonlat(east, NORTH - pixel * SIZE, east + pixel * width, NORTH)
    ring = [[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]], [box[0], box[1]]]
    item = {
        "type": "Feature", "stac_version": version, "stac_extensions": [], "id": name, "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": list(box), "properties": properties,
        "assets": assets, "links": [],
    }  # fmt: skip
    files.items.append(item)
    return item


Box = tuple[float, float, float, float]


def box_lonlat(left: float, bottom: float, right: float, top: float, epsg: int = 32652) -> Box:
    """Return west, south, east, north around a box of a projected CRS."""
    to_lonlat = Transformer.from_crs(epsg, 4326, always_xy=True)
    west, south, east, north = to_lonlat.transform_bounds(left, bottom, right, top)
    return west, south, east, north


def inside_box(margin_px: int = 40, pixel_m: float = 10.0) -> Box:
    """Return a box of degrees whose hull in the world's CRS stays inside the world."""
    low, high = margin_px * pixel_m, (SIZE - margin_px) * pixel_m
    return box_lonlat(EAST + low, NORTH - high, EAST + high, NORTH - low)


def another_day(scene: RiverScene, days: int) -> RiverScene:
    """Return the same picture on another day."""
    return replace(scene, captured_at=scene.captured_at + timedelta(days=days))
