"""What a report's dict holds, and how its metrics are told to people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from vaccine_swift.drift.metrics import METRICS as CORE_METRICS
from vaccine_swift.pages.numbers import digits, interval_digits

__all__ = ["METRICS", "SCHEMA", "Metric", "checked", "estimate", "is_metric"]
__all__ += ["metric", "shown", "shown_ends", "shown_interval", "widths_text"]

SCHEMA: Final = "vaccine_swift.drift/1"

_KEYS: Final[dict[str, type | tuple[type, ...]]] = {
    "settings": Mapping,
    "layers": Sequence,
    "overall": Mapping,
    "groups": Mapping,
    "tests": Mapping,
    "floor": (Mapping, type(None)),
    "spectra": (Sequence, type(None)),
    "cka_map": (Sequence, type(None)),
    "prompts": Mapping,
}
_ESTIMATE: Final = ("value", "low", "high")


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric is named and written.

    Parameters
    ----------
    label : str
        For a heading.
    unit : {"", "%"}
        "%" where the value is a share that reads best in per cent.
    measured_in : str
        The unit in words; empty for a share and a plain number.
    """

    label: str
    unit: str = ""
    measured_in: str = ""


_MEASURED_IN: Final = {
    "radians": "radians",
    "states": "in the states' unit",
    "squared states": "in the states' unit squared",
}

METRICS: Final[dict[str, Metric]] = {
    each.name: Metric(
        each.label,
        "%" if each.unit == "share" else "",
        _MEASURED_IN.get(each.unit, ""),
    )
    for each in CORE_METRICS
}
"""The core's metrics in the order of presentation."""

_OF_NEIGHBOURS: Final = {
    "knn_overlap": Metric("kNN overlap", "%"),
    "recall_at_k": Metric("Recall at k", "%"),
}
"""What rows of equal number show beside them, whatever their widths."""


def metric(name: str) -> Metric:
    """The description of a metric; one is made for ``energy_<name>`` and new ones."""
    for known in (METRICS, _OF_NEIGHBOURS):
        if name in known:
            return known[name]
    if name.startswith("energy_"):
        return Metric(f"Drift energy in {name.removeprefix('energy_')}", "%")
    return Metric(name.replace("_", " ").capitalize())


def is_metric(name: str) -> bool:
    """Whether a report of pairs may have it."""
    return name in METRICS or name in _OF_NEIGHBOURS or name.startswith("energy_")


def widths_text(settings: Mapping[str, Any]) -> str:
    """The width of a report's rows, or those of both sides where they differ."""
    width = settings.get("width")
    return " and ".join(map(str, width)) if isinstance(width, list) else str(width)


def shown(name: str, value: float | None) -> str:
    """A metric's value for people: three significant digits, its unit."""
    if value is None or not math.isfinite(value):
        return "–"
    if metric(name).unit == "%":
        return f"{digits(100 * value)} %"
    return digits(value)


def shown_ends(name: str, low: float, high: float) -> tuple[str, str]:
    """Both ends of an interval with as many digits as tell them apart, their unit."""
    if not math.isfinite(low + high) or low == high:
        return shown(name, low), shown(name, high)
    factor, unit = (100, " %") if metric(name).unit == "%" else (1, "")
    first, last = interval_digits(factor * low, factor * high)
    return f"{first}{unit}", f"{last}{unit}"


def shown_interval(name: str, low: float, high: float) -> str:
    """``"low to high"`` in a metric's unit; empty where an end is missing."""
    if not math.isfinite(low + high):
        return ""
    return " to ".join(shown_ends(name, low, high))


def estimate(entry: Mapping[str, Any] | None) -> tuple[float, float, float]:
    """Value, low and high of a metric's entry; NaN for what is missing."""
    entry = entry or {}
    value, low, high = (
        math.nan if entry.get(key) is None else float(entry[key]) for key in _ESTIMATE
    )
    return value, low, high


def checked(content: Mapping[str, Any]) -> dict[str, Any]:
    """A deep copy in plain Python types, checked against the schema.

    Raises
    ------
    TypeError, ValueError
        When it is no mapping, of another schema, or a part is missing.
    """
    if not isinstance(content, Mapping):
        raise TypeError(f"content must be a mapping, got {type(content).__name__}")
    if content.get("schema") != SCHEMA:
        raise ValueError(
            f"content must have the schema {SCHEMA!r}, got {content.get('schema')!r}"
        )
    plain: dict[str, Any] = _plain(content)
    for key, kind in _KEYS.items():
        if key not in plain:
            raise ValueError(f"content must have {key!r}, which is missing")
        if not isinstance(plain[key], kind):
            raise TypeError(
                f"content[{key!r}] must be {_named(kind)}, "
                f"got {type(plain[key]).__name__}"
            )
    if not plain["layers"]:
        raise ValueError("content['layers'] must hold at least one layer, got none")
    return plain


def _named(kind: type | tuple[type, ...]) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    names = {Mapping: "a mapping", Sequence: "a sequence", type(None): "None"}
    return " or ".join(names[each] for each in kinds)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(each) for each in value]
    return value
