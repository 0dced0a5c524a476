"""Tokenisers written to a directory and read again, with what may stand beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoint_files as files
import pytest
from gguf_tokenizers import CHAT, CHATML, tokenizer

import vaccine_swift as vs


@pytest.mark.parametrize("source", ["gguf", "template file", "token dicts"])
def test_a_saved_tokenizer_is_the_same_when_loaded(tmp_path: Path, source: str) -> None:
    metadata = files.tokenizer_metadata(add_bos_token=True)
    ours = vs.Tokenizer.from_gguf(metadata | {"tokenizer.chat_template": CHATML})
    ours.save(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    if source == "template file":
        (tmp_path / "chat_template.jinja").write_text(config.pop("chat_template"))
    elif source == "token dicts":
        for name in ("bos_token", "eos_token"):
            config[name] = {"__type": "AddedToken", "content": config[name]}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    again = vs.Tokenizer.from_directory(tmp_path)
    text = "hello <start> world 12"
    assert again.encode(text) == ours.encode(text)
    assert again.eos_token_id == ours.eos_token_id
    assert again.chat_template == CHATML
    assert again.apply_chat_template(CHAT) == "<start>user\nhello<end>\n"


def test_special_tokens_map_is_read_where_the_config_has_none(tmp_path: Path) -> None:
    tokenizer().save(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "special_tokens_map.json").write_text('{"eos_token": "<end>"}')
    again = vs.Tokenizer.from_directory(tmp_path)
    assert (again.eos_token_id, again.bos_token_id) == (0, None)


def test_truncation_and_padding_of_a_file_are_switched_off(tmp_path: Path) -> None:
    tokenizer().save(tmp_path)
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    content["truncation"] = {
        "direction": "Right",
        "max_length": 2,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    assert len(vs.Tokenizer.from_directory(tmp_path).encode("a b c d")) == 7


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff\xfe", b"[1, 2]"])
def test_a_corrupt_tokenizer_file_is_a_value_error_that_names_it(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        vs.Tokenizer.from_directory(tmp_path)


def test_a_missing_file_and_a_special_token_beyond_the_vocabulary_are_named(
    tmp_path: Path,
) -> None:
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json, tokenizer\.mod"):
        vs.Tokenizer.from_directory(tmp_path)
    tokenizer().save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "<stop>"}')
    with pytest.raises(ValueError, match="eos_token '<stop>' is not in the vocabulary"):
        vs.Tokenizer.from_directory(tmp_path)


def listed(tmp_path: Path, **config: Any) -> vs.Tokenizer:
    """A saved tokeniser whose ``tokenizer_config.json`` says more than its file."""
    tokenizer().save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    return vs.Tokenizer.from_directory(tmp_path)


def test_tokens_that_only_the_configuration_lists_are_added_at_their_ids(
    tmp_path: Path,
) -> None:
    size = len(files.vocabulary()[0])
    entries = {
        str(size + 1): {"content": "<call>", "special": False, "lstrip": True},
        str(size): {"content": "<pad>", "special": True, "normalized": False},
        "0": {"content": "<end>", "special": True},
    }
    ours = listed(tmp_path, pad_token="<pad>", added_tokens_decoder=entries)
    inner = ours.encode("hello")
    assert ours.encode("hello<pad>hello <call>") == [*inner, size, *inner, size + 1]
    assert ours.decode([size, size + 1]) == "<call>"
    assert len(ours) == size + 2
    ours.save(tmp_path / "again")
    again = vs.Tokenizer.from_directory(tmp_path / "again")
    assert again.encode("hello<pad>hello <call>") == ours.encode(
        "hello<pad>hello <call>"
    )


def test_a_padding_token_that_nothing_lists_becomes_the_next_token(
    tmp_path: Path,
) -> None:
    ours = listed(tmp_path, pad_token="[PAD]", eos_token="<end>")
    assert ours.encode("[PAD]") == [len(files.vocabulary()[0])]
    assert ours.eos_token_id == 0


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"9000": {"content": "<pad>", "special": True}}, "'<pad>' the id 9000"),
        ({"x": {"content": "<pad>"}}, "must map token ids to tokens"),
        ({"9": "<pad>"}, "must map token ids to tokens"),
        (["<pad>"], "must map token ids to tokens"),
        ({"9": {"content": 3}}, "special token must be a string, got 3"),
    ],
)
def test_lists_of_added_tokens_that_lie_are_refused(
    tmp_path: Path, entries: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=str(tmp_path)) as caught:
        listed(tmp_path, added_tokens_decoder=entries)
    assert words in str(caught.value)
