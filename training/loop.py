"""The one visible training loop: draw, forward, loss, backward, clip, step, average, log, measure, save."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext

import numpy as np
import torch
from torch import nn

from findings.errors import ConfigError, ModelError
from models import segmenter as networks
from models.card import ClassSpec, ModelCard
from models.normalise import normalise, plane_count
from models.segmenter import Segmenter, build_network, set_prior
from training.batches import Batch, Batches, stream, worker_count
from training.config import ClassConfig, TrainConfig
from training.interruption import Interrupted, Interruption
from training.losses import loss
from training.memory import memory_told
from training.pace import Pace
from training.parallel import ALONE, Group, shared, with_common_statistics
from training.pictures import Gallery, draw_curves
from training.run_folder import RunFolder, config_digest
from training.selection import selection_score
from training.snapshots import Standing, State, load_last, save_snapshot, snapshots

Log = Callable[[str], None]
LOG_EVERY = 20  # steps between two lines of the metrics; a GPU is waited for only then


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the rate of a step: linear warm-up, then half a cosine down to 2 % of the peak."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(config.steps - config.warmup_steps, 1)
    return config.learning_rate * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * done)))


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights towards the current ones (exponential moving average); counters are copied."""
    pairs = list(zip(average.state_dict().values(), network.state_dict().values(), strict=True))
    slow, fast = zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True)
    torch._foreach_lerp_(list(slow), list(fast), 1.0 - decay)
    for to, value in pairs:
        if not to.is_floating_point():
            to.copy_(value)


def train_network(
    config: TrainConfig,
    run: RunFolder,
    device: torch.device,
    log: Log,
    *,
    start: Mapping[str, torch.Tensor] | None = None,
    group: Group = ALONE,
) -> nn.Module:
    """Return the averaged network that scored best on the validation and development sets.

    Goes on from the last sound checkpoint of the run folder if there is one, with the very curve that the run would
    have had without the break: crops and random layers depend on the seed and the step alone.

    Args:
        config: everything that decides the version.
        run: folder of the run; metrics, curves, pictures and checkpoints go there.
        device: where to compute.
        log: takes lines for the reader.
        start: weights to begin with instead of ImageNet's.
        group: this process among those that train together.

    Raises:
        ConfigError: the memory does not suffice; the last checkpoint stays.
        ModelError: the loss is not a number; or the weights to start from do not fit.
        OutputError: the disk is full; the last checkpoint stays.
        KeyboardInterrupt: interrupted or terminated; a checkpoint of the last step was written.
    """
    with memory_told(config, run.path / "checkpoints"):
        trainer = _Trainer(config, run, device, log, start, group)
        with Interruption() as interruption:
            trainer.run(interruption)
    return trainer.best_network()


