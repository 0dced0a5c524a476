"""Runs cases one after the other, and says in shared memory which."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import mmap
import os
import resource
import struct
import sys
import traceback
import warnings
from pathlib import Path

from fuzz.calls import calls_case, threads_case
from fuzz.counts import CALLED
from fuzz.draw import Draw
from fuzz.files import files_case

CASES = {"calls": calls_case, "threads": threads_case, "files": files_case}
MEMORY = {"files": 4 << 30, "calls": 3 << 29, "threads": 3 << 29}
"""Bytes of address space; a model that fits takes its time."""


def main(kind: str, first: int, step: int, last: int, place: str) -> None:
    """Run cases first, first + step, … below last; findings go to stdout as JSON.

    Whatever else is printed, by threads or C as well, goes nowhere.
    """
    findings = os.fdopen(os.dup(1), "w")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.close(silence)
    faulthandler.enable()
    warnings.simplefilter("ignore")
    limit = MEMORY[kind] if os.environ.get("VACCINE_FUZZ_UNLIMITED") is None else -1
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with Path(place).open("r+b") as file:
        shared = mmap.mmap(file.fileno(), 24)
    done = 0
    with contextlib.suppress(Exception):
        CASES[kind](Draw(f"{kind} warm-up"))  # imports and the corpus take their time
    for seed in range(first, last, step):
        shared[:24] = struct.pack("<QQQ", seed, done, 1)
        try:
            done += CASES[kind](Draw(f"{kind} {seed}"))
        except BaseException as failure:  # noqa: BLE001  # every kind is a finding
            text = "".join(traceback.format_exception(failure))
            what = f"{type(failure).__module__}.{type(failure).__name__}: {failure}"
            finding = {"kind": kind, "seed": seed, "what": what[:300], "trace": text}
            print(json.dumps(finding), file=findings, flush=True)
    print(json.dumps({"called": CALLED}), file=findings, flush=True)
    shared[:24] = struct.pack("<QQQ", last, done, 0)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(arguments[0], *map(int, arguments[1:4]), arguments[4])
