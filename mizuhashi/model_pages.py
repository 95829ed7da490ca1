"""``docs/models/*.md``: a page about each shipped model version, written from its card and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from findings.files import write_text
from mizuhashi.evaluation_words import number
from mizuhashi.model_numbers import OF_CARDS, MeasuredSet, headline, measured_sets
from models.card import Calibration, ClassSpec, ModelCard
from models.licences import cell, licence_rows, licence_table
from models.registry import Registry

COMMAND = "mizuhashi models pages --out docs/models"
INDEX = "README.md"
_NOTE = f"<!-- Written by `{COMMAND}` from the card; changes belong into the card. -->"
_KINDS = {"photo": "photographs", "scene": "satellite scenes", "pair": "pictures of two dates"}
_TASKS = {"segmentation": "Marks pixels in", "anomaly": "Finds what differs from normal pictures in"}


def write_pages(registry: Registry, out: Path) -> list[Path]:
    """Write the page of every shipped version and the index into a folder; return the paths.

    Raises:
        OutputError: the folder cannot be written.
    """
    pages = page_texts(registry)
    for name, text in pages.items():
        write_text(out / name, text)
    return [out / name for name in pages]


def page_texts(registry: Registry) -> dict[str, str]:
    """Return the text of every page by file name; the same cards give the same texts."""
    cards = [entry.card for entry in registry.list() if entry.origin == "shipped"]
    pages = {f"{card.name}-{card.version}.md": page_text(card, registry.bases(card)) for card in cards}
    return {INDEX: index_text(cards), **pages}


def index_text(cards: Sequence[ModelCard]) -> str:
    """Return the page that lists the shipped versions; of a name the highest version runs by default."""
    highest = {card.name: card.version for card in cards}  # ascending, so the last is the highest
    rows = [
        (
            f"[{card.name}@{card.version}]({card.name}-{card.version}.md)",
            ", ".join(spec.name for spec in card.classes),
            _KINDS[card.image_kind],
            headline(card) or "not measured",
            "yes" if highest[card.name] == card.version else "no",
        )
        for card in cards
    ]
    lines = [
        "# Models that ship",
        "",
        _NOTE,
        "",
        *_table(("version", "finds", "in", "on its frozen test", "runs by default"), rows),
        "",
        "A version that is promoted (`mizuhashi models promote`) runs in place of the shipped one. Numbers of two",
        "versions compare only on the same data; `mizuhashi models compare A B --data CONFIG` measures both.",
    ]
    return "\n".join(lines) + "\n"


def page_text(card: ModelCard, bases: Sequence[ModelCard] = ()) -> str:
    """Return the page of one version as Markdown.

    Args:
        card: of the version.
        bases: cards of the versions that it was fine-tuned from.
    """
    parts = [
        [f"# {card.name}@{card.version}", "", _NOTE, "", _summary(card)],
        ["## What it reads", "", *_reads(card)],
        ["## What it finds", "", *_classes(card.classes), "", *_tested(card.classes)],
        ["## What was measured", "", *_measured(card)],
        ["## Whether its scores are probabilities", "", *_calibration(card)],
        ["## Limits", "", *([f"* {text}" for text in card.limits] or ["The card states none."])],
        ["## Training data and licences", "", *_licences(card, bases)],
        ["## How to make it again", "", *_commands(card)],
        ["## Files", "", *_files(card)],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


SURFACE_WORDS = {
    "water": "水面 / water surface (no damage)",
    "sediment": "裸地砂州 / bare sediment of a river (no damage)",
    "vegetation": "植生 / vegetation (no damage)",
    "built": "構造物・その他 / built and other ground (no damage)",
}


def damage_words(damage: str) -> str:
    """Return a damage code with its Japanese and English name."""
    from findings.taxonomy import damage_type

    if damage in SURFACE_WORDS:
        return SURFACE_WORDS[damage]
    found = damage_type(damage)
    return f"{found.number or ''}{found.ja} / {found.en}"


def _summary(card: ModelCard) -> str:
    names = ", ".join(spec.name.replace("_", " ") for spec in card.classes)
    based = "" if card.based_on is None else f" It was fine-tuned from {card.based_on}."
    return f"{_TASKS.get(card.task, 'Computes an index of')} {_KINDS[card.image_kind]}: {names}.{based}"


def _reads(card: ModelCard) -> list[str]:
    low, high = card.gsd_range_mm
    size, unit = (1.0, "mm") if high < 1000 else (1000.0, "m")
    optional = [band for band in card.bands if band not in card.required_bands]
    normal = card.normalisation
    how = {
        "fixed": f"(value - {_numbers(normal.mean)}) / {_numbers(normal.std)}, values as stored",
        "per_patch": "one mean and one standard deviation over all observed values of a window",
        "per_band": "a mean and a standard deviation for each band of a window",
        "per_group": "a mean and a standard deviation for each group of bands of a window",
        "none": "values as stored",
    }[normal.method]
    if normal.indices:
        how += "; beside them " + ", ".join(f"({a} - {b}) / ({a} + {b})" for a, b in normal.indices)
    rows = [
        ("bands", ", ".join(card.bands)),
        ("may be missing", ", ".join(optional) or "none"),
        ("scale", f"{low / size:g} to {high / size:g} {unit} per pixel"),
        ("normalisation", how),
    ]
    if card.image_kind == "scene":
        rows.append(("values", ", ".join(what.value for what in card.radiometry)))
    network = [str(card.architecture[key]) for key in ("decoder", "encoder") if key in card.architecture]
    rows.append(("network", " over ".join(network) or card.task))
    views = [
        *(["flips"] if card.test_time.flips else []),
        *(f"scale {scale:g}" for scale in card.test_time.scales if scale != 1),
    ]
    rows.append(("test-time views", ", ".join(views) or "none"))
    return _table(("", ""), rows)


def _numbers(values: Sequence[float]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else f"[{', '.join(f'{value:g}' for value in values)}]"


def _classes(classes: Iterable[ClassSpec]) -> list[str]:
    columns = ("class", "damage", "threshold", "region", "states")
    rows = [
        (
            spec.name,
            damage_words(spec.damage),
            f"{spec.threshold:g}",
            spec.extent,
            ", ".join(f"{fact}: {'yes' if value else 'no'}" for fact, value in spec.facts.items()) or "-",
        )
        for spec in classes
    ]
    return _table(columns, rows)


def _tested(classes: Sequence[ClassSpec]) -> list[str]:
    """Say in plain words what the numbers of each class are worth."""
    words = {
        "real": "Tested on real pixels: {}.",
        "generated": "Tested on generated pixels only: {}. That they are found on real structures is not shown.",
        "nothing": "Tested on nothing: {}. Their numbers are unknown, on generated pixels too.",
    }
    lines = []
    for kind, text in words.items():
        names = [f"**{spec.name}**" for spec in classes if spec.tested_on == kind]
        if names:
            lines.append(f"* {text.format(', '.join(names))}")
    return lines


def _measured(card: ModelCard) -> list[str]:
    lines = []
    protocol = card.metrics.get("protocol")
    if isinstance(protocol, str) and protocol:
        lines += [f"{protocol[0].upper()}{protocol[1:].rstrip('.')}.", ""]
    used: set[str] = set()
    for _, sets in groupby(measured_sets(card.metrics), key=lambda found: found.path):
        together = list(sets)
        lines += [f"### {together[0].title[0].upper()}{together[0].title[1:]}", ""]
        lines += [*_set_table(together), ""]
        lines += [line for found in together for line in _by_width(found)]
        lines += [line for text in dict.fromkeys(found.trust for found in together) if text for line in (text, "")]
        used |= {key for found in together for key, _ in found.rows()}
    if not used:
        return ["Nothing."]
    lines += ["### How each number is measured", ""]
    lines += [f"* {name}: {words}." for key, (name, words) in OF_CARDS.items() if key in used]
    if card.test_digest is not None:
        lines += ["", f"The frozen test has the digest `{card.test_digest}`; promotion compares on these very files."]
    return lines


def _set_table(together: Sequence[MeasuredSet]) -> list[str]:
    """Return one data set as a table: a row a measure, a column a class."""
    named = [found for found in together if found.rows()]
    texts = [dict(found.rows()) for found in named]
    rows = [
        (name, *(text.get(key, "") for text in texts))
        for key, (name, _) in OF_CARDS.items()
        if any(key in text for text in texts)
    ]
    columns = [found.class_name or ("all classes" if len(named) > 1 else "value (95 % interval)") for found in named]
    thresholds = [found.numbers.get("threshold") for found in named]
    if any(value is not None for value in thresholds):
        rows.insert(0, ("threshold", *("" if value is None else f"{value:g}" for value in thresholds)))
    return _table(("measure", *columns), rows) if rows else ["No number of it is one that a reader looks for first."]


def _by_width(found: MeasuredSet) -> list[str]:
    product = found.numbers.get("product", {})
    lines = []
    for key, unit in (("by_width_mm", "mm"), ("by_width_px", "px")):
        table = product.get(key)
        if isinstance(table, Mapping):
            rows = [(width, *_width_cells(row)) for width, row in table.items() if row.get("damages")]
            name = f" of {found.class_name}" if found.class_name else ""
            lines += [f"Findings{name} by the width of the damage, in {unit}:", ""]
            lines += [*_table(("width", "damages", "found", "検出率", "的中率", "share of length found"), rows), ""]
    return lines


def _width_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    rates = (row.get(key) for key in ("finding_recall", "finding_precision", "length_recall"))
    shown = ("-" if rate is None else number(rate, "") for rate in rates)
    return (f"{row['damages']:.0f}", f"{row.get('found', 0):.0f}", *shown)


def _calibration(card: ModelCard) -> list[str]:
    found = card.calibration
    if found is None:
        return ["They are not: a score of 0.7 orders candidates, it does not mean 7 of 10."]
    columns = ("class", "temperature", "ECE before", "ECE after")
    rows = [
        (spec.name, f"{temperature:.3f}", f"{before:.4f}", f"{after:.4f}")
        for spec, temperature, before, after in zip(
            card.classes, found.temperatures, found.ece_before, found.ece_after, strict=True
        )
    ]
    lines = [f"One temperature a class (Guo et al. 2017), fitted on {found.data}.", "", *_table(columns, rows)]
    return lines + _reliability(card.classes, found)


def _reliability(classes: Sequence[ClassSpec], found: Calibration) -> list[str]:
    lines = []
    for spec, bins in zip(classes, found.reliability, strict=False):
        rows = [(f"{mean:.3f}", f"{share:.3f}", f"{pixels:,}") for mean, share, pixels in bins if pixels]
        lines += ["", f"Reliability of {spec.name} after calibration, by bins of the probability:", ""]
        lines += _table(("mean probability", "share that is true", "pixels"), rows)
    return lines


def _licences(card: ModelCard, bases: Sequence[ModelCard]) -> list[str]:
    return [f"The weights are given under {card.licence}.", "", *licence_table(licence_rows(card, bases))]


def _commands(card: ModelCard) -> list[str]:
    from training.shipped import shipped_config

    commands = list(card.commands)
    path = shipped_config(card.name, card.version)
    if path is not None:
        commands.append(f"mizuhashi evaluate {card.name}@{card.version} --data training/configs/{path.name}")
    if not commands:
        return ["The card names no command."]
    lines = ["```", *commands, "```"]
    environment = card.metrics.get("environment")
    if isinstance(environment, Mapping):
        lines += ["", f"Made with {', '.join(f'{name} {value}' for name, value in environment.items())}."]
    return lines


def _files(card: ModelCard) -> list[str]:
    rows = [(card.weights_file or "no weights", "safetensors", f"`{card.weights_sha256}`", "")]
    rows += [
        (
            export.file,
            export.format,
            f"`{export.sha256}`",
            f"at most {export.largest_difference:.2g} on {export.measured_on}",
        )
        for export in card.exports
    ]
    return _table(("file", "form", "sha256", "differs from the weights by"), rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return lines + [f"| {' | '.join(cell(text) for text in row)} |" for row in rows]
