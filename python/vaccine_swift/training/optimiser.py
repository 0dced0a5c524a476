"""AdamW over a model's adapter, with moments that go to a file and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from safetensors import SafetensorError, safe_open

from vaccine_swift._arguments import check_range
from vaccine_swift.files import write_tensors
from vaccine_swift.files.strict_json import parse_json

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
        self._model = model.core
        self._max_grad_norm = args.max_grad_norm
        self.learning_rate = 0.0
        self._adamw = model.engine.adamw(
            beta1=args.adam_beta1,
            beta2=args.adam_beta2,
            epsilon=args.adam_epsilon,
            weight_decay=args.weight_decay,
        )

    @property
    def step_count(self) -> int:
        """Updates done."""
        return self._adamw.step_count

    def step(self) -> float:
        """Clip the gradients, update the adapter; the global norm before clipping.

        The step has the size that `learning_rate` says, which callbacks may set.

        Raises
        ------
        ValueError
            When a gradient is not finite; no weight has changed.
        """
        check_range("learning_rate", self.learning_rate, minimum=0.0)
        self.learning_rate = float(self.learning_rate)
        return self._adamw.step(self._model, self.learning_rate, self._max_grad_norm)

    def save(self, path: Path) -> None:
        """Write moments (torch's names) and the count of updates as safetensors."""
        tensors = {
            key: np.asarray(self._adamw.read(moment, name)).reshape(shape)
            for moment, name, shape, key in self._moments()
        }
        write_tensors(path, tensors, self._counts())

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            When the file is damaged or belongs to another adapter.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                step_count = int(metadata["step"])
                skipped = _skipped(metadata)
                keys = file.keys()
                tensors = {key: file.get_tensor(key) for key in keys}
            shapes = {key: tuple(shape) for *_, shape, key in self._moments()}
            if {key: value.shape for key, value in tensors.items()} != shapes:
                raise ValueError("the moments are those of another adapter")
            for moment, name, _, key in self._moments():
                self._adamw.write(moment, name, tensors[key])
            self._adamw.step_count = step_count
            for name, count in skipped.items():
                self._adamw.set_skipped(name, count)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no optimiser state: {error}") from error

    def _counts(self) -> dict[str, str]:
        counts = {"step": str(self.step_count)}
        names = (name for name, _ in self._model.tensors("adapter"))
        skipped = {name: self._adamw.skipped(name) for name in names}
        if any(skipped.values()):
            counts["skipped"] = json.dumps(skipped)
        return counts

    def _moments(
        self,
    ) -> Iterator[tuple[Literal["first", "second"], str, tuple[int, ...], str]]:
        for moment, prefix in _MOMENTS:
            for name, shape in self._model.tensors("adapter"):
                yield moment, name, tuple(shape), f"{prefix}.{name}"


def _skipped(metadata: Mapping[str, str]) -> dict[str, int]:
    """For each factor that was ever frozen, during how many steps."""
    counts = parse_json(metadata.get("skipped", "{}"))
    if not isinstance(counts, dict):
        raise ValueError("skipped must be an object")
    return counts
