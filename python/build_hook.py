"""Builds the Swift core while hatchling makes a wheel.

The wheel gets one shared object, `vaccine_swift/_core.abi3.so`, for every CPython from
3.11 on. An editable install gets it in the source tree. SwiftPM's folder `.build-wheel`
is kept, so that the next build compiles only what has changed.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = "vaccine_swift/_core.abi3.so"
SWIFT_VERSION = (6, 3)


class BuildError(Exception):
    """What is missing on this machine, with the remedy."""


class CoreBuildHook(BuildHookInterface):
    """Adds the compiled core to a wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the core and tell hatchling where it is.

        Parameters
        ----------
        version
            "standard" or "editable".
        build_data
            Hatchling's settings of this wheel; its tag and files are filled in.
        """
        root = Path(self.root)
        try:
            library = build_core(root)
        except BuildError as error:
            self.app.abort(f"vaccine-swift: {error}")
        machine = re.sub(r"[-.]", "_", sysconfig.get_platform())
        build_data["tag"] = f"cp311-abi3-{machine}"
        build_data["pure_python"] = False
        if version == "editable":
            replace_file(library, root / "python" / MODULE)
        else:
            build_data["force_include"][str(library)] = MODULE
            listed = library.parent / "vaccine-swift.cdx.json"
            listed.write_text(
                json.dumps(bill_of_materials(library, self.metadata.version), indent=2)
            )
            # Into .dist-info/sboms, by hatchling that knows of it (PEP 770).
            build_data.setdefault("sbom_files", []).append(
                os.path.relpath(listed, root)
            )


def bill_of_materials(library: Path, package: str) -> dict[str, Any]:
    """What is linked into the core of a version of the package, in CycloneDX's form."""
    numbers = re.search(rb"OpenBLAS (\d+(?:\.\d+)+)", library.read_bytes())
    output = subprocess.run(
        [find_swift(), "--version"], capture_output=True, text=True, check=False
    )
    version = re.search(r"Swift version ([\d.]+)", output.stdout)
    swift = component(
        "Swift runtime",
        version[1] if version else "unknown",
        "Apache-2.0 WITH Swift-exception",
        "pkg:github/swiftlang/swift@swift-{}-RELEASE",
    )
    linked = [swift]
    if numbers is not None:
        blas = component(
            "OpenBLAS",
            numbers[1].decode(),
            "BSD-3-Clause",
            "pkg:github/OpenMathLib/OpenBLAS@v{}",
        )
        lapack = {
            "type": "library",
            "name": "LAPACK",
            "licenses": [{"expression": "BSD-3-Clause-Open-MPI"}],
        }
        linked.append(blas | {"components": [lapack]})
    whole = component(
        "vaccine-swift", package, "Apache-2.0", "pkg:pypi/vaccine-swift@{}"
    )
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": whole},
        "components": linked,
    }


def component(name: str, version: str, licence: str, address: str) -> dict[str, Any]:
    """A library with its version, in CycloneDX's form."""
    return {
        "type": "library",
        "name": name,
        "version": version,
        "licenses": [{"expression": licence}],
        "purl": address.format(version),
    }


def build_core(root: Path) -> Path:
    """Compile the core of the source tree at `root`; return the shared object."""
    environment = os.environ | {
        "VACCINE_PYTHON_INCLUDE": str(python_include()),
        "VACCINE_OPENBLAS": openblas_linkage(),
    }
    command = [
        *(find_swift(), "build", "--configuration", "release", "--product", "_core"),
        *("--scratch-path", str(root / ".build-wheel")),
    ]
    if subprocess.run(command, cwd=root, env=environment, check=False).returncode:
        raise BuildError(
            "the Swift core does not compile; the messages above say where"
        )
    folder = subprocess.run(
        [*command, "--show-bin-path"],
        cwd=root,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Path(folder.stdout.strip()) / "lib_core.so"


def find_swift() -> str:
    """Path of a Swift compiler that is new enough."""
    minimum = ".".join(map(str, SWIFT_VERSION))
    remedy = (
        f"install a Swift toolchain, {minimum} or later (swift.org/install), "
        "and put `swift` on PATH"
    )
    swift = shutil.which("swift")
    if swift is None:
        raise BuildError(f"Swift was not found: {remedy}")
    output = subprocess.run(
        [swift, "--version"], capture_output=True, text=True, check=False
    )
    match = re.search(r"Swift version (\d+)\.(\d+)", output.stdout)
    if match is None:
        raise BuildError(f"`swift --version` failed: {remedy}")
    if (int(match[1]), int(match[2])) < SWIFT_VERSION:
        raise BuildError(f"Swift {match[1]}.{match[2]} is too old: {remedy}")
    return swift


def python_include() -> Path:
    """Folder of Python.h of the running interpreter."""
    include = Path(sysconfig.get_paths()["include"])
    if not (include / "Python.h").is_file():
        raise BuildError(
            f"the Python headers were not found ({include / 'Python.h'}): "
            "on Debian, apt-get install python3-dev"
        )
    return include


def openblas_linkage() -> str:
    """Say how to link OpenBLAS: "static" where that library is there, or "dynamic"."""
    target = f"{platform.machine()}-linux-gnu"
    headers = search_path(
        "CPATH", "/usr/local/include", f"/usr/include/{target}", "/usr/include"
    )
    libraries = search_path(
        "LIBRARY_PATH", "/usr/local/lib", f"/usr/lib/{target}", "/usr/lib64", "/usr/lib"
    )
    if any((folder / "cblas.h").is_file() for folder in headers):
        if any((folder / "libopenblas.a").is_file() for folder in libraries):
            return "static"
        if any((folder / "libopenblas.so").exists() for folder in libraries):
            return "dynamic"
    raise BuildError(
        "OpenBLAS was not found (cblas.h with libopenblas): "
        "on Debian, apt-get install libopenblas-dev"
    )


def search_path(variable: str, *folders: str) -> list[Path]:
    """Folders of an environment variable, then the usual ones."""
    named = os.environ.get(variable, "").split(os.pathsep)
    return [Path(folder) for folder in (*named, *folders) if folder]


def replace_file(source: Path, target: Path) -> None:
    """Put a copy in place at once: a process that has the old file loaded keeps it."""
    beside = target.with_suffix(".new")
    shutil.copyfile(source, beside)
    beside.replace(target)
