"""Rotary position settings of Hugging Face configurations, in both spellings.

``rope_theta`` beside ``rope_scaling`` (with ``type`` or ``rope_type``), or all of it in
``rope_parameters`` (transformers 5). Types: default, linear, llama3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vaccine_swift._arguments import is_within

__all__ = ["ROTARY_KEYS", "llama3_frequency_factors", "rotary_configuration"]

ROTARY_KEYS: Final = ("rope_theta", "rope_scaling", "rope_parameters")
"""Where a configuration has these settings."""


_DEFAULT_BASE: Final = 10000.0
_PARAMETERS: Final[dict[str, frozenset[str]]] = {
    "default": frozenset(),
    "linear": frozenset({"factor"}),
    "llama3": frozenset({"factor", "low_freq_factor", "high_freq_factor"}),
}
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
    values: Mapping[str, Any], faults: list[str]
) -> dict[str, Any]:
    """The rotary fields of the core's configuration.

    Parameters
    ----------
    values : mapping
        A Hugging Face configuration.
    faults : list of str
        What is wrong or not implemented is added here, by name.

    Returns
    -------
    dict
        ``rotary_scaling`` ("default", "linear" or "llama3"), ``rotary_base``,
        ``rotary_factor``, the two frequency factors and
        ``rotary_original_context_length``; neutral where the type has no use for them.
    """
    key = "rope_parameters" if values.get("rope_parameters") else "rope_scaling"
    parameters = values.get(key) or {}
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
    if not isinstance(kind, str) or kind not in _PARAMETERS:
        known = ", ".join(_PARAMETERS)
        faults.append(f"{key}: rope_type must be one of {known}, got {kind!r}")
        return fields
    fields["rotary_scaling"] = kind
    _check_parameters(parameters, kind, key, faults)

    base = parameters.get("rope_theta") or values.get("rope_theta")
    if base is not None and is_within("rope_theta", base, faults, above=0):
        fields["rotary_base"] = float(base)
    for name, field in (
        ("factor", "rotary_factor"),
        ("low_freq_factor", "rotary_low_frequency_factor"),
        ("high_freq_factor", "rotary_high_frequency_factor"),
    ):
        if name not in _PARAMETERS[kind]:
            continue
        if name not in parameters:
            faults.append(f"{key}: {name} is missing for rope_type {kind}")
        elif is_within(f"{key}: {name}", parameters[name], faults, above=0):
            fields[field] = float(parameters[name])
    if kind == "llama3":
        _read_llama3(values, parameters, key, fields, faults)
    return fields


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
    parameters: Mapping[str, Any], kind: str, key: str, faults: list[str]
) -> None:
    share = parameters.get("partial_rotary_factor")
    if share not in (None, 1):
        faults.append(f"{key}: partial_rotary_factor = {share!r} is not implemented")
    known = _COMMON | _PARAMETERS[kind]
    # transformers writes the parameters of a type and no others.
    unknown = sorted(set(parameters) - known)
    if unknown:
        faults.append(
            f"{key}: {', '.join(unknown)} not implemented for rope_type {kind}"
        )
