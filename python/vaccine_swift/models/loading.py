"""The weights of a checkpoint into the core."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from vaccine_swift import _core
from vaccine_swift.checkpoints.tensors import (
    TensorSource,
    check_tensors,
    with_base_names,
)

__all__ = ["available_dtype", "loaded_model"]

_BUFFER: Final = re.compile(
    r"(.*\.)?(rotary_emb\.(inv_freq|original_inv_freq|cos_cached|sin_cached)"
    r"|(attention|attn|self_attn)\.(bias|masked_bias)|position_ids)"
)


def available_dtype(dtype: str) -> str:
    """The precision that a caller asks for, if this processor multiplies it.

    Raises
    ------
    ValueError
        For an unknown name or a precision that the processor lacks.
    """
    available = _core.dtypes()
    if dtype == "auto":
        return available[-1]
    if dtype not in available:
        known = ", ".join(map(repr, (*available, "auto")))
        lacking = " (this processor does not multiply it)" * (dtype == "bfloat16")
        raise ValueError(f"dtype must be one of {known}, got {dtype!r}{lacking}")
    return dtype


def loaded_model(fields: dict[str, Any], source: TensorSource) -> _core.Model:
    """A model with the weights of a checkpoint, read one tensor at a time.

    Parameters
    ----------
    fields : dict
        The core's configuration.
    source : TensorSource
        The checkpoint. Buffers that transformers has kept in some (rotary tables,
        causal masks, position ids) are passed over, and so is a copy of a tied
        vocabulary matrix.

    Raises
    ------
    ValueError
        When tensors are missing, surplus, misshapen or not finite; names them.
    MemoryError
        When the model does not fit.
    """
    model = _core.Model(fields)
    expected = {name: tuple(shape) for name, shape in model.tensors("weight")}
    source = with_base_names(source, expected)
    ignored = _ignored_tensors(fields, source)
    check_tensors(source, expected, ignored=ignored)
    for name in expected:
        try:
            model.write("weight", name, source.read(name))
        except ValueError as error:
            raise ValueError(f"{source.name}: {error}") from error
    model.check_complete()
    _check_tied_head(fields, source)
    return model


def _ignored_tensors(fields: Mapping[str, Any], source: TensorSource) -> set[str]:
    """Tensors that a checkpoint may hold although the model computes them."""
    ignored = {name for name in source.shapes if _BUFFER.fullmatch(name)}
    return ignored | {_weight(fields, "head")} if fields["tied_embeddings"] else ignored


def _check_tied_head(fields: Mapping[str, Any], source: TensorSource) -> None:
    """Refuse a vocabulary matrix of its own where the configuration ties it."""
    head, embedding = _weight(fields, "head"), _weight(fields, "embedding")
    both = fields["tied_embeddings"] and head in source.shapes
    if both and not np.array_equal(source.read(head), source.read(embedding)):
        raise ValueError(
            f"{source.name}: tie_word_embeddings is true, but {head} differs from "
            f"{embedding}"
        )


def _weight(fields: Mapping[str, Any], module: str) -> str:
    """The name of the weight of a module that the model has once."""
    return f"{fields[f'names.{module}']}.weight"
