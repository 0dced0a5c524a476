"""A study and a tree of accumulators on the workers of `mpi4py.futures`.

Usage: mpirun -n 3 ... mpi_futures.py MODEL OUT; the manager prints the drift.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mpi4py.futures import MPICommExecutor
from study_support import tiny_study
from test_drift_merging import measured, numbers

import vaccine_swift as vs
from vaccine_swift import drift, study


def main(model: Path, out: Path) -> None:
    vs.set_num_threads(1)
    with MPICommExecutor() as executor:
        if executor is None:
            return
        study.run(tiny_study(model), out, executor=executor, progress=False)
        parts = [executor.submit(measured, shard) for shard in range(7)]
        print(json.dumps(numbers(drift.merge_tree(parts, executor=executor))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
