"""The README's table and picture of a step, from results files of several processors.

`python python/benchmarks/step_page.py` draws the picture and puts the table into the
README; a file of another machine or a newer day is a line of `FILES`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import recording

FILES: Final = {
    "Zen 4, AVX-512": "2026-11-26-smollm2.json",
    "Zen 5, AVX-512": "2026-11-29-smollm2.json",
    "Zen 5 held to AVX2": "2026-11-29-smollm2-avx2.json",
}
SIDES: Final = {
    "float32": "vaccine_swift, float32",
    "bfloat16": "vaccine_swift, bfloat16",
    "torch float32": "PyTorch, float32",
    "torch bfloat16": "PyTorch, bfloat16",
}
COLOURS: Final = ("#0072b2", "#56b4e9", "#8a4b08", "#e69f00")
README: Final = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- step: begin -->\n", "<!-- step: end -->"


def measured() -> dict[str, Mapping[str, Any]]:
    """The sides of a Vaccine step by processor."""
    return {
        name: json.loads((recording.RESULTS / file).read_text())["methods"]["vaccine"]
        for name, file in FILES.items()
    }


def table() -> str:
    """Useful tokens per second and the memory of the first machine, in Markdown."""
    found = measured()
    memory = next(iter(found.values()))
    lines = [
        "| a Vaccine step, tokens/s | " + " | ".join(found) + " | memory |",
        "|---|" + "---|" * (len(found) + 1),
    ]
    for side, label in SIDES.items():
        speeds = [
            f"{_speed(sides, side):.0f}" if side in sides else "–"
            for sides in found.values()
        ]
        size = f"{memory[side]['peak_mib'] / 1024:.1f} GiB"
        lines.append(f"| {label} | {' | '.join(speeds)} | {size} |")
    for dtype in ("float32", "bfloat16"):
        ratios = [
            f"{_speed(sides, dtype) / _speed(sides, f'torch {dtype}'):.1f}"
            if dtype in sides
            else "–"
            for sides in found.values()
        ]
        lines.append(f"| {dtype}, times as fast | {' | '.join(ratios)} | |")
    return "\n".join(lines) + "\n"


def _speed(sides: Mapping[str, Any], side: str) -> float:
    """Useful tokens per second."""
    return float(sides[side]["useful_tokens_per_second"])


def draw(path: Path) -> None:
    """A bar for each side, by processor."""
    import matplotlib.pyplot as plt

    found = measured()
    figure, axes = plt.subplots(figsize=(7.4, 2.9), layout="constrained")
    width = 0.8 / len(SIDES)
    for place, (side, label) in enumerate(SIDES.items()):
        known = [
            (number + (place - 1.5) * width, _speed(sides, side))
            for number, sides in enumerate(found.values())
            if side in sides
        ]
        bars = axes.bar(*zip(*known, strict=True), width, color=COLOURS[place])
        axes.bar_label(bars, fmt="%.0f", fontsize=8, padding=2)
        bars.set_label(label)
    axes.set_xticks(range(len(found)), list(found))
    axes.set_ylabel("useful tokens/s")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.margins(y=0.1)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Draw, and write the table."""
    draw(recording.IMAGES / "step.png")
    text = README.read_text("utf-8")
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    README.write_text(pattern.sub(lambda _: BEGIN + table() + END, text), "utf-8")


if __name__ == "__main__":
    main()
