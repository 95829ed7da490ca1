"""Readers: windows of raw pixels out of photographs and scenes, with NaN where nothing was observed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags

from findings.errors import MissingBands, UnreadableImage
from findings.survey import ImageKind
from imagery.bands import RGB, SKIP, are_known, from_colours, from_descriptions, from_option
from imagery.mask_files import MaskReader, open_mask
from imagery.masks import Classes, hidden
from imagery.safe import GDAL_ERRORS, SHUT, open_untrusted, read_labels
from imagery.tiles import slices
from imagery.types import FloatArray, Pixels, Window

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601-7, 2.5.1


def open_image(
    path: Path, *, bands: tuple[str, ...] | None = None, root: Path | None = None, mask: Path | None = None
) -> ImageReader:
    """Return a reader of the image; use it as a context manager.

    Args:
        path: the file itself (no link).
        bands: one name for each band of the file, ``-`` skips one; otherwise the file's own descriptions are used.
        root: for uploads, the folder that the file must lie in.
        mask: file of pixels that must not be judged (`imagery.masks`): they are read as not observed.

    Raises:
        UnsafeImage: refused before decoding.
        UnreadableImage: empty, truncated or damaged; so, too, a mask that is missing or damaged.
        InputError: ``bands`` does not fit the file, or ``mask`` is of another size or grid.
    """
    with rasterio.Env(**SHUT):
        data = open_untrusted(path, root)
        try:
            reader = ImageReader(path, data, bands)
            if mask is not None:
                reader.put_mask(mask)
            return reader
        except GDAL_ERRORS as error:
            data.close()
            raise UnreadableImage(f"{path}: damaged ({error}); copy it again") from error
        except BaseException:
            data.close()
            raise


class ImageReader:
    """An open image.

    Pixels come as stored: an EXIF orientation is not applied. Photographs are on a scale of 0..255 (16-bit and 1-bit
    PNGs are brought to it, palettes are resolved); scenes are raw digital numbers.

    Attributes:
        path: the file.
        kind: photograph or scene.
        width_px: columns.
        height_px: rows.
        bands: names of the bands, in the file's order; ``band1`` ... where nobody named them.
        crs: ``EPSG:n`` or WKT, or None.
        transform: a, b, c, d, e, f of x = a*col + b*row + c, y = d*col + e*row + f, or None without a CRS.
        dtype: type of the stored values.
        tags: the file's own tags, e.g. ``TIFFTAG_DATETIME``.
        notes: what the reader of results should know.
    """

    def __init__(self, path: Path, data: Any, bands: tuple[str, ...] | None) -> None:
        self.path = path
        self._data = data
        self.width_px: int = data.width
        self.height_px: int = data.height
        self.dtype: str = data.dtypes[0]
        self.notes: tuple[str, ...] = ()
        self._labels = read_labels(data)
        self.tags = self._labels.tags
        interp = data.colorinterp
        alpha = [i for i, what in enumerate(interp, 1) if what == ColorInterp.alpha]
        # GDAL declares the fourth of four 8-bit bands transparent unless told otherwise; a name says that it is not
        self._named = are_known(from_descriptions(self._labels.descriptions))
        named_alpha = self._named or (bands is not None and len(bands) == data.count)
        self._alpha: int | None = alpha[0] if alpha and not named_alpha else None
        self._stored = [i for i in range(1, data.count + 1) if i != self._alpha]
        self.crs, self.transform = self._georeference()
        self.kind = self._decide_kind(bands)
        self._palette = self._read_palette()
        self.bands, self._index = self._name_bands(bands)
        self._factor = self._photo_factor()
        self._zero_is_gap = self._decide_zero()
        self._mask: MaskReader | None = None

    def put_mask(self, path: Path) -> None:
        """Hide the pixels that a mask forbids from every :meth:`read` from now on, see :func:`open_image`."""
        mask = open_mask(path)
        try:
            mask.require_fit(self.path, self.width_px, self.height_px, self.crs, self.transform)
        except BaseException:
            mask.close()
            raise
        self._mask = mask

    # --- what the file is -------------------------------------------------------------------------------------------

    def _note(self, text: str) -> None:
        self.notes = (*self.notes, text)

    def _georeference(self) -> tuple[str | None, tuple[float, float, float, float, float, float] | None]:
        crs, transform = self._data.crs, self._data.transform
        if self._data.driver not in ("GTiff", "JP2OpenJPEG"):
            return None, None
        if not crs or transform.is_identity:
            self._note(
                "no CRS: image coordinates only" if not crs else "CRS without a transform: image coordinates only"
            )
            return None, None
        if not np.isfinite(transform[:6]).all() or transform.is_degenerate:
            self._note("the transform maps no pixel to a place: image coordinates only")
            return None, None
        epsg = crs.to_epsg()
        values = (transform.a, transform.b, transform.c, transform.d, transform.e, transform.f)
        return (f"EPSG:{epsg}" if epsg else crs.to_wkt()), values

    def _decide_kind(self, bands: tuple[str, ...] | None) -> ImageKind:
        if self._data.driver in ("GTiff", "JP2OpenJPEG"):
            photo_like = self.crs is None and len(self._stored) in (1, 3) and self.dtype == "uint8" and bands is None
        else:
            photo_like = bands is None or set(from_option(self.path, bands, len(self._stored))) <= {*RGB, "grey"}
        return ImageKind.PHOTO if photo_like else ImageKind.SCENE

    def _read_palette(self) -> NDArray[np.float32] | None:
        if self.kind is not ImageKind.PHOTO or self._data.colorinterp[0] != ColorInterp.palette:
            return None
        table = np.zeros((256, 4), np.float32)
        for value, colour in self._data.colormap(1).items():
            table[value] = colour
        return table

    def _name_bands(self, given: tuple[str, ...] | None) -> tuple[tuple[str, ...], dict[str, int]]:
        """Return the names of the kept bands and where each is stored."""
        if self._palette is not None:
            return RGB, {}
        count = len(self._stored)
        interp = [self._data.colorinterp[i - 1] for i in self._stored]
        if given is not None:
            names = from_option(self.path, given, count)
        elif self.kind is ImageKind.PHOTO and count in (1, 3):
            names = ("grey",) if count == 1 else RGB
        elif interp == [ColorInterp.red, ColorInterp.green, ColorInterp.blue] and not self._named:
            names = RGB
        else:
            descriptions = [self._labels.descriptions[i - 1] for i in self._stored]
            names = from_descriptions(descriptions) or from_colours([what.name for what in interp])
            if any(name.startswith("band") for name in names):
                self._note("bands have no names: name them with --bands NAME,...")
            elif any((text or "").strip().lower() != name for text, name in zip(descriptions, names, strict=True)):
                self._note(f"bands read as {','.join(names)} from {','.join(d or '?' for d in descriptions)}")
        if names == ("grey",):
            self._note("one grey band: red, green and blue are the same")
        index = {name: i for name, i in zip(names, self._stored, strict=True) if name != SKIP}
        return tuple(index), index

    def _photo_factor(self) -> float:
        """Return what brings a photograph's values to 0..255; 1 for scenes, whose values stay raw."""
        if self.kind is not ImageKind.PHOTO or self._palette is not None:
            return 1.0
        bits = self._labels.bits
        if bits == 8:
            return 1.0
        self._note(f"{bits}-bit values brought to 0..255")
        return 255.0 / float(2**bits - 1)

    def _decide_zero(self) -> bool:
        """Decide whether 0 in every band means "not observed".

        True for a declared nodata of 0, because one dark band alone (water in SWIR) is an observation, and for 16-bit
        scenes of three bands or more without nodata value: Sentinel-2 and Landsat products fill with 0.
        """
        if self.kind is not ImageKind.SCENE or np.dtype(self.dtype).kind not in "ui" or len(self._stored) < 2:
            return False
        if self._data.nodata is not None:
            return bool(self._data.nodata == 0)
        if np.dtype(self.dtype).itemsize == 2 and len(self._stored) >= 3:
            self._note("no nodata value: 0 in every band is taken as not observed")
            return True
        return False

    # --- pixels -----------------------------------------------------------------------------------------------------

    def require(self, bands: Sequence[str]) -> None:
        """Raise MissingBands unless the image has these bands."""
        missing = [name for name in bands if not self.has(name)]
        if missing:
            raise MissingBands(
                f"{self.path}: lacks the band(s) {','.join(missing)}; it has {','.join(self.bands)}. "
                "Name its bands with --bands NAME,NAME,... or take a model that needs fewer"
            )

    def has(self, band: str) -> bool:
        """Return whether :meth:`read` gives values for a band of that name."""
        if band in self.bands or (self.bands == ("grey",) and band in RGB):
            return True
        return band == "grey" and set(RGB) <= set(self.bands)

    def read_mask(self, window: Window) -> Classes | None:
        """Return the mask classes ``(height, width)`` of a window, or None if the image was opened without a mask.

        Raises:
            UnreadableImage: the mask is damaged there.
        """
        return None if self._mask is None else self._mask.read(window)

    def read(self, window: Window, bands: Sequence[str] | None = None, *, masked: bool = True) -> Pixels:
        """Return float32 values ``(C, height, width)``; NaN where nothing was observed or the mask forbids judging.

        Args:
            window: may reach outside the image (NaN there).
            bands: names in the order wanted, default all; a band that the file lacks is NaN. ``grey`` of an RGB image
                is its luma; ``red``, ``green``, ``blue`` of a grey one are the grey.
            masked: False reads below the mask: for pictures that people look at, never for a judgement.

        Raises:
            UnreadableImage: the file is damaged there.
        """
        names = tuple(bands) if bands is not None else self.bands
        inside = window.clip(self.width_px, self.height_px)
        if inside == window and self._palette is None and set(names) <= set(self._index):
            values = self._observed(window, [self._index[name] for name in names])
        else:
            values = np.full((len(names), window.height, window.width), np.nan, np.float32)
            if inside is not None and any(self.has(name) for name in names):
                top, left = inside.row - window.row, inside.col - window.col
                stored = self._read_inside(inside, names)
                for place, name in enumerate(names):
                    if name in stored:
                        values[place, top : top + inside.height, left : left + inside.width] = stored[name]
        classes = self.read_mask(window) if masked and inside is not None else None
        if classes is not None:
            values[:, hidden(classes)] = np.nan
        return Pixels(values, names)

    def _read_inside(self, window: Window, names: tuple[str, ...]) -> dict[str, FloatArray]:
        """Return the wanted bands of a window that lies inside the image."""
        if self._palette is not None:
            stored = self._palette_bands(window, self._palette)
        else:
            # a luma is a matter of all bands
            wanted = self._index if "grey" in names or self.bands == ("grey",) else set(names) & set(self._index)
            sources = {name: self._index[name] for name in wanted}
            stored = dict(zip(sources, self._observed(window, list(sources.values())), strict=True))
        if self.bands == ("grey",):
            stored |= dict.fromkeys(RGB, stored["grey"])
        elif "grey" in names and "grey" not in stored and set(RGB) <= set(stored):
            luma = sum(weight * stored[name] for weight, name in zip(LUMA, RGB, strict=True))
            stored["grey"] = np.asarray(luma, np.float32)
        return stored

    def _decode(self, window: Window, indexes: list[int], *, masks: bool = False) -> NDArray[Any]:
        at = rasterio.windows.Window(window.col, window.row, window.width, window.height)
        try:
            with rasterio.Env(**SHUT):
                if masks:
                    return np.asarray(self._data.read_masks(indexes, window=at))
                return np.asarray(self._data.read(indexes, window=at))
        except GDAL_ERRORS as error:
            reason = error.__cause__ or error
            raise UnreadableImage(f"{self.path}: damaged or truncated ({reason}); copy it again") from error

    def _observed(self, window: Window, indexes: list[int]) -> FloatArray:
        """Return these bands ``(C, h, w)`` of a window inside the image, NaN where nothing was observed."""
        # where zero is a gap it is a matter of all bands; these come behind the wanted ones
        raw = self._decode(window, list(dict.fromkeys([*indexes, *(self._stored if self._zero_is_gap else [])])))
        values = raw[: len(indexes)].astype(np.float32)
        nodata = self._data.nodata
        if self._zero_is_gap:
            gap = raw[0] == 0
            for band in raw[1:]:
                if not gap.any():
                    break
                gap &= band == 0
            if gap.any():
                values[:, gap] = np.nan
        elif nodata is not None and not np.isnan(nodata):
            values[raw == np.asarray(nodata).astype(raw.dtype)] = np.nan
        if raw.dtype.kind == "f":
            values[~np.isfinite(values)] = np.nan
        concealed = self._hidden(window)
        if concealed is not None:
            values[:, concealed] = np.nan
        if self._factor != 1.0:
            values *= np.float32(self._factor)
        return values

    def _hidden(self, window: Window) -> NDArray[np.bool_] | None:
        """Return where an alpha band or a mask inside the file hides the pixels."""
        if self._alpha is not None:
            return np.asarray(self._decode(window, [self._alpha])[0] == 0)
        flags = self._data.mask_flag_enums[0]
        if MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags:
            return np.asarray(self._decode(window, [1], masks=True)[0] == 0)
        return None

    def _palette_bands(self, window: Window, palette: NDArray[np.float32]) -> dict[str, FloatArray]:
        colours = palette[self._decode(window, [1])[0]]
        colours[colours[..., 3] == 0] = np.nan
        return {name: np.ascontiguousarray(colours[..., i]) for i, name in enumerate(RGB)}

    def verify(self) -> None:
        """Decode everything once, by strips; raise UnreadableImage if the file is damaged anywhere."""
        for part in slices(self.width_px, self.height_px, 512):
            self._decode(part, list(range(1, self._data.count + 1)))

    # --- lifetime ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the file and its mask."""
        self._data.close()
        if self._mask is not None:
            self._mask.close()

    def __enter__(self) -> ImageReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
