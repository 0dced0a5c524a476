"""Rotary positions as a GGUF file describes them: share, scaling and factors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift.checkpoints.gguf_metadata import Kind, plain_number
from vaccine_swift.families import Family, GGUFNames
from vaccine_swift.families.rotary import llama3_frequency_factors, rotary_configuration

__all__ = ["ROTARY_FACTORS", "ROTARY_KINDS", "rotary_settings"]

_LLAMA3: Final = "rope_freqs.weight"
_LONGROPE: Final = {
    "rope_factors_short.weight": "short_factor",
    "rope_factors_long.weight": "long_factor",
}
ROTARY_FACTORS: Final = (_LLAMA3, *_LONGROPE)
"""The tensors that divide the rotary frequencies, in files of Llama 3.1 and later, and
of Phi-3 for short and for long sequences."""

ROTARY_KINDS: Final[dict[str, Kind]] = {
    "rope.dimension_count": "integer",
    "rope.scaling.type": "text",
    "rope.scaling.factor": "number",
    "rope.scaling.original_context_length": "integer",
    "rope.scaling.finetuned": "flag",
    "rope.scale_linear": "number",
    "rope.scaling.attn_factor": "number",
    "attention.value_length": "integer",
}
"""The keys of rotary positions, without the architecture's name before them."""


def rotary_settings(
    family: Family,
    own: GGUFNames,
    values: Mapping[str, Any],
    config: Mapping[str, Any],
    rotary_factors: Mapping[str, npt.NDArray[np.float32]],
) -> dict[str, Any]:
    """Rotated share and scaling, in the words of a ``config.json``.

    Parameters
    ----------
    family : Family
        Whose settings they become.
    own : GGUFNames
        Its names in GGUF files.
    values : mapping
        The file's values by key, without the architecture's name before it.
    config : mapping
        What the file's other keys have become.
    rotary_factors : mapping of str to ndarray, float32 [D / 2]
        Those of `ROTARY_FACTORS` that the file has.

    Raises
    ------
    ValueError
        When the sizes of keys and values differ, or a scaling has no counterpart.
    """
    found: dict[str, Any] = {}
    prefix = f"{own.architecture}."
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
        found["partial_rotary_factor"] = share

    kind = values.get("rope.scaling.type", "linear")
    factor = values.get("rope.scaling.factor", values.get("rope.scale_linear"))
    unscaled = kind == "none" or (kind == "linear" and factor in (None, 0, 1))
    original = values.get("rope.scaling.original_context_length")
    if original is not None and "original_max_position_embeddings" in family.defaults:
        found["original_max_position_embeddings"] = original
    if any(name in rotary_factors for name in _LONGROPE):
        unscaled = unscaled or kind == "longrope"
    if not unscaled:
        found["rope_scaling"] = {"rope_type": kind, "factor": factor}
    given = {
        name: factors
        for name, factors in rotary_factors.items()
        if name in _LONGROPE or not np.allclose(factors, 1.0)
    }
    if given and ("rope_scaling" in found or (_LLAMA3 in given and len(given) > 1)):
        raise ValueError(
            f"{next(iter(given))} beside rope scaling {kind!r} is not implemented"
        )
    if _LLAMA3 in given:
        found["rope_scaling"] = _llama3_scaling(
            {**config, **found}, given[_LLAMA3], original or 8192
        )
    elif given:
        scale = values.get("rope.scaling.attn_factor")
        found["rope_scaling"] = _longrope_scaling({**config, **found}, given, scale)
    return found


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
        scaling[key] = [plain_number(float(factor)) for factor in factors[name].ravel()]
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
