"""Growth of memory over many calls: ``python -m fuzz.leaks --count 10000``.

Each kind of call of `CALLS` runs in a process of its own: first to warm up, then so
many times. What the process holds may not have grown by more than a megabyte, nor may
references to what all share have grown with the number of calls.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

import numpy as np  # noqa: E402  # after the path to the package
import training_support  # noqa: E402

import vaccine_swift as vs  # noqa: E402
from vaccine_swift import _core, drift  # noqa: E402
from vaccine_swift._plurals import counted  # noqa: E402

__all__ = ["CALLS", "LIMIT", "measured"]

LIMIT = 1 << 20
WARM_UP = 500
Call = Callable[[], object]
IDS = np.arange(1, 9)


def _steps() -> Call:
    model = training_support.tiny_model(dropout=0.1)
    arguments = vs.TrainingArguments("unused", max_steps=10, report_to="none")
    from vaccine_swift.training.optimiser import Optimiser

    optimiser = Optimiser(model, arguments)
    batch = vs.Batch.pack(training_support.examples(3))
    method = vs.Vaccine(rho=2.0)

    def step() -> None:
        model.forward_backward(batch, method=method)
        optimiser.learning_rate = 1e-4
        optimiser.step()
        model.zero_gradients()

    return step


def _generations() -> Call:
    model = training_support.tiny_model()
    return lambda: model.generate_ids([[1, 2, 3], [4]], 4, temperature=1.0)


def _updates() -> Call:
    """With new accumulators, since one of all prompts grows by their ids."""
    rows = np.random.default_rng(0).normal(size=(2, 6, 8))

    def update() -> None:
        accumulator = drift.Accumulator(width=8, layers=2)
        accumulator.update(rows, rows + 0.1, ids=[0, 0, 1, 1, 2, 2])
        accumulator.report()

    return update


def _refusals() -> Call:
    """Wrong values of every kind, in turn."""
    model = training_support.tiny_model()
    batch = vs.Batch.pack(training_support.examples(1))
    bad: list[Call] = [
        lambda: model.logits([99]),
        lambda: model.logits(np.zeros((2, 2))),
        lambda: model.generate_ids([[1]], 10**6),
        lambda: model.core.read("weight", "none"),
        lambda: model.core.write("adapter", "none", IDS),
        lambda: model.forward_backward(batch, method=vs.Vaccine(rho=float("1e39"))),
        lambda: vs.CausalLM.from_config({"model_type": "llama"}),
        lambda: model.core.add_adapter(["q_proj"], [2], [1.0], 0.0, 0),
        lambda: drift.hed(np.ones((2, 3)), np.full((2, 3), np.nan)),
    ]
    turn = iter(range(10**9))

    def refuse() -> None:
        with contextlib.suppress(ValueError, TypeError, RuntimeError):
            bad[next(turn) % len(bad)]()

    return refuse


def _interruptions() -> Call:
    """A signal comes while a step computes, now and then before or after it."""
    model = training_support.tiny_model(dropout=0.1)
    long = vs.Example(np.arange(60) % 32, np.arange(60) % 32)
    batch = vs.Batch.pack([long] * 6)
    method = vs.Vaccine(rho=2.0)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupted)
    numbers = np.random.default_rng(0)

    def interrupt() -> None:
        with contextlib.suppress(KeyboardInterrupt):
            try:
                signal.setitimer(signal.ITIMER_REAL, numbers.uniform(2e-5, 2e-3))
                model.forward_backward(batch, method=method)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)

    return interrupt


def _models() -> Call:
    def make() -> None:
        model = vs.CausalLM.from_config(training_support.CONFIG, seed=1)
        model.add_adapter(vs.LoRAConfig(r=2), seed=0)
        model.logits([1, 2])

    return make


CALLS: dict[str, Callable[[], Call]] = {
    "steps": _steps,
    "generations": _generations,
    "updates": _updates,
    "refusals": _refusals,
    "interruptions": _interruptions,
    "models": _models,
}


def _held() -> int:
    """Bytes that the process holds, after what is free was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _references() -> int:
    """To what everybody shares: a reference that is lost shows there at once.

    The total of a debug build does not count those of modules that were not built for
    it, dtypes count one more for each `numpy.zeros`, and from Python 3.12 on None and
    small numbers do not count at all.
    """
    types = (_core.Model, _core.AdamW, _core.Vector, _core.Buffer, np.ndarray)
    shared = (None, True, False, (), "", b"", *range(257), *types)
    return sum(map(sys.getrefcount, shared))


def _here(kind: str, count: int) -> dict[str, int]:
    """Measure in this process."""
    vs.set_num_threads(2)
    call = CALLS[kind]()
    for _ in range(WARM_UP):
        call()
    bytes_before, references_before = _held(), _references()
    for _ in range(count):
        call()
    references = _references() - references_before
    return {"bytes": _held() - bytes_before, "references": references}


def measured(kind: str, count: int) -> dict[str, int]:
    """Growth of bytes and references over a kind of call, in a process of its own."""
    command = [sys.executable, __file__, "--here", kind, "--count", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> int:
    """1 where something grows."""
    parser = argparse.ArgumentParser(prog="fuzz.leaks", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--kinds", nargs="+", choices=CALLS, default=list(CALLS))
    parser.add_argument("--here", choices=CALLS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(_here(options.here, options.count)))
        return 0
    grown = False
    for kind in options.kinds:
        found = measured(kind, options.count)
        references = found["references"]
        print(
            f"{kind}: {counted(options.count, 'call')}, {found['bytes'] / 1024:+.0f} "
            f"KiB, {references:+d} references",
            flush=True,
        )
        grown |= found["bytes"] > LIMIT or references > options.count // 10 + 100
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
