"""Studies with a name: settings that go together, with where each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from vaccine_swift._arguments import check_word
from vaccine_swift.study.config import StudyConfig

__all__ = ["PRESETS", "preset", "preset_settings"]

_AUTHORS: Final = {
    "rho": (2.0,),
    "template": "alpaca",
    "rank": 8,
    "dropout": 0.1,
    "align_learning_rate": 1e-3,
    "align_alpha": 4.0,
    "samples": 1000,
    "align_samples": 2000,
    "align_steps": 20_000,  # 50 epochs of 2,000 rows in batches of 5
    "attack_steps": 4_000,  # 20 epochs of 1,000 rows
    "attack_learning_rate": 1e-5,
    "attack_alpha": 1.0,
    "profile": "vaccine",
    "drift_every": 400,
}

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "laptop": {},
        "authors": _AUTHORS,
        "rho-sweep": {
            "methods": ("sft", "random", "vaccine"),
            "rho": (0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0),
            "poison": (0.1,),
        },
        "paper-table-1": {
            "methods": ("none", "sft", "vaccine"),
            "poison": (0.0, 0.01, 0.05, 0.1, 0.2),
            "samples": 1000,
        },
        "demo": {
            "methods": ("none", "sft", "vaccine"),
            "poison": (0.1,),
            "seeds": (0,),
            "limit": 40,
        },
        "smoke": {
            "methods": ("none", "sft", "vaccine"),
            "poison": (0.1,),
            "seeds": (0,),
            "samples": 40,
            "align_restricted": 20,
            "align_ordinary": 10,
            "align_everyday": 0,
            "align_near_miss": 10,
            "align_steps": 8,
            "attack_steps": 8,
            "limit": 12,
            "drift_prompts": 8,
            "drift_every": 4,
        },
    }
)
"""Name to the fields in which a preset differs from `StudyConfig`'s defaults."""


def preset(name: str, **changes: Any) -> StudyConfig:
    """The settings of a preset.

    Parameters
    ----------
    name : {"laptop", "authors", "rho-sweep", "paper-table-1", "demo", "smoke"}
        Which; the documentation of studies says where each number comes from.
    **changes
        Fields of `StudyConfig` that take the place of the preset's.

    Raises
    ------
    ValueError
        When the name is unknown, with the nearest; as `StudyConfig`.
    TypeError
        When a change is no field.

    Examples
    --------
    >>> preset("paper-table-1", seeds=5).poison
    (0.0, 0.01, 0.05, 0.1, 0.2)
    """
    return StudyConfig(**{**preset_settings(name), **changes})


def preset_settings(name: str) -> dict[str, Any]:
    """What a preset sets.

    Raises
    ------
    ValueError
        When the name is unknown, with the nearest.
    """
    check_word("preset", name, PRESETS)
    return dict(PRESETS[name])
