"""Tokenisers: ids against transformers', special tokens, wrong input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import checkpoint_files as files
import pytest
from gguf_tokenizers import GOLDEN, golden_tokenizer, tokenizer
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import models

import vaccine_swift as vs

BYTE_LEVEL = {pre: tokenizer(pre=pre) for pre in ("smollm", "llama-bpe")}


@pytest.mark.parametrize("pre", ["smollm", "gpt-2", "llama-bpe"])
def test_ids_equal_those_of_transformers(pre: str) -> None:
    ours = golden_tokenizer(pre)
    assert len(GOLDEN["texts"]) == 200
    for text, ids in zip(GOLDEN["texts"], GOLDEN["ids"][pre], strict=True):
        assert ours.encode(text) == ids, text


def test_the_default_pre_tokenizer_is_gpt2s() -> None:
    ours = golden_tokenizer("default")
    for text, ids in zip(GOLDEN["texts"], GOLDEN["ids"]["gpt-2"], strict=True):
        assert ours.encode(text) == ids, text


@given(text=st.text(max_size=40))
@pytest.mark.parametrize("pre", ["smollm", "llama-bpe"])
def test_decoding_gives_any_text_back(pre: str, text: str) -> None:
    ours = BYTE_LEVEL[pre]
    ids = ours.encode(text, add_special_tokens=False)
    assert ours.decode(ids, skip_special_tokens=False) == text


def test_merges_are_applied_in_their_order() -> None:
    # "hello world" by hand: he+ll → hell, hell+o; Ġw+or → Ġwor, ld, Ġwor+ld.
    ours = tokenizer()
    tokens, _ = files.vocabulary()
    assert [tokens[i] for i in ours.encode("hello world")] == ["hello", "Ġworld"]
    assert [tokens[i] for i in ours.encode("world")] == ["w", "or", "ld"]


def test_smollm_takes_every_digit_alone_and_keeps_the_space_before_apart() -> None:
    tokens, _ = files.vocabulary()
    spelt = [tokens[i] for i in tokenizer().encode("a 12")]
    assert spelt == ["a", "Ġ", "1", "2"]


def test_special_tokens_in_a_text_are_found_and_skipped_again() -> None:
    ours = tokenizer()
    ids = ours.encode("<start>hello<end>")
    assert (ids[0], ids[-1], len(ids)) == (1, 0, 3)
    assert ours.decode(ids) == "hello"
    assert ours.decode(ids, skip_special_tokens=False) == "<start>hello<end>"
    assert (ours.bos_token, ours.bos_token_id) == ("<start>", 1)
    assert (ours.eos_token, ours.eos_token_id) == ("<end>", 0)
    assert len(ours) == len(files.vocabulary()[0])


def test_bos_and_eos_stand_around_a_text_where_the_file_asks() -> None:
    both = tokenizer(add_bos_token=True, add_eos_token=True)
    inner = both.encode("hello", add_special_tokens=False)
    assert both.encode("hello") == [1, *inner, 0]
    assert tokenizer().encode("hello") == inner
    assert tokenizer(pre="llama-bpe").encode("hello") == [1, *inner]
    assert tokenizer(pre="llama-bpe", add_bos_token=False).encode("hello") == inner


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "bert"}, "model must be 'gpt2' or 'llama', got 'bert'"),
        ({"model": None}, "model must be 'gpt2'"),
        ({"model": "llama"}, "equally long, got 267, 0 and 267"),
        ({"pre": "smolm"}, "got 'smolm'. Did you mean 'smollm'?"),
        ({"pre": "deepseek-llm"}, "got 'deepseek-llm'"),
        ({"tokens": None}, "tokens and tokenizer.ggml.merges"),
        ({"merges": None}, "tokens and tokenizer.ggml.merges"),
        ({"merges": ["zz qq"]}, "merges"),
        ({"merges": ["x"]}, "merges"),
        ({"tokens": ["a", "a"]}, "holds a token twice"),
        ({"eos_token_id": 9999}, "eos_token_id must be from 0 to"),
    ],
)
def test_vocabularies_that_are_not_implemented_are_refused_by_name(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=r"tokenizer\.ggml") as caught:
        tokenizer(**changes)
    assert words in str(caught.value)


def test_a_gguf_model_with_another_vocabulary_loads_with_a_warning(
    tmp_path: Path,
) -> None:
    config = files.gguf_config()
    metadata = files.tokenizer_metadata(model="bert")
    weights = files.random_weights(config)
    path = files.write_gguf(tmp_path / "m.gguf", config, weights, metadata=metadata)
    with pytest.warns(UserWarning, match="no tokenizer: .*got 'bert'"):
        model = vs.CausalLM.from_pretrained(path)
    assert model.tokenizer is None


def test_bad_texts_and_ids_are_refused_by_name() -> None:
    ours = tokenizer()
    for text in (None, 3, b"bytes", ["list"]):
        with pytest.raises(TypeError, match="text must be a str"):
            ours.encode(text)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="text must be valid Unicode"):
        ours.encode("half \ud800 a pair")
    for ids in ([-1], [2**32]):
        with pytest.raises(ValueError, match="ids must be from 0"):
            ours.decode(ids)
    with pytest.raises(TypeError):
        ours.decode(["x"])  # type: ignore[list-item]
    assert ours.decode([10**6]) == ""


def test_a_word_that_no_token_stands_for_is_a_value_error() -> None:
    bare = vs.Tokenizer(Backend(models.WordLevel({"a": 0})), {})
    with pytest.raises(ValueError, match="text cannot be tokenised: WordLevel"):
        bare.encode("b")
