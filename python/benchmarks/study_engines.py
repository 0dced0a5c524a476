"""How far apart the Swift and the torch engine are in one study: every number of it.

    vaccine-swift study --preset smoke --dtype float32 --out swift
    vaccine-swift study --preset smoke --dtype float32 --engine torch --device cpu \
        --out torch
    python python/benchmarks/study_engines.py swift torch

Compares two studies that differ in their engine alone, row by row, but for what tells
of the run itself. Says of each kind of number how many there are, how many are equal
to the last bit, and the largest difference: absolute, and relative to the larger one.
Writes `results/<date>-study_engines.json`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import recording

from vaccine_swift import study

OF_THE_RUN = frozenset(
    ("study", "cell", "date", "seconds", "hardware", "versions", "engine", "device")
)
MEASURED = ("losses", "metrics", "drift", "drift_curve")
LEVELS = 3
"""Parts of a number's place that are its kind, such as metrics, after, perplexity."""


def differences(ours: Any, theirs: Any, *place: str) -> Iterator[tuple[Any, ...]]:
    """Place, and both numbers, of each number in two values of one shape.

    Raises
    ------
    ValueError
        When they differ in anything but numbers; names the place.
    """
    where = ".".join(place)
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        names = ours.keys() - OF_THE_RUN
        if names != theirs.keys() - OF_THE_RUN:
            raise ValueError(f"{where} has other names in the second study")
        for name in sorted(names):
            yield from differences(ours[name], theirs[name], *place, name)
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            raise ValueError(f"{where} has another length in the second study")
        for one, other in zip(ours, theirs, strict=True):
            yield from differences(one, other, *place)
    elif type(ours) is float and type(theirs) is float:
        yield place, ours, theirs
    elif ours != theirs:
        raise ValueError(f"{where} is {ours!r} in the first study, {theirs!r} then")


def table(first: study.StudyResult, second: study.StudyResult) -> dict[str, Any]:
    """Kinds of numbers to counts and largest differences."""
    kinds: dict[str, dict[str, Any]] = {}
    for ours, theirs in zip(first.rows, second.rows, strict=True):
        for place, one, other in differences(ours, theirs):
            if place[0] not in MEASURED:
                continue
            kind = kinds.setdefault(
                ".".join(place[:LEVELS]),
                {"numbers": 0, "equal": 0, "absolute": 0.0, "relative": 0.0},
            )
            apart = abs(one - other)
            kind["numbers"] += 1
            kind["equal"] += one == other
            kind["absolute"] = max(kind["absolute"], apart)
            if apart:
                relative = apart / max(abs(one), abs(other))
                kind["relative"] = max(kind["relative"], relative)
    return dict(sorted(kinds.items()))


def main() -> None:
    """Compare, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("swift", type=Path, help="a study's folder")
    parser.add_argument("torch", type=Path, help="the torch engine's")
    arguments = parser.parse_args()
    first, second = map(study.StudyResult.load, (arguments.swift, arguments.torch))
    kinds = table(first, second)
    for name, kind in kinds.items():
        print(
            f"{name:44} {kind['equal']:5} of {kind['numbers']:5} equal, largest "
            f"difference {kind['absolute']:.1e}, relative {kind['relative']:.1e}"
        )
    settings = dict(first.rows[0]["settings"])
    results = recording.heading() | {"settings": settings, "kinds": kinds}
    recording.save(results, Path(__file__).stem)


if __name__ == "__main__":
    main()
