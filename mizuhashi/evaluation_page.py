"""The evaluation report: one HTML page with its pictures inside, and one JSON file."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from findings.files import write_text
from mizuhashi.evaluation_words import MEASURES, PROTOCOLS, measure_name, number, rows_of, unit_words, width_row
from training.compare import Comparison, Difference, Pair
from training.evaluation_plots import Curves, precision_recall_plot, reliability_plot
from training.evaluation_report import FORMAT, FORMAT_VERSION, Section, as_json

PAIRS = 10  # pictures listed to either side of a comparison; the JSON file has all of them
RAW = ("Raw pixels at the threshold.", "Comparable with published numbers of the same protocol.")
PRODUCT = ("Masks that the product shows.", "What an engineer gets to see.")


def write_evaluation(sections: Sequence[Section], folder: Path) -> tuple[Path, Path]:
    """Write ``evaluation.html`` and ``evaluation.json`` into a folder and return their paths; whole or not at all.

    Raises:
        OutputError: the folder cannot be written.
    """
    page, data = folder / "evaluation.html", folder / "evaluation.json"
    document = {"format": FORMAT, "version": FORMAT_VERSION, "sections": [as_json(s) for s in sections]}
    write_text(data, json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mizuhashi", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    write_text(page, environment.get_template("evaluation.html.j2").render(page_values(sections)))
    return page, data


def page_values(sections: Sequence[Section]) -> dict[str, Any]:
    """Return what the template shows, as plain values."""
    first = sections[0]
    beside = f" against {first.against}" if first.against else ""
    return {
        "title": f"Evaluation of {first.model}{beside}",
        "intro": "How good the masks of a model are on pictures with known truth, at the threshold that it ships.",
        "digest": first.digest,
        "sections": [_section(section) for section in sections],
    }


def _section(section: Section) -> dict[str, Any]:
    metrics, config = section.metrics, section.config
    split = f", split {config.source.split}" if config.source.split else ""
    found = section.comparison
    values: dict[str, Any] = {
        "data": f"{config.source.name}{split}",
        "images": metrics["images"],
        "groups": metrics["groups"],
        "model": section.model,
        "against": section.against,
        "protocol": PROTOCOLS[config.protocol],
        "classes": [_class(name, own, section) for name, own in _classes(section.metrics).items()],
        "remarks": _remarks(metrics),
        "ranked_by": _ranked_by(section),
        "worst": [
            {"name": bad.name, "group": "" if bad.group == bad.name else bad.group, "label": bad.label,
             "why": bad.why, "share": f"{share:.0%}", "uri": uri(bad.image, "jpeg")}
            for bad, share in section.worst
        ],
        "verdict": "", "differences": [], "pairs": [], "unit": "", "units": "", "deciding": "",
    }  # fmt: skip
    return values if found is None else values | _comparison(found)


def _classes(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the numbers of each class; a protocol of one class has them at the top."""
    several: Mapping[str, Any] | None = metrics.get("classes")
    return several if several is not None else {"": metrics}


def _class(name: str, metrics: Mapping[str, Any], section: Section) -> dict[str, Any]:
    label = name or section.config.protocol
    tables = [(RAW, rows_of(metrics, product=False)), (PRODUCT, rows_of(metrics, product=True))]
    product = metrics.get("product", {})
    widths = [
        {"unit": f", in {unit}", "words": WIDTH_WORDS, "rows": _width_rows(product[key])}
        for key, unit in (("by_width_px", "px"), ("by_width_mm", "mm"))
        if key in product
    ]
    return {
        "name": label,
        "operating": f"{metrics['threshold']:g}",
        "unit": unit_words(metrics),
        "tables": [{"title": t, "words": w, "rows": rows} for (t, w), rows in tables if rows],
        "widths": widths,
        "remarks": _water(metrics),
        "plots": _plots(section.curves[label]),
    }


WIDTH_WORDS = (
    "True width: 2 x distance transform at the true centreline (a line of one or two pixels counts as 2 px), or exact "
    "where the truth was drawn by a program; detections by the width of their own mask. The upper end belongs to the "
    "class. Labels are often wider than the crack, so a class says what was drawn, not what a gauge would read."
)


def _width_rows(table: Mapping[str, Mapping[str, float | None]]) -> list[dict[str, str]]:
    """Return the classes in which there is anything."""
    return [width_row(name, row) for name, row in table.items() if row["true_length_px"] or row["detections"]]


