"""States of `Windows` in files."""

from __future__ import annotations

import os
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range
from vaccine_swift.drift.archive import read_state, write_archive
from vaccine_swift.drift.segment_tests import checked_tests
from vaccine_swift.drift.two_sample_content import ALL
from vaccine_swift.drift.windows_state import Part, WindowsState
from vaccine_swift.files.shapes import (
    INTEGER,
    NUMBER,
    OPTIONAL,
    TEXT,
    Whole,
    check_shape,
)

__all__ = ["load_state", "save"]

_FORMAT: Final = "vaccine_swift.drift.windows/1"
_NUMBER: Final = (NUMBER, OPTIONAL)
_LINE: Final = Whole(
    reference=INTEGER,
    current=INTEGER,
    mean_shift=_NUMBER,
    reason=(TEXT, OPTIONAL),
    tests={"*": {"*": _NUMBER}},
    p_value=_NUMBER,
    rank=([INTEGER], OPTIONAL),
)
_TESTED: Final = Whole(
    {"fingerprint": TEXT},
    name=TEXT,
    rows=INTEGER,
    lines={"*": _LINE},
    new={"*": INTEGER},
)
_SETTINGS: Final = ("tests", "level", "permutations", "most_rows", "seed", "lines")


def save(
    path: str | os.PathLike[str], state: WindowsState, metadata: dict[str, Any]
) -> None:
    """Write beside the target, then rename."""
    names = list(state.waiting)
    parts = {"reference": state.reference, "pool": state.pool}
    parts |= {f"waiting{k}": part for k, part in enumerate(state.waiting.values())}
    labels = _labels(parts.values())
    arrays: dict[str, npt.NDArray[Any]] = {}
    for key, part in parts.items():
        arrays[f"{key}:rows"] = part.rows
        if part.labels is not None:
            arrays[f"{key}:labels"] = np.searchsorted(labels, part.labels)
    header = {
        "settings": {name: getattr(state, name) for name in _SETTINGS},
        "labels": labels.tolist(),
        "waiting": names,
        "tested": state.tested,
        "metadata": metadata,
    }
    write_archive(path, _FORMAT, header, arrays)


def load_state(path: str | os.PathLike[str]) -> tuple[WindowsState, dict[str, Any]]:
    """State and metadata that `save` wrote; errors are those of `read_state`."""
    return read_state(path, _FORMAT, "file of windows", _state)


def _state(header: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> WindowsState:
    settings = {name: header["settings"][name] for name in _SETTINGS}
    _check(settings, header)
    names = np.array(header["labels"], str)
    keys = [
        "reference",
        "pool",
        *(f"waiting{k}" for k in range(len(header["waiting"]))),
    ]
    parts = [_part(arrays, key, names) for key in keys]
    reference, pool, *waiting = parts
    for part in parts:
        if _kind(part) != _kind(reference):
            raise ValueError(
                "all rows must be of one width and type, with labels or none"
            )
    return WindowsState(
        **settings,
        reference=reference,
        pool=pool,
        waiting=dict(zip(header["waiting"], waiting, strict=True)),
        tested=header["tested"],
    )


def _check(settings: dict[str, Any], header: dict[str, Any]) -> None:
    checked_tests(settings["tests"], None)
    check_range("level", settings["level"], above=0.0, below=1.0)
    for name, low, high in (
        ("permutations", 1, 2**20),
        ("most_rows", 100, 2**20),
        ("seed", 0, 2**63 - 1),
    ):
        check_range(name, settings[name], minimum=low, maximum=high, integer=True)
    lines = settings["lines"]
    if not isinstance(lines, list) or lines[:1] != [ALL]:
        raise ValueError(f"lines must be a list that starts with {ALL!r}")
    for name in ("labels", "waiting"):
        if not all(isinstance(each, str) for each in header[name]):
            raise ValueError(f"{name} must be strings")
    check_shape(header["tested"], [_TESTED], "tested")
    for window in header["tested"]:
        if list(window["lines"]) != lines:
            raise ValueError("each window that was tested must have the lines")
        for entry in window["lines"].values():
            _check_rank(entry["rank"])


def _check_rank(rank: Any) -> None:
    if rank is None:
        return
    place, count = rank
    check_range("ranks", count, minimum=2, maximum=2**20 + 1, integer=True)
    check_range("rank", place, minimum=1, maximum=count, integer=True)


def _part(
    arrays: dict[str, npt.NDArray[Any]], key: str, names: npt.NDArray[np.str_]
) -> Part:
    rows = arrays[f"{key}:rows"]
    if rows.ndim != 2 or rows.dtype not in (np.float32, np.float64) or not rows.size:
        raise ValueError(f"{key} must be float32 or float64 [N, d]")
    if not np.isfinite(rows).all():
        raise ValueError(f"{key} must be finite")
    codes = arrays.get(f"{key}:labels")
    if codes is None:
        return Part(rows, None)
    if codes.shape != rows.shape[:1] or codes.dtype.kind != "i" or codes.min() < 0:
        raise ValueError(f"{key} must have a label for each row")
    return Part(rows, names[codes])


def _kind(part: Part) -> tuple[Any, ...]:
    return part.rows.shape[1], part.rows.dtype, part.labels is None


def _labels(parts: Any) -> npt.NDArray[np.str_]:
    """All labels, sorted."""
    known = [np.unique(part.labels) for part in parts if part.labels is not None]
    return np.unique(np.concatenate(known)) if known else np.array([], str)
