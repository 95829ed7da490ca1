"""Class maps: which of our classes a data set's own labels mean, and what its licence allows."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from findings.errors import ConfigError
from training.config import SourceConfig, load_yaml

FOLDER = Path(__file__).resolve().parent.parent / "class_maps"


class ClassMap(BaseModel):
    """How one data set's labels read in our words. Every label of the set stands in exactly one of the three lists.

    Attributes:
        name: of the map.
        about: what the set shows, and traps of its labels.
        source: where the set comes from, with the paper.
        licence: as its makers state it.
        ships: whether shipped weights may be trained on it; None: the map serves many sets, the source says so itself.
        labels: label of the set to class of ours; each class named here is known everywhere in a labelled picture.
        unsure: label of the set to classes of ours that are unknown where it lies: neither trained nor measured.
        ignored: labels that say nothing about our classes; what lies under them is judged like any other surface.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str
    source: str
    licence: str
    ships: bool | None
    labels: dict[str, str]
    unsure: dict[str, tuple[str, ...]] = Field(default={})
    ignored: tuple[str, ...] = ()

    @field_validator("labels", "unsure", mode="before")
    @classmethod
    def _texts(cls, value: object) -> object:
        # YAML reads 255: crack as a number; labels are names
        return {str(key): each for key, each in value.items()} if isinstance(value, dict) else value

    @field_validator("ignored", mode="before")
    @classmethod
    def _ignored_texts(cls, value: object) -> object:
        return tuple(str(each) for each in value) if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _once(self) -> ClassMap:
        lists = [*self.labels, *self.unsure, *self.ignored]
        twice = sorted({label for label in lists if lists.count(label) > 1})
        if twice:
            raise ValueError(f"the labels {', '.join(twice)} stand in more than one of labels, unsure and ignored")
        if not self.labels:
            raise ValueError("labels is empty: such a set would train nothing")
        return self

    @property
    def classes(self) -> tuple[str, ...]:
        """Our classes that the set labels, in the order of the map."""
        return tuple(dict.fromkeys(self.labels.values()))

    def meaning(self, label: str, path: Path, where: str = "") -> str | None:
        """Return the class that a label means, or None if it means none.

        Raises:
            ConfigError: the label stands in none of the lists.
        """
        if label in self.labels:
            return self.labels[label]
        if label in self.unsure or label in self.ignored:
            return None
        raise ConfigError(
            f"{path}: {where + ': ' if where else ''}the class {label!r} is not in the class map {self.name!r} "
            f"({', '.join([*self.labels, *self.unsure, *self.ignored])}); correct the label, or copy the map to a "
            "YAML file of your own, add the label under labels, unsure or ignored, and name that file as `classes`"
        )


def read_class_map(name: str) -> ClassMap:
    """Return the class map of a name in ``training/class_maps`` or of a YAML path.

    Raises:
        ConfigError: there is none, or it contradicts itself.
    """
    path = Path(name)
    if path.suffix.lower() not in (".yaml", ".yml"):
        path = FOLDER / f"{name}.yaml"
        if path.parent != FOLDER or not path.is_file():
            raise ConfigError(
                f"class map {name!r}: there is none of that name; there are {', '.join(class_map_names())}. "
                "A map of your own is named by its path, ending in .yaml"
            )
    return _read(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=32)
def _read(path: Path, changed_ns: int) -> ClassMap:
    try:
        return ClassMap.model_validate(load_yaml(path))
    except ValidationError as error:
        rows = [f"{'.'.join(map(str, e['loc'])) or 'map'}: {e['msg']}" for e in error.errors(include_input=False)]
        raise ConfigError(f"{path}: " + "; ".join(rows)) from error


def class_map_names() -> tuple[str, ...]:
    """Return the names of the maps that come with the program."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def class_map_of(config: SourceConfig) -> ClassMap | None:
    """Return the class map that a source names, if it names one.

    Raises:
        ConfigError: no such map; or the source claims that weights may ship although the map says that they may not.
    """
    return None if config.classes is None else required_map(config, config.classes)


def required_map(config: SourceConfig, usual: str) -> ClassMap:
    """Return the class map that a source names, or the usual one of its kind.

    Raises:
        ConfigError: no such map; or the source claims that weights may ship although the map says that they may not.
    """
    found = read_class_map(config.classes or usual)
    if config.ships and found.ships is False:
        raise ConfigError(
            f"{config.name}: ships is true, but the class map {found.name!r} says that weights trained on this set may "
            f"not ship (licence {found.licence}); set ships: false"
        )
    return found
