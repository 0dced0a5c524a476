"""Everything that can be wrong with a study's settings, told at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaccine_swift.models.loading import GGUF
from vaccine_swift.study.arms import parameter_faults
from vaccine_swift.study.checks import check_choice
from vaccine_swift.study.setting import Setting

__all__ = ["faults_of"]


def faults_of(config: Any, settings: Mapping[str, Setting]) -> list[str]:
    """One sentence for each setting of a `StudyConfig` that does not fit."""
    faults: list[str] = []
    for name, each in settings.items():
        value = getattr(config, name)
        if each.several and not value:
            faults.append(f"{name} must hold at least one value, got none")
        for one in value if each.several else (value,):
            each.add_faults(one, faults)
    if not isinstance(config.parameters, Mapping):
        faults.append(f"parameters must map names to values, got {config.parameters!r}")
    else:
        faults += parameter_faults(config.methods, config.parameters)
    _add_sweep_faults(config.sweep, settings, faults)
    _add_block_faults(config, faults)
    if config.align_restricted == config.align_ordinary == 0:
        faults.append("align_restricted and align_ordinary must not both be 0")
    return faults


def _add_block_faults(config: Any, faults: list[str]) -> None:
    """Blocks are those of a file."""
    swept = config.sweep if isinstance(config.sweep, Mapping) else {}
    wanted = GGUF in (config.dtype, *swept.get("dtype", ()))
    if wanted and isinstance(config.model, str) and Path(config.model).is_dir():
        faults.append(
            f"dtype {GGUF!r} is for a .gguf file, but model {config.model!r} is a "
            "directory"
        )


def _add_sweep_faults(
    sweep: Any, settings: Mapping[str, Setting], faults: list[str]
) -> None:
    if not isinstance(sweep, Mapping):
        faults.append(f"sweep must map fields to values, got {sweep!r}")
        return
    sweepable = tuple(name for name, each in settings.items() if each.sweepable)
    for name, values in sweep.items():
        if name not in sweepable:
            check_choice("sweep", name, sweepable, faults)
            continue
        if not values:
            faults.append(f"sweep[{name!r}] must hold at least one value, got none")
        for value in values:
            settings[name].add_faults(value, faults)
