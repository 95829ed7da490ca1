"""``mizuhashi datasets``."""

from __future__ import annotations

from mizuhashi.cli.options import new_app

app = new_app("List class maps, write or check the manifest of a data set.")
