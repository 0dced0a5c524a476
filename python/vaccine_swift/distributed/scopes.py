"""Over what a worst perturbation has its norm: the whole batch, or each rank's rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from vaccine_swift._arguments import check_range
from vaccine_swift.engines.perturbations import LARGEST_RHO, Scaled, Worst

if TYPE_CHECKING:
    from vaccine_swift.engines.base import AttentionGradients

__all__ = ["RHO_SCOPES", "RhoScope", "check_rho_scope", "scaled_share"]

RhoScope = Literal["batch", "rank"]
RHO_SCOPES: Final = ("batch", "rank")


def check_rho_scope(value: object) -> None:
    """Refuse what is neither "batch" nor "rank".

    Raises
    ------
    ValueError
    """
    if value not in RHO_SCOPES:
        raise ValueError(
            f"rho_scope must be one of {', '.join(RHO_SCOPES)}, got {value!r}"
        )


def scaled_share(
    worst: Worst, gradients: AttentionGradients, share: float
) -> tuple[Scaled, float]:
    """The rank's part of the worst perturbation of all, and the norm it is scaled by.

    A rank holds the gradients of the mean over its own rows, which `share` makes those
    of the mean over all.
    """
    check_range("rho", worst.rho, minimum=0.0)
    check_range("rho", worst.rho, maximum=LARGEST_RHO)
    squares = gradients.squared_norms
    if worst.layers is not None and worst.norm == "chosen":
        squares = squares[np.isin(np.arange(squares.size), worst.layers)]
    norm = math.sqrt(float(squares.sum()))
    return Scaled(share * worst.rho / (norm + 1e-7), worst.layers), norm
