"""Lisa in PyTorch: arXiv:2405.18641, and as its authors' code does it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch_oracle import PaddedBatch, Sequences, adapter_parameters, causal_loss


@dataclass
class Lisa:
    """The state of a run; `gradient` is called once for each optimiser step."""

    model: torch.nn.Module
    rho: float
    alignment_steps: int
    finetune_steps: int
    proximal_after: float  # steps before which there is no term
    aligns: bool = True
    clock: int = 0
    steps: int = 0
    kept: dict[bool, dict[str, torch.Tensor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kept = {True: self._weights(), False: self._weights()}

    def gradient(self, own: Sequences, safe: Sequences) -> float:
        """Leave the gradient in `.grad`; the loss with its term."""
        length = self.alignment_steps if self.aligns else self.finetune_steps
        if self.steps and self.clock == length:
            self.kept[self.aligns] = self._weights()
            self.aligns, self.clock = not self.aligns, 0
        batch = PaddedBatch.of(safe if self.aligns else own)
        self.model.zero_grad()
        logits = self.model(input_ids=batch.input_ids, attention_mask=batch.mask).logits
        loss = causal_loss(logits, batch.labels)
        if self.steps > self.proximal_after:
            other = self.kept[not self.aligns]
            for name, parameter in adapter_parameters(self.model).items():
                loss = loss + self.rho / 2 * (parameter - other[name]).square().sum()
        loss.backward()
        self.clock += 1
        self.steps += 1
        return loss.item()

    def _weights(self) -> dict[str, torch.Tensor]:
        return {
            name: each.detach().clone()
            for name, each in adapter_parameters(self.model).items()
        }
