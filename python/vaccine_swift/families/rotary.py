"""Rotary position settings of Hugging Face configurations, in both spellings.

``rope_theta`` beside ``rope_scaling`` (with ``type`` or ``rope_type``), or all of it in
``rope_parameters`` (transformers 5). Types: default, linear, llama3, longrope.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import is_within

__all__ = [
    "ROTARY_KEYS",
    "llama3_frequency_factors",
    "partial_rotary",
    "rotary_configuration",
]

ROTARY_KEYS: Final = ("rope_theta", "rope_scaling", "rope_parameters")
"""Where a configuration has these settings."""


_DEFAULT_BASE: Final = 10000.0
_LONG_FACTORS: Final = {
    "short_factor": "rotary_short_factors",
    "long_factor": "rotary_long_factors",
}
_PARAMETERS: Final[dict[str, frozenset[str]]] = {
    "default": frozenset(),
    "linear": frozenset({"factor"}),
    "llama3": frozenset({"factor", "low_freq_factor", "high_freq_factor"}),
    "longrope": frozenset({"factor", "attention_factor", *_LONG_FACTORS}),
}
_KINDS: Final = {kind: kind for kind in ("default", "linear", "llama3")}
_COMMON: Final = frozenset(
    [
        "rope_type",
        "type",
        "rope_theta",
        "partial_rotary_factor",
        "original_max_position_embeddings",
    ]
)


def rotary_configuration(
    values: Mapping[str, Any],
    faults: list[str],
    *,
    kinds: Mapping[str, str] = _KINDS,
    partial: bool = False,
) -> dict[str, Any]:
    """The rotary fields of the core's configuration.

    Parameters
    ----------
    values : mapping
        A Hugging Face configuration.
    faults : list of str
        What is wrong or not implemented is added here, by name.
    kinds : mapping of str to str
        The types that the family has, and what they mean here.
    partial : bool
        Whether the family may turn a part of each head, see `partial_rotary`.

    Returns
    -------
    dict
        ``rotary_scaling`` (one of `kinds`), ``rotary_base``, ``rotary_factor``, the two
        frequency factors and ``rotary_original_context_length``; neutral where the type
        has no use for them. Of longrope also ``rotary_scale`` and the factors of all
        frequencies in short and in long sequences.
    """
    key, parameters = _parameters(values)
    fields: dict[str, Any] = {
        "rotary_scaling": "default",
        "rotary_base": _DEFAULT_BASE,
        "rotary_factor": 1.0,
        "rotary_low_frequency_factor": 1.0,
        "rotary_high_frequency_factor": 4.0,
        "rotary_original_context_length": values.get("max_position_embeddings"),
    }
    if not isinstance(parameters, Mapping):
        faults.append(f"{key} must be a mapping, got {parameters!r}")
        return fields

    parameters = {k: v for k, v in parameters.items() if v is not None}
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    if not isinstance(kind, str) or kind not in kinds:
        known = ", ".join(kinds)
        faults.append(f"{key}: rope_type must be one of {known}, got {kind!r}")
        return fields
    kind = fields["rotary_scaling"] = kinds[kind]
    _check_parameters(parameters, kind, key, faults, partial=partial)

    base = parameters.get("rope_theta") or values.get("rope_theta")
    if base is not None and is_within("rope_theta", base, faults, above=0):
        fields["rotary_base"] = float(base)
    for name, field in (
        ("factor", "rotary_factor"),
        ("low_freq_factor", "rotary_low_frequency_factor"),
        ("high_freq_factor", "rotary_high_frequency_factor"),
    ):
        if kind == "longrope" or name not in _PARAMETERS[kind]:
            continue
        if name not in parameters:
            faults.append(f"{key}: {name} is missing for rope_type {kind}")
        elif is_within(f"{key}: {name}", parameters[name], faults, above=0):
            fields[field] = float(parameters[name])
    if kind == "llama3":
        _read_llama3(values, parameters, key, fields, faults)
    if kind == "longrope":
        _read_longrope(values, parameters, key, fields, faults)
    return fields


def partial_rotary(
    values: Mapping[str, Any],
    faults: list[str],
    *,
    head_size: int | None,
    share_key: str = "partial_rotary_factor",
) -> dict[str, Any]:
    """How much of each head is turned, as transformers rounds it.

    Parameters
    ----------
    values : mapping
        A Hugging Face configuration.
    faults : list of str
        What is wrong is added here, by name.
    head_size : int, optional
        D; None where the configuration has none.
    share_key : str
        The share's name beside ``rope_parameters``, where these do not have it.

    Returns
    -------
    dict
        ``rotary_size`` where it is not the whole head.
    """
    key, parameters = _parameters(values)
    within = isinstance(parameters, Mapping)
    share = parameters.get("partial_rotary_factor") if within else None
    name = f"{key}: partial_rotary_factor"
    if share is None:
        name, share = share_key, values.get(share_key, 1)
    if not is_within(name, share, faults, above=0, maximum=1) or head_size is None:
        return {}
    size = int(head_size * share)
    if size < 1:
        faults.append(f"{name} = {share!r} of {head_size} turns nothing")
    return {} if size in (0, head_size) else {"rotary_size": size}


def llama3_frequency_factors(
    fields: Mapping[str, Any], head_size: int
) -> npt.NDArray[np.float32]:
    """By how much llama3 scaling divides each rotary frequency.

    Parameters
    ----------
    fields : mapping
        What `rotary_configuration` returns, with scaling "llama3".
    head_size : int
        D, even.

    Returns
    -------
    ndarray, float32 [D / 2]
        1 for wavelengths below ``original_context / high``, ``factor`` above
        ``original_context / low``, interpolated between; what GGUF files hold as
        ``rope_freqs.weight``.

    References
    ----------
    transformers, ``_compute_llama3_parameters``.
    """
    exponents = np.arange(0, head_size, 2, dtype=np.float64) / head_size
    wavelengths = 2 * math.pi * fields["rotary_base"] ** exponents
    original = fields["rotary_original_context_length"]
    low = fields["rotary_low_frequency_factor"]
    high = fields["rotary_high_frequency_factor"]
    share = np.clip((original / wavelengths - low) / (high - low), 0.0, 1.0)
    return (1 / ((1 - share) / fields["rotary_factor"] + share)).astype(np.float32)


def _parameters(values: Mapping[str, Any]) -> tuple[str, Any]:
    """The key of the parameters of scaling, and what is there."""
    key = "rope_parameters" if values.get("rope_parameters") else "rope_scaling"
    return key, values.get(key) or {}


def _read_longrope(
    values: Mapping[str, Any],
    parameters: Mapping[str, Any],
    key: str,
    fields: dict[str, Any],
    faults: list[str],
) -> None:
    for name, field in _LONG_FACTORS.items():
        factors = parameters.get(name)
        if not isinstance(factors, list) or not factors:
            faults.append(f"{key}: {name} must be a list of numbers, got {factors!r}")
            factors = []
        fields[field] = [
            float(factor)
            for factor in factors
            if is_within(f"{key}: {name}", factor, faults, above=0)
        ]
    context: Any = values.get("max_position_embeddings")
    original: Any = (
        values.get("original_max_position_embeddings")
        or parameters.get("original_max_position_embeddings")
        or context
    )
    name = f"{key}: original_max_position_embeddings"
    fields["rotary_scale"] = 1.0
    if not is_within(name, original, faults, minimum=1, integer=True):
        return
    fields["rotary_original_context_length"] = original
    scale = parameters.get("attention_factor")
    factor: Any = parameters.get("factor")
    if factor is None and isinstance(context, int):
        factor = context / original
    if scale is not None:
        if is_within(f"{key}: attention_factor", scale, faults, above=0):
            fields["rotary_scale"] = float(scale)
    elif is_within(f"{key}: factor", factor, faults, above=0) and factor > 1:
        if original == 1:
            faults.append(f"{name} must be above 1 without an attention_factor")
        else:
            fields["rotary_scale"] = math.sqrt(
                1 + math.log(factor) / math.log(original)
            )


def _read_llama3(
    values: Mapping[str, Any],
    parameters: Mapping[str, Any],
    key: str,
    fields: dict[str, Any],
    faults: list[str],
) -> None:
    original = (
        parameters.get("original_max_position_embeddings")
        or values.get("original_max_position_embeddings")
        or values.get("max_position_embeddings")
    )
    name = f"{key}: original_max_position_embeddings"
    if is_within(name, original, faults, above=0, integer=True):
        fields["rotary_original_context_length"] = original
    low = fields["rotary_low_frequency_factor"]
    high = fields["rotary_high_frequency_factor"]
    if high <= low:
        faults.append(
            f"{key}: high_freq_factor {high} must be above low_freq_factor {low}"
        )


def _check_parameters(
    parameters: Mapping[str, Any],
    kind: str,
    key: str,
    faults: list[str],
    *,
    partial: bool,
) -> None:
    share = parameters.get("partial_rotary_factor")
    if not partial and share not in (None, 1):
        faults.append(f"{key}: partial_rotary_factor = {share!r} is not implemented")
    known = _COMMON | _PARAMETERS[kind]
    # transformers writes the parameters of a type and no others.
    unknown = sorted(set(parameters) - known)
    if unknown:
        faults.append(
            f"{key}: {', '.join(unknown)} not implemented for rope_type {kind}"
        )
