"""A small model, and an adapter of which every number is its own."""

from __future__ import annotations

import numpy as np

import vaccine_swift as vs

IDS = [3, 1, 4, 1, 5, 9, 2, 6]


def small() -> vs.CausalLM:
    return vs.CausalLM.from_config(vs.tiny_config(), seed=1)


def with_adapter(model: vs.CausalLM) -> vs.CausalLM:
    model.add_adapter(vs.LoRAConfig(r=4, lora_alpha=6), seed=2)
    generator = np.random.default_rng(3)
    for name, values in model.adapter_state().items():
        model._model.write("adapter", name, generator.normal(0, 0.3, values.shape))
    return model


def batch() -> vs.Batch:
    return vs.Batch.pack([vs.Example(IDS, IDS), vs.Example(IDS[:3], [-100, 1, 4])])


def assert_continues_greedily(model: vs.CausalLM, prompts: list[list[int]]) -> None:
    """A batch with a cache takes what the largest logits say of each prompt alone."""
    for prompt, tokens in zip(
        prompts, model.generate_ids(prompts, 12, end_tokens=[]), strict=True
    ):
        ids = list(prompt)
        for token in tokens:
            assert token == int(np.argmax(model.logits(ids)[-1]))
            ids.append(token)
