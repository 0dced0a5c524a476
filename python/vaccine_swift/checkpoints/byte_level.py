"""Byte-level BPE: the pre-tokenisers of the families and what surrounds the merges.

References: the models' own ``tokenizer.json``; ``llama-vocab.cpp`` of llama.cpp, whose
names the pre-tokenisers bear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tokenizers import Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers as parts
from tokenizers.processors import TemplateProcessing

__all__ = ["LLAMA3_NAMES", "PRE_TOKENIZERS", "add_ends", "byte_level_tokenizer"]

_SUFFIXES: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST: Final = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3: Final = _SUFFIXES + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _REST
_QWEN2: Final = _SUFFIXES + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _REST
_UPPER: Final = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER: Final = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_GPT4O: Final = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_SUFFIXES}?"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_SUFFIXES}?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _gpt2() -> parts.PreTokenizer:
    return parts.ByteLevel(add_prefix_space=False, use_regex=True)


def _single_digits() -> parts.PreTokenizer:
    return parts.Sequence([parts.Digits(individual_digits=True), _gpt2()])


def _split_by(pattern: str) -> Callable[[], parts.PreTokenizer]:
    return lambda: parts.Sequence(
        [
            parts.Split(Regex(pattern), behavior="isolated"),
            parts.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


PRE_TOKENIZERS: Final[dict[str, Callable[[], parts.PreTokenizer]]] = {
    "default": _gpt2,
    "gpt-2": _gpt2,
    "olmo": _gpt2,
    "smollm": _single_digits,
    "llama-bpe": _split_by(_LLAMA3),
    "llama3": _split_by(_LLAMA3),
    "llama-v3": _split_by(_LLAMA3),
    "dbrx": _split_by(_LLAMA3),
    "qwen2": _split_by(_QWEN2),
    "gpt-4o": _split_by(_GPT4O),
}
"""How a text is cut before merges, by llama.cpp's names."""

LLAMA3_NAMES: Final = frozenset({"llama-bpe", "llama3", "llama-v3"})
"""Llama 3 looks a whole piece up before it merges, and opens every text with BOS."""


def byte_level_tokenizer(
    vocabulary: Mapping[str, int], merges: Sequence[str], pre: str
) -> Tokenizer:
    """A byte-level BPE tokeniser without special tokens.

    Parameters
    ----------
    vocabulary : mapping of str to int
        Tokens, spelt in GPT-2's alphabet of bytes, and their ids.
    merges : sequence of str
        Two tokens with a space between, the first merge first.
    pre : str
        One of `PRE_TOKENIZERS`.

    Raises
    ------
    ValueError
        When a merge is of tokens that the vocabulary lacks.
    """
    try:
        # The library raises bare Exception for a merge of unknown tokens.
        backend = Tokenizer(
            models.BPE(
                dict(vocabulary),
                [_pair(merge) for merge in merges],
                ignore_merges=pre in LLAMA3_NAMES,
            )
        )
    except Exception as error:
        raise ValueError(str(error)) from error
    if pre == "qwen2":
        backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = PRE_TOKENIZERS[pre]()
    backend.decoder = decoders.ByteLevel()
    return backend


def add_ends(backend: Tokenizer, begin: str | None, end: str | None) -> None:
    """Let every text begin and end with these tokens, where there are any."""
    used = [token for token in (begin, end) if token is not None]
    if used:
        backend.post_processor = TemplateProcessing(
            single=[*([begin] if begin else []), "$A", *([end] if end else [])],
            special_tokens=[
                (token, backend.token_to_id(token)) for token in dict.fromkeys(used)
            ],
        )


def _pair(merge: str) -> tuple[str, str]:
    """The two sides of a merge; a space can open the first one."""
    left, _, right = merge[1:].partition(" ")
    return merge[:1] + left, right
