"""How many processors this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["available_processors"]


def available_processors(root: Path = Path("/")) -> int:
    """Processors that this process may use.

    The smallest of the processors in its affinity mask and the time that its control
    groups grant it (``cpu.max`` of version 2, ``cpu.cfs_quota_us`` of version 1, in
    processors, rounded up).

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        count = os.cpu_count() or 1
    return max(1, min([count, *map(math.ceil, _quotas(root))]))


def _quotas(root: Path) -> list[float]:
    """Processors that each control group around this process grants."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except (OSError, ValueError):
        return []
    found = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        group = Path(path.lstrip("/"))
        for each in (group, *group.parents):
            if not controllers:
                text = _read(root / "sys/fs/cgroup" / each / "cpu.max")
            elif "cpu" in controllers.split(","):
                folder = root / "sys/fs/cgroup" / controllers / each
                quota = _read(folder / "cpu.cfs_quota_us")
                text = f"{quota} {_read(folder / 'cpu.cfs_period_us')}"
            else:
                continue
            match text.split():
                case [quota, period] if quota.isdigit() and period.isdigit():
                    found.append(int(quota) / max(1, int(period)))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, ValueError):
        return ""
