"""Imports point one way, those for types alone included."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

import pytest

import vaccine_swift as vs

PACKAGE = Path(vs.__file__).parent


def imports(folder: str) -> dict[str, set[str]]:
    """Which modules of a folder each of them imports, by name."""
    paths = {
        ".".join(["vaccine_swift", *path.relative_to(PACKAGE).with_suffix("").parts]): (
            path
        )
        for path in (PACKAGE / folder).rglob("*.py")
        if path.name != "__init__.py"
    }
    return {
        name: {
            node.module
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom) and node.module in paths
        }
        - {name}
        for name, path in paths.items()
    }


@pytest.mark.parametrize("folder", ["training", "checkpoints", "cli"])
def test_no_two_modules_import_each_other(folder: str) -> None:
    found = imports(folder)
    assert len(found) > 5
    order = list(graphlib.TopologicalSorter(found).static_order())
    assert set(order) == set(found)


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