class _Trainer:
    """The tensors and the standing of one run."""

    def __init__(
        self,
        config: TrainConfig,
        run: RunFolder,
        device: torch.device,
        log: Log,
        start: Mapping[str, torch.Tensor] | None,
        group: Group,
    ) -> None:
        self._config, self._run, self._device, self._group = config, run, device, group
        self._log: Log = log if group.leads else _silent
        network = _first_network(config, start)
        self._average = copy.deepcopy(network).to(device).to(memory_format=torch.channels_last).eval()
        if config.gradient_checkpoint:
            networks.set_gradient_checkpoint(network, True)
        network = with_common_statistics(network, group, device).to(device)
        self._network: nn.Module = network.to(memory_format=torch.channels_last).train()
        self._optimiser = torch.optim.AdamW(
            self._network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self._best: State = copy.deepcopy(self._average.state_dict())
        self._standing = Standing(processes=group.size)
        self._sums: dict[str, torch.Tensor] = {}
        self._unchecked: list[tuple[int, float, tuple[str, ...], torch.Tensor]] = []
        self._saved = -1
        self._resume()
        self._module = shared(self._network, group, device)
        self._batches = Batches(config, group)
        self._pace = Pace(config.steps, self._standing.step, device, self._standing.seconds)
        self._gallery = Gallery(config, run.path / "samples") if group.leads else None

    def best_network(self) -> nn.Module:
        """Return the averaged network with the weights of the best measurement."""
        self._average.load_state_dict(self._best)
        return self._average

    def run(self, interruption: Interruption) -> None:
        """Train from where the run stands to its end."""
        config, standing = self._config, self._standing
        workers = worker_count(config, self._device) if standing.step < config.steps else 0
        batches = stream(self._batches, standing.step * config.accumulate, workers, self._device)
        self._pace.begin()
        while True:
            if standing.step and self._due(config.evaluate_every) and standing.measured != standing.step:
                self._measure(interruption)
            over = standing.step >= config.steps or self._tired()
            stopped = self._asked_to_stop(interruption)
            if over or stopped or (standing.step and standing.step % config.save_every == 0):
                self._save()
            if stopped:
                self._log(f"stopped after step {standing.step}; its checkpoint is saved: go on with --resume")
                interruption.leave()
            if over:
                return
            self._step(batches)
            if self._due(LOG_EVERY) or self._due(config.evaluate_every):
                self._write_row()

    def _step(self, batches: Iterator[Batch]) -> None:
        """Take one step of the optimiser over ``accumulate`` batches."""
        config, step = self._config, self._standing.step
        rate = learning_rate(step, config)
        for settings in self._optimiser.param_groups:
            settings["lr"] = rate
        # random layers, too, depend on the seed and the step alone
        torch.manual_seed(int(np.random.SeedSequence([config.seed, step, self._group.rank]).generate_state(1)[0]))
        self._optimiser.zero_grad(set_to_none=True)
        for part in range(config.accumulate):
            with self._pace.waiting():
                batch = next(batches)
            last = part + 1 == config.accumulate
            with nullcontext() if last or self._group.size == 1 else self._module.no_sync():  # type: ignore[operator]
                total, parts = self._loss(batch.to(self._device))
                torch.autograd.backward(total / config.accumulate)
            for name, value in {"loss": total, **parts}.items():
                self._sums[name] = self._sums.get(name, 0.0) + value.detach().float() / config.accumulate
            self._unchecked.append((step, rate, batch.origins, total.detach()))
        if self._device.type == "cpu":  # a GPU would be stopped by the question: it is asked at log points
            self._check()
        nn.utils.clip_grad_norm_(self._network.parameters(), config.clip_norm, foreach=True)
        self._optimiser.step()
        follow(self._average, self._network, min(config.ema, (step + 1) / (step + 10)))
        self._standing.step += 1
        self._standing.counted += 1

    def _loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._config.precision == "bf16"):
            planes = normalise(batch.pixels, self._config.normalisation, self._config.bands)
            logits = self._module(planes.contiguous(memory_format=torch.channels_last))
        return loss(logits.float(), batch.target, batch.known, self._config.loss, batch.skeleton)

    def _check(self) -> None:
        """Raise ModelError if a loss since the last check is not a number."""
        if not self._unchecked:
            return
        finite = torch.isfinite(torch.stack([value for *_, value in self._unchecked])).tolist()
        for (step, rate, origins, value), sound in zip(self._unchecked, finite, strict=True):
            if not sound:
                last = snapshots(self._run.path / "checkpoints")
                back = f"go back to {last[-1].name} with --resume" if last else "no checkpoint yet: --restart"
                raise ModelError(
                    f"loss is {value.item()} at step {step}, rate {rate:.2g}, "
                    f"crops of {', '.join(sorted(set(origins)))}: "
                    f"lower learning_rate (--set learning_rate={self._config.learning_rate / 3:.1g}) and {back}"
                )
        self._unchecked.clear()

    def _due(self, every: int) -> bool:
        return self._standing.step % every == 0 or self._standing.step == self._config.steps

    def _tired(self) -> bool:
        patience = self._config.patience
        return patience is not None and self._standing.since_best >= patience

    def _asked_to_stop(self, interruption: Interruption) -> bool:
        if self._group.size == 1:
            return interruption.came
        # all processes must leave at the same step, and asking costs a synchronisation
        return self._due(LOG_EVERY) and self._group.any(interruption.came, self._device)

    def _write_row(self) -> None:
        """Add a line of metrics, and say it now and then."""
        standing, config = self._standing, self._config
        self._check()
        sums = torch.stack(list(self._sums.values())) / standing.counted
        means = dict(zip(self._sums, self._group.mean(sums).tolist(), strict=True))
        self._sums, standing.counted = {}, 0
        if self._group.leads:
            rate = learning_rate(standing.step - 1, config)
            row = {"step": standing.step, **means, "rate": rate, **self._pace.row(standing.step)}
            self._run.append(row)
            if self._pace.speaks() or self._due(config.evaluate_every):
                self._log(self._pace.line(standing.step, means, rate))

    def _measure(self, interruption: Interruption) -> None:
        """Measure the averaged network; alone, an interruption leaves at once and the run measures when it goes on."""
        standing = self._standing
        if self._group.leads:
            try:
                # in a group the others wait for the answer: process 0 must give it before it may leave
                leave = interruption.at_once() if self._group.size == 1 else nullcontext()
                with self._pace.apart(), leave:
                    self._measure_alone()
            except Interrupted:
                return
        standing.measured = standing.step
        tired = torch.tensor([float(standing.since_best)], device=self._device)
        standing.since_best = round(self._group.first(tired).item())

    def _measure_alone(self) -> None:
        standing, config = self._standing, self._config
        segmenter = Segmenter(card_of(config, [0.5] * len(config.classes)), self._average)
        score, parts = selection_score(segmenter, config, self._device)
        before = (standing.best_score, standing.best_step)
        better = score > standing.best_score
        row = {"step": standing.step, "score": score, "best": better, "scores": parts}
        if better:
            self._best = copy.deepcopy(self._average.state_dict())
            standing.best_score, standing.best_step, standing.since_best = score, standing.step, 0
        else:
            standing.since_best += 1
        standing.measured = standing.step
        self._run.append(row)
        told = "the best so far" if better else f"best {before[0]:.4f} at step {before[1]}"
        self._log(f"step {standing.step}: score {score:.4f}, {told}")
        draw_curves(self._run.rows(), self._run.path / "curves.png")
        if self._gallery is not None:
            self._gallery.draw(segmenter, standing.step, self._device)

    def _save(self) -> None:
        standing = self._standing
        self._check()
        if not self._group.leads or self._saved == standing.step:
            return
        standing.seconds = self._pace.seconds()
        standing.sums = {name: value.item() for name, value in self._sums.items()}
        save_snapshot(self._run.path / "checkpoints", standing, self._state(), config_digest(self._config))
        self._saved = standing.step

    def _state(self) -> State:
        """Return everything that the next step depends on, and the best weights so far."""
        names = [name for name, _ in self._network.named_parameters()]
        moments = self._optimiser.state_dict()["state"]
        return {
            **{f"network.{key}": value for key, value in self._network.state_dict().items()},
            **{f"average.{key}": value for key, value in self._average.state_dict().items()},
            **{f"best.{key}": value for key, value in self._best.items()},
            **{f"moment.{names[i]}:{key}": value for i, of in moments.items() for key, value in of.items()},
        }

    def _resume(self) -> None:
        """Take up the last sound checkpoint, if there is one."""
        found = load_last(self._run.path / "checkpoints", config_digest(self._config))
        if found is not None:
            standing, state, notes = found
            for note in notes:
                self._log(f"note: {note}; going on from the one before it")
            if standing.processes != self._group.size:
                raise ConfigError(
                    f"the run was begun by {standing.processes} processes, not {self._group.size}: go on with as many "
                    f"(torchrun --nproc-per-node {standing.processes}), or begin anew: --restart"
                )
            self._standing, self._saved = standing, standing.step
            self._sums = {name: torch.tensor(value, device=self._device) for name, value in standing.sums.items()}
            self._network.load_state_dict(_part(state, "network."))
            self._average.load_state_dict(_part(state, "average."))
            self._best = {key: value.to(self._device) for key, value in _part(state, "best.").items()}
            _restore_moments(self._optimiser, self._network, _part(state, "moment."))
            self._log(f"going on after step {standing.step} of {self._config.steps}")
        if self._group.leads:
            self._run.cut(self._standing.step)


