"""AdamW over an adapter in torch's memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import torch

from vaccine_swift._arguments import check_range
from vaccine_swift.engines.torch.checks import check_float32, check_within

if TYPE_CHECKING:
    from vaccine_swift.engines.torch.model import TorchModel

__all__ = ["AdamW"]

_LAST_STEP: Final = 2**53


class AdamW:
    """As ``_core.AdamW``: the same order of operations, in float32.

    ::

        m ← β₁ m + (1 - β₁) g,   v ← β₂ v + (1 - β₂) g²
        w ← w - η λ w - η · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)

    Parameters
    ----------
    model : TorchModel
        With an adapter.
    beta1, beta2 : float
        In [0, 1).
    epsilon : float
        Above 0.
    weight_decay : float
        At least 0.
    """

    def __init__(
        self,
        model: TorchModel,
        beta1: float,
        beta2: float,
        epsilon: float,
        weight_decay: float,
    ) -> None:
        for name, beta in (("beta1", beta1), ("beta2", beta2)):
            check_range(name, float(np.float32(beta)), minimum=0.0, below=1.0)
        check_float32("epsilon", epsilon, positive=True)
        check_range("weight_decay", weight_decay, minimum=0.0)
        self._betas = beta1, beta2
        self._epsilon = epsilon
        self._decay = weight_decay
        factors = model.factors("adapter")
        self._moments: dict[str, dict[str, torch.Tensor]] = {
            moment: {name: torch.zeros_like(each) for name, each in factors.items()}
            for moment in ("first", "second")
        }
        self._skipped = dict.fromkeys(factors, 0)
        self._count = 0

    @property
    def step_count(self) -> int:
        """Updates taken; setting it lets the bias correction go on from there."""
        return self._count

    @step_count.setter
    def step_count(self, count: int) -> None:
        check_within("step_count", count, _LAST_STEP)
        self._count = count
        self._skipped = {name: min(each, count) for name, each in self._skipped.items()}

    def step(
        self, model: TorchModel, learning_rate: float, max_gradient_norm: float
    ) -> float:
        """Clip by the global norm and update; the norm before clipping.

        Raises
        ------
        ValueError
            For a gradient that is not finite, or a number out of range; nothing has
            changed.
        RuntimeError
            When the adapter is not the one that this was made for.
        """
        check_range("learning_rate", learning_rate, minimum=0.0, maximum=1e6)
        check_range("max_gradient_norm", max_gradient_norm, minimum=0.0)
        if learning_rate * self._decay > 1:
            raise ValueError(
                f"learning_rate · weight_decay must be at most 1, got "
                f"{learning_rate} · {self._decay}"
            )
        factors, gradients = model.factors("adapter"), model.factors("gradient")
        held = {name: each.shape for name, each in self._moments["first"].items()}
        if {name: each.shape for name, each in factors.items()} != held:
            raise RuntimeError(
                "the model's adapter is not the one this optimiser was made for"
            )
        if self._count >= _LAST_STEP:
            raise RuntimeError(
                f"the optimiser has taken its last step, number {self._count}"
            )
        norm = model.gradient_norm()
        clip = 1.0
        if max_gradient_norm > 0:
            clip = min(1.0, max_gradient_norm / (norm + 1e-6))
        self._count += 1
        for name, factor in factors.items():
            if name in model.frozen:
                self._skipped[name] += 1
            else:
                self._update(name, factor, gradients[name] * clip, learning_rate)
        return norm

    def skipped(self, name: str) -> int:
        """Updates during which a factor was frozen."""
        return self._skipped[self._known(name)]

    def set_skipped(self, name: str, count: int) -> None:
        """Set that number, at most `step_count`."""
        check_within("count", count, self._count)
        self._skipped[self._known(name)] = count

    def read(
        self, moment: Literal["first", "second"], name: str
    ) -> npt.NDArray[np.float32]:
        """A copy of a moment."""
        result: npt.NDArray[np.float32] = (
            self._moments[moment][self._known(name)].cpu().numpy().copy()
        )
        return result

    def write(
        self, moment: Literal["first", "second"], name: str, values: npt.NDArray[Any]
    ) -> None:
        """Replace a moment.

        Raises
        ------
        ValueError
            When it has another shape, is not finite or, the second, negative.
        """
        target = self._moments[moment][self._known(name)]
        array = np.asarray(values, np.float32)
        if array.shape != tuple(target.shape):
            raise ValueError(
                f"{name}: the shape must be {tuple(target.shape)}, got {array.shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: an element is not finite")
        if moment == "second" and (array < 0).any():
            raise ValueError(f"{name}: an element of the second moment is negative")
        target.copy_(torch.tensor(array))

    def _update(
        self,
        name: str,
        factor: torch.Tensor,
        slope: torch.Tensor,
        learning_rate: float,
    ) -> None:
        beta1, beta2 = self._betas
        first, second = self._moments["first"][name], self._moments["second"][name]
        step = self._count - self._skipped[name]
        first.mul_(beta1).add_(slope, alpha=1 - beta1)
        second.mul_(beta2).addcmul_(slope, slope, value=1 - beta2)
        root = second.sqrt().div_(math.sqrt(1 - beta2**step)).add_(self._epsilon)
        factor.mul_(1 - learning_rate * self._decay)
        factor.addcdiv_(first, root, value=-learning_rate / (1 - beta1**step))

    def _known(self, name: str) -> str:
        if name not in self._skipped:
            raise ValueError(f"name: the optimiser has no moment of '{name}'")
        return name
