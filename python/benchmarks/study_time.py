"""What a study's time goes into: training steps, generation, evaluation, and the rest.

A preset is run in an empty folder on one thread, and once more under `cProfile`, which
tells the methods of the core by their names; the clock is that of the processor, so
that other processes do not count. The rest is the plain run's time less that of these
methods. Its largest functions are listed as the profile has them, which makes those
of many calls look slower than they are. Prints the shares and writes
`results/<date>-study_time.json`.

    python python/benchmarks/study_time.py [--preset smoke] [--dtype bfloat16]
"""

from __future__ import annotations

import argparse
import collections
import cProfile
import re
import tempfile
import time
from pathlib import Path

import recording

import vaccine_swift as vs
from vaccine_swift import study
from vaccine_swift.study.presets import PRESETS

KINDS = {
    "steps": r"'(forward_backward|attention_gradients|step|zero_gradients)' of",
    "generation": r"'generate' of",
    "evaluation": r"'(token_losses|hidden_states)' of|_core\.drift_",
}
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
    profile = cProfile.Profile(time.process_time)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        study.run(config, Path(folder) / "plain", progress=False)
        total = time.process_time() - begin
        profile.runcall(study.run, config, Path(folder) / "profiled", progress=False)
    seconds: collections.Counter[str] = collections.Counter()
    rest: collections.Counter[str] = collections.Counter()
    for entry in profile.getstats():
        name = _name(entry.code)
        known = (kind for kind, part in KINDS.items() if re.search(part, name))
        kind = next(known, REST) if "_core" in name else REST
        if kind == REST:
            rest[name] += entry.inlinetime
        else:
            seconds[kind] += entry.inlinetime
    seconds[REST] = total - seconds.total()
    results |= {
        "processor_seconds": dict(seconds),
        "share_of_rest": seconds[REST] / total,
        "largest_of_rest": dict(rest.most_common(LISTED)),
    }
    for kind, spent in seconds.most_common():
        print(f"{kind}: {spent:.1f} s, {spent / total:.1%}")
    for name, spent in rest.most_common(LISTED):
        print(f"  {spent:6.2f} s  {name}")
    recording.save(results, "study_time")


def _name(code: object) -> str:
    """A built-in's description, or a function with the file where it stands."""
    if isinstance(code, str):
        return code
    file = getattr(code, "co_filename", "")
    return f"{Path(file).name}:{getattr(code, 'co_qualname', '')}"


if __name__ == "__main__":
    main()
