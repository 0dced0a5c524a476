"""Tokenisers: ids against transformers', files, chat templates, wrong input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoint_files as files
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import models

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


def chat(template: Any, messages: Any = CHAT, **options: Any) -> str:
    metadata = files.tokenizer_metadata() | {"tokenizer.chat_template": template}
    return vs.Tokenizer.from_gguf(metadata).apply_chat_template(messages, **options)


def test_a_generation_prompt_opens_the_assistants_turn() -> None:
    assert chat(CHATML, add_generation_prompt=True).endswith(
        "<end>\n<start>assistant\n"
    )


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ bos_token }}|{{ eos_token }}", "<start>|<end>"),
        (
            "{% for m in messages %}\n  {% if true %}\nx\n  {% endif %}\n{% endfor %}",
            "x\n",
        ),
        ("{{ messages | tojson }}", '[{"role": "user", "content": "hello"}]'),
        ("{% generation %}a{% endgeneration %}b", "ab"),
        ("{% for i in [1, 2] %}{{ i }}{% break %}{% endfor %}", "1"),
        ("{{ strftime_now('%Y') | length }}", "4"),
    ],
)
def test_templates_are_rendered_as_transformers_does(
    template: str, expected: str
) -> None:
    assert chat(template) == expected


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{% if %}", "chat_template"),
        ("{{ messages.append(1) }}", "chat_template"),
        ("{{ messages.__class__.__mro__ }}", "chat_template"),
        ("{{ messages[5].content + 'x' }}", "chat_template"),
        ("{{ 1 / 0 }}", "chat_template"),
    ],
)
def test_a_template_that_refuses_or_misbehaves_is_a_value_error(
    template: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        chat(template)


def test_messages_must_be_a_list_of_dicts_and_a_template_must_be_there() -> None:
    for messages in ("hello", {"role": "user"}, ["hello"]):
        with pytest.raises(TypeError, match="messages must be a list of dicts"):
            chat(CHATML, messages)
    with pytest.raises(ValueError, match="chat_template"):
        tokenizer().apply_chat_template(CHAT)


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
