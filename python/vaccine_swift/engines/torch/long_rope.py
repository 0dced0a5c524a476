"""LongRoPE by each sequence's own length.

transformers chooses the frequencies by the longest sequence of a padded batch; here a
sequence is turned as it is alone, so that a batch does not change its results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

__all__ = ["has_long_rope", "turned_alone"]


def has_long_rope(model: nn.Module) -> bool:
    """Whether frequencies depend on the length of a sequence."""
    return bool(_rotaries(model))


@contextmanager
def turned_alone(
    model: nn.Module, lengths: npt.NDArray[np.int64], width: int
) -> Iterator[None]:
    """A context in which each sequence has the frequencies of its length.

    Parameters
    ----------
    model : Module
        Of transformers.
    lengths : ndarray, int64 [B]
        Tokens of each sequence, those that were left out included.
    width : int
        S of the padded batch.
    """
    rotaries = _rotaries(model)
    before = [vars(rotary).get("forward") for rotary in rotaries]
    for rotary in rotaries:
        rotary.forward = _by_length(rotary, rotary.forward, lengths, width)
    try:
        yield
    finally:
        for rotary, forward in zip(rotaries, before, strict=True):
            del rotary.forward
            if forward is not None:
                rotary.forward = forward


def _rotaries(model: nn.Module) -> list[Any]:
    return [
        module
        for module in model.modules()
        if getattr(module, "rope_type", None) == "longrope"
    ]


def _by_length(
    rotary: Any,
    whole: Callable[..., tuple[torch.Tensor, ...]],
    lengths: npt.NDArray[np.int64],
    width: int,
) -> Callable[..., tuple[torch.Tensor, ...]]:
    config = rotary.config
    parameters = getattr(config, "rope_parameters", None) or {}
    original = int(
        parameters.get("original_max_position_embeddings")
        or config.original_max_position_embeddings
    )

    def rotate(
        hidden: torch.Tensor, position_ids: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        positions = torch.arange(max(width, original + 1), device=position_ids.device)
        tables = [
            [table[:, :width] for table in whole(hidden[:1], positions[None, :count])]
            for count in (original, len(positions))
        ]
        is_long = torch.from_numpy(lengths > original).to(hidden.device)
        return tuple(
            torch.where(
                is_long[:, None, None],
                long,
                nn.functional.pad(short, (0, 0, 0, width - short.shape[1])),
            )
            for short, long in zip(*tables, strict=True)
        )

    return rotate
