"""A line of ``results.jsonl``: one cell at one seed, with all that led to it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vaccine_swift.machine.threads import show_config
from vaccine_swift.study.config import named_judge
from vaccine_swift.study.store import digest

if TYPE_CHECKING:
    from vaccine_swift.study.grid import Trial

__all__ = ["SCHEMA", "result_row"]

SCHEMA: Final = 1

_LIBRARIES: Final = ("numpy", "safetensors", "tokenizers")


def result_row(
    study: str, trial: Trial, kept: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The row of a finished trial.

    Parameters
    ----------
    study : str
        Hash of the study's configuration.
    trial : Trial
        Which.
    kept : mapping
        "align" (unless unaligned), "before", "attack", "after" and "drift" to what the
        store kept: ``result``, ``seconds``, ``date``.

    Returns
    -------
    dict
        Ready for JSON.
    """
    align = kept.get("align", {}).get("result", {})
    attack = kept["attack"]["result"]
    seconds = {name: stage["seconds"] for name, stage in kept.items()}
    return {
        "schema": SCHEMA,
        "study": study,
        "cell": digest(named_judge(trial.effective) | {"seed": None}),
        "method": trial.method,
        "rho": trial.rho,
        "variance": align.get("variance"),
        "every": trial.every,
        "parameters": dict(trial.parameters),
        "label": trial.label,
        "poison": trial.poison,
        "samples": trial.settings["samples"],
        "task": trial.settings["task"],
        "lora": trial.settings["lora"],
        "seed": trial.seed,
        "metrics": {when: kept[when]["result"] for when in ("before", "after")},
        "drift": kept["drift"]["result"],
        "drift_curve": attack["drift_curve"],
        "losses": {"align": align.get("losses", []), "attack": attack["losses"]},
        "rows": {"align": align.get("rows"), "attack": attack["rows"]},
        "settings": named_judge(trial.settings),
        "versions": _versions(),
        "hardware": _hardware(),
        "seconds": {
            "align": seconds.get("align", 0.0),
            "attack": seconds["attack"],
            "evaluate": seconds["before"] + seconds["after"],
            "drift": seconds["drift"],
        },
        "date": max(stage["date"] for stage in kept.values()),
    }


def _versions() -> dict[str, Any]:
    build = show_config()
    return {
        "vaccine_swift": build["version"],
        "core": build["core"],
        "python": build["python"],
        **{name: importlib.metadata.version(name) for name in _LIBRARIES},
    }


def _hardware() -> dict[str, Any]:
    build = show_config()
    return {
        "processor": _processor() or build["machine"],
        "processors": build["processors"],
        "threads": build["threads"],
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
    }


def _processor() -> str | None:
    """The processor's name where Linux tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return None
    lines = (line.partition(":") for line in text.splitlines())
    return next(
        (value.strip() for name, _, value in lines if name.strip() == "model name"),
        None,
    )
