"""PatchCore: a memory bank of patch features of normal pictures; what lies far from all of them is an anomaly.

After Roth, Pemula, Zepeda, Schölkopf, Brox and Gehler, "Towards Total Recall in Industrial Anomaly Detection",
CVPR 2022, with a small encoder (EfficientNet-Lite0, strides 8 and 16). Differences from the paper are deliberate:

* the score of a picture is the maximum of its map, without the re-weighting of equation 7, so that picture and map
  share one threshold; the map is not smoothed, which would hide small defects from that maximum;
* the bank is a greedy coreset of a bounded uniform sample of the patches: memory does not grow with the pictures;
* pictures keep their own scale (they are cut into windows, never resized), since a drone photograph shrunk to 224 px
  shows no defect at all. A bank therefore speaks of one ground sample distance.

The threshold comes from held-out normal pictures alone: the ``quantile`` of their maxima. Raw distances d are shown as
d / (d + threshold), which keeps their order, never saturates and puts the threshold at 0.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional

from findings.errors import ModelError
from models.backbone import ARCHITECTURE, INPUT_MEAN, INPUT_STD, LICENCE, PACKAGE, SHA256, Features, create_features
from models.card import ClassSpec, ModelCard, Normalisation, TrainingData, read_card
from models.checkpoint import load_state, save_bundle
from models.coreset import Reservoir, greedy_coreset, nearest_distances, project

Picture = npt.NDArray[np.uint8]
Item = TypeVar("Item")

WINDOW_PX = 512
STRIDES = (8, 16)
CONTEXT_PX = 32  # a multiple of every stride
PROJECTED = 64  # dimensions in which the coreset is chosen; distances of scores use all of them
POOL_PER_ROW = 10  # candidates kept for each row of the bank
HELD_OUT_SHARE = 0.2
MINIMUM_HELD_OUT = 3
SMALLEST_THRESHOLD = (
    0.01  # features have a length of about 1 a stride; below this, half precision alone makes distances
)


def split_normals(items: Sequence[Item], share: float = HELD_OUT_SHARE) -> tuple[Sequence[Item], Sequence[Item]]:
    """Return (to fit on, held out): one cut through the given order, so that neighbours stay on one side.

    Raises:
        ModelError: too few to hold any out.
    """
    held = max(MINIMUM_HELD_OUT, round(share * len(items)))
    if len(items) < 2 * MINIMUM_HELD_OUT:
        raise ModelError(
            f"{len(items)} normal pictures; expected at least {2 * MINIMUM_HELD_OUT}, since the threshold needs "
            "pictures that the bank has not seen"
        )
    return items[:-held], items[-held:]


def score_of(distance: Tensor, threshold: float) -> Tensor:
    """Return d / (d + threshold): monotone in d, 0.5 at the threshold, below 1 everywhere."""
    return distance / (distance + threshold)


def _planes(picture: npt.NDArray[Any], grey: bool) -> Tensor:
    """Return ``(C, H, W)`` float32 of a picture, C = 1 for a grey bank and 3 otherwise."""
    array = np.asarray(picture)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3) or array.dtype != np.uint8 or not array.size:
        raise ModelError(f"a picture of shape {array.shape} and {array.dtype}; expected uint8 (H, W), (H, W, 1) or RGB")
    values = torch.from_numpy(np.ascontiguousarray(array)).permute(2, 0, 1).float()
    if grey and len(values) == 3:
        # ITU-R BT.601 luma, as a reader gives the grey of an RGB photograph
        return (values * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(dim=0, keepdim=True)
    return values if grey or len(values) == 3 else values.repeat(3, 1, 1)


def _windows(planes: Tensor) -> Iterator[Tensor]:
    """Yield ``(1, C, h, w)`` windows that cover a picture, sides padded to multiples of 32 with NaN.

    The last window of a row or column is moved back to be whole: a sliver would be mostly padding.
    """
    height, width = planes.shape[1:]
    tops, lefts = (sorted({min(i, max(0, n - WINDOW_PX)) for i in range(0, n, WINDOW_PX)}) for n in (height, width))
    for top in tops:
        for left in lefts:
            part = planes[:, top : top + WINDOW_PX, left : left + WINDOW_PX]
            down, right = -part.shape[1] % 32, -part.shape[2] % 32
            yield functional.pad(part[None], (0, right, 0, down), value=torch.nan)


def _fill(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return pixels without holes, and where something was observed ``(B, 1, H, W)``.

    A band missing at a pixel takes the mean of its other bands. A pixel without any band mirrors the picture at its
    nearest observed pixel: a flat fill would put an edge, and a stretched one streaks, along every border of a
    picture, and either is an anomaly.
    """
    seen = ~torch.isnan(pixels).all(dim=1, keepdim=True)
    filled = torch.where(torch.isnan(pixels), pixels.nanmean(dim=1, keepdim=True), pixels)
    for i in range(len(filled)):
        if seen[i].any() and not seen[i].all():
            rows, columns = torch.from_numpy(_mirrored(seen[i, 0].cpu().numpy())).to(filled.device).unbind(0)
            filled[i] = filled[i, :, rows, columns]
    return torch.nan_to_num(filled, nan=INPUT_MEAN), seen


