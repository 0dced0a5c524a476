"""The benchmark's work: model, adapter, batches and the count of arithmetic.

SmolLM2-135M, LoRA of rank 8 on seven projections, batches of five random sequences with
the lengths of an alignment set: prompts N(45, 10) clipped to [20, 100], answers exp
N(4.2, 0.7) clipped to [5, 300] tokens. Both sides read the same batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BATCH_SIZE = 5
RANK, ALPHA, DROPOUT = 8, 4, 0.1
TARGETS = (
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
)
RHO = 2.0
LEARNING_RATE, WEIGHT_DECAY, MAX_GRAD_NORM = 1e-3, 0.1, 1.0
WARMUP_STEPS, TIMED_STEPS = 2, 8
IGNORED = -100

Integers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Sequence:
    """Token ids and labels [T] of one sequence."""

    input_ids: Integers
    labels: Integers


def batches(vocabulary: int, *, seed: int = 0) -> list[list[Sequence]]:
    """Warm-up and timed batches, the same for the same seed.

    The first is the longest of all, so that memory is grown before timing starts.
    """
    generator = np.random.default_rng(seed)
    count = WARMUP_STEPS + TIMED_STEPS
    drawn = [
        [_sequence(vocabulary, generator) for _ in range(BATCH_SIZE)]
        for _ in range(count)
    ]
    longest = max(range(count), key=lambda index: padded_tokens(drawn[index]))
    return [drawn[longest], *drawn[:longest], *drawn[longest + 1 :]]


def _sequence(vocabulary: int, generator: np.random.Generator) -> Sequence:
    prompt = round(np.clip(generator.normal(45, 10), 20, 100))
    answer = round(np.clip(np.exp(generator.normal(4.2, 0.7)), 5, 300))
    ids = generator.integers(0, vocabulary, prompt + answer).astype(np.int32)
    labels = ids.copy()
    labels[:prompt] = IGNORED
    return Sequence(ids, labels)


def tokens(batch: list[Sequence]) -> int:
    """Real tokens."""
    return sum(len(sequence.input_ids) for sequence in batch)


def supervised(batch: list[Sequence]) -> int:
    """Tokens that count in the loss."""
    return sum(int(np.sum(s.labels[1:] != IGNORED)) for s in batch)


def padded_tokens(batch: list[Sequence]) -> int:
    """Tokens after padding to the longest."""
    return len(batch) * max(len(sequence.input_ids) for sequence in batch)


def step_flops(
    block_parameters: int,
    tail_parameters: int,
    head_parameters: int,
    batch: list[Sequence],
    *,
    passes: int,
) -> float:
    """Floating-point operations that a step cannot avoid.

    Each pass multiplies by every frozen matrix once forward and once for the gradient
    of the input, at two operations for each weight and token. No sequence's last token
    is needed; of what follows the last attention, the vocabulary projection included,
    only the rows of supervised tokens are. Attention scores, the adapter (2 % here) and
    element-wise work are left out, so the share of peak computed from this is a lower
    bound.

    Parameters
    ----------
    block_parameters
        Weights of the projections in all layers.
    tail_parameters
        Those of them that follow the last layer's attention.
    head_parameters
        Weights of the vocabulary projection, V · C.
    batch
        One batch.
    passes
        1 for plain steps, 2 for Vaccine.
    """
    everywhere = (block_parameters - tail_parameters) * (tokens(batch) - len(batch))
    chosen = (tail_parameters + head_parameters) * supervised(batch)
    return 4.0 * passes * (everywhere + chosen)
