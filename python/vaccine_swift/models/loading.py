"""The weights of a checkpoint into the core."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from vaccine_swift import _core
from vaccine_swift.checkpoints.blocks import BlockSource, Quantised
from vaccine_swift.checkpoints.tensors import (
    TensorSource,
    check_tensors,
    with_base_names,
)

if TYPE_CHECKING:
    from vaccine_swift.engines.torch import TorchModel

__all__ = ["GGUF", "available_dtype", "loaded_model"]

GGUF: Final = "gguf"
"""The dtype of models whose matrices are held in the blocks of GGUF files."""

_BUFFER: Final = re.compile(
    r"(.*\.)?(rotary_emb\.(inv_freq|original_inv_freq|cos_cached|sin_cached)"
    r"|(attention|attn|self_attn)\.(bias|masked_bias)|position_ids)"
)


def available_dtype(dtype: str, *, blocks: bool = False) -> str:
    """The precision that a caller asks for, if this processor multiplies it.

    Parameters
    ----------
    dtype : str
        Its name, or "auto" for the fastest.
    blocks : bool
        Whether it may be `GGUF`.

    Raises
    ------
    ValueError
        For an unknown name or a precision that the processor lacks.
    """
    available = _core.dtypes()
    if dtype == "auto":
        return available[-1]
    if dtype == GGUF and blocks:
        return dtype
    if dtype not in available:
        known = ", ".join(map(repr, (*available, "auto")))
        lacking = " (this processor does not multiply it)" * (dtype == "bfloat16")
        lacking += f", or {GGUF!r} for a .gguf file" * blocks
        lacking += "; vaccine_swift.quantize makes such a model" * (dtype == GGUF)
        raise ValueError(f"dtype must be one of {known}, got {dtype!r}{lacking}")
    return dtype


def loaded_model(
    fields: dict[str, Any],
    source: TensorSource,
    *,
    kind: str | None = None,
    model: _core.Model | TorchModel | None = None,
) -> _core.Model | TorchModel:
    """A model with the weights of a checkpoint, read one tensor at a time.

    Parameters
    ----------
    fields : dict
        The core's configuration.
    source : TensorSource
        The checkpoint, a `BlockSource` where the precision is `GGUF`. Buffers that
        transformers has kept in some (rotary tables, causal masks, position ids) are
        passed over, and so is a copy of a tied vocabulary matrix.
    kind : str, optional
        Quantises the matrices of a checkpoint that is no `BlockSource`, see
        `Quantised`.
    model : Model or TorchModel, optional
        Without weights yet; a new one of the core if left out.

    Raises
    ------
    ValueError
        When tensors are missing, surplus, misshapen or not finite; names them.
    MemoryError
        When the model does not fit.
    OSError
        When a file is cut short while it is read; names it.
    """
    model = _core.Model(fields) if model is None else model
    expected = {name: tuple(shape) for name, shape in model.tensors("weight")}
    source = with_base_names(source, expected)
    if kind is not None:
        vocabulary = {_weight(fields, "embedding"), _weight(fields, "head")}
        source = Quantised(source, kind, vocabulary)
    ignored = _ignored_tensors(fields, source)
    check_tensors(source, expected, ignored=ignored)
    for name in expected:
        try:
            if fields["precision"] == GGUF and len(expected[name]) == 2:
                cast(_core.Model, model).lend(
                    name, *cast(BlockSource, source).blocks(name)
                )
            else:
                values = source.read(name)
                model.write("weight", name, values)
                _core.check_mapped(values)
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
