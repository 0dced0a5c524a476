"""The Hugging Face configuration that a GGUF file's metadata stands for.

Keys begin with the file's architecture. What has no counterpart keeps its GGUF key, so
that the check of the configuration meets it.

References: gguf.md of ggml; ``convert_hf_to_gguf.py`` of llama.cpp.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.checkpoints.gguf_metadata import Kind, read_field
from vaccine_swift.families import GGUF_FAMILIES, Family, GGUFNames
from vaccine_swift.families.blocks import FULL, MOST_LAYERS, SLIDING
from vaccine_swift.families.reader import shortened
from vaccine_swift.families.rotary import llama3_frequency_factors, rotary_configuration

__all__ = [
    "ROTARY_FACTORS",
    "family_of_metadata",
    "gguf_names",
    "hugging_face_configuration",
]

_LLAMA3: Final = "rope_freqs.weight"
_LONGROPE: Final = {
    "rope_factors_short.weight": "short_factor",
    "rope_factors_long.weight": "long_factor",
}
ROTARY_FACTORS: Final = (_LLAMA3, *_LONGROPE)
"""The tensors that divide the rotary frequencies, in files of Llama 3.1 and later, and
of Phi-3 for short and for long sequences."""

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
_ROTARY_KINDS: Final[dict[str, Kind]] = {
    "rope.dimension_count": "integer",
    "rope.scaling.type": "text",
    "rope.scaling.factor": "number",
    "rope.scaling.original_context_length": "integer",
    "rope.scaling.finetuned": "flag",
    "rope.scale_linear": "number",
    "rope.scaling.attn_factor": "number",
    "attention.value_length": "integer",
}
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
    **_ROTARY_KINDS,
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
    architecture = metadata.get("general.architecture")
    family = GGUF_FAMILIES.get(str(architecture))
    if family is None:
        known = ", ".join(map(repr, GGUF_FAMILIES))
        one_of = "one of " * (len(GGUF_FAMILIES) > 1)
        raise ValueError(
            f"general.architecture must be {one_of}{known}, got {architecture!r}"
        )
    return family


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
        Those of `ROTARY_FACTORS` that the file has; one is recognised as llama3
        scaling, two are those of longrope.

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
    names = family.modules
    own = gguf_names(family)
    prefix = f"{own.architecture}."
    kinds = _KINDS | dict.fromkeys(own.numbers, "number")
    values: dict[str, Any] = {}
    for key, value in metadata.items():
        if key.startswith(prefix):
            name = key.removeprefix(prefix)
            if name in kinds:
                value = read_field(metadata, key, kinds[name])
            values[name] = _plain(value)
    if missing := [prefix + key for key in _SIZES if key not in values]:
        raise ValueError(f"missing keys: {', '.join(missing)}")
    config: dict[str, Any] = {
        "architectures": [family.architecture],
        "model_type": family.model_type,
        "torch_dtype": "float32",
        "tie_word_embeddings": f"{names['head']}.weight" not in shapes,
    }
    for key, module in (("attention_bias", "attention_output"), ("mlp_bias", "down")):
        if key in family.defaults:
            part = f".{names[module].split('.')[-2]}."
            config[key] = any(part in n and n.endswith("bias") for n in shapes)
    if "hidden_act" in family.defaults:
        config["hidden_act"] = family.defaults["hidden_act"]
    keys = _KEYS | dict(own.numbers)
    if (pattern := values.pop(_PATTERN, None)) is not None:
        layers = values["block_count"]
        config["layer_types"] = _layer_types(prefix + _PATTERN, pattern, layers)
    for key, value in values.items():
        if key not in _ROTARY_KINDS:
            config[keys.get(key, prefix + key)] = value
    for key in _OFF_WHEN_ZERO:
        if config.get(key) == 0:
            del config[key]
    embedding = f"{names['embedding']}.weight"
    if embedding in shapes:
        config["vocab_size"] = shapes[embedding][0]
        tokens = read_field(metadata, "tokenizer.ggml.tokens", "texts", [])
        if len(tokens) > config["vocab_size"]:
            raise ValueError(
                f"tokenizer.ggml.tokens holds {len(tokens)} tokens, but the embedding "
                f"has {config['vocab_size']} rows"
            )
    for name, key in _TOKENS:
        token = read_field(metadata, f"tokenizer.ggml.{key}_token_id", "integer")
        if token is not None:
            config[f"{name}_token_id"] = token
    _read_rotary(family, values, config, rotary_factors)
    if "rotary_pct" in family.defaults:
        config["rotary_pct"] = config.pop("partial_rotary_factor", 1.0)
    for key, value in _absent(config).items():
        if family.defaults.get(key) is not None:
            config.setdefault(key, value)
    return {**config, **own.derived(config)}


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


def _read_rotary(
    family: Family,
    values: Mapping[str, Any],
    config: dict[str, Any],
    rotary_factors: Mapping[str, npt.NDArray[np.float32]],
) -> None:
    """Head size, rotated share and scaling, into `config`."""
    prefix = f"{gguf_names(family).architecture}."
    rotated = values.get("rope.dimension_count")
    head_size = values.get("attention.key_length")
    heads, hidden = config.get("num_attention_heads"), config.get("hidden_size")
    if head_size is None and isinstance(heads, int) and isinstance(hidden, int):
        head_size = hidden // max(heads, 1)
    if head_size != values.get("attention.value_length", head_size):
        raise ValueError(
            f"{prefix}attention.value_length {values['attention.value_length']} must "
            f"equal the key length {head_size}"
        )
    if rotated is not None and head_size and rotated != head_size:
        share = rotated / head_size
        # transformers takes the whole part of the product.
        if int(head_size * share) < rotated:
            share = math.nextafter(share, 2.0)
        config["partial_rotary_factor"] = share

    kind = values.get("rope.scaling.type", "linear")
    factor = values.get("rope.scaling.factor", values.get("rope.scale_linear"))
    unscaled = kind == "none" or (kind == "linear" and factor in (None, 0, 1))
    original = values.get("rope.scaling.original_context_length")
    if original is not None and "original_max_position_embeddings" in family.defaults:
        config["original_max_position_embeddings"] = original
    if any(name in rotary_factors for name in _LONGROPE):
        unscaled = unscaled or kind == "longrope"
    if not unscaled:
        config["rope_scaling"] = {"rope_type": kind, "factor": factor}
    given = {
        name: factors
        for name, factors in rotary_factors.items()
        if name in _LONGROPE or not np.allclose(factors, 1.0)
    }
    if given and ("rope_scaling" in config or (_LLAMA3 in given and len(given) > 1)):
        raise ValueError(
            f"{next(iter(given))} beside rope scaling {kind!r} is not implemented"
        )
    if _LLAMA3 in given:
        config["rope_scaling"] = _llama3_scaling(
            config, given[_LLAMA3], original or 8192
        )
    elif given:
        scale = values.get("rope.scaling.attn_factor")
        config["rope_scaling"] = _longrope_scaling(config, given, scale)


def _longrope_scaling(
    config: Mapping[str, Any],
    factors: Mapping[str, npt.NDArray[np.float32]],
    scale: float | None,
) -> dict[str, Any]:
    """Both sets of factors, and the scale where transformers would take another."""
    if missing := [name for name in _LONGROPE if name not in factors]:
        raise ValueError(f"missing tensors: {', '.join(missing)}")
    scaling: dict[str, Any] = {"rope_type": "longrope"}
    for name, key in _LONGROPE.items():
        scaling[key] = [_plain(float(factor)) for factor in factors[name].ravel()]
    fields = rotary_configuration(
        {**config, "rope_scaling": scaling}, [], kinds={"longrope": "longrope"}
    )
    if np.float32(1.0 if scale is None else scale) != np.float32(
        fields.get("rotary_scale", 1.0)
    ):
        scaling["attention_factor"] = 1.0 if scale is None else scale
    return scaling


def _llama3_scaling(
    config: Mapping[str, Any], rotary_factors: npt.NDArray[np.float32], original: int
) -> dict[str, Any]:
    """The llama3 parameters that give these factors: Meta's, with the largest."""
    scaling = {
        "rope_type": "llama3",
        "factor": float(rotary_factors.max()),
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": original,
    }
    faults: list[str] = []
    fields = rotary_configuration({**config, "rope_scaling": scaling}, faults)
    if not faults:
        expected = llama3_frequency_factors(fields, 2 * rotary_factors.size)
        if np.allclose(rotary_factors, expected, rtol=1e-3):
            return scaling
    raise ValueError(f"{_LLAMA3}: not the factors of llama3 scaling")


def _plain(value: Any) -> Any:
    """A float32 as the shortest decimal that rounds to it: 1e-05, not 9.99…e-06."""
    if isinstance(value, float) and float(np.float32(value)) == value:
        return float(str(np.float32(value)))
    return value
