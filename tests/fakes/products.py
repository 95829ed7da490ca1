"""Tiny products as agencies deliver them: SAFE folders and zips, Landsat Collection 2, HLS, Sentinel-1 chips.

Names, folders, metadata and coding follow the documents named in `imagery.products`; only the size is small.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine

SAFE = "S2B_MSIL2A_20240501T020649_N0510_R103_T52SFB_20240501T050607.SAFE"
GRANULE = "L2A_T52SFB_A037332_20240501T020645"
S2_BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
TWENTY_M = ("B05", "B06", "B07", "B8A", "B11", "B12", "SCL")
ORIGIN = (600_000.0, 3_800_040.0)
LANDSAT = "LC08_L2SP_112036_20240501_20240509_02_T1"
HLS_S30 = "HLS.S30.T52SFB.2024122T020649.v2.0"
HLS_L30 = "HLS.L30.T52SFB.2024122T020112.v2.0"


def reflectance(size_px: int = 120, seed: int = 0) -> NDArray[np.float64]:
    """Return six bands (blue, green, red, nir, swir1, swir2) of vegetation with a river: 0..1, ``(6, size, size)``."""
    rng = np.random.default_rng(seed)
    values = np.empty((6, size_px, size_px))
    values[:] = np.array([0.04, 0.07, 0.05, 0.32, 0.18, 0.10])[:, None, None]
    values[:, size_px // 3 : size_px // 2] = np.array([0.06, 0.08, 0.05, 0.03, 0.012, 0.010])[:, None, None]
    return values + rng.normal(0, 0.002, values.shape)


def write_raster(
    path: Path, values: NDArray[Any], pixel_m: float, *, driver: str = "GTiff", crs: str = "EPSG:32652",
    origin: tuple[float, float] = ORIGIN, names: tuple[str, ...] = (), tags: dict[str, str] | None = None,
    **profile: Any,
) -> Path:  # fmt: skip
    """Write ``(C, H, W)`` with its upper left corner at an origin."""
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {"crs": crs, "transform": Affine(pixel_m, 0, origin[0], 0, -pixel_m, origin[1])}
    if driver == "JP2OpenJPEG":
        profile |= {"QUALITY": "100", "REVERSIBLE": "YES"}
    count, height, width = values.shape
    with rasterio.open(
        path, "w", driver=driver, width=width, height=height, count=count, dtype=values.dtype, **place, **profile
    ) as data:
        data.write(values)
        if names:
            data.descriptions = names
        if tags:
            data.update_tags(**tags)
    for extra in path.parent.glob(f"{path.name}.aux.xml"):
        extra.unlink()
    return path


def make_safe(
    folder: Path, *, offset: bool = True, says_offset: bool | None = None, baseline: str = "05.10", size_px: int = 120,
    scl: NDArray[np.uint8] | None = None, empty: bool = False, name: str = SAFE,
) -> Path:  # fmt: skip
    """Write a Level-2A SAFE folder and return it.

    Args:
        folder: that it is made in.
        offset: whether the digital numbers hold +1000.
        says_offset: whether the metadata say so; None: the truth.
        baseline: of the processing.
        size_px: side at 10 m, even.
        scl: scene classification at 20 m; all vegetation and water otherwise.
        empty: nothing was observed.
        name: of the product.
    """
    safe = folder / name
    images = safe / "GRANULE" / GRANULE / "IMG_DATA"
    dn = np.rint(reflectance(size_px) * 10_000 + (1000 if offset else 0)).clip(1, 65_535).astype(np.uint16)
    dn[:, :10, :10] = 0
    dn[:, -2:, -2:] = 65_535
    if empty:
        dn[:] = 0
    for band, values in zip(S2_BANDS, dn, strict=True):
        pixel = 20 if band in TWENTY_M else 10
        stored = values[::2, ::2] if pixel == 20 else values
        where = images / f"R{pixel}m" / f"T52SFB_20240501T020649_{band}_{pixel}m.jp2"
        write_raster(where, stored[None], pixel, driver="JP2OpenJPEG")
    if scl is None:
        scl = np.full((size_px // 2, size_px // 2), 4, np.uint8)
        scl[:5, :5] = 0
    where = images / "R20m" / "T52SFB_20240501T020649_SCL_20m.jp2"
    write_raster(where, scl[None], 20, driver="JP2OpenJPEG")
    (safe / "MTD_MSIL2A.xml").write_text(product_xml(offset if says_offset is None else says_offset, baseline))
    (safe / "GRANULE" / GRANULE / "MTD_TL.xml").write_text(tile_xml())
    (safe / "manifest.safe").write_text("<xfdu:XFDU xmlns:xfdu='urn:ccsds:schema:xfdu:1'/>")
    return safe


def product_xml(offset: bool, baseline: str = "05.10") -> str:
    """Return ``MTD_MSIL2A.xml`` with what is read of it."""
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{n}">-1000</BOA_ADD_OFFSET>' for n in range(13))
    listed = f"<BOA_ADD_OFFSET_VALUES_LIST>{offsets}</BOA_ADD_OFFSET_VALUES_LIST>" if offset else ""
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd">
<n1:General_Info><Product_Info><PRODUCT_START_TIME>2024-05-01T02:06:49.024Z</PRODUCT_START_TIME>
<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
<Datatake><SPACECRAFT_NAME>Sentinel-2B</SPACECRAFT_NAME></Datatake></Product_Info>
<Product_Image_Characteristics><QUANTIFICATION_VALUES_LIST>
<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>{listed}
</Product_Image_Characteristics></n1:General_Info>
<n1:Quality_Indicators_Info><Cloud_Coverage_Assessment>12.5</Cloud_Coverage_Assessment></n1:Quality_Indicators_Info>
</n1:Level-2A_User_Product>"""


