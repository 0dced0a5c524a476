"""Small models of every family, precision and format of blocks."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Final

import gguf
import numpy as np
from core_support import configuration

from fuzz.draw import Draw
from vaccine_swift import _core
from vaccine_swift.checkpoints.blocks import BLOCK_FORMATS
from vaccine_swift.families import FAMILIES, core_configuration
from vaccine_swift.families.family import Family

__all__ = ["DESCRIPTIONS", "blocks", "modules", "new_model"]

_SIZES: Final = {
    "vocab_size": 32,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "intermediate_size": 24,
}
_OPTIONAL: Final = {
    "num_key_value_heads": 2,
    "head_dim": 4,
    "ffn_dim": 24,
    "word_embed_proj_dim": 16,
}


def _small(family: Family) -> dict[str, Any]:
    """A description of the least that a family asks for."""
    known = {key: size for key, size in _OPTIONAL.items() if key in family.defaults}
    config = {"model_type": family.model_type} | _SIZES | known
    if "ffn_dim" in known:
        del config["intermediate_size"]
    return core_configuration(config)


def modules(description: Mapping[str, Any]) -> list[str]:
    """Names of the matrices of a layer, which can carry an adapter."""
    names = {w: str(n) for w, n in description.items() if w.startswith("names.")}
    return sorted(
        {
            name.rsplit(".", 1)[-1]
            for word, name in names.items()
            if "{layer}" in name and "norm" not in word
        }
    )


_SHAPES: Final = (
    {},
    {"precision": "bfloat16"},
    {"tied_embeddings": True, "query_key_value_bias": True},
    {"layer_count": 1, "head_count": 1, "key_value_head_count": 1, "head_size": 16},
    {"hidden_size": 32, "feed_forward_size": 64, "head_size": 8},
)
DESCRIPTIONS: Final = [
    *(configuration(**shape) for shape in _SHAPES),
    *map(_small, FAMILIES.values()),
]
_IN_BLOCKS: Final = configuration(
    hidden_size=256, feed_forward_size=256, head_size=64, precision="gguf"
)


def new_model(draw: Draw) -> _core.Model:
    """A random model, sometimes with numbers in it that are none."""
    if draw.once_in(12):
        model = _lent(draw)
    else:
        model = _core.Model(draw.choice(DESCRIPTIONS))
        model.initialise(draw.few(0, 3))
    targets = modules(model.configuration)
    model.add_adapter(targets, [2] * len(targets), [2.0] * len(targets), 0.0, 0)
    for name, shape in model.tensors("adapter"):
        model.write("adapter", name, draw.numbers().normal(0, 0.1, shape))
    if draw.once_in(5):
        kind = draw.choice(["weight", "adapter"])
        name, shape = draw.choice(model.tensors(kind))
        values = draw.numbers().normal(0, 0.1, shape)
        values.reshape(-1)[draw.randrange(values.size)] = draw.choice(
            [np.nan, np.inf, 3e38, -3e38, 1e30]
        )
        # What is not finite is refused, and so are numbers for blocks.
        with contextlib.suppress(ValueError, RuntimeError):
            model.write(kind, name, values)
    return model


def _lent(draw: Draw) -> _core.Model:
    """A model whose matrices are blocks, all of its own kinds."""
    model = _core.Model(_IN_BLOCKS)
    for name, shape in model.tensors("weight"):
        if len(shape) == 2:
            model.lend(name, *blocks(draw, shape))
        else:
            model.write("weight", name, np.ones(shape, np.float32))
    return model


def blocks(draw: Draw, shape: tuple[int, ...]) -> tuple[str, np.ndarray, Any]:
    """A format, a matrix in it whose scales are finite, and an order of its rows."""
    kind = draw.choice(BLOCK_FORMATS)
    size, length = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    raw = (shape[0], max(shape[-1] // size, 1) * length)
    order = draw.choice([None, np.array(draw.sample(range(shape[0]), shape[0]))])
    return kind, draw.numbers().integers(0, 60, raw, np.uint8), order
