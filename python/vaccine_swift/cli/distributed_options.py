"""Options of a command that several processes run together."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Final, TypeVar

from vaccine_swift.distributed import Alone, Collective
from vaccine_swift.distributed.exchange import together
from vaccine_swift.distributed.scopes import RHO_SCOPES
from vaccine_swift.machine.processors import available_processors

__all__ = ["add_distributed_options", "collective_of", "first_rank_first"]

_MPI, _TORCH = "mpi", "torch"
# What torchrun tells of the processes on this machine.
_LOCAL_SIZE: Final = "LOCAL_WORLD_SIZE"

_Result = TypeVar("_Result")


def add_distributed_options(parser: argparse.ArgumentParser) -> None:
    """``--distributed`` and ``--rho-scope``."""
    group = parser.add_argument_group("several processes")
    group.add_argument(
        "--distributed",
        choices=(_MPI, _TORCH),
        help="share out each batch among the processes that mpirun or srun (mpi), or "
        "torchrun (torch) started; the result is that of one process",
    )
    group.add_argument(
        "--rho-scope",
        choices=RHO_SCOPES,
        default="batch",
        help="perturb a batch as a whole, as on one machine, or the part of each "
        "process by itself",
    )


def collective_of(options: argparse.Namespace) -> Collective:
    """The processes that ``--distributed`` names; one process without it.

    Raises
    ------
    ImportError, ValueError
        As `MPICollective` and `TorchCollective`.
    """
    if options.distributed is None:
        return Alone()
    if options.distributed == _MPI:
        from vaccine_swift.distributed.mpi import MPICollective

        return MPICollective()
    from vaccine_swift.distributed.torch import TorchCollective

    local = os.environ.get(_LOCAL_SIZE, "")
    if options.threads is None and local.isdecimal() and int(local) > 0:
        options.threads = max(1, available_processors() // int(local))
    return TorchCollective()


def first_rank_first(collective: Collective, work: Callable[[], _Result]) -> _Result:
    """Do something on rank 0, which may fetch files, and then on the others."""
    results = []
    for turn in (collective.rank == 0, collective.rank != 0):
        with together(collective):
            if turn:
                results.append(work())
    return results[0]
