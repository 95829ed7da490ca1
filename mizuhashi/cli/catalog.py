"""``mizuhashi catalog``: every picture as a STAC 1.1 item in a static catalogue, and a check of it and of the files."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mizuhashi.cli.options import JsonOption, new_app
from mizuhashi.cli.session import PARTIAL, Session, session_of

if TYPE_CHECKING:
    from findings.store import Store
    from imagery.catalog.check import Checked
    from imagery.catalog.writer import Written

app = new_app("Write or check the STAC catalogue.")
ORDER = ("missing", "moved", "changed", "broken", "orphaned", "unknown", "behind", "absent", "new")
"""Kinds of problems, gravest first."""
SHOWN = 50
"""Problems of one kind that are listed; more are counted."""


@app.command("write", help="Write the catalogue of all pictures; what has not changed is not touched.")
def write(
    ctx: typer.Context,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the catalogue [HOME/catalog].")] = None,
    survey: Annotated[str | None, typer.Option(help="Bring only this survey's part up to date.")] = None,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the files into the catalogue, so that it can be carried away.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write items, collections, the catalogue and images.geojson."""
    session = session_of(ctx)
    folder = _folder(session, out)
    with session.store() as store:
        if survey is not None:
            store.survey(survey)
        written = _write(store, folder, session, survey, copies=copy)
    if as_json:
        session.output.json({"catalog": str(folder / "catalog.json"), **asdict(written)})
    else:
        session.output.say(
            f"{folder / 'catalog.json'}: {written.items} items ({written.new} new, {written.changed} changed, "
            f"{written.unchanged} as they were), {written.removed} removed"
        )
    for name, why in written.skipped:
        session.output.remark(f"left out {name}: {why}")
    if written.skipped:
        raise typer.Exit(PARTIAL)


@app.command("check", help="Compare the catalogue with the store and the files; status 1 if something is wrong.")
def check(
    ctx: typer.Context,
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The catalogue [HOME/catalog].")] = None,
    root: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Where to look for moved and new files too.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Compare sizes instead of digests.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Take over moved files, and write the catalogue again.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell what was moved, deleted, changed or added, and which items are broken, behind or unlinked."""
    session = session_of(ctx)
    place = _folder(session, folder)
    with session.store() as store:
        checked = _check(store, place, session, root or [], quick=quick)
        repaired = 0
        if repair:
            repaired = _repair(store, place, session, checked)
            checked = _check(store, place, session, root or [], quick=True)
    counts = Counter(problem.kind.value for problem in checked.problems)
    wrong = sum(count for kind, count in counts.items() if kind != "new")
    if as_json:
        problems = [{**asdict(problem), "kind": problem.kind.value} for problem in checked.problems]
        session.output.json(
            {"catalog": str(place), "items": checked.items, "files": checked.files, "repaired": repaired,
             "counts": dict(counts), "problems": problems}
        )  # fmt: skip
    else:
        _tell(session, checked, counts, repaired)
    if wrong:
        raise typer.Exit(1)


def _folder(session: Session, given: Path | None) -> Path:
    """Return the catalogue's folder, absolute and without links, so that its relative links lead somewhere."""
    return (session.settings().home / "catalog" if given is None else given).resolve()


def _write(store: Store, folder: Path, session: Session, survey: str | None, *, copies: bool = False) -> Written:
    from imagery.catalog.writer import write_catalog

    names = {asset.uid: asset.name for asset in store.assets()}
    with session.output.progress("catalogue") as progress:
        return write_catalog(
            folder,
            store.surveys(),
            store.image_pages,
            names,
            only=survey,
            copies=copies,
            total=store.count_images(),
            progress=progress,
        )


def _check(store: Store, folder: Path, session: Session, roots: list[Path], *, quick: bool) -> Checked:
    from imagery.catalog.check import check_catalog

    names = {asset.uid: asset.name for asset in store.assets()}
    with session.output.progress("check") as progress:
        return check_catalog(
            folder,
            store.surveys(),
            store.image_pages,
            names,
            roots=roots,
            quick=quick,
            total=store.count_images(),
            progress=progress,
        )


def _repair(store: Store, folder: Path, session: Session, checked: Checked) -> int:
    """Take over what was moved and write the catalogue anew; return how many things that mended."""
    from imagery.catalog.check import CURED_BY_WRITING

    moved = 0
    for problem in checked.problems:
        if problem.found is not None and problem.image_uid is not None:
            store.move_image(problem.image_uid, problem.found, problem.found_mask)
            session.output.say(f"moved: {problem.where} -> {problem.found}")
            moved += 1
    cured = sum(problem.kind in CURED_BY_WRITING for problem in checked.problems)
    if moved or cured:
        _write(store, folder, session, None, copies=any(folder.glob("*/files/*")))
    return moved + cured


def _tell(session: Session, checked: Checked, counts: Counter[str], repaired: int) -> None:
    told: Counter[str] = Counter()
    for problem in sorted(checked.problems, key=lambda problem: ORDER.index(problem.kind.value)):
        told[problem.kind] += 1
        if told[problem.kind] <= SHOWN:
            session.output.remark(f"{problem.kind.value}: {problem.where} {problem.words}")
        elif told[problem.kind] == SHOWN + 1:
            more = counts[problem.kind.value] - SHOWN
            session.output.remark(f"{problem.kind.value}: ... and {more} more; --json lists all")
    found = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nothing wrong"
    mended = f"{repaired} repaired; " if repaired else ""
    session.output.say(f"{checked.items} items, {checked.files} files: {mended}{found}")
