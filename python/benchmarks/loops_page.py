"""The table of loops in the documentation, out of a results file.

python python/benchmarks/loops_page.py python/benchmarks/results/<date>-loops.json
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

from vaccine_swift._plurals import counted

PAGE = Path(__file__).parents[1] / "docs" / "coming_from.md"
BEGIN, END = "<!-- loops: begin -->", "<!-- loops: end -->"


def write(results: dict[str, Any]) -> None:
    """Put the table between the marks of the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise ValueError(f"{PAGE} must have {BEGIN} and {END}")
    PAGE.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{after}", "utf-8")


def table(results: dict[str, Any]) -> str:
    """Where and how it was measured, and a row for each case."""
    day = dt.date.fromisoformat(results["date"])
    threads = results["threads"]
    clock = "processor time" if results["clock"] == "processor" else "time"
    where = f"{counted(threads, 'thread')} of {results['machine']['cores']}"
    size = "2000 rows of 384 columns a side where nothing else stands"
    lines = [
        f"`{results['command']}`, {day.day} {day:%B %Y}, {where} cores of",
        f"{results['machine']['processor']}, least {clock} of one run, {size}",
        f"([all figures](../benchmarks/results/{results['date']}-loops.json)):",
        "",
        "| loop | function | the loop | the function | times as fast |",
        "|---|---|---|---|---|",
    ]
    for case in results["cases"].values():
        rows = "" if case["shape"][0] == 2000 else f", {case['shape'][0]} rows"
        lines.append(
            f"| {case['loop']}{rows} | `{case['function']}` | "
            f"{_short(case['loop_seconds'])} | {_short(case['our_seconds'])} | "
            f"{case['ratio']:.2g} |"
        )
    return "\n".join(lines)


def _short(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text()))
