"""Everything that can be wrong with a `StudyConfig`, told at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, get_args

from vaccine_swift._arguments import is_within, nearest
from vaccine_swift.data import TEMPLATES
from vaccine_swift.study.evaluation import PROFILES
from vaccine_swift.study.judges import JUDGES
from vaccine_swift.study.safety import SOURCES
from vaccine_swift.study.tasks import TASKS
from vaccine_swift.training.arguments import Schedule

if TYPE_CHECKING:
    from vaccine_swift.study.config import StudyConfig

__all__ = ["SWEEPABLE", "faults_of"]

METHODS: Final = ("none", "sft", "vaccine", "random")
SMOLLM2: Final = "smollm2"

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "dtype": ("auto", "float32", "bfloat16"),
        "template": tuple(TEMPLATES),
        "lora": ("double", "single"),
        "schedule": get_args(Schedule),
        "evaluate_on": ("test", "validation"),
        "profile": tuple(PROFILES),
    }
)
_COUNT: Final = MappingProxyType({"minimum": 1, "integer": True})
_BOUNDS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "rank": _COUNT,
        "dropout": {"minimum": 0, "maximum": 0.5},
        "align_samples": _COUNT,
        "align_restricted": {"minimum": 0, "integer": True},
        "align_ordinary": {"minimum": 0, "integer": True},
        "align_steps": _COUNT,
        "align_batch": _COUNT,
        "align_learning_rate": {"minimum": 0},
        "align_alpha": {"above": 0},
        "samples": _COUNT,
        "attack_steps": _COUNT,
        "attack_batch": _COUNT,
        "attack_learning_rate": {"minimum": 0},
        "attack_alpha": {"above": 0},
        "warmup": {"minimum": 0},
        "weight_decay": {"minimum": 0},
        "max_grad_norm": {"minimum": 0},
        "max_length": {"minimum": 2, "integer": True},
        "limit": _COUNT,
        "drift_prompts": {"minimum": 2, "integer": True},
        "drift_every": _COUNT,
    }
)
_LIST_BOUNDS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "rho": {"minimum": 0},
        "every": _COUNT,
        "poison": {"minimum": 0, "maximum": 1},
        "seeds": {"minimum": 0, "maximum": 2**32 - 1, "integer": True},
    }
)
_OPTIONAL: Final = frozenset({"align_samples", "limit", "align_data", "task_data"})
_SOURCES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "task": tuple(TASKS),
        "task_data": (),
        "align_data": (),
        "harmful_data": ("proxy",),
        "restricted_data": SOURCES,
        "ordinary_data": ("proxy",),
    }
)
SWEEPABLE: Final = (*_BOUNDS, *_CHOICES, *_SOURCES)
"""The fields that `StudyConfig.sweep` may name."""


def faults_of(config: StudyConfig) -> list[str]:
    """One sentence for each setting that is out of range or unknown."""
    faults = [
        f"{name} must hold at least one value, got none"
        for name in ("methods", *_LIST_BOUNDS)
        if not getattr(config, name)
    ]
    for method in config.methods:
        _check_choice("methods", method, METHODS, faults)
    for name, bounds in _LIST_BOUNDS.items():
        for value in getattr(config, name):
            is_within(name, value, faults, **bounds)
    for name in SWEEPABLE:
        _check(name, getattr(config, name), faults)
    _check_sweep(config.sweep, faults)
    if config.align_restricted == config.align_ordinary == 0:
        faults.append("align_restricted and align_ordinary must not both be 0")
    if config.model != SMOLLM2 and not Path(config.model).exists():
        faults.append(
            f"model must be {SMOLLM2!r}, a directory or a .gguf file that exists, "
            f"got {config.model!r}.{nearest(config.model, [SMOLLM2])}"
        )
    judge = config.judge
    if not (judge is None or callable(judge) or Path(str(judge)).is_dir()):
        _check_choice("judge", judge, JUDGES, faults)
    return faults


def _check_sweep(sweep: Any, faults: list[str]) -> None:
    if not isinstance(sweep, Mapping):
        faults.append(f"sweep must map fields to values, got {sweep!r}")
        return
    for name, values in sweep.items():
        if name not in SWEEPABLE:
            _check_choice("sweep", name, SWEEPABLE, faults)
            continue
        if not values:
            faults.append(f"sweep[{name!r}] must hold at least one value, got none")
        for value in values:
            _check(name, value, faults)


def _check(name: str, value: Any, faults: list[str]) -> None:
    """Check one value of a field that takes a single one."""
    if value is None and name in _OPTIONAL:
        return
    if name in _BOUNDS:
        is_within(name, value, faults, **_BOUNDS[name])
    elif name in _CHOICES:
        _check_choice(name, value, _CHOICES[name], faults)
    elif not (isinstance(value, str) and Path(value).is_file()):
        _check_choice(name, value, (*_SOURCES[name], "a file that exists"), faults)


def _check_choice(
    name: str, value: object, known: tuple[str, ...], faults: list[str]
) -> None:
    if value not in known:
        faults.append(
            f"{name} must be among {', '.join(known)}, got {value!r}."
            f"{nearest(str(value), known)}"
        )
