"""``mizuhashi datasets``: class maps, manifests, and the check against leakage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mizuhashi.cli.options import JsonOption, new_app
from mizuhashi.cli.session import session_of

if TYPE_CHECKING:
    from mizuhashi.output import Output
    from training.data_check import DataDigest
    from training.manifest import Manifest

app = new_app("List class maps, write or check the manifest of a data set.")


@app.command(help="List the class maps, or show one: which labels of a data set mean which of our classes.")
def maps(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A map's name or a YAML path.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the class maps with licence and whether weights trained by them may ship."""
    from training.datasets.class_map import class_map_names, read_class_map

    output = session_of(ctx).output
    found = [read_class_map(each) for each in ([name] if name else class_map_names())]
    if as_json:
        output.json([each.model_dump(mode="json") for each in found])
        return
    if name is None:
        columns = ("name", "classes", "weights may ship", "licence")
        output.table(columns, [[m.name, ", ".join(m.classes), _may_ship(m.ships), m.licence] for m in found])
        return
    (shown,) = found
    output.result(f"{shown.name}: {shown.about}")
    output.result(f"source   {shown.source}")
    output.result(f"licence  {shown.licence}; weights may ship: {_may_ship(shown.ships)}")
    rows = [[label, meant] for label, meant in shown.labels.items()]
    rows += [[label, f"unknown there: {', '.join(names)}"] for label, names in shown.unsure.items()]
    rows += [[label, "nothing of ours"] for label in shown.ignored]
    output.table(("label of the set", "means"), rows)


@app.command(help="Write the manifest of a data set: every file by its digest, with group, split and licence.")
def manifest(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help="Layout: mask_pairs, dacl10k, codebrim, sen1floods11, coco or cvat.")],
    root: Annotated[Path, typer.Argument(help="Folder of the set.", file_okay=False)],
    out: Annotated[Path, typer.Option("--out", help="The JSON file to write; best beside the set.")],
    licence: Annotated[str, typer.Option(help="As the makers of the set state it.")],
    name: Annotated[str | None, typer.Option(help="Of the data set; else the folder's name.")] = None,
    classes: Annotated[str | None, typer.Option(help="Class map: a name or a YAML path.")] = None,
    split: Annotated[list[str] | None, typer.Option(help="A split of the set; else all that its folder names.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="Option of the layout, e.g. masks_dir=labels; may be given again.")
    ] = None,
    ships: Annotated[bool, typer.Option("--ships", help="The licence lets shipped weights be trained on it.")] = False,
    parent: Annotated[Path | None, typer.Option(help="Manifest of the version that this one extends.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a manifest, show what the set holds, and check it."""
    from training.manifest import check_manifest, read_manifest, write_manifest

    session = session_of(ctx)
    config = _source(kind, root, name, licence, ships, classes, option or [])
    before = None if parent is None else read_manifest(parent)
    with session.output.progress("reading") as progress:
        made = write_manifest(
            config,
            out,
            splits=tuple(split or ()),
            parent=before,
            cache=_cache(session.settings().home),
            progress=progress,
        )
    _show(made, session.output, as_json)
    check_manifest(made, out)
    if not as_json:
        session.output.say(f"{out}: no leakage between splits; digest {made.digest}")


@app.command(help="Check a manifest against its files, or the data of a training configuration, for leakage.")
def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="MANIFEST.json|CONFIG.yaml")],
    root: Annotated[Path | None, typer.Option(help="Folder of the set, where it lies elsewhere.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Refuse leakage, missing and changed files; show what the data hold."""
    session = session_of(ctx)
    if file.suffix.lower() in (".yaml", ".yml"):
        from training.config import read_config
        from training.data_check import check_sources

        with session.output.progress("reading") as progress:
            digest = check_sources(read_config(file), cache=_cache(session.settings().home), progress=progress)
        _show_sources(digest, session.output, as_json)
        return
    from training.manifest import check_manifest, read_manifest

    found = read_manifest(file)
    with session.output.progress("checking") as progress:
        check_manifest(found, file, root=root, progress=progress)
    _show(found, session.output, as_json)
    if not as_json:
        session.output.say(f"{file}: all {len(found.items)} pictures are there, no leakage between splits")


def _cache(home: Path) -> Path:
    return home / "cache"


def _source(
    kind: str, root: Path, name: str | None, licence: str, ships: bool, classes: str | None, options: list[str]
) -> Any:
    """Return the source that the arguments describe."""
    from pydantic import ValidationError

    from findings.errors import ConfigError
    from findings.plain_yaml import PlainYamlError, parse_yaml
    from training.config import SourceConfig

    given: dict[str, Any] = {}
    for each in options:
        key, equals, value = each.partition("=")
        if not equals:
            raise ConfigError(f"--option {each!r}: expected KEY=VALUE, e.g. --option masks_dir=labels")
        try:
            given[key] = parse_yaml(value)
        except PlainYamlError as error:
            raise ConfigError(f"--option {each!r}: the value is not YAML ({error})") from error
    content = {"kind": kind, "name": name or root.absolute().name, "licence": licence, "ships": ships, "root": root}
    try:
        return SourceConfig.model_validate({**content, "classes": classes, "options": given})
    except ValidationError as error:
        rows = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise ConfigError(f"{kind} {root}: " + "; ".join(rows)) from error


def _show(found: Manifest, output: Output, as_json: bool) -> None:
    rows: list[dict[str, Any]] = []
    for split in found.splits:
        items = [item for item in found.items if item.split == split]
        about = {"split": split, "pictures": len(items), "groups": len({item.group for item in items})}
        rows.append({**about, "shares": found.shares.get(split, {})})
    if as_json:
        about = found.model_dump(mode="json", exclude={"items", "shares"})
        output.json({**about, "digest": found.digest, "splits": rows})
        return
    title = f"{found.name}: {found.licence}; weights may ship: {_may_ship(found.ships)}"
    columns = ("split", "pictures", "groups", "share of the known pixels")
    cells = [[row["split"], row["pictures"], row["groups"], _shares(row["shares"])] for row in rows]
    output.table(columns, cells, title=title)
    for note in found.notes[:10]:
        output.say(f"note: {note}")
    if len(found.notes) > 10:
        output.say(f"note: and {len(found.notes) - 10} more, all in the manifest")


def _show_sources(digest: DataDigest, output: Output, as_json: bool) -> None:
    if as_json:
        output.json(digest.rows())
        return
    columns = ("role", "data", "split", "pictures", "groups", "licence", "weights may ship", "digest")
    rows = [
        [
            s.role,
            s.name,
            s.split,
            s.pictures or "generated",
            s.groups or "",
            s.licence,
            _may_ship(s.ships),
            s.digest[:12],
        ]
        for s in digest.sources
    ]
    output.table(columns, rows)
    trained = [s for s in digest.sources if s.role == "train"]
    barred = [s.name for s in trained if not s.ships]
    output.say("no leakage: nothing that trains chooses or measures, nothing that chooses measures")
    output.say(f"weights may not ship: trained on {', '.join(barred)}" if barred else "weights may ship")


def _shares(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {100 * share:.2g} %" for name, share in shares.items())


def _may_ship(ships: bool | None) -> str:
    return {True: "yes", False: "no", None: "as the source says"}[ships]
