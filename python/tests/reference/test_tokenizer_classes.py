"""Tokenisers in the files from before tokenizer.json, against transformers' classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sentencepiece_models as spm
from varied_strings import varied_strings

import vaccine_swift as vs

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

STRINGS = varied_strings(2000)
TESTS = Path(__file__).resolve().parents[1]


def both(directory: Path, **config: Any) -> tuple[vs.Tokenizer, Any]:
    """Our tokeniser of a directory and transformers'."""
    from transformers import AutoTokenizer

    (directory / "tokenizer_config.json").write_text(json.dumps(config))
    theirs = AutoTokenizer.from_pretrained(directory)
    return vs.Tokenizer.from_directory(directory), theirs


def assert_equal(ours: vs.Tokenizer, theirs: Any, texts: list[str]) -> None:
    for text in texts:
        ids = ours.encode(text)
        assert ids == theirs.encode(text), text
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True), text


def test_llamas_sentencepiece_ids_equal_transformers(tmp_path: Path) -> None:
    spm.trained("bpe", tmp_path / "tokenizer.model")
    special: dict[str, Any] = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
    }
    # Left out, it is true here and in transformers 4, false in transformers 5.
    special["add_bos_token"] = True
    ours, theirs = both(tmp_path, tokenizer_class="LlamaTokenizer", **special)
    special_texts = ["a<s>b", "a</s> b", "<unk>", "</s><s> x"]
    assert_equal(ours, theirs, [*STRINGS, *special_texts])
    assert (ours.bos_token_id, ours.eos_token_id) == (1, 2)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("GPT2Tokenizer", {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}),
        (
            "GPT2Tokenizer",
            {
                "bos_token": {
                    "__type": "AddedToken",
                    "content": "<|im_end|>",
                    "normalized": True,
                },
                "eos_token": "<|im_end|>",
                "unk_token": "<|im_end|>",
                "add_bos_token": True,
            },
        ),
        ("Qwen2Tokenizer", {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}),
    ],
)
def test_byte_level_ids_equal_transformers(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    golden = json.loads((TESTS / "golden_tokenizer.json").read_text())
    fields = golden["vocabulary"]
    vocabulary = {token: index for index, token in enumerate(fields["tokens"])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    lines = ["#version: 0.2", *fields["merges"], ""]
    (tmp_path / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    ours, theirs = both(tmp_path, tokenizer_class=name, **options)
    # Of a special token that only one side knows, its text is what it is.
    texts = [text for text in STRINGS if "<|" not in text]
    assert len(texts) > 1500
    assert_equal(ours, theirs, texts)


def test_gemmas_sentencepiece_ids_equal_transformers(tmp_path: Path) -> None:
    spm.trained("gemma", tmp_path / "tokenizer.model")
    options = {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True}
    ours, theirs = both(tmp_path, **options)
    texts = [*STRINGS, "<start_of_turn>user\nHi  there<end_of_turn>\n", "  <h1> x"]
    for text in texts:
        assert ours.encode(text) == theirs.encode(text), text
    assert (ours.bos_token_id, ours.eos_token_id) == (2, 1)
    theirs.save_pretrained(tmp_path / "saved")
    again = vs.Tokenizer.from_directory(tmp_path / "saved")
    for text in texts:
        assert again.encode(text) == theirs.encode(text), text