def _water(metrics: Mapping[str, Any]) -> list[str]:
    if metrics.get("boundary_median_px") is None:
        return []
    lines = [f"Boundary error, median: {metrics['boundary_median_px']:.2f} px."]
    if metrics.get("boundary_mean_m") is not None:
        lines = [f"Boundary error in metres: mean {metrics['boundary_mean_m']:.1f}, "
                 f"median {metrics['boundary_median_m']:.1f}."]  # fmt: skip
    if metrics.get("boundary_unmatched"):
        lines.append(f"{metrics['boundary_unmatched']:,} boundary points lie in scenes where only one of prediction "
                     "and truth has a boundary; no distance can be told for them.")  # fmt: skip
    return lines


def _plots(models: Mapping[str, Curves]) -> list[dict[str, str]]:
    return [
        {"uri": uri(precision_recall_plot(models), "png"), "alt": "precision over recall of the pixels"},
        {"uri": uri(reliability_plot(models), "png"), "alt": "share of true pixels over mean score"},
    ]


def _remarks(metrics: Mapping[str, Any]) -> list[str]:
    lines = []
    if metrics.get("class_iou_macro") is not None:
        lines.append(
            f"Mean over the classes that have a true pixel: IoU {metrics['class_iou_macro']:.3f}, "
            f"F1 {metrics['class_f1_macro']:.3f}."
        )
    if metrics.get("not_measured"):
        lines.append(f"Not measured, as this set does not label them: {', '.join(metrics['not_measured'])}.")
    return lines


def _ranked_by(section: Section) -> str:
    if section.config.protocol == "classes":
        return (
            "Ranked by the share of the class's errors that lies in the picture: missed and false pixels, of the "
            "centreline for cracks."
        )
    if section.config.protocol == "crack":
        return "Ranked by missed and false centreline together, in px, farther than 4 px from the other mask."
    return "Ranked by missed and false pixels together."


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "deciding": ", ".join(measure_name(name) for name in found.headline),
        "unit": _unit(found),
        "units": f"{found.unit}s",
        "differences": [
            difference_row(n, d) for n, d in found.measures.items() if not n.endswith("_macro") or d.headline
        ],
        "pairs": [table for name in found.headline for table in _pairs(name, found)],
    }


def _unit(found: Comparison) -> str:
    if found.count < 2:
        return "There is one picture only: no interval, no verdict."
    if found.unit == "group":
        few = " With so few groups only a large difference can be shown." if found.count < 10 else ""
        return f"Paired bootstrap over {found.count} groups.{few}"
    return (f"All pictures belong to one group: paired bootstrap over {found.count} pictures instead, which says "
            "nothing about other sites.")  # fmt: skip


def difference_row(name: str, d: Difference) -> dict[str, Any]:
    """Return one difference as texts for a table."""
    key = next((k for k in sorted(MEASURES, key=len, reverse=True) if name == k or name.endswith(f".{k}")), "iou")
    interval = "" if d.low is None or d.high is None else f"{signed(d.low, key)} to {signed(d.high, key)}"
    return {
        "name": measure_name(name), "headline": d.headline, "a": number(d.a, key), "b": number(d.b, key),
        "difference": "" if d.difference is None else signed(d.difference, key), "interval": interval,
        "wins": d.wins, "losses": d.losses, "ties": d.ties, "verdict": d.verdict,
    }  # fmt: skip


def signed(value: float, key: str) -> str:
    """Return a difference with its sign, 0 without one."""
    text = number(abs(value), key)
    return text if not any(c in "123456789" for c in text) else f"{'+' if value > 0 else '−'}{text}"


def _pairs(name: str, found: Comparison) -> list[dict[str, Any]]:
    tables = []
    groups = found.by_group[name]
    if len(groups) > 1:
        tables.append({"title": f"{measure_name(name)}, by group", "what": "group", "rows": _rows(groups[:40])})
    pictures = [p for p in found.by_picture[name] if p.a is not None and p.b is not None and p.a != p.b]
    ordered = sorted(pictures, key=lambda p: (p.a or 0) - (p.b or 0))
    listed = ordered if len(ordered) <= 2 * PAIRS else ordered[:PAIRS] + ordered[-PAIRS:]
    if listed:
        title = f"{measure_name(name)}, pictures that differ most, the losses first"
        tables.append({"title": title, "what": "picture", "rows": _rows(listed)})
    return tables


def _rows(pairs: Sequence[Pair]) -> list[dict[str, str]]:
    return [
        {"name": p.name, "a": number(p.a, "iou"), "b": number(p.b, "iou"),
         "difference": "" if p.a is None or p.b is None else signed(p.a - p.b, "iou")}
        for p in pairs
    ]  # fmt: skip


def uri(data: bytes, kind: str) -> str:
    """Return an encoded picture as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
