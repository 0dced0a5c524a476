"""Files that cannot be read say why."""

from __future__ import annotations

import builtins
import csv
import json

import pytest
from cli_support import write_model
from data_files import ALPACA, write
from data_tokenizers import word_tokenizer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vaccine_swift as vs
from vaccine_swift.data import load
from vaccine_swift.data.rows import read_rows

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
        ("a.csv", b"prompt;completion\nHi;a\n", "got ';' in 'prompt;completion'"),
        ("a.tsv", b"prompt,completion\nHi,a\n", "got ',' in .* call it .csv"),
        ("a.csv", b"prompt,completion\nHi\n", "line 2.* must have the 2 fields"),
        ("a.csv", b"prompt,completion\nHi,a,b\n", "line 2.* must have the 2 fields"),
        ("a.csv", b'prompt,completion\n"Hi', "a.csv, line 2: "),
        ("a.csv", b"\xfe\xff", "must be UTF-8 text"),
        ("a.csv", b"prompt,completion,prompt\na,b,c\n", "'prompt' is there 2 times"),
        ("a.csv", b"prompt,completion,,\na,b,c,d\n", "the column '' is there 2 times"),
        ("a.tsv", b"prompt\tx\tprompt\na\tb\tc\n", "'prompt' is there 2 times"),
        ("a.tsv", b"prompt\tcompletion\nHi\n", "line 2.* must have the 2 fields"),
        (
            "a.jsonl",
            b'{"a": 1}\n{"prompt": "Hi", "prompt": "Bye"}',
            "line 2 is not valid JSON: the key 'prompt' is given twice",
        ),
        (
            "a.json",
            b'[{"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2, "b": 1}]}]',
            r"the key 'b' is given twice in \[1\]\['a'\]\[0\]",
        ),
        (
            "a.json",
            b'{"prompt": "Hi"}\n{"prompt": "Bye"}\n',
            "an object on each line: name it .jsonl",
        ),
        ("a.parquet", b"", "cannot be read as Parquet"),
        ("a.parquet", b"PAR1 junk PAR1", "cannot be read as Parquet"),
        (
            "a.jsonl",
            b'[{"prompt": "H", "completion": "i"}]',
            r"line 1\) must be a mapping, got list; .* one array.*: name it .json$",
        ),
        (
            "a.ndjson",
            b'[\n  {"prompt": "H", "completion": "i"}\n]\n',
            "a.ndjson, line 1 is not valid JSON.*one array of objects: name it .json$",
        ),
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


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_a_field_of_any_length_is_read(tmp_path, suffix):
    path = tmp_path / f"long{suffix}"
    text = "Hi " * 100_000
    if suffix == ".jsonl":
        path.write_text(json.dumps({"prompt": text, "completion": "Hello"}))
    else:
        comma = {".csv": ",", ".tsv": "\t"}[suffix]
        path.write_text(f"prompt{comma}completion\n{text}{comma}Hello\n")
    before = csv.field_size_limit()
    (row,) = read_rows(path)
    assert row.values == {"prompt": text, "completion": "Hello"}
    assert csv.field_size_limit() == before


def test_a_parquet_file_with_two_columns_of_one_name_is_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    path = tmp_path / "double.parquet"
    columns = [pa.array(["Hi"]), pa.array(["Hello"]), pa.array(["Bye"])]
    table = pa.Table.from_arrays(columns, names=["prompt", "completion", "prompt"])
    parquet.write_table(table, path)
    with pytest.raises(ValueError, match="the column 'prompt' is there 2 times"):
        load(path, TOKENIZER)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_key_that_a_models_file_names_twice_is_refused(tmp_path, name):
    model = write_model(tmp_path)
    text = (model / name).read_text()
    (model / name).write_text("\ufeff" + text, encoding="utf-8")
    assert vs.CausalLM.from_pretrained(model).tokenizer is not None
    (model / name).write_text(text.replace("{", '{"x": {"y": 1, "y": 2}, ', 1))
    with pytest.raises(ValueError, match=rf"{name}.*'y' is given twice in \['x'\]"):
        vs.CausalLM.from_pretrained(model)
