"""No file over 400 lines, no function over 60: the swollen file that knows every variant never begins."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.test_layout import PACKAGES, ROOT

FILE_LINES = 400
FUNCTION_LINES = 60


def python_files() -> Iterator[Path]:
    for folder in (*PACKAGES, "tests", "benchmarks"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def long_functions(source: str) -> list[tuple[str, int]]:
    """Name and length of the functions over the limit; a decorator counts, as a reader reads it too."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            length = (node.end_lineno or first) - first + 1
            if length > FUNCTION_LINES:
                found.append((node.name, length))
    return found


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in python_files()}
    assert len(lengths) > len(PACKAGES)
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    found = {str(path.relative_to(ROOT)): long_functions(path.read_text("utf-8")) for path in python_files()}
    assert {name: functions for name, functions in found.items() if functions} == {}


def test_the_length_check_sees_a_long_function() -> None:
    source = "def short():\n    pass\n\n\n@decorated\ndef long():\n" + "    x = 1\n" * 59
    assert long_functions(source) == [("long", 61)]
