"""Other forms of a version's weights: an ONNX file and an exported program, each proven equal to the checkpoint.

Both hold the network alone: normalised planes ``(B, C, H, W)`` float32 in, logits ``(B, K, H, W)`` float32 out, with
batch, height and width free (sides multiples of 32, from 64 on). Holes, normalisation, temperatures and test-time views
stay in `models.scorer`, which wraps every backend alike.

``onnx``: by ``torch.onnx.export(dynamo=True)`` out of the exported program, weights inside the one file.
``torch_export``: ``torch.export.save``, a ``.pt2``.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from findings.errors import ModelError, OutputError
from models.backends import LEAST_PROGRAM_SIDE_PX, REMEDY_PACKAGES, load_export
from models.base import PixelModel
from models.card import Export, ModelCard, read_card, write_card
from models.checkpoint import file_sha256
from models.segmenter import Segmenter, load_network
from models.test_time import STRIDE_PX

ExportFormat = Literal["onnx", "torch_export"]
Tile = npt.NDArray[np.float32]

FILES: dict[str, str] = {"onnx": "model.onnx", "torch_export": "model.pt2"}
TOLERANCE = 1e-4  # of a probability: ten times what rounding gave, and 1/39 of the step of an 8-bit map
_LARGEST_BATCH, _LARGEST_SIDE = 64, 8192


class _EvenSame(nn.Module):
    """A convolution with TensorFlow's "same" padding, for sides that are multiples of its stride.

    timm computes the padding from the size at hand, ``max((ceil(n / s) - 1) s + (k - 1) d + 1 - n, 0)``; as a symbol
    this grows from layer to layer until tracing takes many minutes. With s dividing n it is ``max((k - 1) d + 1 - s,
    0)``, whatever n.
    """

    def __init__(self, convolution: Conv2dSame) -> None:
        super().__init__()
        pads: list[int] = []
        shape = zip(convolution.kernel_size, convolution.stride, convolution.dilation, strict=True)
        for kernel, stride, dilation in reversed(list(shape)):  # functional.pad counts from the last axis
            total = max((kernel - 1) * dilation + 1 - stride, 0)
            pads += [total // 2, total - total // 2]
        self._pads = tuple(pads)
        self._convolution = convolution

    def forward(self, planes: Tensor) -> Tensor:
        """Return what the convolution gives."""
        layer = self._convolution
        padded = nn.functional.pad(planes, self._pads)
        return nn.functional.conv2d(
            padded, layer.weight, layer.bias, layer.stride, 0, layer.dilation, layer.groups
        )  # fmt: skip


def export(folder: Path, format: str, out: Path, tiles: Sequence[Tile]) -> Export:
    """Write a version's weights in another form into ``out`` and return what its card says of it.

    ``out`` becomes (or already is) a folder of the same version: card, checkpoint and the forms exported so far. It may
    be ``folder`` itself.

    Args:
        folder: of the version.
        format: ``onnx`` or ``torch_export``.
        out: the folder; it is made.
        tiles: raw pixels ``(C, H, W)`` float32 in the card's band order, NaN for no observation, sides multiples of 32;
            the form is proven equal to the checkpoint on them.

    Raises:
        ModelError: an unknown format, a package that is missing, another version in ``out``, a network that cannot be
            exported, or answers that differ by more than the tolerance.
        OutputError: the disk is full or the place cannot be written.
    """
    if format not in FILES:
        raise ModelError(f"export format {format!r}; expected {' or '.join(FILES)}")
    card = read_card(folder)
    _require_tiles(tiles, card)
    if format == "onnx":
        _require_onnx()
    program = export_program(load_network(folder, card))
    try:
        card = _prepare(folder, card, out)
        partial = out / f"partial-{FILES[format]}"
        try:
            _write(program, format, partial)
            row = _proven(folder, card, format, partial, tiles)
            partial.replace(out / FILES[format])
        finally:
            partial.unlink(missing_ok=True)
        kept = tuple(each for each in card.exports if each.format != format)
        write_card(card.model_copy(update={"exports": (*kept, row)}), out)
    except OSError as error:
        raise OutputError(f"{out}: the export could not be written ({error}); free space or choose --out") from error
    return row


def export_program(network: nn.Module) -> ExportedProgram:
    """Return the network as an exported program with batch, height and width free; the network stays as it was.

    Raises:
        ModelError: its graph depends on the size of the window.
    """
    whole = _with_constant_padding(copy.deepcopy(network).cpu().eval())
    bands = next(p.shape[1] for p in whole.parameters() if p.ndim == 4)
    # from 64 px on: the tracer takes a side of one stride for a constant
    least, most = LEAST_PROGRAM_SIDE_PX // STRIDE_PX, _LARGEST_SIDE // STRIDE_PX
    sides = {axis: STRIDE_PX * Dim(name, min=least, max=most) for axis, name in ((2, "h"), (3, "w"))}
    # two different sides and a batch of two, lest they be taken for one size, or for constants
    example = torch.zeros(2, bands, 2 * STRIDE_PX, 3 * STRIDE_PX)
    shapes = {0: Dim("batch", min=1, max=_LARGEST_BATCH), **sides}
    try:
        with torch.no_grad():
            return torch.export.export(whole, (example,), dynamic_shapes=(shapes,))
    except Exception as error:
        raise ModelError(
            f"the network cannot be exported with free batch and sides ({type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else 'no reason given'}); use the checkpoint, or a decoder "
            "and encoder that take windows of any size, such as Unet on tu-tf_efficientnet_lite0"
        ) from error


def prove_equal(
    reference: PixelModel, other: PixelModel, tiles: Sequence[Tile], *, tolerance: float = TOLERANCE
) -> float:
    """Return the largest difference of probabilities between two models.

    Each tile is asked for alone, as its upper left part (another size), and with its mirror image as a batch of two.

    Raises:
        ModelError: a difference above the tolerance, or pixels that one calls observed and the other not; no tile, or
            none with an observed pixel.
    """
    largest, seen = 0.0, False
    for tile in tiles:
        pixels = torch.from_numpy(np.ascontiguousarray(tile, dtype=np.float32))[None]
        rows, cols = (max(LEAST_PROGRAM_SIDE_PX, side // 2 // STRIDE_PX * STRIDE_PX) for side in pixels.shape[-2:])
        for view in (pixels, pixels[..., :rows, :cols], torch.cat([pixels, pixels.flip(-1)])):
            expected, found = reference.predict(view).cpu(), other.predict(view).cpu()
            if not torch.equal(torch.isnan(expected), torch.isnan(found)):
                raise ModelError("the export calls other pixels observed than the checkpoint; do not use it")
            apart = (expected - found).abs()
            seen = seen or not bool(torch.isnan(apart).all())
            largest = max(largest, float(torch.nan_to_num(apart, nan=0.0).max()))
    if not seen:
        raise ModelError("no tile with an observed pixel: nothing was proven; give at least one real tile")
    if largest > tolerance:
        raise ModelError(
            f"the export's probabilities differ from the checkpoint's by up to {largest:.2g}, allowed are "
            f"{tolerance:g}; do not use it: update torch, onnxscript and onnxruntime together"
        )
    return largest


def _require_tiles(tiles: Sequence[Tile], card: ModelCard) -> None:
    for tile in tiles:
        sides = tile.shape[1:]
        odd = any(side % STRIDE_PX or side < LEAST_PROGRAM_SIDE_PX for side in sides)
        if tile.ndim != 3 or tile.shape[0] != len(card.bands) or odd:
            raise ModelError(
                f"tile of shape {tile.shape}; expected ({len(card.bands)}, H, W) with H and W multiples of {STRIDE_PX} "
                f"from {LEAST_PROGRAM_SIDE_PX} on, bands {', '.join(card.bands)}"
            )
    if not tiles:
        raise ModelError("no tiles: an export is proven equal to its checkpoint on pictures; give at least one")


def _require_onnx() -> None:
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise ModelError(f"ONNX needs {', '.join(missing)}: {REMEDY_PACKAGES}")


def _with_constant_padding(network: nn.Module) -> nn.Module:
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Conv2dSame):
                setattr(parent, name, _EvenSame(child))
    return network


def _prepare(folder: Path, card: ModelCard, out: Path) -> ModelCard:
    """Return the card of ``out`` with the exports it lists; a new folder gets card and checkpoint."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "card.json").exists():
        if any(out.iterdir()):
            raise ModelError(f"{out} holds other files and no card.json; choose an empty or a new folder with --out")
        if card.weights_file is not None:
            shutil.copyfile(folder / card.weights_file, out / card.weights_file)
        bare = card.model_copy(update={"exports": ()})
        write_card(bare, out)
        return bare
    there = read_card(out)
    mine, theirs = (each.model_dump(exclude={"exports"}) for each in (card, there))
    if mine != theirs:
        raise ModelError(f"{out} holds {there.name}@{there.version} with another card or other weights than "
                         f"{card.name}@{card.version}; choose another folder with --out")  # fmt: skip
    return there


def _write(program: ExportedProgram, format: str, path: Path) -> None:
    if format == "torch_export":
        torch.export.save(program, path)
        return
    written = torch.onnx.export(program, dynamo=True, verbose=False, input_names=["planes"], output_names=["logits"])
    if written is None:
        raise ModelError("torch.onnx.export gave no program; update torch and onnxscript")
    written.save(path, external_data=False)


def _proven(folder: Path, card: ModelCard, format: str, path: Path, tiles: Sequence[Tile]) -> Export:
    digest = file_sha256(path)
    kind: ExportFormat = "onnx" if format == "onnx" else "torch_export"
    row = Export(format=kind, file=path.name, sha256=digest, largest_difference=0.0, measured_on="")
    largest = prove_equal(Segmenter.load(folder), load_export(path.parent, card, row), tiles)
    sizes = ", ".join(sorted({f"{tile.shape[1]} x {tile.shape[2]}" for tile in tiles}))
    about = f"{len(tiles)} tiles of {sizes} px, alone, in part and as a batch of two"
    return Export(format=kind, file=FILES[format], sha256=digest, largest_difference=largest, measured_on=about)
