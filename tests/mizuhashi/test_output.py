"""What is printed stays one harmless line, whatever names the files bring."""

from __future__ import annotations

import pytest

from mizuhashi.output import Output, one_line


def test_names_cannot_command_the_terminal_or_forge_lines(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "a\x1b[31m\nrefused b\u202e\udc82.jpg"
    Output().remark(evil)
    Output().table(("name",), [[evil]])
    with Output().progress("ingest") as progress:
        progress(evil, 0, 1)
    shown = capsys.readouterr()
    assert shown.err == "a\\x1b[31m refused b\\u202e\\udc82.jpg\ningest 0/1 a\\x1b[31m refused b\\u202e\\udc82.jpg\n"
    assert shown.out == "name\na\\x1b[31m refused b\\u202e\\udc82.jpg\n"


def test_japanese_text_stays_as_it_is() -> None:
    assert one_line("⑥ひびわれ-c\u3000水橋") == "⑥ひびわれ-c\u3000水橋"
