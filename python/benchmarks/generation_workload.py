"""The work of the generation benchmark: prompts of the alignment set's lengths."""

from __future__ import annotations

import numpy as np

NEW_TOKENS = 64
BATCHES = (1, 32)


def prompts(vocabulary: int, count: int, *, seed: int = 0) -> list[list[int]]:
    """`count` random prompts of N(45, 10) tokens, clipped to [20, 100].

    Token 0, with which the rival pads, is not drawn.
    """
    generator = np.random.default_rng(seed)
    lengths = np.clip(generator.normal(45, 10, count), 20, 100).round().astype(int)
    return [generator.integers(1, vocabulary, n).tolist() for n in lengths]
