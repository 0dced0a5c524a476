"""Threads by default: the processors that the process may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import vaccine_swift as vs
from vaccine_swift.machine.processors import available_processors

USED = len(os.sched_getaffinity(0))


def groups(root: Path, line: str, files: dict[str, str]) -> Path:
    """A file system with a process's control groups."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"{line}\n")
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


@pytest.mark.parametrize(
    ("line", "files", "expected"),
    [
        ("0::/", {"cpu.max": "max 100000"}, 4),
        ("0::/", {"cpu.max": "100000 100000"}, 1),
        ("0::/", {"cpu.max": "150000 100000"}, 2),
        ("0::/", {"cpu.max": "10000 100000"}, 1),
        ("0::/a/b", {"cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3),
        ("0::/a/b", {"a/b/cpu.max": "200000 100000", "a/cpu.max": "90000 50000"}, 2),
        (
            "4:cpu,cpuacct:/job",
            {
                "cpu,cpuacct/job/cpu.cfs_quota_us": "200000",
                "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
            },
            2,
        ),
        (
            "4:cpu:/",
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            4,
        ),
        ("0::/", {"cpu.max": "nonsense"}, 4),
        ("0::/gone", {}, 4),
        ("7:memory:/x", {"memory/x/cpu.max": "1 1"}, 4),
    ],
)
def test_control_groups_limit_the_processors(
    tmp_path, monkeypatch, line, files, expected
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(4))
    assert available_processors(groups(tmp_path, line, files)) == expected


def test_no_control_groups_and_no_mask_is_all_processors(tmp_path, monkeypatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert available_processors(tmp_path) == 3


@pytest.mark.skipif(USED < 2, reason="one processor is no choice")
def test_a_process_that_may_use_one_processor_starts_with_one_thread() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "import vaccine_swift as vs;"
        "print(vs.get_num_threads(), vs.show_config()['processors'])"
    )
    path = str(Path(vs.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert result.stdout.split() == ["1", "1"]
