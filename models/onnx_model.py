"""A segmentation network in onnxruntime, behind the same face as the checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from findings.errors import ModelError
from models.card import ModelCard
from models.scorer import Scorer

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class OnnxSegmenter(Scorer):
    """A segmentation network as an ONNX session.

    Args:
        card: of the version.
        content: the bytes of the file, digest verified.
        path: where they came from, for messages.

    Raises:
        ModelError: not an ONNX file with one input of planes and one output of logits.
    """

    def __init__(self, card: ModelCard, content: bytes, path: Path) -> None:
        super().__init__(card, card.weights_sha256 or "")
        self._content, self._path = content, path
        self._session = self._open(CPU)

    @property
    def provider(self) -> str:
        """What onnxruntime runs it with: ``CPUExecutionProvider`` or ``CUDAExecutionProvider``."""
        return str(self._session.get_providers()[0])

    def to(self, device: torch.device) -> OnnxSegmenter:
        """Run on CUDA if the device is one and onnxruntime has that provider, else on the CPU; see ``provider``."""
        wanted = CUDA if device.type == "cuda" and CUDA in onnxruntime.get_available_providers() else CPU
        if wanted != self.provider:
            self._session = self._open(wanted)
        return self

    def logits(self, planes: Tensor) -> Tensor:
        """Return the session's logits ``(B, K, H, W)`` on the device of the planes."""
        array = np.ascontiguousarray(planes.cpu().numpy(), dtype=np.float32)
        found: Any = self._session.run(["logits"], {"planes": array})[0]
        return torch.from_numpy(found).to(planes.device)

    def _open(self, provider: str) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()  # OMP_NUM_THREADS speaks for both backends
        options.log_severity_level = 3  # errors alone: its notes on graph optimisation are no concern of a user
        try:
            session = onnxruntime.InferenceSession(self._content, options, providers=[provider])
        except Exception as error:
            raise ModelError(
                f"{self._path}: not an ONNX file that onnxruntime takes ({error}); export it again"
            ) from error
        names = [each.name for each in session.get_inputs()], [each.name for each in session.get_outputs()]
        if names != (["planes"], ["logits"]):
            raise ModelError(f"{self._path}: inputs {names[0]} and outputs {names[1]}, expected planes and logits; "
                             "export it again with mizuhashi models export")  # fmt: skip
        return session
