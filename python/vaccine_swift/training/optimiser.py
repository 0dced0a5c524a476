"""AdamW over a model's adapter, with moments that go to a file and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from safetensors import SafetensorError, safe_open

from vaccine_swift import _core
from vaccine_swift.files import write_tensors

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM
    from vaccine_swift.training.arguments import TrainingArguments

__all__ = ["Optimiser"]

_MOMENTS: Final[tuple[tuple[Literal["first", "second"], str], ...]] = (
    ("first", "exp_avg"),
    ("second", "exp_avg_sq"),
)


class Optimiser:
    """AdamW with decoupled weight decay on every adapter matrix.

    Parameters
    ----------
    model : CausalLM
        Has an adapter.
    args : TrainingArguments
        Gives the decay rates, epsilon, the weight decay and the clipping norm.

    References
    ----------
    Loshchilov, Hutter: Decoupled Weight Decay Regularization. arXiv:1711.05101,
    Algorithm 2.
    """

    def __init__(self, model: CausalLM, args: TrainingArguments) -> None:
        self._model = model._model
        self._max_grad_norm = args.max_grad_norm
        self._adamw = _core.AdamW(
            self._model,
            args.adam_beta1,
            args.adam_beta2,
            args.adam_epsilon,
            args.weight_decay,
        )

    @property
    def step_count(self) -> int:
        """Updates done."""
        return self._adamw.step_count

    def step(self, learning_rate: float) -> float:
        """Clip the gradients, update the adapter; the global norm before clipping.

        Raises
        ------
        ValueError
            When a gradient is not finite; no weight has changed.
        """
        return self._adamw.step(self._model, learning_rate, self._max_grad_norm)

    def save(self, path: Path) -> None:
        """Write moments (torch's names) and the count of updates as safetensors."""
        tensors = {
            key: np.asarray(self._adamw.read(moment, name)).reshape(shape)
            for moment, name, shape, key in self._moments()
        }
        write_tensors(path, tensors, {"step": str(self.step_count)})

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            When the file is damaged or belongs to another adapter.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                step_count = int((file.metadata() or {})["step"])
                keys = file.keys()
                tensors = {key: file.get_tensor(key) for key in keys}
            shapes = {key: tuple(shape) for *_, shape, key in self._moments()}
            if {key: value.shape for key, value in tensors.items()} != shapes:
                raise ValueError("the moments are those of another adapter")
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"{path} holds no optimiser state: {error}") from error
        for moment, name, _, key in self._moments():
            self._adamw.write(moment, name, tensors[key])
        self._adamw.step_count = step_count

    def _moments(
        self,
    ) -> Iterator[tuple[Literal["first", "second"], str, tuple[int, ...], str]]:
        for moment, prefix in _MOMENTS:
            for name, shape in self._model.tensors("adapter"):
                yield moment, name, tuple(shape), f"{prefix}.{name}"
