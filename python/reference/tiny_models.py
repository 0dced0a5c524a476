"""Tiny random models with a random adapter, and random batches for them.

Weights are drawn with numpy in float32, so that a model is the same with every torch.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch_oracle import IGNORED, adapter_parameters
from transformers import AutoConfig, AutoModelForCausalLM

ALL_TARGETS = (
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
)


@dataclass(frozen=True)
class AdapterSettings:
    """The adapter, in PEFT's words."""

    r: int
    lora_alpha: float
    target_modules: tuple[str, ...] = ALL_TARGETS


def llama_config(**overrides: Any) -> dict[str, Any]:
    """A `config.json` of a tiny Llama, every field that matters spelled out."""
    config: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": 61,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "rope_scaling": None,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
    } | overrides
    config.setdefault(
        "head_dim", config["hidden_size"] // config["num_attention_heads"]
    )
    return config


def mistral_config(**overrides: Any) -> dict[str, Any]:
    """A `config.json` of a tiny Mistral."""
    config = llama_config(
        architectures=["MistralForCausalLM"], model_type="mistral", sliding_window=5
    )
    for key in ("attention_bias", "mlp_bias"):
        del config[key]
    return config | overrides


def qwen2_config(**overrides: Any) -> dict[str, Any]:
    """A `config.json` of a tiny Qwen 2."""
    config = llama_config(
        architectures=["Qwen2ForCausalLM"],
        model_type="qwen2",
        use_sliding_window=False,
        tie_word_embeddings=True,
    )
    for key in ("attention_bias", "mlp_bias", "head_dim"):
        del config[key]
    return config | overrides


def qwen3_config(**overrides: Any) -> dict[str, Any]:
    """A `config.json` of a tiny Qwen 3, whose heads are wider than a share of C."""
    settings = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"}
    config = llama_config(**({"head_dim": 12} | settings))
    config |= {"use_sliding_window": False}
    del config["mlp_bias"]
    return config | overrides


def olmo2_config(**overrides: Any) -> dict[str, Any]:
    """A `config.json` of a tiny OLMo 2."""
    config = llama_config(
        architectures=["Olmo2ForCausalLM"], model_type="olmo2", pad_token_id=0
    )
    for key in ("mlp_bias", "head_dim"):
        del config[key]
    return config | overrides


def smollm3_config(**overrides: Any) -> dict[str, Any]:
    """A `config.json` of a tiny SmolLM3, whose fourth layer turns nothing."""
    config = llama_config(
        architectures=["SmolLM3ForCausalLM"],
        model_type="smollm3",
        pad_token_id=0,
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=4,
    )
    del config["head_dim"]
    return config | overrides


def gemma_config(**overrides: Any) -> dict[str, Any]:
    """A `config.json` of a tiny Gemma: one key/value head, wide heads."""
    config = llama_config(
        architectures=["GemmaForCausalLM"],
        model_type="gemma",
        hidden_size=24,
        intermediate_size=40,
        num_attention_heads=3,
        num_key_value_heads=1,
        head_dim=10,
        hidden_act="gelu_pytorch_tanh",
        pad_token_id=0,
    )
    del config["mlp_bias"]
    return config | overrides


def gemma2_config(**overrides: Any) -> dict[str, Any]:
    """A `config.json` of a tiny Gemma 2, whose caps bend scores and logits."""
    config = gemma_config(
        architectures=["Gemma2ForCausalLM"],
        model_type="gemma2",
        num_attention_heads=4,
        num_key_value_heads=2,
        hidden_activation="gelu_pytorch_tanh",
        query_pre_attn_scalar=6,
        sliding_window=5,
        attn_logit_softcapping=2.0,
        final_logit_softcapping=3.0,
    )
    del config["hidden_act"]
    return config | overrides


def gemma3_config(**overrides: Any) -> dict[str, Any]:
    """A `config.json` of a tiny Gemma 3, whose second layer sees everything."""
    config = gemma2_config(
        architectures=["Gemma3ForCausalLM"],
        model_type="gemma3_text",
        sliding_window_pattern=2,
        rope_theta=1e6,
        rope_local_base_freq=10000.0,
        rope_scaling={"rope_type": "linear", "factor": 8.0},
        attn_logit_softcapping=None,
        final_logit_softcapping=None,
    )
    return config | overrides


PHI3_TARGETS = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")


