"""Results files and figures of the benchmarks."""

from __future__ import annotations

import datetime as dt
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import process

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
IMAGES = HERE.parent / "docs" / "images"
COLOURS = {"float32": "#3b6ea5", "bfloat16": "#c26a2e"}


def heading() -> dict[str, Any]:
    """Date, command, machine and its load: what every results file starts with."""
    return {
        "date": dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%d"),
        "command": shlex.join(
            [
                *("python", f"python/benchmarks/{Path(sys.argv[0]).name}"),
                *map(_without_folder, sys.argv[1:]),
            ]
        ),
        "machine": process.machine(),
        "load_average_before": os.getloadavg()[0],
    }


def _without_folder(argument: str) -> str:
    """An argument, of a path of this machine the last name."""
    return Path(argument).name if Path(argument).is_absolute() else argument


def continued(name: str, **settings: Any) -> dict[str, Any]:
    """The heading with what today's file of the same settings already holds."""
    results = heading() | settings
    path = RESULTS / f"{results['date']}-{name}.json"
    earlier = json.loads(path.read_text()) if path.exists() else {}
    same = all(earlier.get(key) == value for key, value in settings.items())
    return (earlier if same else {}) | results


def save(results: dict[str, Any], name: str, *, folder: Path = RESULTS) -> Path:
    """Write `<date>-<name>.json` at once and say where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{results['date']}-{name}.json"
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps(results, indent=1) + "\n")
    temporary.replace(path)
    print(f"Written to {path}")
    return path
