"""Writes the checkpoint files that the tests read, each format by its own library."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import save_file

import vaccine_swift as vs

# By `model_type`: the package's architecture, and whether llama.cpp's converter
# reorders the rows of q and k. SmolLM3's tensors are called as Llama's; not every
# version of the package knows it.
_ARCHITECTURES = {
    "llama": (gguf.MODEL_ARCH.LLAMA, True),
    "mistral": (gguf.MODEL_ARCH.LLAMA, True),
    "qwen2": (gguf.MODEL_ARCH.QWEN2, False),
    "smollm3": (gguf.MODEL_ARCH.LLAMA, True),
    "olmo2": (gguf.MODEL_ARCH.OLMO2, False),
    "qwen3": (gguf.MODEL_ARCH.QWEN3, False),
    "gemma": (gguf.MODEL_ARCH.GEMMA, False),
    "gemma2": (gguf.MODEL_ARCH.GEMMA2, False),
    "gemma3_text": (gguf.MODEL_ARCH.GEMMA3, False),
    "gpt_neox": (gguf.MODEL_ARCH.GPTNEOX, False),
    "phi3": (gguf.MODEL_ARCH.PHI3, False),
}
# Above the single bytes, as GPT-2 spells them.
MERGES = ["h e", "l l", "he ll", "hell o", "Ġ w", "o r", "Ġw or", "l d", "Ġwor ld"]


def weight_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Hugging Face names and shapes of a Llama, written down here once more."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    size = hidden // config["num_attention_heads"]
    key_value = size * config["num_key_value_heads"]
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (config["vocab_size"], hidden),
        "model.norm.weight": (hidden,),
    }
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (config["vocab_size"], hidden)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        shapes[prefix + "input_layernorm.weight"] = (hidden,)
        shapes[prefix + "post_attention_layernorm.weight"] = (hidden,)
        projections = {
            "self_attn.q_proj": (hidden, hidden),
            "self_attn.k_proj": (key_value, hidden),
            "self_attn.v_proj": (key_value, hidden),
            "self_attn.o_proj": (hidden, hidden),
            "mlp.gate_proj": (inner, hidden),
            "mlp.up_proj": (inner, hidden),
            "mlp.down_proj": (hidden, inner),
        }
        for name, shape in projections.items():
            shapes[f"{prefix}{name}.weight"] = shape
            bias = "attention_bias" if "self_attn" in name else "mlp_bias"
            if config.get(bias):
                shapes[f"{prefix}{name}.bias"] = shape[:1]
    return shapes


def random_weights(config: dict[str, Any], seed: int = 0) -> dict[str, np.ndarray]:
    """Float32 weights of a Llama, all different from zero."""
    generator = np.random.default_rng(seed)
    return {
        name: generator.normal(0, 0.1, shape).astype(np.float32)
        for name, shape in weight_shapes(config).items()
    }


def write_directory(
    directory: Path, config: dict[str, Any], weights: dict[str, np.ndarray]
) -> Path:
    """A Hugging Face directory with one safetensors file."""
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config))
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


def move_to_shard(directory: Path, weight_map: object) -> None:
    """Call the weights ``part.safetensors`` and write an index beside them."""
    (directory / "model.safetensors").rename(directory / "part.safetensors")
    (directory / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": weight_map})
    )


def write_bfloat16(path: Path, weights: dict[str, np.ndarray]) -> None:
    """A safetensors file in bfloat16 (cut, not rounded), packed by hand."""
    header, data = {}, b""
    for name, values in weights.items():
        part = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
        offsets = [len(data), len(data) + len(part)]
        header[name] = {
            "dtype": "BF16",
            "shape": list(values.shape),
            "data_offsets": offsets,
        }
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def cut_to_bfloat16(values: np.ndarray) -> np.ndarray:
    """The float32 values that `write_bfloat16` stores."""
    return (values.view(np.uint32) & 0xFFFF0000).view(np.float32)


def gguf_rows(values: np.ndarray, heads: int) -> np.ndarray:
    """The order in which llama.cpp stores q and k (`permute` of its converter)."""
    half = values.shape[0] // heads // 2
    order = [
        head * 2 * half + part * half + pair
        for head in range(heads)
        for pair in range(half)
        for part in range(2)
    ]
    return values[order]


def stacked_rows(values: np.ndarray, heads: int) -> np.ndarray:
    """Query, key and value of each head as all queries, all keys, all values."""
    size = values.shape[0] // heads // 3
    order = [
        head * 3 * size + part * size + row
        for part in range(3)
        for head in range(heads)
        for row in range(size)
    ]
    return values[order]


def byte_alphabet() -> list[str]:
    """GPT-2's printable characters for the 256 bytes, in its order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [
        chr(256 + i) for i in range(len(others))
    ]


def vocabulary() -> tuple[list[str], list[int]]:
    """Tokens and their GGUF types."""
    merged = ["".join(merge.split()) for merge in MERGES]
    tokens = ["<end>", "<start>", *byte_alphabet(), *merged]
    return tokens, [3, 3] + [1] * (len(tokens) - 2)


