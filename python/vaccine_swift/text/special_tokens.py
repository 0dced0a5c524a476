"""The tokens that a tokeniser's configuration adds or gives a meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import tokenizers

from vaccine_swift.checkpoints.end_tokens import END_TEXTS

__all__ = ["add_listed_tokens", "end_token_ids", "special_tokens", "template_tokens"]

_NAMES: Final = ("bos_token", "eos_token", "unk_token", "pad_token")


def special_tokens(
    backend: tokenizers.Tokenizer, config: Mapping[str, Any]
) -> dict[str, str]:
    """Special tokens by name; a padding token that the vocabulary lacks is added.

    Raises
    ------
    ValueError
        When another is not in the vocabulary.
    """
    found = {}
    for name in _NAMES:
        token = _content(config.get(name))
        if token is None:
            continue
        if name == "pad_token":
            backend.add_special_tokens([token])
        if backend.token_to_id(token) is None:
            raise ValueError(f"{name} {token!r} is not in the vocabulary")
        found[name] = token
    return found


def end_token_ids(
    backend: tokenizers.Tokenizer, tokens: Iterable[str | None], template: str
) -> tuple[int, ...]:
    """The ids, in rising order, of `tokens` and of what ends a turn in the template.

    Raises
    ------
    ValueError
        When one of `tokens` is not in the vocabulary; None is passed over.
    """
    added = backend.get_added_tokens_decoder()
    found = {
        index
        for index, entry in added.items()
        if entry.content in END_TEXTS and entry.content in template
    }
    for token in tokens:
        if token is None:
            continue
        index = backend.token_to_id(token)
        if index is None:
            raise ValueError(f"end token {token!r} is not in the vocabulary")
        found.add(index)
    return tuple(sorted(found))


def add_listed_tokens(backend: tokenizers.Tokenizer, listed: object) -> None:
    """Add what ``added_tokens_decoder`` lists and the vocabulary lacks.

    Raises
    ------
    ValueError
        When it is no mapping of ids to tokens, or a token does not get its id.
    """
    if listed is None:
        return
    if not isinstance(listed, Mapping) or not all(
        isinstance(key, str) and key.isdecimal() and isinstance(entry, Mapping)
        for key, entry in listed.items()
    ):
        raise ValueError("added_tokens_decoder must map token ids to tokens")
    for key in sorted(listed, key=int):
        entry = listed[key]
        text = _content(entry)
        if text is None or backend.token_to_id(text) is not None:
            continue
        flags = {
            name: bool(entry[name])
            for name in ("lstrip", "rstrip", "single_word", "normalized")
            if name in entry
        }
        special = bool(entry.get("special", False))
        token = tokenizers.AddedToken(text, special=special, **flags)
        (backend.add_special_tokens if special else backend.add_tokens)([token])
        if backend.token_to_id(text) != int(key):
            raise ValueError(
                f"added_tokens_decoder gives {text!r} the id {key}, but the vocabulary "
                f"goes on at {backend.token_to_id(text)}"
            )


def template_tokens(config: Mapping[str, Any]) -> dict[str, Any]:
    """The special tokens that are variables of a chat template, as in transformers."""
    tokens = {
        name: _content(value)
        for name, value in config.items()
        if name.endswith("_token") and isinstance(value, str | Mapping)
    }
    extra = config.get("extra_special_tokens")
    if isinstance(extra, Mapping):
        tokens |= {name: _content(value) for name, value in extra.items()}
    return {name: token for name, token in tokens.items() if token is not None}


def _content(token: object) -> str | None:
    """The text of a special token, given bare or as a serialised AddedToken."""
    if isinstance(token, Mapping):
        token = token.get("content")
    if token is None or isinstance(token, str):
        return token
    raise ValueError(f"a special token must be a string, got {token!r}")
