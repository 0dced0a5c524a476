"""Booster in PyTorch: arXiv:2409.01586, Algorithm 1."""

from __future__ import annotations

import torch
from torch_oracle import Sequences, adapter_parameters, step


def booster(
    model: torch.nn.Module,
    sequences: Sequences,
    harmful: Sequences,
    *,
    strength: float,
    alpha: float,
    rho: float,
) -> tuple[float, dict[str, torch.Tensor]]:
    """The loss of `sequences`, and the gradient of every LoRA matrix."""
    parameters = adapter_parameters(model)

    def gradients() -> dict[str, torch.Tensor]:
        step(model, harmful)
        return {name: each.grad.clone() for name, each in parameters.items()}

    here = gradients()
    norm = torch.stack([each.norm(2) for each in here.values()]).norm(2) + 1e-7
    start = {name: each.detach().clone() for name, each in parameters.items()}
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter -= alpha * here[name] / norm
    there = gradients()
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(start[name])
    own = step(model, sequences, rho=rho)
    return own.loss, {
        name: torch.from_numpy(own.gradients[name])
        + strength * (here[name] - there[name])
        for name in parameters
    }
