"""What the parts of `CausalLM` share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vaccine_swift.batches import Batch

if TYPE_CHECKING:
    from vaccine_swift._core import Model
    from vaccine_swift.engines.torch import TorchModel
    from vaccine_swift.lora import LoRAConfig
    from vaccine_swift.text.tokenizer import Tokenizer

__all__ = ["ModelBase", "TokenIds", "check_batch", "token_ids"]

TensorKind: TypeAlias = Literal["weight", "adapter", "gradient"]
TokenIds: TypeAlias = Sequence[int] | npt.NDArray[np.integer]


class ModelBase:
    """The state of a `CausalLM`: the engine's model and what describes it."""

    _model: Model | TorchModel
    _config: dict[str, Any]
    _generation_config: dict[str, Any]
    _tokenizer: Tokenizer | None
    _name: str | None
    _adapter: LoRAConfig | None
    _frozen: tuple[LoRAConfig, ...]
    _stream: int
    _is_frozen_by_method: bool = False

    @property
    def core(self) -> Model | TorchModel:
        """The engine's model, for the other parts of this package.

        It is no part of the public interface.
        """
        return self._model

    def _shapes(self, kind: TensorKind) -> dict[str, tuple[int, ...]]:
        return {name: tuple(shape) for name, shape in self._model.tensors(kind)}

    def _read(self, kind: TensorKind, name: str) -> npt.NDArray[np.float32]:
        return np.asarray(self._model.read(kind, name))

    def _adapter_tensors(
        self, kind: Literal["adapter", "gradient"]
    ) -> dict[str, npt.NDArray[np.float32]]:
        self._require_adapter()
        return {name: self._read(kind, name) for name in self._shapes(kind)}

    def _require_adapter(self) -> LoRAConfig:
        if self._adapter is None:
            raise RuntimeError(
                "the model has no adapter; call add_adapter or load_adapter first"
            )
        return self._adapter


def token_ids(name: str, values: TokenIds) -> npt.NDArray[np.integer]:
    """One sequence of token ids as an integer array [T], not empty."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one token, got none")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, got {array.dtype}")
    return array


def check_batch(batch: object) -> None:
    """Raise TypeError for anything but a `Batch`."""
    if not isinstance(batch, Batch):
        raise TypeError(
            f"batch must be a Batch (see Batch.pack), got {type(batch).__name__}"
        )
