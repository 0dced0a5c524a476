"""Runs the fuzzer: ``python -m fuzz --seconds 300``."""

from __future__ import annotations

import argparse
import json
import re
import secrets
import sys
from collections import Counter
from pathlib import Path

from fuzz.watch import Finding, run
from vaccine_swift._plurals import counted

SEEDS = Path(__file__).parent / "seeds.txt"


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--kinds", nargs="+", default=["files", "calls", "threads"])
    parser.add_argument("--first", type=int, help="first seed; free without it")
    parser.add_argument("--count", type=int, help="cases of each kind at most")
    parser.add_argument("--out", type=Path, help="append findings as JSON lines")
    return parser.parse_args()


def main() -> int:
    """Known seeds first, then new ones; 1 where something was found."""
    options = parse()
    first = secrets.randbelow(2**40) if options.first is None else options.first
    seen: Counter[str] = Counter()

    def report(finding: Finding) -> None:
        kind = re.sub(r"/\S+|'[^']*'|[0-9]+", "…", finding.what)
        seen[kind] += 1
        if seen[kind] == 1:
            print(f"{finding.kind} {finding.seed}: {finding.what}", flush=True)
        if options.out is not None and seen[kind] <= 3:
            with options.out.open("a") as file:
                print(json.dumps(vars(finding)), file=file)

    for line in SEEDS.read_text().splitlines():
        if line.startswith("#"):
            continue
        kind, seed = line.split()
        run(kind, int(seed), count=1, seconds=60, report=report)
    share = options.seconds / len(options.kinds)
    for kind in options.kinds:
        total = run(
            kind, first, count=options.count or 2**40, seconds=share, report=report
        )
        print(
            f"{kind}: {counted(total.cases, 'case')}, {counted(total.calls, 'call')} "
            f"from seed {first}"
        )
    print(f"{counted(sum(seen.values()), 'finding')} of {counted(len(seen), 'kind')}")
    return 1 if seen else 0


if __name__ == "__main__":
    sys.exit(main())
