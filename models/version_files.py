"""The files of a model version: which there may be, the list of licences, and the manifest that shows any change.

::

    card.json  model.safetensors            what the model is
    evaluation.json  evaluation.html        the evaluation it came with, if one was made
    <exports of the card>.onnx / .pt2       other forms of the same weights
    LICENCES.md                             generated from the card
    files.json                              {"<file>": "<sha256>"} of all the above
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from findings.errors import ModelError
from models.card import ModelCard

CARD, MANIFEST, LICENCES = "card.json", "files.json", "LICENCES.md"
REPORTS = ("evaluation.json", "evaluation.html")

_MISSING = "take the version anew (mizuhashi models import) or put its files back"


def content_names(folder: Path, card: ModelCard) -> tuple[str, ...]:
    """Return the files of a folder that make up a version: the card, what it names, and the reports that were made."""
    return (*_required(card), *(name for name in REPORTS if (folder / name).is_file()))


def _required(card: ModelCard) -> tuple[str, ...]:
    weights = () if card.weights_file is None else (card.weights_file,)
    return (CARD, *weights, *(export.file for export in card.exports))


def check_content(folder: Path, card: ModelCard) -> None:
    """Refuse a folder that lacks what its card names, or that does not agree with its manifest if it has one.

    Raises:
        ModelError: a file is missing, was changed, or does not belong to a model version.
    """
    lacking = [name for name in _required(card) if not (folder / name).is_file()]
    if lacking:
        raise ModelError(f"{folder}: {', '.join(lacking)} named by card.json but not there; take the whole folder")
    if not (folder / MANIFEST).exists():
        return
    strange = set(read_manifest(folder)) - {*_required(card), *REPORTS, LICENCES}
    if strange:
        raise ModelError(f"{folder}: {', '.join(sorted(strange))}: no files of a model version; leave them out")
    if changed := changed_files(folder):
        raise ModelError("; ".join(changed))


def seal(folder: Path, card: ModelCard, bases: Sequence[ModelCard] = ()) -> None:
    """Write the list of licences and the manifest into a version folder that nobody else sees yet.

    Args:
        folder: where the version lies.
        card: its card.
        bases: cards of the versions that it was fine-tuned from, whose licences count too.
    """
    from models.checkpoint import file_sha256
    from models.licences import licences_text

    (folder / LICENCES).write_text(licences_text(card, bases), encoding="utf-8")
    names = sorted(path.name for path in folder.iterdir() if path.name != MANIFEST)
    digests = {name: file_sha256(folder / name) for name in names}
    (folder / MANIFEST).write_text(json.dumps(digests, indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, str]:
    """Return file names and digests of a version.

    Raises:
        ModelError: there is no readable manifest.
    """
    path = folder / MANIFEST
    try:
        stored = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: no readable list of the version's files ({error}); {_MISSING}") from error
    if not isinstance(stored, dict) or not all(isinstance(digest, str) for digest in stored.values()):
        raise ModelError(f'{path}: expected {{"file": "sha256"}}; {_MISSING}')
    return {str(name): digest for name, digest in stored.items()}


def changed_files(folder: Path) -> tuple[str, ...]:
    """Return a line for each file that is not as it was when the version was stored; () is fine."""
    from models.checkpoint import file_sha256

    try:
        manifest = read_manifest(folder)
    except ModelError as error:
        return (str(error),)
    lines = []
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(present | set(manifest)):
        path = folder / name
        if name not in present:
            lines.append(f"{path}: missing; {_MISSING}")
        elif name not in manifest:
            lines.append(f"{path}: was not there when the version was stored; move it out, versions are immutable")
        elif not path.is_file() or file_sha256(path) != manifest[name]:
            lines.append(f"{path}: was changed after the version was stored; {_MISSING}")
    return tuple(lines)


def manifest_sha256(folder: Path) -> str | None:
    """Return the digest of the manifest, which stands for all files of the version; None without one."""
    from models.checkpoint import file_sha256

    path = folder / MANIFEST
    return file_sha256(path) if path.is_file() else None
