"""Random models of random shape, in torch and in the engine, with random batches."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import golden
import numpy as np

import vaccine_swift as vs

ROPE_SCALINGS = (
    None,
    {"rope_type": "linear", "factor": 3.0},
    {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    },
)

Sequences = list[tuple[np.ndarray, np.ndarray]]


@dataclass
class RandomCase:
    """One model on both sides.

    `torch_model` computes in float64. `singles` are in float32: transformers' and
    PEFT's own, and one with the float32 numbers nearest to the rotary frequencies,
    which transformers is off by several units. In one Qwen 2 with a softmax that is
    nearly one-hot the first gives gradients to 4e-5, the second to 2e-4, and so does
    the engine, whose frequencies are the nearest as well.
    """

    model: vs.CausalLM
    torch_model: Any
    singles: tuple[Any, Any]
    rho: float
    vocabulary: int
    generator: np.random.Generator

    def sequences(self, count: int, longest: int) -> Sequences:
        """Random sequences; the first is the longest, each supervises at least one."""
        result = []
        for index in range(count):
            length = longest if index == 0 else int(self.generator.integers(2, longest))
            ids = self.generator.integers(0, self.vocabulary, length).astype(np.int32)
            asked = self.generator.random(length) < self.generator.choice([0.1, 0.5, 1])
            asked[int(self.generator.integers(1, length))] = True
            result.append((ids, np.where(asked, ids, -100).astype(np.int32)))
        return result

    def answers(self, count: int, longest: int) -> Sequences:
        """Random sequences, most of which begin alike before what they supervise."""
        trunk = self.generator.integers(0, self.vocabulary, longest).astype(np.int32)
        result = []
        for ids, labels in self.sequences(count, longest):
            alike = int(self.generator.integers(0, len(ids)))
            ids[:alike], labels[:alike] = trunk[:alike], -100
            labels[-1] = ids[-1]
            result.append((ids, labels))
        return result


def random_llama(
    oracle: SimpleNamespace, generator: np.random.Generator, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A configuration, and the targets that it has."""
    groups = int(generator.integers(1, 4))
    heads = groups * int(generator.integers(1, 4))
    config = oracle.models.llama_config(
        vocab_size=int(generator.integers(40, 400)),
        hidden_size=heads * int(generator.integers(4, 24)),
        intermediate_size=int(generator.integers(20, 150)),
        num_hidden_layers=int(generator.integers(1, 5)),
        num_attention_heads=heads,
        num_key_value_heads=groups,
        head_dim=2 * int(generator.integers(2, 20)),
        max_position_embeddings=512,
        rope_theta=float(generator.choice([500.0, 10000.0])),
        # transformers adds keys to what it is given.
        rope_scaling=copy.copy(ROPE_SCALINGS[seed % len(ROPE_SCALINGS)]),
        attention_bias=bool(generator.random() < 0.5),
        mlp_bias=bool(generator.random() < 0.5),
        tie_word_embeddings=bool(generator.random() < 0.5),
    )
    return config, oracle.models.ALL_TARGETS


