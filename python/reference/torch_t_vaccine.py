"""T-Vaccine in PyTorch: arXiv:2410.09760, and as its authors' code does it."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch_oracle import (
    NORM_EPSILON,
    PaddedBatch,
    Sequences,
    adapter_parameters,
    attention_hooks,
    causal_loss,
)


def shares(model: torch.nn.Module, harmful: Sequences) -> list[float]:
    """For each layer, the norm of its attention output's gradient over their sum."""
    model.zero_grad()
    batch = PaddedBatch.of(harmful)
    with attention_hooks(model) as outputs:
        logits = model(input_ids=batch.input_ids, attention_mask=batch.mask).logits
        causal_loss(logits, batch.labels).backward()
    norms = [output.grad.norm(2).item() for output in outputs]
    model.zero_grad()
    return [norm / sum(norms) for norm in norms]


def freeze(
    model: torch.nn.Module, layers: Collection[int], *, attention_only: bool
) -> None:
    """Train the LoRA of `layers`, and of the others at most the feed-forward's."""
    for name, parameter in adapter_parameters(model).items():
        layer = int(name.split(".layers.")[1].split(".")[0])
        frozen = layer not in layers and (".self_attn." in name or not attention_only)
        parameter.requires_grad_(not frozen)


def step(
    model: torch.nn.Module, sequences: Sequences, layers: Collection[int], rho: float
) -> tuple[float, list[torch.Tensor]]:
    """Two passes, with the norm over `layers` alone; what is frozen has no `.grad`.

    Returns the perturbed loss and the perturbations.
    """
    batch = PaddedBatch.of(sequences)

    def loss() -> torch.Tensor:
        logits = model(input_ids=batch.input_ids, attention_mask=batch.mask).logits
        return causal_loss(logits, batch.labels)

    model.zero_grad(set_to_none=True)
    with attention_hooks(model) as outputs:
        loss().backward()
    chosen = [outputs[layer].grad for layer in layers]
    norm = torch.stack([gradient.norm(2) for gradient in chosen]).norm(2)
    shifts = [torch.zeros_like(output) for output in outputs]
    for layer in layers:
        shifts[layer] = outputs[layer].grad.detach() * (rho / (norm + NORM_EPSILON))
    model.zero_grad(set_to_none=True)
    with attention_hooks(model, shifts):
        perturbed = loss()
        perturbed.backward()
    return perturbed.item(), shifts
