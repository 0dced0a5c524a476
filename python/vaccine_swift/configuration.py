"""Hugging Face model configurations, translated for the core.

A family is a row of defaults in `_FAMILIES`. What the engine does not implement is
refused by name, all faults of a configuration in one error; a key that nobody here has
heard of is warned of.

Defaults and meanings follow transformers' `LlamaConfig` and `MistralConfig`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Final

from vaccine_swift._arguments import is_within, nearest
from vaccine_swift.configuration_keys import IRRELEVANT_KEYS, UNIMPLEMENTED_KEYS
from vaccine_swift.rotary import rotary_configuration

__all__ = ["core_configuration"]

_INT32_MAX: Final = 2**31 - 1

_LLAMA: Final[dict[str, Any]] = {
    "num_key_value_heads": None,  # as many as query heads
    "head_dim": None,  # hidden_size / num_attention_heads
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "attention_bias": False,
    "mlp_bias": False,
    "sliding_window": None,
}
_FAMILIES: Final[dict[str, dict[str, Any]]] = {
    "llama": _LLAMA,
    "mistral": _LLAMA
    | {
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
        "sliding_window": 4096,
    },
}

_SIZES: Final = {
    "vocab_size": "vocabulary_size",
    "hidden_size": "hidden_size",
    "intermediate_size": "feed_forward_size",
    "num_hidden_layers": "layer_count",
    "num_attention_heads": "head_count",
}
_ROTARY: Final = frozenset({"rope_theta", "rope_scaling", "rope_parameters"})


def core_configuration(
    config: Mapping[str, Any], *, dtype: str = "float32", source: str = "config"
) -> dict[str, Any]:
    """The core's description of the model that a Hugging Face configuration describes.

    Parameters
    ----------
    config : mapping
        What ``config.json`` holds. ``model_type`` ("llama" or "mistral"),
        ``vocab_size``, ``hidden_size``, ``intermediate_size``, ``num_hidden_layers``
        and ``num_attention_heads`` must be there; the rest defaults as in transformers.
        Rotary settings may be spelt ``rope_theta`` and ``rope_scaling``, or
        ``rope_parameters`` as transformers 5 writes them.
    dtype : str
        In which the model computes: one of ``_core.dtypes()``.
    source : str
        Named at the head of error messages.

    Returns
    -------
    dict
        All fields of ``VaccineModelConfiguration`` (``CVaccine.h``) by name.

    Raises
    ------
    TypeError
        When `config` is no mapping.
    ValueError
        When something is missing, out of range or not implemented (other model types,
        activations, rope scaling types, sliding windows shorter than the context,
        quantised weights, experts …). The message lists every fault.

    Warns
    -----
    UserWarning
        For keys that are unknown here and were not used.

    Examples
    --------
    >>> fields = core_configuration(
    ...     {
    ...         "model_type": "llama",
    ...         "vocab_size": 32000,
    ...         "hidden_size": 4096,
    ...         "intermediate_size": 11008,
    ...         "num_hidden_layers": 32,
    ...         "num_attention_heads": 32,
    ...     }
    ... )
    >>> fields["head_size"], fields["rotary_base"]
    (128, 10000.0)
    """
    if not isinstance(config, Mapping):
        raise TypeError(f"{source} must be a mapping, got {type(config).__name__}")
    family = _FAMILIES.get(str(config.get("model_type")))
    if family is None:
        raise ValueError(
            f"{source}: model_type must be one of {', '.join(_FAMILIES)}, "
            f"got {config.get('model_type')!r}"
        )
    faults: list[str] = []
    values = family | {k: v for k, v in config.items() if v is not None}
    if "sliding_window" in config:
        values["sliding_window"] = config["sliding_window"]

    fields: dict[str, Any] = {"precision": dtype}
    for key, field in _SIZES.items():
        if key not in values:
            faults.append(f"{key} is missing")
        elif _is_size(key, values[key], faults):
            fields[field] = values[key]
    if _is_size("max_position_embeddings", values["max_position_embeddings"], faults):
        fields["context_length"] = values["max_position_embeddings"]
    fields |= _heads(values, fields, faults)
    for key, names in (
        ("tie_word_embeddings", ("tied_embeddings",)),
        ("attention_bias", ("query_key_value_bias", "attention_output_bias")),
        ("mlp_bias", ("feed_forward_bias",)),
    ):
        if not isinstance(values[key], bool):
            faults.append(f"{key} must be true or false, got {values[key]!r}")
        fields |= dict.fromkeys(names, values[key])
    if is_within("rms_norm_eps", values["rms_norm_eps"], faults, above=0.0):
        fields["norm_epsilon"] = float(values["rms_norm_eps"])
    fields |= rotary_configuration(values, faults)

    _check_features(values, faults)
    if faults:
        raise ValueError(f"{source}: " + "; ".join(faults))
    _warn_of_unknown_keys(config, source)
    return fields


def _heads(
    values: Mapping[str, Any], sizes: Mapping[str, Any], faults: list[str]
) -> dict[str, Any]:
    """Head size and key/value heads, checked against the query heads."""
    hidden, heads = sizes.get("hidden_size"), sizes.get("head_count")
    if hidden is None or heads is None:
        return {}
    key_value_heads = values["num_key_value_heads"]
    if key_value_heads is None:
        key_value_heads = heads
    head_size = values["head_dim"]
    if head_size is None:
        head_size = hidden // heads
    if values["head_dim"] is None and hidden % heads:
        faults.append(
            f"hidden_size {hidden} must be a multiple of num_attention_heads {heads} "
            "where head_dim is not given"
        )
    elif _is_size("head_dim", head_size, faults) and head_size % 2:
        faults.append(f"head_dim must be even, got {head_size}")
    if (
        _is_size("num_key_value_heads", key_value_heads, faults)
        and heads % key_value_heads
    ):
        faults.append(
            f"num_attention_heads {heads} must be a multiple of "
            f"num_key_value_heads {key_value_heads}"
        )
    return {"key_value_head_count": key_value_heads, "head_size": head_size}


def _check_features(values: Mapping[str, Any], faults: list[str]) -> None:
    """Add to `faults` whatever the configuration asks for and the engine lacks."""
    if values["hidden_act"] not in ("silu", "swish"):
        faults.append(f"hidden_act must be 'silu', got {values['hidden_act']!r}")
    window, context = values["sliding_window"], values["max_position_embeddings"]
    if (
        window is not None
        and values.get("use_sliding_window", True)
        and _is_size("sliding_window", window, faults)
        and isinstance(context, int)
        and window < context
    ):
        faults.append(
            f"sliding_window {window} below max_position_embeddings {context} is not "
            "implemented"
        )
    kinds = _names("layer_types", values, faults)
    if other := sorted(set(kinds) - {"full_attention"}):
        faults.append(f"layer_types {', '.join(other)} are not implemented")
    architectures = _names("architectures", values, faults)
    if architectures and not any("ForCausalLM" in name for name in architectures):
        faults.append(
            f"architectures must name a causal language model, got {architectures!r}"
        )
    for key, neutral in UNIMPLEMENTED_KEYS.items():
        value = values.get(key)
        if value is not None and value != neutral:
            faults.append(f"{key} = {_shortened(value)} is not implemented")


def _warn_of_unknown_keys(config: Mapping[str, Any], source: str) -> None:
    known = (
        set(_LLAMA) | set(_SIZES) | _ROTARY | set(UNIMPLEMENTED_KEYS) | IRRELEVANT_KEYS
    )
    unknown = [k for k in config if k not in known and not str(k).startswith("_")]
    if unknown:
        named = ", ".join(f"{key!r}.{nearest(str(key), known)}" for key in unknown)
        warnings.warn(f"{source}: unknown keys not used: {named}", stacklevel=3)


def _names(key: str, values: Mapping[str, Any], faults: list[str]) -> list[str]:
    """A list of strings that may be absent."""
    names = values.get(key, [])
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    faults.append(f"{key} must be a list of strings, got {_shortened(names)}")
    return []


def _is_size(name: str, value: object, faults: list[str]) -> bool:
    return is_within(name, value, faults, minimum=1, maximum=_INT32_MAX, integer=True)


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
