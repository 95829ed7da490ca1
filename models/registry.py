"""The file registry of model versions: shipped ones read-only in the package, own ones and the aliases in the home.

::

    models/weights/<name>/<version>/     shipped, read-only; which files: models.version_files
    HOME/models/<name>/<version>/        added here, immutable
    HOME/models/<name>/frozen_test.yaml  what versions of that name are compared on, see training.promotion
    HOME/models/aliases.json             which version is champion or challenger, and history.jsonl: models.aliases

The index baselines ``ndwi`` and ``mndwi`` are built in and have no folder.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from findings.errors import CardError, ModelError, OutputError, UnknownModel
from models.aliases import CHAMPION, Aliases, Move
from models.card import ModelCard, read_card
from models.version_files import (
    MANIFEST,
    changed_files,
    check_content,
    content_names,
    manifest_sha256,
    read_manifest,
    seal,
)

if TYPE_CHECKING:
    import torch

    from models.backends import Backend
    from models.base import PixelModel

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


@dataclass(frozen=True, slots=True)
class Seat:
    """Who is champion of a name.

    Attributes:
        name: of the model.
        alias: version that the alias ``champion`` means, None without that alias.
        entry: the champion; without the alias the highest shipped version; None if there is none or it is gone.
    """

    name: str
    alias: str | None
    entry: ModelEntry | None

    @property
    def version(self) -> str | None:
        """The version that is meant to run by default, whether it is there or not."""
        return self.alias or (self.entry.card.version if self.entry else None)


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
        backend: what runs segmentation networks that `load` gives; their exported forms lie in the version's folder or
            in ``HOME/exports/<name>/<version>``. Other models have one form alone.
    """

    def __init__(self, home: Path, shipped: Path | None = None, backend: Backend = "torch") -> None:
        self._own = home / "models"
        self._exports, self._backend = home / "exports", backend
        self.aliases = Aliases(self._own)
        self._shipped = shipped_folder() if shipped is None else shipped

    def list(self) -> tuple[ModelEntry, ...]:
        """Return every readable version by name, then version; see ``problems`` for the rest.

        Raises:
            ModelError: the alias file is damaged.
        """
        from models.indices import index_cards

        aliases = self.aliases.read()
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

    def examine(self) -> tuple[str, ...]:
        """Return a line for each thing that is wrong: cards, changed files, aliases and their history; () is fine."""
        lines = [*self.problems(), *self.aliases.problems()]
        for folder, _ in self._folders():
            lines += changed_files(folder)
        try:
            versions = {(entry.card.name, entry.card.version) for entry in self.list()}
            aliases = self.aliases.read()
        except ModelError:
            return tuple(lines)  # told above
        lines += [
            f"{name}@{alias} means version {version}, which is not there: import it again, or promote another one"
            for name, of in aliases.items()
            for alias, version in of.items()
            if (name, version) not in versions
        ]
        return tuple(dict.fromkeys(lines))

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
        alias = self.aliases.read().get(name, {}).get(wanted)
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
        names = {entry.card.name for entry in self.list()} | set(self.aliases.read())
        chosen = (self.champion(name) for name in sorted(names))
        return tuple(entry for entry in chosen if entry is not None and entry.card.image_kind == image_kind)

    def champion(self, name: str) -> ModelEntry | None:
        """Return the champion of a name, else its highest shipped version, else None: nothing of it runs by default.

        Raises:
            UnknownModel: the alias points at a version that is no longer there.
        """
        seat = self.seat(name)
        return seat.entry if seat.alias is None or seat.entry is not None else self.resolve(f"{name}@{CHAMPION}")

    def seat(self, name: str) -> Seat:
        """Return who is champion of a name, also where that version is gone and another one must be promoted."""
        alias = self.aliases.read().get(name, {}).get(CHAMPION)
        mine = [entry for entry in self.list() if entry.card.name == name]
        if alias is not None:
            return Seat(name, alias, next((entry for entry in mine if entry.card.version == alias), None))
        shipped = [entry for entry in mine if entry.origin == "shipped"]
        return Seat(name, None, shipped[-1] if shipped else None)  # ascending, so the last is the highest

    def own_folder(self, name: str) -> Path:
        """Return ``HOME/models/<name>``, whether it exists or not.

        Raises:
            UnknownModel: characters that no name has.
        """
        return self._own / split_ref(name)[0]

    def load(self, ref: str, device: torch.device | str = "cpu") -> PixelModel:
        """Return the model behind ``name[@version]`` on a device; the digest of its weights is verified.

        Raises:
            UnknownModel: no such version.
            DigestMismatch: the weights are not those that the card names.
            ModelError: the weights are damaged or no safetensors.
        """
        import torch

        from models.backends import load_backend

        entry = self.resolve(ref)
        if self._backend == "torch" or entry.card.task != "segmentation" or entry.folder is None:
            return _load(entry).to(torch.device(device))
        exports = self._exports / entry.card.name / entry.card.version
        return load_backend(entry.folder, self._backend, exports).to(torch.device(device))

    def add(self, folder: Path) -> ModelEntry:
        """Copy a bundle into the home and return its entry; versions are immutable.

        Taken are card and weights, and report and exports where they were made. A list of licences and a manifest of
        all files are written; a bundle that has its manifest already must agree with it and is copied as it is.

        Raises:
            ModelError: the version exists, its files are not those of its manifest, or the weights do not fit the card.
            OutputError: the home cannot be written.
        """
        card = read_card(folder)
        entry = ModelEntry(card, "home", folder)
        target = self._own / card.name / card.version
        if self.taken(card.name, card.version):
            raise ModelError(f"{entry.ref} exists and versions are immutable; give the new one another version or name")
        sealed = (folder / MANIFEST).exists()
        check_content(folder, card)
        _load(entry)  # weights that do not load are not taken in
        try:
            self._own.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._own, prefix=".adding-") as partial:
                whole = Path(partial) / card.version
                whole.mkdir()
                for name in (*read_manifest(folder), MANIFEST) if sealed else content_names(folder, card):
                    shutil.copyfile(folder / name, whole / name)
                if not sealed:
                    seal(whole, card, self.bases(card))
                target.parent.mkdir(exist_ok=True)
                whole.rename(target)
        except OSError as error:
            raise OutputError(
                f"{target}: the model could not be written ({error}); free space or choose --home"
            ) from error
        return ModelEntry(card, "home", target, _names_of(card, self.aliases.read()))

    def taken(self, name: str, version: str) -> bool:
        """Return whether that version, or an index of that name, is there: readable or not, it is never overwritten."""
        from models.indices import index_cards

        folders = {(folder.parent.name, folder.name) for folder, _ in self._folders()}
        return (name, version) in folders or (self._own / name / version).exists() or name in index_cards()

    def bases(self, card: ModelCard) -> tuple[ModelCard, ...]:
        """Return the cards of the version that a version was fine-tuned from, of that one's base, and so on."""
        known = {entry.ref: entry.card for entry in self.list()}
        found: list[ModelCard] = []
        while (base := known.get(card.based_on or "")) is not None and base not in found:
            found.append(base)
            card = base
        return tuple(found)

    def set_alias(
        self, ref: str, alias: str = CHAMPION, *, actor: str = "system", verdict: str = "not compared"
    ) -> ModelEntry:
        """Point an alias of a name at the version that ``ref`` means, without any comparison, and return the entry.

        For programs; people move ``champion`` by ``mizuhashi models promote``. ``verdict`` is kept in the history: why
        nothing was compared.

        Raises:
            UnknownModel: no such version.
            ModelError: the alias is malformed.
            OutputError: the home cannot be written.
        """
        if not _ALIAS.fullmatch(alias):
            raise ModelError(f"alias {alias!r}; expected small letters, digits, - and _, first a letter")
        entry = self.resolve(ref)
        name, version = entry.card.name, entry.card.version
        before = self.seat(name).version
        self.aliases.record(
            Move(
                actor=actor,
                action="set",
                name=name,
                before=before,
                after=version if alias == CHAMPION else before,
                aliases={alias: version},
                verdict=verdict,
                files_sha256=None if entry.folder is None else manifest_sha256(entry.folder),
            )
        )
        return self.resolve(f"{name}@{version}")

    def _folders(self) -> Iterator[tuple[Path, Origin]]:
        """Yield every version folder with a safe name."""
        roots: tuple[tuple[Path, Origin], ...] = ((self._shipped, "shipped"), (self._own, "home"))
        for root, origin in roots:
            if not root.is_dir():
                continue
            for folder in sorted(root.glob("*/*/")):
                if _NAME.fullmatch(folder.parent.name) and _VERSION.fullmatch(folder.name):
                    yield folder, origin


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
