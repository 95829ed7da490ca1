"""``mizuhashi surveys``: what was taken in, what it shows, and what it does not."""

from __future__ import annotations

from mizuhashi.cli.options import new_app
from mizuhashi.cli.surveys_assign import assign
from mizuhashi.cli.surveys_coverage import coverage
from mizuhashi.cli.surveys_flight import flight
from mizuhashi.cli.surveys_list import list_

app = new_app("List surveys, assign their pictures, check flight and coverage.")
app.command("list", help="List the surveys, or the pictures of one.")(list_)
app.command("assign", help="Say which asset, span and member the pictures show.")(assign)
app.command("coverage", help="Show what was photographed finely enough, and what was not.")(coverage)
app.command("flight", help="Check the pictures' places against their own overlap.")(flight)
