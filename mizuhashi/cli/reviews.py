"""``mizuhashi reviews``."""

from __future__ import annotations

from mizuhashi.cli.options import new_app

app = new_app("Export findings for review and take the decisions back.")
