"""Checks the processor before the binary is loaded.

An instruction that it lacks would end the process without a word.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

# x86-64-v3, by the names of /proc/cpuinfo; `abm` is lzcnt.
_REQUIRED = {
    "x86_64": ("avx2", "fma", "bmi1", "bmi2", "f16c", "movbe", "abm"),
}
_CPU_INFORMATION = Path("/proc/cpuinfo")
_LIMIT = "VACCINE_INSTRUCTIONS"
"""Variable of the environment that holds back what the processor offers."""


def missing_features(machine: str, cpu_information: str) -> list[str]:
    """Name the instruction sets that the binary needs and the processor lacks.

    Parameters
    ----------
    machine
        Architecture, as `platform.machine()` gives it.
    cpu_information
        Text of /proc/cpuinfo.

    Returns
    -------
    list of str
        Empty if all are there, or if the text does not say.
    """
    for line in cpu_information.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "flags":
            flags = set(value.split())
            return [name for name in _REQUIRED.get(machine, ()) if name not in flags]
    return []


def check_cpu() -> None:
    """Raise where the binary cannot run.

    Raises
    ------
    ImportError
        Names the missing instruction sets, or the limit on them that is not known.
    """
    limit = os.environ.get(_LIMIT, "")
    if limit not in ("", "avx2"):
        raise ImportError(f"{_LIMIT} may be 'avx2' or unset, got {limit!r}")
    try:
        text = _CPU_INFORMATION.read_text()
    except OSError:
        return
    missing = missing_features(platform.machine(), text)
    if missing:
        message = (
            "vaccine_swift needs a processor with "
            f"{', '.join(_REQUIRED[platform.machine()])} (x86-64-v3, Intel Haswell or "
            f"AMD Zen and later); this one lacks {', '.join(missing)}"
        )
        raise ImportError(message)
