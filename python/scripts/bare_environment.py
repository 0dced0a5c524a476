"""Proves that the environment it runs in is bare, and that the package computes there.

Run by release_wheel.py with the Python that a wheel was installed for: no compiler on
the search path, and after a training step and a drift test nothing in the process but
the environment, the interpreter and the libraries that every Linux has.
"""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path
from typing import Final

import numpy as np

import vaccine_swift as vs
from vaccine_swift import drift

TOOLS: Final = ("swift", "swiftc", "clang", "cc", "gcc", "g++", "ld")
EVERYWHERE: Final = (
    *("ld-linux", "libBrokenLocale", "libanl", "libc", "libdl", "libgcc_s", "libm"),
    *("libnsl", "libpthread", "libresolv", "librt", "libstdc++", "libutil", "libz"),
    # What a distribution's Python is linked to.
    *("libbz2", "libcrypto", "libexpat", "libffi", "liblzma", "libmvec", "libsqlite3"),
    *("libssl", "libuuid", "libzstd"),
)
"""Libraries of the system that may be there, up to the version in their names."""


def main() -> None:
    """Stop at what is not bare; else say what was found."""
    for tool in TOOLS:
        if found := shutil.which(tool):
            sys.exit(f"{tool} is on the search path: {found}")
    environment = Path(sys.prefix).resolve()
    if environment not in Path(vs.__file__).resolve().parents:
        sys.exit(f"vaccine_swift comes from {vs.__file__}, not from {environment}")
    compute()
    interpreter = Path(sys.base_prefix).resolve() / "lib"
    system = []
    for library in mapped_libraries():
        if environment in library.parents:
            continue
        name = library.name.split(".so")[0].split("-2")[0]
        own = any(part.startswith("python3") for part in library.parts)
        if name.startswith("libpython") or (own and interpreter in library.parents):
            continue
        if name not in EVERYWHERE and not name.startswith("ld-linux"):
            sys.exit(f"{library} is in the process")
        system.append(library.name)
    print(
        f"bare: Python {platform.python_version()}, numpy {np.__version__}, "
        f"{' '.join(platform.libc_ver())}; no {', '.join(TOOLS)}; of the system: "
        + ", ".join(sorted(system))
    )


def compute() -> None:
    """A training step, an answer, and a measurement that factorises matrices."""
    model = vs.CausalLM.from_config(vs.tiny_config(), seed=0)
    model.add_adapter(vs.LoRAConfig(r=2, lora_alpha=4))
    batch = vs.Batch.pack([vs.Example([1, 2, 3], [-100, 2, 3])])
    step = model.forward_backward(batch, method=vs.Vaccine(rho=2.0))
    if not np.isfinite(step.loss) or step.loss <= 0:
        sys.exit(f"a step has the loss {step.loss}")
    x = np.random.default_rng(0).normal(size=(60, 8))
    if abs(float(drift.frechet_distance(x, x))) > 1e-9 or float(drift.cka(x, x)) < 0.99:
        sys.exit("a set of rows differs from itself")
    if drift.mmd(x, x + 3).p_value > 0.01:
        sys.exit("a shift by three deviations was not found")


def mapped_libraries() -> set[Path]:
    """Shared objects in this process."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    paths = {line.split(maxsplit=5)[5] for line in lines if "/" in line}
    return {Path(path) for path in paths if ".so" in Path(path).name}


if __name__ == "__main__":
    main()
