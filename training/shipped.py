"""The training configurations that came with the package."""

from __future__ import annotations

from pathlib import Path

from training.config import load_yaml

FOLDER = Path(__file__).parent / "configs"


def shipped_config(name: str, version: str | None) -> Path | None:
    """Return the configuration that a shipped version was trained with, or None.

    Raises:
        ConfigError: one of the files is no readable YAML.
    """
    for path in sorted(FOLDER.glob("*.yaml")):
        content = load_yaml(path)
        if (content.get("name"), str(content.get("version"))) == (name, version):
            return path
    return None
