"""Weights on disk: safetensors beside a card that names their digest."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from findings.errors import DigestMismatch, ModelError, OutputError
from models.card import ModelCard, write_card

WEIGHTS_FILE = "model.safetensors"


def file_sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file, read in chunks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_bundle(folder: Path, card: ModelCard, state: Mapping[str, torch.Tensor]) -> ModelCard:
    """Write weights and card into a new folder and return the card completed with file name and digest.

    The folder appears whole or not at all.

    Raises:
        ModelError: the folder exists; versions are immutable.
        OutputError: the disk is full or the place cannot be written.
    """
    if folder.exists():
        raise ModelError(f"{folder} exists and versions are immutable; choose another version or folder")
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        save_file({key: value.detach().cpu().contiguous() for key, value in state.items()}, partial / WEIGHTS_FILE)
        digest = file_sha256(partial / WEIGHTS_FILE)
        complete = card.model_copy(update={"weights_file": WEIGHTS_FILE, "weights_sha256": digest})
        write_card(complete, partial)
        partial.rename(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise OutputError(f"{folder}: the model could not be written ({error}); free space or choose --home") from error
    return complete


def load_state(folder: Path, card: ModelCard) -> dict[str, torch.Tensor]:
    """Return the state dict of a bundle after its digest has been verified.

    Raises:
        ModelError: there are no weights, or they are not safetensors (a renamed pickle, a truncated file).
        DigestMismatch: the file is not the one that the card names.
    """
    if card.weights_file is None or card.weights_sha256 is None:
        raise ModelError(f"{card.name}@{card.version}: its card names no weights")
    path = folder / card.weights_file
    if path.parent != folder or path.suffix != ".safetensors":
        raise ModelError(f"{card.name}@{card.version}: weights_file {card.weights_file!r} must be a .safetensors here")
    if not path.is_file():
        raise ModelError(f"{path}: the weights are missing; install or add the model again")
    digest = file_sha256(path)
    if digest != card.weights_sha256:
        raise DigestMismatch(
            f"{path}: sha256 {digest[:12]}... is not the card's {card.weights_sha256[:12]}...; "
            "the weights were changed or damaged: install the model again"
        )
    try:
        state: dict[str, torch.Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: not a safetensors file ({error}); pickled weights are never loaded") from error
    return state
