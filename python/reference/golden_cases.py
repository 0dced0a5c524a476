"""The tiny models, adapters and batches of the golden files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tiny_models import (
    NEOX_TARGETS,
    OPT_TARGETS,
    PHI3_TARGETS,
    AdapterSettings,
    gemma2_config,
    gemma3_config,
    gemma_config,
    llama_config,
    mistral_config,
    neox_config,
    olmo2_config,
    opt_config,
    phi3_config,
    qwen2_config,
    qwen3_config,
    random_sequence,
    smollm3_config,
)
from torch_oracle import IGNORED, Sequences
from torch_training import TrainingSettings

__all__ = ["CASES", "Case", "first_batch", "second_batch"]

RHO = 2.0


@dataclass(frozen=True)
class Case:
    """One golden file."""

    name: str
    config: dict[str, Any]
    adapter: AdapterSettings
    seed: int
    rho: float = RHO
    training: TrainingSettings = field(default_factory=TrainingSettings)


CASES = (
    Case(
        "grouped_tied",
        llama_config(num_hidden_layers=3),
        AdapterSettings(r=2, lora_alpha=0.375),
        seed=1,
    ),
    Case(
        "untied_biases",
        llama_config(
            num_key_value_heads=1,
            tie_word_embeddings=False,
            attention_bias=True,
            mlp_bias=True,
        ),
        AdapterSettings(r=3, lora_alpha=1),
        seed=2,
    ),
    Case(
        "llama3_rope",
        llama_config(
            hidden_size=36,
            intermediate_size=50,
            num_attention_heads=3,
            num_key_value_heads=3,
            head_dim=10,
            rope_theta=500.0,
            rope_scaling={
                "rope_type": "llama3",
                "factor": 4.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            },
        ),
        AdapterSettings(r=2, lora_alpha=0.5),
        seed=3,
    ),
    Case(
        "query_value_linear_rope",
        llama_config(
            hidden_size=24,
            intermediate_size=40,
            num_attention_heads=6,
            num_key_value_heads=3,
            num_hidden_layers=3,
            rope_scaling={"rope_type": "linear", "factor": 2.0},
        ),
        AdapterSettings(r=4, lora_alpha=1.25, target_modules=("q_proj", "v_proj")),
        seed=4,
    ),
    Case(
        "opt_norm_first",
        opt_config(),
        AdapterSettings(
            r=2, lora_alpha=0.5, target_modules=("q_proj", "k_proj", "v_proj")
        ),
        seed=5,
        training=TrainingSettings(max_grad_norm=0.7),
    ),
    Case(
        "opt_norm_last_projected",
        opt_config(
            hidden_size=24,
            word_embed_proj_dim=16,
            ffn_dim=40,
            num_attention_heads=3,
            do_layer_norm_before=False,
        ),
        AdapterSettings(r=2, lora_alpha=0.375, target_modules=OPT_TARGETS),
        seed=6,
        training=TrainingSettings(max_grad_norm=0.5),
    ),
    Case("qwen2", qwen2_config(), AdapterSettings(r=2, lora_alpha=0.5), seed=7),
    Case("qwen3", qwen3_config(), AdapterSettings(r=2, lora_alpha=0.5), seed=8),
    Case(
        "mistral_window",
        mistral_config(),
        AdapterSettings(r=2, lora_alpha=0.5),
        seed=9,
        training=TrainingSettings(max_grad_norm=1.3),
    ),
    Case("smollm3", smollm3_config(), AdapterSettings(r=2, lora_alpha=0.5), seed=10),
    Case("olmo2", olmo2_config(), AdapterSettings(r=2, lora_alpha=0.5), seed=11),
    Case(
        "gemma",
        gemma_config(),
        AdapterSettings(r=2, lora_alpha=0.5),
        seed=12,
        training=TrainingSettings(max_grad_norm=0.8),
    ),
    Case("gemma2", gemma2_config(), AdapterSettings(r=2, lora_alpha=0.5), seed=13),
    Case("gemma3", gemma3_config(), AdapterSettings(r=2, lora_alpha=0.5), seed=14),
    Case(
        "gpt_neox",
        neox_config(hidden_size=24, intermediate_size=40, num_attention_heads=3),
        AdapterSettings(r=2, lora_alpha=0.5, target_modules=NEOX_TARGETS),
        seed=12,
        training=TrainingSettings(max_grad_norm=0.5),
    ),
    Case(
        "gpt_neox_sequential",
        neox_config(
            hidden_size=24,
            intermediate_size=24,
            num_attention_heads=2,
            hidden_act="gelu_new",
            rotary_pct=0.75,
            use_parallel_residual=False,
        ),
        AdapterSettings(r=2, lora_alpha=0.5, target_modules=("query_key_value",)),
        seed=13,
        training=TrainingSettings(max_grad_norm=0.3),
    ),
    Case(
        "phi3",
        phi3_config(),
        AdapterSettings(r=2, lora_alpha=0.5, target_modules=PHI3_TARGETS),
        seed=14,
    ),
)


def first_batch(vocabulary: int, generator: np.random.Generator) -> Sequences:
    """Unequal lengths: long, a single supervised token, two tokens, a gap.

    The third has every label set, the first position included (nothing predicts it);
    the fourth has a gap among its supervised tokens.
    """
    shape = ((7, 1), (19, 8), (2, 2), (11, 6))
    batch = [random_sequence(*item, vocabulary, generator) for item in shape]
    batch[3][1][8] = IGNORED
    return batch


def second_batch(vocabulary: int, generator: np.random.Generator) -> Sequences:
    """A sequence of one token, one without supervision, and two ordinary ones."""
    shape = ((1, 0), (13, 5), (4, 0), (9, 4))
    return [random_sequence(*item, vocabulary, generator) for item in shape]
