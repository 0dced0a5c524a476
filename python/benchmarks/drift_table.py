"""Prints a results file: `python drift_table.py results/<date>-drift.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vaccine_swift._plurals import counted


def print_table(results: dict[str, Any]) -> None:
    """A row for each side, then the ratios."""
    threads = results["threads"]
    sides = Table(
        *("work", "side", "case", "time", "above the data", "processor share"),
        title=f"Drift, {counted(threads, 'thread')}, {results['date']}",
        caption=results["machine"]["processor"],
    )
    for name, run in results["runs"].items():
        seconds = min(run["seconds"])
        busy = run["processor_seconds"][run["seconds"].index(seconds)]
        sides.add_row(
            *name.split(),
            f"{seconds:.4g} s",
            f"{run['peak_above_data_mib']:.0f} MiB",
            f"{busy / seconds / threads:.0%}",
        )
    ratios = Table("figure", "value")
    for name, value in results["figures"].items():
        ratios.add_row(name, f"{value:.3g}")
    console = Console(width=100)
    console.print(sides)
    console.print(ratios)


if __name__ == "__main__":
    print_table(json.loads(Path(sys.argv[1]).read_text()))
