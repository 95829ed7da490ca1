"""The glossary says what the standards say."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from findings.standard import load_standard
from findings.taxonomy import damage_types

GLOSSARY = Path(__file__).resolve().parents[2] / "docs" / "glossary.md"


@pytest.fixture(scope="module")
def rows() -> set[tuple[str, ...]]:
    lines = GLOSSARY.read_text(encoding="utf-8").splitlines()
    return {tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("|")}


def test_every_damage_and_anomaly_stands_in_the_glossary(rows: set[tuple[str, ...]]) -> None:
    cells = {(cell, following) for row in rows for cell, following in pairwise(row)}
    assert [kind.code for kind in damage_types() if (kind.ja, kind.en) not in cells] == []


@pytest.mark.parametrize(
    ("standard", "table"),
    [
        ("members", "members"),
        ("members", "materials"),
        ("measure_class", "classes"),
        ("soundness", "classes"),
        ("river_rating", "stages"),
        ("ui_words", "words"),
        ("ui_words", "statuses"),
    ],
)
def test_every_word_of_the_standards_stands_in_the_glossary(
    rows: set[tuple[str, ...]], standard: str, table: str
) -> None:
    cells = {(cell, following) for row in rows for cell, following in pairwise(row)}
    missing = [row["ja"] for row in load_standard(standard)[table] if (row["ja"], row["en"]) not in cells]
    assert missing == []


def test_every_forbidden_word_is_named_as_such() -> None:
    text = GLOSSARY.read_text(encoding="utf-8")
    assert all(word in text for word in load_standard("ui_words")["forbidden"])
