"""The checks behind ``mizuhashi doctor``: each looks at one thing and says what it saw."""

from __future__ import annotations

import importlib
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from findings.errors import MizuhashiError
from mizuhashi.settings import Settings

PACKAGES = ("mizuhashi", "findings", "imagery", "models", "training", "inference", "api")
OLDEST_PYTHON = (3, 11)
LEAST_FREE_GIB = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """What one check saw; ``about`` ends with the remedy where ``ok`` is False."""

    name: str
    ok: bool
    about: str


def examine(settings: Settings) -> list[Check]:
    """Return every check's result; one that breaks is itself a finding, and the others still run."""
    steps: tuple[tuple[str, Callable[[], tuple[bool, str]]], ...] = (
        ("python", check_python),
        ("packages", check_packages),
        ("torch", check_torch),
        ("raster", check_raster),
        ("models", lambda: check_models(settings.home)),
        ("database", lambda: check_database(settings)),
        ("disk", lambda: check_disk(settings.home)),
    )
    return [_run(name, step) for name, step in steps]


def _run(name: str, step: Callable[[], tuple[bool, str]]) -> Check:
    try:
        return Check(name, *step())
    except (MizuhashiError, ImportError, OSError, RuntimeError) as error:
        return Check(name, False, f"{type(error).__name__}: {error}")


def check_python() -> tuple[bool, str]:
    """Return whether the interpreter is new enough."""
    ok = sys.version_info >= OLDEST_PYTHON
    remedy = "" if ok else f"; {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed"
    return ok, f"{platform.python_version()} on {platform.system()} {platform.machine()}{remedy}"


def check_packages(names: tuple[str, ...] = PACKAGES) -> tuple[bool, str]:
    """Return whether all packages come from one installation: `models` and `inference` are strangers' names too."""
    roots: dict[Path, list[str]] = {}
    for name in names:
        module = importlib.import_module(name)
        if module.__file__ is None:
            return False, f"{name} is a bare folder {list(module.__path__)}: remove it from the Python path"
        roots.setdefault(Path(module.__file__).resolve().parent.parent, []).append(name)
    if len(roots) > 1:
        where = "; ".join(f"{', '.join(of)} from {root}" for root, of in roots.items())
        return False, f"{where}: packages of one name are mixed, install mizuhashi alone in an environment"
    return True, f"{len(names)} packages from {next(iter(roots))}"


def check_torch() -> tuple[bool, str]:
    """Return the versions of torch and torchvision, and the device that ``auto`` would take."""
    import torch
    import torchvision
    from torchvision.ops import nms

    # Mixed builds import but lack their operators: "operator torchvision::nms does not exist".
    nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU, cpu"
    return True, f"torch {torch.__version__}, torchvision {torchvision.__version__}, {device}"


def check_raster() -> tuple[bool, str]:
    """Return the versions of rasterio and GDAL."""
    import rasterio

    return True, f"rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}"


def check_models(home: Path) -> tuple[bool, str]:
    """Return whether cards, files, weights and aliases of all model versions are as they were stored."""
    from models.checkpoint import load_state
    from models.registry import Registry

    registry = Registry(home)
    wrong = list(registry.examine())
    try:
        entries = registry.list()
    except MizuhashiError as error:  # damaged aliases
        return False, "; ".join(dict.fromkeys([*wrong, str(error)]))
    for entry in entries:
        if entry.folder is not None and entry.card.weights_file is not None:
            try:
                load_state(entry.folder, entry.card)
            except MizuhashiError as error:
                wrong.append(str(error))
    networks = [entry.ref for entry in entries if entry.folder is not None]
    if not networks:
        wrong.append("no model with weights: install mizuhashi anew, or train one")
    if wrong:
        return False, "; ".join(wrong)
    moves = len(registry.aliases.moves())
    kept = f"; {moves} moves of aliases, their chain is whole" if moves else ""
    return True, f"weights and files verified: {', '.join(networks)}{kept}"


def check_database(settings: Settings) -> tuple[bool, str]:
    """Return the state of the database; one that does not exist yet is fine, and stays so."""
    from findings.store import SchemaState, Store
    from mizuhashi.cli.session import store_url_of

    with Store(store_url_of(settings), settings.home) as store:
        if store.state() is SchemaState.FRESH:
            return True, f"none yet in {settings.home}; the first command that needs it makes it"
        wrong = store.check()
    return not wrong, "; ".join(wrong) if wrong else f"sound, at the schema of this version, home {settings.home}"


def check_disk(home: Path) -> tuple[bool, str]:
    """Return how much room is left where the home lies."""
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free / 2**30
    ok = free >= LEAST_FREE_GIB
    return ok, f"{free:.1f} GiB free" + ("" if ok else f"; less than {LEAST_FREE_GIB:g} GiB: free some space")
