"""The tokeniser that the files of a Hugging Face directory describe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import tokenizers
from tokenizers import AddedToken

from vaccine_swift._arguments import nearest
from vaccine_swift.checkpoints.byte_level import add_ends, byte_level_tokenizer
from vaccine_swift.checkpoints.hub import hub_hint
from vaccine_swift.checkpoints.json_files import read_json, read_json_if_any
from vaccine_swift.checkpoints.pieces import piece_tokenizer, read_pieces
from vaccine_swift.checkpoints.tokenizer_panics import refused_as
from vaccine_swift.files.reading import check_fits

__all__ = ["TOKENIZER_FILES", "read_tokenizer"]

TOKENIZER_FILES: Final = ("tokenizer.json", "tokenizer.model", "vocab.json")
"""What describes a tokeniser; the first that is there is read."""

_CONFIG: Final = "tokenizer_config.json"
_SPECIAL_MAP: Final = "special_tokens_map.json"
_TEMPLATE: Final = "chat_template.jinja"
_PRE_TOKENIZERS: Final = {"GPT2Tokenizer": "gpt-2", "Qwen2Tokenizer": "qwen2"}
_DEFAULT_SPECIAL: Final = "<|endoftext|>"


def read_tokenizer(directory: Path) -> tuple[tokenizers.Tokenizer, dict[str, Any]]:
    """The tokeniser of a directory, and what is configured beside it.

    Parameters
    ----------
    directory : Path
        With ``tokenizer.json``; or ``tokenizer.model`` (SentencePiece); or
        ``vocab.json`` and ``merges.txt`` (byte-level BPE). ``tokenizer_config.json``,
        ``special_tokens_map.json``, ``added_tokens.json`` and ``chat_template.jinja``
        are used where they are.

    Returns
    -------
    backend : tokenizers.Tokenizer
        As the first of `TOKENIZER_FILES` that is there describes it.
    config : dict
        What ``tokenizer_config.json`` holds, and what it lacks and the other files
        have: special tokens, ``added_tokens_decoder`` and ``chat_template``.

    Raises
    ------
    FileNotFoundError
        When there is none of these files, or ``merges.txt`` is missing.
    ValueError
        When a file is corrupt, or its ``tokenizer_class`` is not implemented; names the
        file.
    """
    config = read_json_if_any(directory / _SPECIAL_MAP)
    config |= {
        name: value
        for name, value in read_json_if_any(directory / _CONFIG).items()
        if value is not None or name not in config
    }
    path = next(filter(Path.is_file, map(directory.joinpath, TOKENIZER_FILES)), None)
    if path is None:
        raise FileNotFoundError(
            f"{directory}: no {', '.join(TOKENIZER_FILES)}{hub_hint(directory)}"
        )
    backend = _READERS[path.name](path, config)
    template = directory / _TEMPLATE
    if template.is_file():
        check_fits(template)
        try:
            config["chat_template"] = template.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{template}: must be UTF-8: {error}") from error
    return backend, config


def _read_json(path: Path, config: dict[str, Any]) -> tokenizers.Tokenizer:
    check_fits(path)
    with refused_as(f"{path}: truncated or corrupt"):
        return tokenizers.Tokenizer.from_file(str(path))


def _read_sentencepiece(path: Path, config: dict[str, Any]) -> tokenizers.Tokenizer:
    vocabulary = read_pieces(path, legacy=bool(config.get("legacy", False)))
    with refused_as(str(path)):
        backend = piece_tokenizer(vocabulary)
    unknown = vocabulary.pieces[vocabulary.unknown].text
    for name, token in (
        ("bos_token", vocabulary.begin),
        ("eos_token", vocabulary.end),
        ("unk_token", unknown),
    ):
        if token is not None:
            config.setdefault(name, token)
    _add_others(backend, path.parent, config)
    _add_ends(backend, config, begins=True)
    return backend


def _read_byte_level(path: Path, config: dict[str, Any]) -> tokenizers.Tokenizer:
    kind = str(config.get("tokenizer_class", "GPT2Tokenizer")).removesuffix("Fast")
    if kind not in _PRE_TOKENIZERS:
        raise ValueError(
            f"{path}: tokenizer_class must be one of {', '.join(_PRE_TOKENIZERS)}, got "
            f"{kind!r}.{nearest(kind, _PRE_TOKENIZERS)} Save the tokeniser once with "
            "transformers, which writes tokenizer.json"
        )
    merges_path = path.with_name("merges.txt")
    if not merges_path.is_file():
        raise FileNotFoundError(f"{merges_path}: no such file")
    vocabulary = read_json(path)
    if not all(isinstance(index, int) and index >= 0 for index in vocabulary.values()):
        raise ValueError(f"{path}: must map tokens to ids")
    check_fits(merges_path)
    try:
        lines = merges_path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{merges_path}: must be UTF-8: {error}") from error
    merges = [line for line in lines if line and not line.startswith("#version")]
    try:
        backend = byte_level_tokenizer(vocabulary, merges, _PRE_TOKENIZERS[kind])
    except ValueError as error:
        raise ValueError(f"{merges_path}: {error}") from error
    if config.get("add_prefix_space") and kind == "GPT2Tokenizer":
        backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(
            add_prefix_space=True
        )
    if _DEFAULT_SPECIAL in vocabulary:
        for name in ("bos_token", "eos_token", "unk_token"):
            config.setdefault(name, _DEFAULT_SPECIAL)
    _add_others(backend, path.parent, config)
    _add_ends(backend, config, begins=False)
    return backend


_READERS: Final = {
    "tokenizer.json": _read_json,
    "tokenizer.model": _read_sentencepiece,
    "vocab.json": _read_byte_level,
}


def _add_others(
    backend: tokenizers.Tokenizer, directory: Path, config: dict[str, Any]
) -> None:
    """Make special tokens special, and pass on those of ``added_tokens.json``."""
    texts = [_text(config.get(f"{name}_token")) for name in ("bos", "eos", "unk")]
    backend.add_special_tokens(
        [
            AddedToken(text, normalized=False)
            for text in dict.fromkeys(texts)
            if text is not None and backend.token_to_id(text) is not None
        ]
    )
    added = read_json_if_any(directory / "added_tokens.json")
    if added and "added_tokens_decoder" not in config:
        config["added_tokens_decoder"] = {
            str(index): {"content": text, "special": True}
            for text, index in added.items()
        }


def _add_ends(
    backend: tokenizers.Tokenizer, config: Mapping[str, Any], *, begins: bool
) -> None:
    def chosen(name: str, *, by_default: bool) -> str | None:
        token = _text(config.get(f"{name}_token"))
        wanted = config.get(f"add_{name}_token", by_default)
        known = token is not None and backend.token_to_id(token) is not None
        return token if wanted and known else None

    add_ends(backend, chosen("bos", by_default=begins), chosen("eos", by_default=False))


def _text(token: object) -> str | None:
    """The text of a special token, given bare or as a serialised AddedToken."""
    if isinstance(token, Mapping):
        token = token.get("content")
    return token if isinstance(token, str) else None
