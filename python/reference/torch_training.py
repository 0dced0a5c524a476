"""A training run in PyTorch: AdamW, global-norm clipping, a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch_oracle import Sequences, adapter_parameters, step
from transformers import get_scheduler

MicroBatches = Sequence[tuple[Sequences, float]]
"""The micro-batches of an optimiser step, each with the weight of its gradient."""


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a run; names as in transformers' TrainingArguments."""

    max_steps: int = 20
    learning_rate: float = 2e-2
    lr_scheduler_type: str = "cosine"
    warmup_steps: int = 2
    weight_decay: float = 0.1
    max_grad_norm: float = 1.0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_epsilon: float = 1e-8


@dataclass
class TrainingResult:
    """For each step: logged loss, gradient norm before clipping, learning rate."""

    losses: list[float]
    gradient_norms: list[float]
    learning_rates: list[float]


def accumulate(
    model: torch.nn.Module, micro_batches: MicroBatches, *, rho: float
) -> float:
    """Leave the weighted sum of the gradients in `.grad`; return the weighted loss.

    Every micro-batch is perturbed by a total norm of `rho` of its own.
    """
    parameters = adapter_parameters(model)
    sums = {name: torch.zeros_like(p) for name, p in parameters.items()}
    loss = 0.0
    for sequences, weight in micro_batches:
        report = step(model, sequences, rho=rho)
        loss += weight * report.loss
        for name, gradient in report.gradients.items():
            sums[name] += weight * torch.from_numpy(gradient)
    for name, parameter in parameters.items():
        parameter.grad = sums[name]
    return loss


def train(
    model: torch.nn.Module,
    plan: Sequence[MicroBatches],
    settings: TrainingSettings,
    *,
    rho: float,
) -> TrainingResult:
    """Train the adapter in place; optimiser step i takes `plan[i]`."""
    parameters = list(adapter_parameters(model).values())
    optimiser = torch.optim.AdamW(
        parameters,
        lr=settings.learning_rate,
        betas=(settings.adam_beta1, settings.adam_beta2),
        eps=settings.adam_epsilon,
        weight_decay=settings.weight_decay,
    )
    schedule = get_scheduler(
        settings.lr_scheduler_type,
        optimiser,
        num_warmup_steps=settings.warmup_steps,
        num_training_steps=settings.max_steps,
    )
    result = TrainingResult([], [], [])
    for micro_batches in plan:
        result.losses.append(accumulate(model, micro_batches, rho=rho))
        norm = torch.nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm)
        result.gradient_norms.append(norm.item())
        result.learning_rates.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    return result
