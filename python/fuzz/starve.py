"""Every public operation with little memory left: ``python -m fuzz.starve``.

An operation is prepared and then called in processes of its own, each under a limit on
address space some megabytes above what it holds by then: it must succeed or raise
MemoryError, whatever the limit, and succeed at the last one.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

import numpy as np  # noqa: E402  # after the path to the package
import training_support  # noqa: E402
from drift_accumulators import filled, pair  # noqa: E402

import vaccine_swift as vs  # noqa: E402
from vaccine_swift import drift, methods  # noqa: E402

__all__ = ["MEGABYTES", "OPERATIONS", "outcome"]

MEGABYTES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 1024)
PATIENCE = 30
SUCCESS, REFUSED = 0, 17
Call = Callable[[], object]
BATCH = vs.Batch.pack(training_support.examples(40))
IDS = np.arange(1, 60) % 32
X, Y, PROMPTS = pair()


def _method(method: Any, **streams: Any) -> Call:
    model = training_support.tiny_model(dropout=0.1)
    return lambda: model.forward_backward(BATCH, method=method, **streams)


def _of_model(call: Callable[[vs.CausalLM], object]) -> Callable[[], Call]:
    def prepared() -> Call:
        model = training_support.tiny_model()
        return lambda: call(model)

    return prepared


def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="starve-"))


def _training() -> Call:
    folder = _folder()
    trainer = training_support.trainer(
        folder, save_strategy="steps", save_steps=2, max_steps=4, report_to="none"
    )
    return trainer.train


def _loading() -> Call:
    folder = _folder()
    training_support.tiny_model().save_adapter(folder)
    model = vs.CausalLM.from_config(training_support.CONFIG)
    return lambda: model.load_adapter(folder)


def _model_directory() -> Call:
    folder = _folder()
    vs.CausalLM.from_config(vs.tiny_config()).save_pretrained(folder)
    return lambda: vs.CausalLM.from_pretrained(folder)


def _adding() -> Call:
    model = vs.CausalLM.from_config(vs.tiny_config())
    return lambda: model.add_adapter(vs.LoRAConfig(r=4))


def _saving() -> Call:
    folder = _folder()
    model = training_support.tiny_model()
    return lambda: model.save_adapter(folder)


def _accumulating() -> Call:
    accumulator = drift.Accumulator(width=X.shape[-1], layers=len(X), tier="full")
    return lambda: accumulator.update(X, Y, ids=PROMPTS)


def _state() -> Call:
    path = _folder() / "state.npz"
    accumulator = filled("full")
    return lambda: (accumulator.save(path), drift.load(path))


def _report() -> Call:
    accumulator = filled("full")
    return accumulator.report


def _watching() -> Call:
    rows = np.random.default_rng(0).normal(size=(200, 8))
    windows = drift.Windows(rows, permutations=399)
    return lambda: windows.add("now", rows[:50]).report()


def _comparing() -> Call:
    first, second = (training_support.tiny_model(seed=seed) for seed in range(2))
    examples = training_support.examples(20)
    return lambda: drift.compare(first, second, examples).report()


def _examples() -> Any:
    return vs.Batch.pack(training_support.examples(4, seed=2))


OPERATIONS: dict[str, Callable[[], Call]] = {
    "from_config": lambda: lambda: vs.CausalLM.from_config(vs.tiny_config()),
    "from_pretrained": _model_directory,
    "add_adapter": _adding,
    "logits": _of_model(lambda model: model.logits(IDS)),
    "attention_outputs": _of_model(lambda model: model.attention_outputs(IDS)),
    "generate_ids": _of_model(
        lambda model: model.generate_ids([[1, 2, 3]] * 500, 8, temperature=1.0)
    ),
    "gradients": _of_model(lambda model: model.gradients()),
    "adapter_state": _of_model(lambda model: model.adapter_state()),
    "merge_adapter": _of_model(lambda model: model.merge_adapter()),
    "save_adapter": _saving,
    "load_adapter": _loading,
    "SFT": lambda: _method(vs.SFT()),
    "Vaccine": lambda: _method(vs.Vaccine(rho=2.0)),
    "RandomPerturbation": lambda: _method(vs.RandomPerturbation(variance=0.1)),
    "Booster": lambda: _method(methods.Booster(), streams={"harmful": _examples()}),
    "perturbation": lambda: lambda: vs.perturbation([np.ones(10**6, np.float32)], 2.0),
    "Trainer": _training,
    "Accumulator.update": _accumulating,
    "Accumulator.report": _report,
    "Accumulator.save": _state,
    "hed": lambda: lambda: drift.hed(X[0], Y[0]),
    "compare": _comparing,
    "two_sample": lambda: lambda: drift.two_sample(X[0], Y[0], permutations=99),
    "Windows": _watching,
}


def outcome(name: str, megabytes: int) -> str:
    """What an operation did: "success", "MemoryError", or what else.

    Its process is started anew: one that is forked computes on one thread.
    """
    child = subprocess.run(
        [sys.executable, "-m", "fuzz.starve", "--child", name, str(megabytes)],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    known = {SUCCESS: "success", REFUSED: "MemoryError"}
    ended = f"ended with {child.returncode}: {child.stderr[-600:]}"
    return known.get(child.returncode, ended)


def _child(name: str, megabytes: int) -> int:
    """Its status: after preparations, the operation under the limit."""
    vs.set_num_threads(2)
    vs.CausalLM.from_config(vs.tiny_config())  # imports what is imported late
    call = OPERATIONS[name]()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    used = sum(os.times()[:2])
    seconds = int(used) + PATIENCE
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    try:
        call()
    except MemoryError:
        return REFUSED
    return SUCCESS


def main() -> int:
    """1 where something else than success or MemoryError was seen."""
    parser = argparse.ArgumentParser(prog="fuzz.starve", description=__doc__)
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        return _child(options.child[0], int(options.child[1]))
    bad = 0
    for name in options.operations or OPERATIONS:
        began = time.monotonic()
        found = [outcome(name, megabytes) for megabytes in MEGABYTES]
        wrong = [
            f"{megabytes} MB: {what}"
            for megabytes, what in zip(MEGABYTES, found, strict=True)
            if what not in ("success", "MemoryError")
        ]
        if found[-1] == "MemoryError":
            wrong.append("MemoryError with all it needs")
        bad += len(wrong)
        enough = [m for m, what in zip(MEGABYTES, found, strict=True) if what[0] == "s"]
        print(
            f"{name}: enough from {min(enough, default=None)} MB on, "
            f"{len(wrong)} wrong ({time.monotonic() - began:.0f} s)",
            *wrong,
            sep="\n  ",
            flush=True,
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
