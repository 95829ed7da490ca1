"""``mizuhashi fetch``: scenes from imagery services."""

from __future__ import annotations

from mizuhashi.cli.fetch_sentinel import sentinel
from mizuhashi.cli.fetch_stac import stac
from mizuhashi.cli.options import new_app

app = new_app("Fetch scenes from Sentinel Hub or from a STAC API.")
app.command("sentinel", help="Fetch scenes from Sentinel Hub or the Copernicus Data Space.")(sentinel)
app.command("stac", help="Fetch scenes from a STAC API; no account is needed.")(stac)
