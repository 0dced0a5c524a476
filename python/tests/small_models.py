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
