"""Kill work at random moments, and look at what it leaves.

``python -m fuzz.kills --kills 200 --seed 0`` kills each kind of work in `JOBS` so
often: what is on the disk is looked at after each kill, the work goes on from there,
and what is there at its end is compared, bit for bit, with that of a run that nobody
killed.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

from fuzz.kill_jobs import JOBS, Job  # noqa: E402  # after the path to it
from fuzz.killed import finished, forked, kill_one_after  # noqa: E402
from vaccine_swift._plurals import counted  # noqa: E402

__all__ = ["Counts", "campaign"]


@dataclass
class Counts:
    """What was done: kills, and runs that came to their end."""

    kills: int = 0
    runs: int = 0


def campaign(job: Job, kills: int, seed: int, folder: Path) -> Counts:
    """Kill a job so many times, in as many runs as that takes.

    Raises
    ------
    AssertionError
        When something is lost, mixed or different.
    """
    moments = random.Random(f"{job.name} {seed}")
    errors = folder / "errors"
    whole, broken, counts = folder / "whole", folder / "broken", Counts()
    began = time.monotonic()
    finished(job.start(whole, errors), errors)
    lasts = time.monotonic() - began
    while counts.kills < kills:
        while counts.kills < kills:
            children = job.start(broken, errors)
            victim = moments.choice(children)
            killed = kill_one_after(children, victim, moments.uniform(0, 0.7 * lasts))
            counts.kills += killed
            looked = forked(lambda: job.look(whole, broken), errors)
            finished([looked], errors)
            if not killed:
                break
        finished(job.start(broken, errors), errors)
        job.compare(whole, broken)
        counts.runs += 1
        shutil.rmtree(broken)
        errors.unlink(missing_ok=True)
    return counts


def main() -> None:
    """All jobs, or those that are named."""
    parser = argparse.ArgumentParser(prog="fuzz.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    options = parser.parse_args()
    for name in options.jobs:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="kills-") as folder:
            counts = campaign(JOBS[name], options.kills, options.seed, Path(folder))
        took = time.monotonic() - began
        print(
            f"{name}: {counted(counts.kills, 'kill')} in "
            f"{counted(counts.runs, 'run')}, nothing lost, mixed or different "
            f"({took:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
