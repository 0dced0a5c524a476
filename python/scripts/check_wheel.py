"""Builds the sdist, from it the wheel, and imports the wheel in a fresh environment.

Nothing is downloaded: the dependencies are those of the environment that runs this.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORT = """
import vaccine_swift
from vaccine_swift import _core
assert vaccine_swift.__version__ == _core.__version__
print(vaccine_swift.__version__, _core.build_description())
"""


def main() -> None:
    """Fail where a step fails."""
    with tempfile.TemporaryDirectory() as folder:
        run("-m", "build", "--no-isolation", "--outdir", folder, str(ROOT))
        (wheel,) = Path(folder).glob("*.whl")
        check_contents(wheel)
        environment = Path(folder) / "environment"
        venv.create(environment, with_pip=True)
        python = str(environment / "bin" / "python")
        run("-m", "pip", "install", "--quiet", "--no-deps", str(wheel), python=python)
        # The .pth files in a folder of PYTHONPATH are not read, so that the editable
        # install there does not shadow the wheel.
        run("-P", "-c", IMPORT, python=python, path=sysconfig.get_paths()["purelib"])


def check_contents(wheel: Path) -> None:
    """The bill of materials names what is linked into the core, with versions."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".cdx.json"))
        listed = json.loads(archive.read(name))
    found = {each["name"]: each["version"] for each in listed["components"]}
    unknown = {"Swift runtime", "OpenBLAS"} - found.keys()
    unknown |= {each for each, version in found.items() if version == "unknown"}
    if unknown or ".dist-info/sboms/" not in name:
        sys.exit(f"{name} does not say which {', '.join(sorted(unknown))} is inside")
    print(f"{name}: " + ", ".join(f"{each} {found[each]}" for each in sorted(found)))


def run(*arguments: str, python: str = sys.executable, path: str = "") -> None:
    """Run Python away from the source tree and stop on a failure."""
    environment = os.environ | {"PYTHONPATH": path}
    subprocess.run(
        [python, *arguments], cwd=tempfile.gettempdir(), env=environment, check=True
    )


if __name__ == "__main__":
    main()
