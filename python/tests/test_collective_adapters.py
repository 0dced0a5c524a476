"""Adapters are imported on demand, and say what they need."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cli_support import write_model

from vaccine_swift.cli import main

ADAPTERS = [
    ("mpi", "MPICollective", "mpi4py", "vaccine-swift[mpi]"),
    ("torch", "TorchCollective", "torch", "pip install torch"),
    ("ray", "RayCollective", "ray.util", "vaccine-swift[ray]"),
]


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys, vaccine_swift as vs\n"
        "vs.Trainer, vs.distributed.DataParallelEngine\n"
        "print({'mpi4py', 'torch', 'ray'} & set(sys.modules))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert found.stdout == "set()\n"


@pytest.mark.parametrize(("module", "name", "needs", "install"), ADAPTERS)
def test_what_is_missing_is_named(
    monkeypatch, module: str, name: str, needs: str, install: str
) -> None:
    adapter = importlib.import_module(f"vaccine_swift.distributed.{module}")
    monkeypatch.setitem(sys.modules, needs, None)
    with pytest.raises(ImportError) as caught:
        getattr(adapter, name)()
    assert install in str(caught.value)


def test_the_command_line_says_so_too(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    words = ["align", "--model", str(write_model(tmp_path / "model"))]
    words += ["--output-dir", str(tmp_path / "out"), "--distributed", "torch"]
    assert main(words) == 2
    assert "pip install torch" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


class World:
    """What the adapter over MPI asks of a communicator."""

    def __init__(self) -> None:
        self.aborted: list[int] = []

    def Get_rank(self) -> int:
        return 2

    def Get_size(self) -> int:
        return 3

    def Allreduce(self, place: Any, array: np.ndarray, op: Any) -> None:
        assert (place, op) == ("in place", "sum")
        array *= 3

    def Abort(self, status: int) -> None:
        self.aborted.append(status)


def test_a_communicator_of_one_s_own_is_taken(monkeypatch, capsys) -> None:
    from vaccine_swift.distributed.mpi import MPICollective

    mpi = SimpleNamespace(IN_PLACE="in place", SUM="sum")
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=mpi))
    world = World()
    ranks = MPICollective(world)
    assert (ranks.rank, ranks.size) == (2, 3)
    array = np.arange(4.0)
    ranks.allreduce(array)
    assert array.tolist() == [0, 3, 6, 9]
    ranks.abort(KeyError("x"))
    ranks.abort(KeyboardInterrupt())
    assert world.aborted == [1, 1]
    told = capsys.readouterr().err
    assert told == "rank 2: KeyError: 'x'\nrank 2: KeyboardInterrupt\n"
