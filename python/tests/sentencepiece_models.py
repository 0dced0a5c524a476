"""Small SentencePiece models, trained by the library itself."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import sentencepiece
from varied_strings import varied_strings

KINDS: dict[str, dict[str, Any]] = {
    "bpe": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "split_digits": True,
        "allow_whitespace_only_pieces": True,
    },
    "unigram": {"model_type": "unigram"},
    "unigram with bytes": {
        "model_type": "unigram",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
    },
    "bpe without prefix": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "add_dummy_prefix": False,
    },
}


def trained(kind: str, path: Path, **options: Any) -> Path:
    """A ``tokenizer.model`` of one of `KINDS`."""
    texts = [t.replace("\n", " ") for t in varied_strings(60) if t.strip(" \n\t\r\0")]
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([t for t in texts if "\0" not in t] * 5),
        model_writer=written,
        vocab_size=800,
        character_coverage=0.99,
        hard_vocab_limit=False,
        minloglevel=2,
        **KINDS[kind],
        **options,
    )
    path.write_bytes(written.getvalue())
    return path


def processor(path: Path) -> sentencepiece.SentencePieceProcessor:
    """The library's own tokeniser of a file."""
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def gguf_metadata(path: Path, **changes: Any) -> dict[str, Any]:
    """What llama.cpp's converter writes of a ``tokenizer.model``."""
    library = processor(path)
    ids = range(library.get_piece_size())

    def kind(index: int) -> int:
        kinds = {
            2: library.is_unknown(index),
            3: library.is_control(index),
            5: library.is_unused(index),
            6: library.is_byte(index),
        }
        return next((kind for kind, holds in kinds.items() if holds), 1)

    fields = {
        "model": "llama",
        "tokens": [library.id_to_piece(index) for index in ids],
        "scores": [library.get_score(index) for index in ids],
        "token_type": [kind(index) for index in ids],
        "bos_token_id": library.bos_id(),
        "eos_token_id": library.eos_id(),
        "unknown_token_id": library.unk_id(),
    } | changes
    return {f"tokenizer.ggml.{key}": v for key, v in fields.items() if v is not None}