def random_opt(
    oracle: SimpleNamespace, generator: np.random.Generator, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """As `random_llama`; every second one has its norms last."""
    heads = int(generator.integers(1, 6))
    hidden = heads * int(generator.integers(3, 20))
    config = oracle.models.opt_config(
        vocab_size=int(generator.integers(40, 400)),
        hidden_size=hidden,
        word_embed_proj_dim=int(generator.choice([hidden, hidden // 2 + 1])),
        ffn_dim=int(generator.integers(20, 150)),
        num_hidden_layers=int(generator.integers(1, 5)),
        num_attention_heads=heads,
        max_position_embeddings=512,
        do_layer_norm_before=seed % 2 == 0,
        enable_bias=bool(generator.random() < 0.7),
    )
    return config, oracle.models.OPT_TARGETS


def random_mistral(
    oracle: SimpleNamespace, generator: np.random.Generator, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """As `random_llama`, with windows shorter than a block of queries and longer."""
    config, targets = random_llama(oracle, generator, seed)
    for key in ("architectures", "model_type", "attention_bias", "mlp_bias"):
        del config[key]
    window = (1, 5, 40, 64, 65, 130)[seed % 6]
    return oracle.models.mistral_config(**config, sliding_window=window), targets


def _qwen_windows(config: dict[str, Any], seed: int) -> dict[str, Any]:
    """Windows in the upper layers of every second model."""
    if seed % 2:
        return config
    switched = {"use_sliding_window": True, "sliding_window": 20 + seed}
    return config | switched | {"max_window_layers": seed % 3}


def random_qwen2(
    oracle: SimpleNamespace, generator: np.random.Generator, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """As `random_llama`."""
    groups = int(generator.integers(1, 4))
    heads = groups * int(generator.integers(1, 4))
    config = oracle.models.qwen2_config(
        vocab_size=int(generator.integers(40, 400)),
        hidden_size=heads * 2 * int(generator.integers(8, 16)),
        intermediate_size=int(generator.integers(20, 150)),
        num_hidden_layers=int(generator.integers(1, 4)),
        num_attention_heads=heads,
        num_key_value_heads=groups,
        max_position_embeddings=512,
        rope_theta=float(generator.choice([500.0, 1e6])),
        tie_word_embeddings=bool(generator.random() < 0.5),
    )
    return _qwen_windows(config, seed), oracle.models.ALL_TARGETS


def random_qwen3(
    oracle: SimpleNamespace, generator: np.random.Generator, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """As `random_llama`."""
    config, targets = random_llama(oracle, generator, seed)
    for key in ("architectures", "model_type", "mlp_bias"):
        del config[key]
    return _qwen_windows(oracle.models.qwen3_config(**config), seed), targets


def random_smollm3(
    oracle: SimpleNamespace, generator: np.random.Generator, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """As `random_llama`; every third has windows in the layers that are not turned."""
    config, targets = random_llama(oracle, generator, seed)
    for key in ("architectures", "model_type", "head_dim"):
        del config[key]
    heads = config["num_attention_heads"]
    config["hidden_size"] = 2 * heads * int(generator.integers(4, 12))
    if seed % 2:
        layers = config["num_hidden_layers"]
        config["no_rope_layers"] = generator.integers(0, 2, layers).tolist()
    else:
        config["no_rope_layer_interval"] = 1 + seed % 3
    if seed % 3 == 0:
        config |= {"use_sliding_window": True, "sliding_window": 30}
    return oracle.models.smollm3_config(**config), targets


def random_olmo2(
    oracle: SimpleNamespace, generator: np.random.Generator, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """As `random_llama`."""
    config, targets = random_llama(oracle, generator, seed)
    for key in ("architectures", "model_type", "mlp_bias", "head_dim"):
        del config[key]
    heads = config["num_attention_heads"]
    config["hidden_size"] = 2 * heads * int(generator.integers(4, 12))
    return oracle.models.olmo2_config(**config), targets


def random_gemma(
    oracle: SimpleNamespace, generator: np.random.Generator, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """As `random_llama`; every second has the activation's old name."""
    config, targets = random_llama(oracle, generator, seed)
    for key in ("architectures", "model_type", "mlp_bias", "hidden_act"):
        del config[key]
    if seed % 2:
        config["hidden_act"] = "gelu"
    return oracle.models.gemma_config(**config), targets


def random_gemma2(
    oracle: SimpleNamespace, generator: np.random.Generator, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """As `random_llama`, with caps from tight to none and windows of many lengths."""
    config, targets = random_gemma(oracle, generator, seed)
    for key in ("architectures", "model_type", "hidden_act"):
        del config[key]
    config |= {
        "query_pre_attn_scalar": int(generator.integers(2, 60)),
        "sliding_window": (2, 5, 40, 64, 65, 130)[seed % 6],
        "attn_logit_softcapping": (None, 1.0, 5.0, 50.0)[seed % 4],
        "final_logit_softcapping": (2.0, 30.0, None)[seed % 3],
    }
    return oracle.models.gemma2_config(**config), targets


def random_gemma3(
    oracle: SimpleNamespace, generator: np.random.Generator, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """As `random_gemma2`, with up to seven layers of which one in a few is global."""
    config, targets = random_gemma2(oracle, generator, seed)
    for key in ("architectures", "model_type", "attn_logit_softcapping"):
        del config[key]
    config |= {
        "num_hidden_layers": int(generator.integers(1, 8)),
        "sliding_window_pattern": (6, 2, 3, 1)[seed % 4],
        "rope_local_base_freq": float(generator.choice([100.0, 10000.0])),
        "rope_theta": float(generator.choice([500.0, 1e6])),
    }
    return oracle.models.gemma3_config(**config), targets


def random_gpt_neox(
    oracle: SimpleNamespace, generator: np.random.Generator, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """As `random_llama`; every third has its blocks one after the other."""
    heads = int(generator.integers(1, 6))
    size = int(generator.integers(4, 20))
    config = oracle.models.neox_config(
        hidden_size=heads * size,
        vocab_size=int(generator.integers(40, 300)),
        intermediate_size=int(generator.integers(20, 150)),
        num_hidden_layers=int(generator.integers(1, 5)),
        num_attention_heads=heads,
        max_position_embeddings=512,
        hidden_act=("gelu", "gelu_new", "gelu_fast", "relu")[seed % 4],
        # Some parts are odd, which transformers rounds up.
        rotary_pct=float(generator.choice([0.25, 0.5, 0.7]) if size % 2 else 1.0),
        # transformers writes into what it is given.
        rope_scaling=copy.deepcopy(ROPE_SCALINGS[seed % 2]),
        use_parallel_residual=seed % 3 != 2,
        attention_bias=bool(generator.random() < 0.7),
        tie_word_embeddings=bool(generator.random() < 0.3),
    )
    return config, oracle.models.NEOX_TARGETS


def random_phi3(
    oracle: SimpleNamespace, generator: np.random.Generator, seed: int
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """As `random_llama`; every third is turned without LongRoPE."""
    groups = int(generator.integers(1, 4))
    heads = groups * int(generator.integers(1, 4))
    size = 8 * int(generator.integers(1, 5))
    share = float(generator.choice([0.5, 0.75, 1.0]))
    pairs = int(size * share) // 2
    scaling = {
        ("type", "rope_type")[seed % 2]: "longrope",
        "short_factor": generator.uniform(1, 2, pairs).round(3).tolist(),
        "long_factor": generator.uniform(1, 20, pairs).round(3).tolist(),
    }
    config = oracle.models.phi3_config(
        vocab_size=int(generator.integers(40, 300)),
        hidden_size=heads * size,
        intermediate_size=int(generator.integers(20, 150)),
        num_hidden_layers=int(generator.integers(1, 4)),
        num_attention_heads=heads,
        num_key_value_heads=groups,
        max_position_embeddings=512,
        original_max_position_embeddings=(30, 64, 100)[seed % 3],
        partial_rotary_factor=share,
        rope_scaling=scaling if seed % 3 != 2 else None,
        sliding_window=(None, 5, 40, 65)[seed % 4],
        tie_word_embeddings=bool(generator.random() < 0.5),
    )
    return config, oracle.models.PHI3_TARGETS


FAMILIES = {
    "llama": random_llama,
    "opt": random_opt,
    "mistral": random_mistral,
    "qwen2": random_qwen2,
    "qwen3": random_qwen3,
    "smollm3": random_smollm3,
    "olmo2": random_olmo2,
    "gemma": random_gemma,
    "gemma2": random_gemma2,
    "gemma3_text": random_gemma3,
    "gpt_neox": random_gpt_neox,
    "phi3": random_phi3,
}


def random_case(
    oracle: SimpleNamespace, seed: int, family: str = "llama", **adapter: Any
) -> RandomCase:
    """Draw shapes, biases, positions, targets and weights from `seed`."""
    generator = np.random.default_rng(seed)
    config, targets = FAMILIES[family](oracle, generator, seed)
    if seed % 2:
        count = int(generator.integers(1, len(targets)))
        targets = tuple(generator.permutation(targets)[:count].tolist())
    settings = {"r": int(generator.integers(1, 9)), "lora_alpha": 2.0} | adapter
    torch_model, weights = oracle.models.build(
        config,
        oracle.models.AdapterSettings(target_modules=targets, **settings),
        generator,
    )
    state = oracle.step.adapter_state(torch_model)
    model = vs.CausalLM.from_config(config, seed=0)
    golden.write_weights(model, weights)
    model.add_adapter(vs.LoRAConfig(target_modules=list(targets), **settings), seed=0)
    golden.write_adapter(model, state)
    exact = oracle.step.as_float64(copy.deepcopy(torch_model))
    return RandomCase(
        model,
        exact,
        (torch_model, copy.deepcopy(exact).float()),
        float(generator.choice([0.1, 2.0, 10.0])),
        config["vocab_size"],
        generator,
    )


def packed(sequences: Sequences) -> vs.Batch:
    """The engine's batch."""
    return vs.Batch.pack([vs.Example(ids, labels) for ids, labels in sequences])
