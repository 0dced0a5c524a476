"""Where results are to go is refused before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_support import write_model, write_rows

from vaccine_swift.cli import main


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_model(folder / "model")
    write_rows(folder / "rows.jsonl")
    words = ["--model", folder / "model", "--data", folder / "rows.jsonl"]
    words += ["--max-steps", "1", "--disable-tqdm", "--output-dir", folder / "adapter"]
    assert main(["align", *map(str, words)]) == 0
    return folder


COMMANDS = {
    "align": "--model {0}/model --data {0}/rows.jsonl --output-dir",
    "merge": "--model {0}/model --adapter {0}/adapter --output-dir",
    "repair": "--adapter {0}/adapter --alignment {0}/adapter --output-dir",
    "study": "--preset smoke --out",
    "demo": "--output-dir",
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("{0}/rows.jsonl", "got the file {0}/rows.jsonl"),
        ("{0}/rows.jsonl/a/b", "got {0}/rows.jsonl/a/b in the file {0}/rows.jsonl"),
    ],
)
def test_a_directory_of_results_is_no_file_and_lies_in_none(
    made, capsys, command, place, told
) -> None:
    rows = (made / "rows.jsonl").read_bytes()
    words = f"{command} {COMMANDS[command]} {place}".format(made).split()
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"vaccine-swift {command}: error: {words[-2]} must be a dir")
    assert line.endswith(told.format(made))
    assert (made / "rows.jsonl").read_bytes() == rows


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("{0}", "--json must be a file, got the directory {0}"),
        (
            "{0}/no/a.json",
            "--json must lie in a directory that exists, got {0}/no/a.json",
        ),
        ("{0}/rows.jsonl/a.json", "--json must lie in a directory that exists"),
    ],
)
def test_evaluate_asks_nothing_whose_numbers_it_could_not_write(
    made, capsys, monkeypatch, place, told
) -> None:
    monkeypatch.setattr("vaccine_swift.cli.evaluate.evaluate", None)
    words = ["evaluate", "--model", made / "model", "--json", place.format(made)]
    assert main(list(map(str, words))) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("vaccine-swift evaluate: error: " + told.format(made))


def test_where_this_user_may_not_write_is_told(made, capsys, monkeypatch) -> None:
    monkeypatch.setattr("vaccine_swift.cli.places.os.access", lambda *_: False)
    words = f"study --preset smoke --out {made}/new/study".split()
    assert main(words) == 2
    told = f"must be where this user may write, got {made}/new/study in {made}\n"
    assert capsys.readouterr().err == f"vaccine-swift study: error: --out {told}"