def _restore_moments(optimiser: torch.optim.Optimizer, network: nn.Module, moments: State) -> None:
    state: dict[int, State] = {}
    for index, (name, parameter) in enumerate(network.named_parameters()):
        mine = {key.rpartition(":")[2]: value for key, value in moments.items() if key.rpartition(":")[0] == name}
        # in the memory order of the parameter, which the fused kernel expects
        state[index] = {
            key: torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape and value.ndim else value
            for key, value in mine.items()
        }
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _part(state: State, prefix: str) -> State:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _first_network(config: TrainConfig, start: Mapping[str, torch.Tensor] | None) -> nn.Module:
    torch.manual_seed(config.seed)  # of the decoder's random weights
    pretrained = config.pretrained and start is None
    network = build_network(
        config.architecture,
        plane_count(config.bands, config.normalisation),
        len(config.classes),
        pretrained=pretrained,
        download=config.download_weights,
    )
    if config.prior is not None and start is None:
        set_prior(network, config.prior)
    if start is not None:
        try:
            network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in start.items()})
        except RuntimeError as error:
            raise ModelError(
                f"{config.based_on}: its weights do not fit the configuration's architecture, bands or classes "
                f"({str(error).splitlines()[-1].strip()}); take these from its card"
            ) from error
    return network


def _silent(line: str) -> None:
    return


def _spec(config: ClassConfig, threshold: float) -> ClassSpec:
    reaches = config.grow_threshold is not None and config.grow_threshold < threshold
    return ClassSpec(
        **config.model_dump(exclude={"grow_threshold", "least_threshold"}),
        threshold=threshold,
        grow_threshold=config.grow_threshold if reaches else None,
    )


def card_of(config: TrainConfig, thresholds: list[float]) -> ModelCard:
    """Return the card of a configuration, before weights and metrics are known.

    Raises:
        ConfigError: the configuration contradicts itself.
    """
    try:
        return ModelCard(
            name=config.name,
            version=config.version,
            task="segmentation",
            image_kind=config.image_kind,
            bands=config.bands,
            required_bands=config.required_bands,
            classes=tuple(_spec(c, t) for c, t in zip(config.classes, thresholds, strict=True)),
            normalisation=config.normalisation,
            gsd_range_mm=config.gsd_range_mm,
            architecture=config.architecture,
            limits=config.limits,
            radiometry=config.radiometry,
            test_time=config.test_time,
            based_on=config.based_on,
        )
    except ValueError as error:
        raise ConfigError(f"{config.name}: {error}") from error
