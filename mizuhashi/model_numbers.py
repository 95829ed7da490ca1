"""The measured numbers of a model card: what they were measured on, and the values with their intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mizuhashi.evaluation_words import MEASURES, number, unit_words
from models.card import ModelCard

Numbers = Mapping[str, Any]

_OF_REGIONS = ("iou", "f1", "f1@2px", "cliou@4px", "cl_recall@4px", "false_alarm_px_per_mp")
_REGIONS = "product."

OF_CARDS: Mapping[str, tuple[str, str]] = {
    **MEASURES,
    **{
        _REGIONS + key: (
            f"{MEASURES[key][0]}, of regions",
            f"the same of the regions that are shown; {MEASURES[key][1]}",
        )
        for key in _OF_REGIONS
    },
    "boundary_median_px": ("boundary error, median", "median distance between both water boundaries, px"),
    "class_iou_macro": ("mean IoU of classes", "mean over the classes that have a true pixel"),
    "class_f1_macro": ("mean F1 of classes", "mean over the classes that have a true pixel"),
    "iou_macro": ("IoU, mean of groups", "each group (photograph, structure, place) counts the same"),
}
"""Name and protocol of what a reader of a card looks for, in that order; a report has further numbers."""

_OF_FALSE_ALARMS = ("false_", "ece")
_FIRST = ("class_iou_macro", "f1", "cliou@4px", "iou")
_FIRST_OF_WATER = ("iou", "boundary_median_px")


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """One class on one data set.

    Attributes:
        path: where it stands in the metrics, e.g. ``("reports", "CPVD")``.
        numbers: of the class.
        class_name: of a model with several classes; None for the numbers over all of them, or of the only one.
        about: numbers of the set above its classes.
    """

    path: tuple[str, ...]
    numbers: Numbers
    class_name: str | None
    about: Numbers

    @property
    def title(self) -> str:
        """What was measured, for a reader: ``test: cracks/uav_concrete, split test, 54 pictures of 4 groups``."""
        about = {**self.numbers, **self.about}
        data = about.get("data")
        words = [] if data is None else [str(data)]
        if about.get("split"):
            words.append(f"split {about['split']}")
        if about.get("labels") == "derived":
            words.append("derived labels")
        if about.get("images") is not None:
            words.append(f"{about['images']} pictures")
            if about.get("groups") is not None:
                words[-1] += f" of {about['groups']} {'group' if about['groups'] == 1 else 'groups'}"
        front = [part.replace("_", " ") for part in self.path if part != data]
        return f"{' / '.join(front)}: {', '.join(words)}"

    @property
    def trust(self) -> str:
        """What the intervals were made of; empty for numbers without any."""
        numbers = self.numbers
        if not any(str(key).endswith("_95") for key in numbers):
            return ""
        # cards of the first versions do not say it: their intervals are over groups
        return unit_words({"interval_unit": "group", **numbers})

    def rows(self) -> list[tuple[str, str]]:
        """Return (measure, value with interval) of what the set has.

        Names that begin with ``product.`` are of the regions that an engineer gets to see: joined, filled, of the least
        area. Names without are of the pixels at the threshold, or, of findings, of regions because nothing else is.

        Without a true pixel any overlap is 0 by definition and says nothing of the model: only false alarms count.
        """
        product = self.numbers.get("product", {})
        nothing_true = "recall" in self.numbers and self.numbers["recall"] is None
        return [
            (key, value_text(place, name))
            for key in OF_CARDS
            for name in [key.removeprefix(_REGIONS)]
            for place in [self.numbers if key in self.numbers else product]
            if name in place and (not nothing_true or name.startswith(_OF_FALSE_ALARMS))
        ]


def measured_sets(metrics: Numbers, path: tuple[str, ...] = ()) -> Iterator[MeasuredSet]:
    """Yield everything that was measured, wherever it is nested: mappings that count their pictures."""
    for key, value in metrics.items():
        for names, item in _named(str(key), value):
            here = (*path, *names)
            if not isinstance(item, Mapping):
                continue
            if isinstance(item.get("classes"), Mapping):
                about = {k: v for k, v in item.items() if k != "classes"}
                yield MeasuredSet(here, about, None, {})
                for class_name, numbers in item["classes"].items():
                    yield MeasuredSet(here, numbers, str(class_name), about)
            elif "images" in item:
                yield MeasuredSet(here, item, None, {})
            else:
                yield from measured_sets(item, here)


def _named(key: str, value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield (names, item): the sets of a list are named by their data."""
    if not isinstance(value, list | tuple):
        yield (key,), value
        return
    for place, item in enumerate(value, 1):
        name = item.get("data", place) if isinstance(item, Mapping) else place
        yield (key, str(name)), item


def value_text(numbers: Numbers, key: str) -> str:
    """Return a number with its interval: ``0.751 (0.634 to 0.832)``; what is undefined says so."""
    interval = numbers.get(f"{key}_95")
    ends = "" if not interval else f" ({' to '.join(number(end, _unit_of(key)) for end in interval)})"
    return number(numbers[key], _unit_of(key)) + ends


def _unit_of(key: str) -> str:
    """Return the key whose way of writing numbers counts."""
    return "boundary_mean_px" if key == "boundary_median_px" else key


def headline(card: ModelCard) -> str:
    """Return the numbers of the frozen test that a list has room for: ``F1, strict 0.751; clIoU@4px 0.622``."""
    test = card.metrics.get("test")
    if not isinstance(test, Mapping):
        return ""
    water = any(spec.damage == "water" for spec in card.classes)
    keys = [key for key in (_FIRST_OF_WATER if water else _FIRST) if test.get(key) is not None][:2]
    shown = [f"{OF_CARDS[key][0]} {number(test[key], _unit_of(key))}" for key in keys]
    regions = test.get("product", {})
    of_regions = [f"{number(regions[key], _unit_of(key))}" for key in keys if regions.get(key) is not None]
    return "; ".join(shown) + (f" (of regions {' and '.join(of_regions)})" if len(of_regions) == len(keys) else "")
