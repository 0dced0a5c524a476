"""The processes of a ``torch.distributed`` job, such as ``torchrun`` starts."""

from __future__ import annotations

import atexit
import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["TorchCollective"]


class TorchCollective:
    """`Collective` over a process group of ``torch.distributed``, torch 1.13 or later.

    Parameters
    ----------
    group : torch.distributed.ProcessGroup, optional
        All processes of the job if left out.
    backend : str, optional
        What the job's group is made with where there is none yet: ``"gloo"``
        unless told, or ``"nccl"`` for GPUs, to which arrays are copied then.
    timeout : float
        Seconds after which a rank that does not answer is taken as lost, for a group
        that is made here.

    Raises
    ------
    ImportError
        When torch is not installed.
    ValueError
        When there is no group, and the environment of ``torchrun`` is not there.

    Examples
    --------
    In a script for ``torchrun --nproc-per-node 2 script.py``:

    >>> from vaccine_swift.distributed.torch import TorchCollective
    >>> collective = TorchCollective()  # doctest: +SKIP
    >>> trainer = vs.Trainer(model, args, collective=collective)  # doctest: +SKIP
    """

    def __init__(
        self, group: Any = None, *, backend: str = "gloo", timeout: float = 1800.0
    ) -> None:
        try:
            import torch
            import torch.distributed as distributed
        except ImportError as error:
            raise ImportError(
                "torch.distributed needs torch, pip install torch"
            ) from error
        if not distributed.is_initialized():
            distributed.init_process_group(
                backend, timeout=dt.timedelta(seconds=timeout)
            )
            # Threads of a group that is left behind may end the process with SIGABRT.
            atexit.register(leave)
        self._torch, self._distributed = torch, distributed
        self._group = group
        is_on_gpu = distributed.get_backend(group) == "nccl"
        self._device = "cuda" if is_on_gpu else "cpu"

    @property
    def rank(self) -> int:
        """The number of this process in the group, from 0."""
        return int(self._distributed.get_rank(self._group))

    @property
    def size(self) -> int:
        """R, the number of processes."""
        return int(self._distributed.get_world_size(self._group))

    def allreduce(self, array: npt.NDArray[Any]) -> None:
        """Replace a contiguous array by its sum over all ranks.

        Raises
        ------
        RuntimeError
            When a rank has ended or does not answer.
        """
        own = self._torch.from_numpy(array)
        values = own.to(self._device)
        try:
            self._distributed.all_reduce(values, group=self._group)
            if values.data_ptr() != own.data_ptr():
                array[...] = np.asarray(values.cpu())
        except RuntimeError as error:
            raise RuntimeError(
                f"rank {self.rank} has lost another rank: {error}"
            ) from error

    def barrier(self) -> None:
        """Wait until every rank is here."""
        self.allreduce(np.zeros(1, np.int64))


def leave() -> None:
    """Give up the process's group, if it has one."""
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()
