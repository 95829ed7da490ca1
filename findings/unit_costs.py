"""The agency's own table of unit costs (概算単価): what a method costs for each unit of a damage.

No price comes with this project. A table is CSV (UTF-8 with or without BOM, UTF-16 or cp932) or YAML; one row a method.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from findings.asset_table import decoded, table_rows
from findings.errors import GradingError, RecordError
from findings.finding import Finding
from findings.fiscal_year import parse_fiscal_year
from findings.measure import Measure
from findings.plain_yaml import PlainYamlError, parse_yaml
from findings.standard import load_standard
from findings.taxonomy import damage_type

MAX_BYTES = 5_000_000
MOST_SHOWN = 5
PLACE = "箇所"

# Our field: the headings that mean it, compared without spaces and in small letters.
HEADINGS: Mapping[str, tuple[str, ...]] = {
    "agency": ("agency", "機関", "管理者"),
    "damage_id": ("damage_id", "損傷番号", "損傷の種類"),
    "method": ("method", "工法", "対策内容"),
    "unit": ("unit", "単位"),
    "yen": ("yen", "単価(円)", "単価"),
    "fiscal_year": ("fiscal_year", "年度", "単価年度"),
    "source": ("source", "出典", "根拠"),
    "fixed_yen": ("fixed_yen", "固定費(円)", "固定費"),
    "measure_class": ("measure_class", "対策区分"),
    "effect": ("effect", "効果(程度)", "効果"),
    "life_years": ("life_years", "耐用年数"),
}
REQUIRED = ("agency", "damage_id", "method", "unit", "yen", "fiscal_year", "source")

# Spellings of a unit after NFKC (㎡ is m2); a lump sum (式) is paid for each place.
UNITS = {
    "m": "m", "m2": "m2", "平米": "m2",
    "箇所": PLACE, "ヶ所": PLACE, "カ所": PLACE, "か所": PLACE, "個所": PLACE, "式": PLACE,
    "本": "本", "個": "個", "枚": "枚", "基": "基", "脚": "脚",
}  # fmt: skip
PIECES = ("本", "個", "枚", "基", "脚")
LINES = ("2", "6", "11", "R01")  # what is drawn as a line has a length, and no area of its own
BARS = ("7",)  # bared steel: its length
PIECEWISE = ("3", "4", "16", "18")  # bolts, bars, bearings and anchors are counted
BOTH = ("11", "R10", "R11", "R13", "R14", "R17")

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?|[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class UnitCost:
    """One row: what one method costs.

    Attributes:
        damage: code of the damage that it treats.
        unit: ``m``, ``m2``, ``箇所`` (one defect), or a piece such as ``本``.
        yen: for each unit.
        fiscal_year: of the prices.
        source: where the agency has the price from.
        fixed_yen: mobilisation or scaffolding; paid once for an asset and fiscal year where works are bundled.
        measure_class: the engineer's class that the method answers, or None: any.
        effect: the grade that it brings the damage back to, or None: not stated.
        life_years: how long that lasts, or None.
        where: the row in its file.
    """

    agency: str
    damage: str
    method: str
    unit: str
    yen: float
    fiscal_year: int
    source: str
    fixed_yen: float = 0.0
    measure_class: str | None = None
    effect: str | None = None
    life_years: float | None = None
    where: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What must not be there twice in a fiscal year."""
        return (self.agency, self.damage, self.method, self.unit)


