"""What is added to the attention outputs, and the bare rule of Vaccine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_range, float32_array
from vaccine_swift._short_repr import short_repr

__all__ = ["Gaussian", "Given", "Perturbation", "Scaled", "Worst", "perturbation"]
__all__ += ["LARGEST_RHO", "LARGEST_VARIANCE", "NORM_EPSILON"]

NORM_EPSILON: Final = 1e-7
"""Added to the norm that Vaccine divides by."""

# Beyond them rho / 1e-7, and noise of this variance, are no float32 numbers.
LARGEST_RHO: Final = 1e31
LARGEST_VARIANCE: Final = 1e70


@dataclass(frozen=True, slots=True)
class Worst:
    """The push that raises the loss most, to first order: a pass of its own finds it.

    ::

        ε_l = g_l · rho / (‖(g_1 … g_L)‖₂ + 1e-7)

    Parameters
    ----------
    rho : float
        Total L2 norm over all layers, tokens and channels; 0 to 1e31.
    layers : sequence of int, optional
        The layers that are moved, from 0, rising; all if left out.
    norm : {"chosen", "all"}
        The layers whose gradients the norm is taken of: those of `layers`, so that
        the whole perturbation has norm `rho`, or all of the model, so that the chosen
        layers are moved as they would be among all.
    """

    rho: float
    layers: Sequence[int] | None = None
    norm: Literal["chosen", "all"] = "chosen"

    def arguments(self) -> dict[str, Any]:
        """What the core is told."""
        return {
            "perturbation": "worst",
            "rho": self.rho,
            "norm": self.norm,
            "layers": _layers(self.layers),
        }


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Independent noise N(0, `variance`) on every element.

    Parameters
    ----------
    variance : float
        0 to 1e70.
    layers : sequence of int, optional
        The layers that are moved, from 0, rising; all if left out.
    """

    variance: float
    layers: Sequence[int] | None = None

    def arguments(self) -> dict[str, Any]:
        """What the core is told."""
        return {
            "perturbation": "gaussian",
            "variance": self.variance,
            "layers": _layers(self.layers),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A perturbation of one's own.

    Parameters
    ----------
    values : ndarray, float32 [L, T, C]
        For every layer and token of the batch; finite. Those of tokens on which no
        target depends have no effect.
    """

    values: npt.NDArray[np.float32]

    __repr__ = short_repr

    def arguments(self) -> dict[str, Any]:
        """What the core is told."""
        return {"perturbation": "given", "values": self.values}


@dataclass(frozen=True, slots=True)
class Scaled:
    """The gradients that the engine kept of its last pass, over the same batch.

    ::

        ε_l = factor · g_l

    It is `Worst` in two verbs, `Engine.attention_gradients` and then this, for those
    who form the factor themselves.

    Parameters
    ----------
    factor : float
        At least 0.
    layers : sequence of int, optional
        The layers that are moved, from 0, rising; all if left out.
    """

    factor: float
    layers: Sequence[int] | None = None

    def arguments(self) -> dict[str, Any]:
        """What the core is told."""
        return {
            "perturbation": "scaled",
            "factor": self.factor,
            "layers": _layers(self.layers),
        }


Perturbation: TypeAlias = Worst | Gaussian | Given | Scaled


def _layers(layers: Sequence[int] | None) -> npt.NDArray[np.int64] | None:
    return None if layers is None else np.asarray(layers, np.int64)


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
    check_range("rho", rho, maximum=LARGEST_RHO)
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
