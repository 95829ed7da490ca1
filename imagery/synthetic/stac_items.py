"""Generated scenes on disk: cloud-optimised GeoTIFFs beside STAC 1.1 items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pystac
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.errors import RasterioError
from shapely.geometry import Polygon, mapping

from findings.errors import OutputError
from imagery.synthetic.river_spec import RiverScene, RiverSeries
from imagery.synthetic.spectra import BANDS

COLLECTION = "generated-river"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
EO = "https://stac-extensions.github.io/eo/v2.0.0/schema.json"
CENTRES_UM = {"blue": 0.490, "green": 0.560, "red": 0.665, "nir": 0.842, "swir1": 1.610, "swir2": 2.190}
"""Centre wavelengths of Sentinel-2's bands B02, B03, B04, B08, B11 and B12."""
COMMON_NAMES = {"swir1": "swir16", "swir2": "swir22"}


def write_river_series(series: RiverSeries, folder: Path) -> list[Path]:
    """Write each scene as ``<id>.tif`` with its STAC item ``<id>.json``; return the rasters, oldest first.

    Raises:
        OutputError: a file could not be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for scene in series.scenes:
            path = folder / f"{scene_id(scene)}.tif"
            _write_cog(path, scene, series)
            item = scene_item(scene, series, path.name)
            item.save_object(include_self_link=False, dest_href=str(path.with_suffix(".json")))
            written.append(path)
    except (OSError, RasterioError) as error:
        raise OutputError(f"{folder}: the generated scenes could not be written: {error}") from error
    return written


def scene_id(scene: RiverScene) -> str:
    """Return the id of a generated scene: nobody shall take it for an acquisition."""
    return f"{COLLECTION}-{scene.captured_at:%Y%m%dT%H%M%S}"


def scene_item(scene: RiverScene, series: RiverSeries, href: str) -> pystac.Item:
    """Return the STAC 1.1 item of a scene with the projection and electro-optical extensions.

    Args:
        scene: one date.
        series: it belongs to.
        href: of the raster, relative to the item.
    """
    footprint = _footprint(series)
    a, b, c, d, e, f = series.transform
    size = series.spec.size_px
    item = pystac.Item(
        id=scene_id(scene),
        geometry=mapping(footprint),
        bbox=list(footprint.bounds),
        datetime=scene.captured_at,
        properties={
            "title": "Generated scene, not an acquisition",
            "platform": "generated",
            "gsd": series.spec.pixel_m,
            "proj:code": series.spec.crs,
            "proj:shape": [size, size],
            "proj:transform": [a, b, c, d, e, f, 0.0, 0.0, 1.0],
            "eo:cloud_cover": round(100 * scene.cloud_cover, 2),
        },
        stac_extensions=[PROJECTION, EO],
    )
    bands = [
        {"name": name, "eo:common_name": COMMON_NAMES.get(name, name), "eo:center_wavelength": CENTRES_UM[name]}
        for name in BANDS
    ]
    extra = {"bands": bands, "data_type": "uint16", "nodata": 0}
    item.add_asset(
        "data",
        pystac.Asset(href=f"./{href}", media_type=pystac.MediaType.COG, roles=["data"], extra_fields=extra),
    )
    return item


def _footprint(series: RiverSeries) -> Polygon:
    a, _, c, _, e, f = series.transform
    size = series.spec.size_px
    corners = [(0, 0), (0, size), (size, size), (size, 0)]
    to_lonlat = Transformer.from_crs(series.spec.crs, "EPSG:4326", always_xy=True)
    return Polygon([to_lonlat.transform(c + a * col, f + e * row) for col, row in corners])


def _write_cog(path: Path, scene: RiverScene, series: RiverSeries) -> None:
    bands: NDArray[np.uint16] = scene.bands
    profile = {
        "driver": "COG",
        "width": bands.shape[2],
        "height": bands.shape[1],
        "count": bands.shape[0],
        "dtype": "uint16",
        "crs": series.spec.crs,
        "transform": Affine(*series.transform),
        "nodata": 0,
        "compress": "DEFLATE",
        "predictor": "YES",
        "blocksize": 256,
    }
    with rasterio.open(path, "w", **profile) as out:
        out.write(bands)
        out.descriptions = BANDS
        out.update_tags(
            TIFFTAG_DATETIME=f"{scene.captured_at:%Y:%m:%d %H:%M:%S}",
            TIFFTAG_IMAGEDESCRIPTION="Generated scene, not an acquisition; reflectance x 10000",
        )
