"""The file registry of model versions: shipped ones read-only in the package, own ones and the aliases in the home.

::

    models/weights/<name>/<version>/{card.json, model.safetensors}     shipped, read-only
    HOME/models/<name>/<version>/{card.json, model.safetensors}        added here, immutable
    HOME/models/aliases.json                                           {"<name>": {"champion": "<version>"}}

The index baselines ``ndwi`` and ``mndwi`` are built in and have no folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from findings.errors import CardError, ModelError, OutputError, UnknownModel
from models.card import ModelCard, read_card

if TYPE_CHECKING:
    import torch

    from models.base import PixelModel

CHAMPION = "champion"
Origin = Literal["shipped", "home", "built-in"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_VERSION = re.compile(r"[0-9][0-9a-z.]{0,31}")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model version of the registry; ``folder`` is None for the built-in indices."""

    card: ModelCard
    origin: Origin
    folder: Path | None = None
    aliases: tuple[str, ...] = ()

    @property
    def ref(self) -> str:
        """``name@version``."""
        return f"{self.card.name}@{self.card.version}"

    @property
    def shipped(self) -> bool:
        """Whether it came with the package and cannot be changed."""
        return self.origin != "home"


def shipped_folder() -> Path:
    """Return the folder of the weights that came with the package."""
    spec = find_spec("models")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("the package 'models' is not installed as a folder; install mizuhashi anew")
    return Path(next(iter(spec.submodule_search_locations))) / "weights"


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key: numbers by value (``10`` after ``9``), ``1.0rc1`` before ``1.0`` before ``1.0.1``."""
    parts = [(2, int(p), "") if p.isdigit() else (0, 0, p) for p in re.findall(r"\d+|[a-z]+", version)]
    return (*parts, (1, 0, ""))


def split_ref(ref: str) -> tuple[str, str | None]:
    """Return name and version (or alias) of ``name[@version]``.

    Raises:
        UnknownModel: a part has characters that no name or version has, such as a path separator.
    """
    name, at, version = ref.partition("@")
    if not _NAME.fullmatch(name) or (at and not (_VERSION.fullmatch(version) or _ALIAS.fullmatch(version))):
        raise UnknownModel(f"{ref!r} is no model; expected NAME or NAME@VERSION, for example crack or crack@1")
    return name, version or None


class Registry:
    """Model versions and their aliases.

    Args:
        home: the home folder; nothing is created before something is added.
        shipped: folder of the shipped versions, by default the package's own.
    """

    def __init__(self, home: Path, shipped: Path | None = None) -> None:
        self._own = home / "models"
        self._shipped = shipped_folder() if shipped is None else shipped

    def list(self) -> tuple[ModelEntry, ...]:
        """Return every readable version by name, then version; see ``problems`` for the rest.

        Raises:
            ModelError: the alias file is damaged.
        """
        from models.indices import index_cards

        aliases = self._read_aliases()
        entries = [ModelEntry(card, "built-in") for card in index_cards().values()]
        for folder, origin in self._folders():
            try:
                entries.append(ModelEntry(_card_of(folder), origin, folder))
            except CardError:
                continue  # told by problems(): one damaged folder must not hide the sound ones
        named = [ModelEntry(e.card, e.origin, e.folder, _names_of(e.card, aliases)) for e in entries]
        return tuple(sorted(named, key=lambda e: (e.card.name, version_key(e.card.version))))

    def problems(self) -> tuple[str, ...]:
        """Return a line for each version folder whose card cannot be read; () is fine."""
        lines = []
        for folder, _ in self._folders():
            try:
                _card_of(folder)
            except CardError as error:
                lines.append(str(error))
        return tuple(lines)

    def resolve(self, ref: str) -> ModelEntry:
        """Return the version that ``name[@version]`` means: without version the champion, else the highest version.

        An alias may stand in the place of the version (``crack@champion``).

        Raises:
            UnknownModel: no such name, version or alias; the message lists what exists.
            CardError: its card is damaged.
        """
        name, version = split_ref(ref)
        entries = self.list()
        mine = [e for e in entries if e.card.name == name]
        wanted = version or CHAMPION
        alias = self._read_aliases().get(name, {}).get(wanted)
        if version is None and alias is None and mine:
            return mine[-1]
        target = alias or wanted
        found = next((e for e in mine if e.card.version == target), None)
        if found is not None:
            return found
        for folder, _ in self._folders():
            if (folder.parent.name, folder.name) == (name, target):
                _card_of(folder)  # raises the reason
        meant = f" (alias {wanted} of version {target})" if alias else ""
        raise UnknownModel(f"no model {ref}{meant}; there are: {', '.join(e.ref for e in entries)}")

    def champions(self, image_kind: str) -> tuple[ModelEntry, ...]:
        """Return the versions that run by default on that kind of image, by name.

        These are, of each name, the champion; shipped networks without that alias stand in with their highest shipped
        version, so that a version trained here runs by default only once somebody promotes it.

        Raises:
            UnknownModel: an alias points at a version that is no longer there.
        """
        aliases = self._read_aliases()
        chosen = {name: self.resolve(f"{name}@{CHAMPION}") for name, of in aliases.items() if CHAMPION in of}
        for entry in self.list():  # ascending, so the highest version stays
            if entry.origin == "shipped" and CHAMPION not in aliases.get(entry.card.name, {}):
                chosen[entry.card.name] = entry
        return tuple(entry for _, entry in sorted(chosen.items()) if entry.card.image_kind == image_kind)

    def load(self, ref: str, device: torch.device | str = "cpu") -> PixelModel:
        """Return the model behind ``name[@version]`` on a device; the digest of its weights is verified.

        Raises:
            UnknownModel: no such version.
            DigestMismatch: the weights are not those that the card names.
            ModelError: the weights are damaged or no safetensors.
        """
        import torch

        return _load(self.resolve(ref)).to(torch.device(device))

    def add(self, folder: Path) -> ModelEntry:
        """Copy a bundle (card and weights) into the home and return its entry; versions are immutable.

        Raises:
            ModelError: the version exists, or the weights do not fit their card.
            OutputError: the home cannot be written.
        """
        from models.indices import index_cards

        card = read_card(folder)
        entry = ModelEntry(card, "home", folder)
        target = self._own / card.name / card.version
        taken = {(f.parent.name, f.name) for f, _ in self._folders()}
        if (card.name, card.version) in taken or target.exists() or card.name in index_cards():
            raise ModelError(f"{entry.ref} exists and versions are immutable; give the new one another version or name")
        _load(entry)  # weights that do not load are not taken in
        try:
            self._own.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._own, prefix=".adding-") as partial:
                whole = Path(partial) / card.version
                whole.mkdir()
                for name in ("card.json", card.weights_file):
                    if name is not None:
                        shutil.copyfile(folder / name, whole / name)
                target.parent.mkdir(exist_ok=True)
                whole.rename(target)
        except OSError as error:
            raise OutputError(
                f"{target}: the model could not be written ({error}); free space or choose --home"
            ) from error
        return ModelEntry(card, "home", target, _names_of(card, self._read_aliases()))

    def set_alias(self, ref: str, alias: str = CHAMPION) -> ModelEntry:
        """Point an alias of a name at the version that ``ref`` means, and return the entry.

        Raises:
            UnknownModel: no such version.
            ModelError: the alias is malformed.
            OutputError: the home cannot be written.
        """
        if not _ALIAS.fullmatch(alias):
            raise ModelError(f"alias {alias!r}; expected small letters, digits, - and _, first a letter")
        entry = self.resolve(ref)
        aliases = self._read_aliases()
        aliases.setdefault(entry.card.name, {})[alias] = entry.card.version
        _write_json(self._own / "aliases.json", aliases)
        return ModelEntry(entry.card, entry.origin, entry.folder, _names_of(entry.card, aliases))

    def _folders(self) -> Iterator[tuple[Path, Origin]]:
        """Yield every version folder with a safe name."""
        roots: tuple[tuple[Path, Origin], ...] = ((self._shipped, "shipped"), (self._own, "home"))
        for root, origin in roots:
            if not root.is_dir():
                continue
            for folder in sorted(root.glob("*/*/")):
                if _NAME.fullmatch(folder.parent.name) and _VERSION.fullmatch(folder.name):
                    yield folder, origin

    def _read_aliases(self) -> dict[str, dict[str, str]]:
        path = self._own / "aliases.json"
        try:
            stored = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"{path}: unreadable ({error}); repair or remove it and set the aliases again") from error
        sound = isinstance(stored, dict) and all(
            isinstance(of, dict) and all(isinstance(v, str) for v in of.values()) for of in stored.values()
        )
        if not sound:
            raise ModelError(f'{path}: expected {{"name": {{"champion": "version"}}}}; repair or remove it')
        return {str(name): dict(of) for name, of in stored.items()}


def _card_of(folder: Path) -> ModelCard:
    card = read_card(folder)
    if (card.name, card.version) != (folder.parent.name, folder.name):
        raise CardError(f"{folder}: its card says {card.name}@{card.version}; folder and card must agree")
    return card


def _names_of(card: ModelCard, aliases: dict[str, dict[str, str]]) -> tuple[str, ...]:
    """Return the aliases of a version, champion first."""
    mine = [alias for alias, version in aliases.get(card.name, {}).items() if version == card.version]
    return tuple(sorted(mine, key=lambda alias: (alias != CHAMPION, alias)))


def _load(entry: ModelEntry) -> PixelModel:
    """Return the model of an entry; the imports stand here so that listing models loads no network library."""
    if entry.card.task == "index":
        from models.indices import WaterIndex

        return WaterIndex(entry.card)
    if entry.folder is None:
        raise ModelError(f"{entry.ref} has no folder; only index baselines are built in")
    if entry.card.task == "anomaly":
        from models.patchcore import PatchCore

        return PatchCore.load(entry.folder)
    from models.segmenter import Segmenter

    return Segmenter.load(entry.folder)


def _write_json(path: Path, value: object) -> None:
    """Write a JSON file whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: could not be written ({error}); free space or choose --home") from error
