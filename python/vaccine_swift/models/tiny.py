"""A configuration small enough for tests, notebooks and docstrings."""

from __future__ import annotations

from typing import Any

__all__ = ["tiny_config"]


def tiny_config(**changes: Any) -> dict[str, Any]:
    """Return the Hugging Face configuration of a Llama that trains in milliseconds.

    Parameters
    ----------
    **changes
        Keys of a Hugging Face Llama configuration that replace or add to those here.

    Returns
    -------
    dict
        For `CausalLM.from_config`: 2 layers, hidden size 32, 4 heads over 2 key/value
        heads, a vocabulary of 128.

    Examples
    --------
    >>> tiny_config(num_hidden_layers=3)["num_hidden_layers"]
    3
    """
    return {
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": 32,
        "intermediate_size": 64,
        "max_position_embeddings": 256,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "vocab_size": 128,
    } | changes
