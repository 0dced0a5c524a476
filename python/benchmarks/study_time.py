"""What a study's time goes into: training steps, generation, evaluation, and the rest.

A preset is run in an empty folder on one thread, with the functions of each kind timed
as they are called; the clock is that of the processor, so that other processes do not
count. The rest is the run's time less that of these functions. A second run under
`cProfile` tells the largest functions of the rest, as the profile has them, which makes
those of many calls look slower than they are. Prints the shares and writes
`results/<date>-study_time.json`, for other presets with their name.

    python python/benchmarks/study_time.py [--preset smoke] [--dtype bfloat16]
"""

from __future__ import annotations

import argparse
import collections
import cProfile
import functools
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import recording

import vaccine_swift as vs
from vaccine_swift import _core, study
from vaccine_swift.engines import SwiftEngine
from vaccine_swift.study.presets import PRESETS
from vaccine_swift.training.optimiser import Optimiser

CORE = re.compile(
    r"'(forward_backward|attention_gradients|step|zero_gradients|generate"
    r"|token_losses|hidden_states)' of|_core\.drift_"
)
"""What the profile calls the work of the three kinds."""
REST, LISTED = "rest", 12


def main() -> None:
    """Measure, write the results file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=[*PRESETS], default="smoke")
    parser.add_argument("--dtype", default="bfloat16")
    arguments = parser.parse_args()
    vs.set_num_threads(1)
    config = study.preset(arguments.preset, dtype=arguments.dtype)
    results = recording.heading()
    with tempfile.TemporaryDirectory() as folder:
        seconds = timed(lambda: study.run(config, Path(folder) / "a", progress=False))
        profile = cProfile.Profile(time.process_time)
        profile.runcall(study.run, config, Path(folder) / "b", progress=False)
    total = seconds.total()
    rest: collections.Counter[str] = collections.Counter()
    for entry in profile.getstats():
        name = _name(entry.code)
        if "_core" not in name or not CORE.search(name):
            rest[name] += entry.inlinetime
    results |= {
        "processor_seconds": dict(seconds),
        "share_of_rest": seconds[REST] / total,
        "largest_of_rest": dict(rest.most_common(LISTED)),
    }
    for kind, spent in seconds.most_common():
        print(f"{kind}: {spent:.1f} s, {spent / total:.1%}")
    for name, spent in rest.most_common(LISTED):
        print(f"  {spent:6.2f} s  {name}")
    smoke = arguments.preset == "smoke"
    recording.save(results, "study_time" if smoke else f"study_time-{arguments.preset}")


def timed(run: Callable[[], object]) -> collections.Counter[str]:
    """Processor seconds of each kind in a run, and of the rest of it."""
    seconds: collections.Counter[str] = collections.Counter()
    replaced = [(owner, name, getattr(owner, name)) for _, owner, name in _functions()]
    for kind, owner, name in _functions():
        setattr(owner, name, _clocked(getattr(owner, name), kind, seconds))
    try:
        begin = time.process_time()
        run()
        seconds[REST] = time.process_time() - begin - seconds.total()
    finally:
        for owner, name, function in replaced:
            setattr(owner, name, function)
    return seconds


def _functions() -> Iterator[tuple[str, Any, str]]:
    """Kind, owner and name of what is timed; none of them calls another."""
    for name in ("forward_backward", "attention_gradients", "zero_gradients"):
        yield "steps", SwiftEngine, name
    yield "steps", Optimiser, "step"
    yield "generation", vs.CausalLM, "generate_ids"
    yield "evaluation", vs.CausalLM, "token_log_probabilities"
    yield "evaluation", vs.CausalLM, "hidden_states"
    for name in dir(_core):
        if name.startswith("drift_"):
            yield "evaluation", _core, name


def _clocked(
    function: Callable[..., Any], kind: str, seconds: collections.Counter[str]
) -> Callable[..., Any]:
    @functools.wraps(function)
    def clocked(*arguments: Any, **options: Any) -> Any:
        begin = time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            seconds[kind] += time.process_time() - begin

    return clocked


def _name(code: object) -> str:
    """A built-in's description, or a function with the file where it stands."""
    if isinstance(code, str):
        return code
    file = getattr(code, "co_filename", "")
    return f"{Path(file).name}:{getattr(code, 'co_qualname', '')}"


if __name__ == "__main__":
    main()