def tokenizer_metadata(**changes: Any) -> dict[str, Any]:
    """What a GGUF file says of `vocabulary`, without the prefix ``tokenizer.ggml.``."""
    tokens, types = vocabulary()
    fields = {
        "model": "gpt2",
        "pre": "smollm",
        "tokens": tokens,
        "token_type": types,
        "merges": MERGES,
        "bos_token_id": 1,
        "eos_token_id": 0,
    } | changes
    return {f"tokenizer.ggml.{key}": v for key, v in fields.items() if v is not None}


def gguf_config(**changes: Any) -> dict[str, Any]:
    """A tiny Llama with room for `vocabulary` and rows of 32, which quantise."""
    return vs.tiny_config(vocab_size=len(vocabulary()[0]), **changes)


def write_gguf(
    path: Path,
    config: dict[str, Any],
    weights: dict[str, np.ndarray],
    *,
    quantization: str = "F32",
    metadata: dict[str, Any] | None = None,
    extra: dict[str, Any] | None = None,
) -> Path:
    """A GGUF file as llama.cpp's converter lays it out.

    `extra` tensors go in as they are, quantised ones as (bytes, type).
    """
    architecture, reordered = _ARCHITECTURES[config["model_type"]]
    named = gguf.MODEL_ARCH_NAMES[architecture]
    writer = gguf.GGUFWriter(
        path, "smollm3" if config["model_type"] == "smollm3" else named
    )
    heads = config["num_attention_heads"]
    groups = config.get("num_key_value_heads", heads)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(heads)
    size = config.get("head_dim") or config["hidden_size"] // heads
    if architecture == gguf.MODEL_ARCH.GPTNEOX:
        writer.add_rope_dimension_count(int(config["rotary_pct"] * size))
        writer.add_parallel_residual(config["use_parallel_residual"])
        writer.add_layer_norm_eps(config["layer_norm_eps"])
    else:
        writer.add_head_count_kv(groups)
        writer.add_rope_freq_base(config["rope_theta"])
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        if architecture == gguf.MODEL_ARCH.PHI3:
            _add_phi3_fields(writer, config, size)
        elif reordered:
            writer.add_rope_dimension_count(size)
        else:
            writer.add_key_length(size)
            writer.add_value_length(size)
    if config["model_type"] != "phi3":
        _add_gemma_fields(writer, config)
    for key, value in (metadata or {}).items():
        add_field(writer, key, value)
    for name, values in weights.items():
        if reordered and ".q_proj." in name:
            values = gguf_rows(values, heads)
        elif reordered and ".k_proj." in name:
            values = gguf_rows(values, groups)
        elif architecture == gguf.MODEL_ARCH.GPTNEOX and ".query_key_value." in name:
            values = stacked_rows(values, heads)
        if config["model_type"].startswith("gemma") and name.endswith("norm.weight"):
            values = values + np.float32(1)
        kind = gguf.GGMLQuantizationType[quantization if values.ndim > 1 else "F32"]
        stored = gguf.quantize(values, kind)
        writer.add_tensor(gguf_name(name, architecture), stored, raw_dtype=kind)
    for name, values in (extra or {}).items():
        stored, kind = values if isinstance(values, tuple) else (values, None)
        writer.add_tensor(name, stored, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_gemma_fields(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    """Caps, windows and rotary scaling, of those that have them."""
    if config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    if pattern := config.get("sliding_window_pattern"):
        # The writer's own call for it is not in every version of the package.
        add_field(writer, f"{writer.arch}.attention.sliding_window_pattern", pattern)
    if cap := config.get("attn_logit_softcapping"):
        writer.add_attn_logit_softcapping(cap)
    if cap := config.get("final_logit_softcapping"):
        writer.add_final_logit_softcapping(cap)
    if (scaling := config.get("rope_scaling")) and config["model_type"] != "llama":
        writer.add_rope_scaling_type(gguf.RopeScalingType(scaling["rope_type"]))
        writer.add_rope_scaling_factor(scaling["factor"])


def write_vocabulary(
    path: Path, metadata: dict[str, Any], architecture: str = "llama"
) -> Path:
    """A GGUF file with key/value pairs and no tensors."""
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in metadata.items():
        if value is not None:
            add_field(writer, key, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_phi3_fields(
    writer: gguf.GGUFWriter, config: dict[str, Any], size: int
) -> None:
    """What llama.cpp's converter writes of a Phi-3; LongRoPE's factors as tensors."""
    original = config["original_max_position_embeddings"]
    writer.add_rope_scaling_orig_ctx_len(original)
    writer.add_rope_dimension_count(int(size * config["partial_rotary_factor"]))
    writer.add_sliding_window(config["sliding_window"] or 0)
    if scaling := config["rope_scaling"]:
        factor = config["max_position_embeddings"] / original
        scale = math.sqrt(1 + math.log(factor) / math.log(original))
        writer.add_rope_scaling_attn_factors(scale)
        for kind in ("short", "long"):
            factors = np.array(scaling[f"{kind}_factor"], np.float32)
            writer.add_tensor(f"rope_factors_{kind}.weight", factors)


def add_field(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    """One key/value pair, its GGUF type by the value's."""
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


def gguf_name(name: str, architecture: gguf.MODEL_ARCH = gguf.MODEL_ARCH.LLAMA) -> str:
    """llama.cpp's name of a Hugging Face tensor, by the package's own table."""
    names = gguf.get_tensor_name_map(architecture, 8)
    found = names.get_name(name, try_suffixes=(".weight", ".bias"))
    assert found is not None, name
    return found
