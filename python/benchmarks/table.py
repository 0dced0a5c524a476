"""Prints a results file as a table: `python table.py results/<date>-smollm2.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vaccine_swift._plurals import counted

COLUMNS = (
    "method",
    "side",
    "tokens/s",
    "of {rival}",
    "of the best rival",
    "median step",
    "peak memory",
    "of its dtype",
    "share of GEMM peak",
    "processor share",
)
MODEL = "SmolLM2-135M"
RIVALS = ("torch float32", "torch autocast", "torch bfloat16")


def print_table(results: dict[str, Any]) -> None:
    """One row for each method and side, compared with the rivals that were measured.

    Memory is compared with PyTorch's in the same precision.
    """
    reference, *_ = rivals = results.get("rivals", RIVALS)
    where = results.get("device", results["machine"]["processor"])
    peaks = ", ".join(
        f"{peak:.0f} in {dtype}" for dtype, peak in results["peak_gflops"].items()
    )
    table = Table(
        *(column.format(rival=reference) for column in COLUMNS),
        title=(
            f"{results.get('model', MODEL)}, "
            f"{counted(results['threads'], 'thread')}, {results['date']}"
        ),
        caption=f"{where}: at most {peaks} GFLOP/s",
    )
    for method, sides in results["methods"].items():
        speeds = {
            name: side["useful_tokens_per_second"] for name, side in sides.items()
        }
        compared = (
            speed
            for name, speed in speeds.items()
            if name.removesuffix(" compiled") in rivals
        )
        best = max(compared, default=None)
        for name, side in sides.items():
            speed = speeds[name]
            equal = "torch bfloat16" if "bfloat16" in name else reference
            table.add_row(
                method,
                name,
                f"{speed:.1f}",
                _ratio(speed, speeds.get(reference), " x"),
                _ratio(speed, best, " x"),
                f"{side['median_step_seconds']:.2f} s",
                f"{side['peak_mib'] / 1024:.2f} GiB",
                _ratio(side["peak_mib"], sides.get(equal, {}).get("peak_mib")),
                f"{side['share_of_peak']:.0%}" if "share_of_peak" in side else "–",
                f"{side['processor_share']:.0%}",
            )
    console = Console(width=120)
    console.print(table)
    ours = next(iter(next(iter(results["methods"].values())).values()))["runs"][0]
    if "first_step_starts_seconds" in ours:
        print(
            f"Start of the process to start of the first step, model loaded: "
            f"{ours['first_step_starts_seconds']:.1f} s"
        )


def _ratio(value: float, of: float | None, unit: str = "") -> str:
    return "" if of is None else f"{value / of:.2f}{unit}"


if __name__ == "__main__":
    print_table(json.loads(Path(sys.argv[1]).read_text()))
