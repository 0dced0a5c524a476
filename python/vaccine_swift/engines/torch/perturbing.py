"""What is added to the attention outputs, and its norms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vaccine_swift.engines.perturbations import NORM_EPSILON
from vaccine_swift.engines.torch.batch import PaddedBatch
from vaccine_swift.engines.torch.checks import check_float32
from vaccine_swift.engines.torch.dropout import generator

__all__ = ["chosen_layers", "given_values", "layer_norms", "noise", "scale_to_rho"]


def noise(
    batch: PaddedBatch,
    variance: float,
    chosen: Sequence[int],
    key: tuple[int, ...],
    *,
    layers: int,
    width: int,
) -> list[torch.Tensor]:
    """Normal numbers at the real tokens of the chosen layers, 0 elsewhere.

    Raises
    ------
    ValueError
        When `variance` is negative or not finite.
    """
    if not (variance >= 0 and math.isfinite(variance)):
        raise ValueError(f"variance must be finite and at least 0, got {variance}")
    check_float32("√variance", math.sqrt(variance))
    shape, device = (*batch.ids.shape, width), batch.ids.device
    real = batch.mask[..., None].float() * math.sqrt(variance)
    result = []
    for layer in range(layers):
        if layer not in chosen:
            result.append(torch.zeros(shape, device=device))
            continue
        numbers = generator(device, *key, layer)
        result.append(torch.randn(shape, generator=numbers, device=device) * real)
    return result


def given_values(
    batch: PaddedBatch, values: npt.NDArray[Any] | None, *, layers: int, width: int
) -> list[torch.Tensor]:
    """A caller's numbers [L, T, C] at the tokens that are computed.

    Raises
    ------
    ValueError
        When they are of another shape, or one is not finite.
    """
    size = (layers, batch.count, width)
    array = np.asarray(values, np.float32)
    if array.shape != size:
        raise ValueError(f"values must be {list(size)}, got {list(array.shape)}")
    if not np.isfinite(array).all():
        layer, token, channel = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(
            f"values: the element of layer {layer}, token {token} and channel "
            f"{channel} is not finite"
        )
    like = torch.empty(0, device=batch.ids.device)
    return [
        batch.spread(torch.from_numpy(array[layer][batch.given]), like)
        for layer in range(layers)
    ]


def chosen_layers(layers: npt.NDArray[Any] | None, count: int) -> list[int]:
    """The layers that are moved; all where none are named.

    Raises
    ------
    ValueError
        When they do not rise strictly within the model's.
    """
    if layers is None:
        return list(range(count))
    chosen = [int(layer) for layer in layers]
    rising = all(a < b for a, b in itertools.pairwise(chosen))
    if not (chosen and rising and chosen[0] >= 0 and chosen[-1] < count):
        raise ValueError(f"layers must rise strictly within 0..<{count}, got {chosen}")
    return chosen


def scale_to_rho(
    states: list[torch.Tensor], rho: float, chosen: Sequence[int], scope: str
) -> tuple[float, list[float]]:
    """Replace g_l by ε_l; the norm in the scope, and that of every ε_l."""
    if not (rho >= 0 and math.isfinite(rho)):
        raise ValueError(f"rho must be finite and at least 0, got {rho}")
    check_float32("rho / 1e-7", rho / NORM_EPSILON)
    norms = layer_norms(states)
    counted = chosen if scope == "chosen" else range(len(states))
    norm = math.sqrt(sum(norms[layer] ** 2 for layer in counted))
    factor = rho / (norm + NORM_EPSILON)
    for layer, state in enumerate(states):
        state.mul_(factor if layer in chosen else 0.0)
        norms[layer] *= factor if layer in chosen else 0.0
    return norm, norms


def layer_norms(states: Sequence[torch.Tensor]) -> list[float]:
    """‖·‖₂ of every layer's [B, S, C], in double precision.

    Raises
    ------
    ValueError
        When one is not finite; names the layer.
    """
    norms = [
        float(torch.linalg.vector_norm(state, dtype=torch.float64)) for state in states
    ]
    for layer, norm in enumerate(norms):
        if not math.isfinite(norm):
            raise ValueError(
                f"the gradient at the attention output of layer {layer} is not finite"
            )
    return norms
