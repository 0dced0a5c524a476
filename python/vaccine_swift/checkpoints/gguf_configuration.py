"""The Hugging Face configuration that a GGUF file's metadata stands for.

Keys begin with the file's architecture. What has no counterpart keeps its GGUF key, so
that the check of the configuration meets it.

References: gguf.md of ggml; ``convert_hf_to_gguf.py`` of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import check_word, shortened
from vaccine_swift._plurals import counted
from vaccine_swift.checkpoints.gguf_metadata import Kind, plain_number, read_field
from vaccine_swift.checkpoints.gguf_rotary import ROTARY_KINDS, rotary_settings
from vaccine_swift.families import GGUF_FAMILIES, Family, GGUFNames
from vaccine_swift.families.blocks import FULL, MOST_LAYERS, SLIDING

__all__ = ["family_of_metadata", "gguf_names", "hugging_face_configuration"]

_KEYS: Final = {
    "vocab_size": "vocab_size",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "block_count": "num_hidden_layers",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "use_parallel_residual": "use_parallel_residual",
    "attention.sliding_window": "sliding_window",
    "attention.scale": "attention_multiplier",
    "context_length": "max_position_embeddings",
    "rope.freq_base": "rope_theta",
    "expert_count": "num_local_experts",
    "expert_used_count": "num_experts_per_tok",
    "logit_scale": "logit_scale",
    "embedding_scale": "embedding_multiplier",
    "residual_scale": "residual_multiplier",
}
_PATTERN: Final = "attention.sliding_window_pattern"
_NUMBERS: Final = frozenset(
    [
        "attention.layer_norm_rms_epsilon",
        "attention.scale",
        "rope.freq_base",
        "logit_scale",
        "embedding_scale",
        "residual_scale",
    ]
)
_KINDS: Final[dict[str, Kind]] = {
    **{key: "number" if key in _NUMBERS else "integer" for key in _KEYS},
    "use_parallel_residual": "flag",
    **ROTARY_KINDS,
}
_SIZES: Final = (
    "embedding_length",
    "feed_forward_length",
    "block_count",
    "attention.head_count",
)
_TOKENS: Final = (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))
_OFF_WHEN_ZERO: Final = ("num_local_experts", "num_experts_per_tok", "sliding_window")


def family_of_metadata(metadata: Mapping[str, Any]) -> Family:
    """The family whose architecture a GGUF file names.

    Raises
    ------
    ValueError
        When there is none.
    """
    name = metadata.get("general.architecture")
    check_word("general.architecture", name, GGUF_FAMILIES, quoted=True)
    return GGUF_FAMILIES[str(name)]


def gguf_names(family: Family) -> GGUFNames:
    """The names of a family that has GGUF files."""
    assert family.gguf is not None
    return family.gguf


def hugging_face_configuration(
    metadata: Mapping[str, Any],
    shapes: Mapping[str, tuple[int, ...]],
    rotary_factors: Mapping[str, npt.NDArray[np.float32]],
) -> dict[str, Any]:
    """A ``config.json`` for a GGUF file.

    Parameters
    ----------
    metadata : mapping
        The file's key/value pairs.
    shapes : mapping of str to tuple of int
        The file's tensors under Hugging Face names; biases and the tied head are read
        off from what is there.
    rotary_factors : mapping of str to ndarray, float32 [D / 2]
        Those of `gguf_rotary.ROTARY_FACTORS` that the file has; one is recognised as
        llama3 scaling, two are those of longrope.

    Returns
    -------
    dict
        In the spelling that transformers 4 and 5 read.

    Raises
    ------
    ValueError
        For another architecture, a value of the wrong type, or rotary settings that
        have no counterpart; names the key.
    """
    family = family_of_metadata(metadata)
    own = gguf_names(family)
    prefix = f"{own.architecture}."
    values = _values(metadata, own)
    if missing := [prefix + key for key in _SIZES if key not in values]:
        raise ValueError(f"missing keys: {', '.join(missing)}")
    config: dict[str, Any] = {
        "architectures": [family.architecture],
        "model_type": family.model_type,
        "torch_dtype": "float32",
        **_read_off(family, shapes),
    }
    keys = _KEYS | dict(own.numbers)
    if (pattern := values.pop(_PATTERN, None)) is not None:
        layers = values["block_count"]
        config["layer_types"] = _layer_types(prefix + _PATTERN, pattern, layers)
    for key, value in values.items():
        if key not in ROTARY_KINDS:
            config[keys.get(key, prefix + key)] = value
    for key in _OFF_WHEN_ZERO:
        if config.get(key) == 0:
            del config[key]
    config |= _vocabulary(metadata, shapes.get(f"{family.modules['embedding']}.weight"))
    config |= rotary_settings(family, own, values, config, rotary_factors)
    if "rotary_pct" in family.defaults:
        config["rotary_pct"] = config.pop("partial_rotary_factor", 1.0)
    for key, value in _absent(config).items():
        if family.defaults.get(key) is not None:
            config.setdefault(key, value)
    return {**config, **own.derived(config)}


def _values(metadata: Mapping[str, Any], own: GGUFNames) -> dict[str, Any]:
    """The values of the architecture's keys, without its name before them."""
    prefix = f"{own.architecture}."
    kinds = _KINDS | dict.fromkeys(own.numbers, "number")
    values = {}
    for key, value in metadata.items():
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            if name in kinds:
                value = read_field(metadata, key, kinds[name])
            values[name] = plain_number(value)
    return values


