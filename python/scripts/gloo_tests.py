"""The tests of gloo's ranks by the torch of the system (Debian: python3-torch).

PyPI's torch for Linux brings CUDA, gigabytes of it. Without the system's this says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SYSTEM: Final = "/usr/bin/python3"
ENVIRONMENT: Final = ROOT / ".venv-gloo"
SEES_GLOO: Final = """
import sys, torch
sys.exit(sys.version_info < (3, 11) or not torch.distributed.is_gloo_available())
"""


def main() -> int:
    """Run them; 0 where there is no gloo."""
    try:
        asked = [SYSTEM, "-c", SEES_GLOO]
        found = subprocess.run(asked, capture_output=True, check=False).returncode == 0
    except OSError:
        found = False
    if not found:
        print(f"skipped: {SYSTEM} has no torch with gloo (Debian: python3-torch)")
        return 0
    project = ROOT / "pyproject.toml"
    stamp = ENVIRONMENT / "installed"
    if not stamp.exists() or stamp.stat().st_mtime < project.stat().st_mtime:
        install(tomllib.loads(project.read_text())["project"]["dependencies"])
        stamp.touch()
    return subprocess.run(
        [
            *(ENVIRONMENT / "bin" / "python", "-m", "pytest", "-m", "reference"),
            ROOT / "python" / "tests" / "reference" / "test_torch_ranks.py",
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT / "python")},
        check=False,
    ).returncode


def install(requirements: list[str]) -> None:
    """An environment over the system's packages, with a NumPy that its torch takes."""
    venv = [SYSTEM, "-m", "venv", "--system-site-packages", ENVIRONMENT]
    subprocess.run(venv, check=True)
    pip = [ENVIRONMENT / "bin" / "pip", "install", "--quiet"]
    pip += ["--disable-pip-version-check", *requirements, "pytest>=8"]
    pip += ["numpy<2; python_version < '3.13'"]
    subprocess.run(pip, check=True)


if __name__ == "__main__":
    sys.exit(main())
