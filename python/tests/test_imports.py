"""Imports point one way, those for types alone included."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

import vaccine_swift as vs

PACKAGE = Path(vs.__file__).parent


def named(path: Path) -> str:
    """The module that a file is."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {named(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(text: str, modules: dict[str, Path]) -> set[str]:
    """Which of the modules a text imports anywhere in it, by name.

    ``from package import name`` imports ``package.name`` where that is a module,
    and of the package otherwise; the core is none of them.
    """
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & set(modules)
            if names - set(modules) - {"vaccine_swift._core"}:
                found.add(str(node.module))
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(modules)


def test_no_modules_import_each_other_in_a_circle() -> None:
    found = {
        name: imports(path.read_text(encoding="utf-8"), MODULES) - {name}
        for name, path in MODULES.items()
    }
    assert "vaccine_swift.methods.base" in found["vaccine_swift.methods.vaccine"]
    order = list(graphlib.TopologicalSorter(found).static_order())
    assert set(order) == set(found)


@pytest.mark.parametrize(
    "text",
    [
        "from package.b import name",
        "from package import b",
        "import package.b",
        "def f():\n    from package.b import name",
        "if TYPE_CHECKING:\n    from package.b import Name",
    ],
)
def test_imports_of_every_form_are_seen(text: str) -> None:
    modules = {name: Path() for name in ("package", "package.a", "package.b")}
    assert imports(text, modules) == {"package.b"}


def test_no_module_has_the_name_of_something_public() -> None:
    """The import of the module would hide it."""
    for package in (vs, vs.data, vs.drift, vs.methods, vs.study):
        home = Path(package.__file__).parent
        for name in package.__all__:
            value = getattr(package, name)
            is_module = getattr(value, "__name__", "").startswith("vaccine_swift.")
            assert is_module or not (home / f"{name}.py").exists(), name
            assert is_module or not (home / name).is_dir(), name


def test_only_one_room_writes_files() -> None:
    """Every other goes through it, so that files appear whole or not at all."""
    for path in PACKAGE.rglob("*.py"):
        if path.parent == PACKAGE / "files":
            continue
        text = path.read_text(encoding="utf-8")
        for word in ("os.fsync", ".unfinished", "NamedTemporaryFile", "os.replace("):
            if word == ".unfinished" and path.name == "assets.py":
                continue  # where pip downloads to
            assert word not in text, f"{path}: {word}"