def _read_off(family: Family, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """What the tensors tell: the tied head, biases; and the family's activation."""
    names = family.modules
    found: dict[str, Any] = {
        "tie_word_embeddings": f"{names['head']}.weight" not in shapes
    }
    for key, module in (("attention_bias", "attention_output"), ("mlp_bias", "down")):
        if key in family.defaults:
            part = f".{names[module].split('.')[-2]}."
            found[key] = any(part in n and n.endswith("bias") for n in shapes)
    if "hidden_act" in family.defaults:
        found["hidden_act"] = family.defaults["hidden_act"]
    return found


def _vocabulary(
    metadata: Mapping[str, Any], embedding: tuple[int, ...] | None
) -> dict[str, Any]:
    """The size of the vocabulary, and the ids of special tokens."""
    found: dict[str, Any] = {}
    if embedding is not None:
        found["vocab_size"] = embedding[0]
        tokens = read_field(metadata, "tokenizer.ggml.tokens", "texts", [])
        if len(tokens) > embedding[0]:
            raise ValueError(
                f"tokenizer.ggml.tokens holds {counted(len(tokens), 'token')}, but the "
                f"embedding has {counted(embedding[0], 'row')}"
            )
    for name, key in _TOKENS:
        token = read_field(metadata, f"tokenizer.ggml.{key}_token_id", "integer")
        if token is not None:
            found[f"{name}_token_id"] = token
    return found


def _layer_types(key: str, pattern: object, layers: int) -> list[str]:
    """Which layers have a window: all but each n-th, or as an array of flags says."""
    if isinstance(pattern, list) and all(flag in (0, 1) for flag in pattern):
        slides = [bool(flag) for flag in pattern]
    elif type(pattern) is int and pattern >= 0:
        slides = [
            pattern == 0 or (layer + 1) % pattern != 0
            for layer in range(min(layers, MOST_LAYERS))
        ]
    else:
        raise ValueError(
            f"{key} must be an integer from 0 or an array of flags, got "
            f"{shortened(pattern)}"
        )
    return [SLIDING if each else FULL for each in slides]


def _absent(config: Mapping[str, Any]) -> dict[str, Any]:
    """What llama.cpp takes for keys that a file leaves out."""
    heads, hidden = config.get("num_attention_heads"), config.get("hidden_size")
    absent: dict[str, Any] = {
        "rope_theta": 10000.0,
        "rotary_emb_base": 10000.0,
        "use_parallel_residual": True,
    }
    if heads and hidden:
        absent |= {"num_key_value_heads": heads, "head_dim": hidden // heads}
    return absent
