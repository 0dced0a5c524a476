"""Parts of descriptions that families share, each read from a configuration."""

from __future__ import annotations

from typing import Any

from vaccine_swift.families.reader import ConfigurationReader

__all__ = ["check_window", "grouped_heads", "sizes"]


def sizes(reader: ConfigurationReader) -> dict[str, Any]:
    """Vocabulary, hidden size, layers, context, and whether the head is tied."""
    return {
        "vocabulary_size": reader.size("vocab_size"),
        "hidden_size": reader.size("hidden_size"),
        "layer_count": reader.size("num_hidden_layers"),
        "context_length": reader.size("max_position_embeddings"),
        "tied_embeddings": reader.flag("tie_word_embeddings"),
    }


def grouped_heads(reader: ConfigurationReader, *, even: bool) -> dict[str, Any]:
    """Query heads, key/value heads and their size, checked against one another.

    Parameters
    ----------
    reader : ConfigurationReader
        Of ``num_attention_heads``, ``num_key_value_heads`` and ``head_dim``.
    even : bool
        Whether the head size must be even, as for rotary positions.
    """
    before = len(reader.faults)
    hidden, heads = reader.value("hidden_size"), reader.size("num_attention_heads")
    key_value_heads = reader.value("num_key_value_heads")
    head_size = reader.value("head_dim")
    if len(reader.faults) > before or not _is_count(hidden):
        return {}
    assert heads is not None
    if key_value_heads is None:
        key_value_heads = heads
    given = head_size is not None
    if not given:
        head_size = hidden // heads
    if not given and hidden % heads:
        reader.faults.append(
            f"hidden_size {hidden} must be a multiple of num_attention_heads {heads} "
            "where head_dim is not given"
        )
    elif reader.is_size("head_dim", head_size) and even and head_size % 2:
        reader.faults.append(f"head_dim must be even, got {head_size}")
    if (
        reader.is_size("num_key_value_heads", key_value_heads)
        and heads % key_value_heads
    ):
        reader.faults.append(
            f"num_attention_heads {heads} must be a multiple of "
            f"num_key_value_heads {key_value_heads}"
        )
    return {
        "head_count": heads,
        "key_value_head_count": key_value_heads,
        "head_size": head_size,
    }


def check_window(reader: ConfigurationReader) -> None:
    """Refuse a sliding window that the context does not fit into."""
    window, context = (
        reader.value_or_null("sliding_window"),
        reader.value("max_position_embeddings"),
    )
    if (
        window is not None
        and reader.values.get("use_sliding_window", True)
        and reader.is_size("sliding_window", window)
        and isinstance(context, int)
        and window < context
    ):
        reader.faults.append(
            f"sliding_window {window} below max_position_embeddings {context} is not "
            "implemented"
        )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
