"""The page on the architecture is true: its paths, names, rooms and picture."""

from __future__ import annotations

import re
import runpy
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "vaccine_swift"
PAGE = (ROOT / "python" / "docs" / "architecture.md").read_text("utf-8")
PAGE = re.sub(r"^```$.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL)
PATH = re.compile(r"(?:python|Sources|CPythonShim|Tests)(?:/[\w.+-]+)*")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@pytest.fixture(scope="module")
def drawing() -> types.SimpleNamespace:
    path = ROOT / "python" / "scripts" / "draw_architecture.py"
    return types.SimpleNamespace(**runpy.run_path(str(path)))


def test_every_path_exists() -> None:
    paths = [each for each in code(PAGE) if PATH.fullmatch(each)]
    assert len(paths) > 80
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("heading", ["The way of ρ", "The way of a row"])
def test_every_step_names_what_is_in_its_file(heading) -> None:
    steps = rows(heading)
    assert len(steps) > 15
    for _, path, names in steps:
        text = (ROOT / code(path)[0]).read_text("utf-8")
        assert code(names), path
        for name in code(names):
            assert re.search(rf"\b{name}\b", text), f"{name} is not in {path}"


def test_every_room_is_listed() -> None:
    """Or the room that it is in; and none that there is not."""
    listed = {ROOT / code(room)[0] for room, _ in rows("The rooms")}
    top = {PACKAGE, ROOT / "CPythonShim"}
    top |= {path.parent for path in PACKAGE.glob("*/__init__.py")}
    top |= {path for path in (ROOT / "Sources").iterdir() if path.is_dir()}
    assert top <= listed
    assert listed - top <= {path.parent for path in PACKAGE.rglob("__init__.py")}


def test_no_room_imports_from_above(drawing) -> None:
    levels = {
        room.name: level
        for level, row in enumerate(drawing.AFTER["Python package"])
        for room in row
    }
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert set(levels) == packages
    for path in PACKAGE.rglob("*.py"):
        home = path.relative_to(PACKAGE).parts[0]
        text = path.read_text("utf-8")
        used = re.findall(r"^ *from vaccine_swift\.(\w+)", text, re.MULTILINE)
        names = re.findall(r"^ *from vaccine_swift import (.*)$", text, re.MULTILINE)
        used += [name.strip() for line in names for name in line.split(",")]
        for room in used:
            if home in levels and room in levels:
                assert levels[room] >= levels[home], f"{path} imports {room}"


def test_the_picture_is_what_its_script_draws(drawing) -> None:
    assert drawing.TARGET.read_text("utf-8") == drawing.svg()
    for rows_of_rooms in drawing.AFTER.values():
        for room in (room for row in rows_of_rooms for room in row):
            places = [PACKAGE / room.name, ROOT / "Sources" / room.name]
            assert any(place.is_dir() for place in [*places, ROOT / room.name])
