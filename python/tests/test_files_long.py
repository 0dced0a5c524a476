"""Files of holes, longer than all memory, are refused before they are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from data_tokenizers import byte_tokenizer
from study_support import write_study_model

import vaccine_swift as vs
from vaccine_swift.drift.two_sample_report import TwoSampleReport
from vaccine_swift.files.text_files import read_lines

LENGTH = 1 << 42


def holes(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(LENGTH)
    return path


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("config.json", None),
        ("tokenizer.json", None),
        ("tokenizer_config.json", None),
        ("chat_template.jinja", None),
        ("tokenizer.model", "tokenizer.json"),
        ("vocab.json", "tokenizer.json"),
    ],
)
def test_a_file_of_a_model_is_named(
    tmp_path: Path, name: str, absent: str | None
) -> None:
    model = tmp_path / "model"
    write_study_model(model)
    if absent is not None:
        (model / absent).unlink()
        config = '{"tokenizer_class": "GPT2Tokenizer"}'
        (model / "tokenizer_config.json").write_text(config)
        (model / "merges.txt").write_text("")
    holes(model / name)
    with pytest.raises(MemoryError, match=rf"{name} holds 4398046 MB, but only \d+ MB"):
        vs.CausalLM.from_pretrained(model).tokenizer  # noqa: B018  # read at need


READERS: dict[str, Callable[[Path], object]] = {
    "rows.jsonl": lambda path: vs.data.load(path, byte_tokenizer()),
    "rows.json": lambda path: vs.data.load(path, byte_tokenizer()),
    "rows.csv": lambda path: vs.data.load(path, byte_tokenizer()),
    "lines.txt": read_lines,
    "report.json": TwoSampleReport.load,
}


@pytest.mark.parametrize("name", READERS)
def test_rows_and_reports_are_named(tmp_path: Path, name: str) -> None:
    path = holes(tmp_path / name)
    with pytest.raises(MemoryError, match=rf"{name} holds 4398046 MB, but only \d+ MB"):
        READERS[name](path)
