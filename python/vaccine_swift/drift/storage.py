"""Accumulators in files: a numpy archive with a checked header."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.drift.state import State
from vaccine_swift.drift.stored import check_content
from vaccine_swift.files import new_file
from vaccine_swift.files.numpy_files import read_npz
from vaccine_swift.files.strict_json import parse_json

__all__ = ["load_state", "save"]

_FORMAT: Final = "vaccine_swift.drift.accumulator/2"
_SETTINGS: Final = (
    "width",
    "layers",
    "tier",
    "seed",
    "directions",
    "sketch",
    "folds",
    "rows",
)


def save(path: str | os.PathLike[str], state: State, metadata: dict[str, Any]) -> None:
    """Write beside the target, then rename."""
    shape = (0, state.layers)
    arrays: dict[str, npt.NDArray[Any]] = {
        "keys": state.all_keys,
        "table": np.concatenate([np.zeros((*shape, state.sums)), *state.table]),
        "sketches": np.concatenate(
            [np.zeros((*shape, 2, state.directions), np.float32), *state.sketches]
        ),
        "booster": state.booster,
        "vector": state.vector,
        "paired": state.paired,
    }
    arrays |= {f"group:{name}": mask for name, mask in state.groups.items()}
    arrays |= {f"energy:{name}": rows for name, rows in state.energy.items()}
    header = {
        "format": _FORMAT,
        "settings": {name: getattr(state, name) for name in _SETTINGS},
        "ids": state.ids,
        "metadata": metadata,
    }
    header["checksum"] = _checksum(arrays, header)
    text = json.dumps(header, default=str).encode()
    arrays["header"] = np.frombuffer(text, np.uint8)
    with new_file(path) as beside, beside.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # names are not options


def load_state(path: str | os.PathLike[str]) -> tuple[State, dict[str, Any]]:
    """The state and metadata that `save` wrote.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When it is truncated, changed, of another version, or something else.
    MemoryError
        When there is less memory than it needs.
    """
    arrays = _arrays(path)
    try:
        header = parse_json(arrays.pop("header").tobytes().decode())
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} is no accumulator file: {error}") from error
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        found = header.get("format") if isinstance(header, dict) else None
        raise ValueError(f"{path} must be of format {_FORMAT!r}, got {found!r}")
    if header.pop("checksum", None) != _checksum(arrays, header):
        raise ValueError(f"{path} was changed or damaged: its checksum differs")
    try:
        check_content(header, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    settings = {name: header["settings"][name] for name in _SETTINGS}
    rows = settings.pop("rows")
    state = State(**settings)
    state.rows, state.ids = rows, header["ids"]
    state.keys, state.table = [arrays["keys"]], [arrays["table"]]
    state.sketches = [arrays["sketches"]]
    state.booster, state.vector = arrays["booster"], arrays["vector"]
    state.paired = arrays["paired"]
    state.groups = _named(arrays, "group:")
    state.energy = _named(arrays, "energy:")
    state.remember()
    return state, header["metadata"]


def _arrays(path: str | os.PathLike[str]) -> dict[str, npt.NDArray[Any]]:
    try:
        members = read_npz(path, packed=False)
    except ValueError as error:
        raise ValueError(
            f"{path} is no accumulator file, or truncated: {error}"
        ) from error
    arrays = {}
    for name, array in members.items():
        if array is None:
            raise ValueError(f"{path} is damaged: {name!r} holds Python objects")
        arrays[name] = array
    return arrays


def _named(arrays: dict[str, npt.NDArray[Any]], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): values
        for name, values in arrays.items()
        if name.startswith(prefix)
    }


def _checksum(arrays: dict[str, npt.NDArray[Any]], header: dict[str, Any]) -> str:
    """Of the arrays and of what the header says about them."""
    digest = hashlib.sha256(json.dumps(header, default=str).encode())
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}{values.dtype.str}{values.shape}".encode())
        digest.update(values.data if values.size else b"")
    return digest.hexdigest()
