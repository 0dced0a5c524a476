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
LINKED = {"Swift runtime", "OpenBLAS"}
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
    """The bill of materials names what is linked into the core, and licences are there.

    Every library has its version and licence, and OpenBLAS, whose licence asks for
    it, its text beside the package's own.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        name = next((each for each in names if each.endswith(".cdx.json")), "")
        if ".dist-info/sboms/" not in name:
            sys.exit(f"{wheel.name} has no bill of materials in .dist-info/sboms")
        listed = json.loads(archive.read(name))
    found = {each["name"]: each for each in listed["components"]}
    for library in LINKED | found.keys():
        if found.get(library, {}).get("version", "unknown") == "unknown":
            sys.exit(f"{name} does not say which {library} is inside")
        if not found[library].get("licenses"):
            sys.exit(f"{name} does not say the licence of {library}")
    for text in ("LICENSE", "OpenBLAS.txt"):
        if not any(".dist-info/licenses/" in n and n.endswith(text) for n in names):
            sys.exit(f"{wheel.name} has no {text}")
    told = (f"{each} {found[each]['version']}" for each in sorted(found))
    print(f"{name}: {', '.join(told)}")


def run(*arguments: str, python: str = sys.executable, path: str = "") -> None:
    """Run Python away from the source tree and stop on a failure."""
    environment = os.environ | {"PYTHONPATH": path}
    subprocess.run(
        [python, *arguments], cwd=tempfile.gettempdir(), env=environment, check=True
    )


if __name__ == "__main__":
    main()
