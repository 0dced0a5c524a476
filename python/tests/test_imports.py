"""What an import loads, and that names are there when asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vaccine_swift as vs
from vaccine_swift import drift

HEAVY = (
    "gguf",
    "jinja2",
    "matplotlib",
    "pandas",
    "pyarrow",
    "rich",
    "safetensors",
    "tokenizers",
    "tqdm",
)

MEASURE = """
import numpy as np
from vaccine_swift import drift
x = np.random.default_rng(0).normal(size=(20, 4))
accumulator = drift.Accumulator(4)
accumulator.update(x, x + 1, ids=range(20))
report = accumulator.report(permutations=9)
report.to_json()
report.assert_that("relative_drift<10")
drift.mmd(x, x + 1, permutations=9)
drift.ks(x, x)
drift.cka(x, x)
"""


def loaded_by(code: str) -> set[str]:
    code += f"\nimport sys; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "code", ["import vaccine_swift", "import vaccine_swift.drift", MEASURE]
)
def test_arrays_need_none_of_the_libraries_for_files_and_pictures(code) -> None:
    assert loaded_by(code) == set()


def test_a_page_needs_templates_only() -> None:
    assert loaded_by(MEASURE + "report.to_html()") == {"jinja2"}


@pytest.mark.parametrize("package", [vs, drift])
def test_every_public_name_is_found_and_listed(package) -> None:
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize("first", ["comparison", "monitor", "hed", "report"])
def test_a_module_that_is_loaded_first_hides_no_function(first) -> None:
    code = f"import vaccine_swift.drift.{first}\nfrom vaccine_swift import drift\n"
    code += "assert all(map(callable, (drift.compare, drift.hed, drift.Monitor)))"
    assert "Error" not in str(loaded_by(code))


@pytest.mark.parametrize("part", ["engines", "methods", "models", "study", "training"])
def test_every_part_can_be_the_first_that_is_imported(part) -> None:
    loaded_by(f"import vaccine_swift.{part}")


@pytest.mark.parametrize("package", [vs, drift])
def test_names_that_load_later_are_those_that_type_checkers_see(package) -> None:
    tree = ast.parse(Path(package.__file__).read_text("utf-8"))
    seen = {}
    for branch in (each for each in tree.body if isinstance(each, ast.If)):
        for line in branch.body:
            for alias in line.names:
                module = line.module == package.__name__
                home = f"{line.module}.{alias.name}" if module else line.module
                seen[alias.name] = home
    (call,) = [
        each.value
        for each in tree.body
        if isinstance(each, ast.Assign) and each.targets[0].id == "__getattr__"
    ]
    assert ast.literal_eval(call.args[1]) == seen
    assert set(seen) <= set(package.__all__)
