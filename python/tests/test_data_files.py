"""Files that cannot be read say why."""

from __future__ import annotations

import builtins

import pytest
from data_files import ALPACA, write
from data_tokenizers import word_tokenizer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaccine_swift.data import load

TOKENIZER = word_tokenizer()


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".parquet", ".txt", ""])
def test_a_missing_file_is_file_not_found(tmp_path, suffix):
    with pytest.raises(
        FileNotFoundError, match=f"no such data file: .*nothing{suffix}"
    ):
        load(tmp_path / f"nothing{suffix}", TOKENIZER)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", b"", "a.json must hold at least one row, got none"),
        ("a.json", b" [] ", "must hold at least one row"),
        ("a.json", b"{}", "must hold one array of objects, got dict"),
        ("a.json", b"[1]", r"row 0 \(.*a.json\) must be a mapping, got int"),
        ("a.json", b'[{"prompt": "Hi",\n}]', r"not valid JSON: .*\(line 2, column 1\)"),
        ("a.json", b"[" * 100_000, "not valid JSON"),
        ("a.jsonl", b"", "must hold at least one row"),
        ("a.jsonl", b"\n\n", "must hold at least one row"),
        ("a.jsonl", b'\n{"a": 1}\n{"a": }\n', "a.jsonl, line 3 is not valid JSON"),
        ("a.jsonl", b'{"prompt": "H', "a.jsonl, line 1 is not valid JSON"),
        ("a.jsonl", b"[]", r"row 0 \(.*a.jsonl, line 1\) must be a mapping, got list"),
        (
            "a.jsonl",
            b"{}\n\xff\n",
            "a.jsonl must be UTF-8 text, got byte 0xff in line 2",
        ),
        ("a.csv", b"", "must hold at least one row"),
        ("a.csv", b"prompt,completion\n", "must hold at least one row"),
        ("a.csv", b"prompt,completion\nHi\n", "line 2.* must have the 2 fields"),
        ("a.csv", b"prompt,completion\nHi,a,b\n", "line 2.* must have the 2 fields"),
        ("a.csv", b'prompt,completion\n"Hi', "a.csv, line 2: "),
        ("a.csv", b"\xfe\xff", "must be UTF-8 text"),
        ("a.parquet", b"", "cannot be read as Parquet"),
        ("a.parquet", b"PAR1 junk PAR1", "cannot be read as Parquet"),
        ("a.txt", b"Hi", "must end in one of .json, .jsonl"),
        ("a.jsonll", b"Hi", "Did you mean '.jsonl'"),
    ],
)
def test_a_broken_file_says_what_is_wrong_and_where(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load(path, TOKENIZER)


def test_a_row_of_a_file_is_named_with_its_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"prompt": "a", "completion": "b"}\n\n{"prompt": 1, "completion": ""}'
    )
    with pytest.raises(ValueError, match=r"row 1 \(.*a.jsonl, line 3\): 'prompt' must"):
        load(path, TOKENIZER)


def test_no_rows_and_a_directory_are_refused(tmp_path):
    with pytest.raises(ValueError, match="path_or_rows must hold at least one row"):
        load([], TOKENIZER)
    with pytest.raises(ValueError, match="must be a file, got the directory"):
        load(tmp_path, TOKENIZER)


def test_parquet_without_pyarrow_names_the_remedy(tmp_path, monkeypatch):
    path = write(tmp_path / "data.parquet", ALPACA)
    real = builtins.__import__

    def without_pyarrow(name, *rest):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_pyarrow)
    with pytest.raises(ImportError, match=r"pip install vaccine-swift\[data\]"):
        load(path, TOKENIZER)


@settings(
    deadline=None,
    derandomize=True,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.sampled_from([".json", ".jsonl", ".csv", ".parquet"]),
    st.binary(max_size=80) | st.text('[{"prompt":,completion}]\n', max_size=80),
)
def test_junk_in_a_file_is_a_value_error(tmp_path, suffix, content):
    path = tmp_path / f"junk{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=r"\w"):
        load(path, TOKENIZER)
