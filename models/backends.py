"""What runs a version's network: PyTorch, onnxruntime or an exported program; all behind `models.base.PixelModel`."""

from __future__ import annotations

import hashlib
import io
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from findings.errors import DigestMismatch, ModelError
from models.base import PixelModel
from models.card import Export, ModelCard, read_card
from models.scorer import Scorer
from models.segmenter import Segmenter

Backend = Literal["torch", "onnx", "torch_export"]
LEAST_PROGRAM_SIDE_PX = 64
REMEDY_PACKAGES = "install the extra 'export' (pip install 'mizuhashi[export]')"


def load_backend(folder: Path, backend: Backend, exports: Path | None = None) -> PixelModel:
    """Return the network of a version's folder in the backend asked for, its file's digest verified.

    Args:
        folder: of the version.
        backend: ``torch`` runs the checkpoint; the others run what `models.export` wrote.
        exports: where the exported forms lie, if not in ``folder``: a folder of the same version.

    Raises:
        ModelError: the version has no such form, its package is missing, or the file is damaged.
        DigestMismatch: the file is not the one that the card names.
    """
    if backend == "torch":
        return Segmenter.load(folder)
    card = read_card(folder)
    if card.task != "segmentation":
        raise ModelError(f"{card.name}@{card.version} is no segmentation network; it runs with --backend torch alone")
    place = folder
    row = _row_of(card, backend)
    if row is None and exports is not None and (exports / "card.json").is_file():
        place, other = exports, read_card(exports)
        if (other.name, other.version, other.weights_sha256) != (card.name, card.version, card.weights_sha256):
            raise ModelError(f"{exports} holds exports of {other.name}@{other.version} with other weights than "
                             f"{card.name}@{card.version}; export it again into a new folder")  # fmt: skip
        row = _row_of(other, backend)
    if row is None:
        ref, target = f"{card.name}@{card.version}", exports if exports is not None else "DIR"
        raise ModelError(
            f"{ref} has no {backend} form here; "
            f"make it by: mizuhashi models export {ref} --format {backend} --out {target}"
        )
    return load_export(place, card, row)


def load_export(folder: Path, card: ModelCard, row: Export) -> PixelModel:
    """Return the model that runs one exported file; the very bytes whose digest was verified are read.

    Raises:
        ModelError: the file is missing or damaged, or its package is.
        DigestMismatch: the file is not the one that the card names.
    """
    path = folder / row.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: the export cannot be read ({error.strerror}); export the version again") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != row.sha256:
        raise DigestMismatch(f"{path}: sha256 {digest[:12]}... is not the card's {row.sha256[:12]}...; "
                             "the file was changed or damaged: export the version again")  # fmt: skip
    if row.format == "torch_export":
        return ProgramSegmenter(card, content, path)
    if find_spec("onnxruntime") is None:
        raise ModelError(f"--backend onnx needs onnxruntime: {REMEDY_PACKAGES}")
    from models.onnx_model import OnnxSegmenter

    return OnnxSegmenter(card, content, path)


class ProgramSegmenter(Scorer):
    """A segmentation network as an exported program (``.pt2``)."""

    def __init__(self, card: ModelCard, content: bytes, path: Path) -> None:
        super().__init__(card, card.weights_sha256 or "")
        try:
            self._program = torch.export.load(io.BytesIO(content))
        except Exception as error:
            raise ModelError(
                f"{path}: not an exported program of this torch ({type(error).__name__}: {error}); export it again"
            ) from error
        self._device = torch.device("cpu")
        self._network: nn.Module = self._program.module()

    def to(self, device: torch.device) -> ProgramSegmenter:
        """Move the program to a device and return the segmenter."""
        if device != self._device:
            from torch.export.passes import move_to_device_pass

            self._program = move_to_device_pass(self._program, device)  # constants inside the graph move, too
            self._network, self._device = self._program.module(), device
        return self

    def logits(self, planes: Tensor) -> Tensor:
        """Return the program's logits ``(B, K, H, W)``.

        Raises:
            ModelError: a window below 64 px, which the program was not traced for.
        """
        if min(planes.shape[-2:]) < LEAST_PROGRAM_SIDE_PX:
            raise ModelError(
                f"a window of {planes.shape[-2]} x {planes.shape[-1]} px; an exported program takes "
                f"{LEAST_PROGRAM_SIDE_PX} px and more: enlarge the window, or use the backend onnx or torch"
            )
        found: Tensor = self._network(planes.contiguous())
        return found


def _row_of(card: ModelCard, backend: Backend) -> Export | None:
    return next((row for row in card.exports if row.format == backend), None)
