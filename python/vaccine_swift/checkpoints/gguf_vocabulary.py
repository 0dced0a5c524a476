"""The byte-level BPE tokeniser that a GGUF file's vocabulary describes.

A GGUF file names its pre-tokeniser and does not spell it out; the rules here are those
of the models' own ``tokenizer.json`` and of llama.cpp (``llama-vocab.cpp``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models
from tokenizers.pre_tokenizers import (
    ByteLevel,
    Digits,
    PreTokenizer,
    Sequence,
    Split,
)
from tokenizers.processors import TemplateProcessing

from vaccine_swift._arguments import nearest
from vaccine_swift.checkpoints.end_tokens import END_TEXTS
from vaccine_swift.checkpoints.gguf_metadata import read_field

__all__ = [
    "UnknownVocabularyError",
    "build_tokenizer",
    "end_tokens",
    "special_tokens",
]

_KEY: Final = "tokenizer.ggml."
_CONTROL: Final = 3
_USER_DEFINED: Final = 4

_LLAMA3_PATTERN: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _gpt2() -> PreTokenizer:
    return ByteLevel(add_prefix_space=False, use_regex=True)


def _single_digits() -> PreTokenizer:
    return Sequence([Digits(individual_digits=True), _gpt2()])


def _llama3() -> PreTokenizer:
    return Sequence(
        [
            Split(Regex(_LLAMA3_PATTERN), behavior="isolated"),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


_PRE_TOKENIZERS: Final[dict[str, Callable[[], PreTokenizer]]] = {
    "default": _gpt2,
    "gpt-2": _gpt2,
    "smollm": _single_digits,
    "llama-bpe": _llama3,
    "llama3": _llama3,
    "llama-v3": _llama3,
}
# Llama 3 looks a whole piece up before it merges, and opens every text with BOS.
_LLAMA3_NAMES: Final = frozenset({"llama-bpe", "llama3", "llama-v3"})


class UnknownVocabularyError(ValueError):
    """A kind of vocabulary, or a pre-tokeniser, that is not implemented."""


def build_tokenizer(metadata: Mapping[str, Any]) -> Tokenizer:
    """A tokeniser from a GGUF file's metadata.

    Parameters
    ----------
    metadata : mapping
        The file's key/value pairs. Used: ``tokenizer.ggml.model`` (must be "gpt2"),
        ``pre``, ``tokens``, ``token_type``, ``merges``, ``add_bos_token``,
        ``add_eos_token`` and the ids of the special tokens.

    Raises
    ------
    UnknownVocabularyError
        When the vocabulary is of another kind or its pre-tokeniser is not implemented.
    ValueError
        When the vocabulary is not complete or a value is of the wrong type; names the
        key.
    """
    model = read_field(metadata, _KEY + "model", "text")
    if model != "gpt2":
        raise UnknownVocabularyError(
            f"{_KEY}model must be 'gpt2' (byte-level BPE), got {model!r}; put the "
            "model's tokenizer.json into a Hugging Face directory instead"
        )
    pre = read_field(metadata, _KEY + "pre", "text", "default")
    if pre not in _PRE_TOKENIZERS:
        raise UnknownVocabularyError(
            f"{_KEY}pre must be one of {', '.join(_PRE_TOKENIZERS)}, "
            f"got {pre!r}.{nearest(pre, _PRE_TOKENIZERS)}"
        )
    tokens = read_field(metadata, _KEY + "tokens", "texts")
    merges = read_field(metadata, _KEY + "merges", "texts")
    if not tokens or not merges:
        raise ValueError(f"{_KEY}tokens and {_KEY}merges must both be there")
    vocabulary = {token: index for index, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        raise ValueError(f"{_KEY}tokens holds a token twice")
    try:
        # The library raises bare Exception for a merge of unknown tokens.
        backend = Tokenizer(
            models.BPE(
                vocabulary,
                [_pair(merge) for merge in merges],
                ignore_merges=pre in _LLAMA3_NAMES,
            )
        )
    except Exception as error:
        raise ValueError(f"{_KEY}merges: {error}") from error
    backend.pre_tokenizer = _PRE_TOKENIZERS[pre]()
    backend.decoder = decoders.ByteLevel()
    _add_tokens(backend, tokens, _token_types(metadata))
    _add_ends(backend, metadata, bos_by_default=pre in _LLAMA3_NAMES)
    return backend


def special_tokens(metadata: Mapping[str, Any]) -> dict[str, str]:
    """``bos_token``, ``eos_token``, ``unk_token`` and ``pad_token``, where given.

    Raises
    ------
    ValueError
        When an id is beyond the vocabulary; names the key.
    """
    found = {
        name: _token_named(metadata, key)
        for name, key in (
            ("bos_token", "bos_token_id"),
            ("eos_token", "eos_token_id"),
            ("unk_token", "unknown_token_id"),
            ("pad_token", "padding_token_id"),
        )
    }
    return {name: token for name, token in found.items() if token is not None}


def end_tokens(metadata: Mapping[str, Any]) -> list[str]:
    """The tokens beside EOS that end a generation, as llama.cpp has them.

    End of turn (``eot_token_id``) and of message (``eom_token_id``), and the control
    tokens whose text is known to end a turn.

    Raises
    ------
    ValueError
        When an id is beyond the vocabulary; names the key.
    """
    tokens = read_field(metadata, _KEY + "tokens", "texts", [])
    found = [_token_named(metadata, key) for key in ("eot_token_id", "eom_token_id")]
    found += [
        token
        for token, kind in zip(tokens, _token_types(metadata), strict=False)
        if kind == _CONTROL and token in END_TEXTS
    ]
    return list(dict.fromkeys(token for token in found if token is not None))


def _token_named(metadata: Mapping[str, Any], key: str) -> str | None:
    """The token whose id stands under a key, None where there is no such key."""
    tokens = read_field(metadata, _KEY + "tokens", "texts", [])
    index = read_field(metadata, _KEY + key, "integer")
    if index is None:
        return None
    if not 0 <= index < len(tokens):
        raise ValueError(
            f"{_KEY}{key} must be from 0 to {len(tokens) - 1}, got {index!r}"
        )
    return tokens[index]


def _token_types(metadata: Mapping[str, Any]) -> list[int]:
    return read_field(metadata, _KEY + "token_type", "integers", [])


def _pair(merge: str) -> tuple[str, str]:
    """The two sides of a merge; a space can open the first one."""
    left, _, right = merge[1:].partition(" ")
    return merge[:1] + left, right


def _add_tokens(backend: Tokenizer, tokens: list[str], kinds: list[int]) -> None:
    """Tokens that are found in a text before it is split; control ones are special."""

    def of_kind(wanted: int) -> list[AddedToken]:
        return [
            AddedToken(token, normalized=False)
            for token, kind in zip(tokens, kinds, strict=False)
            if kind == wanted
        ]

    backend.add_special_tokens(of_kind(_CONTROL))
    backend.add_tokens(of_kind(_USER_DEFINED))


def _add_ends(
    backend: Tokenizer, metadata: Mapping[str, Any], *, bos_by_default: bool
) -> None:
    """BOS before and EOS after a text, where the file asks for them."""
    special = special_tokens(metadata)
    parts = ["$A"]
    used = []
    opens = read_field(metadata, _KEY + "add_bos_token", "flag", bos_by_default)
    closes = read_field(metadata, _KEY + "add_eos_token", "flag", False)
    if opens and "bos_token" in special:
        parts.insert(0, special["bos_token"])
        used.append(special["bos_token"])
    if closes and "eos_token" in special:
        parts.append(special["eos_token"])
        used.append(special["eos_token"])
    if used:
        backend.post_processor = TemplateProcessing(
            single=parts,
            special_tokens=[(token, backend.token_to_id(token)) for token in used],
        )
