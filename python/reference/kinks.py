"""Gradients on the other side of ReLU's kink.

Where a unit's input is 0 up to rounding, two float32 computations that are both right
may take either of its derivatives, 0 or 1, and a gradient differs by that unit's whole
share: by 1.6 % in one random OPT of five, whose unit has the input 1.8e-8 in float64;
with its other derivative, float64 agrees with the engine to 8e-7.
"""

from __future__ import annotations

from typing import Any

import torch
from torch_oracle import Sequences, StepResult, step

NEAR = 2.0**-22
"""Of the largest input of a batch: what a float32 sum of some dozen products is off."""


class _OtherSide(torch.autograd.Function):
    """ReLU, with the other derivative near its kink."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        near = x.abs() <= NEAR * x.abs().max()
        ctx.save_for_backward((x > 0) ^ near)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (passes,) = ctx.saved_tensors
        return torch.where(passes, gradient, torch.zeros_like(gradient))


class _ReLU(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _OtherSide.apply(x)


def step_beyond_kinks(
    model: torch.nn.Module, sequences: Sequences, *, rho: float
) -> StepResult | None:
    """What `step` gives with the other derivative wherever a unit is near its kink.

    None for a model without ReLU. The model is as before afterwards.
    """
    owners = [
        (module, name, child)
        for module in model.modules()
        for name, child in module.named_children()
        if isinstance(child, torch.nn.ReLU)
    ]
    if not owners:
        return None
    for module, name, _ in owners:
        setattr(module, name, _ReLU())
    try:
        return step(model, sequences, rho=rho)
    finally:
        for module, name, child in owners:
            setattr(module, name, child)