@dataclass(frozen=True, slots=True)
class UnitCostTable:
    """A checked table of one agency.

    Attributes:
        file: its name.
        digest: first eight hexadecimal digits of its SHA-256: an edited price shows in every plan.
        rows: the newest prices only, in the order of the file.
        notes: what was left out, and why.
    """

    file: str
    digest: str
    agency: str
    rows: tuple[UnitCost, ...]
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What a plan names: ``costs.csv+1a2b3c4d``."""
        return f"{self.file}+{self.digest}"

    def of(self, damage: str, measure_class: str | None = None) -> tuple[UnitCost, ...]:
        """Return the methods for a damage, and for the class that an engineer gave, where one was given."""
        rows = (row for row in self.rows if row.damage == damage)
        return tuple(row for row in rows if measure_class is None or row.measure_class in (None, measure_class))


def possible_units(damage: str) -> tuple[str, ...]:
    """Return the units in which findings of a damage can be measured; one place (箇所) always."""
    units = [PLACE]
    units += ["m"] if damage in (*LINES, *BARS, *BOTH) else []
    units += ["m2"] if damage not in LINES or damage in BOTH else []
    return (*units, *(PIECES if damage in PIECEWISE else ()))


def quantity(finding: Finding, unit: str) -> Measure:
    """Return how much of a unit a finding has, with its 95 % interval; ``value`` is None where nobody measured it."""
    if unit == PLACE:
        return Measure("place", 1.0, unit, 1.0, 1.0, "one defect")
    if unit in PIECES:
        return _scaled(finding, ("count",), {unit: 1.0, "count": 1.0, "": 1.0}, unit)
    if unit == "m2":
        return _scaled(finding, ("area",), {"m2": 1.0, "mm2": 1e-6}, unit)
    names = ("rebar_length",) if finding.damage in BARS else ("length",)
    return _scaled(finding, names, {"m": 1.0, "mm": 1e-3}, unit)


def _scaled(finding: Finding, names: Sequence[str], factors: Mapping[str, float], unit: str) -> Measure:
    upper = None
    for measure in finding.measures:
        if measure.name not in names or measure.unit not in factors:
            continue
        factor = factors[measure.unit]
        low, high = (None if end is None else max(end, 0.0) * factor for end in (measure.low, measure.high))
        if measure.value is not None and math.isfinite(measure.value) and measure.value >= 0:
            return Measure(measure.name, measure.value * factor, unit, low, high, measure.how)
        upper = high if upper is None else upper
    return Measure(names[0], None, unit, None, upper, "not measured")


def read_unit_costs(path: Path, *, agency: str | None = None) -> UnitCostTable:
    """Return the unit costs of a file, all rows checked.

    Args:
        path: ``.csv`` or ``.yaml``; a YAML file holds a list of rows, or a mapping with the list ``unit_costs``.
        agency: whose rows count; needed where the file has those of several.

    Raises:
        RecordError: the file cannot be read, or rows are wrong; the message names the first of them, each with its
            value, what was expected and the remedy.
    """
    content = _content(path)
    read = _yaml_rows if path.suffix.lower() in (".yaml", ".yml") else _csv_rows
    rows: list[UnitCost] = []
    wrong: list[str] = []
    seen: dict[tuple[object, ...], str] = {}
    for where, cells in read(content, path.name):
        try:
            row = _unit_cost(cells, where)
            first = seen.setdefault((*row.key, row.fiscal_year), where)
            if first != where:
                raise RecordError(
                    f"repeats {first} (agency {row.agency}, damage {row.damage}, {row.method}, per {row.unit}, fiscal "
                    f"year {row.fiscal_year}); keep one of the two"
                )
        except RecordError as error:
            wrong.append(f"{where}: {error}")
        else:
            rows.append(row)
    if wrong:
        more = f"; and {len(wrong) - MOST_SHOWN} more rows" if len(wrong) > MOST_SHOWN else ""
        raise RecordError(f"{path.name}: {'; '.join(wrong[:MOST_SHOWN])}{more}")
    if not rows:
        raise RecordError(f"{path.name}: has no rows; expected one row a method with {', '.join(REQUIRED)}")
    return _table(path.name, content, rows, agency)


def _table(name: str, content: bytes, rows: Sequence[UnitCost], agency: str | None) -> UnitCostTable:
    agencies = sorted({row.agency for row in rows})
    if agency is None and len(agencies) > 1:
        raise RecordError(f"{name}: has the prices of {len(agencies)} agencies; name one: {', '.join(agencies)}")
    if agency is not None and agency not in agencies:
        raise RecordError(f"{name}: has no row of agency {agency!r}; it has {', '.join(agencies)}")
    own = [row for row in rows if row.agency == (agency or agencies[0])]
    newest: dict[tuple[str, str, str, str], UnitCost] = {}
    for row in own:
        if row.key not in newest or row.fiscal_year > newest[row.key].fiscal_year:
            newest[row.key] = row
    kept = tuple(row for row in own if newest[row.key] is row)
    notes = []
    if older := len(own) - len(kept):
        notes.append(f"older prices of the same method and unit are not used: {older}")
    if silent := sum(row.effect is None and not _investigates(row) for row in kept):
        notes.append(f"rows that state no effect count as bringing the damage back to the best grade: {silent}")
    return UnitCostTable(name, hashlib.sha256(content).hexdigest()[:8], own[0].agency, kept, tuple(notes))


def _investigates(row: UnitCost) -> bool:
    return row.measure_class in ("S1", "S2")


def effect_of(row: UnitCost) -> str | None:
    """Return the grade that a method brings its damage back to; None for an investigation, which repairs nothing."""
    if row.effect is not None or _investigates(row):
        return row.effect
    ladder = damage_type(row.damage).grades
    return ladder[0] if ladder else None


def _content(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise RecordError(f"{path}: is no plain file; expected a CSV or YAML table of unit costs")
        content = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror}); check the path of the unit costs") from error
    if content is None:
        raise RecordError(f"{path.name}: larger than {MAX_BYTES} bytes; a table of unit costs is a small file")
    if not content.strip():
        raise RecordError(f"{path.name}: is empty; expected one row a method with {', '.join(REQUIRED)}")
    return content


def _csv_rows(content: bytes, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    rows = table_rows(decoded(content, name))
    _, header = next(rows, ("", RecordError("the table is empty")))
    if isinstance(header, RecordError):
        raise RecordError(f"{name}: no header can be read ({header}); expected {','.join(REQUIRED)}") from header
    fields = _fields(header, name)
    for where, cells in rows:
        if isinstance(cells, RecordError):
            raise RecordError(f"{name}: {where}: {cells}")
        if len(cells) > len(fields):
            raise RecordError(f"{name}: {where}: {len(cells)} cells, the header {len(fields)}; quote commas in text")
        yield where, {field: cell for field, cell in zip(fields, cells, strict=False) if field is not None}


def _fields(header: Sequence[str], name: str) -> list[str | None]:
    known = {alias: field for field, aliases in HEADINGS.items() for alias in aliases}
    fields = [known.get(_plain(text.lstrip("\ufeff")).casefold()) for text in header]
    if missing := [field for field in REQUIRED if field not in fields]:
        raise RecordError(
            f"{name}: no column {', '.join(missing)} (columns: {', '.join(header)}); expected {','.join(REQUIRED)}"
        )
    if twice := sorted({field for field in fields if field is not None and fields.count(field) > 1}):
        raise RecordError(f"{name}: two columns mean {', '.join(twice)}; keep one of them")
    return fields


def _yaml_rows(content: bytes, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        data = parse_yaml(decoded(content, name))
    except PlainYamlError as error:
        raise RecordError(f"{name}: not valid YAML: {error}") from error
    listed = data.get("unit_costs") if isinstance(data, Mapping) else data
    if not isinstance(listed, list):
        raise RecordError(f"{name}: holds no list of rows; expected unit_costs: [...] with {', '.join(REQUIRED)}")
    for number, cells in enumerate(listed, start=1):
        if not isinstance(cells, Mapping):
            raise RecordError(f"{name}: row {number}: {cells!r}; expected a mapping with {', '.join(REQUIRED)}")
        if unknown := sorted(str(key) for key in cells if key not in HEADINGS):
            raise RecordError(f"{name}: row {number}: unknown {', '.join(unknown)}; expected {', '.join(HEADINGS)}")
        yield f"row {number}", cells


def _unit_cost(cells: Mapping[str, Any], where: str) -> UnitCost:
    damage = _damage(cells.get("damage_id"))
    yen, fixed = _yen(cells, "yen"), _yen(cells, "fixed_yen", 0.0)
    if yen == 0 and fixed == 0:
        raise RecordError("yen is 0 and so is fixed_yen; a method without a price cannot be planned: give its price")
    return UnitCost(
        agency=_text(cells, "agency"),
        damage=damage,
        method=_text(cells, "method"),
        unit=_unit(cells.get("unit"), damage),
        yen=yen,
        fiscal_year=_year(cells.get("fiscal_year")),
        source=_text(cells, "source"),
        fixed_yen=fixed,
        measure_class=_choice(
            cells, "measure_class", [row["code"] for row in load_standard("measure_class")["classes"]]
        ),
        effect=_choice(cells, "effect", damage_type(damage).grades),
        life_years=_life(cells),
        where=where,
    )


def _classes() -> list[str]:
    return [row["code"] for row in load_standard("measure_class")["classes"]]


def _plain(value: object) -> str:
    return "".join(unicodedata.normalize("NFKC", str(value)).split())


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _text(cells: Mapping[str, Any], field: str) -> str:
    value = cells.get(field)
    if _empty(value) or not isinstance(value, str | int):
        raise RecordError(f"{field} is {'missing' if _empty(value) else repr(value)}; expected text: fill it in")
    return str(value).strip()


def _damage(value: object) -> str:
    expected = 'expected "1" to "26" or "R01" to "R22", written as text'
    if _empty(value):
        raise RecordError(f"damage_id is missing; {expected}")
    code = _plain(value)
    if isinstance(value, float | bool) or re.fullmatch(r"[0-9]+\.[0-9]+", code):
        raise RecordError(f"damage_id is {code}, a number with a fraction; {expected}: quote it, or format the column")
    try:
        kind = damage_type(code)
    except GradingError as error:
        raise RecordError(f"damage_id {code!r} is unknown; {expected}") from error
    if not kind.grades:
        raise RecordError(f"damage_id {code!r} names no damage that could be repaired; {expected}")
    return kind.code


def _unit(value: object, damage: str) -> str:
    units = possible_units(damage)
    expected = f"expected {', '.join(units)} for {damage_type(damage).label()}"
    if _empty(value):
        raise RecordError(f"unit is missing; {expected}")
    unit = UNITS.get(_plain(value))
    if unit not in units:
        why = (
            "volumes need a depth, which pictures do not give" if _plain(value) == "m3" else "no measure of it has that"
        )
        raise RecordError(f"unit {str(value)!r}: {why}; {expected}")
    return unit


def _yen(cells: Mapping[str, Any], field: str, default: float | None = None) -> float:
    value = cells.get(field)
    if _empty(value):
        if default is None:
            raise RecordError(f"{field} is missing; expected yen for each unit, e.g. 1000")
        return default
    text = _plain(value)
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        raise RecordError(f"{field} is {str(value)!r}; expected yen, 0 or more, in digits only, e.g. 1000")
    return float(text.replace(",", ""))


def _year(value: object) -> int:
    year = None if value is None or isinstance(value, bool | float) else parse_fiscal_year(str(value))
    if year is None:
        raise RecordError(f"fiscal_year is {str(value or '')!r}; expected the year of the prices, e.g. 2024 or R6")
    return year


def _choice(cells: Mapping[str, Any], field: str, known: Sequence[str]) -> str | None:
    value = cells.get(field)
    if _empty(value):
        return None
    found = next((code for code in known if code.casefold() == _plain(value).casefold()), None)
    if found is None:
        raise RecordError(f"{field} is {str(value)!r}; expected one of {', '.join(known)}, or nothing")
    return found


def _life(cells: Mapping[str, Any]) -> float | None:
    value = cells.get("life_years")
    if _empty(value):
        return None
    text = _plain(value)
    if isinstance(value, bool) or not _NUMBER.fullmatch(text) or not 0 < float(text.replace(",", "")) <= 200:
        raise RecordError(f"life_years is {str(value)!r}; expected years above 0 and at most 200, or nothing")
    return float(text.replace(",", ""))
