"""The Vaccine step in PyTorch, through transformers and PEFT: the oracle.

Written for clarity, not speed: padded batches, the whole logits, autograd for
everything. The rule is Algorithm 1 of arXiv:2402.01109; the perturbation enters where
the authors' hooks put it, at the output of each attention module, before the residual
addition.

Shapes: B sequences padded to S positions, T real tokens, C hidden size, L layers, V
vocabulary.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, eager_mask
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

IGNORED = -100
NORM_EPSILON = 1e-7

Sequences = Sequence[tuple[np.ndarray, np.ndarray]]
"""One `(input_ids, labels)` pair of equal length for each sequence."""


@dataclass(frozen=True)
class PaddedBatch:
    """Right-padded sequences: `input_ids`, `labels` and `mask` are int64 `[B, S]`."""

    input_ids: torch.Tensor
    labels: torch.Tensor
    mask: torch.Tensor

    @classmethod
    def of(cls, sequences: Sequences, *, pad_id: int = 0) -> PaddedBatch:
        """Pad on the right with `pad_id`; padding is masked and not supervised."""
        width = max(len(ids) for ids, _ in sequences)
        input_ids = torch.full((len(sequences), width), pad_id)
        labels = torch.full((len(sequences), width), IGNORED)
        mask = torch.zeros((len(sequences), width), dtype=torch.int64)
        for row, (ids, targets) in enumerate(sequences):
            input_ids[row, : len(ids)] = torch.tensor(ids, dtype=torch.int64)
            labels[row, : len(ids)] = torch.tensor(targets, dtype=torch.int64)
            mask[row, : len(ids)] = 1
        return cls(input_ids, labels, mask)

    def packed(self, values: torch.Tensor) -> np.ndarray:
        """The real tokens of `values` `[B, S, …]`, laid end to end: `[T, …]`."""
        return values.detach()[self.mask.bool()].numpy()


@dataclass
class StepResult:
    """What one step computes; arrays are packed, gradients go by PEFT name."""

    loss: float
    gradients: dict[str, np.ndarray]
    clean_loss: float | None = None
    logits: np.ndarray | None = None
    attention_outputs: np.ndarray | None = None
    attention_gradients: np.ndarray | None = None
    perturbations: np.ndarray | None = None
    perturbation_norms: list[float] = field(default_factory=list)
    attention_gradient_norm: float = 0.0


def attention_modules(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The attention modules, first layer first."""
    return [
        module
        for name, module in model.named_modules()
        if name.endswith((".self_attn", ".attention"))
    ]


@contextmanager
def attention_hooks(
    model: torch.nn.Module, perturbations: Sequence[torch.Tensor] | None = None
) -> Iterator[list[torch.Tensor]]:
    """Yield a list that the forward pass fills with each layer's attention output.

    With `perturbations`, one `[B, S, C]` for each layer, the output is shifted by it
    first.
    """
    outputs: list[torch.Tensor] = []

    def shift(layer: int) -> Any:
        def hook(_module: torch.nn.Module, _args: Any, output: Any) -> Any:
            attention, *rest = output
            if perturbations is not None:
                attention = attention + perturbations[layer]
            if not attention.requires_grad:  # no adapter below this layer
                attention = attention.detach().requires_grad_()
            attention.retain_grad()
            outputs.append(attention)
            return (attention, *rest)

        return hook

    handles = [
        module.register_forward_hook(shift(layer))
        for layer, module in enumerate(attention_modules(model))
    ]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def turned_alone(model: torch.nn.Module, mask: torch.Tensor) -> Iterator[None]:
    """Let each sequence be turned as it is without the others.

    LongRoPE's frequencies are chosen by the longest sequence of a batch; here
    transformers' own rotary module is asked for one sequence of `mask` [B, S] at a
    time.
    """
    rotaries: list[Any] = [
        module
        for module in model.modules()
        if getattr(module, "rope_type", None) == "longrope"
    ]

    def by_sequence(whole: Any) -> Any:
        def rotate(hidden: torch.Tensor, position_ids: torch.Tensor) -> Any:
            tables = []
            for length in mask.sum(1).tolist():
                each = whole(hidden[:1], position_ids[:1, :length])
                padding = (0, 0, 0, mask.shape[1] - length)
                tables.append(
                    [torch.nn.functional.pad(table, padding) for table in each]
                )
            return tuple(torch.cat(parts) for parts in zip(*tables, strict=True))

        return rotate

    before = [rotary.forward for rotary in rotaries]
    for rotary in rotaries:
        rotary.forward = by_sequence(rotary.forward)
    try:
        yield
    finally:
        for rotary, forward in zip(rotaries, before, strict=True):
            rotary.forward = forward


def causal_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over supervised tokens, in the dtype of `logits`."""
    return cross_entropy(
        logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED
    )


def adapter_parameters(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The LoRA parameters by the names that PEFT saves."""
    return {
        name.replace(".default.", "."): parameter
        for name, parameter in model.named_parameters()
        if ".lora_" in name
    }


