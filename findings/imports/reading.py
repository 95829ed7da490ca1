"""One file of bridges or rivers, whatever its format: told by its first bytes, never by its name alone."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from findings.asset_columns import Columns, schema
from findings.asset_rows import ToLonlat
from findings.assets_file import Row, Rows, collect, csv_rows, geojson_rows, parsed_json, read_text
from findings.errors import RecordError
from findings.imports import archive, geopackage, shapefile, w05, xroad
from findings.imports.reference import ReferenceSystem, reference_system
from findings.imports.values import MAX_VERTICES, Imported, Layer, Options

_KNOWN = (
    "GeoJSON, CSV, GeoPackage, Shapefile (.shp or zipped), JSON of xROAD or DPF, or an OpenStreetMap extract .osm.pbf"
)
_FOREIGN = (
    (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"II*\0", "a picture"), (b"MM\0*", "a picture"),
    (b"%PDF", "a PDF"), (b"\x1f\x8b", "packed by gzip: unpack it first"), (b"BZh", "packed by bzip2: unpack it first"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file: save the sheet as CSV"),
    (b"<", "XML: export it as GeoPackage or GeoJSON (OpenStreetMap: as .osm.pbf)"),
    (b"\xef\xbb\xbf<", "XML: export it as GeoPackage or GeoJSON"),
)  # fmt: skip
_PARTS = (".shx", ".dbf", ".prj", ".cpg")


@dataclass(frozen=True, slots=True)
class _Source:
    """One list of assets that a file holds, and how to read it."""

    name: str
    headings: tuple[str, ...]
    read: Callable[[], Imported]


def read_file(path: Path, options: Options | None = None) -> Imported:
    """Return the bridges and rivers of a file, an error for each row that could not be taken, and notes.

    Args:
        path: GeoJSON, CSV, GeoPackage, Shapefile, JSON of xROAD or DPF, ``.osm.pbf``, or a zip archive of one of them.
        options: what the user says about the file.

    Raises:
        RecordError: the file as a whole cannot be read, or does not say in which datum its coordinates are.
    """
    given = options or Options()
    if given.crs is not None:
        reference_system(given.crs)  # a wrong --crs is told before the file is read
    with tempfile.TemporaryDirectory(prefix="mizuhashi-") as folder, ExitStack() as stack:
        try:
            return _chosen(_sources(path, given, Path(folder), stack), given, path.name).read()
        except RecursionError as error:
            raise RecordError(f"{path.name}: is nested too deeply; expected a plain list of assets") from error


def _sources(path: Path, options: Options, folder: Path, stack: ExitStack) -> list[_Source]:
    head = _head(path)
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        if folder in path.parents:  # each level would have the caps anew, and an archive can hold itself
            raise RecordError(f"{path.name}: is an archive inside an archive; unpack the outer one")
        return _archived(path, options, folder, stack)
    if geopackage.is_geopackage(head):
        layers = stack.enter_context(geopackage.open_geopackage(path))()
        return [_layer_source(layer, path.name, options) for layer in layers]
    if head.startswith(geopackage.MAGIC):
        raise RecordError(f"{path.name}: is an SQLite database without the mark of a GeoPackage; export it as one")
    if shapefile.is_shapefile(head):
        own = Path(tempfile.mkdtemp(dir=folder))
        return [_layer_source(shapefile.open_shapefile(path, own), path.name, options)]
    if b"OSMHeader" in head[:32]:
        from findings.imports.osm import read_osm

        return [_Source(path.stem, (), lambda: read_osm(path, options))]
    if what := next((what for magic, what in _FOREIGN if head.lstrip().startswith(magic)), None):
        raise RecordError(f"{path.name}: is {what}; expected {_KNOWN}")
    if path.suffix.lower() in _PARTS:
        raise RecordError(f"{path.name}: is one part of a shapefile; name its .shp")
    return [_text_source(path, options)]


def _head(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # to open a pipe would wait for ever
        what = "a folder" if path.is_dir() else "no plain file"
        raise RecordError(f"{path}: is {what}; name one file: {_KNOWN}")
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if not head:
        raise RecordError(f"{path.name}: is empty; expected {_KNOWN}")
    return head


def _archived(path: Path, options: Options, folder: Path, stack: ExitStack) -> list[_Source]:
    """Return the lists of a zip archive; what is a part of a shapefile belongs to its .shp."""
    own = Path(tempfile.mkdtemp(dir=folder))
    files = archive.unpack(path, own)
    mains = [file for file in files if file.suffix.lower() not in _PARTS]
    if not mains:
        raise RecordError(f"{path.name}: holds parts of a shapefile without its .shp; pack all parts")
    found = [source for file in mains for source in _sources(file, options, folder, stack)]
    rivers = [source for source in found if w05.is_stream(source.headings)]
    # An archive of W05 holds the same Stream as shapefile and as GeoJSON, and RiverNode beside it.
    return rivers[:1] if rivers and options.layer is None else found


def _chosen(sources: Sequence[_Source], options: Options, file: str) -> _Source:
    if not sources:
        raise RecordError(f"{file}: has no layer with features; expected a table of bridges or rivers")
    names = ", ".join(sorted({source.name for source in sources}))
    if options.layer is not None:
        fitting = [source for source in sources if source.name == options.layer]
        if not fitting:
            raise RecordError(f"{file}: has no layer {options.layer!r}; it has {names}")
        return fitting[0]
    if len(sources) > 1:
        raise RecordError(f"{file}: has {len(sources)} layers; name one by --layer: {names}")
    return sources[0]


def _text_source(path: Path, options: Options) -> _Source:
    text = read_text(path)
    if text.lstrip()[:1] not in ("{", "["):
        header = text.partition("\n")[0]
        headings = tuple(header.strip().split(max(",\t;", key=header.count)))
        return _Source(path.stem, headings, lambda: _table(text, path.name, options, headings))
    document = parsed_json(text, path.name)
    if answer := xroad.records_of(document):
        records, bridges = answer
        rows = xroad.rows(records, bridges=bridges)
        return _Source(path.stem, (), lambda: _finished(rows, path.name, options, [f"recognised: {xroad.NAME}"]))
    features, declared = geojson_rows(document, path.name)
    first = next((f for f in document["features"] if isinstance(f, dict) and isinstance(f.get("properties"), dict)), {})
    headings = tuple(str(key) for key in first.get("properties", {}))
    return _Source(path.stem, headings, lambda: _geojson(features, declared, headings, path.name, options))


def _table(text: str, name: str, options: Options, headings: tuple[str, ...]) -> Imported:
    rows = csv_rows(text, name, datum_is_given=options.crs is not None)
    system = None if options.crs is None else reference_system(options.crs)
    if system is not None and system.crs.is_projected:
        raise RecordError(
            f"{name}: 緯度 and 経度 of a table are degrees, --crs {options.crs} is in metres; give its datum"
        )
    return _finished(rows, name, options, _notes(headings, system), None if system is None else system.lonlat)


def _geojson(rows: Rows, declared: str | None, headings: tuple[str, ...], name: str, options: Options) -> Imported:
    # Without a member crs RFC 7946 says WGS84.
    system = _system(declared or "OGC:CRS84", options, name)
    notes = _notes(headings, system)
    placed = _placed(rows, system.lonlat)
    return _finished(w05.merged(placed) if w05.is_stream(headings) else placed, name, options, notes)


def _layer_source(layer: Layer, file: str, options: Options) -> _Source:
    return _Source(layer.name, layer.headings, lambda: _layer(layer, file, options))


def _layer(layer: Layer, file: str, options: Options) -> Imported:
    if w05.is_river_node(layer.headings):
        raise RecordError(f"{file}: holds the nodes of KSJ W05, not its rivers; name the file ...Stream.shp")
    columns = Columns.of(layer.headings)
    columns.check(file, datum_is_given=True)  # the geometry has the layer's own datum
    stream = w05.is_stream(layer.headings)
    declared = layer.crs or (w05.CRS if stream else None)
    system = _system(declared, options, file)
    notes = [*layer.notes, *_notes(layer.headings, system)]
    if stream and layer.crs is None and options.crs is None:
        notes.append("its coordinates are JGD2000, as the schema prescribes (the file itself does not say it)")
    rows = _placed(_by_field(layer, columns), system.lonlat)
    return _finished(w05.merged(rows) if stream else rows, file, options, notes)


def _system(declared: str | None, options: Options, file: str) -> ReferenceSystem:
    wanted = options.crs or declared
    if wanted is None:
        raise RecordError(
            f"{file}: does not say in which reference system its coordinates are (no .prj); JGD2011, JGD2000 and the "
            "old Tokyo datum differ by up to 450 m: give it by --crs, e.g. --crs EPSG:6668 for JGD2011 degrees"
        )
    try:
        return reference_system(wanted)
    except RecordError as error:
        raise RecordError(f"{file}: {error}") from error


def _notes(headings: Sequence[str], system: ReferenceSystem | None) -> list[str]:
    name = schema(headings)
    found = [f"recognised: {name}"] if name else []
    return found + ([system.note] if system is not None and system.note else [])


def _by_field(layer: Layer, columns: Columns) -> Iterator[tuple[str, Row]]:
    vertices = 0
    for where, item in layer.rows:
        if isinstance(item, RecordError):
            yield where, item
            continue
        cells, geometry = item
        if geometry is not None:
            import shapely

            vertices += int(shapely.get_num_coordinates(geometry))
            if vertices > MAX_VERTICES:
                yield where, RecordError(f"over {MAX_VERTICES} vertices; the features from here on were not read")
                return
        yield where, (columns.values(cells), geometry)


def _placed(rows: Rows, to_lonlat: ToLonlat) -> Iterator[tuple[str, Row]]:
    """Yield the rows with their geometries in WGS84 lon, lat; positions in columns are degrees already."""
    for where, item in rows:
        if isinstance(item, RecordError) or item[1] is None:
            yield where, item
            continue
        try:
            yield where, (item[0], to_lonlat(item[1]))
        except RecordError as error:
            yield where, error


def _finished(
    rows: Rows, name: str, options: Options, notes: Sequence[str] = (), to_lonlat: ToLonlat | None = None
) -> Imported:
    assets, errors = collect(rows, name, kind=options.kind, to_lonlat=to_lonlat)
    without = sum(asset.geometry is None for asset in assets)
    said = [f"{without} of {len(assets)} have no place: no crossing can be found for them"] if without else []
    return Imported(tuple(assets), tuple(errors), tuple(itertools.chain(notes, said)))
