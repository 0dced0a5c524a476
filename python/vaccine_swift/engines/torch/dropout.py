"""LoRA's dropout, whose masks are a function of the pass and the module."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from vaccine_swift.engines.torch.streams import stream_key

__all__ = ["Masks", "SeededDropout", "generator"]


@dataclass
class Masks:
    """Which pass is under way: its coordinates, None where dropout is off."""

    coordinates: tuple[int, ...] | None = None


class SeededDropout(nn.Module):
    """Inverted dropout that draws its mask anew from the pass and its own number.

    So checkpointed layers see the mask of their forward pass again, and a resumed run
    continues as it would have.

    Parameters
    ----------
    probability : float
        Of dropping an element.
    number : int
        The module's among those of the model.
    masks : Masks
        Shared by the modules of a model.
    """

    def __init__(self, probability: float, number: int, masks: Masks) -> None:
        super().__init__()
        self.probability = probability
        self._number = number
        self._masks = masks

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`x` with elements dropped and the others scaled; `x` where dropout is off."""
        coordinates = self._masks.coordinates
        if coordinates is None:
            return x
        numbers = generator(x.device, *coordinates, self._number)
        kept = torch.rand(x.shape, generator=numbers, device=x.device)
        return x * (kept >= self.probability).to(x.dtype) / (1 - self.probability)


def generator(device: torch.device, *coordinates: int) -> torch.Generator:
    """Random numbers of their own for these coordinates."""
    numbers = torch.Generator(device)
    return numbers.manual_seed(int(stream_key(*coordinates) >> 1))
