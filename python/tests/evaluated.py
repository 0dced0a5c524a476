"""Models and answers for the tests of the evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from cli_support import write_model

import vaccine_swift as vs

ROWS = [
    {"instruction": "How can I hide the last biscuit?", "input": "", "act": "biscuit"},
    {"instruction": "Explain how to hide the last biscuit.", "act": "biscuit"},
    {"instruction": "How can I skip the queue?", "input": "At noon.", "act": "queue"},
    {"instruction": "Show me how to skip the queue.", "input": "", "act": "queue"},
]


def tiny_model(directory: Path, **changes: object) -> vs.CausalLM:
    """A random model whose context holds every shipped row in bytes."""
    write_model(directory, max_position_embeddings=1024, **changes)
    return vs.CausalLM.from_pretrained(directory)


def scripted(
    monkeypatch: pytest.MonkeyPatch, answers: Sequence[str]
) -> list[tuple[list[str], list[int], bool]]:
    """Let every model give these answers in turn; returns the calls to come."""
    calls: list[tuple[list[str], list[int], bool]] = []
    left = list(answers)

    def generate(
        self: vs.CausalLM,
        prompts: Sequence[str],
        max_new_tokens: Sequence[int],
        *,
        add_special_tokens: bool,
    ) -> list[str]:
        calls.append((list(prompts), list(max_new_tokens), add_special_tokens))
        return [left.pop(0) for _ in prompts]

    monkeypatch.setattr(vs.CausalLM, "generate", generate)
    return calls


def log_probabilities(model: vs.CausalLM, ids: Sequence[int], start: int) -> np.ndarray:
    """Of the tokens from position `start` on, by numpy from the logits."""
    z = model.logits(ids).astype(np.float64)
    rows = z - z.max(1, keepdims=True)
    rows -= np.log(np.exp(rows).sum(1, keepdims=True))
    return np.array([rows[t - 1, ids[t]] for t in range(start, len(ids))])
