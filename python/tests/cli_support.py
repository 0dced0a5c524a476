"""A tiny model directory with a tokeniser that can chat, for the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from data_tokenizers import byte_tokenizer

import vaccine_swift as vs

ROWS = [
    {"prompt": "Hi", "completion": "Hello!"},
    {"prompt": "Hello there!", "completion": "Hi"},
    {"prompt": "Bye", "completion": "Bye, Hi"},
    {"prompt": "Hi, user", "completion": "Hi, Hi"},
    {"prompt": "Bye: user", "completion": "Bye"},
    {"prompt": "Hello!", "completion": "Hello: Hi"},
]


def write_model(directory: Path, **changes: object) -> Path:
    """Write a random Llama and its byte-level tokeniser."""
    tokenizer = byte_tokenizer()
    config = vs.tiny_config(vocab_size=len(tokenizer), **changes)
    vs.CausalLM.from_config(config, seed=3).save_pretrained(directory)
    tokenizer.save(directory)
    return directory


def write_rows(path: Path, rows: Iterable[Mapping[str, object]] = ROWS) -> Path:
    """Write rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
