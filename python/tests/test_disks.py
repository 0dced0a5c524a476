"""A full and a read-only disk: the former files stay whole, the message says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("disk_script.py")
MOUNT = 'mount -t tmpfs -o size=3m none "$1" && shift && exec "$@"'
APART = ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"]
"""A disk of 3 MB that only the command sees; an ordinary user may make it as well."""


def run(disk: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(SCRIPT.parent), *filter(None, sys.path)])
    return subprocess.run(
        [*APART, str(disk), *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONPATH": path},
    )


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_the_former_files_stay(how: str, tmp_path: Path) -> None:
    try:
        refused = run(tmp_path, "true").stderr
    except FileNotFoundError as error:
        refused = str(error)
    if refused:
        pytest.skip(f"no disk of one's own can be mounted here: {refused}")
    done = run(tmp_path, sys.executable, str(SCRIPT), str(tmp_path), how)
    assert done.returncode == 0, done.stderr
