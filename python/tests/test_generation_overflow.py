"""Numbers that overflow are refused by the place where they do, never an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from core_support import configuration

from vaccine_swift import _core

HUGE = 3e38
CASES = {
    "lm_head.weight": "at new token 0; .* the logits themselves",
    "model.norm.weight": "at new token 0; .* the logits themselves",
    "model.layers.1.self_attn.o_proj.weight": "feed-forward output of layer 1",
    "model.layers.0.self_attn.v_proj.weight": "attention output of layer 0",
    "model.layers.1.mlp.down_proj.weight": "the logits themselves",
    "model.layers.0.mlp.up_proj.weight": "feed-forward output of layer 0",
}


def model(seed: int = 0) -> _core.Model:
    made = _core.Model(configuration())
    made.initialise(seed)
    return made


def tokens(of: _core.Model, **options: Any) -> list[list[int]]:
    return of.generate(
        [1, 2, 3, 4, 5],
        [0, 3, 5],
        **{
            "max_new_tokens": [4, 4],
            "temperature": 0.0,
            "top_p": 0.9,
            "seed": 0,
            "first_prompt": 0,
            "end_tokens": [],
            **options,
        },
    )


@pytest.mark.parametrize("temperature", [0.0, 1.0, 1e-300])
@pytest.mark.parametrize("name", CASES)
def test_overflow_names_prompt_token_and_layer(name: str, temperature: float) -> None:
    broken = model()
    sound = np.asarray(broken.read("weight", name)).copy()
    broken.write("weight", name, np.full_like(sound, HUGE))
    with pytest.raises(ValueError, match=f"logits of prompt 0 .*{CASES[name]}"):
        tokens(broken, temperature=temperature)
    broken.write("weight", name, sound)
    assert tokens(broken, temperature=1.0) == tokens(model(), temperature=1.0)


def test_overflow_of_a_later_token_is_refused() -> None:
    """All logits are 0, so that token 0 comes first, whose embedding is too large."""
    broken = model()
    embedding = np.asarray(broken.read("weight", "model.embed_tokens.weight")).copy()
    embedding[0] = HUGE
    broken.write("weight", "model.embed_tokens.weight", embedding)
    broken.write("weight", "lm_head.weight", np.zeros_like(embedding))
    assert tokens(broken, max_new_tokens=[1, 1]) == [[0], [0]]
    with pytest.raises(ValueError, match="prompt 0 are not finite at new token 1;"):
        tokens(broken)
