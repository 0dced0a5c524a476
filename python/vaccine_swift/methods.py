"""How a training step forms its gradient: SFT, Vaccine, random perturbation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range, float32_array

__all__ = ["SFT", "Method", "RandomPerturbation", "Vaccine", "perturbation"]

# Beyond them rho / 1e-7, and noise of this variance, are no float32 numbers.
_LARGEST_RHO: Final = 1e31
_LARGEST_VARIANCE: Final = 1e70


@dataclass(frozen=True, slots=True)
class SFT:
    """Supervised fine-tuning: the gradient of the mean cross-entropy, nothing else."""

    kind: ClassVar[Literal["sft"]] = "sft"
    perturbs: ClassVar[bool] = False

    @property
    def magnitude(self) -> float:
        """0: nothing is perturbed."""
        return 0.0

    def at_step(self, step: int) -> Method:
        """The method of optimiser step `step`, counted from 0: always this one."""
        return self


@dataclass(frozen=True, slots=True)
class Vaccine:
    """Perturbation-aware alignment: learn under the worst small embedding drift.

    A first pass gives g_l, the gradient of the loss with respect to the attention
    output of layer l. The step's gradient is that of a second pass, with every
    attention output moved by ::

        ε_l = g_l · rho / (‖(g_1 … g_L)‖₂ + 1e-7)

    Parameters
    ----------
    rho : float
        Total L2 norm of the perturbation over all layers, tokens and channels of one
        micro-batch; 0 to 1e31. With gradient accumulation every micro-batch gets a
        perturbation of norm `rho` of its own, as in the authors' code.
    every : int
        Perturb every `every`-th optimiser step, starting with step 0; plain SFT steps
        between (App. A of the paper). At least 1.

    Raises
    ------
    TypeError, ValueError
        When a parameter is not of its type or range.

    References
    ----------
    Huang, Hu, Liu: Vaccine: Perturbation-aware Alignment for Large Language Models
    against Harmful Fine-tuning Attack. NeurIPS 2024, arXiv:2402.01109, Algorithm 1.

    Examples
    --------
    >>> Vaccine(rho=2.0, every=2).at_step(3)
    SFT()
    """

    rho: float = 2.0
    every: int = 1

    kind: ClassVar[Literal["vaccine"]] = "vaccine"
    perturbs: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_range("rho", self.rho, minimum=0.0)
        check_range("rho", self.rho, maximum=_LARGEST_RHO)
        check_range("every", self.every, minimum=1, integer=True)
        object.__setattr__(self, "rho", float(self.rho))
        object.__setattr__(self, "every", int(self.every))

    @property
    def magnitude(self) -> float:
        """`rho`."""
        return self.rho

    def at_step(self, step: int) -> Method:
        """The method of optimiser step `step`, counted from 0."""
        return self if step % self.every == 0 else SFT()


@dataclass(frozen=True, slots=True)
class RandomPerturbation:
    """The authors' ablation: Gaussian noise on the attention outputs, one pass.

    Parameters
    ----------
    variance : float
        Variance of the noise that every element gets on which a target depends,
        N(0, `variance`); 0 to 1e70.

    Raises
    ------
    TypeError, ValueError
        When `variance` is not of its type or range.
    """

    variance: float

    kind: ClassVar[Literal["random"]] = "random"
    perturbs: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_range("variance", self.variance, minimum=0.0)
        check_range("variance", self.variance, maximum=_LARGEST_VARIANCE)
        object.__setattr__(self, "variance", float(self.variance))

    @property
    def magnitude(self) -> float:
        """`variance`."""
        return self.variance

    def at_step(self, step: int) -> Method:
        """The method of optimiser step `step`, counted from 0: always this one."""
        return self


Method: TypeAlias = SFT | Vaccine | RandomPerturbation


def perturbation(
    gradients: Sequence[npt.ArrayLike], rho: float
) -> list[npt.NDArray[np.float32]]:
    """Vaccine's rule alone, for a training loop of one's own.

    ::

        ε_l = g_l · rho / (‖(g_1 … g_L)‖₂ + 1e-7)

    Parameters
    ----------
    gradients : sequence of array_like, L arrays of any shapes
        g_l, the gradient of the loss with respect to the output of layer l. At least
        one; taken as float32.
    rho : float
        Total L2 norm of the result, 0 to 1e31.

    Returns
    -------
    list of ndarray
        ε_l, float32, in the shapes of `gradients`. All zero where the gradients are.

    Raises
    ------
    TypeError
        When an array does not hold real numbers.
    ValueError
        When there is no gradient, one is not finite or beyond what float32 holds, or
        `rho` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> perturbation([np.array([3.0]), np.array([[4.0]])], rho=5.0)
    [array([3.], dtype=float32), array([[4.]], dtype=float32)]
    """
    from vaccine_swift import _core

    check_range("rho", rho, minimum=0.0)
    check_range("rho", rho, maximum=_LARGEST_RHO)
    arrays = [
        float32_array(f"gradients[{index}]", gradient)
        for index, gradient in enumerate(gradients)
    ]
    if not arrays:
        raise ValueError("gradients must hold at least one array, got none")
    outputs = _core.perturbation([array.reshape(-1) for array in arrays], float(rho))
    return [
        np.asarray(output).reshape(array.shape)
        for output, array in zip(outputs, arrays, strict=True)
    ]