def adapter_state(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """A copy of the LoRA weights by PEFT name."""
    return {
        name: parameter.detach().numpy().copy()
        for name, parameter in adapter_parameters(model).items()
    }


def step(
    model: torch.nn.Module, sequences: Sequences, *, rho: float = 0.0
) -> StepResult:
    """One gradient: plain for `rho` 0, else Vaccine's two passes.

    Leaves the gradient in the parameters' `.grad`, replacing what was there.

    Parameters
    ----------
    model
        A PEFT model with dropout 0.
    sequences
        The batch.
    rho
        Total L2 norm of the perturbation over all layers and tokens.
    """
    batch = PaddedBatch.of(sequences)

    def forward() -> tuple[torch.Tensor, torch.Tensor]:
        with turned_alone(model, batch.mask):
            logits = model(input_ids=batch.input_ids, attention_mask=batch.mask).logits
        return logits, causal_loss(logits, batch.labels)

    model.zero_grad()
    with attention_hooks(model) as outputs:
        logits, clean_loss = forward()
        clean_loss.backward()
    result = StepResult(
        loss=clean_loss.item(),
        clean_loss=clean_loss.item(),
        gradients={},
        logits=batch.packed(logits),
        attention_outputs=np.stack([batch.packed(output) for output in outputs]),
        attention_gradients=np.stack([batch.packed(output.grad) for output in outputs]),
    )
    if rho > 0:
        norm = torch.stack([output.grad.norm(2) for output in outputs]).norm(2)
        shifts = [
            output.grad.detach() * (rho / (norm + NORM_EPSILON)) for output in outputs
        ]
        model.zero_grad()
        with attention_hooks(model, shifts):
            _, loss = forward()
            loss.backward()
        result.loss = loss.item()
        result.attention_gradient_norm = norm.item()
        result.perturbations = np.stack([batch.packed(shift) for shift in shifts])
        result.perturbation_norms = [shift.norm(2).item() for shift in shifts]
    result.gradients = {
        name: parameter.grad.numpy().copy()
        for name, parameter in adapter_parameters(model).items()
    }
    return result


def as_float64(model: torch.nn.Module) -> torch.nn.Module:
    """Make a model compute in float64 throughout.

    Normalisations, rotary tables and the softmax of eager attention are written in
    float32 in transformers whatever the model's dtype; they are replaced by the same
    formulas in the dtype of their input, with frequencies computed in float64.
    """

    def normalise(self: Any, hidden: torch.Tensor) -> torch.Tensor:
        variance = hidden.square().mean(-1, keepdim=True)
        if type(self).__name__.startswith("Gemma"):
            return (1 + self.weight) * (hidden * torch.rsqrt(variance + self.eps))
        return self.weight * (hidden * torch.rsqrt(variance + self.variance_epsilon))

    def rotate(
        self: Any,
        hidden: torch.Tensor,
        position_ids: torch.Tensor,
        layer_type: str | None = None,
    ) -> Any:
        prefix = "" if layer_type is None else f"{layer_type}_"
        frequencies = getattr(self, f"{prefix}inv_freq")
        scaling = getattr(self, f"{prefix}attention_scaling")
        if self.rope_type == "longrope":
            original = self.config.rope_parameters["original_max_position_embeddings"]
            if position_ids.max() >= original:
                frequencies = self.long_frequencies
        angles = position_ids[..., None].to(hidden.dtype) * frequencies.to(hidden.dtype)
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos() * scaling, angles.sin() * scaling

    model = model.double()
    if model.config._attn_implementation == "eager":
        model.config._attn_implementation = _EAGER
    for module in model.modules():
        kind = type(module).__name__
        if kind.endswith("RMSNorm"):
            module.forward = types.MethodType(normalise, module)
        elif kind.endswith("RotaryEmbedding"):
            module.forward = types.MethodType(rotate, module)
            _set_exact_frequencies(module)
    return model


def _set_exact_frequencies(module: Any) -> None:
    """Replace the rotary frequencies by those of transformers computed in float64."""
    if module.rope_type == "longrope":
        module.inv_freq = _long_rope_frequencies(module, "short_factor")
        module.long_frequencies = _long_rope_frequencies(module, "long_factor")
        return
    if isinstance(module.rope_type, str):
        module.inv_freq = _exact_frequencies(module, module.rope_type)
        return
    for layer, kind in module.rope_type.items():
        frequencies = _exact_frequencies(module, kind, layer_type=layer)
        setattr(module, f"{layer}_inv_freq", frequencies)


def _long_rope_frequencies(module: Any, key: str) -> torch.Tensor:
    """1 / (factor · base^(2i / R)) in float64."""
    config = module.config
    parameters = config.rope_parameters
    size = config.hidden_size // config.num_attention_heads
    turned = int(size * parameters["partial_rotary_factor"])
    exponents = torch.arange(0, turned, 2, dtype=torch.float64) / turned
    factors = torch.tensor(parameters[key], dtype=torch.float64)
    return 1 / (factors * parameters["rope_theta"] ** exponents)


def _exact_frequencies(module: Any, kind: str, **options: Any) -> torch.Tensor:
    compute = (
        module.compute_default_rope_parameters
        if kind == "default"
        else ROPE_INIT_FUNCTIONS[kind]
    )
    with mock.patch.object(torch, "float", torch.float64):
        frequencies, _ = compute(module.config, device=None, **options)
    assert frequencies.dtype == torch.float64
    return frequencies


def _eager(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    softcap: float | None = None,
    **_options: Any,
) -> tuple[torch.Tensor, None]:
    """Eager attention of transformers, its softmax in the dtype of the scores."""
    groups = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
    scores = query @ key.transpose(2, 3) * scaling
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if attention_mask is not None:
        scores = scores + attention_mask
    return (scores.softmax(-1) @ value).transpose(1, 2).contiguous(), None


_EAGER = "eager_in_own_dtype"
AttentionInterface.register(_EAGER, _eager)
AttentionMaskInterface.register(_EAGER, eager_mask)
