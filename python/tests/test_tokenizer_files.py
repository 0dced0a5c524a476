"""Tokenisers in the files from before tokenizer.json, against SentencePiece itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checkpoint_files as files
import pytest
import sentencepiece_models as spm
from gguf_tokenizers import GOLDEN
from varied_strings import varied_strings

import vaccine_swift as vs

STRINGS = varied_strings(2000)
JAMO = "e\u0301 vs \u00e9, \u1112\u1161\u11ab vs \ud55c"
"""Composed by SentencePiece; ``tokenizers`` normalises grapheme by grapheme."""


@pytest.fixture(scope="module", params=spm.KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def path(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spm.trained(kind, tmp_path_factory.mktemp("spm") / "tokenizer.model")


@pytest.fixture(scope="module")
def bpe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spm.trained("bpe", tmp_path_factory.mktemp("bpe") / "tokenizer.model")


def configured(path: Path, **config: Any) -> vs.Tokenizer:
    (path.parent / "tokenizer_config.json").write_text(json.dumps(config))
    return vs.Tokenizer.from_directory(path.parent)


def test_ids_and_texts_of_2000_varied_strings_are_sentencepieces(
    path: Path, kind: str
) -> None:
    ours, library = configured(path, legacy=True), spm.processor(path)

    def likelihood(ids: list[int]) -> float:
        return sum(map(library.get_score, ids))

    for text in STRINGS:
        ids = ours.encode(text, add_special_tokens=False)
        expected = library.encode(text)
        if "unigram" in kind and ids != expected and text != JAMO:
            # Of cuts that are equally likely, each may take its own.
            assert likelihood(ids) == pytest.approx(likelihood(expected), abs=1e-3)
            assert library.decode(ids) == library.decode(expected), text
        elif ids != expected:
            assert (kind, text) == ("unigram", JAMO)
        elif library.unk_id() not in ids:
            assert ours.decode(ids) == library.decode(ids), text


def test_a_gguf_vocabulary_with_scores_gives_sentencepieces_ids(bpe: Path) -> None:
    ours, library = vs.Tokenizer.from_gguf(spm.gguf_metadata(bpe)), spm.processor(bpe)
    for text in STRINGS:
        assert ours.encode(text) == [library.bos_id(), *library.encode(text)], text
        ids = ours.encode(text, add_special_tokens=False)
        assert ours.decode(ids) == library.decode(ids), text


def test_a_gguf_vocabulary_may_have_no_space_before_a_text(tmp_path: Path) -> None:
    path = spm.trained("bpe without prefix", tmp_path / "tokenizer.model")
    metadata = spm.gguf_metadata(path, add_space_prefix=False, add_bos_token=False)
    ours, library = vs.Tokenizer.from_gguf(metadata), spm.processor(path)
    for text in STRINGS[:500]:
        assert ours.encode(text) == library.encode(text), text


def test_special_tokens_are_found_and_stand_around_a_text(bpe: Path) -> None:
    ours = configured(bpe, add_eos_token=True)
    assert (ours.bos_token, ours.eos_token) == ("<s>", "</s>")
    inner = ours.encode("Hello", add_special_tokens=False)
    assert ours.encode("Hello") == [1, *inner, 2]
    assert ours.encode("<s>Hello</s>", add_special_tokens=False)[0] == 1
    assert ours.decode(ours.encode("Hello")) == "Hello"
    plain = configured(bpe, add_bos_token=False)
    assert plain.encode("Hello") == inner


@pytest.mark.parametrize("legacy", [True, False])
def test_a_space_stands_before_every_part_or_before_the_text_alone(
    bpe: Path,
    legacy: bool,  # noqa: FBT001
) -> None:
    ours, library = configured(bpe, legacy=legacy), spm.processor(bpe)
    first, second = "the world", "the end"
    ids = ours.encode(f"{first}<s>{second}", add_special_tokens=False)
    after = library.encode(second)
    bare = ids[ids.index(1) + 1 :]
    assert ids[: ids.index(1)] == library.encode(first)
    assert (bare == after) == legacy
    assert library.decode(bare) == second


def test_tokens_of_added_tokens_json_follow_the_vocabulary(tmp_path: Path) -> None:
    path = spm.trained("bpe", tmp_path / "tokenizer.model")
    size = spm.processor(path).get_piece_size()
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<pad>": size}))
    ours = configured(path, pad_token="<pad>")
    assert ours.encode("<pad>", add_special_tokens=False) == [size]
    ours.save(tmp_path / "saved")
    again = vs.Tokenizer.from_directory(tmp_path / "saved")
    for text in [*STRINGS[:200], "a<pad>b</s>"]:
        assert again.encode(text) == ours.encode(text), text


def byte_level(directory: Path, **config: Any) -> vs.Tokenizer:
    """The golden byte-level vocabulary as ``vocab.json`` and ``merges.txt``."""
    fields = GOLDEN["vocabulary"]
    vocabulary = {token: index for index, token in enumerate(fields["tokens"])}
    (directory / "vocab.json").write_text(json.dumps(vocabulary))
    lines = ["#version: 0.2", *fields["merges"], ""]
    (directory / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    (directory / "tokenizer_config.json").write_text(json.dumps(config))
    return vs.Tokenizer.from_directory(directory)


def test_vocab_json_and_merges_give_the_ids_of_transformers(tmp_path: Path) -> None:
    special = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
    ours = byte_level(tmp_path, tokenizer_class="GPT2Tokenizer", **special)
    for text, ids in zip(GOLDEN["texts"], GOLDEN["ids"]["gpt-2"], strict=True):
        assert ours.encode(text) == ids, text
    opening = byte_level(tmp_path, add_bos_token=True, **special)
    assert opening.encode("a")[0] == opening.bos_token_id == 1
    assert ours.eos_token_id == 2


def test_a_gguf_model_with_scores_loads_with_its_tokenizer(
    bpe: Path, tmp_path: Path
) -> None:
    metadata = spm.gguf_metadata(bpe)
    config = files.gguf_config() | {
        "vocab_size": len(metadata["tokenizer.ggml.tokens"])
    }
    weights = files.random_weights(config)
    files.write_gguf(tmp_path / "m.gguf", config, weights, metadata=metadata)
    model = vs.CausalLM.from_pretrained(tmp_path / "m.gguf")
    assert model.tokenizer.encode("Hello") == [1, *spm.processor(bpe).encode("Hello")]
    assert len(model.generate(["Hello"], 3)) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scores": None}, "equally long"),
        ({"scores": [0.0]}, "equally long"),
        ({"scores": "x"}, "scores must be an array of numbers"),
        ({"token_type": None}, "equally long"),
        ({"add_space_prefix": 1}, "add_space_prefix must be true or false"),
        ({"token_type": [1]}, "equally long"),
    ],
)
def test_gguf_vocabularies_that_lie_are_refused_by_name(
    bpe: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        vs.Tokenizer.from_gguf(spm.gguf_metadata(bpe, **changes))


def test_scores_that_are_no_numbers_and_repeated_tokens_are_refused(bpe: Path) -> None:
    metadata = spm.gguf_metadata(bpe)
    scores = [float("nan"), *metadata["tokenizer.ggml.scores"][1:]]
    with pytest.raises(ValueError, match="scores must be finite"):
        vs.Tokenizer.from_gguf(metadata | {"tokenizer.ggml.scores": scores})
    tokens = [*metadata["tokenizer.ggml.tokens"][:-1], "<s>"]
    with pytest.raises(ValueError, match="holds a token twice"):
        vs.Tokenizer.from_gguf(metadata | {"tokenizer.ggml.tokens": tokens})
    kinds = [1] * len(tokens)
    with pytest.raises(ValueError, match="no unknown token"):
        vs.Tokenizer.from_gguf(metadata | {"tokenizer.ggml.token_type": kinds})


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("tokenizer.model", b"", ValueError, "must hold a BPE or unigram model"),
        ("tokenizer.model", b"\xff\xff", ValueError, "truncated or corrupt"),
        ("vocab.json", b"[]", ValueError, "must hold a JSON object"),
        ("vocab.json", b'{"a": "b"}', ValueError, "must map tokens to ids"),
        ("vocab.json", b'{"a": -1}', ValueError, "must map tokens to ids"),
        ("merges.txt", b"x y\n", ValueError, r"merges\.txt"),
        ("merges.txt", b"\xff\xfe", ValueError, "must be UTF-8"),
    ],
)
def test_files_that_are_wrong_are_named(
    tmp_path: Path, name: str, content: bytes, error: type[Exception], words: str
) -> None:
    if name != "tokenizer.model":
        (tmp_path / "vocab.json").write_bytes(b'{"a": 0}')
        (tmp_path / "merges.txt").write_bytes(b"")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=words):
        vs.Tokenizer.from_directory(tmp_path)


def test_a_vocabulary_without_merges_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text('{"a": 0}')
    with pytest.raises(FileNotFoundError, match=r"merges\.txt"):
        vs.Tokenizer.from_directory(tmp_path)


def test_another_tokenizer_class_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tokenizer_class .*transformers"):
        byte_level(tmp_path, tokenizer_class="RobertaTokenizer")


def test_every_cut_of_a_sentencepiece_file_is_a_file_or_a_value_error(
    bpe: Path, tmp_path: Path
) -> None:
    whole = bpe.read_bytes()
    refused = []
    for end in range(0, len(whole), 97):
        (tmp_path / "tokenizer.model").write_bytes(whole[:end])
        try:
            vs.Tokenizer.from_directory(tmp_path)
        except ValueError as error:
            refused.append(str(error))
    assert refused
    assert all("tokenizer.model" in message for message in refused)


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spm.trained("gemma", tmp_path_factory.mktemp("gemma") / "tokenizer.model")


GEMMA_TEXTS = [
    "<start_of_turn>user\nHi  there<end_of_turn>\n<start_of_turn>model\n",
    "  <h1>  x",
    "a\n\n\n\n\tb",
    "a   b" + " " * 9,
]


@pytest.mark.parametrize("source", ["tokenizer.model", "GGUF"])
def test_pieces_of_gemma_that_are_never_cut_are_found(gemma: Path, source: str) -> None:
    library = spm.processor(gemma)
    if source == "GGUF":
        metadata = spm.gguf_metadata(gemma, add_space_prefix=False)
        ours = vs.Tokenizer.from_gguf(metadata)
    else:
        ours = configured(gemma, tokenizer_class="GemmaTokenizer")
    assert (ours.bos_token, ours.eos_token, ours.bos_token_id) == ("<bos>", "<eos>", 2)
    for text in [*STRINGS, *GEMMA_TEXTS]:
        assert ours.encode(text) == [2, *library.encode(text)], text
    for text in GEMMA_TEXTS[1:]:
        ids = ours.encode(text)
        assert ours.decode(ids) == text
        assert 2 + len(library.encode(text, out_type=str)) > len(ids)


TURNS = (
    "{{ bos_token }}{% for m in messages %}<start_of_turn>"
    "{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


@pytest.mark.parametrize("source", ["tokenizer.model", "GGUF", "saved"])
def test_gemmas_turns_end_generations_and_are_not_shown(
    gemma: Path, source: str, tmp_path: Path
) -> None:
    if source == "GGUF":
        metadata = spm.gguf_metadata(gemma, add_space_prefix=False)
        metadata["tokenizer.chat_template"] = TURNS
        ours = vs.Tokenizer.from_gguf(metadata)
    else:
        ours = configured(gemma, chat_template=TURNS)
    if source == "saved":
        ours.save(tmp_path)
        ours = vs.Tokenizer.from_directory(tmp_path)
    library = spm.processor(gemma)
    end = library.piece_to_id("<end_of_turn>")
    assert set(ours.end_token_ids) == {1, end}
    text = ours.apply_chat_template(
        [{"role": "user", "content": "Hello"}], add_generation_prompt=True
    )
    assert text == (
        "<bos><start_of_turn>user\nHello<end_of_turn>\n<start_of_turn>model\n"
    )
    ids = ours.encode(text, add_special_tokens=False)
    assert ids[0] == 2
    assert ids.count(end) == 1
    assert ours.decode(ids) == "user\nHello\nmodel\n"
