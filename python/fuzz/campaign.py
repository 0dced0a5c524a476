"""Many cases on one state: ``python -m fuzz.campaign --jobs 2 --record FILE``.

The cases are divided into chunks of seeds, each run in a process of its own, several
side by side. What each chunk found goes into the record as a line, and the same command
goes on from there: a chunk that is in it is not run again. At the end, and whenever
``--show`` is given, the sums of the record are printed.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fuzz.watch import Finding, run
from vaccine_swift._plurals import counted

__all__ = ["Chunk", "chunks", "main", "summary"]

SIZES = {"files": 2500, "calls": 10_000, "threads": 2500}
"""Cases of a chunk: about half a minute of a processor."""
LIKELY = {"files": 1, "calls": 5, "threads": 26}
"""Calls of a case, of which there may be more."""


@dataclass(frozen=True)
class Chunk:
    """Cases of one kind with the seeds from `first` on."""

    kind: str
    first: int
    count: int


def chunks(calls: int, files: int, first: int) -> Iterator[Chunk]:
    """What makes up that many calls and files, half of the calls from threads.

    Parameters
    ----------
    calls, files : int
        At least so many.
    first : int
        The first seed of each kind.
    """
    wanted = {"files": files, "calls": calls - calls // 2, "threads": calls // 2}
    left = {kind: -(-count // LIKELY[kind]) for kind, count in wanted.items()}
    place = dict.fromkeys(left, first)
    while any(left.values()):
        for kind in left:
            if count := min(left[kind], SIZES[kind]):
                yield Chunk(kind, place[kind], count)
                left[kind] -= count
                place[kind] += count


def _run(chunk: Chunk) -> dict[str, Any]:
    """The line of a chunk."""
    findings: list[Finding] = []
    began = time.monotonic()
    total = run(
        chunk.kind,
        chunk.first,
        count=chunk.count,
        seconds=float("inf"),
        report=findings.append,
    )
    return {
        **vars(chunk),
        "cases": total.cases,
        "calls": total.calls,
        "seconds": round(time.monotonic() - began, 1),
        "called": total.called,
        "findings": [vars(each) for each in findings],
    }


def _kind_of(what: str) -> str:
    """Of a finding: "deaths", "hangs" or "exceptions"."""
    if what.startswith("no end"):
        return "hangs"
    return "deaths" if what.startswith(("ended by", "exit status")) else "exceptions"


def summary(lines: Iterable[dict[str, Any]]) -> str:
    """Sums by kind, what was called how often, and every finding."""
    sums: dict[str, Counter[str]] = {}
    called: Counter[str] = Counter()
    findings = []
    for line in lines:
        counts = sums.setdefault(line["kind"], Counter())
        counts.update({key: line[key] for key in ("cases", "calls", "seconds")})
        called.update(line["called"])
        for each in line["findings"]:
            counts[_kind_of(each["what"])] += 1
            findings.append(f"{each['kind']} {each['seed']}: {each['what']}")
    told = []
    for kind, counts in sorted(sums.items()):
        what = counted(counts["cases"], "file", form=",")
        if kind != "files":
            calls = counted(counts["calls"], "call", form=",")
            what = f"{calls} in {counted(counts['cases'], 'case', form=',')}"
        found = (f"{counts[each]} {each}" for each in ("deaths", "hangs", "exceptions"))
        told.append(f"{kind}: {what}, {', '.join(found)}, {counts['seconds']:.0f} s")
    listed = (f"  {name}: {count:,}" for name, count in sorted(called.items()))
    return "\n".join([*told, "of which:", *listed, *findings])


def _recorded(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def main(arguments: list[str] | None = None) -> int:
    """1 where something was found."""
    parser = argparse.ArgumentParser(prog="fuzz.campaign", description=__doc__)
    parser.add_argument("--calls", type=int, default=10**6)
    parser.add_argument("--files", type=int, default=10**5)
    parser.add_argument("--first", type=int, default=0, help="first seed of each kind")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--record", type=Path, required=True, help="JSON lines")
    parser.add_argument("--show", action="store_true", help="only print the record")
    options = parser.parse_args(arguments)
    known = _recorded(options.record)
    if not options.show:
        done = {(line["kind"], line["first"]) for line in known}
        left = [
            each
            for each in chunks(options.calls, options.files, options.first)
            if (each.kind, each.first) not in done
        ]
        _run_all(left, options.jobs, options.record)
        known = _recorded(options.record)
    print(summary(known))
    return 1 if any(line["findings"] for line in known) else 0


def _run_all(left: list[Chunk], jobs: int, record: Path) -> None:
    waiting, lock, count = iter(left), threading.Lock(), len(left)

    def work() -> None:
        nonlocal count
        while True:
            with lock:
                chunk = next(waiting, None)
            if chunk is None:
                return
            line = _run(chunk)
            with lock, record.open("a") as file:
                print(json.dumps(line), file=file, flush=True)
                count -= 1
                print(
                    f"{chunk.kind} from {chunk.first}: "
                    f"{counted(line['cases'], 'case')}, "
                    f"{counted(len(line['findings']), 'finding')}, "
                    f"{line['seconds']:.0f} s; {counted(count, 'chunk')} left",
                    flush=True,
                )

    threads = [threading.Thread(target=work, daemon=True) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
