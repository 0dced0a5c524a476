"""The binary as a file, the check before it is loaded, and the hook that builds it."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import platform
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import vaccine_swift
from vaccine_swift import _core
from vaccine_swift.machine import cpu_check

ROOT = Path(__file__).parents[2]
HASWELL = "flags : fpu sse4_2 fma movbe avx f16c abm bmi1 avx2 bmi2"


def test_all_versions_are_one() -> None:
    header = (ROOT / "CPythonShim/include/vaccine_shim_version.h").read_text()
    (written,) = re.findall(r'#define VACCINE_VERSION "(.+)"', header)
    assert _core.__version__ == written
    assert vaccine_swift.__version__ == written
    assert version("vaccine-swift") == written


def test_the_binary_exports_its_entry_point_alone() -> None:
    library = ctypes.CDLL(_core.__file__)
    assert library.PyInit__core
    for hidden in ("vaccine_model_create", "cblas_sgemm", "openblas_get_config"):
        with pytest.raises(AttributeError):
            getattr(library, hidden)


def test_the_binary_brings_its_libraries() -> None:
    script = f"""
import importlib.util
spec = importlib.util.spec_from_file_location("vaccine_swift._core", {_core.__file__!r})
spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(open("/proc/self/maps").read())
"""
    maps = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert "_core.abi3.so" in maps
    assert not re.findall(r"lib(?:swift|openblas|Foundation|dispatch|Blocks)\S*", maps)


def test_the_build_describes_itself() -> None:
    description = _core.build_description()
    assert "OpenBLAS" in description
    assert "\n" not in description


@pytest.mark.parametrize("missing", ["avx2", "fma", "bmi2", "f16c", "movbe", "abm"])
def test_a_missing_instruction_set_is_named(missing: str) -> None:
    flags = re.sub(rf"\b{missing}\b", "", HASWELL)
    assert cpu_check.missing_features("x86_64", flags) == [missing]


@pytest.mark.parametrize(
    ("machine", "text"),
    [
        ("x86_64", HASWELL),
        ("x86_64", HASWELL.replace(" ", "\t") + "\n\nprocessor\t: 1\nflags\t: sse2"),
        ("x86_64", ""),
        ("aarch64", "Features : fp asimd\nflags : "),
    ],
)
def test_a_sufficient_or_unknown_processor_passes(machine: str, text: str) -> None:
    assert cpu_check.missing_features(machine, text) == []


def test_an_old_processor_is_refused_at_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text("flags : fpu sse2 fma\n")
    monkeypatch.setattr(cpu_check, "_CPU_INFORMATION", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(ImportError, match="this one lacks avx2, bmi1, bmi2, f16c"):
        cpu_check.check_cpu()


@pytest.fixture
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "build_hook", ROOT / "python/build_hook.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_missing_swift_is_said_with_the_remedy(
    hook: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        hook.BuildError, match="Swift was not found: install a Swift toolchain"
    ):
        hook.find_swift()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("Swift version 6.1 (swift-6.1-RELEASE)", "Swift 6.1 is too old: install"),
        ("Swift version 5.10.1", "Swift 5.10 is too old: install"),
        ("no toolchain is selected", "`swift --version` failed: install"),
    ],
)
def test_an_old_swift_is_said_with_the_remedy(
    hook: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    message: str,
) -> None:
    swift = tmp_path / "swift"
    swift.write_text(f"#!/bin/sh\necho '{output}'\n")
    swift.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(hook.BuildError, match=message):
        hook.find_swift()


def test_missing_python_headers_are_said_with_the_remedy(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook.sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    with pytest.raises(hook.BuildError, match="apt-get install python3-dev"):
        hook.python_include()


@pytest.mark.parametrize(
    ("files", "linkage"),
    [
        (["cblas.h", "libopenblas.a", "libopenblas.so"], "static"),
        (["cblas.h", "libopenblas.so"], "dynamic"),
        (["libopenblas.a"], None),
        (["cblas.h"], None),
        ([], None),
    ],
)
def test_openblas_is_found_or_said_with_the_remedy(
    hook: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: list[str],
    linkage: str | None,
) -> None:
    for name in files:
        (tmp_path / name).touch()
    monkeypatch.setattr(hook, "search_path", lambda *_: [tmp_path])
    if linkage is None:
        with pytest.raises(hook.BuildError, match="apt-get install libopenblas-dev"):
            hook.openblas_linkage()
    else:
        assert hook.openblas_linkage() == linkage


@pytest.fixture
def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "check_wheel", ROOT / "python/scripts/check_wheel.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def listed(hook: ModuleType, tmp_path: Path, monkeypatch) -> dict[str, Any]:
    """The bill of materials of the present core, by a compiler that is Swift 6.3.1."""
    swift = tmp_path / "swift"
    swift.write_text("#!/bin/sh\necho 'Swift version 6.3.1 (swift-6.3.1-RELEASE)'\n")
    swift.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return hook.bill_of_materials(Path(_core.__file__), vaccine_swift.__version__)


def wheel_with(folder: Path, listed: dict[str, Any] | None, *licences: str) -> Path:
    wheel = folder / "vaccine_swift-1-cp311-abi3-linux_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        if listed is not None:
            archive.writestr("v.dist-info/sboms/v.cdx.json", json.dumps(listed))
        for licence in licences:
            archive.writestr(f"v.dist-info/licenses/{licence}", "...")
    return wheel


LICENCES = ("LICENSE", "python/licenses/OpenBLAS.txt")


def test_the_bill_of_materials_names_versions_and_licences(
    checker: ModuleType, listed: dict[str, Any], tmp_path: Path, capsys
) -> None:
    checker.check_contents(wheel_with(tmp_path, listed, *LICENCES))
    linked = re.search(r"OpenBLAS ([\d.]+\d)", _core.build_description())
    assert f"OpenBLAS {linked[1]}, Swift runtime 6.3.1" in capsys.readouterr().out
    whole = listed["metadata"]["component"]
    assert (whole["name"], whole["version"]) == ("vaccine-swift", _core.__version__)
    swift, blas = listed["components"]
    assert swift["licenses"] == [{"expression": "Apache-2.0 WITH Swift-exception"}]
    assert blas["licenses"] == [{"expression": "BSD-3-Clause"}]
    assert blas["purl"] == f"pkg:github/OpenMathLib/OpenBLAS@v{linked[1]}"
    assert [each["name"] for each in blas["components"]] == ["LAPACK"]


@pytest.mark.parametrize(
    ("spoil", "licences", "message"),
    [
        (lambda _: None, LICENCES, "has no bill of materials"),
        (lambda b: b["components"].pop(0) and b, LICENCES, "which Swift runtime is"),
        (lambda b: b["components"].pop(1) and b, LICENCES, "which OpenBLAS is inside"),
        (
            lambda b: b["components"][1].update(version="unknown") or b,
            LICENCES,
            "which OpenBLAS is inside",
        ),
        (
            lambda b: b["components"].append({"name": "x", "version": "1"}) or b,
            LICENCES,
            "does not say the licence of x",
        ),
        (lambda b: b, LICENCES[:1], r"has no OpenBLAS\.txt"),
        (lambda b: b, LICENCES[1:], "has no LICENSE"),
    ],
)
def test_a_wheel_that_does_not_say_what_is_inside_is_refused(
    checker: ModuleType,
    listed: dict[str, Any],
    tmp_path: Path,
    spoil: Callable[[dict[str, Any]], dict[str, Any] | None],
    licences: tuple[str, ...],
    message: str,
) -> None:
    with pytest.raises(SystemExit, match=message):
        checker.check_contents(wheel_with(tmp_path, spoil(listed), *licences))