def phi3_config(**overrides: Any) -> dict[str, Any]:
    """A `config.json` of a tiny Phi-3 with LongRoPE in three quarters of each head."""
    config: dict[str, Any] = {
        "architectures": ["Phi3ForCausalLM"],
        "model_type": "phi3",
        "vocab_size": 61,
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "num_key_value_heads": 1,
        "max_position_embeddings": 64,
        "original_max_position_embeddings": 8,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "partial_rotary_factor": 0.75,
        "rope_scaling": {
            "rope_type": "longrope",
            "short_factor": [1.0, 1.25, 1.5],
            "long_factor": [2.0, 4.5, 9.0],
        },
        "sliding_window": 6,
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    return config | overrides


_NEOX_HEAD = ("gpt_neox", "lm_head.weight")
NEOX_TARGETS = ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h")


def neox_config(**overrides: Any) -> dict[str, Any]:
    """A `config.json` of a tiny GPT-NeoX, every field that matters spelled out."""
    config: dict[str, Any] = {
        "architectures": ["GPTNeoXForCausalLM"],
        "model_type": "gpt_neox",
        "vocab_size": 61,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "hidden_act": "gelu",
        "rotary_pct": 0.25,
        "rotary_emb_base": 10000,
        "layer_norm_eps": 1e-5,
        "use_parallel_residual": True,
        "attention_bias": True,
        "attention_dropout": 0.0,
        "hidden_dropout": 0.0,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    return config | overrides


OPT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")


def opt_config(**overrides: Any) -> dict[str, Any]:
    """A `config.json` of a tiny OPT, every field that matters spelled out."""
    config: dict[str, Any] = {
        "architectures": ["OPTForCausalLM"],
        "model_type": "opt",
        "vocab_size": 61,
        "hidden_size": 32,
        "word_embed_proj_dim": 32,
        "ffn_dim": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "activation_function": "relu",
        "do_layer_norm_before": True,
        "enable_bias": True,
        "layer_norm_elementwise_affine": True,
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "layerdrop": 0.0,
        "tie_word_embeddings": True,
        "bos_token_id": 2,
        "eos_token_id": 2,
        "pad_token_id": 1,
    }
    return config | overrides


def build(
    config: dict[str, Any], adapter: AdapterSettings, generator: np.random.Generator
) -> tuple[torch.nn.Module, dict[str, np.ndarray]]:
    """A float32 PEFT model with random weights; its base weights by their names.

    Linear weights ~ N(0, 1/in), embeddings ~ N(0, 0.3²), norms ~ N(1, 0.2²), biases ~
    N(0, 0.2²); A ~ N(0, 1/in), B ~ N(0, 1/r), so that the adapter matters as much as
    the base.
    """
    # transformers writes into what it is given.
    settings = copy.deepcopy(config)
    del settings["model_type"]
    base = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(config["model_type"], **settings)
    )
    base = base.float().eval()
    weights = {}
    tied = config["tie_word_embeddings"]
    with torch.no_grad():
        for name, parameter in base.named_parameters():
            values = _draw(name, tuple(parameter.shape), generator)
            if parameter.ndim == 1 and "Gemma" in type(base).__name__:
                values -= 1  # which its norms add
            parameter.copy_(torch.from_numpy(values))
            weights[_file_name(name, config["model_type"])] = values
    heads = {"lm_head.weight", "embed_out.weight"}
    assert tied == heads.isdisjoint(weights)
    model = get_peft_model(
        base,
        LoraConfig(
            r=adapter.r,
            lora_alpha=adapter.lora_alpha,
            lora_dropout=0.0,
            target_modules=list(adapter.target_modules),
            task_type="CAUSAL_LM",
        ),
    )
    with torch.no_grad():
        for name, parameter in adapter_parameters(model).items():
            parameter.copy_(
                torch.from_numpy(_draw(name, tuple(parameter.shape), generator))
            )
    return model.eval(), weights


def _file_name(name: str, model_type: str) -> str:
    """What files call a parameter of the class in transformers 5."""
    return "embed_out.weight" if (model_type, name) == _NEOX_HEAD else name


def _draw(
    name: str, shape: tuple[int, ...], generator: np.random.Generator
) -> np.ndarray:
    values = generator.standard_normal(shape)
    if name.endswith(".bias"):
        values *= 0.2
    elif len(shape) == 1:
        values = 1 + 0.2 * values
    elif "embed_" in name:
        values *= 0.3
    else:
        values /= np.sqrt(shape[1])
    return values.astype(np.float32)


def random_sequence(
    length: int, supervised: int, vocabulary: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Random tokens of which the last `supervised` are supervised."""
    ids = generator.integers(0, vocabulary, length).astype(np.int32)
    labels = ids.copy()
    labels[: length - supervised] = IGNORED
    return ids, labels
