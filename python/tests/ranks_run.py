"""A run on the ranks of a launcher; tells its process and every step, and can fail.

Usage: ranks_run.py {mpi,torch} OUTPUT_DIR [raise]
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from training_support import examples, tiny_model, trainer

import vaccine_swift as vs

STEPS = 30


class Slow(vs.TrainerCallback):
    """Tells of every step, and leaves time to be killed."""

    def __init__(self, rank: int, seconds: float, *, raises: bool) -> None:
        self.rank, self.seconds, self.raises = rank, seconds, raises

    def on_step_end(self, args, state, control, **kwargs):
        line = f"rank {self.rank} process {os.getpid()} step {state.global_step}\n"
        os.write(1, line.encode())
        time.sleep(self.seconds)
        if self.raises and self.rank == 1 and state.global_step == 12:
            raise ZeroDivisionError("of a callback")


def job(output_dir: Path, rank: Any, *callbacks: vs.TrainerCallback) -> vs.Trainer:
    return trainer(
        output_dir,
        model=tiny_model(dropout=0.2),
        data=examples(23),
        callbacks=list(callbacks),
        collective=rank,
        max_steps=STEPS,
        learning_rate=1e-3,
        per_device_train_batch_size=5,
        save_strategy="steps",
        save_steps=5,
        report_to="none",
    )


def main(kind: str, output_dir: Path, *words: str) -> None:
    if kind == "mpi":
        from vaccine_swift.distributed.mpi import MPICollective

        collective: Any = MPICollective()
    else:
        from vaccine_swift.distributed.torch import TorchCollective

        collective = TorchCollective()
    vs.set_num_threads(1)
    slow = Slow(collective.rank, 0.2 if words else 0.05, raises="raise" in words)
    job(output_dir, collective, slow).train()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
