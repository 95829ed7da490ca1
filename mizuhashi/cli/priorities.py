"""``mizuhashi priorities``."""

from __future__ import annotations

from mizuhashi.cli.options import new_app

app = new_app("priorities")
