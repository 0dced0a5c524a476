"""Tokenisers of GGUF metadata: a small vocabulary, and the one with golden ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoint_files as files

import vaccine_swift as vs

GOLDEN = json.loads((Path(__file__).parent / "golden_tokenizer.json").read_text())
CHATML = (
    "{% for message in messages %}{{ '<start>' + message['role'] + '\n' "
    "+ message['content'] + '<end>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start>assistant\n' }}{% endif %}"
)
CHAT = [{"role": "user", "content": "hello"}]


def golden_tokenizer(pre: str) -> vs.Tokenizer:
    fields = GOLDEN["vocabulary"] | {"pre": pre}
    return vs.Tokenizer.from_gguf({f"tokenizer.ggml.{k}": v for k, v in fields.items()})


def tokenizer(**changes: Any) -> vs.Tokenizer:
    return vs.Tokenizer.from_gguf(files.tokenizer_metadata(**changes))
