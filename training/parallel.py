"""Several processes that train one network together, one a GPU, as ``torchrun`` starts them.

``torchrun --standalone --nproc-per-node 2 -m mizuhashi train CONFIG``: every process draws its own crops of each step,
gradients are averaged (DistributedDataParallel), and process 0 alone measures, writes and speaks. Batch statistics
are taken over all processes on GPUs (SyncBatchNorm); on CPUs each process has its own, as with accumulated batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from findings.errors import ConfigError

WAIT = timedelta(hours=6)  # for process 0, which measures alone on whole pictures while the others wait


@dataclass(frozen=True, slots=True)
class Group:
    """This process among those that train together.

    Attributes:
        rank: number of this process; 0 measures, writes and speaks.
        size: number of processes.
        local_rank: number of this process on its machine, which is its GPU's.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process measures, writes and speaks."""
        return self.rank == 0

    def any(self, said: bool, device: torch.device) -> bool:
        """Return whether any process said yes; every process must ask at the same point."""
        if self.size == 1:
            return said
        flag = torch.tensor([float(said)], device=device)
        distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
        return bool(flag.item() > 0)

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mean of the processes' values."""
        if self.size > 1:
            values = values.clone()
            distributed.all_reduce(values)
            values /= self.size
        return values

    def first(self, values: torch.Tensor) -> torch.Tensor:
        """Return the values of process 0; every process must ask at the same point."""
        if self.size > 1:
            values = values.clone()
            distributed.broadcast(values, src=0)
        return values


ALONE = Group()


def read_group(environment: Mapping[str, str]) -> Group:
    """Return the group that ``torchrun`` describes in the environment; without it this process is alone.

    Raises:
        ConfigError: the variables contradict each other.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    given = {name: environment[name] for name in names if name in environment}
    if "RANK" not in given and given.get("WORLD_SIZE", "1") == "1":
        return ALONE
    try:
        rank, size, local = (int(given[name]) for name in names)
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"{given}: expected numbers in {', '.join(names)}; start by torchrun, which sets them"
        ) from error
    if not 0 <= rank < size:
        raise ConfigError(f"RANK {rank} of WORLD_SIZE {size} does not exist; start by torchrun, which sets them")
    return Group(rank, size, local)


@contextmanager
def joined(group: Group, device: torch.device) -> Iterator[torch.device]:
    """Yield the device of this process, with the group joined (NCCL on GPUs, gloo on CPUs).

    Raises:
        ConfigError: more processes than GPUs.
    """
    if group.size == 1:
        yield device
        return
    if device.type == "cuda":
        if group.local_rank >= torch.cuda.device_count():
            raise ConfigError(
                f"{group.size} processes and {torch.cuda.device_count()} GPUs: start as many as there are GPUs"
            )
        device = torch.device("cuda", group.local_rank)
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=WAIT)
    try:
        yield device
    finally:
        distributed.destroy_process_group()


def shared(network: nn.Module, group: Group, device: torch.device) -> nn.Module:
    """Return the module to train: the network itself, or its face whose gradients are averaged over the group."""
    if group.size == 1:
        return network
    # an encoder may hold layers that no output needs: without the search for them the second step would fail
    ids = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=ids, find_unused_parameters=True)


def with_common_statistics(network: nn.Module, group: Group, device: torch.device) -> nn.Module:
    """Return the network with batch norms that see the crops of all processes; GPUs only."""
    if group.size == 1 or device.type != "cuda":
        return network
    return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-any-return, no-untyped-call]
