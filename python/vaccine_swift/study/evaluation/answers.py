"""Greedy answers to rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from vaccine_swift.data.templates import render_prompt
from vaccine_swift.study.tasks import Row

if TYPE_CHECKING:
    from vaccine_swift.models import CausalLM

__all__ = ["answers"]

_CACHE_BYTES: Final = 2**30


def answers(
    model: CausalLM, rows: Sequence[Row], *, new_tokens: int, template: str
) -> list[str]:
    """What a model answers, greedily, to each row.

    All rows are asked at once where the cache of their keys and values takes at most 1
    GiB; an answer does not depend on what is asked beside it.

    Raises
    ------
    RuntimeError
        When the model has no tokeniser.
    ValueError
        When the template is unknown or needs a chat template; when a prompt and its
        answer exceed the context.
    """
    tokenizer = model._require_tokenizer()
    special = template != "chat"
    prompts = [render_prompt(row, tokenizer, template) for row in rows]
    longest = max(
        len(tokenizer.encode_prompt(prompt, add_special_tokens=special))
        for prompt in prompts
    )
    size = model.core.configuration
    floats = 2 * size["layer_count"] * size["key_value_head_count"] * size["head_size"]
    together = max(1, _CACHE_BYTES // (4 * floats * (longest + new_tokens)))
    found: list[str] = []
    for start in range(0, len(prompts), together):
        found += model.generate(
            prompts[start : start + together], new_tokens, add_special_tokens=special
        )
    return found