def tile_xml() -> str:
    """Return the granule's ``MTD_TL.xml`` with what is read of it."""
    return """<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-2A_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-2A_Tile_Metadata.xsd">
<n1:General_Info><SENSING_TIME metadataLevel="Standard">2024-05-01T02:11:07.512Z</SENSING_TIME></n1:General_Info>
<n1:Geometric_Info><Tile_Angles><Mean_Sun_Angle><ZENITH_ANGLE unit="deg">24.5</ZENITH_ANGLE>
<AZIMUTH_ANGLE unit="deg">138.2</AZIMUTH_ANGLE></Mean_Sun_Angle><Mean_Viewing_Incidence_Angle_List>
<Mean_Viewing_Incidence_Angle bandId="0"><ZENITH_ANGLE unit="deg">4.0</ZENITH_ANGLE></Mean_Viewing_Incidence_Angle>
<Mean_Viewing_Incidence_Angle bandId="1"><ZENITH_ANGLE unit="deg">6.0</ZENITH_ANGLE></Mean_Viewing_Incidence_Angle>
</Mean_Viewing_Incidence_Angle_List></Tile_Angles></n1:Geometric_Info></n1:Level-2A_Tile_ID>"""


def zip_folder(folder: Path, archive: Path) -> Path:
    """Write a folder into a zip, its own name first, as the archives of the agency have it."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(folder.rglob("*")):
            out.write(path, path.relative_to(folder.parent))
    return archive


def make_landsat(folder: Path, *, name: str = LANDSAT, mtl: str = "json", crs: str = "EPSG:32652") -> Path:
    """Write the files of a Collection 2 Level-2 scene into a folder; return the folder."""
    bands = (2, 3, 4, 5, 6, 7) if name.startswith(("LC08", "LC09")) else (1, 2, 3, 4, 5, 7)
    dn = np.rint((reflectance() + 0.2) / 0.0000275).astype(np.uint16)
    dn[:, :10, :10] = 0
    for number, values in zip(bands, dn, strict=True):
        write_raster(folder / f"{name}_SR_B{number}.TIF", values[None], 30, crs=crs, nodata=0)
    qa = np.full((1, 120, 120), 21_824, np.uint16)  # clear, low confidences
    qa[0, :10, :10] = 1
    qa[0, 60:80] = 22_280  # cloud
    write_raster(folder / f"{name}_QA_PIXEL.TIF", qa, 30, crs=crs, nodata=1)
    write_raster(folder / f"{name}_ST_B10.TIF", dn[:1], 30, crs=crs, nodata=0)
    attributes = {"DATE_ACQUIRED": "2024-05-01", "SCENE_CENTER_TIME": "01:51:23.1234560Z", "CLOUD_COVER": "16.67",
                  "SUN_AZIMUTH": "-120.5", "SUN_ELEVATION": "62.4"}  # fmt: skip
    level2 = {"REFLECTANCE_MULT_BAND_4": "2.75e-05", "REFLECTANCE_ADD_BAND_4": "-0.2"}
    level1 = {"REFLECTANCE_MULT_BAND_4": "2.0000E-05", "REFLECTANCE_ADD_BAND_4": "-0.100000"}
    groups = {"LEVEL1_RADIOMETRIC_RESCALING": level1, "IMAGE_ATTRIBUTES": attributes,
              "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": level2}  # fmt: skip
    if mtl == "json":
        (folder / f"{name}_MTL.json").write_text(json.dumps({"LANDSAT_METADATA_FILE": groups}))
    elif mtl == "txt":
        lines = ["GROUP = LANDSAT_METADATA_FILE"]
        for group, entries in groups.items():
            lines += [f"  GROUP = {group}", *(f'    {key} = "{value}"' for key, value in entries.items())]
            lines.append(f"  END_GROUP = {group}")
        (folder / f"{name}_MTL.txt").write_text("\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END"]))
    return folder


def make_hls(folder: Path, name: str = HLS_S30) -> Path:
    """Write the files of an HLS v2.0 scene into a folder; return the folder."""
    layers = (
        ("B02", "B03", "B04", "B08", "B11", "B12") if ".S30." in name else ("B02", "B03", "B04", "B05", "B06", "B07")
    )
    dn = np.rint(reflectance() * 10_000).astype(np.int16)
    dn[:, :10, :10] = -9999
    tags = {"cloud_coverage": "17", "MEAN_SUN_ZENITH_ANGLE": "24.5", "MEAN_SUN_AZIMUTH_ANGLE": "138.2"}
    for layer, values in zip(layers, dn, strict=True):
        write_raster(folder / f"{name}.{layer}.tif", values[None], 30, nodata=-9999, tags=tags)
    fmask = np.full((1, 120, 120), 64, np.uint8)
    fmask[0, :10, :10] = 255
    fmask[0, 60:80] = 66  # cloud
    write_raster(folder / f"{name}.Fmask.tif", fmask, 30, nodata=255)
    return folder


def make_chip(path: Path, scale: str = "linear", names: tuple[str, ...] = ("VV", "VH")) -> Path:
    """Write a Sentinel-1 chip of ratios, dB or digital numbers, a corner unobserved."""
    rng = np.random.default_rng(0)
    decibels = rng.normal(np.array([-11.0, -17.0])[: len(names), None, None], 2.5, (len(names), 80, 90))
    values = {"dB": decibels, "linear": 10 ** (decibels / 10), "dn": 400 * 10 ** (decibels / 20)}[scale]
    stored = values.astype(np.uint16 if scale == "dn" else np.float32)
    stored[:, :8, :8] = np.nan if scale == "dB" else 0
    return write_raster(path, stored, 10, names=names)
