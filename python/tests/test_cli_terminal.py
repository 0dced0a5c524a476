"""What reaches a terminal can be seen, whoever wrote it."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from vaccine_swift.cli.comparison import Comparison, summary, table
from vaccine_swift.cli.terminal import exact, status, visible

HOSTILE = [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))]
HOSTILE += ["\u202e", "\u2066", "\u2028", "\udc80"]


@pytest.mark.parametrize("character", HOSTILE, ids=ascii)
def test_what_a_terminal_obeys_is_spelt_out(character: str) -> None:
    text = visible(f"a{character}b")
    assert text.isprintable()
    assert text == f"a{character.encode('unicode_escape').decode()}b"
    document = json.dumps([character], ensure_ascii=False)
    assert exact(document).isprintable()
    assert json.loads(exact(document)) == [character]


def test_text_of_any_script_stays_as_it_is() -> None:
    text = "Grüße,\n\t日本語 עברית می‌خواهم 👩‍👩‍👧 \\x1b"
    assert visible(text) == exact(text) == text


def test_tables_of_answers_spell_it_out_too() -> None:
    console = Console(width=80, force_terminal=False)
    hostile = "Hi\x1b]0;owned\x07[red]x[/]"
    with console.capture() as captured:
        console.print(table("title", [Comparison(hostile, hostile, hostile)]))
        console.print(summary([("report", hostile)]))
    assert "\x1b" not in captured.get()
    assert captured.get().count(r"Hi\x1b]0;owned\x07[red]x[/]") == 4


def test_a_file_name_in_a_status_is_no_markup(monkeypatch) -> None:
    monkeypatch.setattr(Console, "is_terminal", True)
    with status("loading [/] \x1b[2J"):
        pass
