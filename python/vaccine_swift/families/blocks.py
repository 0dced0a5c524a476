"""Parts of descriptions that families share, each read from a configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from vaccine_swift._plurals import counted
from vaccine_swift.families.reader import ConfigurationReader

__all__ = [
    "FULL",
    "MOST_LAYERS",
    "SLIDING",
    "grouped_heads",
    "layer_kinds",
    "layer_windows",
    "plain_activation",
    "sizes",
]

FULL: Final = "full_attention"
SLIDING: Final = "sliding_attention"
MOST_LAYERS: Final = 1 << 13
"""As many as the core takes."""
_PLAIN_ACTIVATIONS: Final = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "relu": "relu",
}


def sizes(reader: ConfigurationReader) -> dict[str, Any]:
    """Vocabulary, hidden size, layers, context, and whether the head is tied."""
    return {
        "vocabulary_size": reader.size("vocab_size"),
        "hidden_size": reader.size("hidden_size"),
        "layer_count": reader.size("num_hidden_layers"),
        "context_length": reader.size("max_position_embeddings"),
        "tied_embeddings": reader.flag("tie_word_embeddings"),
    }


def plain_activation(reader: ConfigurationReader, key: str) -> str | None:
    """The core's name of an activation that is not gated."""
    reader.only(key, *_PLAIN_ACTIVATIONS)
    return _PLAIN_ACTIVATIONS.get(str(reader.value(key)))


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
    if len(reader.faults) > before:
        return {}
    return {
        "head_count": heads,
        "key_value_head_count": key_value_heads,
        "head_size": head_size,
    }


def layer_windows(
    reader: ConfigurationReader, window: Any, slides: Callable[[int], bool]
) -> dict[str, Any]:
    """How far attention sees in each layer; nothing where no sequence reaches that far.

    Parameters
    ----------
    reader : ConfigurationReader
        Of ``num_hidden_layers``, ``max_position_embeddings`` and, where the family
        has it, ``layer_types``.
    window : object
        What the configuration gives: positions that one sees, itself included, or None.
    slides : callable
        Whether the layer of an index has the window where no ``layer_types`` say it.
    """
    context = reader.value("max_position_embeddings")
    if window is None:
        if SLIDING in layer_kinds(reader, lambda _layer: False):
            reader.faults.append(f"layer_types: {SLIDING} without a sliding window")
        return {}
    kinds = layer_kinds(reader, slides)
    if not reader.is_size("sliding_window", window) or SLIDING not in kinds:
        return {}
    if not isinstance(context, int) or window >= context:
        return {}
    return {"windows": [window if kind == SLIDING else 0 for kind in kinds]}


def layer_kinds(
    reader: ConfigurationReader, slides: Callable[[int], bool]
) -> list[str]:
    """`FULL` or `SLIDING` for each layer, by ``layer_types`` where they are given.

    Parameters
    ----------
    reader : ConfigurationReader
        Of ``num_hidden_layers`` and ``layer_types``.
    slides : callable
        Whether the layer of an index slides where no ``layer_types`` say it.
    """
    layers = reader.value("num_hidden_layers")
    reader.knows(("layer_types",))
    kinds = reader.names("layer_types")
    if other := sorted(set(kinds) - {FULL, SLIDING}):
        reader.faults.append(f"layer_types {', '.join(other)} are not implemented")
    if kinds and _is_count(layers) and len(kinds) != layers:
        reader.faults.append(
            f"layer_types must have num_hidden_layers = {counted(layers, 'entry')}, "
            f"got {len(kinds)}"
        )
    if not kinds and _is_count(layers):
        return [
            SLIDING if slides(layer) else FULL
            for layer in range(min(layers, MOST_LAYERS))
        ]
    return kinds


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