def _mirrored(seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return for each pixel the (row, column) ``(2, H, W)`` that it copies: itself where it was seen."""
    nearest = np.asarray(distance_transform_edt(~seen, return_distances=False, return_indices=True), np.int64)
    mirror = 2 * nearest - np.indices(seen.shape)
    limit = np.array(seen.shape).reshape(2, 1, 1)
    inside = ((mirror >= 0) & (mirror < limit)).all(axis=0)
    clamped = np.clip(mirror, 0, limit - 1)
    return np.where(inside & seen[clamped[0], clamped[1]], mirror, nearest)


class PatchCore:
    """A fitted memory bank behind the protocol of pixel models; one class, ``anomaly``.

    Args:
        card: its card; ``architecture`` holds the raw threshold and the strides.
        encoder: the frozen encoder that made the bank.
        bank: ``(N, D)`` feature rows, each stride's block divided by its scale.
        scales: one number per stride, the root mean square length of its features over the normals.
        weights_sha256: digest of the weights file.
    """

    def __init__(
        self, card: ModelCard, encoder: Features, bank: Tensor, scales: Tensor, weights_sha256: str = ""
    ) -> None:
        self._card, self._digest = card, weights_sha256
        self._encoder, self._bank, self._scales = encoder, bank.float(), scales.float()
        self._threshold = float(card.architecture["raw_threshold"])

    @classmethod
    def load(cls, folder: Path) -> PatchCore:
        """Return the bank of a bundle folder, digest verified.

        Raises:
            ModelError: weights that are missing, altered, not safetensors, or that do not fit their card.
        """
        card = read_card(folder)
        state = load_state(folder, card)
        try:
            encoder = create_features(tuple(card.architecture["strides"]), pretrained=False)
            prefix = "encoder."
            encoder.load_state_dict({k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)})
            return cls(card, encoder, state["bank"], state["scales"], card.weights_sha256 or "")
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(f"{folder}: the bank does not fit its card ({error}); fit it again") from error

    @property
    def card(self) -> ModelCard:
        """The card that came with the bank."""
        return self._card

    @property
    def weights_sha256(self) -> str:
        """Digest of the weights file."""
        return self._digest

    def to(self, device: torch.device) -> PatchCore:
        """Move the bank to a device and return it."""
        self._encoder.to(device)
        self._bank, self._scales = self._bank.to(device), self._scales.to(device)
        return self

    @torch.inference_mode()
    def predict(self, pixels: Tensor) -> Tensor:
        """Return scores ``(B, 1, H, W)`` in [0, 1), NaN where nothing was observed.

        Args:
            pixels: ``(B, C, H, W)`` float32 0..255 in the card's band order, NaN for no observation.
        """
        return score_of(self.distances(pixels), self._threshold)

    @torch.inference_mode()
    def distances(self, pixels: Tensor) -> Tensor:
        """Return the raw distances ``(B, 1, H, W)`` to the bank, NaN where nothing was observed."""
        filled, seen = _fill(pixels.float())
        rows = patch_features(self._encoder, filled, self._scales)
        batch, _, height, width = rows.shape
        flat = rows.permute(0, 2, 3, 1).reshape(-1, rows.shape[1])
        maps = nearest_distances(flat, self._bank).view(batch, 1, height, width)
        maps = functional.interpolate(maps, size=pixels.shape[2:], mode="bilinear", align_corners=False)
        return maps.masked_fill(~seen, torch.nan)

    def image_distance(self, picture: Picture) -> float:
        """Return the raw score of a whole picture: the maximum of its distance map over all windows."""
        device = self._bank.device
        planes = _planes(picture, len(self._card.bands) == 1)
        tops = [self.distances(window.to(device)) for window in _windows(planes)]
        return max(float(part[~torch.isnan(part)].max()) for part in tops)

    def image_score(self, picture: Picture) -> float:
        """Return the score of a whole picture in [0, 1); from 0.5 on it is called anomalous."""
        return float(score_of(torch.tensor(self.image_distance(picture)), self._threshold))


def _strided(encoder: Features, filled: Tensor) -> list[Tensor]:
    """Return each stride's locally averaged features ``(B, D, H/s, W/s)``."""
    planes = filled if filled.shape[1] == 3 else filled.repeat(1, 3, 1, 1)
    # Mirrored context around the window: without it the zeros that convolutions add at a border, and means over fewer
    # cells, made the hottest place of EVERY normal picture lie on its border.
    mode = "reflect" if min(planes.shape[2:]) > CONTEXT_PX else "replicate"
    planes = functional.pad((planes - INPUT_MEAN) / INPUT_STD, (CONTEXT_PX,) * 4, mode=mode)
    # 3 x 3 mean around each patch (section 3.1 of the paper)
    means = [functional.avg_pool2d(m, 3, stride=1, padding=1) for m in encoder(planes)]
    return [functional.pad(m, (-(CONTEXT_PX // s),) * 4) for m, s in zip(means, encoder.strides, strict=True)]


def patch_features(encoder: Features, filled: Tensor, scales: Tensor) -> Tensor:
    """Return patch features ``(B, D, H/s, W/s)`` at the finest stride s: all strides, each divided by its scale."""
    maps = _strided(encoder, filled)
    size = maps[0].shape[2:]
    resized = [functional.interpolate(m, size=size, mode="bilinear", align_corners=False) for m in maps]
    return torch.cat([m / scale for m, scale in zip(resized, scales, strict=True)], dim=1)


class _Fitter:
    """Collects patches of normal pictures."""

    def __init__(self, limit: int, grey: bool, rng: np.random.Generator, device: torch.device) -> None:
        self._grey, self._device, self._rng, self._limit = grey, device, rng, limit
        self.encoder = create_features(STRIDES).to(device)
        self._widths = [Features.CHANNELS[s] for s in STRIDES]
        self._pool = Reservoir(limit * POOL_PER_ROW, rng)
        self.pictures = 0

    @torch.inference_mode()
    def add(self, picture: Picture) -> None:
        ones = torch.ones(len(STRIDES), device=self._device)
        for window in _windows(_planes(picture, self._grey)):
            filled, seen = _fill(window.to(self._device))
            rows = patch_features(self.encoder, filled, ones)
            observed = functional.avg_pool2d(seen.float(), STRIDES[0])[:, 0] > 0.5
            self._pool.add(rows.permute(0, 2, 3, 1)[observed].half().cpu())
        self.pictures += 1

    @property
    def patches(self) -> int:
        return self._pool.seen

    @torch.inference_mode()
    def finish(self) -> tuple[Tensor, Tensor]:
        """Return bank ``(N, D)`` and scales; blocks of the strides weigh the same after scaling."""
        rows = self._pool.rows.float()
        blocks = torch.split(rows, self._widths, dim=1)
        scales = torch.stack([b.square().sum(dim=1).mean().sqrt().clamp(min=1e-6) for b in blocks])
        rows = torch.cat([b / s for b, s in zip(blocks, scales, strict=True)], dim=1)
        chosen = greedy_coreset(project(rows, PROJECTED, self._rng), self._limit, self._rng)
        return rows[chosen].half(), scales


def fit_bank(
    images: Iterable[Picture],
    held_out: Iterable[Picture],
    name: str,
    out: Path,
    *,
    limit: int = 4096,
    seed: int = 0,
    version: str = "1",
    quantile: float = 0.95,
    grey: bool = False,
    data: TrainingData | None = None,
    command: str = "",
    device: torch.device | str = "cpu",
) -> Path:
    """Fit a bank on normal pictures and return its new bundle folder ``out/<name>/<version>``.

    Args:
        images: normal pictures, uint8 ``(H, W, 3)`` RGB or ``(H, W)`` grey, of any size; read once, one by one.
        held_out: further normal pictures, at best of other objects than ``images`` (``split_normals``); they alone set
            the threshold.
        name: of the model.
        out: parent folder of the bundle.
        limit: at most so many rows in the bank.
        seed: of the sample, the projection and the coreset; the same seed gives the same bank.
        version: of the model.
        quantile: of the held-out pictures' maxima that becomes the threshold; 0.95 means about one alarm in twenty
            normal pictures.
        grey: look at grey values only, where colours are not to be trusted.
        data: where the pictures come from; unless it says so, they never ship.
        command: the command that made the bank, for the card.
        device: where to compute.

    Raises:
        ModelError: too few pictures, a picture of another kind, or all pictures are alike.
        OutputError: the bundle cannot be written.
    """
    if not 0 < quantile < 1 or limit < 1:
        raise ModelError(f"quantile {quantile} and limit {limit}; expected 0 < quantile < 1 and limit >= 1")
    target = torch.device(device)
    fitter = _Fitter(limit, grey, np.random.default_rng(seed), target)
    for picture in images:
        fitter.add(picture)
    bank, scales = fitter.finish()
    facts = {"seed": seed, "quantile": quantile, "pictures": fitter.pictures, "patches": fitter.patches}
    card = _card(name, version, grey, facts, data, command)
    trial = PatchCore(card, fitter.encoder, bank, scales).to(target)
    maxima = np.array([trial.image_distance(picture) for picture in held_out])
    if len(maxima) < MINIMUM_HELD_OUT:
        raise ModelError(f"{len(maxima)} held-out normal pictures; the threshold needs at least {MINIMUM_HELD_OUT}")
    threshold = float(np.quantile(maxima, quantile))
    if threshold < SMALLEST_THRESHOLD:
        raise ModelError("all normal pictures are alike, so any other one is an anomaly; give pictures that differ")
    facts |= {"raw_threshold": threshold, "held_out": len(maxima), "bank_rows": len(bank)}
    card = _card(name, version, grey, facts, data, command)
    state = {f"encoder.{key}": value for key, value in fitter.encoder.state_dict().items()}
    folder = out / card.name / card.version
    save_bundle(folder, card, state | {"bank": bank, "scales": scales})
    return folder


def _card(
    name: str, version: str, grey: bool, facts: dict[str, Any], data: TrainingData | None, command: str
) -> ModelCard:
    bands = ("grey",) if grey else ("red", "green", "blue")
    unknown = TrainingData(
        name="a folder of normal pictures",
        licence="not stated",
        role="normal pictures of the bank and of the threshold",
        items=int(facts["pictures"]) + int(facts.get("held_out", 0)),
        ships=False,
    )
    return ModelCard(
        name=name,
        version=version,
        task="anomaly",
        image_kind="photo",
        bands=bands,
        required_bands=bands,
        classes=(ClassSpec(name="anomaly", damage="anomaly", threshold=0.5, minimum_area_px=STRIDES[0] ** 2),),
        normalisation=Normalisation(method="fixed", mean=(INPUT_MEAN,) * len(bands), std=(INPUT_STD,) * len(bands)),
        gsd_range_mm=(0.0, 1e6),
        architecture={
            "kind": "patchcore",
            "encoder": ARCHITECTURE,
            "encoder_weights": f"{PACKAGE}, {LICENCE}, sha256 {SHA256}",
            "strides": list(STRIDES),
            "raw_threshold": 1.0,
            **facts,
        },
        training_data=(data or unknown,),
        licence="Apache-2.0" if data is not None and data.ships else "that of its pictures; not for redistribution",
        commands=(command,) if command else (),
        limits=(
            "valid at the ground sample distance of the normal pictures and for their material, light and camera",
            f"threshold: {facts['quantile']:g} quantile of the maxima of {facts.get('held_out', 0)} held-out normal "
            "pictures of their size; a larger picture has more places where it can be exceeded",
            "an anomaly is what the normal pictures do not show, which need not be damage",
        ),
    )
