"""The tokeniser that a GGUF file's vocabulary describes.

Byte-level BPE (kind "gpt2", whose pre-tokeniser the file names and does not spell out)
and SentencePiece's BPE (kind "llama", with scores).

References: ``llama-vocab.cpp`` of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tokenizers import AddedToken, Tokenizer

from vaccine_swift._arguments import nearest
from vaccine_swift.checkpoints.byte_level import (
    LLAMA3_NAMES,
    PRE_TOKENIZERS,
    add_ends,
    byte_level_tokenizer,
)
from vaccine_swift.checkpoints.end_tokens import END_TEXTS
from vaccine_swift.checkpoints.gguf_metadata import read_field
from vaccine_swift.checkpoints.pieces import Piece, PieceVocabulary, piece_tokenizer

__all__ = [
    "UnknownVocabularyError",
    "build_tokenizer",
    "end_tokens",
    "special_tokens",
]

_KEY: Final = "tokenizer.ggml."
_CONTROL: Final = 3
_USER_DEFINED: Final = 4


class UnknownVocabularyError(ValueError):
    """A kind of vocabulary, or a pre-tokeniser, that is not implemented."""


def build_tokenizer(metadata: Mapping[str, Any]) -> Tokenizer:
    """A tokeniser from a GGUF file's metadata.

    Parameters
    ----------
    metadata : mapping
        The file's key/value pairs. Used: ``tokenizer.ggml.model`` ("gpt2" or "llama"),
        ``pre``, ``tokens``, ``token_type``, ``scores``, ``merges``,
        ``add_bos_token``, ``add_eos_token``, ``add_space_prefix`` and the ids of the
        special tokens.

    Raises
    ------
    UnknownVocabularyError
        When the vocabulary is of another kind or its pre-tokeniser is not implemented.
    ValueError
        When the vocabulary is not complete or a value is of the wrong type; names the
        key.
    """
    model = read_field(metadata, _KEY + "model", "text")
    if model not in _KINDS:
        raise UnknownVocabularyError(
            f"{_KEY}model must be {' or '.join(map(repr, _KINDS))}, got {model!r}; put "
            "the model's tokenizer.json into a Hugging Face directory instead"
        )
    tokens = read_field(metadata, _KEY + "tokens", "texts")
    return _KINDS[model](metadata, tokens or [], _token_types(metadata))


def _byte_level(
    metadata: Mapping[str, Any], tokens: list[str], kinds: list[int]
) -> Tokenizer:
    pre = read_field(metadata, _KEY + "pre", "text", "default")
    if pre not in PRE_TOKENIZERS:
        raise UnknownVocabularyError(
            f"{_KEY}pre must be one of {', '.join(PRE_TOKENIZERS)}, "
            f"got {pre!r}.{nearest(pre, PRE_TOKENIZERS)}"
        )
    merges = read_field(metadata, _KEY + "merges", "texts")
    if not tokens or not merges:
        raise ValueError(f"{_KEY}tokens and {_KEY}merges must both be there")
    vocabulary = {token: index for index, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        raise ValueError(f"{_KEY}tokens holds a token twice")
    try:
        backend = byte_level_tokenizer(vocabulary, merges, pre)
    except ValueError as error:
        raise ValueError(f"{_KEY}merges: {error}") from error
    _add_tokens(backend, tokens, kinds)
    _add_ends(backend, metadata, bos_by_default=pre in LLAMA3_NAMES)
    return backend


def _sentencepiece(
    metadata: Mapping[str, Any], tokens: list[str], kinds: list[int]
) -> Tokenizer:
    scores = read_field(metadata, _KEY + "scores", "numbers", [])
    if not tokens or len(scores) != len(tokens) or len(kinds) != len(tokens):
        raise ValueError(
            f"{_KEY}tokens, {_KEY}scores and {_KEY}token_type must be there and "
            f"equally long, got {len(tokens)}, {len(scores)} and {len(kinds)}"
        )
    spaced = read_field(metadata, _KEY + "add_space_prefix", "flag", True)
    pieces = [Piece(*entry) for entry in zip(tokens, scores, kinds, strict=True)]
    try:
        backend = piece_tokenizer(
            PieceVocabulary("bpe", pieces, "always" if spaced else "never")
        )
    except ValueError as error:
        raise ValueError(f"{_KEY}tokens: {error}") from error
    _add_ends(backend, metadata, bos_by_default=True)
    return backend


_KINDS: Final = {"gpt2": _byte_level, "llama": _sentencepiece}


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
    and user-defined tokens whose text is known to end a turn.

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
        if kind in (_CONTROL, _USER_DEFINED) and token in END_TEXTS
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
    opens = read_field(metadata, _KEY + "add_bos_token", "flag", bos_by_default)
    closes = read_field(metadata, _KEY + "add_eos_token", "flag", False)
    add_ends(
        backend,
        special.get("bos_token") if opens else None,
        special.get("eos_token") if closes else None,
    )
