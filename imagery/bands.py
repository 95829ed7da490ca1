"""Names of spectral bands: one canonical name for each, and the aliases under which files carry them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from findings.errors import InputError

RGB = ("red", "green", "blue")
SKIP = "-"
# Sentinel-2 band numbers (ESA product specification) and the common names of the STAC eo extension / Earth Search.
# Landsat numbers its bands otherwise (its B5 is NIR): "SR_B5" is therefore no alias, and needs --bands.
ALIASES = {
    "coastal": ("b1", "b01", "aerosol"),
    "blue": ("b2", "b02", "b"),
    "green": ("b3", "b03", "g"),
    "red": ("b4", "b04", "r"),
    "rededge1": ("b5", "b05"),
    "rededge2": ("b6", "b06"),
    "rededge3": ("b7", "b07"),
    "nir": ("b8", "b08", "nir1"),
    "nir08": ("b8a", "b08a"),
    "nir09": ("b9", "b09"),
    "cirrus": ("b10",),
    "swir1": ("b11", "swir16"),
    "swir2": ("b12", "swir22"),
    "scl": (),
    "qa": (),
    "vv": (),
    "vh": (),
    "grey": ("gray", "pan"),
}
_CANONICAL = {alias: name for name, aliases in ALIASES.items() for alias in (name, *aliases)}


def canonical(name: str) -> str:
    """Return the canonical name of a band; an unknown name comes back in lower case."""
    text = name.strip().lower()
    return _CANONICAL.get(text, text)


def from_descriptions(descriptions: Sequence[str | None]) -> tuple[str, ...] | None:
    """Return the names that a file gives its bands, or None unless every band has one of its own."""
    names = tuple(canonical(text) for text in descriptions if text and text.strip())
    if len(names) != len(descriptions) or len(set(names)) != len(names):
        return None
    return names


def are_known(names: Sequence[str] | None) -> bool:
    """Return whether all names are canonical ones, so that they say more than a file's colours."""
    return bool(names) and set(names or ()) <= set(ALIASES)


def from_colours(colours: Sequence[str]) -> tuple[str, ...]:
    """Return names by the colours that a file declares (red, green, blue, nir); ``band4`` where it declares none."""
    usable = [name if name in (*RGB, "nir") and colours.count(name) == 1 else "" for name in colours]
    return tuple(name or f"band{place}" for place, name in enumerate(usable, 1))


def from_option(path: Path, given: Sequence[str], count: int) -> tuple[str, ...]:
    """Return the canonical names given for a file's bands; ``-`` skips a band.

    Raises:
        InputError: not one name for each band, or a name twice.
    """
    names = tuple(canonical(name) for name in given)
    if len(names) != count:
        raise InputError(
            f"{path}: has {count} bands but {len(names)} names were given ({','.join(names)}); "
            f"give one for each with --bands NAME,NAME,... (- skips a band)"
        )
    kept = [name for name in names if name != SKIP]
    if len(set(kept)) != len(kept) or not kept:
        raise InputError(f"{path}: band names {','.join(names)} are not distinct; name each band of --bands once")
    return names
