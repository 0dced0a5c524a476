"""Test the core, compiled with a sanitizer, from Swift and Python.

``python python/scripts/sanitized_tests.py address`` (or ``undefined``, ``thread``) runs
all Swift tests and the core's Python tests; with ``swift`` or files of Python tests
after it, those alone. Each of both builds has a folder of its own, and the module goes
beside links to the package's files, so that the usual one stays as it is.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "python"))

import build_hook  # noqa: E402  # after the path to it

TESTS = (
    *("test_core_buffers", "test_core_configuration", "test_core_fork"),
    *("test_core_interrupt", "test_core_junk", "test_core_scalars"),
    *("test_core_threads", "test_custom_losses", "test_drift_leading_share"),
    *("test_drift_pairwise_precision", "test_drift_refusals", "test_drift_states"),
    *("test_drift_tests", "test_generation_overflow", "test_hidden_states"),
    *("test_mapped_faults", "test_mapped_files", "test_mapped_reading"),
    "test_vectors",
)


@dataclass(frozen=True)
class Sanitizer:
    """What one is compiled with, and what its runtime is told.

    SIGBUS is left to the module: what it does with other handlers' faults is tested.
    """

    flags: tuple[str, ...]
    runtimes: tuple[str, ...]
    options: tuple[tuple[str, str], ...]
    before: tuple[str, ...] = ()
    # SwiftPM links an executable with the runtimes of those that it knows.
    known: bool = True


SANITIZERS = {
    "address": Sanitizer(
        ("--sanitize=address",),
        ("asan",),
        (
            # What the interpreter keeps until its end is no leak of the module;
            # memory that is refused is a MemoryError.
            (
                "ASAN_OPTIONS",
                "detect_leaks=0:allocator_may_return_null=1:handle_sigbus=0",
            ),
            ("PYTHONMALLOC", "malloc"),
        ),
    ),
    "undefined": Sanitizer(
        (
            *("-Xcc", "-fsanitize=undefined,float-cast-overflow"),
            # Swift closures are called through C function types on purpose.
            *("-Xcc", "-fno-sanitize=function"),
        ),
        ("ubsan_standalone",),
        (("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1:handle_sigbus=0"),),
        known=False,
    ),
    "thread": Sanitizer(
        ("--sanitize=thread",),
        ("tsan", "BlocksRuntime", "dispatch"),
        # Of the interpreter and numpy the runtime sees no locks.
        (
            (
                "TSAN_OPTIONS",
                "ignore_noninstrumented_modules=1:halt_on_error=1:handle_sigbus=0",
            ),
        ),
        ("setarch", "-R"),
    ),
}


def swift_tests(name: str, sanitizer: Sanitizer) -> int:
    """The exit status of all Swift tests.

    None of them is written for XCTest. AddressSanitizer looks for leaks too.
    """
    command = [*sanitizer.before, build_hook.find_swift(), "test", "--disable-xctest"]
    command += ["--scratch-path", str(ROOT / f".build-{name}-tests")]
    command += sanitizer.flags
    if not sanitizer.known:
        for library in map(runtime, sanitizer.runtimes):
            folder = str(Path(library).parent)
            for option in (library, "-rpath", folder):
                command += ["-Xlinker", option]
    options = {
        variable: value.replace("detect_leaks=0", "detect_leaks=1")
        for variable, value in sanitizer.options
    }
    environment = os.environ | options
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def compiled(name: str, sanitizer: Sanitizer, scratch: Path) -> Path:
    """The module of this tree."""
    environment = os.environ | {
        "VACCINE_PYTHON_INCLUDE": str(build_hook.python_include()),
        "VACCINE_OPENBLAS": build_hook.openblas_linkage(),
        "VACCINE_SANITIZER": name,
    }
    command = [build_hook.find_swift(), "build", "--configuration", "release"]
    command += ["--product", "_core", "--scratch-path", str(scratch)]
    command += sanitizer.flags
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return scratch / "release" / "lib_core.so"


def package(module: Path, folder: Path) -> Path:
    """A package of links with this module; its parent."""
    shutil.rmtree(folder, ignore_errors=True)
    beside = folder / "vaccine_swift"
    beside.mkdir(parents=True)
    for entry in (ROOT / "python" / "vaccine_swift").iterdir():
        if entry.name not in ("_core.abi3.so", "__pycache__"):
            (beside / entry.name).symlink_to(entry)
    (beside / "_core.abi3.so").symlink_to(module)
    return folder


def runtime(name: str) -> str:
    """A runtime library of the Swift toolchain."""
    libraries = Path(build_hook.find_swift()).resolve().parent.parent / "lib"
    pattern = f"clang/*/lib/linux/libclang_rt.{name}-{platform.machine()}.so"
    found = [*libraries.glob(pattern), *libraries.glob(f"swift/linux/lib{name}.so")]
    if not found:
        raise SystemExit(f"the Swift toolchain has no runtime {name!r}")
    return str(found[0])


def python_tests(name: str, sanitizer: Sanitizer, tests: list[str]) -> int:
    """The exit status of these Python tests."""
    scratch = ROOT / f".build-{name}"
    folder = package(compiled(name, sanitizer, scratch), scratch / "package")
    environment = os.environ | dict(sanitizer.options)
    environment["PYTHONPATH"] = str(folder)
    environment["VACCINE_PATIENCE"] = "20"
    preload = "LD_PRELOAD=" + ":".join(runtime(each) for each in sanitizer.runtimes)
    command = [*sanitizer.before, "env", preload, sys.executable, "-m", "pytest", "-q"]
    command += ["-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def main() -> int:
    """The exit status of the tests that are asked for."""
    name, *chosen = sys.argv[1:]
    sanitizer = SANITIZERS[name]
    tests = [each for each in chosen if each != "swift"]
    if "swift" in chosen or not chosen:
        status = swift_tests(name, sanitizer)
        if status or chosen == ["swift"]:
            return status
    return python_tests(
        name, sanitizer, tests or [f"python/tests/{each}.py" for each in TESTS]
    )


if __name__ == "__main__":
    sys.exit(main())
