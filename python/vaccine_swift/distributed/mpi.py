"""The processes that ``mpirun`` or ``srun`` started, through mpi4py."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import numpy.typing as npt

__all__ = ["MPICollective"]

_STARTED: Final = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")
"""Where Open MPI's and MPICH's mpirun and srun say how many processes there are."""


class MPICollective:
    """`Collective` over an MPI communicator.

    Parameters
    ----------
    communicator : mpi4py.MPI.Comm, optional
        All processes of the job if left out.

    Raises
    ------
    ImportError
        When mpi4py or an MPI library is not installed.
    RuntimeError
        When the launcher has started several processes, and each sees itself alone:
        they would all train the whole and write to one folder.

    Examples
    --------
    In a script for ``mpirun -n 4 python script.py``:

    >>> from vaccine_swift.distributed.mpi import MPICollective
    >>> collective = MPICollective()  # doctest: +SKIP
    >>> trainer = vs.Trainer(model, args, collective=collective)  # doctest: +SKIP
    """

    def __init__(self, communicator: Any = None) -> None:
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as error:
            raise ImportError(
                f"MPI needs an MPI library and mpi4py, pip install "
                f"'vaccine-swift[mpi]': {error}"
            ) from error
        self._mpi = MPI
        self._communicator = MPI.COMM_WORLD if communicator is None else communicator
        if communicator is None and self.size == 1:
            _check_alone()

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""
        return int(self._communicator.Get_rank())

    @property
    def size(self) -> int:
        """R, the number of processes."""
        return int(self._communicator.Get_size())

    def allreduce(self, array: npt.NDArray[Any]) -> None:
        """Replace a contiguous array by its sum over all ranks.

        As the libraries' algorithms add up each element once, or in pairs on both
        sides, all ranks have the same bits.
        """
        self._communicator.Allreduce(self._mpi.IN_PLACE, array, op=self._mpi.SUM)

    def barrier(self) -> None:
        """Wait until every rank is here."""
        self._communicator.Barrier()

    def abort(self, error: BaseException) -> None:
        """End all processes of the job, and say on which rank it went wrong."""
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        print(f"rank {self.rank}: {what}", file=sys.stderr, flush=True)
        self._communicator.Abort(1)


def _check_alone() -> None:
    told = next((name for name in _STARTED if name in os.environ), None)
    if told is not None and int(os.environ[told]) > 1:
        raise RuntimeError(
            f"MPI sees one process, but {told} says that {os.environ[told]} were "
            "started: take the mpirun of mpi4py's library, or srun with --mpi=pmix or "
            "--mpi=pmi2 (srun --mpi=list)"
        )
