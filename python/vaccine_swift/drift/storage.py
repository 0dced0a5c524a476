"""Accumulators in files."""

from __future__ import annotations

import os
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.drift.archive import read_state, write_archive
from vaccine_swift.drift.state import State
from vaccine_swift.drift.stored import check_content

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
        "settings": {name: getattr(state, name) for name in _SETTINGS},
        "ids": state.ids,
        "metadata": metadata,
    }
    write_archive(path, _FORMAT, header, arrays)


def load_state(path: str | os.PathLike[str]) -> tuple[State, dict[str, Any]]:
    """State and metadata that `save` wrote; errors are those of `read_state`."""
    return read_state(path, _FORMAT, "accumulator file", _state)


def _state(header: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> State:
    check_content(header, arrays)
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
    return state


def _named(arrays: dict[str, npt.NDArray[Any]], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): values
        for name, values in arrays.items()
        if name.startswith(prefix)
    }
