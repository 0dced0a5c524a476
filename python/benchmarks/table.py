"""Prints a results file as a table: `python table.py results/<date>-smollm2.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

COLUMNS = (
    "method",
    "side",
    "tokens/s",
    "of torch float32",
    "of the best torch",
    "median step",
    "peak memory",
    "of its dtype",
    "share of GEMM peak",
    "processor share",
)
RIVAL = "torch float32"


def print_table(results: dict[str, Any]) -> None:
    """One row for each method and side, compared with the rivals that were measured.

    Memory is compared with PyTorch's in the same precision.
    """
    machine = results["machine"]
    peaks = ", ".join(
        f"{peak:.0f} in {dtype}" for dtype, peak in results["peak_gflops"].items()
    )
    table = Table(
        *COLUMNS,
        title=f"SmolLM2-135M, {results['threads']} threads, {results['date']}",
        caption=f"{machine['processor']}: at most {peaks} GFLOP/s",
    )
    for method, sides in results["methods"].items():
        speeds = {
            name: side["useful_tokens_per_second"] for name, side in sides.items()
        }
        best = max(speed for name, speed in speeds.items() if name.startswith("torch"))
        for name, side in sides.items():
            speed = speeds[name]
            rival = sides.get("torch bfloat16" if "bfloat16" in name else RIVAL, {})
            table.add_row(
                method,
                name,
                f"{speed:.1f}",
                _ratio(speed, speeds.get(RIVAL), " x"),
                _ratio(speed, best, " x"),
                f"{side['median_step_seconds']:.2f} s",
                f"{side['peak_mib'] / 1024:.2f} GiB",
                _ratio(side["peak_mib"], rival.get("peak_mib")),
                f"{side['share_of_peak']:.0%}",
                f"{side['processor_share']:.0%}",
            )
    console = Console(width=120)
    console.print(table)
    run = next(iter(results["methods"].values()))["float32"]["runs"][0]
    print(
        f"Start of the process to start of the first step, model loaded: "
        f"{run['first_step_starts_seconds']:.1f} s"
    )


def _ratio(value: float, of: float | None, unit: str = "") -> str:
    return "" if of is None else f"{value / of:.2f}{unit}"


if __name__ == "__main__":
    print_table(json.loads(Path(sys.argv[1]).read_text()))
