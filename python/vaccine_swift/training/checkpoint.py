"""Checkpoints: directories that are whole or not there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from vaccine_swift.files import new_directory, write_json
from vaccine_swift.files.checksums import CHECKSUMS, verify_checksums, write_checksums
from vaccine_swift.files.strict_json import parse_json
from vaccine_swift.training.position import Position
from vaccine_swift.training.state import TrainerState

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM
    from vaccine_swift.training.arguments import TrainingArguments
    from vaccine_swift.training.optimiser import Optimiser
    from vaccine_swift.training.streams import MethodState

__all__ = [
    "STATE_FILE",
    "Checkpoint",
    "run_id",
    "write_checkpoint",
]

STATE_FILE: Final = "trainer_state.json"
_ADAPTER: Final = "adapter_model.safetensors"
_OPTIMISER: Final = "optimizer.safetensors"
_ARGUMENTS: Final = "training_args.json"
_POSITION: Final = "position.json"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint read into memory, moments excepted.

    `run` is the same in all checkpoints of a run; `identity` is what may not change in
    it, `arguments` all its settings.
    """

    path: Path
    state: TrainerState
    position: Position
    run: str
    identity: Mapping[str, Any]
    arguments: Mapping[str, Any]
    adapter: Mapping[str, npt.NDArray[np.float32]]

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read and check a checkpoint's files.

        Raises
        ------
        FileNotFoundError
            When the directory or one of its files is not there.
        ValueError
            When a file is damaged, be it by a bit; names it.
        """
        for name in (STATE_FILE, _POSITION, _ARGUMENTS, _ADAPTER, _OPTIMISER):
            if not (path / name).is_file():
                raise FileNotFoundError(f"{path} is no whole checkpoint: no {name}")
        is_summed = verify_checksums(path)
        try:
            position = Position.from_dict(_read_json(path / _POSITION))
            content = _read_json(path / _ARGUMENTS)
            run, identity = _id_of(content), dict(content["run"])
            arguments = dict(content["arguments"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        if "id" in content and not is_summed:
            raise ValueError(f"{path} is damaged: no {CHECKSUMS}")
        state = TrainerState.load_from_json(path / STATE_FILE)
        adapter = _read_adapter(path / _ADAPTER)
        return cls(path, state, position, run, identity, arguments, adapter)

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
            model.core.write("adapter", name, value)


def write_checkpoint(
    directory: Path,
    *,
    model: CausalLM,
    optimiser: Optimiser,
    state: TrainerState,
    position: Position,
    method_state: MethodState,
    args: TrainingArguments,
    run: str,
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
        method_state.save(beside)
        state.save_to_json(beside / STATE_FILE)
        settings = {"id": run, "arguments": args.to_dict(), "run": identity}
        write_json(beside / _ARGUMENTS, settings)
        write_json(beside / _POSITION, position.to_dict())
        write_checksums(beside)


def run_id(path: Path) -> str | None:
    """Which run wrote a checkpoint; None where that cannot be read.

    Checkpoints that name no run are of one run where their settings are the same.
    """
    try:
        content = _read_json(path / _ARGUMENTS)
        return _id_of(content)
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _id_of(content: Mapping[str, Any]) -> str:
    if "id" in content:
        return str(content["id"])
    text = json.dumps(content["run"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _check_adapter(
    model: CausalLM, path: Path, adapter: Mapping[str, npt.NDArray[np.float32]]
) -> None:
    here = {name: tuple(shape) for name, shape in model.core.tensors("adapter")}
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
        values = parse_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path.name} must hold an object")
    return values
