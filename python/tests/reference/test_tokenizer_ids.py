"""Token ids of SmolLM2's GGUF vocabulary against transformers, 2,000 varied strings.

transformers (5.23) leaves the digit splitting of "smollm" out when it reads a GGUF
file; the model's own ``tokenizer.json`` and llama.cpp have it. So ids are compared with
transformers given that pre-tokeniser on all strings, and with transformers as it reads
the file on those where the splitting changes nothing: no number after white space.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from varied_strings import varied_strings

import vaccine_swift as vs
from vaccine_swift.assets import fetch_smollm2
from vaccine_swift.checkpoints.gguf import GGUFFile

pytestmark = [pytest.mark.reference, pytest.mark.filterwarnings("default")]

STRINGS = varied_strings(2000)
CHAT = [
    {"role": "user", "content": "What is 2 + 2?"},
    {"role": "assistant", "content": "4"},
]


@pytest.fixture(scope="module")
def ours() -> vs.Tokenizer:
    return vs.Tokenizer.from_gguf(GGUFFile(fetch_smollm2()).metadata)


@pytest.fixture
def theirs() -> Any:
    from transformers import AutoTokenizer

    path = fetch_smollm2()
    return AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


def splits_digits(text: str) -> bool:
    """Whether a number follows white space somewhere."""
    return any(
        second.isnumeric() and first.isspace()
        for first, second in itertools.pairwise(text)
    )


def test_ids_equal_transformers_with_the_models_pre_tokenizer(
    ours: vs.Tokenizer, theirs: Any
) -> None:
    from tokenizers import pre_tokenizers

    theirs.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    for text in STRINGS:
        assert ours.encode(text) == theirs.encode(text), text


def test_ids_equal_transformers_as_it_reads_the_file(
    ours: vs.Tokenizer, theirs: Any
) -> None:
    compared = [text for text in STRINGS if not splits_digits(text)]
    assert len(compared) > 1500
    for text in compared:
        assert ours.encode(text) == theirs.encode(text), text


def test_decoding_and_the_chat_template_equal_transformers(
    ours: vs.Tokenizer, theirs: Any
) -> None:
    for text in STRINGS:
        ids = ours.encode(text)
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)
    for prompt in (False, True):
        expected = theirs.apply_chat_template(
            CHAT, tokenize=False, add_generation_prompt=prompt
        )
        assert ours.apply_chat_template(CHAT, add_generation_prompt=prompt) == expected


def test_transformers_reads_what_is_saved_with_the_same_ids(
    ours: vs.Tokenizer, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    ours.save(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    for text in STRINGS:
        assert again.encode(text) == ours.encode(text), text
    assert again.eos_token_id == ours.eos_token_id
    assert again.bos_token_id == ours.bos_token_id
    expected = ours.apply_chat_template(CHAT)
    assert again.apply_chat_template(CHAT, tokenize=False) == expected


def test_what_transformers_saves_is_read_with_the_same_ids(
    theirs: Any, tmp_path: Path
) -> None:
    theirs.save_pretrained(tmp_path)
    ours = vs.Tokenizer.from_directory(tmp_path)
    for text in STRINGS:
        assert ours.encode(text) == theirs.encode(text), text
    assert ours.eos_token_id == theirs.eos_token_id
    assert ours.chat_template == theirs.chat_template
