"""The frozen test of a model name, and the trial that a version stands before it is promoted.

The frozen test is the data set that versions of one name are compared on. In order of precedence:

1. what was frozen at home (``mizuhashi models freeze NAME --data CONFIG``, or the first promotion with ``--data``); its
   digest is kept in the history and a readable copy in ``HOME/models/NAME/frozen_test.yaml``;
2. the ``test`` part of the configuration that the champion was trained with, if it came with the package; its digest
   stands on the champion's card.

``--data`` says where the data lie on this machine. They must be the frozen files, by digest, wherever they lie.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from findings.errors import ConfigError, InputError, ModelError, OutputError, UnknownModel
from models.aliases import Move
from models.card import ModelCard
from models.promotion import Verdict, as_json, judge, uncompared
from models.registry import ModelEntry, Registry, Seat
from training.compare import Comparison, compare_models
from training.config import EvaluationConfig, read_evaluation
from training.data_check import source_digest
from training.shipped import shipped_config

FILE = "frozen_test.yaml"
_HEAD = (
    "# What versions of {name} are compared on before one is promoted. A copy: change it by\n"
    "# mizuhashi models freeze {name} --data CONFIG --reason TEXT\n"
)
_OVERRULE = "or overrule by --force --reason TEXT, which is kept"


@dataclass(frozen=True, slots=True)
class FrozenTest:
    """A frozen test and the data that were found for it.

    Attributes:
        config: what is measured.
        digest: of the files that are there now.
        frozen_digest: of the files that were frozen; None where nothing says which they were.
        origin: where the configuration comes from, for a reader.
        kept: whether it is kept at home already.
    """

    config: EvaluationConfig
    digest: str
    frozen_digest: str | None
    origin: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """A version that wants to be champion, against the one that is.

    Attributes:
        challenger: the version.
        seat: who is champion.
        verdict: what the rule says.
        comparison: both on the frozen test; None if there is nobody to compare with, or it was not possible.
        test: the frozen test; None without comparison.
    """

    challenger: ModelEntry
    seat: Seat
    verdict: Verdict
    comparison: Comparison | None = None
    test: FrozenTest | None = None


def try_version(
    registry: Registry, ref: str, device: torch.device, *, data: Path | None = None, forced: bool = False
) -> Trial:
    """Return how a version stands against the champion of its name on the frozen test; nothing is moved.

    Args:
        registry: where both are.
        ref: the version that wants to be champion.
        device: where both run.
        data: configuration of the frozen test, where it lies elsewhere than it did or none is known yet.
        forced: that the two cannot be compared is then part of the verdict and no error.

    Raises:
        UnknownModel: no such version.
        ConfigError: no frozen test is known, its data are not at hand or are other ones.
        ModelError: the version was measured on another test than the frozen one, or a version does not load.
    """
    challenger = registry.resolve(ref)
    seat = registry.seat(challenger.card.name)
    without = uncompared(challenger, seat)
    if without.passed or seat.entry is None:
        return Trial(challenger, seat, without)
    try:
        test = find_test(registry, seat, challenger.card, data)
        check_test(test, challenger)
        models = [registry.load(entry.ref, device) for entry in (challenger, seat.entry)]
        comparison = compare_models(models[0], models[1], test.config, device)
    except (ConfigError, ModelError) as error:
        if not forced:
            raise
        return Trial(challenger, seat, Verdict(False, f"{without.words}: {error}"))
    verdict = judge(challenger, seat.entry, comparison, numbers_of(comparison, test.digest))
    return Trial(challenger, seat, verdict, comparison, test)


def find_test(registry: Registry, seat: Seat, card: ModelCard, data: Path | None = None) -> FrozenTest:
    """Return the frozen test of a name.

    Args:
        registry: holds what was frozen at home.
        seat: name and champion, whose card and configuration stand in where nothing was frozen at home.
        card: of a version of that name, which says which bands and classes are read.
        data: configuration to use in place of what is known; must be of the same files if those are known.

    Raises:
        ConfigError: none is known, its data are not at hand, or they are other files than those that were frozen.
    """
    frozen = frozen_at_home(registry, seat.name)
    card_digest = None if seat.entry is None else seat.entry.card.test_digest
    digest = card_digest if frozen is None else str(frozen.numbers["test_digest"])
    if data is not None:
        config, origin = _rooted(read_evaluation(data)), str(data)
    elif frozen is not None:
        origin = f"{registry.own_folder(seat.name) / FILE}"
        config = EvaluationConfig.model_validate(frozen.numbers["config"])
    else:
        path = shipped_config(seat.name, seat.version)
        if path is None:
            raise ConfigError(
                f"no frozen test of {seat.name} is known: say what versions are compared on, "
                f"mizuhashi models freeze {seat.name} --data CONFIG; {_OVERRULE}"
            )
        config, origin = _rooted(read_evaluation(path)), f"training/configs/{path.name}"
    found = FrozenTest(config, _digest_of(config, card, origin), digest, origin, frozen is not None)
    if digest is not None and found.digest != digest:
        raise ConfigError(
            f"{origin}: its files have the digest {found.digest[:12]}..., but the frozen test of {seat.name} has "
            f"{digest[:12]}...: numbers on other pictures do not compare. Say where the frozen files lie, --data "
            f"CONFIG, or freeze this one: mizuhashi models freeze {seat.name} --data CONFIG --reason TEXT; {_OVERRULE}"
        )
    return found


def check_test(test: FrozenTest, challenger: ModelEntry) -> None:
    """Refuse a version whose own test was another one: nothing says that it has not seen the frozen pictures.

    Raises:
        ModelError: the digest on its card is not that of the frozen test.
    """
    stated = challenger.card.test_digest
    if stated is not None and stated != test.digest:
        raise ModelError(
            f"{challenger.ref} was measured on another test set (digest {stated[:12]}...) than the frozen one "
            f"({test.digest[:12]}..., {test.origin}), and may have been trained on its pictures: train it with that "
            f"test in its configuration, {_OVERRULE}"
        )


def freeze(registry: Registry, name: str, data: Path, *, actor: str, reason: str | None = None) -> Move:
    """Keep a data set as the frozen test of a name and return the line of the history.

    Raises:
        ConfigError: the data are not at hand.
        ModelError: another one is frozen already and no reason is given.
        UnknownModel: no model of that name.
        OutputError: the home cannot be written.
    """
    cards = [entry.card for entry in registry.list() if entry.card.name == name]
    if not cards:
        raise UnknownModel(f"{name!r}: no model of that name; see: mizuhashi models list")
    config = _rooted(read_evaluation(data))
    digest = _digest_of(config, cards[-1], str(data))
    before = frozen_at_home(registry, name)
    if before is not None and before.numbers["test_digest"] != digest and not (reason or "").strip():
        raise ModelError(
            f"{name} has a frozen test already (digest {str(before.numbers['test_digest'])[:12]}..., by {before.actor} "
            f"at {before.at[:10]}), and these are other files ({digest[:12]}...): older numbers no longer compare. "
            "Say why: --reason TEXT"
        )
    return keep_test(registry, name, config, digest, actor=actor, reason=reason)


def keep_test(
    registry: Registry, name: str, config: EvaluationConfig, digest: str, *, actor: str, reason: str | None = None
) -> Move:
    """Write a frozen test into history and home and return the line of the history."""
    seat = registry.seat(name)
    content = config.model_dump(mode="json")
    move = registry.aliases.record(
        Move(
            actor=actor,
            action="frozen",
            name=name,
            before=seat.version,
            after=seat.version,
            aliases={},
            verdict=f"versions are compared on {config.source.name}",
            numbers={"test_digest": digest, "config": as_json(content)},
            reason=reason,
        )
    )
    path = registry.own_folder(name) / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(_HEAD.format(name=name) + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: the copy of the frozen test could not be written ({error}); free space") from error
    return move


def frozen_at_home(registry: Registry, name: str) -> Move | None:
    """Return the line of the history that froze the present test of a name, or None."""
    frozen = [move for move in registry.aliases.moves(name) if move.action == "frozen"]
    return frozen[-1] if frozen else None


def numbers_of(comparison: Comparison, test_digest: str | None = None) -> dict[str, Any]:
    """Return a comparison as the history keeps it."""
    return {
        "data": comparison.data,
        "test_digest": test_digest,
        "unit": comparison.unit,
        "count": comparison.count,
        "measures": {name: asdict(found) for name, found in comparison.measures.items()},
    }


def _rooted(config: EvaluationConfig) -> EvaluationConfig:
    """Return the configuration with a whole path: it is read from other working folders later."""
    source = config.source
    whole: dict[str, Any] = {} if source.root is None else {"root": source.root.resolve()}
    if source.classes is not None and Path(source.classes).suffix in (".yaml", ".yml"):
        whole["classes"] = str(Path(source.classes).resolve())
    return config.model_copy(update={"source": source.model_copy(update=whole)})


def _digest_of(config: EvaluationConfig, card: ModelCard, origin: str) -> str:
    try:
        return source_digest(config, card.bands, tuple(spec.name for spec in card.classes))
    except (ConfigError, InputError, OSError) as error:
        raise ConfigError(
            f"the frozen test of {card.name} ({origin}) is not at hand: {error}. Say where it lies, --data CONFIG, "
            f"{_OVERRULE}"
        ) from error
