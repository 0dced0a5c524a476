"""The tests of the engine, run by torch on a GPU; without one this says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import torch

TESTS: Final = Path(__file__).resolve().parents[1] / "tests"


def main() -> int:
    """Run them; 0 where there is no GPU."""
    if not torch.cuda.is_available():
        print("skipped: torch sees no GPU")
        return 0
    print(f"on {torch.cuda.get_device_name()}")
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-m", "reference"),
            str(TESTS / "reference" / "test_torch_engine.py"),
            str(TESTS / "reference" / "test_torch_results.py"),
        ],
        env=os.environ | {"VACCINE_DEVICE": "cuda"},
        check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
