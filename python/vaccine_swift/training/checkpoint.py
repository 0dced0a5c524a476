"""Checkpoints: directories that are whole or not there."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from vaccine_swift.files import new_directory, remove_directory, write_json
from vaccine_swift.training.position import Position
from vaccine_swift.training.state import TrainerState

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM
    from vaccine_swift.training.arguments import TrainingArguments
    from vaccine_swift.training.optimiser import Optimiser

__all__ = [
    "STATE_FILE",
    "Checkpoint",
    "checkpoints",
    "find_checkpoint",
    "remove_oldest",
    "write_checkpoint",
]

STATE_FILE: Final = "trainer_state.json"
_ADAPTER: Final = "adapter_model.safetensors"
_OPTIMISER: Final = "optimizer.safetensors"
_ARGUMENTS: Final = "training_args.json"
_POSITION: Final = "position.json"
_NAME: Final = re.compile(r"checkpoint-([0-9]+)")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint read into memory, moments excepted."""

    path: Path
    state: TrainerState
    position: Position
    identity: Mapping[str, Any]
    adapter: Mapping[str, npt.NDArray[np.float32]]

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read and check a checkpoint's files.

        Raises
        ------
        FileNotFoundError
            When the directory or one of its files is not there.
        ValueError
            When a file is damaged; names it.
        """
        for name in (STATE_FILE, _POSITION, _ARGUMENTS, _ADAPTER, _OPTIMISER):
            if not (path / name).is_file():
                raise FileNotFoundError(f"{path} is no whole checkpoint: no {name}")
        try:
            position = Position.from_dict(_read_json(path / _POSITION))
            run = _read_json(path / _ARGUMENTS)["run"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        state = TrainerState.load_from_json(path / STATE_FILE)
        return cls(path, state, position, run, _read_adapter(path / _ADAPTER))

    def restore(self, model: CausalLM, optimiser: Optimiser) -> None:
        """Write the adapter and the moments, after checking that both fit.

        Raises
        ------
        ValueError
            When the checkpoint belongs to another adapter or is damaged.
        """
        _check_adapter(model, self.path, self.adapter)
        optimiser.load(self.path / _OPTIMISER)
        self.restore_adapter(model)

    def restore_adapter(self, model: CausalLM) -> None:
        """Write the adapter alone.

        Raises
        ------
        ValueError
            When the model's adapter has other matrices; names the first.
        """
        _check_adapter(model, self.path, self.adapter)
        for name, value in self.adapter.items():
            model._model.write("adapter", name, value)


def write_checkpoint(
    directory: Path,
    *,
    model: CausalLM,
    optimiser: Optimiser,
    state: TrainerState,
    position: Position,
    args: TrainingArguments,
    identity: Mapping[str, Any],
) -> None:
    """Write a checkpoint that appears at `directory` whole or not at all.

    Raises
    ------
    OSError
        When the disk refuses; names `directory`.
    """
    with new_directory(directory) as beside:
        model.save_adapter(beside)
        optimiser.save(beside / _OPTIMISER)
        state.save_to_json(beside / STATE_FILE)
        settings = {"arguments": args.to_dict(), "run": identity}
        write_json(beside / _ARGUMENTS, settings)
        write_json(beside / _POSITION, position.to_dict())


def checkpoints(output_dir: Path) -> list[Path]:
    """The checkpoint directories of a run, by step."""
    found = [
        (int(match[1]), entry)
        for entry in output_dir.iterdir()
        if (match := _NAME.fullmatch(entry.name)) and entry.is_dir()
    ]
    return [entry for _, entry in sorted(found)]


def find_checkpoint(output_dir: Path) -> Checkpoint:
    """The last whole checkpoint; damaged ones are passed over with a warning.

    Raises
    ------
    ValueError
        When there is none.
    """
    for path in reversed(checkpoints(output_dir)):
        try:
            return Checkpoint.read(path)
        except (OSError, ValueError) as error:
            warnings.warn(f"passed over: {error}", stacklevel=3)
    raise ValueError(f"resume_from_checkpoint: no whole checkpoint in {output_dir}")


def remove_oldest(output_dir: Path, limit: int, keep: set[Path]) -> None:
    """Delete the oldest checkpoints beyond `limit`, but none of `keep`."""
    found = checkpoints(output_dir)
    removable = [path for path in found if path not in keep]
    for path in removable[: max(0, len(found) - limit)]:
        remove_directory(path)


def _check_adapter(
    model: CausalLM, path: Path, adapter: Mapping[str, npt.NDArray[np.float32]]
) -> None:
    here = {name: tuple(shape) for name, shape in model._model.tensors("adapter")}
    there = {name: value.shape for name, value in adapter.items()}
    for name in sorted(set(here) | set(there)):
        if here.get(name) != there.get(name):
            raise ValueError(
                f"{path} holds another adapter than the model's: {name} has shape "
                f"{there.get(name)} there and {here.get(name)} here"
            )


def _read_adapter(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    try:
        adapter = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    for name, value in adapter.items():
        if value.dtype != np.float32 or not np.isfinite(value).all():
            raise ValueError(f"{path} is damaged: {name} must be finite float32")
    return adapter


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path.name} must hold an object")
    return values
