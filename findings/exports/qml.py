"""QGIS styles: findings by grade with shape, size and label, so that no grade is told by colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

VERSION = "3.28.0"
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
INK = "35,35,35,255"
MARKS: Mapping[str, tuple[str, str, float]] = {
    "worst": ("triangle", "178,24,43,255", 4.6),
    "bad": ("diamond", "239,138,98,255", 4.2),
    "middle": ("square", "253,219,119,255", 3.6),
    "slight": ("circle", "146,197,222,255", 3.2),
    "none": ("cross2", "90,90,90,255", 2.8),
}
"""Shape, colour and size of a mark, from the worst grade to none."""

RULES: Sequence[tuple[str, str, str]] = (
    ("橋梁 損傷程度 e", "\"scheme\" = 'mlit_damage' AND \"worst\" = 'e'", "worst"),
    ("橋梁 損傷程度 d", "\"scheme\" = 'mlit_damage' AND \"worst\" = 'd'", "bad"),
    ("橋梁 損傷程度 c", "\"scheme\" = 'mlit_damage' AND \"worst\" = 'c'", "middle"),
    ("橋梁 損傷程度 a, b", "\"scheme\" = 'mlit_damage' AND \"worst\" IN ('a', 'b')", "slight"),
    ("河川 評価 d", "\"scheme\" = 'river_rating' AND \"worst\" = 'd'", "worst"),
    ("河川 評価 c", "\"scheme\" = 'river_rating' AND \"worst\" = 'c'", "bad"),
    ("河川 評価 b", "\"scheme\" = 'river_rating' AND \"worst\" = 'b'", "middle"),
    ("河川 評価 a", "\"scheme\" = 'river_rating' AND \"worst\" = 'a'", "slight"),
    ("程度なし", '"worst" IS NULL OR "worst" = \'\'', "none"),
)
"""Legend, filter and mark; letters of bridges and rivers mean different things, so each has its own rule."""


def findings_style() -> str:
    """Return the style of the layer of points: nine rules, each with a shape of its own, and labels."""
    return _document(_rules("marker"), label_field="label")


def outlines_style() -> str:
    """Return the style of the layer of outlines: the same rules as lines without a fill."""
    return _document(_rules("fill"), label_field=None)


def images_style() -> str:
    """Return the style of footprints: dashed where a picture does not count as seen."""
    rules = (("写真の範囲", '"gap" IS NULL OR "gap" = \'\'', "slight"), ("数えない写真の範囲", "ELSE", "none"))
    return _document(_rules("fill", rules), label_field=None)


def _document(renderer: Element, label_field: str | None) -> str:
    root = Element("qgis", {"version": VERSION, "styleCategories": "Symbology|Labeling",
                            "labelsEnabled": "1" if label_field else "0"})  # fmt: skip
    root.append(renderer)
    if label_field is not None:
        root.append(_labels(label_field))
    indent(root)
    return f"{DOCTYPE}\n{tostring(root, encoding='unicode')}\n"


def _rules(kind: str, rules: Sequence[tuple[str, str, str]] = RULES) -> Element:
    renderer = Element("renderer-v2", {"type": "RuleRenderer", "symbollevels": "0", "forceraster": "0"})
    listed = SubElement(renderer, "rules", {"key": "{root}"})
    symbols = SubElement(renderer, "symbols")
    for number, (label, condition, mark) in enumerate(rules):
        facts = {"key": f"{{rule-{number}}}", "filter": condition, "label": label, "symbol": str(number)}
        SubElement(listed, "rule", facts)
        symbol = SubElement(symbols, "symbol", {"name": str(number), "type": kind, "alpha": "1"})
        shape, colour, size = MARKS[mark]
        if kind == "marker":
            values = {"name": shape, "color": colour, "size": f"{size:g}", "size_unit": "MM", "outline_color": INK,
                      "outline_width": "0.3", "outline_style": "solid"}  # fmt: skip
            _layer(symbol, "SimpleMarker", values)
        else:
            style = "dash" if mark == "none" else "solid"
            width = f"{0.26 + 0.12 * (size - 2.8):.2f}"
            _layer(symbol, "SimpleFill", {"style": "no", "outline_color": colour, "outline_width": width,
                                          "outline_style": style, "outline_width_unit": "MM"})  # fmt: skip
    return renderer


def _layer(symbol: Element, name: str, values: Mapping[str, str]) -> None:
    """Add a symbol layer; QGIS from 3.26 on reads the options, earlier ones the properties."""
    layer = SubElement(symbol, "layer", {"class": name, "enabled": "1", "locked": "0", "pass": "0"})
    options = SubElement(layer, "Option", {"type": "Map"})
    for key, value in values.items():
        SubElement(options, "Option", {"name": key, "type": "QString", "value": value})
    for key, value in values.items():
        SubElement(layer, "prop", {"k": key, "v": value})


def _labels(field: str) -> Element:
    labeling = Element("labeling", {"type": "simple"})
    settings = SubElement(labeling, "settings", {"calloutType": "simple"})
    text = {"fieldName": field, "isExpression": "0", "fontSize": "8", "fontSizeUnit": "Point", "textColor": INK,
            "textOpacity": "1", "namedStyle": "Regular"}  # fmt: skip
    style = SubElement(settings, "text-style", text)
    buffer = {"bufferDraw": "1", "bufferSize": "0.8", "bufferSizeUnits": "MM", "bufferColor": "255,255,255,255",
              "bufferOpacity": "1"}  # fmt: skip
    SubElement(style, "text-buffer", buffer)
    SubElement(settings, "placement", {"placement": "6", "dist": "1", "distUnits": "MM", "priority": "5"})
    SubElement(settings, "rendering", {"drawLabels": "1", "displayAll": "0", "scaleVisibility": "0", "obstacle": "1"})
    return labeling
